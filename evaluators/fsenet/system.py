"""The dynamically pruned Conv-FSENet as a system: what can be searched, what it costs, how well a choice does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from cost_models import Workload, workload_costs
from evaluators.data import Split
from evaluators.enhancement.bench import SpeechBench
from evaluators.enhancement.options import EnhancerOptions
from evaluators.fsenet.pruning import METHOD, RATIOS, TARGET, Method, Pruning, knobs, pruning
from evaluators.fsenet.shape import PRESETS, Features, FsenetShape, Gating, Preset
from evaluators.fsenet.training_options import TrainingOptions
from evaluators.fsenet.workload import activity_of, fsenet_workload, weight_bytes_per_inference
from evaluators.illustrations import Illustration
from evaluators.metrics import Metric
from evaluators.references import Reference
from evaluators.speech.data_options import as_tuple
from evaluators.speech.frames import FRAMES_PER_SECOND
from evaluators.system import Activity, Context, EvaluationSplit, Measurement
from spaces import Configuration, KnobGroup

if TYPE_CHECKING:
    from evaluators.fsenet.evaluation import Enhancer, Portion
    from evaluators.fsenet.preparation import PreparedFsenet

TARGET_TOLERANCE = 0.05
"""Gates that come no nearer to their target are told of; ratios are met all the same, by thresholds."""
STATIC_RATIOS = (0.25, 0.5, 0.75, 0.9)
WORK, FETCHED = "mmacs_per_second", "weight_mbytes_per_second"
Share = Annotated[float, Field(gt=0.0, le=1.0)]


class ConvFsenetOptions(EnhancerOptions):
    """Options of `conv_fsenet`."""

    preset: Preset = Field("small", description="sizes: as published, or small enough to train in minutes")
    bottleneck: int | None = Field(
        None, ge=1, le=1024, description="channels between blocks, those that are pruned; default: the preset's"
    )
    hidden: int | None = Field(None, ge=1, le=2048, description="channels within a block; default: the preset's")
    gate_units: int = Field(8, ge=1, le=256, description="hidden units of a gate")
    gate_frames: int = Field(5, ge=1, le=100, description="frames that a gate averages over")
    causal: bool = Field(True, description="no frame waits for later ones")
    gating: Gating = Field("dynamic", description="gates see their input, or are one trained score a channel")
    features: Features = Field("log_power", description="what the network reads of a spectrum")
    targets: Annotated[tuple[Share, ...], BeforeValidator(as_tuple), Field(min_length=1)] = Field(
        (0.25,), description="shares of channels kept that gates are trained for, each a training of its own"
    )
    training: TrainingOptions = Field(TrainingOptions(), description="how the network is trained")


class ConvFsenetSystem:
    """Conv-FSENet whose gates find the channels that the current input does not need (arXiv 2412.17121).

    One inference is one frame of 16 ms.

    Args:
        options: See `ConvFsenetOptions`.
        folder: Where relative paths start from; those not found there start from `TINYPARETO_DATA`.
    """

    Options = ConvFsenetOptions

    def __init__(self, options: ConvFsenetOptions, folder: Path) -> None:
        self._options = options
        self._targets = tuple(dict.fromkeys(options.targets))
        self._training = options.training.resolved(folder)
        self._bench = SpeechBench(options, folder, [WORK, FETCHED])
        self._shape = _shape(options)
        self._portions: dict[tuple[Split, int], list[Portion]] = {}

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Those asked for, and what the data makes the network compute and fetch."""
        return self._bench.metrics

    def knobs(self) -> Mapping[str, KnobGroup]:
        """A ratio for every block, how its channels are chosen, and what the gates were trained for."""
        return knobs(self._shape.blocks, self._targets)

    def prepare(self, context: Context) -> None:
        """Load the data; train the networks unless the cache has them."""
        # Torch and SciPy are slow to import; whoever only checks a study does not need them.
        from evaluators.fsenet.evaluation import Enhancer, portions
        from evaluators.fsenet.preparation import prepare_fsenet

        data = self._bench.prepare(context)
        self._portions.clear()
        self._prepared: PreparedFsenet = prepare_fsenet(self._shape, data, self._training, self._targets, context)
        clips = self._bench.utterances("calibration")
        (calibration,) = portions(clips, self._shape.features, at_once=len(clips))
        self._enhancer: Enhancer = Enhancer(self._prepared, calibration)

    def __getstate__(self) -> dict[str, Any]:
        """All but what is quickly made again."""
        return {**self.__dict__, "_portions": {}}

    def fingerprint(self) -> str:
        """Data, weights and everything else that decides a measurement."""
        return f"conv_fsenet {self._prepared.fingerprint} {self._bench.identity}"

    def facts(self) -> Mapping[str, Any]:
        """The data, what was left out of it, the delay, and how near training came to its targets."""
        reached = {target: self._enhancer.reached(target) for target in self._targets}
        missed = [
            f"gates trained to keep a share of {target:g} keep {kept:.3f} of the calibration clips' channels; train "
            "longer or raise `target_weight`"
            for target, kept in reached.items()
            if abs(kept - target) > TARGET_TOLERANCE
        ]
        return {
            **self._bench.facts(self._shape.delay_ms),
            "kept_share_reached": {f"{target:g}": round(kept, 4) for target, kept in reached.items()},
            **({"targets_missed": missed} if missed else {}),
        }

    def evaluate(
        self, configurations: Sequence[Configuration], split: EvaluationSplit, fidelity: float = 1.0
    ) -> Sequence[Measurement]:
        """Scores with their standard errors, work, bytes fetched, and which channels blocks kept."""
        wanted = [self._pruning(configuration) for configuration in configurations]
        with self._bench.scoring() as scorer:
            found = self._enhancer.score(self._clips(split, fidelity), wanted, scorer)
        measurements = []
        for configuration, scores in zip(configurations, found, strict=True):
            activity = activity_of(self._shape, scores.use)
            workload = self.workload(configuration, activity)
            work = {
                WORK: workload_costs(workload)["macs"] * FRAMES_PER_SECOND / 1e6,
                FETCHED: weight_bytes_per_inference(workload) * FRAMES_PER_SECOND / 1e6,
            }
            measurements.append(self._bench.measurement(scores.table, work, activity))
        return measurements

    def references(self, split: EvaluationSplit) -> Sequence[Reference]:
        """Unprocessed speech, the network without gates, fixed channels at equal ratios, and what the study quotes."""
        named = {"dense network": self._uniform("dense_magnitudes", 0.0)}
        named |= {f"static, {ratio:g} pruned": self._uniform("static_scores", ratio) for ratio in STATIC_RATIOS}
        measured = zip(named.items(), self.evaluate(list(named.values()), split), strict=True)
        own = [Reference(label, found, workload_costs(self.workload(c))) for (label, c), found in measured]
        return [self._bench.noisy(split), *own, *self._bench.published(split)]

    def illustrate(self, configurations: Sequence[Configuration]) -> Sequence[Illustration]:
        """Three clips of test to listen to, and how many channels the blocks keep over time."""
        from evaluators.fsenet.illustration import illustrate_prunings
        from evaluators.training.threads import one_thread

        clips = self._bench.data.evaluation["test"]
        prunings = [self._pruning(configuration) for configuration in configurations]
        with one_thread():
            return illustrate_prunings(self._enhancer, clips, prunings)

    def costs(self, configuration: Configuration) -> Mapping[str, float]:
        """None beside those of the workload."""
        return {}

    def workload(self, configuration: Configuration, activity: Activity | None = None) -> Workload:
        """The operators of one frame."""
        return fsenet_workload(self._shape, self._pruning(configuration), self._options.bits, activity)

    def export(self, configuration: Configuration, directory: Path) -> None:
        """Folded weights, gates and thresholds, or a network without the pruned channels; and test vectors."""
        from evaluators.fsenet.export import export_fsenet

        chosen = self._pruning(configuration)
        found = self._enhancer.rules(chosen.method, chosen.target).of(chosen.ratios)
        export_fsenet(found, chosen, self._bench.data.evaluation["test"][0], directory)

    def _uniform(self, method: Method, ratio: float) -> Configuration:
        """One ratio in all blocks."""
        ratios = {f"{RATIOS}.{block}": ratio for block in self._shape.blocks}
        return {**ratios, METHOD: method, TARGET: self._targets[0]}

    def _pruning(self, configuration: Configuration) -> Pruning:
        return pruning(configuration, self._shape.blocks)

    def _clips(self, split: Split, fidelity: float) -> list[Portion]:
        """The first clips of a split, padded once."""
        from evaluators.fsenet.evaluation import portions

        clips = self._bench.utterances(split, fidelity)
        if (split, len(clips)) not in self._portions:
            self._portions[split, len(clips)] = portions(clips, self._shape.features)
        return self._portions[split, len(clips)]


def _shape(options: ConvFsenetOptions) -> FsenetShape:
    preset = PRESETS[options.preset]
    return replace(
        preset,
        bottleneck=options.bottleneck or preset.bottleneck,
        hidden=options.hidden or preset.hidden,
        gate_units=options.gate_units,
        gate_frames=options.gate_frames,
        is_causal=options.causal,
        gating=options.gating,
        features=options.features,
    )
