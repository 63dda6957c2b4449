"""Writes a target as a file that can be read again."""

from __future__ import annotations

import yaml

from cost_models.target import TargetFile


class _Dumper(yaml.SafeDumper):
    """Writes every text once, without anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def target_text(facts: TargetFile) -> str:
    """The target file in YAML, what is left to defaults left out."""
    return yaml.dump(
        facts.model_dump(mode="json", exclude_defaults=True),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=True,
        width=120,
    )
