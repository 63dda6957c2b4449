"""Trained nsNet2s to be asked for masks: the published weights, or an export of `nsnet2_exits`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evaluators.errors import DataError
from evaluators.nsnet2.exported import EXPORT_FILES, TrainedNsNet2, read_export
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.reference_weights import read_reference_weights
from evaluators.nsnet2.shape import PRESETS
from evaluators.storage import HASH_LENGTH


def read_trained(weights: Path) -> TrainedNsNet2:
    """The network, in evaluation, and its exits.

    Args:
        weights: A file of the published network, which has a final exit only, or a folder that was exported.

    Raises:
        DataError: If the weights cannot be used.
    """
    if weights.is_dir():
        return read_export(weights)
    network = NsNet2(PRESETS["paper"].without_exits())
    network.load_state_dict(read_reference_weights(weights, network.shape))
    return TrainedNsNet2(network.eval(), ("final",))


def weights_identity(weights: Path) -> str:
    """Of the weights' content, for caches.

    Raises:
        DataError: If there is no such file or folder.
    """
    files = [weights / name for name in EXPORT_FILES] if weights.is_dir() else [weights]
    missing = next((path for path in files if not path.is_file()), None)
    if missing is not None:
        wanted = "nsNet2 weights as .npz, or a folder with an export of nsnet2_exits"
        raise DataError("there is no such file", where=missing, expected=wanted)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:HASH_LENGTH]
