"""How fast the GRU engine scores candidates: python -m benchmarks.gru_engine [--repeats N] [--json].

Populations of 64 fresh random configurations (genome of 17 genes, 2 to 8 bits), set-up included, against eager PyTorch
one candidate at a time, on one core. All contenders run in turns within each repeat; the figures are medians over
the repeats of CPU time, so that other work on the machine counts little. Weights and data are random.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import torch

from benchmarks.eager_gru import EagerGru, in_place, pytorch_operator
from benchmarks.int8_peak import int8_peak
from evaluators.data import Sequences
from evaluators.gru.calibration import CalibratedGru, calibrate
from evaluators.gru.engine import Engine, select_engine
from evaluators.gru.operators import Widths, gene_names, gene_widths, widths_of_genes
from evaluators.gru.weights import FloatArray, GruLayerWeights, GruWeights

_POPULATION = 64
_BLOCK = 64
_ALL_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}


@dataclass(frozen=True)
class Case:
    """A task's sizes; `n_eager` candidates of a population are enough for the slow contenders."""

    name: str
    n_sequences: int
    n_steps: int
    n_features: int
    n_hidden: int
    n_eager: int
    n_classes: int = 10

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one candidate's matrix products."""
        per_step = 3 * self.n_hidden * (self.n_features + self.n_hidden)
        return self.n_sequences * (self.n_steps * per_step + self.n_hidden * self.n_classes)


CASES = (
    Case("digits rows", 800, 8, 8, n_hidden=48, n_eager=8),
    Case("MNIST rows", 2000, 28, 28, n_hidden=64, n_eager=1),
)


@dataclass(frozen=True)
class Figures:
    """What was measured for one case.

    Attributes:
        engine: What `auto` picks here.
        candidates_per_second: With that engine.
        ratio, ratio_portable: Speed of the engines over eager PyTorch, its elementwise passes vectorized and in place.
        ratio_operator: Speed of `auto` over eager PyTorch with PyTorch's own operator for fake quantization.
        setup_share: Share of a candidate's time that does not depend on the number of sequences.
        peak_fraction: Multiply-accumulates a second, over the core's int8 peak.
        second_core: Speed of two threads over one, by the clock, fastest runs; None where there is one core.
        agreement: Share of sequences on which engine and eager PyTorch predict the same class.
    """

    case: str
    engine: str
    candidates_per_second: float
    ratio: float
    ratio_portable: float
    ratio_operator: float
    setup_share: float
    peak_fraction: float
    second_core: float | None
    agreement: float


