"""Trained Conv-FSENets, one without gates and one for every target of the gates, kept in the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from evaluators.fsenet.folded import FoldedFsenet, folded
from evaluators.fsenet.pruning import Method
from evaluators.fsenet.shape import FsenetShape
from evaluators.fsenet.training import gates_key, train_dense, train_gates
from evaluators.fsenet.training_options import TrainingOptions
from evaluators.speech.corpus import SpeechData
from evaluators.storage import settings_hash
from evaluators.system import Context

PREPARATION_VERSION = 4
"""To be raised whenever the same weights give other thresholds or other sound; measurements kept before are ignored."""


@dataclass(frozen=True)
class PreparedFsenet:
    """What an evaluation needs.

    Attributes:
        dense: Trained without gates.
        gated: Target -> trained with gates towards it.
        fingerprint: Identity of data, training and arithmetic.
    """

    dense: FoldedFsenet
    gated: Mapping[float, FoldedFsenet]
    fingerprint: str

    def network(self, method: Method, target: float) -> FoldedFsenet:
        """The network that a method prunes."""
        return self.dense if method == "dense_magnitudes" else self.gated[target]


def prepare_fsenet(
    shape: FsenetShape,
    data: SpeechData,
    training: TrainingOptions,
    targets: Sequence[float],
    context: Context,
) -> PreparedFsenet:
    """Train the networks, or take them from the cache.

    Raises:
        EvaluationError: If a training fails.
    """
    dense = train_dense(shape, data, training, context)
    gated = {target: folded(train_gates(dense, target, data, training, context)) for target in targets}
    keys = [gates_key(shape, target, data, training) for target in targets]
    settings = {"version": PREPARATION_VERSION, "data": data.fingerprint, "networks": keys}
    with torch.no_grad():
        return PreparedFsenet(folded(dense), gated, settings_hash(settings))
