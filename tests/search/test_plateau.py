"""Searches that end when nothing more is promised or found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from search import Study
from search.errors import SpecError
from search.optimizers import Observation
from search.plateau import Plateau, Stream
from search.report import RunView
from search.report.page import report_html
from spaces import Configuration

MakeStudy = Callable[..., Study]
UNTIL_PLATEAU = {"trials": 500, "until": "plateau", "tolerance": 0.01}


@dataclass
class Promise:
    """An optimizer that promises what it is told to."""

    gain: float = float("inf")
    batch_size: int = 1

    def ask(self, n: int) -> list[Configuration]:
        return []

    def tell(self, observations: Sequence[Observation]) -> None:
        pass


@pytest.mark.parametrize(
    ("promises", "found", "is_reached"),
    [
        ([0.0, 0.0, 0.0], [100, 100, 100], False),  # growth over three batches needs four values
        ([0.5, 0.009, 0.009, 0.009], [100, 100.2, 100.5, 100.9], True),
        ([0.5, 0.009, 0.011, 0.009], [100, 100, 100, 100], False),
        ([0.0, 0.0, 0.0, 0.0], [100, 100, 100, 101.1], False),  # the model expects nothing, and is wrong
        ([0.0, 0.0, 0.0, 0.0], [0, 0, 0, 0], False),  # nothing feasible yet
        ([float("inf")] * 4, [100] * 4, False),
    ],
)
def test_a_plateau_is_three_batches_that_neither_promise_nor_bring(
    promises: list[float], found: list[float], is_reached: bool
) -> None:
    optimizer = Promise()
    plateau = Plateau(optimizer, 0.01)
    for optimizer.gain, hypervolume in zip(promises, found, strict=True):
        plateau.add(hypervolume)
    assert plateau.is_reached == is_reached


def test_only_optimizers_that_promise_can_be_watched(make_study: MakeStudy) -> None:
    optimizer = make_study(optimizer="random").optimizer()
    with pytest.raises(TypeError, match="RandomSearch cannot tell"):
        Plateau(optimizer, 0.01)


def test_a_study_ends_on_its_plateau_and_says_so(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study(optimizer={"name": "guided", "rounds": 2}, budget=UNTIL_PLATEAU)
    run = study.run(tmp_path / "run", quiet=True)
    document = run.front()
    assert document["stopped"] == "plateau: 3 batches neither promised nor brought 1 % more hypervolume"
    assert document["n_trials"] < 300
    assert "<dt>ended by</dt><dd>plateau: 3 batches" in report_html([RunView("run", document, run.records())])
    # A run that is resumed has the same end.
    again = study.run(tmp_path / "run", resume=True, quiet=True).front()
    assert again == document


def test_other_ends_are_told_too(make_study: MakeStudy, tmp_path: Path) -> None:
    assert make_study().run(tmp_path / "a", quiet=True).front()["stopped"] == "50 trials"
    few = make_study(space={"bit_widths": {"operators": "k0", "choices": [2, 8]}})
    assert few.run(tmp_path / "b", quiet=True).front()["stopped"] == "nothing left to propose"


def test_what_cannot_see_a_plateau_is_refused(make_study: MakeStudy) -> None:
    with pytest.raises(SpecError, match=r"budget.until: the optimizer nsga2 cannot tell what it still expects"):
        make_study(budget=UNTIL_PLATEAU, optimizer="nsga2")


def test_without_generations_promises_add_up_until_there_is_a_batch() -> None:
    optimizer = Promise()
    plateau = Plateau(optimizer, 0.01)
    stream = Stream(plateau, 4)
    for optimizer.gain, is_reached in [(0.004, False), (0.006, False), (0.004, False), (0.005, False), (0.001, True)]:
        # Two questions for every four trials: 0.8, 1.2, 0.8, 1.0 and 0.2 %; three of these have to lie below 1 %.
        stream.asked()
        stream.told(2, 100.0)
        assert not plateau.is_reached
        stream.asked()
        stream.told(2, 100.0)
        if is_reached:
            stream.asked()
            stream.told(4, 100.0)
            stream.asked()
            stream.told(4, 100.0)
        assert plateau.is_reached == is_reached


def test_what_an_interrupted_run_had_promises_nothing() -> None:
    plateau = Plateau(Promise(0.0), 0.01)
    stream = Stream(plateau, 4)
    for _ in range(9):
        stream.told(4, 100.0)
    assert not plateau.is_reached
    assert plateau.note() == ""


def test_a_study_without_generations_ends_on_its_plateau(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study(
        optimizer={"name": "guided", "rounds": 2},
        executor={"name": "serial", "mode": "asynchronous"},
        budget=UNTIL_PLATEAU,
    )
    document = study.run(tmp_path / "run", quiet=True).front()
    assert document["stopped"].startswith("plateau: 3 batches")
    assert document["n_trials"] < 300
