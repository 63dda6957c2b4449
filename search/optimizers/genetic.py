"""NSGA-II and NSGA-III with the operators of DEAP.

NSGA-II: K. Deb et al., "A fast and elitist multiobjective genetic algorithm", 2002. NSGA-III: K. Deb and H. Jain, "An
evolutionary many-objective optimization algorithm using reference-point-based nondominated sorting", 2014. Both search
the codes of `Space.encode`. Departures: no configuration is evaluated twice (a child that was seen is mutated again),
non-dominated sorting is moocore's, and infeasible individuals rank behind all feasible ones by their violation.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import moocore
import numpy as np
from deap import base, tools
from numpy.typing import NDArray
from pydantic import Field

from search.optimizers.base import Observation, SearchProblem, Unseen
from spaces import Configuration, Continuous, Options, Space

INFEASIBLE_VALUE = 1e300
"""Stands in for the objectives of what was not evaluated; its rank is given by its violation alone."""


class GeneticOptions(Options):
    """Options of `nsga2` and `nsga3`."""

    population: int = Field(default=50, ge=4, le=10_000, description="individuals that survive; also the batch")
    crossover: float = Field(default=0.9, ge=0, le=1, description="probability that two parents are crossed")
    mutation: float | None = Field(default=None, ge=0, le=1, description="probability a gene; none: 1 / genes")


class Individual(list[float]):
    """Codes of one configuration, with the fitness that DEAP's operators expect."""

    def __init__(self, codes: Sequence[float], observation: Observation | None = None, n_objectives: int = 1) -> None:
        super().__init__(codes)
        self.fitness = minimized_fitness(n_objectives)()
        self.violation = 0.0
        if observation is not None:
            self.fitness.values = observation.values or (INFEASIBLE_VALUE,) * n_objectives
            self.violation = observation.violation if observation.values else max(observation.violation, 1.0)


@lru_cache
def minimized_fitness(n_objectives: int) -> type[base.Fitness]:
    """DEAP's fitness class for so many objectives, all minimized."""
    return type("MinimizedFitness", (base.Fitness,), {"weights": (-1.0,) * n_objectives})


class GeneticSearch:
    """Generational search: ask for children of the survivors, tell them, select the survivors.

    Args:
        select: Chooses `k` survivors of ranked individuals.
        mate_by_crowding: Choose parents by rank and crowding distance (NSGA-II) rather than at random.
    """

    MUTATIONS = 20
    """Attempts to turn a child that was seen before into a new one, before a random one takes its place."""

    def __init__(
        self,
        problem: SearchProblem,
        options: GeneticOptions,
        seed: int,
        select: Callable[[list[list[Individual]], int], list[Individual]],
        mate_by_crowding: bool,
    ) -> None:
        self.batch_size = options.population
        self._problem = problem
        self._options = options
        self._select = select
        self._mate_by_crowding = mate_by_crowding
        self._operators = Variation(problem.space, options)
        self._randomness = Randomness(seed)
        self._unseen = Unseen(problem.space, np.random.default_rng(seed))
        self._survivors: list[Individual] = []
        self._newcomers: list[Individual] = []
        self._siblings: list[Individual] = []

    def ask(self, n: int) -> list[Configuration]:
        """Children of the survivors; random configurations as long as there are too few.

        One after the other: a smaller `n` gives the beginning of what a larger one gives, so that a run whose budget
        is raised later goes on as if it had always been that large.
        """
        if len(self._survivors) < 4:
            drawn = (self._unseen.draw() for _ in range(n))
            return [configuration for configuration in drawn if configuration is not None]
        with self._randomness.of_deap():
            children = (self._unseen_variant(self._child()) for _ in range(n))
            return [configuration for configuration in children if configuration is not None]

    def tell(self, observations: Sequence[Observation]) -> None:
        """Select the survivors once a whole generation has been told."""
        self._siblings = []
        for observation in observations:
            self._unseen.add(observation.configuration)
            codes = self._problem.space.encode(observation.configuration).tolist()
            self._newcomers.append(Individual(codes, observation, self._problem.n_objectives))
        if len(self._newcomers) >= self._options.population or not self._survivors:
            with self._randomness.of_deap():
                fronts = ranked_fronts(self._survivors + self._newcomers)
                self._survivors = self._select(fronts, self._options.population)
            self._newcomers = []

    def _child(self) -> Individual:
        """The next child; two parents have two."""
        if not self._siblings:
            a, b = (self._copy(parent) for parent in self._parents())
            self._operators.cross(a, b)
            self._siblings = [b, a]
        return self._siblings.pop()

    def _parents(self) -> list[Individual]:
        if self._mate_by_crowding:
            picks = tools.selRandom(self._survivors, 4)
            return [_fitter(picks[0], picks[1]), _fitter(picks[2], picks[3])]
        return list(tools.selRandom(self._survivors, 2))

    def _copy(self, parent: Individual) -> Individual:
        return Individual(parent, None, self._problem.n_objectives)

    def _unseen_variant(self, child: Individual) -> Configuration | None:
        for _ in range(self.MUTATIONS):
            self._operators.mutate(child)
            configuration = self._problem.space.decode(np.array(child))
            if self._unseen.add(configuration):
                return configuration
        return self._unseen.draw()


