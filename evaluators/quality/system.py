"""The quality predictor as a system: what can be searched, what it costs, how well a choice agrees with PESQ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from cost_models import Workload, workload_costs
from evaluators.illustrations import Illustration, Predictions
from evaluators.metrics import METRICS, Metric
from evaluators.quality.label_options import LabelOptions
from evaluators.quality.recipes import recipe_of
from evaluators.quality.shape import PRESETS, Preset
from evaluators.quality.training_options import TrainingOptions
from evaluators.quality.widths import FLOAT_BITS, Widths, knobs
from evaluators.quality.workload import quality_costs, quality_workload
from evaluators.references import Reference
from evaluators.system import Activity, Context, EvaluationSplit, Measurement
from spaces import Configuration, KnobGroup, Options

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from evaluators.quality.exported import QualityScorer
    from evaluators.quality.preparation import Networks, PreparedData

PEARSON, SPEARMAN, MSE = "pearson", "spearman", "mse"
N_DRAWN = 400
"""Clips that a report draws, or fewer; more would hide each other."""
_REFERENCES = {
    "floating point": (FLOAT_BITS, FLOAT_BITS),
    "binary maps, 8-bit weights (the published 25-fold point)": (1, 8),
}


class QualityPredictorOptions(Options):
    """Options of `quality_predictor`."""

    preset: Preset = Field("small", description="sizes: as published, or small enough to train in minutes")
    data: LabelOptions = Field(LabelOptions(), description="speech and its labels")
    training: TrainingOptions = Field(TrainingOptions(), description="how the network is trained and fine-tuned")


class QualityPredictor:
    """A network that predicts PESQ without a reference, with a bit width per map and per layer (arXiv 2407.04578).

    One inference is a window of 5 s.

    Args:
        options: See `QualityPredictorOptions`.
        folder: Where relative paths start from; those not found there start from `TINYPARETO_DATA`.
    """

    Options = QualityPredictorOptions

    def __init__(self, options: QualityPredictorOptions, folder: Path) -> None:
        self._training = options.training
        self._label_options = options.data.resolved(folder)
        self._shape = PRESETS[options.preset]

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Agreement with PESQ."""
        return {name: METRICS[name] for name in (PEARSON, SPEARMAN, MSE)}

    def knobs(self) -> Mapping[str, KnobGroup]:
        """Bits of every activation map and of every layer's weights."""
        return knobs(self._shape)

    def prepare(self, context: Context) -> None:
        """Label speech, train the float network and fine-tune that of the references, unless the cache has them."""
        # Torch and SciPy are slow to import; whoever only checks a study does not need them.
        from evaluators.quality.examples import load_labelled_data
        from evaluators.quality.preparation import Networks, prepare_data

        self._data: PreparedData = prepare_data(load_labelled_data(self._label_options, context), self._shape)
        self._networks: Networks = Networks(self._shape, self._data, self._training, context)
        for bits in _REFERENCES.values():
            recipe = recipe_of(Widths.uniform(self._shape, *bits), self._training)
            self._networks.rounder(recipe, context.progress)

    def fingerprint(self) -> str:
        """Data, float weights and everything else that decides a measurement."""
        return f"quality_predictor {self._networks.fingerprint}"

    def facts(self) -> Mapping[str, Any]:
        """The data and what was left out of it."""
        return {
            "data": self._data.description,
            "left_out": self._data.left_out,
            "clips": {split: len(self._data.splits[split]) for split in ("validation", "test")},
        }

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> Sequence[Measurement]:
        """Correlations and squared error with their standard errors."""
        from evaluators.quality.correlation import agreement

        n = max(4, math.ceil(fidelity * len(self._data.splits[split])))
        true = self._data.splits[split].labels[:n].numpy()
        measurements = []
        for scores in self._predict(configurations, split, n):
            if scores.max() - scores.min() < 1e-5:
                # Predictions that never change agree with nothing; that is a bad candidate, not a failed trial.
                error = float(((scores - true) ** 2).mean())
                measurements.append(Measurement({PEARSON: 0.0, SPEARMAN: 0.0, MSE: error}))
                continue
            found = agreement(scores, true)
            estimates = {PEARSON: found.pearson, SPEARMAN: found.spearman, MSE: found.mse}
            measurements.append(
                Measurement(
                    {name: estimate.value for name, estimate in estimates.items()},
                    standard_errors={name: estimate.standard_error for name, estimate in estimates.items()},
                )
            )
        return measurements

    def references(self, split: EvaluationSplit) -> Sequence[Reference]:
        """The network in floating point, and the widths that the paper's 25-fold saving is about."""
        chosen = [Widths.uniform(self._shape, *bits).configuration(self._shape) for bits in _REFERENCES.values()]
        measured = zip(_REFERENCES, chosen, self.evaluate(chosen, split), strict=True)
        return [Reference(label, found, self._all_costs(configuration)) for label, configuration, found in measured]

    def illustrate(self, configurations: Sequence[Configuration]) -> Sequence[Illustration]:
        """Predicted against true scores of the first test clips."""
        names, true = self._data.names["test"][:N_DRAWN], self._data.splits["test"].labels[:N_DRAWN].tolist()
        found = self._predict(configurations, "test", N_DRAWN)
        return [
            Predictions("speakers and noises never trained on", "wide-band PESQ", true, scores.tolist(), names, k)
            for k, scores in enumerate(found)
        ]

    def costs(self, configuration: Configuration) -> Mapping[str, float]:
        """Memory of all maps and weights as the paper counts it; products and conditional sums apart."""
        return quality_costs(self._shape, Widths.of(configuration, self._shape))

    def workload(self, configuration: Configuration, activity: Activity | None = None) -> Workload:
        """The operators of one window."""
        return quality_workload(self._shape, Widths.of(configuration, self._shape))

    def export(self, configuration: Configuration, directory: Path) -> None:
        """Packed weights, the network as it is evaluated, and test vectors."""
        from evaluators.quality.export import export_quality

        widths = Widths.of(configuration, self._shape)
        network = self._networks.scaled_rounder(recipe_of(widths, self._training), [widths]).rounded(widths)
        export_quality(network, self._shape, self._data.examples, directory)

    @staticmethod
    def load_export(directory: Path) -> QualityScorer:
        """What an export predicts, read back; see `DataError` for folders that hold none."""
        from evaluators.quality.exported import load_export

        return load_export(directory)

    def _all_costs(self, configuration: Configuration) -> dict[str, float]:
        return {**workload_costs(self.workload(configuration)), **self.costs(configuration)}

    def _predict(self, configurations: Sequence[Configuration], split: EvaluationSplit, n: int) -> list[NDArray[Any]]:
        """Scores of the first n clips by each configuration, in order."""
        from evaluators.quality.evaluation import scores_of
        from evaluators.training.threads import one_thread

        wanted = [Widths.of(configuration, self._shape) for configuration in configurations]
        features = self._data.splits[split].features[:n]
        groups: dict[Widths, list[Widths]] = {}
        for widths in wanted:
            groups.setdefault(recipe_of(widths, self._training), []).append(widths)
        with one_thread():
            found: dict[Widths, Tensor] = {}
            for recipe, members in groups.items():
                found |= scores_of(self._networks.scaled_rounder(recipe, members), members, features)
        return [found[widths].numpy() for widths in wanted]
