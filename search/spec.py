"""The study file as validated, frozen values; nothing after this module reads raw YAML."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator

from search.constraints import Constraint, parse_constraint
from search.optimizers.registry import OPTIMIZERS
from search.racing import Racing
from search.ray_cluster import check_address
from search.records import Mode
from spaces import Options, Problem, Rule, Value, kind_of, problems_of, shown, unknown


class Budget(Options):
    """When a search ends: whichever limit is reached first."""

    trials: int = Field(default=1000, ge=1, description="number of trials, baselines included")
    minutes: float | None = Field(default=None, gt=0, description="wall-clock minutes; none: no limit")
    until: Literal["plateau"] | None = Field(
        default=None, description="`plateau`: also end when no batch promises or brings more than the tolerance"
    )
    tolerance: float = Field(
        default=0.001, gt=0, lt=1, description="of a plateau: share of the hypervolume that is worth a batch"
    )


class ExecutorSpec(Options):
    """Who evaluates."""

    name: Literal["serial", "processes", "ray"] = Field(
        default="processes", description="in this process, in workers on this machine, or in those of a Ray cluster"
    )
    mode: Mode = Field(
        default="generations",
        description="`generations`: the same records, whoever evaluates; `asynchronous`: no worker waits for others",
    )
    workers: int | None = Field(
        default=None, ge=1, le=100_000, description="workers; none: one a core, of a cluster as many as have room"
    )
    timeout_s: float = Field(default=60.0, gt=0, description="seconds after which a single evaluation is given up")
    retries: int = Field(default=1, ge=0, le=10, description="further attempts after a crash or a timeout")
    address: str | None = Field(
        default=None,
        description="ray: `HOST:PORT`, or `local` to start a cluster; none: `RAY_ADDRESS`, or one that `ray start` has "
        "started here, or a new one",
    )
    connect_s: float = Field(default=20.0, gt=0, description="ray: seconds to wait for the cluster, and for machines")
    cpus: float = Field(default=1.0, ge=0, description="ray: cores of each worker")
    gpus: float = Field(default=0.0, ge=0, description="ray: GPUs of each worker, or the share of one")
    resources: dict[str, float] = Field(default={}, description="ray: custom resources of each worker")
    dashboard: bool = Field(default=False, description="ray: show its dashboard, on the loopback interface")

    @field_validator("address")
    @classmethod
    def _address_is_one(cls, value: str | None) -> str | None:
        return value if value is None else check_address(value)

    def n_workers(self) -> int:
        """Worker processes, one for every core unless the study says otherwise."""
        return self.workers or os.cpu_count() or 1


@dataclass(frozen=True)
class SystemSpec:
    """The system by name, and its options as written."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class OptimizerSpec:
    """The optimizer by name, its seed and its own options."""

    name: str
    seed: int
    options: BaseModel


@dataclass(frozen=True)
class StudySpec:
    """A whole study.

    Attributes:
        name: Also the name of the run directory.
        system: What is searched.
        rules: Kind of knob -> rules in order.
        objectives: Names of metrics or costs.
        constraints: Bounds on metrics or costs.
        target: Hardware the costs are for; empty for none.
        optimizer, budget, racing, executor: How it is searched.
    """

    name: str
    system: SystemSpec
    rules: Mapping[str, tuple[Rule, ...]]
    objectives: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    target: str
    optimizer: OptimizerSpec
    budget: Budget
    racing: Racing
    executor: ExecutorSpec

    def resolved(self) -> dict[str, Any]:
        """The study with every default written out, as stored beside the results."""
        return {
            "name": self.name,
            "system": {"name": self.system.name, **self.system.options},
            "space": {kind: [_rule_as_written(kind, rule) for rule in rules] for kind, rules in self.rules.items()},
            "objectives": list(self.objectives),
            "constraints": [str(constraint) for constraint in self.constraints],
            "target": self.target,
            "optimizer": {
                "name": self.optimizer.name,
                "seed": self.optimizer.seed,
                **self.optimizer.options.model_dump(mode="json"),
            },
            "budget": self.budget.model_dump(mode="json"),
            "racing": self.racing.model_dump(mode="json"),
            "executor": self.executor.model_dump(mode="json"),
        }


SECTIONS: Mapping[str, str] = {
    "name": "name of the study and of its run directory",
    "system": "what is searched: the name of a system and its options",
    "space": "which knobs are searched, and over which values",
    "objectives": "metrics and costs to optimize; each knows its direction",
    "constraints": 'bounds such as "peak_ram_bytes <= 16384"',
    "target": "hardware that cycles are for: a name, or the path of a target file",
    "optimizer": "how the space is searched",
    "budget": "when the search ends",
    "racing": "whether candidates are measured on a share of the data first",
    "executor": "who evaluates",
}
"""The keys of a study file and what each is for."""