class Variation:
    """Crossover and mutation of code vectors: integer operators on choices, real ones on continuous knobs."""

    ETA = 20.0
    """Distribution index of the polynomial mutation and of simulated binary crossover, as in Deb et al. 2002."""

    def __init__(self, space: Space, options: GeneticOptions) -> None:
        self._upper = space.upper_codes.tolist()
        self._is_real = [isinstance(p, Continuous) for p in space.searched]
        self._crossover = options.crossover
        self._mutation = options.mutation if options.mutation is not None else 1.0 / max(len(self._upper), 1)

    def cross(self, a: Individual, b: Individual) -> None:
        """Exchange each gene with probability one half; continuous ones are blended."""
        if random.random() >= self._crossover:
            return
        tools.cxUniform(a, b, indpb=0.5)
        for gene in self._real_genes():
            x, y = [a[gene]], [b[gene]]
            tools.cxSimulatedBinaryBounded(x, y, eta=self.ETA, low=0.0, up=1.0)
            a[gene], b[gene] = x[0], y[0]

    def mutate(self, individual: Individual) -> None:
        """Redraw single choices, nudge continuous genes."""
        for gene, upper in enumerate(self._upper):
            part = [individual[gene]]
            if self._is_real[gene]:
                tools.mutPolynomialBounded(part, eta=self.ETA, low=0.0, up=1.0, indpb=self._mutation)
            else:
                tools.mutUniformInt(part, low=0, up=int(upper), indpb=self._mutation)
            individual[gene] = float(part[0])

    def _real_genes(self) -> Iterator[int]:
        return (gene for gene, is_real in enumerate(self._is_real) if is_real)


class Randomness:
    """A seeded source for DEAP, which draws from the global generators of Python and NumPy.

    Args:
        seed: Of both.
    """

    def __init__(self, seed: int) -> None:
        self._python = random.Random(seed).getstate()
        self._numpy = np.random.RandomState(seed).get_state()

    @contextmanager
    def of_deap(self) -> Iterator[None]:
        """Lend the global generators to DEAP; others find them as they left them."""
        outside = random.getstate(), np.random.get_state()  # noqa: NPY002
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002
        try:
            yield
        finally:
            self._python, self._numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
            random.setstate(outside[0])
            np.random.set_state(outside[1])  # noqa: NPY002


def ranked_fronts(individuals: Sequence[Individual]) -> list[list[Individual]]:
    """Non-dominated fronts, best first; infeasible individuals follow, one front for each violation."""
    feasible = [i for i in individuals if i.violation == 0]
    infeasible = [i for i in individuals if i.violation > 0]
    fronts: list[list[Individual]] = []
    if feasible:
        ranks = moocore.pareto_rank(values_of(feasible))
        fronts = [[feasible[i] for i in np.flatnonzero(ranks == rank)] for rank in np.unique(ranks)]
    for violation in sorted({i.violation for i in infeasible}):
        fronts.append([i for i in infeasible if i.violation == violation])
    for rank, front in enumerate(fronts):
        tools.emo.assignCrowdingDist(front)
        for individual in front:
            individual.fitness.rank = rank
    return fronts


def values_of(individuals: Sequence[Individual]) -> NDArray[np.float64]:
    """Objective values, shape (n_individuals, n_objectives)."""
    return np.array([i.fitness.values for i in individuals], dtype=np.float64)


def select_by_crowding(fronts: list[list[Individual]], k: int) -> list[Individual]:
    """NSGA-II: whole fronts as long as they fit, then the least crowded of the next."""
    chosen: list[Individual] = []
    for front in fronts:
        room = k - len(chosen)
        chosen += sorted(front, key=lambda i: i.fitness.crowding_dist, reverse=True)[:room]
    return chosen


def select_by_reference_points(
    n_objectives: int, population: int
) -> Callable[[list[list[Individual]], int], list[Individual]]:
    """NSGA-III: niches around reference points, about as many points as individuals."""
    divisions = 1
    while len(tools.uniform_reference_points(n_objectives, divisions + 1)) <= population:
        divisions += 1
    points = tools.uniform_reference_points(n_objectives, divisions)

    def select(fronts: list[list[Individual]], k: int) -> list[Individual]:
        feasible = [i for front in fronts for i in front if i.violation == 0]
        if len(feasible) <= k:
            return [i for front in fronts for i in front][:k]
        return list(tools.selNSGA3(feasible, k, points, nd="log"))

    return select


def nsga2(problem: SearchProblem, options: GeneticOptions, seed: int) -> GeneticSearch:
    """NSGA-II."""
    return GeneticSearch(problem, options, seed, select_by_crowding, mate_by_crowding=True)


def nsga3(problem: SearchProblem, options: GeneticOptions, seed: int) -> GeneticSearch:
    """NSGA-III."""
    if problem.n_objectives == 1:  # a single niche: reference points say nothing, and DEAP's sorting fails
        return nsga2(problem, options, seed)
    select = select_by_reference_points(problem.n_objectives, options.population)
    return GeneticSearch(problem, options, seed, select, mate_by_crowding=False)


def _fitter(a: Individual, b: Individual) -> Individual:
    """The winner of a binary tournament: lower rank, then larger crowding distance."""
    if a.fitness.rank != b.fitness.rank:
        return a if a.fitness.rank < b.fitness.rank else b
    return a if a.fitness.crowding_dist >= b.fitness.crowding_dist else b
