"""A study: the spec together with its system and space, checked as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cost_models import SAMPLE_COSTS, CostReport, Target, cost_report, workload_costs
from evaluators.errors import SystemSpecError
from evaluators.metrics import Direction
from evaluators.registry import create_system
from evaluators.system import System
from search.document import Document, read_document
from search.errors import SpecError
from search.objectives import Objectives
from search.optimizers import OPTIMIZERS, Foretold, Optimizer, SearchProblem
from search.run_directory import RunDirectory
from search.spec import SpecReader, StudySpec
from search.targets import cost_names, study_target, unknown_cost
from spaces import Configuration, Problem, Rule, Space, Value, build_space, shown, unknown
from spaces.rules import matches

if TYPE_CHECKING:
    from search.run import Run


@dataclass(frozen=True)
class Study:
    """Everything a study file says, found to be right.

    Attributes:
        spec: What is written.
        system: Not prepared yet.
        space: What can be chosen.
        folder: Where relative paths in the study start from.
        target: What cycles are for, if it names one.
    """

    spec: StudySpec
    system: System
    space: Space
    folder: Path
    target: Target | None = None

    @classmethod
    def from_yaml(cls, path: Path | str, overrides: Sequence[str] = ()) -> Study:
        """Read and check a study file.

        Args:
            path: The file.
            overrides: Assignments such as `optimizer.name=tpe`, applied before checking.

        Raises:
            SpecError: With every problem found, each with its line.
        """
        document = read_document(Path(path))
        for assignment in overrides:
            document.override(assignment)
        return cls._checked(document)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], folder: Path | str = ".") -> Study:
        """Check a study that is given as plain values.

        Raises:
            SpecError: With every problem found.
        """
        return cls._checked(Document(dict(data), Path(folder) / "study", {}))

    @classmethod
    def _checked(cls, document: Document) -> Study:
        reader = SpecReader(document.data, document.inherited)
        spec = reader.read()
        problems = list(reader.problems)
        folder = document.path.parent
        system = _system(reader, folder, problems)
        space = None if system is None else _space(reader.rules(), system, problems)
        target = study_target(reader.target(), folder, problems)
        if system is not None:
            problems += _name_problems(reader, system)
        if spec is not None and space is not None:
            problems += _optimizer_problems(spec, space)
        problems = list(dict.fromkeys(problems))
        if problems or spec is None or system is None or space is None:
            raise SpecError(problems, document.where)
        return cls(spec, system, space, folder, target)

    @property
    def objectives(self) -> Objectives:
        """The objectives with their directions."""
        return Objectives(self.spec.objectives, {name: self._direction(name) for name in self.spec.objectives})

    def optimizer(self, foretell: Callable[[Configuration], Foretold] | None = None) -> Optimizer:
        """A fresh optimizer.

        Args:
            foretell: Tells what is exact of a configuration, see `search.loop.Problem`.
        """
        chosen = self.spec.optimizer
        problem = SearchProblem(self.space, len(self.spec.objectives), bool(self.spec.constraints), foretell)
        return OPTIMIZERS[chosen.name].create(problem, chosen.options, chosen.seed)

    def configuration(self, settings: Mapping[str, Value]) -> Configuration:
        """The default configuration with knobs fixed by pattern, e.g. `{"bit_widths.*": 4}`.

        Values may be any the system can realize, also outside the study's space.

        Raises:
            SpecError: If a pattern matches no knob or a value is not possible.
        """
        knobs = {f"{kind}.{name}": knob for kind, group in self.system.knobs().items() for name, knob in group.items()}
        configuration = dict(self.space.defaults)
        for pattern, value in settings.items():
            matching = [name for name in knobs if matches(name, pattern)]
            if not matching:
                raise SpecError([unknown(("--knob",), "knob", pattern, knobs)])
            for name in matching:
                if not knobs[name].domain.contains(value):
                    allowed = str(knobs[name].domain)
                    raise SpecError([Problem(("--knob",), f"{shown(value)} is not what {name} takes", allowed)])
                configuration[name] = value
        return configuration

    def costs(self, configuration: Configuration) -> CostReport:
        """The costs of a configuration, operator by operator; worst case for dynamic networks.

        Raises:
            UserError: The target has no kernel for one of the operators.
        """
        report = cost_report(self.system.workload(configuration), self.target)
        return CostReport({**report.costs, **self.system.costs(configuration)}, report.operators)

    def run(
        self, out: Path | str | None = None, *, resume: bool = False, fresh: bool = False, quiet: bool = False
    ) -> Run:
        """Carry the study out, as `python -m search run` does.

        Args:
            out: Run directory; default `runs/NAME`, or `runs/NAME-2` and so on if that holds a run.
            resume: Go on with the run that is there.
            fresh: Ignore trained weights and measurements of earlier runs.
            quiet: Show no progress.
        """
        from search.display.progress import Display, Quiet
        from search.run import carry_out, free_directory

        display = Quiet() if quiet else Display()
        directory = RunDirectory(Path(out)) if out else free_directory(self.spec.name, resume)
        return carry_out(self, directory, resume=resume, fresh=fresh, monitor=display, progress=display)

    def _direction(self, name: str) -> Direction:
        metric = self.system.metrics.get(name)
        return metric.direction if metric else "min"


def _system(reader: SpecReader, folder: Path, problems: list[Problem]) -> System | None:
    spec = reader.system()
    if spec is None:
        return None
    try:
        return create_system(spec.name, spec.options, folder)
    except SystemSpecError as error:
        problems += [problem.under("system") for problem in error.problems]
        return None


def _space(rules: Mapping[str, Sequence[Rule]], system: System, problems: list[Problem]) -> Space | None:
    space, found = build_space(rules, system.knobs())
    problems += found
    return space


def _name_problems(reader: SpecReader, system: System) -> list[Problem]:
    """Objectives and constraints that are neither a metric of the system nor a cost."""
    # Not those of the space, which may be what is wrong.
    defaults = {
        f"{kind}.{name}": knob.default for kind, group in system.knobs().items() for name, knob in group.items()
    }
    has_target = bool(reader.target())
    known = [*system.metrics, *cost_names(has_target), *system.costs(defaults)]
    if any(name in SAMPLE_COSTS for _, name in reader.named()):
        # Only now, as a workload may need data, which a check should do without.
        known += SAMPLE_COSTS.keys() & workload_costs(system.workload(defaults)).keys()
    return [unknown_cost(path, name, known, has_target) for path, name in reader.named() if name not in known]


def _optimizer_problems(spec: StudySpec, space: Space) -> list[Problem]:
    problems = []
    if not space.searched:
        problems.append(Problem(("space",), "every knob has a single choice: there is nothing to search"))
    if spec.optimizer.name == "exhaustive" and space.size is None:
        continuous = next(p.name for p in space.searched if p.n_levels is None)
        problems.append(Problem(("optimizer", "name"), f"{continuous} is continuous and cannot be enumerated"))
    return problems
