"""Training: what it reaches, that it repeats, resumes and keeps its result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import cross_entropy

from evaluators.data import ClassificationData
from evaluators.errors import EvaluationError
from evaluators.gru.network import GruNetwork, float_accuracy, logits
from evaluators.gru.tasks import TASKS
from evaluators.gru.tasks.assembly import PARTS, Raw, assemble
from evaluators.gru.trainer import Score, Trainer
from evaluators.gru.training import CHECKPOINT_FILE, WEIGHTS_FILE, train
from evaluators.gru.training_options import TrainingOptions
from evaluators.gru.weights import GruWeights
from evaluators.progress import Silent
from evaluators.system import Context
from evaluators.training.schedule import share_of_peak
from evaluators.training.threads import one_thread

OPTIONS = TrainingOptions(epochs=4, batch_size=16)
EVERYTHING = TrainingOptions(
    epochs=4,
    batch_size=16,
    augmentation={
        "time_stretch": 0.2,
        "time_shift": 0.5,
        "feature_shift": 0.5,
        "slant": 0.1,
        "equalizer": 0.1,
        "noise": 0.1,
    },  # type: ignore[arg-type]
)


class StoppedError(Exception):
    """Stands for the end of the process."""


class Watcher:
    """Notes what it is told; stops the training after some epochs, as a kill would."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.steps: list[int] = []
        self.notes: list[str] = []
        self.total = 0
        self.is_finished = False
        self._stop_after = stop_after

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.total = total
        self.steps.append(done)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.steps.append(steps)
        self.notes.append(note)
        if note and len(self.notes) == self._stop_after:
            raise StoppedError

    def finish(self) -> None:
        self.is_finished = True


