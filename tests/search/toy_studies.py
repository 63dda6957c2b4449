"""Studies of the toy system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search import Study


def toy_study(folder: Path | str = ".", system: dict[str, Any] | None = None, **sections: Any) -> Study:
    """A study of the toy system; sections replace those of the default."""
    data = {
        "name": "toy",
        "system": {"name": "toy_systems:Toy", **(system or {})},
        "space": {"bit_widths": {"choices": [2, 3, 4, 5, 6, 7, 8]}},
        "objectives": ["error_rate", "model_bytes"],
        "optimizer": {"name": "nsga2", "population": 8},
        "budget": {"trials": 50},
        "executor": "serial",
    }
    return Study.from_dict({**data, **sections}, folder)
