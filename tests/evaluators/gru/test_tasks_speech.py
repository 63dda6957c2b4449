"""Spoken digits and spoken words from folders of recordings."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from evaluators.data import ClassificationData
from evaluators.gru.system import GruClassifier, GruClassifierOptions
from evaluators.gru.tasks import TASKS, DataError, fingerprint
from evaluators.gru.tasks.speech_commands import part_of
from evaluators.system import Context

SPEAKERS = ("ann", "bob", "cleo")


def write_tone(path: Path, hz: float, samples: int = 800) -> None:
    """Every file gets a length of its own, so that sequences can be told apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wave_form = 0.3 * np.sin(2 * np.pi * hz * np.arange(samples) / 8000)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((wave_form * 32767).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits 0 to 2, five takes of each by three speakers, whose pitch tells them apart."""
    root = tmp_path_factory.mktemp("digits")
    for digit in range(3):
        for k, speaker in enumerate(SPEAKERS):
            for take in range(5):
                name = f"{digit}_{speaker}_{take}.wav"
                write_tone(root / "recordings" / name, 500 * (1 + digit), 800 + 160 * (k * 5 + take))
    return root


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two words by 40 speakers, noise beside."""
    root = tmp_path_factory.mktemp("words")
    for word in ("go", "stop"):
        for speaker in range(40):
            write_tone(root / word / f"{speaker:08x}_nohash_{speaker % 3}.wav", 400, 400 + 80 * speaker)
    write_tone(root / "_background_noise_" / "hiss.wav", 100)
    (root / "README.md").write_text("about")
    return root


def load(name: str, root: Path, **options: object) -> ClassificationData:
    task = TASKS[name]
    return task.load(task.options(root=root, **options), Context(root / ".cache"))


def speakers_of(data: ClassificationData, split: str) -> set[str]:
    """Recovered from the lengths: a step is 160 samples, and lengths rise by 160 samples from take to take."""
    shortest = 800 // 160
    return {SPEAKERS[(int(length) - shortest) // 5] for length in data.splits[split].lengths}  # type: ignore[index]


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_test_speaker_is_kept_out_of_the_rest(digits: Path, speaker: str) -> None:
    data = load("spoken_digits", digits, test_speaker=speaker)
    others = set(SPEAKERS) - {speaker}
    assert speakers_of(data, "test") == {speaker}
    assert speakers_of(data, "train") == speakers_of(data, "validation") == others
    # 15 takes for test; of the other 30 a fifth for validation.
    assert [len(data.splits[split]) for split in ("train", "validation", "test")] == [24, 6, 15]
    assert np.bincount(data.splits["validation"].labels).tolist() == [2, 2, 2]


def test_validation_speaker_is_kept_out_of_the_rest(digits: Path) -> None:
    data = load("spoken_digits", digits, test_speaker="ann", validation_speaker="cleo")
    assert [speakers_of(data, split) for split in ("train", "validation", "test")] == [{"bob"}, {"cleo"}, {"ann"}]
    assert "test: speaker ann, validation: speaker cleo" in data.description
    alone = load("spoken_digits", digits, validation_speaker="cleo")
    assert speakers_of(alone, "validation") == {"cleo"}
    assert speakers_of(alone, "train") == speakers_of(alone, "test") == {"ann", "bob"}


def test_takes_are_shared_out_fairly(digits: Path) -> None:
    data = load("spoken_digits", digits)
    assert [len(data.splits[split]) for split in ("train", "validation", "test")] == [29, 7, 9]
    # One of the five takes of every speaker and digit.
    assert np.bincount(data.splits["test"].labels).tolist() == [3, 3, 3]
    assert all(speakers_of(data, split) == set(SPEAKERS) for split in ("train", "validation", "test"))
    both = [{(int(n), int(c)) for n, c in zip(p.lengths, p.labels, strict=True)} for p in data.splits.values()]
    train, validation, test, _ = (
        both[list(data.splits).index(s)] for s in ("train", "validation", "test", "calibration")
    )
    assert len(train | validation | test) == 45


def test_features_and_seed_are_options(digits: Path) -> None:
    assert load("spoken_digits", digits, n_mels=12).n_features == 12
    assert fingerprint(load("spoken_digits", digits)) == fingerprint(load("spoken_digits", digits))
    assert fingerprint(load("spoken_digits", digits, split_seed=1)) != fingerprint(load("spoken_digits", digits))


def test_folder_of_recordings_itself_will_do(digits: Path) -> None:
    data = load("spoken_digits", digits / "recordings")
    assert fingerprint(data) == fingerprint(load("spoken_digits", digits))


@pytest.mark.parametrize("option", ["test_speaker", "validation_speaker"])
def test_unknown_speaker_is_named(digits: Path, option: str) -> None:
    with pytest.raises(
        DataError, match=r"no speaker 'boby'\. Expected: one of ann, bob, cleo\. Did you mean \"bob\"\."
    ):
        load("spoken_digits", digits, **{option: "boby"})


def test_one_speaker_cannot_be_both() -> None:
    with pytest.raises(ValidationError, match="must not be the same"):
        TASKS["spoken_digits"].options(test_speaker="ann", validation_speaker="ann")


def test_strange_names_and_empty_folders_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there are no \.wav files\. Expected: <digit>_<speaker>_<take>\.wav"):
        load("spoken_digits", tmp_path)
    write_tone(tmp_path / "seven_ann_0.wav", 100)
    with pytest.raises(DataError, match=r"seven_ann_0\.wav: the name tells no digit"):
        load("spoken_digits", tmp_path)


@pytest.mark.parametrize(
    ("file_name", "part"),
    [
        # From the lists that come with Speech Commands.
        ("026290a7_nohash_0.wav", "validation"),
        ("060cd039_nohash_0.wav", "validation"),
        ("099d52ad_nohash_4.wav", "validation"),
        ("0c40e715_nohash_0.wav", "test"),
        ("bb05582b_nohash_3.wav", "test"),
    ],
)
def test_split_is_the_one_of_speech_commands(file_name: str, part: str) -> None:
    assert part_of(file_name, 0.1, 0.1) == part


def test_shares_of_speakers_are_about_as_asked() -> None:
    parts = [part_of(f"{k:08x}_nohash_0.wav", 0.1, 0.2) for k in range(4000)]
    # Four standard deviations of a binomial share: 4 sqrt(0.16 / 4000) = 0.025.
    assert parts.count("validation") / 4000 == pytest.approx(0.1, abs=0.025)
    assert parts.count("test") / 4000 == pytest.approx(0.2, abs=0.025)


def test_words_are_split_by_speaker(words: Path) -> None:
    data = load("speech_commands", words, validation_share=0.3, test_share=0.2, sample_rate_hz=8000, frames_per_step=1)
    assert data.class_names == ("go", "stop")
    expected = [part_of(f"{k:08x}_nohash_0.wav", 0.3, 0.2) for k in range(40)]
    for split in ("train", "validation", "test"):
        # Both words of a speaker are on the same side, once each: 400 + 80 k samples are 4 + k steps.
        part = data.splits[split]
        found = sorted((int(n) - 4, int(c)) for n, c in zip(part.lengths, part.labels, strict=True))
        assert found == [(k, c) for k in range(40) for c in (0, 1) if expected[k] == split]


def test_words_can_be_chosen(words: Path, tmp_path: Path) -> None:
    root = shutil.copytree(words, tmp_path / "words")
    write_tone(root / "yes" / "a.wav", 100)
    shares = {"validation_share": 0.3, "test_share": 0.2}
    assert load("speech_commands", root, words=["stop", "go"], **shares).class_names == ("go", "stop")
    with pytest.raises(DataError, match=r"no word 'stopp'\. Expected: one of go, stop, yes\. Did you mean \"stop\"\."):
        load("speech_commands", root, words=["go", "stopp"])
    with pytest.raises(DataError, match="class 'yes' has 1 examples, none of them in the"):
        load("speech_commands", root, **shares)


def test_folders_without_words_or_recordings_are_errors(tmp_path: Path) -> None:
    (tmp_path / "_background_noise_").mkdir()
    with pytest.raises(DataError, match=r"there are no subfolders\. Expected: one subfolder a word"):
        load("speech_commands", tmp_path)
    (tmp_path / "go").mkdir()
    with pytest.raises(DataError, match=r"go: there are no recordings\. Expected: files \*\.wav or \*\.flac"):
        load("speech_commands", tmp_path)


def test_shares_must_leave_something() -> None:
    with pytest.raises(ValidationError, match="leave nothing to train on"):
        TASKS["speech_commands"].options(validation_share=0.6, test_share=0.4)


def test_what_is_kept_without_preparation_is_kept_in_the_cache(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = tmp_path / "folder", tmp_path / "cache"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TINYPARETO_CACHE", str(cache))
    system = GruClassifier(GruClassifierOptions(task={"name": "spoken_digits", "root": str(digits)}), folder)
    system.workload({f"bit_widths.{gene}": 8 for gene in system.knobs()["bit_widths"]})
    assert not list(folder.iterdir())
    assert list((cache / "features").iterdir())
