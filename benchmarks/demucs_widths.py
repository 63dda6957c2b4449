"""Wall-clock time of the slimmable DEMUCS at each utilization factor, beside its multiply-accumulates.

    python -m benchmarks.demucs_widths [--preset paper] [--clips 1] [--seconds 4] [--repeats 3] [--json]

Random weights on noise, one thread: time does not depend on what is heard. Whole utterances side by side, resampling
included; the best of the repeats. Claim: with eight clips of a second, factor 0.125 is more than three times faster
than 1.
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from cost_models import workload_costs
from evaluators.demucs.inference import Prepared, Slices, run_schedules
from evaluators.demucs.network import SlimmableDemucs
from evaluators.demucs.schedules import Schedule, uniform
from evaluators.demucs.shape import PRESETS, DemucsShape, Preset
from evaluators.demucs.workload import demucs_workload
from evaluators.speech.sound import SAMPLE_RATE_HZ
from evaluators.training.threads import one_thread


def seconds(shape: DemucsShape, slices: Slices, schedule: Schedule, sound: torch.Tensor) -> float:
    """Time for all clips, shape (n_clips, n_samples)."""
    started = time.perf_counter()
    prepared = Prepared.of(shape, sound)
    for slimmed in run_schedules(slices, [schedule], prepared.x):
        prepared.sounds(shape, slimmed.y, sound.shape[1])
    return time.perf_counter() - started


def measure(preset: Preset, n_clips: int, sound_seconds: float, repeats: int) -> list[dict[str, float]]:
    """A row for each factor: time, real-time factor, and how much faster than the largest."""
    shape = PRESETS[preset]
    torch.manual_seed(0)
    slices = Slices(SlimmableDemucs(shape).eval())
    sound = 0.1 * torch.randn(n_clips, round(sound_seconds * SAMPLE_RATE_HZ))
    rows = []
    with one_thread():
        for uf in shape.ufs:
            schedule = uniform(shape, uf)
            seconds(shape, slices, schedule, sound)
            best = min(seconds(shape, slices, schedule, sound) for _ in range(repeats))
            macs = workload_costs(demucs_workload(shape, schedule, 8))["macs_per_sample"]
            rows.append(
                {
                    "uf": uf,
                    "macs_per_sample": macs,
                    "seconds": best,
                    "real_time_factor": best / (n_clips * sound_seconds),
                }
            )
    return [{**row, "speed_up": rows[-1]["seconds"] / row["seconds"]} for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=list(PRESETS), default="paper")
    parser.add_argument("--clips", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measure(arguments.preset, arguments.clips, arguments.seconds, arguments.repeats)
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    print("| UF | MACs a sample | seconds | real-time factor | times faster than UF 1 |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['uf']:g} | {row['macs_per_sample']:,.0f} | {row['seconds']:.3f} | {row['real_time_factor']:.3f} "
            f"| {row['speed_up']:.1f} |"
        )


if __name__ == "__main__":
    main()
