"""What `cost` shows: the costs of a configuration of a study, or of any network given as an operator table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cost_models import CostReport, cost_report, load_target, read_workload
from search.study import Study
from spaces import Configuration, Value

UNKNOWN_TARGET = "generic"
"""What a workload file is costed for, unless its user says."""


@dataclass(frozen=True)
class Costing:
    """Costs, and what they are the costs of.

    Attributes:
        configuration: Of a study; empty for a workload file.
        target: Name; empty for none.
        report: The costs, operator by operator.
    """

    configuration: Configuration
    target: str
    report: CostReport

    def document(self) -> dict[str, Any]:
        """As `cost --json` prints it."""
        return {
            "configuration": dict(self.configuration),
            "target": self.target,
            "costs": dict(self.report.costs),
            "operators": [asdict(op) for op in self.report.operators],
        }


def cost_study(path: Path, overrides: Sequence[str], knobs: Mapping[str, Value], target: str | None) -> Costing:
    """Cost a configuration of a study: its defaults, with some knobs fixed.

    Args:
        path: The study file.
        overrides: Assignments as for `--set`.
        knobs: Pattern -> value.
        target: Instead of the study's; a path is relative to the working directory.

    Raises:
        UserError: The study, a knob or the target is wrong, or the target has no kernel for an operator.
    """
    if target is not None:
        load_target(target, Path())  # told without a detour through the study
        overrides = [*overrides, f"target={json.dumps(_from_here(target))}"]
    study = Study.from_yaml(path, overrides)
    configuration = study.configuration(knobs)
    return Costing(configuration, study.target.name if study.target else "", study.costs(configuration))


def cost_workload(path: Path, target: str | None) -> Costing:
    """Cost an operator table.

    Args:
        path: The workload file.
        target: Name, or path relative to the working directory.

    Raises:
        UserError: The file or the target is wrong, or the target has no kernel for an operator.
    """
    chosen = load_target(target or UNKNOWN_TARGET, Path())
    return Costing({}, chosen.name, cost_report(read_workload(path), chosen))


def _from_here(target: str) -> str:
    """A path that leads to the same file from a study's folder; names stay as they are."""
    return str(Path(target).resolve()) if "/" in target or target.endswith((".yaml", ".yml", ".json")) else target
