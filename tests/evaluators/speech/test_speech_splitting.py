"""Sources are dealt out whole, fairly and for good."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.errors import DataError
from evaluators.speech.splitting import deal_sources, fair_order

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
KINDS = st.dictionaries(st.text(min_size=1, max_size=5), st.sampled_from(["rain", "crowd", ""]), min_size=3)


@given(KINDS, st.integers(0, 5))
def test_every_source_goes_to_one_part(kinds, seed):
    dealt = deal_sources(kinds, SHARES, seed, "speakers")
    assert set(dealt) == set(SHARES)
    assert all(dealt.values())
    assert sorted(source for part in dealt.values() for source in part) == sorted(kinds)
    for part, share in SHARES.items():
        assert abs(len(dealt[part]) - share * len(kinds)) <= 2


@given(KINDS, st.integers(0, 5))
def test_order_of_names_does_not_matter(kinds, seed):
    turned = dict(reversed(kinds.items()))
    assert deal_sources(turned, SHARES, seed, "speakers") == deal_sources(kinds, SHARES, seed, "speakers")


def test_seed_chooses():
    kinds = {str(k): "" for k in range(100)}
    assert deal_sources(kinds, SHARES, 0, "speakers") != deal_sources(kinds, SHARES, 1, "speakers")


def test_kinds_are_spread_over_the_parts():
    kinds = {f"{kind}{k}": kind for kind in ("rain", "crowd", "hum") for k in range(10)}
    dealt = deal_sources(kinds, SHARES, 0, "sources of noise")
    for part, n_each in (("train", 8), ("validation", 1), ("test", 1)):
        assert Counter(kinds[source] for source in dealt[part]) == {"rain": n_each, "crowd": n_each, "hum": n_each}


def test_any_beginning_is_fair_to_kinds():
    kinds = {f"{kind}{k}": kind for kind, n in (("rain", 20), ("hum", 10)) for k in range(n)}
    first = Counter(kinds[source] for source in fair_order(kinds, 0)[:15])
    assert (first["rain"], first["hum"]) == (10, 5)


def test_a_new_speaker_hardly_moves_the_others():
    kinds = {f"speaker {k}": "" for k in range(100)}
    before = deal_sources(kinds, SHARES, 0, "speakers")
    after = deal_sources({**kinds, "newcomer": ""}, SHARES, 0, "speakers")
    assert sum(len(before[part] - after[part]) for part in SHARES) <= 2


def test_too_few():
    with pytest.raises(DataError, match=r"2 speakers \(ann, bob\) cannot be split into train, validation, test"):
        deal_sources({"ann": "", "bob": ""}, SHARES, 0, "speakers")
