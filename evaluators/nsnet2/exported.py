"""Reads an exported nsNet2 back, to run its exits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from evaluators.enhancement.export import NETWORK_FILE, WEIGHTS_FILE
from evaluators.errors import DataError
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.shape import EARLY_EXITS, Exit, NsNet2Shape

EXPORT_FILES = (NETWORK_FILE, WEIGHTS_FILE)
_CONFIDENCE = "confidence."
"""Begins the names of tensors that decide where a frame leaves."""


@dataclass(frozen=True)
class TrainedNsNet2:
    """A network that was trained before, and what of it may be asked.

    Attributes:
        network: In evaluation, with the weights of all layers that its exits need; others are not to be used.
        exits: Those that may be asked, in order.
    """

    network: NsNet2
    exits: Sequence[Exit]


def read_export(directory: Path) -> TrainedNsNet2:
    """The network of a folder that `export_nsnet2` wrote.

    Raises:
        DataError: If a file is missing or damaged, or the weights of an exit are not there.
    """
    wanted = f"{' and '.join(EXPORT_FILES)} of an exported nsnet2_exits"
    try:
        description = json.loads((directory / NETWORK_FILE).read_text(encoding="utf-8"))
        exits: list[Exit] = [entry["exit"] for entry in description["exits"]]
        shape = NsNet2Shape(**description["network"])
        network = NsNet2(replace(shape, exits=tuple(e for e in EARLY_EXITS if e in exits))).eval()
        tensors = load_file(directory / WEIGHTS_FILE)
        weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(_CONFIDENCE)}
        missing = network.load_state_dict(weights, strict=False)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"cannot be read: {error!r}", where=directory, expected=wanted) from error
    needed = [name for name in missing.missing_keys if name.startswith(_parts_of(network, exits))]
    if not exits or missing.unexpected_keys or needed:
        wrong = [*needed, *missing.unexpected_keys, "an exit"][0]
        raise DataError(f"the weights do not fit the network: {wrong}", where=directory, expected=wanted)
    return TrainedNsNet2(network, exits)


def mask_of_exit(network: NsNet2, exit_: Exit, x: Tensor) -> Tensor:
    """Gains of one exit for frames that all take it; layers behind it are not run.

    Args:
        network: The network, which has the exit.
        exit_: Early exit, or `final`.
        x: Log power spectra, shape (n_sequences, n_frames, n_bins).

    Returns:
        In (0, 1), of the shape of x.
    """
    for stage in EARLY_EXITS:
        if stage == exit_:
            return network.mask(stage, network.exit_layer(stage)(x))
        x = network.trunk(stage)(x)
    return network.mask("final", x)


def _parts_of(network: NsNet2, exits: Sequence[Exit]) -> tuple[str, ...]:
    """Beginnings of the names of all weights that the exits need."""
    last = max((EARLY_EXITS.index(e) if e != "final" else len(EARLY_EXITS) for e in exits), default=0)
    n_stages = last if network.shape.is_split or "final" in exits else last + 1
    return (
        *(f"{stage}." for stage in EARLY_EXITS[:n_stages]),
        *(("fc2.", "fc3.", "fc4.") if "final" in exits else ()),
        "copies.",
        "masks.",
    )
