"""TPE and GP samplers of Optuna, in memory, through ask and tell.

TPE: S. Watanabe, "Tree-structured Parzen estimator", 2023. GP: Gaussian process with expected hypervolume improvement.
Knobs with an order are integers to the sampler (positions among their choices), not categories.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial, TrialState, create_trial
from pydantic import Field

from search.optimizers.base import Observation, SearchProblem, Unseen
from spaces import Categorical, Configuration, Continuous, Options, Parameter, canonical


class BayesianOptions(Options):
    """Options of `tpe` and `gp`."""

    startup: int = Field(default=20, ge=1, description="random trials before the model is used")
    batch: int = Field(default=8, ge=1, description="configurations evaluated together")


class SamplerSearch:
    """Asks an Optuna sampler; a configuration it proposes again is dropped and it is asked once more."""

    ATTEMPTS = 10
    """Proposals in a row that were all seen before; then an unseen neighbour of the last takes their place."""

    def __init__(
        self, problem: SearchProblem, options: BayesianOptions, seed: int, sampler: optuna.samplers.BaseSampler
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # its warnings are about Optuna, not about the search
        self.batch_size = options.batch
        self._problem = problem
        self._unseen = Unseen(problem.space, np.random.default_rng(seed))
        self._distributions = {p.name: _distribution(p) for p in problem.space.searched}
        self._study = optuna.create_study(directions=["minimize"] * problem.n_objectives, sampler=sampler)
        self._running: dict[str, Trial] = {}
        self._worst: np.ndarray | None = None

    def ask(self, n: int) -> list[Configuration]:
        """Proposals of the sampler, each new."""
        asked = (self._ask_one() for _ in range(n))
        return [configuration for configuration in asked if configuration is not None]

    def tell(self, observations: Sequence[Observation]) -> None:
        """Hand the observations to the sampler; what could not be evaluated counts as the worst so far."""
        for observation in observations:
            self._unseen.add(observation.configuration)
            self._remember_worst(observation)
            trial = self._running.pop(canonical(observation.configuration), None)
            values = self._values(observation)
            if trial is None:
                self._add(observation, values)
            elif values is None:
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                if self._problem.has_constraints:
                    trial.set_constraint("violation", observation.violation)
                self._study.tell(trial, list(values))

    def _ask_one(self) -> Configuration | None:
        if self._unseen.is_exhausted:
            return None
        for _ in range(self.ATTEMPTS):
            trial = self._study.ask(self._distributions)
            configuration = self._configuration(trial)
            if self._unseen.add(configuration):
                self._running[canonical(configuration)] = trial
                return configuration
            self._study.tell(trial, state=TrialState.FAIL)
        return self._unseen.draw_near(configuration)

    def _configuration(self, trial: Trial) -> Configuration:
        codes = [float(trial.params[p.name]) for p in self._problem.space.searched]
        return self._problem.space.decode(np.array(codes))

    def _add(self, observation: Observation, values: Sequence[float] | None) -> None:
        """Tell about a configuration that the sampler did not propose."""
        if values is None:
            return
        codes = self._problem.space.encode(observation.configuration)
        self._study.add_trial(
            create_trial(
                values=list(values),
                params={
                    p.name: float(code) if isinstance(p, Continuous) else int(code)
                    for p, code in zip(self._problem.space.searched, codes, strict=True)
                },
                distributions=self._distributions,
                constraints={"violation": observation.violation} if self._problem.has_constraints else None,
            )
        )

    def _remember_worst(self, observation: Observation) -> None:
        if observation.values is not None:
            values = np.array(observation.values)
            self._worst = values if self._worst is None else np.maximum(self._worst, values)

    def _values(self, observation: Observation) -> Sequence[float] | None:
        if observation.values is not None:
            return observation.values
        return None if self._worst is None else [float(value) for value in self._worst]


def _distribution(parameter: Parameter) -> BaseDistribution:
    match parameter:
        case Continuous():
            return FloatDistribution(0.0, 1.0)
        case Categorical():
            return CategoricalDistribution(list(range(len(parameter.choices))))
    return IntDistribution(0, len(parameter.choices) - 1)


def tpe(problem: SearchProblem, options: BayesianOptions, seed: int) -> SamplerSearch:
    """Tree-structured Parzen estimator, all knobs modelled together."""
    with _knowing_that_it_is_experimental():
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=options.startup, multivariate=True, constant_liar=True, seed=seed
        )
    return SamplerSearch(problem, options, seed, sampler)


class GaussianProcessSearch(SamplerSearch):
    """Asks Optuna's GP sampler, whose many small tensors are slower on several threads, up to ten times."""

    ATTEMPTS = 1
    """A proposal takes about a second, and the next one would be the same."""

    def ask(self, n: int) -> list[Configuration]:
        """Proposals of the sampler, each new."""
        import torch  # slow to import, and TPE needs none of it

        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return super().ask(n)
        finally:
            torch.set_num_threads(n_threads)


def gp(problem: SearchProblem, options: BayesianOptions, seed: int) -> SamplerSearch:
    """Gaussian process."""
    with _knowing_that_it_is_experimental():
        sampler = optuna.samplers.GPSampler(n_startup_trials=options.startup, seed=seed, deterministic_objective=True)
    return GaussianProcessSearch(problem, options, seed, sampler)


@contextmanager
def _knowing_that_it_is_experimental() -> Iterator[None]:
    """Keep to ourselves that Optuna may change an argument: our tests would notice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
