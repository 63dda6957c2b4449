"""What early exits are compared with: speech as it comes in, and plain networks of less work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cost_models import Workload, workload_costs
from evaluators.clip_tables import checked_clips
from evaluators.nsnet2.evaluation import Utterance, score_routes
from evaluators.nsnet2.preparation import PreparedNsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.workload import nsnet2_workload
from evaluators.references import Reference
from evaluators.speech.frames import FRAMES_PER_SECOND
from evaluators.speech.score_tables import ScoreTable
from evaluators.speech.scoring import Scorable, Scorer
from evaluators.system import Measurement

WHOLE = Route((), "final")
NOISY = "noisy"


def measured_references(
    clips: Sequence[Utterance], static: Mapping[str, PreparedNsNet2], scorer: Scorer, bits: int
) -> list[Reference]:
    """Unprocessed speech, then every plain network, measured on the same clips.

    Args:
        clips: What to measure on.
        static: Label -> trained network without exits.
        scorer: Of the metrics that the search measures.
        bits: Of weights and activations as deployed.
    """
    unprocessed = scorer.score([Scorable(u.clip.clean, u.clip.noisy) for u in clips])
    references = [_reference(NOISY, ScoreTable([u.clip.name for u in clips], unprocessed), Workload(()))]
    for label, prepared in static.items():
        (scores,) = score_routes(prepared, clips, [WHOLE], scorer)
        references.append(_reference(label, scores.table, nsnet2_workload(prepared.network.shape, WHOLE, bits)))
    return references


def _reference(label: str, table: ScoreTable, workload: Workload) -> Reference:
    costs = workload_costs(workload)
    metrics = {**table.means(), "mmacs_per_second": costs["macs"] * FRAMES_PER_SECOND / 1e6}
    return Reference(label, Measurement(metrics, {}, table.standard_errors(), checked_clips(table.rows())), costs)
