"""What the reference weights of nsNet2 make of noisy and clean pairs, by our front end and network.

    python -m benchmarks.nsnet2_reference --data FOLDER [--json]

FOLDER holds `models/nsnet2/nsnet2_weights.npz` and `pairs_voicebank_demand/`; default: TINYPARETO_DATA. To be seen:
PESQ 1.82 -> 2.20, SI-SDR 7.2 -> 11.9 dB, STOI .90 -> .90. The real-time factors are those of the streaming form, one
frame at a time in PyTorch on one thread: seconds of work for a second of audio. The small network has random weights.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from evaluators.enhancement.streaming import enhance_stream
from evaluators.nsnet2.inference import Heads
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.preparation import fit_heads
from evaluators.nsnet2.reference_weights import read_reference_weights
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import EARLY_EXITS, PRESETS
from evaluators.nsnet2.streaming import StreamingNsNet2
from evaluators.speech.corpus import load_speech_data
from evaluators.speech.data_options import SpeechDataOptions
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.score_cache import ScoreCache
from evaluators.speech.score_tables import ScoreTable
from evaluators.speech.scoring import Scorable, Scorer
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples
from evaluators.speech.stft import log_power, spectrum, waveform
from evaluators.storage import cache_root, data_root
from evaluators.system import Context
from evaluators.training.threads import one_thread

METRICS = ("pesq", "stoi", "si_sdr_db")


@torch.inference_mode()
def measure(data: Path) -> dict[str, dict[str, float]]:
    """Means of noisy and of enhanced speech, and the real-time factor of streaming."""
    network = NsNet2(PRESETS["paper"]).eval()
    network.load_state_dict(read_reference_weights(data / "models/nsnet2/nsnet2_weights.npz", PRESETS["paper"]))
    pairs = load_speech_data(
        SpeechDataOptions(test_pairs=data / "pairs_voicebank_demand"), Context(cache_root())
    ).evaluation["test"]
    clips = [pairs[k] for k in range(len(pairs))]
    noisy, enhanced = [], []
    for clip in clips:
        spectra = spectrum(torch.tensor(clip.noisy)[None])
        mask = network.all_masks(log_power(spectra))["final"]
        noisy.append(Scorable(clip.clean, clip.noisy))
        enhanced.append(Scorable(clip.clean, waveform(spectra * mask, len(clip.noisy))[0].numpy()))
    names = [clip.name for clip in clips]
    with Scorer(METRICS, ScoreCache(None)) as scorer:
        found = {
            "noisy": ScoreTable(names, scorer.score(noisy)).means(),
            "enhanced": ScoreTable(names, scorer.score(enhanced)).means(),
        }
    return {**found, "real_time_factor": _real_time_factors(network, clips)}


def _real_time_factors(network: NsNet2, clips: Sequence[EvaluationClip]) -> dict[str, float]:
    """Of the network given, of the small one, and of that with exits that half of the frames that come so far take."""
    small = NsNet2(replace(PRESETS["small"], exits=EARLY_EXITS)).eval()
    dynamic = Route(tuple((exit_, 0.5) for exit_ in EARLY_EXITS), "final")
    final, samples = Route((), "final"), clips[0].noisy
    with one_thread():
        heads = fit_heads(small, clips[:8])
    return {
        "paper": _real_time_factor(network, {}, final, samples),
        "small": _real_time_factor(small, {}, final, samples),
        "small_dynamic": _real_time_factor(small, heads, dynamic, samples),
    }


def _real_time_factor(network: NsNet2, heads: Heads, route: Route, samples: Samples) -> float:
    """Seconds of work for a second of audio, frame by frame on one thread."""
    stream = StreamingNsNet2(network, heads, route)
    with one_thread():
        started = time.perf_counter()
        enhance_stream(stream, samples)
        seconds = time.perf_counter() - started
    return seconds * SAMPLE_RATE_HZ / len(samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_root())
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("give --data, or set TINYPARETO_DATA")
    found = measure(arguments.data)
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    for what, values in found.items():
        print(f"{what:10}", ", ".join(f"{name} {value:.3f}" for name, value in values.items()))


if __name__ == "__main__":
    main()
