"""Deals speakers and sources of noise out to splits, so that nothing heard in one split is heard in another."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Literal

from evaluators.errors import DataError

Part = Literal["train", "validation", "test"]
Shares = Mapping[Part, float]


def deal_sources(kinds: Mapping[str, str], shares: Shares, seed: int, what: str) -> dict[Part, frozenset[str]]:
    """Deal sources out in the given shares, every kind alike.

    Which source comes first is decided by a hash of its name, so an additional one hardly moves the others.

    Args:
        kinds: Source -> its kind.
        shares: Part -> its share, above 0; together 1. Every part gets at least one source.
        seed: Chooses another division.
        what: What sources are, for the message: `speakers`.

    Raises:
        DataError: If there are fewer sources than parts.
    """
    if len(kinds) < len(shares):
        names = ", ".join(sorted(kinds))
        raise DataError(
            f"{len(kinds)} {what} ({names}) cannot be split into {', '.join(shares)}",
            expected=f"at least {len(shares)}",
            advice="Give more, or say in index.csv or by a pattern which files belong together",
        )
    order = fair_order(kinds, seed)
    dealt: dict[Part, frozenset[str]] = {}
    start = 0
    # The smallest parts first, so that rounding never leaves one without a source.
    for position, (part, share) in enumerate(sorted(shares.items(), key=lambda item: item[1])):
        n_parts_left = len(shares) - position - 1
        n = len(order) - start if n_parts_left == 0 else max(1, round(share * len(order)))
        end = min(start + n, len(order) - n_parts_left)
        dealt[part] = frozenset(order[start:end])
        start = end
    return dealt


def fair_order(kinds: Mapping[str, str], seed: int) -> list[str]:
    """All sources in an order of which any stretch has the kinds in nearly their overall shares."""
    rank = {source: hashlib.sha256(f"{seed}\0{source}".encode(errors="surrogateescape")).digest() for source in kinds}
    sizes = Counter(kinds.values())
    seen: Counter[str] = Counter()
    due = {}
    for source in sorted(kinds, key=lambda source: rank[source]):
        kind = kinds[source]
        due[source] = (seen[kind] + 0.5) / sizes[kind]
        seen[kind] += 1
    return sorted(kinds, key=lambda source: (due[source], rank[source]))
