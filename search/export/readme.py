"""The figures in an exported folder's README: how good the configuration is and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.display.numbers import number, unit_of

_TITLE = "# {study}, trial {trial}\n"


def with_figures(page: str, manifest: Mapping[str, Any], cycles: Mapping[str, float]) -> str:
    """A README with the figures of its export at the end.

    Args:
        page: What the system has written; empty for nothing.
        manifest: Of the export.
        cycles: What else is known of its cycles: description -> count.
    """
    head = page or _TITLE.format(**manifest)
    return f"{head}\n## Figures\n\n{_origin(manifest)}\n\n{_metrics(manifest)}\n{_costs(manifest, cycles)}"


def _origin(manifest: Mapping[str, Any]) -> str:
    target = f", target {manifest['target']}" if manifest["target"] else ""
    return f"Trial {manifest['trial']} of the study {manifest['study']}{target}; `manifest.json` has all settings."


def _metrics(manifest: Mapping[str, Any]) -> str:
    rows = (
        f"| {_named(name)} | {_score(manifest, 'validation', name)} | {_score(manifest, 'test', name)} |"
        for name in manifest["validation"]
    )
    return "\n".join(["| metric | validation | test |", "|---|---|---|", *rows]) + "\n"


def _score(manifest: Mapping[str, Any], split: str, name: str) -> str:
    if name not in manifest[split]:
        return "-"
    error = manifest[f"{split}_standard_errors"].get(name)
    spread = f" ± {number(name, error)}" if error is not None else ""
    return number(name, manifest[split][name]) + spread


def _costs(manifest: Mapping[str, Any], cycles: Mapping[str, float]) -> str:
    rows = [f"| {_named(name)} | {number(name, value)} |" for name, value in manifest["costs"].items()]
    rows += [f"| {what} | {count:,.0f} |" for what, count in cycles.items()]
    return "\n".join(["| cost | predicted |", "|---|---|", *rows]) + "\n"


def _named(name: str) -> str:
    return f"{name} ({unit_of(name)})" if unit_of(name) == "%" else name