def measure(case: Case, repeats: int, peak_gmacs: float, rng: np.random.Generator) -> Figures:
    """Run all contenders in turns, each repeat with a population of its own."""
    calibrated, sequences = _network_and_data(case, rng)
    one_block = sequences.head(_BLOCK)
    auto, portable = select_engine(calibrated), select_engine(calibrated, "portable")
    eager = EagerGru(calibrated, sequences, in_place)
    operator = EagerGru(calibrated, sequences, pytorch_operator)
    warm = _population(rng, 4 * _POPULATION)
    for engine in (auto, portable):
        engine.logits(warm, one_block)
        engine.logits(warm[:1], sequences)

    def once() -> dict[str, float]:
        population = _population(rng, _POPULATION)
        few = population[: case.n_eager]
        return {
            "auto": _cpu_seconds(lambda: auto.logits(population, sequences)) / _POPULATION,
            "portable": _cpu_seconds(lambda: portable.logits(population, sequences)) / _POPULATION,
            "one block": _cpu_seconds(lambda: auto.logits(population, one_block)) / _POPULATION,
            "eager": _cpu_seconds(lambda: [eager.logits(widths) for widths in few]) / len(few),
            "operator": _cpu_seconds(lambda: [operator.logits(widths) for widths in few]) / len(few),
        }

    rows = [once() for _ in range(repeats)]

    def median(figure: Callable[[Mapping[str, float]], float]) -> float:
        return float(np.median([figure(row) for row in rows]))

    n_blocks = -(-case.n_sequences // _BLOCK)
    seconds = median(lambda row: row["auto"])
    return Figures(
        case.name,
        auto.name,
        candidates_per_second=1 / seconds,
        ratio=median(lambda row: row["eager"] / row["auto"]),
        ratio_portable=median(lambda row: row["eager"] / row["portable"]),
        ratio_operator=median(lambda row: row["operator"] / row["auto"]),
        setup_share=median(lambda row: _intercept(row["one block"], row["auto"], n_blocks) / row["auto"]),
        peak_fraction=case.macs / seconds / 1e9 / peak_gmacs,
        second_core=_second_core(calibrated, sequences, rng, repeats),
        agreement=_agreement(auto, eager, sequences, warm[: case.n_eager]),
    )


def _network_and_data(case: Case, rng: np.random.Generator) -> tuple[CalibratedGru, Sequences]:
    def uniform(*shape: int) -> FloatArray:
        # Twice PyTorch's own range: the gates then leave their linear parts, as they do after training.
        bound = 2 / np.sqrt(case.n_hidden)
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    rows = 3 * case.n_hidden
    layer = GruLayerWeights(uniform(rows, case.n_features), uniform(rows, case.n_hidden), uniform(rows), uniform(rows))
    weights = GruWeights((layer,), uniform(case.n_classes, case.n_hidden), uniform(case.n_classes))
    sequences = Sequences(
        rng.normal(size=(case.n_sequences, case.n_steps, case.n_features)).astype(np.float32),
        np.full(case.n_sequences, case.n_steps),
        np.zeros(case.n_sequences, np.int64),
    )
    return calibrate(weights, sequences.head(200)), sequences


def _population(rng: np.random.Generator, n: int) -> list[Widths]:
    genes = gene_names("paper", 1)
    return [
        widths_of_genes("paper", 1, {gene: int(rng.choice(gene_widths("paper", gene))) for gene in genes})
        for _ in range(n)
    ]


def _intercept(one_block: float, all_blocks: float, n_blocks: int) -> float:
    """What would be left without any sequences."""
    return max(one_block - (all_blocks - one_block) / (n_blocks - 1), 0.0)


def _cpu_seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _second_core(
    calibrated: CalibratedGru, sequences: Sequences, rng: np.random.Generator, repeats: int
) -> float | None:
    """Speed of two threads on two cores over one thread, by the clock: the fastest run of each."""
    cores = sorted(_ALL_CORES)[:2]
    if len(cores) < 2:
        return None
    fastest = [np.inf, np.inf]
    engines = [select_engine(calibrated, threads=threads) for threads in (1, 2)]
    with _pinned_to(cores):
        for _ in range(repeats):
            population = _population(rng, _POPULATION)
            for index, engine in enumerate(engines):
                start = time.perf_counter()
                engine.logits(population, sequences)
                fastest[index] = min(fastest[index], time.perf_counter() - start)
    return float(fastest[0] / fastest[1])


def _agreement(engine: Engine, eager: EagerGru, sequences: Sequences, population: list[Widths]) -> float:
    ours = engine.logits(population, sequences).argmax(axis=2)
    theirs = np.array([eager.logits(widths).argmax(dim=1).numpy() for widths in population])
    return float(np.mean(ours == theirs))


@contextmanager
def _pinned_to(cores: Iterable[int]) -> Iterator[None]:
    if not hasattr(os, "sched_setaffinity"):  # not on Linux: one thread each still means one core each
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _report(figures: Figures) -> str:
    second = "one core only" if figures.second_core is None else f"{figures.second_core:.2f}x"
    return "\n".join(
        (
            f"{figures.case}: {figures.candidates_per_second:.0f} candidates/s with {figures.engine}",
            f"  over eager PyTorch                     {figures.ratio:5.1f}x   (needed: 10x)",
            f"  portable engine over eager PyTorch     {figures.ratio_portable:5.1f}x   (needed: 5x)",
            f"  over eager PyTorch's own fake_quantize {figures.ratio_operator:5.1f}x",
            f"  share of the core's int8 peak          {figures.peak_fraction:5.0%}",
            f"  share of set-up                        {figures.setup_share:5.0%}",
            f"  two threads over one                   {second}",
            f"  same predictions as eager PyTorch      {figures.agreement:5.1%}",
        )
    )


def main() -> None:
    """Measure all cases and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with _pinned_to([max(_ALL_CORES)]):
        peak_gmacs, how = int8_peak()
        rng = np.random.default_rng(0)
        figures = [measure(case, arguments.repeats, peak_gmacs, rng) for case in CASES]
    if arguments.json:
        document = {"int8_peak_gmacs": peak_gmacs, "int8_peak_by": how, "cases": [asdict(f) for f in figures]}
        print(json.dumps(document, indent=2))
    else:
        print(f"int8 peak of one core: {peak_gmacs:.0f} GMAC/s ({how})")
        print("\n".join(_report(f) for f in figures))


if __name__ == "__main__":
    main()
