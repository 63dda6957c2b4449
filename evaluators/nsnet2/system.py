"""The early-exiting nsNet2 as a system: what can be searched, what it costs, how well a choice does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cost_models import Workload, workload_costs
from evaluators.enhancement.bench import SpeechBench
from evaluators.enhancement.options import EnhancerOptions
from evaluators.illustrations import Illustration
from evaluators.metrics import Metric
from evaluators.nsnet2.routes import Route, knobs, route
from evaluators.nsnet2.shape import EARLY_EXITS, PRESETS, EarlyExit, NsNet2Shape, Preset
from evaluators.nsnet2.training_options import TrainingOptions
from evaluators.nsnet2.workload import activity_of, nsnet2_workload, reach_of_activity
from evaluators.references import Reference
from evaluators.speech.data_options import AnyPath, as_tuple, resolved
from evaluators.speech.frames import ALGORITHMIC_DELAY_MS, FRAMES_PER_SECOND
from evaluators.system import Activity, Context, EvaluationSplit, Measurement
from spaces import Configuration, KnobGroup

if TYPE_CHECKING:
    from evaluators.nsnet2.preparation import PreparedNsNet2

WORK = "mmacs_per_second"


def _in_order(given: tuple[EarlyExit, ...]) -> tuple[EarlyExit, ...]:
    return tuple(exit_ for exit_ in EARLY_EXITS if exit_ in given)


StaticUnits = Annotated[int, Field(ge=1, le=4096)]


class NsNet2ExitsOptions(EnhancerOptions):
    """Options of `nsnet2_exits`."""

    preset: Preset = Field("small", description="sizes: as published, or small enough to train in minutes")
    fc1_units: int | None = Field(None, ge=1, le=4096, description="units of the first layer; default: the preset's")
    gru_units: int | None = Field(None, ge=1, le=4096, description="units of each GRU; default: the preset's")
    fc2_units: int | None = Field(
        None, ge=1, le=4096, description="units of each of the two layers before the last; default: the preset's"
    )
    exits: Annotated[tuple[EarlyExit, ...], BeforeValidator(as_tuple), AfterValidator(_in_order)] = Field(
        EARLY_EXITS, description="early exits that are trained"
    )
    split: bool = Field(True, description="double each layer that feeds an exit, one copy for the next stage")
    exit_units: int | None = Field(
        None, ge=1, le=4096, description="units of the copy that feeds an exit; default: those of the layer"
    )
    training: TrainingOptions = Field(TrainingOptions(), description="how the network is trained")
    warm_start: AnyPath | None = Field(None, description=".npz file with weights of the plain network to start from")
    static_sizes: Annotated[tuple[StaticUnits, ...], BeforeValidator(as_tuple)] = Field(
        (), description="GRU units of smaller plain networks, trained alike, to compare with; e.g. [48, 64]"
    )

    @model_validator(mode="after")
    def _kept_layers_are_given(self) -> Self:
        if self.training.kept_layers and self.warm_start is None:
            raise ValueError("training.kept_layers stay as `warm_start` gives them; name its file, or keep no layers")
        return self


class NsNet2Exits:
    """nsNet2 whose frames leave at the first exit that is confident enough (arXiv 2308.16678).

    One inference is one frame of 16 ms.

    Args:
        options: See `NsNet2ExitsOptions`.
        folder: Where relative paths start from; those not found there start from `TINYPARETO_DATA`.
    """

    Options = NsNet2ExitsOptions

    def __init__(self, options: NsNet2ExitsOptions, folder: Path) -> None:
        self._options = options
        self._bench = SpeechBench(options, folder, [WORK])
        self._warm_start = options.warm_start and resolved(options.warm_start, folder)
        self._shape = _shape(options)

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Those asked for, and the work that the data makes the network do."""
        return self._bench.metrics

    def knobs(self) -> Mapping[str, KnobGroup]:
        """Which exits there are, and the threshold of each early one."""
        return knobs(self._shape.exits)

    def prepare(self, context: Context) -> None:
        """Load the data; train the network and fit its confidence heads unless the cache has them."""
        # Torch and SciPy are slow to import; whoever only checks a study does not need them.
        from evaluators.nsnet2.preparation import prepare_nsnet2

        data, training = self._bench.prepare(context), self._options.training
        self._prepared: PreparedNsNet2 = prepare_nsnet2(self._shape, data, training, self._warm_start, context)
        self._static = {
            f"static {units} units": prepare_nsnet2(self._shape.scaled(units), data, training, None, context)
            for units in self._options.static_sizes
        }

    def fingerprint(self) -> str:
        """Data, weights and everything else that decides a measurement."""
        return f"nsnet2_exits by clip {self._prepared.fingerprint} {self._bench.identity}"

    def facts(self) -> Mapping[str, Any]:
        """The data, what was left out of it, and the delay."""
        return self._bench.facts(ALGORITHMIC_DELAY_MS)

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> Sequence[Measurement]:
        """Scores with their standard errors, work, and the share of frames that reach each stage."""
        from evaluators.nsnet2.evaluation import score_routes

        routes = [route(configuration) for configuration in configurations]
        with self._bench.scoring() as scorer:
            found = score_routes(self._prepared, self._bench.utterances(split, fidelity), routes, scorer)
        measurements = []
        for configuration, taken, scores in zip(configurations, routes, found, strict=True):
            activity = activity_of(scores.n_leaving, taken)
            macs = workload_costs(self.workload(configuration, activity))["macs"]
            work = {WORK: macs * FRAMES_PER_SECOND / 1e6}
            measurements.append(self._bench.measurement(scores.table, work, activity))
        return measurements

    def references(self, split: EvaluationSplit) -> Sequence[Reference]:
        """Unprocessed speech, the smaller plain networks and, on test, the published figures."""
        from evaluators.nsnet2.evaluation import score_routes

        whole, found = Route((), "final"), [self._bench.noisy(split)]
        for label, prepared in self._static.items():
            with self._bench.scoring() as scorer:
                (scores,) = score_routes(prepared, self._bench.utterances(split), [whole], scorer)
            costs = workload_costs(nsnet2_workload(prepared.network.shape, whole, self._options.bits))
            work = {WORK: costs["macs"] * FRAMES_PER_SECOND / 1e6}
            found.append(Reference(label, self._bench.measurement(scores.table, work, {}), costs))
        return [*found, *self._bench.published(split)]

    def illustrate(self, configurations: Sequence[Configuration]) -> Sequence[Illustration]:
        """Three clips of test to listen to, and the exits that frames take."""
        from evaluators.nsnet2.illustration import illustrate_routes
        from evaluators.training.threads import one_thread

        with one_thread():
            return illustrate_routes(self._prepared, self._bench.data.evaluation["test"], [*map(route, configurations)])

    def costs(self, configuration: Configuration) -> Mapping[str, float]:
        """None beside those of the workload."""
        return {}

    def workload(self, configuration: Configuration, activity: Activity | None = None) -> Workload:
        """The operators of one frame."""
        reach = None if activity is None else reach_of_activity(activity)
        return nsnet2_workload(self._shape, route(configuration), self._options.bits, reach)

    def export(self, configuration: Configuration, directory: Path) -> None:
        """Weights of the layers that are run, raw thresholds, and test vectors."""
        from evaluators.nsnet2.export import export_nsnet2

        export_nsnet2(self._prepared, route(configuration), self._bench.data.evaluation["test"][0], directory)


def _shape(options: NsNet2ExitsOptions) -> NsNet2Shape:
    preset = PRESETS[options.preset]
    return replace(
        preset,
        fc1_units=options.fc1_units or preset.fc1_units,
        gru_units=options.gru_units or preset.gru_units,
        fc2_units=options.fc2_units or preset.fc2_units,
        exits=options.exits,
        is_split=options.split,
        exit_units=options.exit_units,
    )