_REQUIRED = ("name", "system", "space", "objectives")
Model = TypeVar("Model", bound=BaseModel)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class SpecReader:
    """Reads the sections of a study one by one, so that a mistake in one does not hide those in others.

    Args:
        data: The study as plain values.
        inherited: Section -> options written for something that an override has named anew, see `Document`.

    Attributes:
        problems: Everything found wrong so far.
    """

    def __init__(self, data: Mapping[str, Any], inherited: Mapping[str, Mapping[str, Any]]) -> None:
        self._inherited = inherited
        # A key without a value, such as `constraints:` with every line under it commented out, is as good as absent.
        self._data = {key: value for key, value in data.items() if value is not None}
        self.problems: list[Problem] = [unknown((str(k),), "key", str(k), SECTIONS) for k in data if k not in SECTIONS]
        self.problems += [Problem((key,), "is missing", SECTIONS[key]) for key in _REQUIRED if key not in self._data]

    def read(self) -> StudySpec | None:
        """The spec, or None if there are problems."""
        name, system, rules = self._name(), self.system(), self.rules()
        objectives, constraints, target = self._objectives(), self._constraints(), self.target()
        optimizer = self._optimizer()
        budget = self._section("budget", Budget)
        racing, executor = self._section("racing", Racing), self._section("executor", ExecutorSpec)
        self._check_plateau(budget, optimizer)
        self._check_racing(racing, executor)
        if self.problems or system is None or optimizer is None or budget is None or not (racing and executor):
            return None
        return StudySpec(name, system, rules, objectives, constraints, target, optimizer, budget, racing, executor)

    def _check_plateau(self, budget: Budget | None, optimizer: OptimizerSpec | None) -> None:
        if budget is None or budget.until is None:
            return
        if optimizer is not None and not OPTIMIZERS[optimizer.name].is_promising:
            able = ", ".join(name for name, entry in OPTIMIZERS.items() if entry.is_promising)
            message = f"the optimizer {optimizer.name} cannot tell what it still expects, so no plateau can be seen"
            self._report(("budget", "until"), message, f"optimizer {able}; or budget.trials alone")

    def _check_racing(self, racing: Racing | None, executor: ExecutorSpec | None) -> None:
        if racing is not None and racing.shares and executor is not None and executor.mode == "asynchronous":
            message = (
                "candidates race against the front of the batches before theirs; without generations there is none"
            )
            self._report(("racing", "shares"), message, "executor.mode: generations; or no shares")

    def system(self) -> SystemSpec | None:
        """The `system` section; its options are checked by the system itself."""
        options = self._named_section("system")
        if options is None:
            return None
        return SystemSpec(options.pop("name"), options)

    def rules(self) -> dict[str, tuple[Rule, ...]]:
        """The `space` section; whether the system has these knobs is checked later."""
        section = self._data.get("space", {})
        if not isinstance(section, dict) or ("space" in self._data and not section):
            self._report(
                ("space",), "must be a mapping from kinds of knobs to rules", "e.g. bit_widths: {choices: [4, 8]}"
            )
            return {}
        rules: dict[str, tuple[Rule, ...]] = {}
        for kind, entry in section.items():
            entries = entry if isinstance(entry, list) else [entry]
            paths = [("space", kind, i) if isinstance(entry, list) else ("space", kind) for i in range(len(entries))]
            found = [self._rule(str(kind), e, path) for e, path in zip(entries, paths, strict=True)]
            rules[str(kind)] = tuple(rule for rule in found if rule is not None)
        return rules

    def _rule(self, kind: str, entry: Any, path: tuple[str | int, ...]) -> Rule | None:
        selector = kind_of(kind).selector
        keys = (selector, "choices", "low", "high")
        if not isinstance(entry, dict):
            self._report(path, "must be a mapping", ", ".join(keys))
            return None
        before = len(self.problems)
        self.problems += [unknown((*path, str(k)), "key", str(k), keys) for k in entry if k not in keys]
        patterns = entry.get(selector, "*")
        patterns = patterns if isinstance(patterns, list) else [patterns]
        if not patterns or not all(isinstance(p, str) for p in patterns):
            self._report((*path, selector), "must be a pattern or a list of patterns", '"*", "input_*", ...')
        choices = entry.get("choices")
        if choices is not None:
            self._check_choices(choices, (*path, "choices"))
        bounds = [self._bound(entry, key, path) for key in ("low", "high")]
        if choices is not None and any(key in entry for key in ("low", "high")):
            self._report(path, "choices and low/high exclude each other")
        if len(self.problems) > before:
            return None
        return Rule(tuple(patterns), None if choices is None else tuple(choices), bounds[0], bounds[1], path)

    def _bound(self, entry: Mapping[str, Any], key: str, path: tuple[str | int, ...]) -> float | None:
        value = entry.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._report((*path, key), f"{shown(value)} is no number")
            return None
        return float(value)

    def _check_choices(self, choices: Any, path: tuple[str | int, ...]) -> None:
        if not isinstance(choices, list):
            self._report(path, f"{shown(choices)} is no list", "e.g. [2, 4, 8]")
            return
        for index, choice in enumerate(choices):
            if not isinstance(choice, int | float | str):
                self._report((*path, index), f"{shown(choice)} is neither a number nor a name")

    def _name(self) -> str:
        name = self._data.get("name", "")
        if "name" in self._data and not (isinstance(name, str) and _NAME.fullmatch(name)):
            self._report(
                ("name",), f"{shown(name)} cannot name a directory", "letters, digits, '_', '-' and '.', at most 100"
            )
        return str(name)

    def named(self) -> list[tuple[tuple[str, int], str]]:
        """Every metric or cost that objectives and constraints name, each with its place."""
        found = [(("objectives", index), name) for index, name in self._texts("objectives")]
        for index, text in self._texts("constraints"):
            with suppress(ValueError):  # told by `_constraints`
                found.append((("constraints", index), parse_constraint(text).name))
        return found

    def _objectives(self) -> tuple[str, ...]:
        self._check_texts("objectives")
        names = self._texts("objectives")
        if self._data.get("objectives") == []:
            self._report(("objectives",), "at least one objective is needed", "names of metrics and costs")
        for place, (index, name) in enumerate(names):
            if name in (earlier for _, earlier in names[:place]):
                self._report(("objectives", index), f'"{name}" stands here twice')
        return tuple(name for _, name in names)

    def _constraints(self) -> tuple[Constraint, ...]:
        self._check_texts("constraints")
        parsed: list[Constraint] = []
        for index, text in self._texts("constraints"):
            try:
                parsed.append(parse_constraint(text))
            except ValueError as error:
                self._report(("constraints", index), str(error), 'NAME <= NUMBER, e.g. "peak_ram_bytes <= 16384"')
        return tuple(parsed)

    def target(self) -> str:
        """Name or path of the target; empty for none."""
        target = self._data.get("target") or ""
        if not isinstance(target, str):
            self._report(("target",), f"{shown(target)} is no name", "see `python -m search list targets`")
        return str(target)

    def _optimizer(self) -> OptimizerSpec | None:
        options = self._named_section("optimizer") if "optimizer" in self._data else {"name": "nsga2"}
        if options is None:
            return None
        inherited = self._inherited.get("optimizer", {})
        name, seed = options.pop("name"), options.pop("seed", inherited.get("seed", 0))
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
            self._report(("optimizer", "seed"), f"{shown(seed)} is no seed", "whole numbers from 0 to 4294967295")
        if name not in OPTIMIZERS:
            self.problems.append(unknown(("optimizer", "name"), "optimizer", name, OPTIMIZERS))
            return None
        model = OPTIMIZERS[name].options
        options = {key: value for key, value in inherited.items() if key in model.model_fields} | options
        parsed = self._validate("optimizer", model, options, also=("name", "seed"))
        return None if parsed is None else OptimizerSpec(name, int(seed), parsed)

    def _texts(self, key: str) -> list[tuple[int, str]]:
        """The texts in a list, each with its index."""
        value = self._data.get(key)
        return [(i, item) for i, item in enumerate(value) if isinstance(item, str)] if isinstance(value, list) else []

    def _check_texts(self, key: str) -> None:
        value = self._data.get(key, [])
        if not isinstance(value, list):
            self._report((key,), f"{shown(value)} is no list", SECTIONS[key])
            return
        for index, item in enumerate(value):
            if not isinstance(item, str):
                self._report((key, index), f"{shown(item)} is no text", SECTIONS[key])

    def _named_section(self, key: str) -> dict[str, Any] | None:
        """A section that may be written as a bare name."""
        section = self._data.get(key)
        if isinstance(section, str):
            section = {"name": section}
        if section is None:
            return None
        if not isinstance(section, dict) or not isinstance(section.get("name"), str):
            self._report((key, "name"), "is missing or no text", f"see `python -m search list {key}s`")
            return None
        return dict(section)

    def _section(self, key: str, model: type[Model]) -> Model | None:
        section = self._data.get(key, {})
        if isinstance(section, str) and "name" in model.model_fields:
            section = {"name": section}
        if not isinstance(section, dict):
            self._report((key,), f"{shown(section)} is no mapping", ", ".join(model.model_fields))
            return None
        return self._validate(key, model, section)

    def _validate(
        self, key: str, model: type[Model], section: Mapping[str, Any], also: tuple[str, ...] = ()
    ) -> Model | None:
        try:
            return model.model_validate(section)
        except ValidationError as error:
            self.problems += [problem.under(key) for problem in problems_of(error, model, also)]
            return None

    def _report(self, path: tuple[str | int, ...], message: str, allowed: str = "") -> None:
        self.problems.append(Problem(path, message, allowed))


def _rule_as_written(kind: str, rule: Rule) -> dict[str, Value | list[Value] | list[str] | None]:
    written: dict[str, Value | list[Value] | list[str] | None] = {kind_of(kind).selector: list(rule.patterns)}
    if rule.choices is not None:
        return {**written, "choices": list(rule.choices)}
    return {**written, "low": rule.low, "high": rule.high}
