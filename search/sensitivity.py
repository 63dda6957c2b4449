"""Which knobs matter: what each one alone does to a metric around the front, by the guided search's model of damage.

The model is fitted to evaluated trials, whichever optimizer has asked for them; its uncertainty is that of refitting it
to trials drawn anew (B. Efron, "Bootstrap methods: another look at the jackknife", 1979). Beside it stands what Optuna
says of the same trials, a share of the variance over the whole space (F. Hutter et al., "An efficient approach for
assessing hyperparameter importance", 2014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.optimizers.guided.damage import DamageModel, DamageScale, fit_damage
from search.optimizers.guided.encoding import Codes, Encoding
from search.optimizers.guided.transforms import Transform
from spaces import Categorical, Configuration, Continuous, Ordered, Space

Floats = NDArray[np.float64]
REFITS = 16
REFIT_ITERATIONS = 40
MOST_TRIALS = 400
"""Trials that are looked at; of more, some evenly."""
MOST_LEVELS = 24
"""A number with more different values is taken to be continuous."""
FEWEST_TRIALS_A_KNOB = 1.5
TREES = 8


@dataclass(frozen=True)
class Sensitivity:
    """What one knob does.

    Attributes:
        knob: Its name.
        effect: Mean change of the metric over the front when this knob alone goes from its best to its worst setting.
        low, high: Tenth and ninetieth percentile of the same over refits.
        importance: Optuna's share of the variance, in [0, 1].
    """

    knob: str
    effect: float
    low: float
    high: float
    importance: float


@dataclass(frozen=True)
class Sensitivities:
    """All of them.

    Attributes:
        knobs: By falling effect.
        explained: Share of the variance of the (log) metric that the model explains.
        n_trials: What it was fitted to.
    """

    knobs: tuple[Sensitivity, ...]
    explained: float
    n_trials: int


def sensitivities(
    configurations: Sequence[Configuration],
    values: Floats,
    costs: Floats | None,
    around: Sequence[Configuration],
) -> Sensitivities | None:
    """What every knob does to one metric; None where there are too few trials or knobs to tell.

    Args:
        configurations: Evaluated ones.
        values: The metric, minimized, shape (n,).
        costs: A cost of each, which tells the dear end of a knob from its cheap one; None: the metric itself tells.
        around: Where effects are looked at: the front.
    """
    space = _space(configurations)
    if len(space.searched) < 2 or len(configurations) < FEWEST_TRIALS_A_KNOB * len(space.searched):
        return None
    if not around or np.ptp(values) == 0:
        return None
    rows = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST_TRIALS)).astype(int))
    encoding = Encoding(space)
    codes, values = encoding.codes([configurations[i] for i in rows]), values[rows]
    transform = Transform.fitted(values, True)
    targets = transform(values)
    scale = DamageScale(encoding, _harmless(codes, targets, None if costs is None else costs[rows]))
    model = fit_damage(scale, codes, targets)
    centre = encoding.codes(around)
    found = _effects(encoding, model, transform, centre)
    rng = np.random.default_rng(0)
    refits = []
    for _ in range(REFITS):
        drawn = rng.integers(len(codes), size=len(codes))
        refit = fit_damage(scale, codes[drawn], targets[drawn], model, REFIT_ITERATIONS)
        refits.append(_effects(encoding, refit, transform, centre))
    low, high = np.percentile(refits, [10, 90], axis=0)
    importances = _optuna_importances(encoding, codes, values)
    names = [p.name for p in space.searched]
    columns = zip(names, found, np.minimum(low, found), np.maximum(high, found), strict=True)
    knobs = [Sensitivity(n, float(e), float(a), float(b), float(importances.get(n, 0.0))) for n, e, a, b in columns]
    explained = 1.0 - float(np.var(targets - model.predict(codes)) / np.var(targets))
    return Sensitivities(tuple(sorted(knobs, key=lambda s: -s.effect)), explained, len(codes))


def _space(configurations: Sequence[Configuration]) -> Space:
    """The space of the values that were tried."""
    parameters: list[Ordered | Categorical | Continuous] = []
    for name in configurations[0] if configurations else ():
        tried = list(dict.fromkeys(c[name] for c in configurations))
        numbers = sorted(v for v in tried if isinstance(v, int | float) and not isinstance(v, bool))
        if len(numbers) < len(tried):
            parameters.append(Categorical(name, tuple(sorted(tried, key=str))))
        elif len(numbers) > MOST_LEVELS:
            parameters.append(Continuous(name, float(numbers[0]), float(numbers[-1])))
        else:
            parameters.append(Ordered(name, tuple(numbers)))
    return Space(tuple(parameters), dict(configurations[0]) if configurations else {})


def _harmless(codes: Codes, targets: Floats, costs: Floats | None) -> NDArray[np.bool_]:
    """Whether the largest code of each knob is its harmless end: the dear one, or the one with the better metric."""
    told = -targets if costs is None else costs
    centred = codes - codes.mean(axis=0)
    ridge = centred.T @ centred + 1e-3 * len(codes) * np.eye(codes.shape[1])
    return np.asarray(np.linalg.solve(ridge, centred.T @ (told - told.mean())) >= 0)


def _effects(encoding: Encoding, model: DamageModel, transform: Transform, centre: Codes) -> Floats:
    """Mean over the centre of the worst minus the best value that each knob alone can lead to."""
    found = []
    for knob, upper in enumerate(encoding.upper):
        levels = range(int(upper) + 1) if encoding.is_label[knob] else (0.0, float(upper))
        predicted = []
        for level in levels:
            rows = centre.copy()
            rows[:, knob] = level
            predicted.append(transform.inverse(model.predict(rows)))
        found.append(float(np.ptp(predicted, axis=0).mean()))
    return np.array(found)


def _optuna_importances(encoding: Encoding, codes: Codes, values: Floats) -> Mapping[str, float]:
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(direction="minimize")
        names = [p.name for p in encoding.space.searched]
        spread: dict[str, optuna.distributions.BaseDistribution] = {
            n: optuna.distributions.FloatDistribution(0.0, float(u)) for n, u in zip(names, encoding.upper, strict=True)
        }
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params=dict(zip(names, row.tolist(), strict=True)), distributions=spread, value=v
                )
                for row, v in zip(codes, values.tolist(), strict=True)
            ]
        )
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=0)
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
    finally:
        optuna.logging.set_verbosity(verbosity)
