"""The integer GRU classifier as a system: what can be searched, what it costs, how well a choice does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from cost_models import Workload
from evaluators.data import ClassificationData, Sequences
from evaluators.errors import SystemSpecError
from evaluators.gru.engine import EngineName, select_engine
from evaluators.gru.export import export_integer_gru
from evaluators.gru.operators import Genome, Widths, gene_names, gene_widths, widths_of_genes
from evaluators.gru.preparation import prepare_gru
from evaluators.gru.tasks import TASKS, Task, TaskOptions
from evaluators.gru.training_options import TrainingOptions
from evaluators.gru.workload import GruShape, gru_workload
from evaluators.metrics import METRICS, Metric
from evaluators.storage import cache_root
from evaluators.system import Activity, Context, EvaluationSplit, Measurement
from spaces import Choices, Configuration, Knob, KnobGroup, Options, problems_of, unknown

KIND = "bit_widths"
DEFAULT_BITS = 8


class GruClassifierOptions(Options):
    """Options of `gru_classifier`."""

    task: str | dict[str, Any] = Field("digits_rows", description="the data: a name, or a name with options")
    hidden: int = Field(48, ge=2, le=1024, description="hidden units of every layer")
    layers: int = Field(1, ge=1, le=8, description="GRU layers")
    genome: Genome = Field("paper", description="17 genes a layer, or 24 a layer, input and classifier")
    training: TrainingOptions = Field(TrainingOptions(), description="how the float network is trained")
    engine: EngineName = Field("auto", description="which integer engine evaluates; all give the same results")


class GruClassifier:
    """Integer-only GRU with a bit width per operator (arXiv 2402.12263).

    What it scores is the deployed arithmetic of docs/integer_gru.md, to the bit.

    Args:
        options: See `GruClassifierOptions`.
        folder: Where relative paths in the task's options start from.

    Raises:
        SystemSpecError: If the task or one of its options is wrong.
    """

    Options = GruClassifierOptions
    metrics: Mapping[str, Metric] = {name: METRICS[name] for name in ("error_rate", "accuracy")}

    def __init__(self, options: GruClassifierOptions, folder: Path) -> None:
        self._options = options
        self._task, self._task_options = _task(options.task, folder)
        self._context: Context | None = None

    def knobs(self) -> Mapping[str, KnobGroup]:
        """One bit width for every gene."""
        genome, layers = self._options.genome, self._options.layers
        genes = {gene: Choices(gene_widths(genome, gene)) for gene in gene_names(genome, layers)}
        return {KIND: {gene: Knob(widths, DEFAULT_BITS) for gene, widths in genes.items()}}

    def prepare(self, context: Context) -> None:
        """Load the data; train and calibrate the network unless the cache has it."""
        self._context = context
        self._prepared = prepare_gru(
            self._data, self._options.hidden, self._options.layers, self._options.training, context
        )
        self._engine = select_engine(self._prepared.calibrated, self._options.engine)

    def __getstate__(self) -> dict[str, Any]:
        """What another machine needs to evaluate: not the train split, nor code compiled for this processor."""
        state = {name: value for name, value in self.__dict__.items() if name != "_engine"}
        if "_data" in state:
            data = state["_data"]
            state["_data"] = replace(data, splits={**data.splits, "train": data.splits["train"].head(0)})
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Find the engine that suits this machine; all give the same results."""
        self.__dict__.update(state)
        if "_prepared" in state:
            self._engine = select_engine(self._prepared.calibrated, self._options.engine)

    def fingerprint(self) -> str:
        """Data, weights and everything else that decides a measurement."""
        return f"gru_classifier {self._prepared.fingerprint}"

    def facts(self) -> Mapping[str, Any]:
        """The data, the float network's accuracy, and the engine."""
        return {
            "data": self._data.description,
            "float_accuracy": dict(self._prepared.float_accuracy),
            "engine": self._engine.name,
        }

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> Sequence[Measurement]:
        """Error rate and accuracy, each with its binomial standard error."""
        part = self._data.splits[split]
        sequences = part if fidelity >= 1 else part.head(math.ceil(fidelity * len(part)))
        logits = self._engine.logits([self._widths(c) for c in configurations], sequences)
        return [_measurement(of_one, sequences) for of_one in logits]

    def costs(self, configuration: Configuration) -> Mapping[str, float]:
        """None beside those of the workload."""
        return {}

    def workload(self, configuration: Configuration, activity: Activity | None = None) -> Workload:
        """The operators of one inference over the longest sequence; nothing in it depends on the input."""
        return gru_workload(self._shape, self._widths(configuration))

    def export(self, configuration: Configuration, directory: Path) -> None:
        """C code, integer weights and constants, and test vectors with the logits they must give."""
        export_integer_gru(
            self._prepared.calibrated,
            self._widths(configuration),
            self._data.splits["test"],
            self._data.class_names,
            directory,
        )

    @cached_property
    def _data(self) -> ClassificationData:
        return self._task.load(self._task_options, self._context or Context(cache_root()))

    @cached_property
    def _shape(self) -> GruShape:
        data, options = self._data, self._options
        return GruShape(data.n_features, options.hidden, options.layers, len(data.class_names), data.n_steps)

    def _widths(self, configuration: Configuration) -> Widths:
        prefix = f"{KIND}."
        genes = {knob.removeprefix(prefix): int(bits) for knob, bits in configuration.items()}
        return widths_of_genes(self._options.genome, self._options.layers, genes)


def _task(chosen: str | Mapping[str, Any], folder: Path) -> tuple[Task, TaskOptions]:
    options = {"name": chosen} if isinstance(chosen, str) else dict(chosen)
    name = options.pop("name", "")
    if name not in TASKS:
        raise SystemSpecError([unknown(("task",), "task", str(name), TASKS)])
    model = TASKS[name].options
    try:
        return TASKS[name], model(**options).resolved(folder)
    except ValidationError as error:
        raise SystemSpecError([problem.under("task") for problem in problems_of(error, model)]) from error


def _measurement(logits: NDArray[np.int32], sequences: Sequences) -> Measurement:
    """Scores of one candidate; the lowest index wins a tie."""
    error_rate = float(np.mean(np.argmax(logits, axis=1) != sequences.labels))
    standard_error = math.sqrt(error_rate * (1 - error_rate) / len(sequences))
    return Measurement(
        metrics={"error_rate": error_rate, "accuracy": 1 - error_rate},
        standard_errors={"error_rate": standard_error, "accuracy": standard_error},
    )


FURTHER_OPTIONS: Mapping[str, type[Options]] = {f"task {name}": task.options for name, task in TASKS.items()}
"""Options that depend on a choice, for the reference of the study file."""
