"""The figures that a report opens with, each worked out from the front document and the records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.report.hypervolume import feasible_baselines, volume_of
from search.report.text import number
from search.report.view import Member, RunView, Split

TOLERANCE = 0.005
"""How much more error than the best 8-bit baseline counts as about as good: half a percentage point."""

_EIGHT_BITS = re.compile(r"8[ -]bits?\b")


@dataclass(frozen=True)
class KeyFigure:
    """One number worth knowing first; none of it escaped.

    Attributes:
        label: What it is.
        value: The number with its unit.
        note: What it is compared with or made of.
    """

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Smallest:
    """The smallest front member that is about as good as the best 8-bit baseline, both judged on validation."""

    member: Member
    baseline: Member


def key_figures(run: RunView) -> Iterator[KeyFigure]:
    """Trials, front, gain over the homogeneous baselines and, where it can be told, the smallest good member."""
    yield KeyFigure("trials", number(len(run.validation_records)), states_text(run))
    size = number(len(run.members))
    if run.is_feasible:
        counted = [_counted(len(run.baselines), "baseline")]
        counted += [_counted(len(run.references), "reference")] if run.references else []
        yield KeyFigure("on the front", size, f"beside {' and '.join(counted)}")
    else:
        yield KeyFigure("least violating", size, "no trial keeps to all constraints")
    gain = baseline_gain(run)
    if gain is not None:
        sign = "+" if gain >= 0 else "−"
        yield KeyFigure("hypervolume", f"{sign}{number(abs(gain) * 100, 3)} %", "against homogeneous baselines")
    smallest = smallest_good(run)
    if smallest is not None:
        yield _smallest_figure(run, smallest)


def baseline_gain(run: RunView) -> float | None:
    """How much hypervolume the front has beyond that of the homogeneous baselines, as a share of theirs."""
    if run.reference_point is None or not run.is_feasible:
        return None
    baseline = volume_of(run, feasible_baselines(run), run.reference_point)
    return volume_of(run, run.members, run.reference_point) / baseline - 1.0 if baseline > 0 else None


def smallest_good(run: RunView) -> Smallest | None:
    """The front member of least `model_bytes` within `TOLERANCE` of the `error_rate` of the best 8-bit baseline.

    None where either is not known, or no member is as good.
    """
    eight = [b for b in feasible_baselines(run) if _EIGHT_BITS.match(b.label)]
    baseline = min(
        (b for b in eight if b.value("error_rate") is not None), key=lambda b: _value(b, "error_rate"), default=None
    )
    if baseline is None or not run.is_feasible or baseline.value("model_bytes") is None:
        return None
    # The margin for rounding lets a difference of exactly the tolerance count as within it.
    limit = _value(baseline, "error_rate") + TOLERANCE + 1e-12
    good = [m for m in run.members if (e := m.value("error_rate")) is not None and e <= limit]
    sized = [m for m in good if m.value("model_bytes") is not None]
    member = min(sized, key=lambda m: _value(m, "model_bytes"), default=None)
    return None if member is None else Smallest(member, baseline)


def states_text(run: RunView) -> str:
    """How the trials ended: `940 done, 60 infeasible`."""
    counts = Counter(r.state for r in run.validation_records)
    return ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in counts.most_common()) or "none"


def unfinished(run: RunView, limit: int = 8) -> Sequence[tuple[str, str, int]]:
    """The most frequent (state, reason, number of trials) of what is not done."""
    counts = Counter((r.state.replace("_", " "), r.reason) for r in run.validation_records if r.state != "done")
    return [(state, reason, n) for (state, reason), n in counts.most_common(limit)]


def _smallest_figure(run: RunView, found: Smallest) -> KeyFigure:
    size, reference = found.member.value("model_bytes"), found.baseline.value("model_bytes")
    error = run.quantity("error_rate")
    both = (found.member, found.baseline)
    split: Split = "test" if all(m.value("error_rate", "test") is not None for m in both) else "validation"
    ours, theirs = (error.show(m.value("error_rate", split)) for m in both)
    less = (
        ""
        if not size or not reference
        else f"{number(reference / size, 3)} times smaller than {found.baseline.label}, "
    )
    note = f"{less}validation error within 0.5 points; {split} error {ours} against {theirs}"
    return KeyFigure("smallest good model", run.quantity("model_bytes").show(size), note)


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _value(member: Member, name: str) -> float:
    value = member.value(name)
    assert value is not None, "filtered before"
    return value
