"""The rules of a study file that narrow a system's knobs down to a space."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spaces.kinds import Kind, kind_of
from spaces.knobs import Choices, Knob, KnobGroup
from spaces.parameters import Categorical, Continuous, Ordered, Parameter, Value, parameter_of
from spaces.problems import Path, Problem, nearest, shown
from spaces.space import Space


@dataclass(frozen=True)
class Rule:
    """One entry of a study's `space`: the knobs that a pattern selects, and what each may be.

    Attributes:
        patterns: Shell patterns, matched against the whole name or any part of it that starts after a dot.
        choices: Values to choose from, or None where `low` and `high` are given.
        low, high: Ends of an interval.
        path: Where the rule stands in the study file.
    """

    patterns: tuple[str, ...]
    choices: tuple[Value, ...] | None
    low: float | None
    high: float | None
    path: Path

    def selects(self, name: str) -> bool:
        """Whether the rule is about the knob `name`."""
        return any(matches(name, pattern) for pattern in self.patterns)


def matches(name: str, pattern: str) -> bool:
    """Whether `pattern` matches the whole `name` or the part after any of its dots.

    >>> matches("gru0.input_reset", "input_*"), matches("gru0.input_reset", "gru1.*")
    (True, False)
    """
    parts = name.split(".")
    return any(fnmatch.fnmatchcase(".".join(parts[start:]), pattern) for start in range(len(parts)))


def build_space(
    rules: Mapping[str, Sequence[Rule]], groups: Mapping[str, KnobGroup]
) -> tuple[Space | None, list[Problem]]:
    """Narrow a system's knobs down to the space of a study.

    Knobs that no rule selects stay at their default. Where several rules select a knob, the first one holds.

    Args:
        rules: Kind -> rules in the order of the study file.
        groups: Kind -> the system's knobs of that kind.

    Returns:
        The space, or None if there is any problem, and all problems found.
    """
    problems = [problem for kind, entries in rules.items() for problem in _rule_problems(kind, entries, groups)]
    if problems:
        return None, problems
    parameters: list[Parameter] = []
    defaults: dict[str, Value] = {}
    for kind, group in groups.items():
        for name, knob in group.items():
            full = f"{kind}.{name}"
            rule = next((r for r in rules.get(kind, ()) if r.selects(name)), None)
            parameter = _parameter(full, rule, knob)
            parameters.append(parameter)
            defaults[full] = _closest(parameter, knob.default)
    conditions = {
        f"{kind}.{name}": knob.condition
        for kind, group in groups.items()
        for name, knob in group.items()
        if knob.condition is not None
    }
    return Space(tuple(parameters), defaults, conditions), []


def _rule_problems(kind: str, rules: Sequence[Rule], groups: Mapping[str, KnobGroup]) -> Iterator[Problem]:
    group = groups.get(kind)
    if group is None:
        allowed = sorted(groups)
        yield Problem(
            ("space", kind),
            f'the system has no knobs of kind "{kind}"',
            ", ".join(allowed),
            nearest(kind, allowed),
        )
        return
    taken: set[str] = set()
    for rule in rules:
        selected = {name: knob for name, knob in group.items() if rule.selects(name)}
        yield from _pattern_problems(rule, kind_of(kind), group)
        yield from _value_problems(rule, kind_of(kind), selected)
        if selected and taken.issuperset(selected):
            yield Problem(rule.path, "has no effect: earlier rules select the same knobs, and the first one holds")
        taken.update(selected)


def _pattern_problems(rule: Rule, kind: Kind, group: KnobGroup) -> Iterator[Problem]:
    for pattern in rule.patterns:
        if not any(matches(name, pattern) for name in group):
            short = sorted({name.split(".", 1)[-1] for name in group} | set(group))
            yield Problem(
                (*rule.path, kind.selector),
                f'"{pattern}" matches no {kind.selector.removesuffix("s")} of the system',
                ", ".join(group),
                nearest(pattern, short),
            )


def _value_problems(rule: Rule, kind: Kind, selected: KnobGroup) -> Iterator[Problem]:
    if rule.choices is not None:
        if not rule.choices:
            yield Problem((*rule.path, "choices"), "no choices given", _allowed(selected))
        for index, choice in enumerate(rule.choices):
            refusing = {name: knob for name, knob in selected.items() if not knob.domain.contains(choice)}
            if refusing:
                name, knob = next(iter(refusing.items()))
                told = kind.show(choice) if kind.unit and not isinstance(choice, str) else shown(choice)
                yield Problem((*rule.path, "choices", index), f"{told} is not what {name} takes", str(knob.domain))
    elif rule.low is None or rule.high is None:
        yield Problem(rule.path, "neither choices nor both low and high are given", _allowed(selected))
    elif not (math.isfinite(rule.low) and math.isfinite(rule.high) and rule.low < rule.high):
        yield Problem(rule.path, f"low {rule.low:g} is not below high {rule.high:g}", _allowed(selected))
    else:
        for name, knob in selected.items():
            if isinstance(knob.domain, Choices):
                yield Problem(rule.path, f"{name} takes no interval", f"choices out of {knob.domain}")
                return
            for key, bound in (("low", rule.low), ("high", rule.high)):
                if not knob.domain.contains(bound):
                    yield Problem((*rule.path, key), f"{bound:g} is outside what {name} takes", str(knob.domain))
                    return


def _allowed(selected: KnobGroup) -> str:
    return " / ".join(dict.fromkeys(str(knob.domain) for knob in selected.values()))


def _parameter(name: str, rule: Rule | None, knob: Knob) -> Parameter:
    if rule is None:
        return parameter_of(name, (knob.default,))
    if rule.choices is not None:
        return parameter_of(name, rule.choices)
    if rule.low is None or rule.high is None:
        raise ValueError(f"{name}: the rule was not checked")
    return Continuous(name, rule.low, rule.high)


def _closest(parameter: Parameter, default: Value) -> Value:
    match parameter:
        case Categorical():
            return default if parameter.contains(default) else parameter.choices[0]
        case Ordered() if isinstance(default, str):
            return parameter.choices[-1]
        case Ordered():
            return min(parameter.choices, key=lambda choice: abs(choice - float(default)))
        case Continuous():
            return parameter.decode(parameter.encode(default))
