"""Guided search: exact costs, models of what is uncertain, and the candidates that promise most hypervolume.

Each batch: fit a surrogate to every uncertain objective; start a pool from the front, the knapsack's seeds and the last
pool; improve it by moves, swaps and crossover; take the candidates with the largest hypervolume improvement, each
counted as found before the next is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import ThreadpoolController

from search.optimizers.base import Observation, SearchProblem, Unseen
from search.optimizers.guided.contest import Contest
from search.optimizers.guided.corners import far_corner, near_corner
from search.optimizers.guided.damage import DamageScale
from search.optimizers.guided.data import Data
from search.optimizers.guided.encoding import Codes, Encoding
from search.optimizers.guided.feasibility import Feasibility
from search.optimizers.guided.judge import Judge
from search.optimizers.guided.knapsack import Knapsack
from search.optimizers.guided.known_costs import KnownCosts
from search.optimizers.guided.portfolio import Chooser, Portfolio
from search.optimizers.guided.start_design import one_at_a_time, spread_out
from search.optimizers.guided.surrogate import Belief
from search.optimizers.guided.variation import Variation
from spaces import Configuration, Options

Floats = NDArray[np.float64]
SMALL_SPACE = 2_000
"""Spaces up to this size are scored as a whole."""

BREEDERS = 40
"""The best observations, from which candidates are bred."""
MOST_REFUSED = 200
"""Random configurations in a batch that may break constraints on costs before the search gives up drawing."""
TURNS, TURNS_WITH_EXACT_COSTS = 2, 4
"""One of so many batches looks for the ends of the front; along a cost that is exact they are easier to find."""


class GuidedOptions(Options):
    """Options of `guided`."""

    batch: int = Field(default=10, ge=1, le=1000, description="configurations evaluated together")
    start: int | None = Field(default=None, ge=1, description="first configurations; none: by the number of knobs")
    rounds: int = Field(default=6, ge=1, le=100, description="rounds of the inner search")
    pool: int = Field(default=250, ge=20, le=10_000, description="candidates that survive a round")


class GuidedSearch:
    """Model-based search that knows costs beforehand.

    Args:
        problem: What is searched.
        options: See `GuidedOptions`.
        seed: Of every random draw.
    """

    def __init__(self, problem: SearchProblem, options: GuidedOptions, seed: int) -> None:
        self.batch_size = options.batch
        self._options = options
        self._rng = np.random.default_rng(seed)
        self._unseen = Unseen(problem.space, self._rng)
        self._encoding = Encoding(problem.space)
        self._data = Data(self._encoding, problem.n_objectives)
        self._problem = problem
        self._costs: KnownCosts | None = None
        self._is_ready = False
        self._n_checked = 0
        self._n_modelled = 0
        self._threads: ThreadpoolController | None = None
        self._portfolio = Portfolio(self._encoding)
        self._pending: dict[bytes, Codes] = {}
        self._seen: set[bytes] = set()
        self._last_pool: Codes = np.empty((0, self._encoding.n_knobs))
        self.gain = np.inf
        """Hypervolume that the last batch promised, as a share of what there is; infinite before the first model."""

    def ask(self, n: int) -> list[Configuration]:
        """The most promising configurations; random ones where the model has nothing to say."""
        if self._threads is None:
            self._threads = ThreadpoolController()
        with self._threads.limit(limits=1):  # sums in another order would give other proposals on other machines
            self._prepare()
            self._check_costs()
            found = self._from_start(n)
            if len(found) < n and not self._unseen.is_exhausted and self._data.is_measured.sum() >= 2:
                found += self._from_model(n - len(found))
        found += self._drawn(n - len(found), is_last_resort=not found)
        codes = self._encoding.codes(found)
        keys = self._encoding.keys(codes)
        self._seen.update(keys)
        self._pending |= {key: row[None] for key, row in zip(keys, codes, strict=True)}
        return found

    def tell(self, observations: Sequence[Observation]) -> None:
        """Learn; what was told before is ignored."""
        for observation in observations:
            self._unseen.add(observation.configuration)
        self._learn_whom_to_trust(observations)
        self._data.add(observations)
        keys = self._encoding.keys(self._encoding.codes([o.configuration for o in observations]))
        self._seen.update(keys)
        for key in keys:
            self._pending.pop(key, None)

    def _learn_whom_to_trust(self, observations: Sequence[Observation]) -> None:
        if not self._data.is_measured.any() or not observations:
            return
        keys = self._encoding.keys(self._encoding.codes([o.configuration for o in observations]))
        nothing = (np.nan,) * self._problem.n_objectives
        values = np.array([o.values if o.is_feasible and o.values else nothing for o in observations])
        self._portfolio.learn(keys, values, self._data, near_corner(self._data))

    def _prepare(self) -> None:
        """What needs exact costs: only when the first question comes is the system sure to be prepared."""
        if self._is_ready:
            return
        self._is_ready = True
        encoding, problem = self._encoding, self._problem
        if problem.foretell is not None and encoding.n_knobs:
            self._costs = KnownCosts(encoding, problem.foretell, self._rng)
        self._choose_models()
        self._feasibility = Feasibility(encoding)
        self._variation = Variation(encoding, self._rng)
        self._start = list(self._start_design())

    def _choose_models(self) -> None:
        """What is exact is known, everything else gets a model."""
        self._is_exact = np.zeros(self._problem.n_objectives, dtype=bool)
        self._knapsack: Knapsack | None = None
        scale: DamageScale | None = None
        if self._costs is not None and self._costs.is_exact.any():
            self._is_exact = self._costs.is_exact
            self._knapsack = Knapsack(self._encoding, self._costs)
            scale = DamageScale(self._encoding, self._knapsack.is_dear_above)
        self._surrogates = {int(j): Contest(self._encoding, scale) for j in np.flatnonzero(~self._is_exact)}

    def _check_costs(self) -> None:
        """Costs that turn out otherwise than foretold are uncertain like everything else."""
        data, first = self._data, self._n_checked
        self._n_checked = len(data)
        rows = first + np.flatnonzero(data.is_measured[first:])
        if self._costs is None or not self._is_exact.any() or not len(rows):
            return
        refuted = self._costs.is_refuted(data.codes[rows], data.values[rows]) & self._is_exact
        if refuted.any():
            self._costs.distrust(refuted)
            self._choose_models()

    def _start_design(self) -> Codes:
        encoding = self._encoding
        if encoding.n_knobs == 0:
            return np.empty((0, 0))
        if self._is_exact.any():
            rows = one_at_a_time(encoding, self._rng)
        else:
            rows = spread_out(encoding, min(max(2 * encoding.n_axes, 10), 40), self._rng)
        return rows if self._options.start is None else rows[: self._options.start]

    def _from_start(self, n: int) -> list[Configuration]:
        found: list[Configuration] = []
        while self._start and len(found) < n:
            row = self._start.pop(0)
            configuration = self._encoding.space.decode(row)
            if self._is_allowed(row[None]) and self._unseen.add(configuration):
                found.append(configuration)
        return found

    def _drawn(self, n: int, is_last_resort: bool) -> list[Configuration]:
        """Random configurations whose costs are allowed; the least violating one where that is all there is."""
        allowed: list[Configuration] = []
        refused: list[tuple[float, Configuration]] = []
        while len(allowed) < n and len(refused) < MOST_REFUSED and (drawn := self._unseen.draw()) is not None:
            codes = self._encoding.codes([drawn])
            violation = 0.0 if self._costs is None else float(self._costs(codes)[1][0])
            if violation > 0:
                refused.append((violation, drawn))
            else:
                allowed.append(drawn)
        if len(allowed) < n and refused:
            allowed += self._near_the_bounds([c for _, c in refused], n - len(allowed))
        if allowed or not refused or not is_last_resort:
            return allowed
        return [min(refused, key=lambda pair: pair[0])[1]]

    def _near_the_bounds(self, refused: Sequence[Configuration], n: int) -> list[Configuration]:
        """What keeps to the constraints on costs where chance finds nothing: bred from what violates least."""
        assert self._costs is not None, "what is refused violates a constraint on costs"
        pool = self._encoding.codes(refused)
        for _ in range(self._options.rounds):
            pool = np.concatenate([pool, self._variation.children(pool, self._options.pool)])
            pool = pool[self._encoding.distinct(pool)]
            violations = self._costs(pool)[1]
            pool = pool[np.argsort(violations, kind="stable")[: self._options.pool // 2]]
            allowed = self._new(pool[: np.count_nonzero(violations <= 0)])
            if len(allowed) >= n:
                break
        decoded = (self._encoding.space.decode(row) for row in allowed)
        return [c for c, _ in zip((c for c in decoded if self._unseen.add(c)), range(n), strict=False)]

    def _is_allowed(self, row: Codes) -> bool:
        return self._costs is None or self._costs(row)[1][0] <= 0

    def _from_model(self, n: int) -> list[Configuration]:
        beliefs = self._beliefs()
        pending = np.concatenate([np.empty((0, self._encoding.n_knobs)), *self._pending.values()])
        judge = Judge(self._data, beliefs, self._costs, self._feasibility, pending, self._next_corner())
        pool = self._improved_pool(judge, beliefs)
        n_bred, n_drawn = self._portfolio_parts(n)
        parts = {Chooser.MODEL: self._batch(judge, pool, n - n_bred - n_drawn), Chooser.BREEDING: self._bred(n_bred)}
        parts[Chooser.CHANCE] = self._drawn(n_drawn, is_last_resort=False)
        for chooser, part in parts.items():
            self._portfolio.chosen(self._encoding.keys(self._encoding.codes(part)), chooser)
        return [configuration for part in parts.values() for configuration in part]

    def _next_corner(self) -> Floats:
        """Near and far ones take turns."""
        turns = TURNS_WITH_EXACT_COSTS if self._is_exact.any() else TURNS
        is_far = self._n_modelled % turns == 1
        self._n_modelled += 1
        return far_corner(self._data, self._is_exact) if is_far else near_corner(self._data)

    def _portfolio_parts(self, n: int) -> tuple[int, int]:
        """How many of a batch are bred, and how many drawn."""
        if self._is_small:
            return 0, 0
        if self._feasibility.is_learned and not self._is_exact.any():
            n_bred, n_drawn = self._portfolio.parts(n, [Chooser.BREEDING, Chooser.CHANCE])
            return n_bred, n_drawn
        return self._portfolio.parts(n, [Chooser.BREEDING])[0], 0

    @property
    def _is_small(self) -> bool:
        size = self._encoding.space.size
        return size is not None and size <= SMALL_SPACE

    def _bred(self, n: int) -> list[Configuration]:
        """Children of the best that nobody has judged."""
        if n == 0:
            return []
        best = self._data.by_rank(np.flatnonzero(self._data.is_measured))[:BREEDERS]
        rows = self._data.codes[best[np.argsort(self._data.values[best, 0], kind="stable")]]
        children = self._new(self._variation.children(rows, 10 * n))
        decoded = (self._encoding.space.decode(row) for row in self._rng.permutation(children))
        return [c for c, _ in zip((c for c in decoded if self._unseen.add(c)), range(n), strict=False)]

    def _beliefs(self) -> dict[int, Belief]:
        rows = self._data.for_model()
        known = np.zeros(len(self._data), dtype=bool)
        if self._costs is not None:
            known = ~self._data.is_measured & (self._data.violations > 0)
        self._feasibility.fit(self._data, known)
        return {j: s.fit(self._data.codes[rows], self._data.values[rows, j]) for j, s in self._surrogates.items()}

    def _improved_pool(self, judge: Judge, beliefs: dict[int, Belief]) -> Codes:
        encoding = self._encoding
        if self._is_small:
            return self._new(encoding.codes(list(encoding.space.enumerate())))
        best = self._data.by_rank(np.flatnonzero(self._data.is_measured))[: self._options.pool // 2]
        parts = [self._data.codes[best], self._last_pool]
        if self._knapsack is not None:
            parts += [self._knapsack.seeds(b.damage) for b in beliefs.values() if b.damage is not None]
        parts.append(spread_out(encoding, 50, self._rng))
        pool = np.concatenate(parts)
        pool = pool[encoding.distinct(pool)]
        scores, along = judge(pool)
        for _ in range(self._options.rounds):
            order = np.argsort(along, kind="stable")
            pool, scores, along = pool[order], scores[order], along[order]
            children = self._variation.children(pool, self._options.pool)
            children = children[encoding.distinct(children)]
            more, more_along = judge(children)
            pool = np.concatenate([pool, children])
            scores, along = np.r_[scores, more], np.r_[along, more_along]
            kept = self._survivors(pool, scores, along)
            pool, scores, along = pool[kept], scores[kept], along[kept]
        self._last_pool = pool[np.argsort(-scores, kind="stable")][: self._options.pool // 3]
        return self._new(pool)

    def _survivors(self, pool: Codes, scores: Floats, along: Floats) -> NDArray[np.intp]:
        """The best by score, and a few of every stretch of the cost axis; of equal rows one."""
        first = self._encoding.distinct(pool)
        by_score = first[np.argsort(-scores[first], kind="stable")]
        bins = np.zeros(len(pool), dtype=int)
        if np.ptp(along) > 0:
            bins = np.minimum((25 * (along - along.min()) / np.ptp(along)).astype(int), 24)
        few = [i for b in range(25) for i in by_score[bins[by_score] == b][:4]]
        kept = np.r_[by_score[: self._options.pool // 2], np.array(few, dtype=np.intp)]
        return np.asarray(np.unique(kept), dtype=np.intp)

    def _new(self, codes: Codes) -> Codes:
        return np.asarray(codes[np.array([key not in self._seen for key in self._encoding.keys(codes)], dtype=bool)])

    def _batch(self, judge: Judge, pool: Codes, n: int) -> list[Configuration]:
        chosen: list[Configuration] = []
        shortlist = judge.shortlist(pool, max(40, 8 * n))
        greedy = judge.greedy(shortlist)
        total = 0.0
        for _ in range(len(shortlist)):
            scores = greedy.scores()
            place = int(np.argmax(scores))
            if len(chosen) >= n or (scores[place] <= 0 and chosen):
                break
            configuration = self._encoding.space.decode(shortlist[place])
            is_new = self._unseen.add(configuration)
            if is_new:
                total += float(scores[place])
                chosen.append(configuration)
            greedy.take(place, is_found=is_new)
        if self._is_exact.any() and chosen:
            # Expectations of many small chances add up to promises that are rarely kept.
            total = judge.added(self._encoding.codes(chosen))
        self.gain = total / judge.hypervolume if judge.hypervolume > 0 else np.inf
        return chosen
