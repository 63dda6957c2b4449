"""The contestants, each run as its users would: recent versions, recommended settings."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.race.problem import Ledger, RaceProblem
from search.optimizers import Foretold, Observation, SearchProblem
from search.optimizers.guided import GuidedOptions, GuidedSearch
from spaces import Categorical, Continuous, Ordered, Value

Contestant = Callable[[Ledger, int], None]
"""Asks the ledger until it says `SpentError`; the second argument is the seed."""

POPULATION = 50


def guided(ledger: Ledger, seed: int) -> None:
    """Our guided search as the search loop runs it: on studies, the homogeneous configurations come first."""
    problem = ledger.problem
    costs = problem.costs
    foretell = None if costs is None else lambda c: Foretold(costs(c))
    searched = SearchProblem(problem.space, problem.n_objectives, problem.is_constrained, foretell)
    optimizer = GuidedSearch(searched, GuidedOptions(), seed)
    # The diagonal of a general problem holds an end of its front more often than not: no gift from us.
    is_study = costs is not None or problem.space.size is not None
    optimizer.tell(ledger.evaluate([c for _, c in problem.space.homogeneous()] if is_study else []))
    while asked := optimizer.ask(optimizer.batch_size):
        optimizer.tell(ledger.evaluate(asked))


def random_search(ledger: Ledger, seed: int) -> None:
    """Every knob uniformly, each configuration once."""
    rng = np.random.default_rng(seed)
    while True:
        ledger.evaluate([ledger.problem.space.sample(rng) for _ in range(50)])


def sensitivity_list(ledger: Ledger, seed: int) -> None:
    """As quantization toolkits do it (AIMET, Vitis): measure every knob alone at every level, then walk down the list.

    The least harmful setting comes first; every step takes one more setting of the list over and is evaluated, unless
    its knob is further from the default already.
    """
    space = ledger.problem.space
    best = dict(space.defaults)
    alone = [(p.name, level) for p in space.searched for level in p.levels() if level != best[p.name]]
    measured = ledger.evaluate([best | {name: level} for name, level in alone])
    by_harm = sorted(range(len(alone)), key=lambda i: (measured[i].values or (np.inf,))[0])
    current = best
    for index in by_harm:
        name, level = alone[index]
        if _distance(level, best[name]) < _distance(current[name], best[name]):
            continue
        current = current | {name: level}
        ledger.evaluate([current])


def _distance(level: Value, default: Value) -> float:
    is_ordered = isinstance(level, int | float) and isinstance(default, int | float)
    return abs(float(level) - float(default)) if is_ordered else 0.0


def optuna_sampler(make: Callable[[int, RaceProblem], Any], ledger: Ledger, seed: int) -> None:
    """A sampler of Optuna, one trial after the other; repeats are answered from memory."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    problem = ledger.problem
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(directions=["minimize"] * problem.n_objectives, sampler=make(seed, problem))
        while True:
            trial = study.ask()
            configuration = {**problem.space.defaults, **{p.name: _suggest(trial, p) for p in problem.space.searched}}
            [observation] = ledger.evaluate([configuration])
            if problem.is_constrained:
                trial.set_user_attr("violation", observation.violation)
            study.tell(trial, list(observation.values or ()))


def _suggest(trial: Any, parameter: Ordered | Categorical | Continuous) -> Any:
    match parameter:
        case Continuous():
            return trial.suggest_float(parameter.name, parameter.low, parameter.high)
        case Categorical():
            return trial.suggest_categorical(parameter.name, parameter.choices)
    return parameter.choices[trial.suggest_int(parameter.name, 0, parameter.n_levels - 1)]


def _violation(trial: Any) -> tuple[float]:
    return (trial.user_attrs.get("violation", 0.0),)


def _constraints(problem: RaceProblem) -> dict[str, Any]:
    return {"constraints_func": _violation} if problem.is_constrained else {}


def tpe(seed: int, problem: RaceProblem) -> Any:
    """Optuna's TPE, all knobs together, as its documentation advises where knobs interact."""
    import optuna

    return optuna.samplers.TPESampler(multivariate=True, seed=seed, **_constraints(problem))


def gp(seed: int, problem: RaceProblem) -> Any:
    """Optuna's Gaussian process."""
    import optuna

    return optuna.samplers.GPSampler(seed=seed, **_constraints(problem))


