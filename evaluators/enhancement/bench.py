"""Where enhancers are measured: clips, scores and references, which are the same whatever enhances."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cost_models import Workload, workload_costs
from evaluators.clip_tables import checked_clips
from evaluators.data import Split
from evaluators.enhancement.options import EnhancerOptions
from evaluators.metrics import METRICS, Metric
from evaluators.references import Reference
from evaluators.speech.data_options import resolved
from evaluators.system import Activity, Context, EvaluationSplit, Measurement

if TYPE_CHECKING:
    from evaluators.enhancement.utterances import Utterance
    from evaluators.speech.corpus import SpeechData
    from evaluators.speech.score_cache import ScoreCache
    from evaluators.speech.score_tables import ScoreTable
    from evaluators.speech.scoring import Scorer

SCORES_FILE = "speech_scores.jsonl"
NOISY = "noisy"


class SpeechBench:
    """The data of a study and what is measured on it; a part of every enhancer.

    Cheap to make: torch and SciPy are imported by what needs them, since whoever only checks a study does not.

    Args:
        options: The options of the enhancer.
        folder: Where relative paths start from; those not found there start from `TINYPARETO_DATA`.
        work: Further metrics, of the work that the data makes the network do; unprocessed speech takes none.
    """

    def __init__(self, options: EnhancerOptions, folder: Path, work: Sequence[str]) -> None:
        self._options = options
        self._data_options = options.data.resolved(folder)
        self._dnsmos = options.dnsmos and resolved(options.dnsmos, folder)
        self._work = tuple(work)
        self._utterances: dict[Split, list[Utterance]] = {}
        self._scores: ScoreCache | None = None

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Those asked for, and those of the work."""
        return {name: METRICS[name] for name in (*self._options.scores, *self._work)}

    @property
    def identity(self) -> str:
        """What decides a measurement beside data and weights."""
        return f"{'+'.join(self._options.scores)} {self._options.bits}"

    def prepare(self, context: Context) -> SpeechData:
        """Load the data.

        Raises:
            DataError, EvaluationError, MissingExtraError: See `load_speech_data`.
        """
        from evaluators.speech.corpus import load_speech_data

        self._cache = context.cache
        self._data: SpeechData = load_speech_data(self._data_options, context)
        self._utterances.clear()
        self._scores = None
        return self._data

    @property
    def data(self) -> SpeechData:
        """The data; after `prepare`."""
        return self._data

    def __getstate__(self) -> dict[str, Any]:
        """What another machine needs to evaluate: not what it was trained on, nor what is quickly made again."""
        state = {**self.__dict__, "_utterances": {}, "_scores": None}
        if "_data" in state:
            state["_data"] = self._data.for_evaluation()
        return state

    def facts(self, delay_ms: float) -> dict[str, Any]:
        """The data, what was left out of it, and the delay."""
        return {
            "data": self._data.description,
            "skipped_files": self._data.left_out,
            "algorithmic_delay_ms": delay_ms,
            "clips": {split: len(self._data.evaluation[split]) for split in ("validation", "test")},
        }

    def utterances(self, split: Split, fidelity: float = 1.0) -> list[Utterance]:
        """The first clips of a split, as many as the fidelity takes; each is made and transformed once."""
        from evaluators.enhancement.utterances import Utterance

        clips = self._data.evaluation[split]
        made = self._utterances.setdefault(split, [])
        n_clips = math.ceil(fidelity * len(clips))
        made += [Utterance(clips[k]) for k in range(len(made), n_clips)]
        return made[:n_clips]

    @contextmanager
    def scoring(self) -> Iterator[Scorer]:
        """A scorer of the metrics asked for, with torch on one thread as long as it is open.

        Raises:
            DataError: If files of DNSMOS are missing.
            MissingExtraError: If a package is missing.
        """
        from evaluators.speech.score_cache import ScoreCache
        from evaluators.speech.scoring import Scorer
        from evaluators.training.threads import one_thread

        if self._scores is None:
            # Read once: the file of a cache in long use takes longer to read than a candidate to measure.
            self._scores = ScoreCache(self._cache / SCORES_FILE)
        with one_thread(), Scorer(self._options.scores, self._scores, dnsmos=self._dnsmos) as scorer:
            yield scorer

    def measurement(self, table: ScoreTable, work: Mapping[str, float], activity: Activity) -> Measurement:
        """Scores with their standard errors and clip by clip, beside the metrics of the work."""
        rows = checked_clips(table.rows())
        return Measurement({**table.means(), **work}, activity, table.standard_errors(), rows)

    def noisy(self, split: EvaluationSplit) -> Reference:
        """Speech as it comes in, for no work at all."""
        from evaluators.speech.score_tables import ScoreTable
        from evaluators.speech.scoring import Scorable

        clips = [utterance.clip for utterance in self.utterances(split)]
        with self.scoring() as scorer:
            scores = scorer.score([Scorable(clip.clean, clip.noisy) for clip in clips])
        table = ScoreTable([clip.name for clip in clips], scores)
        measured = self.measurement(table, dict.fromkeys(self._work, 0.0), {})
        return Reference(NOISY, measured, workload_costs(Workload(())))

    def published(self, split: EvaluationSplit) -> list[Reference]:
        """The figures that the study quotes; they are of the test data."""
        quoted = self._options.references if split == "test" else ()
        return [Reference(q.label, Measurement({str(name): v for name, v in q.metrics.items()})) for q in quoted]
