"""Which routers are stopped half-way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from demucs_cases import ROUTER, TINY, clip, tiny, tiny_router

from evaluators.demucs import preparation
from evaluators.demucs.aims import Aim
from evaluators.demucs.evaluation import portions
from evaluators.demucs.inference import Slices
from evaluators.demucs.routing import RoutedSlices
from evaluators.demucs.standing import Standing, clearly_dominated, standing
from evaluators.demucs.trainer import RoutedDemucs, with_router
from evaluators.demucs.training_options import TrainingOptions
from evaluators.speech.corpus import SpeechData
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.system import Context


def test_only_what_is_clearly_beaten_is_out() -> None:
    standings = [
        Standing(0.50, 1.00),  # not by the next, since 0.96 * 1.05 > 1, but by the last: 0.8 * 1.05 < 1
        Standing(0.50, 0.96),
        Standing(0.25, 1.20),  # nobody else uses as little
        Standing(0.40, 0.80),
    ]
    assert clearly_dominated(standings) == [True, True, False, False]
    assert clearly_dominated(standings[:2]) == [False, False]
    assert clearly_dominated([standings[0]] * 3) == [False] * 3


def test_a_perfect_output_has_no_error() -> None:
    network = tiny()
    with torch.no_grad():
        for parameter in network.decoder[-1].parameters():
            parameter.zero_()
    silent = clip(3_000)
    same = EvaluationClip("same", silent.clean, silent.clean)
    routed = RoutedSlices(Slices(network), tiny_router())
    assert standing(routed, portions(TINY, [same])).error == pytest.approx(0.0, abs=1e-3)
    assert standing(routed, portions(TINY, [silent])).error > 0.1


@pytest.mark.parametrize("errors", [(1.0, 1.0, 1.0), (1.0, 2.0, 1.0)])
def test_stopped_routers_keep_what_they_have(errors: Sequence[float], monkeypatch: pytest.MonkeyPatch) -> None:
    aims, backbone = [Aim(u, 1.0, 0.1) for u in (0.25, 0.5, 0.75)], tiny()
    found = iter(errors)
    jointly: list[Aim] = []

    def train_jointly(routed: RoutedDemucs, aim: Aim, *_: object) -> RoutedDemucs:
        jointly.append(aim)
        return routed

    monkeypatch.setattr(preparation, "train_backbone", lambda *_: backbone)
    monkeypatch.setattr(preparation, "train_router", lambda *_: with_router(backbone, ROUTER, 0))
    monkeypatch.setattr(preparation, "train_jointly", train_jointly)
    monkeypatch.setattr(preparation, "standing", lambda *_: Standing(0.5, next(found)))
    clips = [clip(2_000)]
    data = replace(_DATA, evaluation={"calibration": clips})
    context = Context(Path())
    prepared = preparation.prepare_demucs(TINY, ROUTER, data, TrainingOptions(), aims, context)
    stopped = [aim for aim, error in zip(aims, errors, strict=True) if error == 2.0]
    assert list(prepared.stopped) == stopped
    assert jointly == [aim for aim in aims if aim not in stopped]
    assert set(prepared.routed) == set(aims)


_DATA = SpeechData(None, {}, "", (), (), "data", "data")  # type: ignore[arg-type]
