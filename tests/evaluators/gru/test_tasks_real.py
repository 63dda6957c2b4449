"""Real data sets, where `TINYPARETO_DATA` has them: what is known about them, and what a network reaches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluators.data import ClassificationData
from evaluators.gru.network import float_accuracy
from evaluators.gru.tasks import TASKS
from evaluators.gru.training import train
from evaluators.gru.training_options import Augmentation, TrainingOptions
from evaluators.progress import Silent
from evaluators.storage import data_root
from evaluators.system import Context

pytestmark = pytest.mark.slow


def load(folder: str, task: str, cache: Path, **options: object) -> ClassificationData:
    root = data_root()
    if root is None or not (root / folder).is_dir():
        pytest.skip(f"TINYPARETO_DATA has no {folder}")
    return TASKS[task].load(TASKS[task].options(root=root / folder, **options), Context(cache))


def test_mnist_has_its_known_sizes(tmp_path: Path) -> None:
    data = load("mnist", "mnist_rows", tmp_path)
    assert [len(data.splits[split]) for split in ("train", "validation", "test")] == [55_000, 5_000, 10_000]
    # LeCun's counts of the test digits.
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(data.splits["test"].labels).tolist() == counts


@pytest.mark.parametrize(
    ("dataset", "n_train", "n_test", "n_steps", "n_features", "n_classes"),
    [
        ("JapaneseVowels", 270, 370, 29, 12, 9),
        ("BasicMotions", 40, 40, 100, 6, 4),
        ("ItalyPowerDemand", 67, 1029, 24, 1, 2),
        ("GunPoint", 50, 150, 150, 1, 2),
    ],
)
def test_series_have_their_known_sizes(
    tmp_path: Path, dataset: str, n_train: int, n_test: int, n_steps: int, n_features: int, n_classes: int
) -> None:
    data = load("timeseries_ucr", "timeseries", tmp_path, dataset=dataset)
    assert len(data.splits["train"]) + len(data.splits["validation"]) == n_train
    assert len(data.splits["test"]) == n_test
    assert (data.n_steps, data.n_features, len(data.class_names)) == (n_steps, n_features, n_classes)


def test_japanese_vowels_are_learned(tmp_path: Path) -> None:
    data = load("timeseries_ucr", "timeseries", tmp_path)
    options = TrainingOptions(epochs=100, batch_size=16, augmentation=Augmentation(time_stretch=0.2, noise=0.4))
    weights = train(data, 32, 1, options, tmp_path, Silent())
    assert float_accuracy(weights, data.splits["test"]) >= 0.95


def test_spoken_digits_of_an_unknown_speaker_are_recognized(tmp_path: Path) -> None:
    data = load("kws_fsdd", "spoken_digits", tmp_path, test_speaker="theo")
    assert np.bincount(data.splits["test"].labels).tolist() == [40] * 10
    changes = Augmentation(time_stretch=0.25, noise=0.3, equalizer=1.0)
    weights = train(data, 64, 1, TrainingOptions(epochs=25, augmentation=changes), tmp_path, Silent())
    assert float_accuracy(weights, data.splits["test"]) >= 0.85


def test_wake_words_are_read_from_flac(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    data = load("kws_wakewords", "speech_commands", tmp_path, max_seconds=1.5, validation_share=0.2, test_share=0.2)
    assert data.class_names == ("alexa", "computer", "jarvis", "smart_mirror", "snowboy", "view_glass")
    assert sum(len(data.splits[split]) for split in ("train", "validation", "test")) == 480
