"""The early-exiting nsNet2 as a system: what can be searched, what it costs, how well a choice does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cost_models import Workload, workload_costs
from evaluators.clip_tables import checked_clips
from evaluators.illustrations import Illustration
from evaluators.metrics import METRICS, Metric
from evaluators.nsnet2.routes import knobs, route
from evaluators.nsnet2.shape import EARLY_EXITS, PRESETS, EarlyExit, NsNet2Shape, Preset
from evaluators.nsnet2.training_options import TrainingOptions
from evaluators.nsnet2.workload import activity_of, nsnet2_workload, reach_of_activity
from evaluators.references import Reference
from evaluators.speech.data_options import AnyPath, SpeechDataOptions, SpeechMetric, as_tuple, resolved
from evaluators.speech.frames import ALGORITHMIC_DELAY_MS, FRAMES_PER_SECOND
from evaluators.system import Activity, Context, EvaluationSplit, Measurement
from spaces import Configuration, KnobGroup, Options

if TYPE_CHECKING:
    from evaluators.nsnet2.evaluation import Utterance
    from evaluators.nsnet2.preparation import PreparedNsNet2
    from evaluators.speech.corpus import SpeechData
    from evaluators.speech.scoring import Scorer

WORK = "mmacs_per_second"


def _in_order(given: tuple[EarlyExit, ...]) -> tuple[EarlyExit, ...]:
    return tuple(exit_ for exit_ in EARLY_EXITS if exit_ in given)


StaticUnits = Annotated[int, Field(ge=1, le=4096)]


class PublishedReference(Options):
    """Figures of another system on the test data."""

    label: str = Field(min_length=1, description="what it is called")
    metrics: dict[SpeechMetric | Literal["mmacs_per_second"], Annotated[float, Field(allow_inf_nan=False)]] = Field(
        description="metric -> value, with `mmacs_per_second` for its work"
    )


class NsNet2ExitsOptions(Options):
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
    data: SpeechDataOptions = Field(SpeechDataOptions(), description="speech and noise")
    training: TrainingOptions = Field(TrainingOptions(), description="how the network is trained")
    warm_start: AnyPath | None = Field(None, description=".npz file with weights of the plain network to start from")
    scores: Annotated[tuple[SpeechMetric, ...], BeforeValidator(as_tuple), Field(min_length=1)] = Field(
        ("pesq", "stoi", "si_sdr_db"), description="metrics to measure"
    )
    dnsmos: AnyPath | None = Field(None, description="folder of DNSMOS's ONNX files, for its metrics")
    static_sizes: Annotated[tuple[StaticUnits, ...], BeforeValidator(as_tuple)] = Field(
        (), description="GRU units of smaller plain networks, trained alike, to compare with; e.g. [48, 64]"
    )
    references: Annotated[tuple[PublishedReference, ...], BeforeValidator(as_tuple)] = Field(
        (), description="figures of other systems on the test data, to compare with: a list of `label` and `metrics`"
    )
    bits: Literal[8, 32] = Field(
        8, description="of weights and activations, for bytes and cycles; quality is measured in floating point"
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
        self._data_options = options.data.resolved(folder)
        self._warm_start = options.warm_start and resolved(options.warm_start, folder)
        self._dnsmos = options.dnsmos and resolved(options.dnsmos, folder)
        self._shape = _shape(options)
        self._utterances: dict[EvaluationSplit, list[Utterance]] = {}

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """Those asked for, and the work that the data makes the network do."""
        return {name: METRICS[name] for name in (*self._options.scores, WORK)}

    def knobs(self) -> Mapping[str, KnobGroup]:
        """Which exits there are, and the threshold of each early one."""
        return knobs(self._shape.exits)

    def prepare(self, context: Context) -> None:
        """Load the data; train the network and fit its confidence heads unless the cache has them."""
        # Torch and SciPy are slow to import; whoever only checks a study does not need them.
        from evaluators.nsnet2.preparation import prepare_nsnet2
        from evaluators.speech.corpus import load_speech_data

        self._context = context
        self._data: SpeechData = load_speech_data(self._data_options, context)
        self._prepared: PreparedNsNet2 = prepare_nsnet2(
            self._shape, self._data, self._options.training, self._warm_start, context
        )

        self._static = {
            f"static {units} units": prepare_nsnet2(
                self._shape.scaled(units), self._data, self._options.training, None, context
            )
            for units in self._options.static_sizes
        }

    def __getstate__(self) -> dict[str, Any]:
        """What another machine needs to evaluate: not what it was trained on, nor what is quickly made again."""
        state = {**self.__dict__, "_utterances": {}}
        if "_data" in state:
            state["_data"] = self._data.for_evaluation()
        return state

    def fingerprint(self) -> str:
        """Data, weights and everything else that decides a measurement."""
        return (
            f"nsnet2_exits by clip {self._prepared.fingerprint} {'+'.join(self._options.scores)} {self._options.bits}"
        )

    def facts(self) -> Mapping[str, Any]:
        """The data, what was left out of it, and the delay."""
        return {
            "data": self._data.description,
            "skipped_files": self._data.left_out,
            "algorithmic_delay_ms": ALGORITHMIC_DELAY_MS,
            "clips": {split: len(self._data.evaluation[split]) for split in ("validation", "test")},
        }

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> Sequence[Measurement]:
        """Scores with their standard errors, work, and the share of frames that reach each stage."""
        from evaluators.nsnet2.evaluation import score_routes
        from evaluators.training.threads import one_thread

        routes = [route(configuration) for configuration in configurations]
        clips = self._clips(split, math.ceil(fidelity * len(self._data.evaluation[split])))
        with one_thread(), self._scorer() as scorer:
            found = score_routes(self._prepared, clips, routes, scorer)
        measurements = []
        for configuration, taken, scores in zip(configurations, routes, found, strict=True):
            activity = activity_of(scores.n_leaving, taken)
            macs = workload_costs(self.workload(configuration, activity))["macs"]
            metrics = {**scores.table.means(), WORK: macs * FRAMES_PER_SECOND / 1e6}
            measurements.append(
                Measurement(metrics, activity, scores.table.standard_errors(), checked_clips(scores.table.rows()))
            )
        return measurements

    def references(self, split: EvaluationSplit) -> Sequence[Reference]:
        """Unprocessed speech, the smaller plain networks and, on test, the published figures."""
        from evaluators.nsnet2.references import measured_references
        from evaluators.training.threads import one_thread

        clips = self._clips(split, len(self._data.evaluation[split]))
        with one_thread(), self._scorer() as scorer:
            found = measured_references(clips, self._static, scorer, self._options.bits)
        published = self._options.references if split == "test" else ()
        return [
            *found,
            *(Reference(p.label, Measurement({str(name): v for name, v in p.metrics.items()})) for p in published),
        ]

    def illustrate(self, configurations: Sequence[Configuration]) -> Sequence[Illustration]:
        """Three clips of test to listen to, and the exits that frames take."""
        from evaluators.nsnet2.illustration import illustrate_routes
        from evaluators.training.threads import one_thread

        with one_thread():
            return illustrate_routes(self._prepared, self._data.evaluation["test"], [route(c) for c in configurations])

    def _scorer(self) -> Scorer:
        from evaluators.speech.score_cache import ScoreCache
        from evaluators.speech.scoring import Scorer

        return Scorer(self._options.scores, ScoreCache(self._score_file), dnsmos=self._dnsmos)

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

        export_nsnet2(self._prepared, route(configuration), self._data.evaluation["test"][0], directory)

    @property
    def _score_file(self) -> Path:
        return self._context.cache / "speech_scores.jsonl"

    def _clips(self, split: EvaluationSplit, n_clips: int) -> list[Utterance]:
        """The first clips of a split, transformed once."""
        from evaluators.nsnet2.evaluation import utterances

        if len(self._utterances.get(split, ())) < n_clips:
            self._utterances[split] = utterances(self._data.evaluation[split], n_clips)
        return self._utterances[split][:n_clips]


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