def optuna_nsga2(seed: int, problem: RaceProblem) -> Any:
    """Optuna's NSGA-II."""
    import optuna

    return optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed, **_constraints(problem))


def pymoo_search(is_third: bool, ledger: Ledger, seed: int) -> None:
    """NSGA-II or NSGA-III of pymoo, duplicates eliminated; listed knobs are integers, rounded as its guide shows."""
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize

    raced = ledger.problem
    space = raced.space
    is_listed = np.array([not isinstance(p, Continuous) for p in space.searched])

    class Coded(Problem):  # type: ignore[misc]
        def __init__(self) -> None:
            upper = space.upper_codes
            super().__init__(
                n_var=len(upper),
                n_obj=raced.n_objectives,
                n_ieq_constr=int(raced.is_constrained),
                xl=np.zeros(len(upper)),
                xu=upper,
            )

        def _evaluate(self, x: NDArray[np.float64], out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            observed = ledger.evaluate([space.decode(codes) for codes in x])
            out["F"] = np.array([o.values for o in observed])
            if raced.is_constrained:
                out["G"] = np.array([[o.violation] for o in observed])

    minimize(
        Coded(), _pymoo_algorithm(is_third, raced.n_objectives, bool(is_listed.all())), ("n_gen", 10**6), seed=seed
    )


def _pymoo_algorithm(is_third: bool, n_objectives: int, is_integer: bool) -> Any:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.algorithms.moo.nsga3 import NSGA3
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.util.ref_dirs import get_reference_directions

    operators: dict[str, Any] = {"eliminate_duplicates": True}
    if is_integer:
        operators |= {
            "sampling": IntegerRandomSampling(),
            "crossover": SBX(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
            "mutation": PM(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
        }
    if not is_third:
        return NSGA2(pop_size=POPULATION, **operators)
    directions = get_reference_directions("das-dennis", n_objectives, n_partitions={2: 49, 3: 8}.get(n_objectives, 5))
    return NSGA3(ref_dirs=directions, **operators)


def deap_nsga2(ledger: Ledger, seed: int) -> None:
    """NSGA-II as in DEAP's own example: tournament by crowding, crossover 0.9, one mutation a child on average."""
    from deap import base, tools

    random.seed(seed)
    space = ledger.problem.space
    upper = space.upper_codes.tolist()
    n = len(upper)
    is_real = [isinstance(p, Continuous) for p in space.searched]
    fitness = type("Minimized", (base.Fitness,), {"weights": (-1.0,) * ledger.problem.n_objectives})
    individual = type("Individual", (list,), {})

    def made(codes: Sequence[float]) -> Any:
        one = individual(codes)
        one.fitness = fitness()
        return one

    def drawn() -> Any:
        return made(
            [random.random() if real else random.randint(0, int(u)) for real, u in zip(is_real, upper, strict=True)]
        )

    def evaluate(individuals: list[Any]) -> list[Any]:
        observed = ledger.evaluate([space.decode(np.array(i, dtype=float)) for i in individuals])
        for one, observation in zip(individuals, observed, strict=True):
            one.fitness.values = _penalized(observation)
        return individuals

    def child(a: Any, b: Any) -> tuple[Any, Any]:
        a, b = made(a), made(b)
        if random.random() < 0.9:
            if all(is_real):
                tools.cxSimulatedBinaryBounded(a, b, eta=20.0, low=0.0, up=1.0)
            else:
                tools.cxTwoPoint(a, b) if n > 1 else None
        for one in (a, b):
            if all(is_real):
                tools.mutPolynomialBounded(one, eta=20.0, low=0.0, up=1.0, indpb=1.0 / n)
            else:
                for gene in range(n):
                    if random.random() < 1.0 / n:
                        one[gene] = random.random() if is_real[gene] else random.randint(0, int(upper[gene]))
        return a, b

    size = POPULATION + (-POPULATION) % 4
    survivors = tools.selNSGA2(evaluate([drawn() for _ in range(size)]), size)
    while True:
        parents = tools.selTournamentDCD(survivors, size)
        children = [one for a, b in zip(parents[::2], parents[1::2], strict=True) for one in child(a, b)]
        survivors = tools.selNSGA2(survivors + evaluate(children), size)


def _penalized(observation: Observation) -> tuple[float, ...]:
    """DEAP knows no constraints; its guide adds a large penalty."""
    return tuple(
        v + (1e6 * (1 + observation.violation) if observation.violation else 0.0) for v in observation.values or ()
    )
