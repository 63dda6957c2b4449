"""What a folder of exported C says of itself, so that it can be checked without knowing which network it holds.

The folder holds `model.c`, `model.h`, the kernels `tp_*.c` and test vectors, for C and as `test_vectors.safetensors`.
The model has the functions `model_init`, `model_step` and `model_classify` and the variables `model_input` (8-bit
integers) and `model_logits` (32-bit ones).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from evaluators.storage import write_atomically

INTERFACE_FILE = "c_interface.json"
FUNCTIONS = ("model_init", "model_step", "model_classify")
INPUT, LOGITS = "model_input", "model_logits"


@dataclass(frozen=True)
class StateBuffer:
    """A variable that holds a state from step to step.

    Attributes:
        symbol: Its name in C.
        n_elements: Of the state, padding not included.
        bits: Of one stored element: 8 or 16.
    """

    symbol: str
    n_elements: int
    bits: int


@dataclass(frozen=True)
class CInterface:
    """Sizes of an exported model, and what it is predicted to take.

    Attributes:
        n_inputs: Features of a step.
        n_classes: Logits.
        states: In the order of `state0`, `state1`, ... of the test vectors.
        final_operators: Operators that run once, in `model_classify`; all others run in `model_step`.
        flash_bytes: Weights, constants, tables and code.
        code_bytes: The code alone, compiled for `core` with `flags`.
        ram_bytes: All variables; the stack comes on top.
        core, flags: What the code's bytes are for.
        checked_with: The evaluators whose logits the test vectors hold, all alike.
    """

    n_inputs: int
    n_classes: int
    states: Sequence[StateBuffer]
    final_operators: Sequence[str]
    flash_bytes: int
    code_bytes: int
    ram_bytes: int
    core: str
    flags: str
    checked_with: Sequence[str]

    def write(self, directory: Path) -> None:
        """Leave it in the folder."""
        write_atomically(directory / INTERFACE_FILE, (json.dumps(asdict(self), indent=1) + "\n").encode())

    @classmethod
    def read(cls, directory: Path) -> CInterface:
        """What `write` has written.

        Raises:
            FileNotFoundError: The folder holds no C.
        """
        data = json.loads((directory / INTERFACE_FILE).read_text(encoding="utf-8"))
        return cls(**{**data, "states": [StateBuffer(**state) for state in data["states"]]})
