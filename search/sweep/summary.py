"""What a sweep found: one row for every setting, over the seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.sweep.spec import Sweep
from search.sweep.trial import Outcome


@dataclass(frozen=True)
class Row:
    """The studies that differ by chance only.

    Attributes:
        settings: What they share.
        cells: Names of their run directories.
        outcomes: How each ended.
    """

    settings: Mapping[str, Any]
    cells: tuple[str, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def done(self) -> list[Outcome]:
        """Those that have come to their end."""
        return [outcome for outcome in self.outcomes if outcome.state == "done"]

    @property
    def title(self) -> str:
        """Its settings in one line."""
        return ", ".join(titled(key, value) for key, value in self.settings.items()) or "all"

    @property
    def problem(self) -> dict[str, Any]:
        """The settings that decide what is searched, not how: only hypervolumes of the same problem compare."""
        return {
            key: value for key, value in self.settings.items() if key.partition(".")[0] not in ("optimizer", "budget")
        }

    def document(self) -> dict[str, Any]:
        """As in the summary: median and spread of the hypervolume over those that are done."""
        volumes = [outcome.hypervolume for outcome in self.done]
        gains = [o.hypervolume / o.baseline_hypervolume - 1 for o in self.done if o.baseline_hypervolume > 0]
        return {
            "settings": dict(self.settings),
            "runs": list(self.cells),
            "n_done": len(self.done),
            "n_failed": len(self.outcomes) - len(self.done),
            "reasons": sorted({o.reason for o in self.outcomes if o.reason}),
            "hypervolume": _spread(volumes),
            "gain_over_baselines": _spread(gains),
            "front": statistics.median(o.front for o in self.done) if self.done else None,
            "seconds": round(sum(o.seconds for o in self.outcomes), 3),
        }

    def median_run(self) -> str | None:
        """The run with the median hypervolume, the lower one of two; None if none is done."""
        done = [(o.hypervolume, c) for o, c in zip(self.outcomes, self.cells, strict=True) if o.state == "done"]
        return sorted(done)[(len(done) - 1) // 2][1] if done else None


@dataclass(frozen=True)
class Summary:
    """A whole sweep.

    Attributes:
        name: Of the sweep.
        storage: Where its runs lie.
        rows: In the order of the grid.
    """

    name: str
    storage: str
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, sweep: Sweep, outcomes: Mapping[str, Outcome], storage: str) -> Summary:
        """Group the cells by everything but their seed."""
        groups: dict[str, list[int]] = {}
        for index, cell in enumerate(sweep.cells):
            groups.setdefault(json.dumps(cell.group, sort_keys=True, default=str), []).append(index)
        rows = []
        for indices in groups.values():
            names = tuple(sweep.cells[i].name for i in indices)
            rows.append(Row(sweep.cells[indices[0]].group, names, tuple(outcomes[name] for name in names)))
        return cls(sweep.options.name, storage, tuple(rows))

    @property
    def n_failed(self) -> int:
        """Studies without a result."""
        return sum(len(row.outcomes) - len(row.done) for row in self.rows)

    def document(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "sweep": self.name,
            "storage": self.storage,
            "n_studies": sum(len(row.outcomes) for row in self.rows),
            "n_failed": self.n_failed,
            "rows": [row.document() for row in self.rows],
        }

    def to_json(self) -> str:
        """The document as text."""
        return json.dumps(self.document(), indent=1, allow_nan=False) + "\n"


def titled(key: str, value: Any) -> str:
    """A setting in a few words: `nsga2`, `hidden 32`."""
    last = key.rpartition(".")[2]
    return Path(str(value)).stem if last in ("name", "study") else f"{last} {value}"


def _spread(values: list[float]) -> dict[str, float] | None:
    """Median, quartiles and extremes; None for nothing."""
    if not values:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {
        "median": statistics.median(values),
        "quartile_1": low,
        "quartile_3": high,
        "min": min(values),
        "max": max(values),
    }