@pytest.fixture(scope="module")
def data() -> ClassificationData:
    """Is the sum of the first feature over the sequence positive? Lengths 3 to 8."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 8, 3)).astype(np.float32)
    lengths = rng.integers(3, 9, 240)
    within = np.arange(8) < lengths[:, None]
    labels = ((x[:, :, 0] * within).sum(axis=1) > 0).astype(np.int64)
    parts = dict(zip(PARTS, np.split(np.arange(240), [120, 180]), strict=True))
    return assemble(Raw(x, lengths, labels), parts, ["minus", "plus"], "sums", scaling="each_feature", seed=0)


@pytest.fixture(autouse=True)
def _on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


def flat(weights: GruWeights) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in GruNetwork.from_weights(weights).parameters()])


def test_a_simple_task_is_learned(data: ClassificationData, tmp_path: Path) -> None:
    weights = train(data, 12, 1, TrainingOptions(epochs=30, batch_size=16), tmp_path, Silent())
    assert (weights.layers[0].n_inputs, weights.layers[0].n_hidden, weights.n_classes) == (3, 12, 2)
    assert float_accuracy(weights, data.splits["test"]) > 0.85


@pytest.mark.parametrize("options", [OPTIONS, EVERYTHING])
def test_training_repeats_exactly(data: ClassificationData, tmp_path: Path, options: TrainingOptions) -> None:
    torch.manual_seed(5)  # the global generator must not matter
    first = train(data, 8, 2, options, tmp_path / "a", Silent())
    torch.manual_seed(6)
    second = train(data, 8, 2, options, tmp_path / "b", Silent())
    assert (flat(first) == flat(second)).all()
    other = train(data, 8, 2, options.model_copy(update={"seed": 1}), tmp_path / "c", Silent())
    assert (flat(other) != flat(first)).any()


@pytest.mark.parametrize("stop_after", [1, 3])
def test_interrupted_training_goes_on_to_the_same_weights(
    data: ClassificationData, tmp_path: Path, stop_after: int
) -> None:
    whole = train(data, 8, 2, EVERYTHING, tmp_path / "whole", Silent())
    with pytest.raises(StoppedError):
        train(data, 8, 2, EVERYTHING, tmp_path / "parts", Watcher(stop_after))
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [CHECKPOINT_FILE]
    watcher = Watcher()
    resumed = train(data, 8, 2, EVERYTHING, tmp_path / "parts", watcher)
    assert (flat(resumed) == flat(whole)).all()
    assert watcher.steps == [stop_after] + [1] * (4 - stop_after)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [WEIGHTS_FILE]
    files = [(tmp_path / folder / WEIGHTS_FILE).read_bytes() for folder in ("whole", "parts")]
    assert files[0] == files[1]


def test_training_stopped_in_its_very_end_goes_on(data: ClassificationData, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        train(data, 8, 1, OPTIONS, tmp_path, Watcher(stop_after=4))
    assert (tmp_path / CHECKPOINT_FILE).is_file()
    resumed = train(data, 8, 1, OPTIONS, tmp_path, Silent())
    assert (flat(resumed) == flat(train(data, 8, 1, OPTIONS, tmp_path / "whole", Silent()))).all()


def test_finished_weights_are_returned_straight_away(data: ClassificationData, tmp_path: Path) -> None:
    first = train(data, 8, 1, OPTIONS, tmp_path, Silent())
    watcher = Watcher()
    again = train(data, 8, 1, OPTIONS, tmp_path, watcher)
    assert watcher.total == 0
    assert (flat(again) == flat(first)).all()


def test_fresh_ignores_what_is_there(data: ClassificationData, tmp_path: Path) -> None:
    train(data, 8, 1, OPTIONS, tmp_path, Silent())
    watcher = Watcher()
    train(data, 8, 1, OPTIONS, tmp_path, watcher, fresh=True)
    assert watcher.steps == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("change", ["hidden", "layers", "options", "data"])
def test_weights_of_another_training_are_not_used(data: ClassificationData, tmp_path: Path, change: str) -> None:
    train(data, 8, 1, OPTIONS, tmp_path, Silent())
    watcher = Watcher()
    train(
        replace(data, class_names=("-", "+")) if change == "data" else data,
        9 if change == "hidden" else 8,
        2 if change == "layers" else 1,
        OPTIONS.model_copy(update={"weight_decay": 0.5}) if change == "options" else OPTIONS,
        tmp_path,
        watcher,
    )
    assert watcher.steps == [0, 1, 1, 1, 1]


def test_progress_tells_loss_and_accuracy(data: ClassificationData, tmp_path: Path) -> None:
    watcher = Watcher()
    train(data, 8, 1, OPTIONS, tmp_path, watcher)
    assert watcher.total == sum(watcher.steps) == 4
    assert all(re.fullmatch(r"loss \d\.\d{3}, validation \d+\.\d%", note) for note in watcher.notes)
    assert watcher.is_finished


def test_number_of_threads_is_put_back(data: ClassificationData, tmp_path: Path) -> None:
    seen: set[int] = set()

    class Look(Silent):
        def advance(self, steps: int = 1, note: str = "") -> None:
            seen.add(torch.get_num_threads())

    torch.set_num_threads(2)
    train(data, 8, 1, OPTIONS, tmp_path, Look())
    assert torch.get_num_threads() == 2
    assert seen == {1}


def test_divergence_is_told(data: ClassificationData, tmp_path: Path) -> None:
    x = data.splits["train"].x.copy()
    x[0, 0, 0] = np.inf
    broken = replace(data, splits={**data.splits, "train": replace(data.splits["train"], x=x)})
    watcher = Watcher()
    message = r"the training diverged: its loss is nan in epoch 1\. Lower `learning_rate`, 0\.01 now"
    with pytest.raises(EvaluationError, match=message):
        train(broken, 8, 1, OPTIONS, tmp_path, watcher)
    assert watcher.is_finished
    assert not list(tmp_path.iterdir())


def scores(data: ClassificationData, options: TrainingOptions) -> Iterator[tuple[Score, Trainer]]:
    """Score of each epoch, found the long way round."""
    trainer = Trainer(data, 8, 1, options, "cpu")
    validation = data.splits["validation"]
    for epoch in range(1, options.epochs + 1):
        report = trainer.run_epoch()
        values = logits(trainer.network, validation)
        n_wrong = int((values.argmax(axis=1) != validation.labels).sum())
        loss = float(cross_entropy(torch.from_numpy(values), torch.from_numpy(validation.labels)))
        assert report.accuracy == 1 - n_wrong / len(validation)
        yield Score(n_wrong, loss, epoch), trainer


def test_best_epoch_on_validation_is_kept(data: ClassificationData) -> None:
    found: list[Score] = []
    options = TrainingOptions(epochs=12, batch_size=16, learning_rate=0.1)
    for score, trainer in scores(data, options):
        found.append(score)
        assert trainer.score == min(found)
        if trainer.score.epoch == trainer.epochs_done:
            kept = {name: value.clone() for name, value in trainer.network.state_dict().items()}
        assert all(torch.equal(trainer.best[name], value) for name, value in kept.items())
    assert min(found) != found[-1]  # else nothing would have been chosen


def test_learning_rate_rises_then_falls_to_nothing() -> None:
    # Up within a tenth of the time; half of the fall is the middle of a cosine.
    shares = [share_of_peak(progress) for progress in (0, 0.05, 0.1, 0.55, 1)]
    assert shares == pytest.approx([0, 0.5, 1, 0.5, 0])


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": 0.0}, {"batch": 3}, {"augmentation": {"pitch": 1}}])
def test_impossible_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainingOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_built_in_digits_are_learned(tmp_path: Path) -> None:
    task = TASKS["digits_rows"]
    digits = task.load(task.options(), Context(tmp_path))
    weights = train(digits, 48, 1, TrainingOptions(), tmp_path, Silent())
    assert float_accuracy(weights, digits.splits["test"]) >= 0.96
