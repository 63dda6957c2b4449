"""Which trial of a run to export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.constraints import Constraint, parse_constraint
from search.errors import SpecError
from spaces import Problem, nearest, unknown


@dataclass(frozen=True)
class Choice:
    """A trial by number, by pick, or by bounds; by default the knee.

    Attributes:
        trial: Number of any trial that is done.
        pick: `knee`, or the name of an objective: the front member that is best in it.
        where: Bounds such as `error_rate <= 0.05`. Of the front members that keep to them, the one that is best in
            the first objective without a bound (or in the first one, if all have bounds).
    """

    trial: int | None = None
    pick: str | None = None
    where: tuple[str, ...] = ()

    def of(self, document: Mapping[str, Any]) -> int:
        """The number of the chosen trial.

        Raises:
            SpecError: If the choice is not possible.
        """
        if sum((self.trial is not None, self.pick is not None, bool(self.where))) > 1:
            raise SpecError.plain("--trial, --pick and --where exclude each other")
        if self.trial is not None:
            return self.trial
        if not document["is_feasible"]:
            raise SpecError.plain("no trial keeps to every constraint", "--trial N for one that does not")
        if self.where:
            return self._by_bounds(document)
        if self.pick in (None, "knee"):
            return int(document["knee"])
        if self.pick not in document["objectives"]:
            raise SpecError([unknown(("--pick",), "pick", str(self.pick), ["knee", *document["objectives"]])])
        return _best(document["trials"], str(self.pick), document)

    def _by_bounds(self, document: Mapping[str, Any]) -> int:
        bounds = [_bound(text, document) for text in self.where]
        members = [t for t in document["trials"] if all(b.violation(_values(t)) == 0 for b in bounds)]
        if not members:
            raise SpecError.plain(f"no front member has {' and '.join(str(b) for b in bounds)}", _ranges(document))
        bounded = {bound.name for bound in bounds}
        free = [name for name in document["objectives"] if name not in bounded] or document["objectives"]
        return _best(members, free[0], document)


def _bound(text: str, document: Mapping[str, Any]) -> Constraint:
    try:
        bound = parse_constraint(text)
    except ValueError as error:
        raise SpecError([Problem(("--where",), str(error), "NAME <= NUMBER or NAME >= NUMBER")]) from error
    known = list(_values(document["trials"][0]))
    if bound.name not in known:
        problem = Problem(
            ("--where",), f'unknown metric or cost "{bound.name}"', ", ".join(known), nearest(bound.name, known)
        )
        raise SpecError([problem])
    return bound


def _values(trial: Mapping[str, Any]) -> dict[str, float]:
    return {**trial["costs"], **trial["validation"]}


def _best(trials: Sequence[Mapping[str, Any]], name: str, document: Mapping[str, Any]) -> int:
    sign = 1.0 if document["directions"][name] == "min" else -1.0
    return int(min(trials, key=lambda t: (sign * _values(t)[name], t["trial"]))["trial"])


def _ranges(document: Mapping[str, Any]) -> str:
    parts = []
    for name in document["objectives"]:
        values = [_values(t)[name] for t in document["trials"]]
        parts.append(f"{name} from {min(values):.6g} to {max(values):.6g} on the front")
    return ", ".join(parts)
