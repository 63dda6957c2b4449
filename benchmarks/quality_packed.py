"""Memory and time of the published quality predictor with bit masks beside the float network: one window of 5 s.

    python -m benchmarks.quality_packed

The weights are random, which changes neither. Memory is what inference allocates at its peak beyond weights and
features, counted by Python's tracemalloc for NumPy and by torch's own profiler for PyTorch.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from evaluators.quality.calibration import map_steps, start_of
from evaluators.quality.frontend import features_of
from evaluators.quality.network import QualityNet
from evaluators.quality.packed import PackedNet
from evaluators.quality.rounded import Rounder, run_rounded
from evaluators.quality.shape import PRESETS
from evaluators.quality.trainer import predicted
from evaluators.quality.widths import Widths
from evaluators.training.threads import one_thread

N_RUNS = 5


def main() -> None:
    """Print the figures."""
    shape = PRESETS["paper"]
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    features = features_of(rng.standard_normal((2, shape.window_samples)).astype(np.float32) * 0.05, shape)
    net = QualityNet(shape).eval().requires_grad_(False)
    binary, rounding = start_of(net, Widths.uniform(shape, 1, 32), features, 1.0)
    rounder = Rounder(binary.requires_grad_(False), map_steps(binary, rounding, features))
    rounded = rounder.rounded(Widths.uniform(shape, 1, 8))
    packed, window, one = PackedNet(rounded), features[:1], features[0].numpy()
    with one_thread(), torch.no_grad():
        expected, found = run_rounded(rounded, window)[0].item(), packed.score(one)
        if expected != found:
            raise SystemExit(f"bit masks give {found}, the measured network {expected}")
        rows = {
            "float, PyTorch": (_torch_peak(lambda: predicted(net, window)), _seconds(lambda: predicted(net, window))),
            "bit masks, NumPy": (_numpy_peak(lambda: packed.score(one)), _seconds(lambda: packed.score(one))),
        }
    for name, (peak, seconds) in rows.items():
        print(f"{name:18s} peak {peak / 1e3:9.1f} kB   {1e3 * seconds:7.1f} ms a window")
    print(f"peak memory: {rows['float, PyTorch'][0] / rows['bit masks, NumPy'][0]:.1f} times less; scores equal")


def _seconds(run: Callable[[], object]) -> float:
    """Processor time of the fastest of some runs."""
    found = []
    for _ in range(N_RUNS):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def _numpy_peak(run: Callable[[], object]) -> int:
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _torch_peak(run: Callable[[], object]) -> int:
    """Largest sum of what is allocated and not yet freed, in the order of the profiler's memory events."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        run()
    live = peak = 0
    for event in found.profiler.kineto_results.events():
        if event.name() == "[memory]":
            live += event.nbytes()
            peak = max(peak, live)
    return peak


if __name__ == "__main__":
    main()
