"""The parts of the guided search against a second way to the same answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from search.optimizers.guided.damage import DamageScale, _State, fit_damage
from search.optimizers.guided.encoding import Encoding
from search.optimizers.guided.gaussian_process import GaussianProcess, Hyperparameters
from search.optimizers.guided.improvement import Improvement, Spread
from search.optimizers.guided.surrogate import Belief, JointBelief, Surrogate
from search.optimizers.guided.transforms import Transform
from search.pareto import hypervolume
from spaces import Categorical, Condition, Configuration, Continuous, Ordered, Space

KNOBS = (
    Ordered("bits.a", (2, 4, 8)),
    Categorical("kind.b", ("x", "y", "z")),
    Continuous("ratio.c", 0.0, 0.9),
    Ordered("bits.d", (2, 3, 4, 5)),
)
DEFAULTS: Configuration = {"bits.a": 8, "kind.b": "x", "ratio.c": 0.0, "bits.d": 5}


@pytest.fixture
def encoding() -> Encoding:
    return Encoding(Space(KNOBS, DEFAULTS))


def drawn(encoding: Encoding, n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return encoding.codes([encoding.space.sample(rng) for _ in range(n)])


def test_the_gradient_of_damages_is_that_of_differences(encoding: Encoding) -> None:
    scale = DamageScale(encoding, np.array([True, True, False, True]))
    power, levels = scale(drawn(encoding, 20))
    rng = np.random.default_rng(1)
    vector, weights = rng.normal(size=4 + 2 * 4 + len(scale.bumps)), rng.normal(size=20)
    slopes = approx_fprime(vector, lambda v: float(weights @ _State(v, power, levels).predicted), 1e-7)
    assert _State(vector, power, levels).gradient(weights) == pytest.approx(slopes, abs=2e-5)


def test_damages_are_found_where_everything_is_far_from_harmless() -> None:
    # Twelve knobs at two or three bits: at the heights assumed beforehand, all of it would lie beyond the ceiling.
    knobs = tuple(Ordered(f"bits.{i}", tuple(range(2, 9))) for i in range(12))
    encoding = Encoding(Space(knobs, {k.name: 8 for k in knobs}))
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, size=(150, 12)).astype(float)
    targets = np.log((np.exp(rng.normal(size=12)) * 4.0**-codes).sum(axis=1))
    targets = (targets - targets.mean()) / targets.std()
    model = fit_damage(DamageScale(encoding, np.ones(12, dtype=bool)), codes[:100], targets[:100])
    assert np.sqrt(np.mean((model.predict(codes[100:]) - targets[100:]) ** 2)) < 0.3


def test_errors_keep_their_own_zero_in_a_damage() -> None:
    values = np.array([0.13, 0.135, 0.2, 0.74])
    assert Transform.fitted(values, True, is_damage=True).low == 0.0
    assert Transform.fitted(values, True).low == 0.13
    assert Transform.fitted(-values, True, is_damage=True).low == pytest.approx(-0.74 - 0.2 * 0.61)


def test_what_single_knobs_do_is_never_certain_beside_damages() -> None:
    knobs = tuple(Ordered(f"bits.{i}", tuple(range(2, 9))) for i in range(3))
    encoding = Encoding(Space(knobs, {k.name: 8 for k in knobs}))
    codes = np.c_[np.tile(np.arange(4.0, 7.0), 10), np.repeat(np.arange(2.0, 7.0), 6), np.full(30, 6.0)]
    errors = (0.1 + 4.0**-codes).sum(axis=1)
    belief = Surrogate(encoding, DamageScale(encoding, np.ones(3, dtype=bool))).fit(codes, errors)
    tried, untried = belief.standardized(np.array([[6.0, 6.0, 6.0], [6.0, 6.0, 0.0]]))[1]
    assert untried > 3 * tried


def test_the_posterior_mean_is_that_of_covariances(encoding: Encoding) -> None:
    codes, targets = drawn(encoding, 15), np.random.default_rng(1).normal(size=15)
    process = GaussianProcess(encoding, codes, targets, Hyperparameters.default(encoding.n_knobs))
    more = drawn(encoding, 30)[15:]
    # The mean alone takes a shorter way than the mean with its deviation.
    assert process.mean(more) == pytest.approx(process.mean_and_deviation(more)[0])


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_improvement_is_the_hypervolume_that_a_point_adds(n_objectives: int) -> None:
    rng = np.random.default_rng(n_objectives)
    corner = np.ones(n_objectives)
    for n_points in (1, 12):
        front = np.round(rng.random((n_points, n_objectives)), 1)  # ties
        points = np.round(1.2 * rng.random((30, n_objectives)), 1)
        found = Improvement(front, corner)([Spread.exact(column) for column in points.T])
        before = hypervolume(front, corner)
        added = [hypervolume(np.concatenate([front, point[None]]), corner) - before for point in points]
        assert found == pytest.approx(np.array(added), abs=1e-12)


def test_covariances_are_those_that_deviations_come_from(encoding: Encoding) -> None:
    codes, targets = drawn(encoding, 15), np.random.default_rng(1).normal(size=15)
    process = GaussianProcess(encoding, codes, targets, Hyperparameters.default(encoding.n_knobs))
    more = drawn(encoding, 30)[15:]
    covariance = process.covariance(more)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), process.mean_and_deviation(more)[1], rtol=1e-4)
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)


def test_what_is_taken_leaves_as_much_open_as_a_fit_to_it_would(encoding: Encoding) -> None:
    codes = drawn(encoding, 40)
    known, candidates = codes[:20], codes[20:]
    targets = np.random.default_rng(2).normal(size=20)
    hyper = Hyperparameters.default(encoding.n_knobs)
    process = GaussianProcess(encoding, known, targets, hyper)
    transform = Transform.fitted(targets, is_log=False)
    joint = JointBelief(Belief(transform, None, process), candidates)
    for place in (3, 7, 3):
        joint.take(place)
    # The second way: as if they had been measured, as predicted.
    taken = candidates[[3, 7, 3]]
    refitted = GaussianProcess(encoding, np.concatenate([known, taken]), np.r_[targets, process.mean(taken)], hyper)
    expected = Belief(transform, None, refitted).spread(candidates)
    np.testing.assert_allclose(joint.spread().values, expected.values, atol=2e-3)
    believing = Belief(transform, None, process.believing(taken)).spread(candidates)
    np.testing.assert_allclose(believing.values, expected.values, atol=1e-6)


def test_rounded_codes_are_those_of_a_configuration() -> None:
    mode, fixed = Categorical("mode.m", ("a", "b", "c")), Ordered("mode.fixed", (1,))
    knobs = (mode, fixed, Continuous("ratio.r", 0.0, 2.0), Ordered("bits.b", (2, 4, 8)))
    conditions = {"ratio.r": Condition("mode.m", ("b",)), "bits.b": Condition("mode.m", ("a", "c"))}
    defaults = {"mode.m": "a", "mode.fixed": 1, "ratio.r": 0.5, "bits.b": 8}
    encoding = Encoding(Space(knobs, defaults, conditions))
    codes = np.random.default_rng(0).random((50, 3)) * (encoding.upper + 1) - 0.5
    rounded = encoding.rounded(codes)
    configurations = [encoding.space.decode(row) for row in rounded]
    np.testing.assert_allclose(encoding.codes(configurations), rounded, atol=1e-12)
    assert {c["ratio.r"] for c in configurations if c["mode.m"] != "b"} == {0.5}
    assert {c["bits.b"] for c in configurations if c["mode.m"] == "b"} == {8}
    # Two labels beside the first, an interval and a list.
    assert encoding.n_axes == 4


def test_distinct_rows_are_kept_in_order(encoding: Encoding) -> None:
    codes = np.array([[0, 1, 0.5, 2], [1, 0, 0.5, 2], [0, 1, 0.5, 2], [1, 0, 0.5, 2], [2, 0, 0.5, 1]])
    assert encoding.distinct(codes).tolist() == [0, 1, 4]
