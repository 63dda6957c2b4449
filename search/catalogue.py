"""What `list` shows: everything that can be named in a study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import yaml

from cost_models import COSTS, SAMPLE_COSTS, TARGET_COSTS, shipped_targets
from evaluators.metrics import METRICS
from evaluators.registry import SYSTEMS
from search.optimizers import OPTIMIZERS
from spaces import KINDS

Rows = Iterator[tuple[str, str]]
"""Names, each with one line about it."""


def _systems() -> Rows:
    yield from ((name, entry.description) for name, entry in SYSTEMS.items())
    yield "package.module:SYSTEM", "a system of your own, by import path (this runs its code)"


def _spaces() -> Rows:
    yield from ((kind.name, kind.description) for kind in KINDS.values())


def _optimizers() -> Rows:
    yield from ((name, entry.description) for name, entry in OPTIMIZERS.items())


def _metrics() -> Rows:
    yield from ((name, f"{metric.direction}; {metric.description}") for name, metric in METRICS.items())
    yield from ((name, f"min; {text}") for name, text in COSTS.items())
    yield from ((name, f"min; {text}; of slimmable_demucs") for name, text in SAMPLE_COSTS.items())
    yield from ((name, f"min; {text}; needs a target") for name, text in TARGET_COSTS.items())


def _targets() -> Rows:
    for target in shipped_targets():
        checked = "validated" if target.facts.validated else "not validated"
        yield target.name, f"{target.facts.description}; {checked}"
    yield "./FILE.yaml", "a target of your own; docs/targets.md"


def _studies() -> Rows:
    """Study files under `studies/`, each with its first comment line."""
    return _files(path for path in Path("studies").glob("**/*.yaml") if "sweeps" not in path.parts)


def _sweeps() -> Rows:
    return _files(Path("studies/sweeps").glob("*.yaml"))


def _files(paths: Iterable[Path]) -> Rows:
    for path in sorted(paths):
        with path.open(encoding="utf-8") as file:
            first = file.readline().strip()
        yield str(path), first.removeprefix("#").strip() if first.startswith("#") else _name_in(path)


def _name_in(path: Path) -> str:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        return "not YAML"
    return str(data.get("name", "")) if isinstance(data, dict) else ""


CATALOGUE: Mapping[str, Callable[[], Rows]] = {
    "systems": _systems,
    "spaces": _spaces,
    "optimizers": _optimizers,
    "targets": _targets,
    "metrics": _metrics,
    "studies": _studies,
    "sweeps": _sweeps,
}
