"""Speech and noise that need no files: synthesized once, then kept in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from evaluators.speech.noises import GENERATORS, babble
from evaluators.speech.packs import load_or_pack
from evaluators.speech.recordings import Labelled, Recordings
from evaluators.speech.sentences import SENTENCES
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples
from evaluators.speech.synthesis import Utterance, synthesize
from evaluators.system import Context

BUILT_IN_VERSION = 1
"""To be raised whenever another speech or noise comes out, so that kept ones are not used."""
SPEAKERS = (
    *("f2", "anika", "zac", "ian", "Nguyen", "norbert", "ed", "Alicia", "caleb", "belinda", "m8", "travis"),
    *("kaukovalta", "Gene", "shelby", "steph3", "Lee", "grandma", "Andy", "boris", "Henrique", "pablo", "aunty"),
    *("Andrea", "Mario", "Alex", "paul", "Annie", "Mike", "f1", "m3", "f4"),
)
"""Variants of eSpeak NG's voice, chosen for their differences in pitch and spectrum."""
BABBLERS = ("quincy", "linda", "marcelo", "david", "steph", "m7", "f5", "miguel")
"""Variants that are heard in babble only, so that no speaker of a split talks in the noise of another."""
ACCENTS = ("en-us", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc")
SENTENCES_EACH = 16
NOISE_SOURCES_EACH = 10
"""Of each kind; a tenth of them makes one source of each for validation and for test."""
NOISE_SECONDS = 12


def built_in_speech(context: Context) -> Recordings:
    """Half an hour of English by eSpeak NG; sources are its voices.

    Raises:
        EvaluationError: If eSpeak NG does not start.
        MissingExtraError: If a package is missing.
    """
    script = [_utterance(s, k) for s in range(len(SPEAKERS)) for k in range(SENTENCES_EACH)]

    def produce() -> Iterator[Labelled]:
        for number, samples in enumerate(synthesize(script)):
            speaker, k = divmod(number, SENTENCES_EACH)
            yield Labelled(f"{SPEAKERS[speaker]}/{k:02d}", SPEAKERS[speaker], "", samples)

    return load_or_pack(
        {"built_in": "speech", "version": BUILT_IN_VERSION}, produce, len(script), "synthesizing speech", context
    )


def built_in_noise(context: Context) -> Recordings:
    """Twelve minutes of generated noise of six kinds; every clip is a source of its own.

    Raises:
        EvaluationError: If eSpeak NG, which talks in the babble, does not start.
        MissingExtraError: If a package is missing.
    """
    n_samples = NOISE_SECONDS * SAMPLE_RATE_HZ

    def produce() -> Iterator[Labelled]:
        voices = _babblers()
        for number in range(NOISE_SOURCES_EACH):
            for index, kind in enumerate((*GENERATORS, "babble")):
                rng = np.random.default_rng([BUILT_IN_VERSION, index, number])
                samples = GENERATORS[kind](rng, n_samples) if kind in GENERATORS else babble(rng, n_samples, voices)
                yield Labelled(f"{kind}/{number}", f"{kind}/{number}", kind, samples)

    n_total = NOISE_SOURCES_EACH * (len(GENERATORS) + 1)
    return load_or_pack(
        {"built_in": "noise", "version": BUILT_IN_VERSION}, produce, n_total, "generating noise", context
    )


def _utterance(speaker: int, k: int) -> Utterance:
    """What a speaker says as number k: another sentence for each, at a speed and pitch that vary around his own."""
    text = SENTENCES[(7 * speaker + k) % len(SENTENCES)]
    voice = f"{ACCENTS[speaker % len(ACCENTS)]}+{SPEAKERS[speaker]}"
    return Utterance(text, voice, 140 + 11 * (speaker % 5) + 6 * (k % 3), 42 + 4 * (speaker % 4) + 3 * (k % 3))


def _babblers() -> Sequence[Samples]:
    """What each of them says, in one piece."""
    script = [Utterance(sentence, f"en-us+{variant}") for variant in BABBLERS for sentence in SENTENCES[::6]]
    spoken = list(synthesize(script))
    n_each = len(SENTENCES[::6])
    return [np.concatenate(spoken[k : k + n_each]) for k in range(0, len(spoken), n_each)]
