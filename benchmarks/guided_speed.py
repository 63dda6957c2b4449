"""What the guided search itself costs for every candidate, by the number of observations.

    python -m benchmarks.guided_speed [--observations 500 2000 5000] [--knobs 24]

Bit widths from 2 to 8 for every knob, an error of summed quantization noise that only an evaluation tells, a size that
is exact. The search is told so many random configurations; then batches of ten are asked for and told, and their
median time counts, evaluations and all. Hyperparameters are fitted again whenever there are 1.3 times more
observations: that time is shown by itself, and shared out among the observations in between for the sum.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from search.optimizers import Foretold, Observation, SearchProblem
from search.optimizers.guided import GuidedOptions, GuidedSearch
from search.optimizers.guided.surrogate import REFIT_GROWTH
from spaces import Configuration, Ordered, Space

BATCHES = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observations", type=int, nargs="+", default=[500, 2000, 5000])
    parser.add_argument("--knobs", type=int, default=24)
    options = parser.parse_args()
    print("observations | a candidate, ms | refit, s | together, ms a candidate")
    for n in options.observations:
        each_s, refit_s = measured(n, options.knobs)
        together = each_s + refit_s / (n * (REFIT_GROWTH - 1))
        print(f"{n:12,d} | {1e3 * each_s:15.1f} | {refit_s:8.2f} | {1e3 * together:.1f}")


def measured(n: int, n_knobs: int) -> tuple[float, float]:
    """Seconds for a candidate, and for fitting hyperparameters."""
    toy = _Toy(n_knobs)
    problem = SearchProblem(toy.space, 2, foretell=toy.foretell)
    search = GuidedSearch(problem, GuidedOptions(), 0)
    rng = np.random.default_rng(1)
    # Uniform knobs around a random level for each configuration: the whole cost axis is there.
    search.tell([toy.observe(toy.near(rng)) for _ in range(n)])
    while search.gain == np.inf:  # the start design
        started = time.process_time()
        asked = search.ask(search.batch_size)
        first_s = time.process_time() - started
        search.tell([toy.observe(c) for c in asked])
    times = []
    for _ in range(BATCHES):
        started = time.process_time()
        asked = search.ask(search.batch_size)
        search.tell([toy.observe(c) for c in asked])
        times.append((time.process_time() - started) / len(asked))
    each_s = float(np.median(times))
    return each_s, max(first_s - search.batch_size * each_s, 0.0)


class _Toy:
    """Error sum s_i 4^-b_i with noise, size sum z_i b_i."""

    def __init__(self, n_knobs: int) -> None:
        rng = np.random.default_rng(7)
        knobs = tuple(Ordered(f"bit_widths.op{i}", tuple(range(2, 9))) for i in range(n_knobs))
        self.space = Space(knobs, {p.name: 8 for p in knobs})
        self._sensitivities = np.exp(rng.normal(0.0, 1.5, n_knobs))
        self._sizes = rng.integers(50, 1000, n_knobs)

    def foretell(self, configuration: Configuration) -> Foretold:
        return Foretold((float("nan"), float(self._sizes @ _bits(configuration))))

    def observe(self, configuration: Configuration) -> Observation:
        bits = _bits(configuration)
        noise = 1.0 + 0.02 * np.random.default_rng(int(bits @ 3.0 ** np.arange(len(bits))) % 2**32).normal()
        return Observation(configuration, (float(self._sensitivities @ 4.0**-bits) * noise, float(self._sizes @ bits)))

    def near(self, rng: np.random.Generator) -> Configuration:
        level = rng.uniform(0, 6)
        steps = np.clip(np.round(level + rng.normal(0, 1.5, len(self.space.names))), 0, 6)
        return self.space.decode(steps)


def _bits(configuration: Configuration) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(value) for value in configuration.values()])  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
