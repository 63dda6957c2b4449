"""What skipping pruned channels saves, frame by frame: bytes of filters read, time, and how equal it is to masking.

    python -m benchmarks.fsenet_skipping [--seconds 4] [--json]

Random weights of the published size on noise; ratios of 0, 0.5, 0.75 and 0.9 in every block, on one thread in PyTorch,
which costs the same overhead for few channels as for many. `layers_s` is the time of the last layers of the blocks
alone: gathering the filters of 128, 64, 32 or 13 channels and multiplying.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch

from benchmarks.nsnet2_batches import clips
from evaluators.enhancement.utterances import Utterance
from evaluators.fsenet.evaluation import portion
from evaluators.fsenet.folded import FoldedFsenet, folded
from evaluators.fsenet.inference import Rules, run_pruned
from evaluators.fsenet.network import ConvFsenet
from evaluators.fsenet.pruning import n_kept
from evaluators.fsenet.shape import PRESETS
from evaluators.fsenet.streaming import StreamingFsenet
from evaluators.speech.frames import FRAMES_PER_SECOND
from evaluators.speech.sound import SAMPLE_RATE_HZ
from evaluators.training.threads import one_thread

RATIOS = (0.0, 0.5, 0.75, 0.9)
REPEATS = 2_000
WEIGHT_BYTES = 4


@torch.inference_mode()
def measure(n_seconds: float) -> dict[str, dict[str, float]]:
    """Figures for every ratio."""
    torch.manual_seed(0)
    raw = ConvFsenet(PRESETS["paper"])
    for gate in raw.gates:
        torch.nn.init.normal_(gate.get_parameter("scores"))
    network = folded(raw)
    rng = np.random.default_rng(0)
    part = portion([*enumerate(map(Utterance, clips(4, rng)))], "log_power")
    n_frames = round(n_seconds * FRAMES_PER_SECOND)
    spectra = part.utterances[0].spectra[:n_frames].numpy()
    x, is_frame = part.x[:1, : len(spectra)], part.is_frame[:1, : len(spectra)]
    found = {}
    for ratio in RATIOS:
        ratios = (ratio,) * len(network.blocks)
        rules = Rules(network, "dynamic", part.x, part.is_frame)
        pruned = rules.of(ratios)
        (masked,) = run_pruned(network, [ratios], rules, x, is_frame)
        stream = StreamingFsenet(pruned.network, pruned.rules)
        with one_thread():
            started = time.perf_counter()
            gains = np.stack([stream.mask(frame) for frame in spectra])
            elapsed = time.perf_counter() - started
            layers = _layers_seconds(network, n_kept(ratio, network.shape.bottleneck))
        n_bytes = stream.weight_rows_read * (network.shape.hidden + 1) * WEIGHT_BYTES
        found[f"{ratio:g}"] = {
            "filter_mbytes_per_second": n_bytes / len(spectra) * FRAMES_PER_SECOND / 1e6,
            "real_time_factor": elapsed / (len(spectra) / FRAMES_PER_SECOND),
            "layers_s": layers * FRAMES_PER_SECOND,
            "largest_difference": float(np.abs(gains - masked.mask[0].numpy()).max()),
        }
    return found


def _layers_seconds(network: FoldedFsenet, kept: int) -> float:
    """Of the last layers of all blocks, for one frame."""
    rng = torch.Generator().manual_seed(0)
    hidden = torch.rand(network.shape.hidden, generator=rng)
    chosen = torch.randperm(network.shape.bottleneck, generator=rng)[:kept].sort().values
    whole = kept == network.shape.bottleneck
    started = time.perf_counter()
    for repeat in range(REPEATS):
        layer = network.blocks[repeat % len(network.blocks)].contract
        weight = layer.weight if whole else layer.weight.index_select(0, chosen)
        torch.mv(weight, hidden)
    return (time.perf_counter() - started) / REPEATS * len(network.blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.seconds)
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{SAMPLE_RATE_HZ} Hz, per second of audio")
    for ratio, figures in found.items():
        print(f"pruned {ratio:5}", ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
