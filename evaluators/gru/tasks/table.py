"""The classification tasks known by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evaluators.data import ClassificationData
from evaluators.gru.tasks.digits import DigitsRowsOptions, load_digits_rows
from evaluators.gru.tasks.mnist import MnistRowsOptions, load_mnist_rows
from evaluators.gru.tasks.npz import NpzOptions, load_npz
from evaluators.gru.tasks.options import TaskOptions
from evaluators.gru.tasks.speech_commands import SpeechCommandsOptions, load_speech_commands
from evaluators.gru.tasks.spoken_digits import SpokenDigitsOptions, load_spoken_digits
from evaluators.gru.tasks.timeseries import TimeseriesOptions, load_timeseries
from evaluators.system import Context


@dataclass(frozen=True)
class Task:
    """A data set that a classifier can be trained on.

    Attributes:
        options: What can be chosen about it.
        load: Reads and splits it, given options of that type; raises `DataError`.
        description: One line for people.
    """

    options: type[TaskOptions]
    load: Callable[[Any, Context], ClassificationData]
    description: str


TASKS: Mapping[str, Task] = {
    "digits_rows": Task(DigitsRowsOptions, load_digits_rows, "1,797 handwritten digits, 8 rows of 8 pixels; built in"),
    "mnist_rows": Task(MnistRowsOptions, load_mnist_rows, "MNIST or a set in its format, 28 rows of 28 pixels"),
    "spoken_digits": Task(SpokenDigitsOptions, load_spoken_digits, "WAV files <digit>_<speaker>_<take>.wav, as FSDD"),
    "speech_commands": Task(SpeechCommandsOptions, load_speech_commands, "one subfolder of WAV or FLAC files a word"),
    "timeseries": Task(TimeseriesOptions, load_timeseries, "a pair of .ts files of the UEA and UCR archives"),
    "npz": Task(NpzOptions, load_npz, "your own arrays x [N, T, F], y [N]"),
}
