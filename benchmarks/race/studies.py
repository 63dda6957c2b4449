"""Studies as problems of the race; evaluations are kept on disk and shared by all contestants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.race.problem import RaceProblem
from evaluators.errors import EvaluationError
from evaluators.storage import cache_root
from evaluators.system import Context
from search.evaluation_cache import EvaluationCache
from search.front import reference_point
from search.loop import Problem
from search.optimizers import Observation
from search.records import TrialRecord
from search.study import Study
from spaces import Configuration

STUDIES: Mapping[str, tuple[str, tuple[str, ...], int]] = {
    "digits": ("studies/gru_bits.yaml", (), 1000),
    "digits, 24 genes": ("studies/gru_bits.yaml", ("system.genome=extended",), 1000),
    "spoken digits": ("studies/gru_bits_spoken_digits.yaml", (), 1000),
    "MNIST rows": ("studies/gru_bits_mnist.yaml", (), 1000),
    # SI-SDR in the place of PESQ, which would take hours.
    "nsNet2 exits": (
        "studies/nsnet2_exits.yaml",
        ("system.scores=[si_sdr_db]", "objectives=[si_sdr_db, mmacs_per_second]"),
        300,
    ),
    "pruning ratios": (
        "studies/pruning_ratios.yaml",
        ("system.scores=[si_sdr_db]", "objectives=[si_sdr_db, mmacs_per_second]"),
        300,
    ),
    "UF schedules": (
        "studies/uf_schedules.yaml",
        ("system.scores=[si_sdr_db]", "objectives=[si_sdr_db, macs_per_sample]"),
        300,
    ),
    # Without fine-tuning.
    "activation bits": (
        "studies/bam_bits.yaml",
        (
            "space.bit_widths={operators: '*', choices: [2, 3, 4, 5, 6, 7, 8, 32]}",
            "system.training.fine_tuned_weight_bits=0",
            "objectives=[pearson, memory_all_maps_bytes]",
        ),
        300,
    ),
}
"""Name -> study file, overrides, evaluations. More are added here."""


def study_problem(name: str, memory: Path) -> RaceProblem:
    """The study of that name, prepared.

    Args:
        name: One of `STUDIES`.
        memory: Folder in which measurements are kept.
    """
    path, overrides, evaluations = STUDIES[name]
    study = Study.from_yaml(path, overrides)
    study.system.prepare(Context(cache_root()))
    measured = Measured(study, EvaluationCache(memory, study.system.fingerprint()))
    homogeneous = [measured.record(c) for _, c in study.space.homogeneous()]
    corner = reference_point(study.objectives, homogeneous)
    costs = partial(exact_values, study)
    has_exact = bool(np.isfinite(costs(study.space.defaults)).any())
    return RaceProblem(
        name, study.space, len(corner), measured.observe, corner, evaluations, costs if has_exact else None
    )


class Measured:
    """Measures configurations of a study, each once."""

    def __init__(self, study: Study, cache: EvaluationCache) -> None:
        self._study = study
        self._cache = cache

    def observe(self, configurations: Sequence[Configuration]) -> list[Observation]:
        """Observations of a batch."""
        new = [c for c in configurations if self._cache.get(c, "validation", 1.0) is None]
        for start in range(0, len(new), 64):
            part = new[start : start + 64]
            measurements = self._study.system.evaluate(part, "validation")
            self._cache.put([(c, "validation", 1.0, m) for c, m in zip(part, measurements, strict=True)])
        objectives = self._study.objectives
        return [Observation(c, objectives.minimized(self.record(c))) for c in configurations]

    def record(self, configuration: Configuration) -> TrialRecord:
        """What is known of a configuration, measured if need be."""
        if (measurement := self._cache.get(configuration, "validation", 1.0)) is None:
            self.observe([configuration])
            measurement = self._cache.get(configuration, "validation", 1.0)
        if measurement is None:
            raise EvaluationError("the cache lost a measurement")
        costs = _problem(self._study).costs(configuration, measurement.activity or None)
        return TrialRecord(0, "validation", configuration, "done", measurement.metrics, costs=costs)


def exact_values(study: Study, configuration: Configuration) -> tuple[float, ...]:
    """Minimized objectives that are exact before the evaluation; NaN for the others."""
    return _problem(study).foretell(configuration).values


def _problem(study: Study) -> Problem:
    return Problem(study.system, study.space, study.objectives, study.spec.constraints, 0, study.target)


Makers = Mapping[str, Callable[[Path], RaceProblem]]
MAKERS: Makers = {name: partial(study_problem, name) for name in STUDIES}
