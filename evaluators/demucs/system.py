"""The slimmable DEMUCS as a system: what can be searched, what it costs, how well a choice does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cost_models import Workload, workload_costs
from evaluators.data import Split
from evaluators.demucs.aims import Aim, Routed, aims, routed_of, router_knobs
from evaluators.demucs.router_shape import RouterShape
from evaluators.demucs.schedules import Schedule, schedule_knobs, schedule_of, uniform
from evaluators.demucs.shape import PRESETS, DemucsShape, Preset, shape_errors, uf_errors
from evaluators.demucs.training_options import TrainingOptions
from evaluators.demucs.workload import activity_of, demucs_workload, routed_workload
from evaluators.enhancement.bench import SpeechBench
from evaluators.enhancement.options import EnhancerOptions
from evaluators.illustrations import Illustration
from evaluators.metrics import Metric
from evaluators.references import Reference
from evaluators.speech.data_options import as_tuple
from evaluators.system import Activity, Context, EvaluationSplit, Measurement
from spaces import Configuration, KnobGroup

if TYPE_CHECKING:
    from evaluators.demucs.evaluation import Portion
    from evaluators.demucs.preparation import PreparedDemucs

TARGET_TOLERANCE = 0.05
"""Routers that come no nearer to their target are told of."""
WORK = "mmacs_per_second"


def _numbers(value: Any) -> Any:
    """A list of a study as a tuple of floats."""
    value = as_tuple(value)
    if not isinstance(value, tuple):
        return value
    return tuple(float(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in value)


def _rising(ufs: tuple[float, ...]) -> tuple[float, ...]:
    for told in uf_errors(ufs):
        raise ValueError(told)
    return ufs


Ufs = Annotated[tuple[float, ...], BeforeValidator(_numbers), AfterValidator(_rising)]
Target = Annotated[float, Field(gt=0.0, lt=1.0)]
Weight = Annotated[float, Field(ge=0.0, le=1000.0)]
Targets = Annotated[tuple[Target, ...], BeforeValidator(_numbers), Field(min_length=1)]
Weights = Annotated[tuple[Weight, ...], BeforeValidator(_numbers), Field(min_length=1)]


class SlimmableDemucsOptions(EnhancerOptions):
    """Options of `slimmable_demucs`."""

    preset: Preset = Field("small", description="sizes: as published, or small enough to train in minutes")
    hidden: int | None = Field(
        None, ge=1, le=512, description="channels of the first block, doubled by each; default: the preset's"
    )
    depth: int | None = Field(None, ge=1, le=8, description="blocks of the encoder; default: the preset's")
    kernel: int | None = Field(None, ge=1, le=64, description="taps, a multiple of the stride; default: the preset's")
    stride: int | None = Field(None, ge=2, le=16, description="of every block; default: the preset's")
    upsampling: int | None = Field(
        None, ge=1, le=8, description="of the sound before the first block, a power of two; default: the preset's"
    )
    groups: int | None = Field(
        None, ge=1, le=64, description="recurrent units side by side in the bottleneck; default: the preset's"
    )
    ufs: Ufs = Field((0.125, 0.25, 0.5, 1.0), description="utilization factors that are trained, rising, in (0, 1]")
    control: Literal["schedule", "router"] = Field(
        "schedule", description="what sets the factors: a schedule, one for every block; or a router, step by step"
    )
    router_units: int = Field(16, ge=1, le=256, description="channels of the router")
    targets: Targets = Field((0.25, 0.5), description="mean factors that routers are trained towards, in (0, 1)")
    betas: Weights = Field((1.0,), description="weights of the distance from the target; each another training")
    gammas: Weights = Field((0.1,), description="weights of unequal use of the factors; each another training")
    training: TrainingOptions = Field(TrainingOptions(), description="how the networks are trained")

    @model_validator(mode="after")
    def _sizes_fit(self) -> SlimmableDemucsOptions:
        for told in shape_errors(_shape(self)):
            raise ValueError(told)
        return self


class SlimmableDemucs:
    """DEMUCS whose blocks run at part of their width, by a schedule or by a router (arXiv 2507.04879).

    One inference is one step of the bottleneck, 16 ms in both presets.

    Args:
        options: See `SlimmableDemucsOptions`.
        folder: Where relative paths start from; those not found there start from `TINYPARETO_DATA`.
    """

    Options = SlimmableDemucsOptions

    def __init__(self, options: SlimmableDemucsOptions, folder: Path) -> None:
        self._options = options
        self._bench = SpeechBench(options, folder, [WORK])
        self._shape = _shape(options)
        self._router = RouterShape(options.router_units)
        self._trained_for = [tuple(dict.fromkeys(v)) for v in (options.targets, options.betas, options.gammas)]
        self._portions: dict[tuple[Split, int], list[Portion]] = {}

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Those asked for, and the work that the data makes the network do."""
        return self._bench.metrics

    def knobs(self) -> Mapping[str, KnobGroup]:
        """A factor for every block; or what the router was trained towards, and its leaning."""
        return router_knobs(*self._trained_for) if self._is_routed else schedule_knobs(self._shape)

    def prepare(self, context: Context) -> None:
        """Load the data; train the network and its routers unless the cache has them."""
        # Torch and SciPy are slow to import; whoever only checks a study does not need them.
        from evaluators.demucs.preparation import prepare_demucs

        data = self._bench.prepare(context)
        self._portions.clear()
        wanted = aims(*self._trained_for) if self._is_routed else []
        self._prepared: PreparedDemucs = prepare_demucs(
            self._shape, self._router, data, self._options.training, wanted, context
        )

    def __getstate__(self) -> dict[str, Any]:
        """All but what is quickly made again."""
        return {**self.__dict__, "_portions": {}}

    def fingerprint(self) -> str:
        """Data, weights and everything else that decides a measurement."""
        return f"slimmable_demucs {self._prepared.fingerprint} {self._bench.identity}"

    def facts(self) -> Mapping[str, Any]:
        """The data, what was left out of it, the delay, and how near routers came to what they were trained towards."""
        facts = self._bench.facts(self._shape.delay_ms)
        if not self._is_routed:
            return facts
        reached = self._utilizations()
        missed = [
            f"the router trained towards a utilization of {_named(aim)} comes to {mean:.3f} on the calibration clips, "
            "however it leans: it hardly tells one step from another; train it longer"
            for aim, mean in reached.items()
            if abs(mean - aim.utilization) > TARGET_TOLERANCE
        ]
        shown = {_named(aim): round(mean, 4) for aim, mean in reached.items()}
        stopped = [
            f"the router trained towards a utilization of {_named(aim)} was not trained jointly: another one, which "
            "uses no more, makes a clearly smaller error"
            for aim in self._prepared.stopped
        ]
        told = {"targets_missed": missed, "trainings_stopped": stopped}
        return {**facts, "utilization_reached": shown, **{name: lines for name, lines in told.items() if lines}}

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> Sequence[Measurement]:
        """Scores with their standard errors and work; of routers, the share of time at each factor."""
        if self._is_routed:
            return self._evaluate_routed([routed_of(c) for c in configurations], split, fidelity)
        schedules = [schedule_of(configuration, self._shape) for configuration in configurations]
        return self._evaluate_schedules(schedules, split, fidelity)

    def references(self, split: EvaluationSplit) -> Sequence[Reference]:
        """Unprocessed speech and what the study quotes; for routers, the backbone at each of its factors."""
        found = [self._bench.noisy(split)]
        if self._is_routed:
            staircase = [uniform(self._shape, uf) for uf in self._shape.ufs]
            for schedule, measured in zip(staircase, self._evaluate_schedules(staircase, split, 1.0), strict=True):
                costs = workload_costs(demucs_workload(self._shape, schedule, self._options.bits))
                found.append(Reference(f"static UF {schedule[0]:g}", measured, costs))
        return [*found, *self._bench.published(split)]

    def illustrate(self, configurations: Sequence[Configuration]) -> Sequence[Illustration]:
        """Three clips of test to listen to, and the factors that routers choose over time."""
        from evaluators.demucs.illustration import illustrate
        from evaluators.training.threads import one_thread

        chosen = [self._chosen(configuration) for configuration in configurations]
        with one_thread():
            return illustrate(self._shape, self._prepared, self._bench.data.evaluation["test"], chosen)

    def costs(self, configuration: Configuration) -> Mapping[str, float]:
        """None beside those of the workload."""
        return {}

    def workload(self, configuration: Configuration, activity: Activity | None = None) -> Workload:
        """The operators of one step of the bottleneck."""
        if self._is_routed:
            return routed_workload(self._shape, self._router, self._options.bits, activity)
        return demucs_workload(self._shape, schedule_of(configuration, self._shape), self._options.bits)

    def export(self, configuration: Configuration, directory: Path) -> None:
        """The weights that a schedule keeps, or all of them with the router; and test vectors."""
        from evaluators.demucs.export import export_demucs

        clip = self._bench.data.evaluation["test"][0]
        export_demucs(self._shape, self._prepared, self._chosen(configuration), clip, directory)

    @property
    def _is_routed(self) -> bool:
        return self._options.control == "router"

    def _chosen(self, configuration: Configuration) -> Schedule | Routed:
        return routed_of(configuration) if self._is_routed else schedule_of(configuration, self._shape)

    def _evaluate_schedules(
        self, schedules: Sequence[Schedule], split: EvaluationSplit, fidelity: float
    ) -> list[Measurement]:
        from evaluators.demucs.evaluation import score_schedules

        with self._bench.scoring() as scorer:
            tables = score_schedules(self._prepared.backbone, self._clips(split, fidelity), schedules, scorer)
        works = [self._work(demucs_workload(self._shape, s, self._options.bits)) for s in schedules]
        return [self._bench.measurement(table, work, {}) for table, work in zip(tables, works, strict=True)]

    def _evaluate_routed(self, wanted: Sequence[Routed], split: EvaluationSplit, fidelity: float) -> list[Measurement]:
        from evaluators.demucs.evaluation import score_routed

        with self._bench.scoring() as scorer:
            found = score_routed(self._prepared.routed, self._clips(split, fidelity), wanted, scorer)
        measurements = []
        for scores in found:
            activity = activity_of(self._shape, scores.n_steps)
            work = self._work(routed_workload(self._shape, self._router, self._options.bits, activity))
            measurements.append(self._bench.measurement(scores.table, work, activity))
        return measurements

    def _work(self, workload: Workload) -> dict[str, float]:
        return {WORK: workload_costs(workload)["macs"] * self._shape.steps_per_second / 1e6}

    def _utilizations(self) -> dict[Aim, float]:
        """Mean factors that routers choose on calibration clips."""
        from evaluators.demucs.evaluation import mean_utilization, portions
        from evaluators.training.threads import one_thread

        clips = self._bench.data.evaluation["calibration"]
        with one_thread():
            heard = portions(self._shape, [clips[k] for k in range(len(clips))])
            return {aim: mean_utilization(network, heard) for aim, network in self._prepared.routed.items()}

    def _clips(self, split: Split, fidelity: float) -> list[Portion]:
        """The first clips of a split, made ready once."""
        from evaluators.demucs.evaluation import portions

        clips = [utterance.clip for utterance in self._bench.utterances(split, fidelity)]
        if (split, len(clips)) not in self._portions:
            self._portions[split, len(clips)] = portions(self._shape, clips)
        return self._portions[split, len(clips)]


def _named(aim: Aim) -> str:
    return f"{aim.utilization:g} (beta {aim.beta:g}, gamma {aim.gamma:g})"


def _shape(options: SlimmableDemucsOptions) -> DemucsShape:
    preset = PRESETS[options.preset]
    names = ("hidden", "depth", "kernel", "stride", "upsampling", "groups")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    return replace(preset, ufs=options.ufs, **given)
