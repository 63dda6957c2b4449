"""Where a search begins, after the homogeneous configurations."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from search.optimizers.guided.encoding import Codes, Encoding

MOST_ALONE = 40
"""Knobs up to which each is lowered alone."""


def one_at_a_time(encoding: Encoding, rng: np.random.Generator) -> Codes:
    """From the default, every knob alone at its second level counted from its other end: what does each one matter?"""
    base = encoding.codes([encoding.space.defaults])[0]
    rows = []
    for knob in rng.permutation(encoding.n_knobs)[:MOST_ALONE]:
        upper = encoding.upper[knob]
        row = base.copy()
        if encoding.is_label[knob]:
            row[knob] = (base[knob] + 1 + rng.integers(upper)) % (upper + 1)
        elif encoding.is_real[knob]:
            row[knob] = 0.15 if base[knob] > 0.5 else 0.85
        else:
            inside = min(1.0, upper - 1) if upper > 1 else 0.0
            row[knob] = inside if base[knob] > upper / 2 else upper - inside
        rows.append(row)
    return np.array(rows).reshape(-1, encoding.n_knobs)


def spread_out(encoding: Encoding, n: int, rng: np.random.Generator) -> Codes:
    """A Latin hypercube."""
    unit = qmc.LatinHypercube(encoding.n_knobs, rng=rng).random(n)
    listed = np.minimum(np.floor(unit * (encoding.upper + 1)), encoding.upper)
    return encoding.rounded(np.where(encoding.is_real, unit, listed))
