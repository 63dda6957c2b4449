"""Systems that answer at once, and some that misbehave; importable by worker processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from cost_models import Operator, Workload
from evaluators.errors import DataError
from evaluators.illustrations import Illustration, Predictions, Sound, Steps
from evaluators.references import Reference
from evaluators.system import Measurement
from spaces import Interval


class PickyError(Exception):
    """An exception that pickle can write, but not read back."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


def _sleep_forever() -> None:
    time.sleep(3600)


def _raise(error: BaseException) -> None:
    raise error


def _kill(number: int) -> None:
    os.kill(os.getpid(), number)


FAULTS: Mapping[str, Callable[[], None]] = {
    "raise": lambda: _raise(ValueError("no such filter")),
    "picky": lambda: _raise(PickyError("hard", "to read")),
    "memory": lambda: _raise(MemoryError("out of memory")),
    "timeout_error": lambda: _raise(TimeoutError("the device does not answer")),
    "sys_exit": lambda: sys.exit(3),
    "hang": _sleep_forever,
    "exit": lambda: os._exit(3),
    "sigkill": lambda: _kill(signal.SIGKILL),
    "sigsegv": lambda: _kill(signal.SIGSEGV),
}
"""What a system can do to the process that evaluates it."""


class Toy:
    """Knobs of 2 to 8 bits; the error falls with each bit, the bytes rise with it.

    Args:
        knobs: How many.
        sleep_ms: Duration of an evaluation.
        calls: File that gets a line for every configuration evaluated.
        identity: Fingerprint for the cache of measurements; empty: no measurement is kept.
        fault: What configurations with `k0` = 2 bits do, see `FAULTS`; `nan` and `short` answer wrongly.
        dynamic: Whether half of the work is skipped, more of it with few bits in `k0`.
        loud: Whether to print while working.
    """

    metrics: ClassVar = {"error_rate": "min", "accuracy": "max"}

    def __init__(
        self,
        knobs: int = 4,
        sleep_ms: float = 0.0,
        calls: str = "",
        identity: str = "",
        fault: str = "",
        dynamic: bool = False,
        loud: bool = False,
    ) -> None:
        self._names = [f"k{i}" for i in range(knobs)]
        self._sleep_s = sleep_ms / 1000
        self._calls = calls
        self._identity = identity
        self._fault = fault
        self._dynamic = dynamic
        self._loud = loud

    def knobs(self) -> Any:
        return {"bit_widths": {name: range(2, 9) for name in self._names}}

    def fingerprint(self) -> str:
        return self._identity

    def evaluate(self, configurations: Sequence[Any], split: str, fidelity: float = 1.0) -> list[Measurement]:
        if self._loud:
            print("evaluating", len(configurations))
        found = [self._measure(configuration, split) for configuration in configurations]
        return found[:-1] if self._fault == "short" and any(_is_guilty(c) for c in configurations) else found

    def _measure(self, configuration: Any, split: str) -> Measurement:
        if self._calls:
            with Path(self._calls).open("a") as file:
                file.write(f"{split} {[configuration[f'bit_widths.{name}'] for name in self._names]}\n")
        if self._sleep_s:
            time.sleep(self._sleep_s)
        if _is_guilty(configuration) and self._fault in FAULTS:
            FAULTS[self._fault]()
        error = sum((i + 1) * 2.0 ** -configuration[f"bit_widths.{name}"] for i, name in enumerate(self._names))
        if _is_guilty(configuration) and self._fault == "nan":
            error = float("nan")
        error /= len(self._names) * (1 if split == "validation" else 0.9)
        activity = {"k0": configuration["bit_widths.k0"] / 16} if self._dynamic else {}
        return Measurement({"error_rate": error, "accuracy": 1 - error}, activity, {"error_rate": 0.01})

    def workload(self, configuration: Any, activity: Mapping[str, float] | None = None) -> Workload:
        share = (activity or {}).get("k0", 1.0) if self._dynamic else 1.0
        operators = [
            Operator(
                name,
                "filter",
                macs=100,
                weight_count=64,
                weight_bits=configuration[f"bit_widths.{name}"],
                weight_bytes=8 * configuration[f"bit_widths.{name}"],
                input_elements=16,
                output_elements=16,
                activity=share,
            )
            for name in self._names
        ]
        return Workload(operators, is_dynamic=self._dynamic)


class Compared(Toy):
    """With references: one measured on both splits, and one known on test alone."""

    def references(self, split: str) -> list[Reference]:
        if self._calls:
            with Path(self._calls).open("a") as file:
                file.write(f"references {split}\n")
        clips = [{"clip": "a", "error_rate": 0.5}]
        measured = Reference("nothing", Measurement({"error_rate": 0.5}, {}, {"error_rate": 0.1}, clips))
        costed = Reference(measured.label, measured.measurement, {"model_bytes": 0})
        return [costed, Reference("published", Measurement({"error_rate": 0.2}), {"model_bytes": 100})][
            : 1 + (split == "test")
        ]


class Illustrated(Toy):
    """Has a sound of no configuration, and of each a sound, a decision over time and predictions."""

    def illustrate(self, configurations: Sequence[Any]) -> list[Illustration]:
        if self._fault == "illustrate":
            raise OSError("no loudspeaker")
        shown: list[Illustration] = [Sound("a clip", "as it came", b"as it came", "wav")]
        for i in range(len(configurations)):
            shown.append(Sound("a clip", "", f"member {i}".encode(), "wav", i))
            shown.append(Steps("What is taken", ("a", "b"), (0, 1, 1), 16.0, i))
            true = [1.0, 2.0, 3.5]
            shown.append(Predictions("What is said", "score", true, [v + 0.1 * i for v in true], ("x", "y", "z"), i))
        return shown


class LargestSample:
    """Predicts the largest sample of a window of 1 s; it is not a number where that is 0.75."""

    score = "largest sample"
    sample_rate_hz = 16000
    window_samples = 16000

    def predict(self, windows: Any) -> Any:
        largest = windows.max(axis=1)
        return np.where(np.abs(largest - 0.75) < 1e-3, np.nan, largest)


class Predicting(Toy):
    """Its exports predict, if they hold the file `largest`."""

    @staticmethod
    def load_export(directory: Path) -> LargestSample:
        if not (directory / "largest").is_file():
            raise DataError("there is no such file", where=directory / "largest")
        return LargestSample()


def _is_guilty(configuration: Any) -> bool:
    return bool(configuration["bit_widths.k0"] == 2)


class Tunable:
    """A continuous knob beside a category."""

    def knobs(self) -> Any:
        return {"ratio": {"prune": Interval(0.0, 0.9)}, "mode": {"act": ("relu", "tanh")}}

    def evaluate(self, configurations: Sequence[Any], split: str, fidelity: float = 1.0) -> list[Any]:
        return [{"error_rate": c["ratio.prune"] ** 2 + 0.1 * (c["mode.act"] == "relu")} for c in configurations]

    def costs(self, configuration: Any) -> Mapping[str, float]:
        return {"latency_ms": 2.0 - configuration["ratio.prune"] - 0.5 * (configuration["mode.act"] == "relu")}


class Forgetful(Toy):
    """Declares more metrics than it returns."""

    def evaluate(self, configurations: Sequence[Any], split: str, fidelity: float = 1.0) -> list[Any]:
        return [{"error_rate": 0.5} for _ in configurations]


class Unprepared(Toy):
    """Lacks its weights."""

    def prepare(self, context: Any) -> None:
        raise KeyError("weights")


class Clips(Toy):
    """Measured clip by clip: some clips are harder than others, for all configurations alike, and a little by chance.

    A line of `calls` ends with the number of clips.
    """

    N_CLIPS = 40

    def evaluate(self, configurations: Sequence[Any], split: str, fidelity: float = 1.0) -> list[Measurement]:
        return [self._on_clips(c, split, round(fidelity * self.N_CLIPS)) for c in configurations]

    def _on_clips(self, configuration: Any, split: str, n_clips: int) -> Measurement:
        bits = [configuration[f"bit_widths.{name}"] for name in self._names]
        if self._calls:
            with Path(self._calls).open("a") as file:
                file.write(f"{split} {bits} {n_clips}\n")
        error = sum((i + 1) * 2.0**-b for i, b in enumerate(bits)) / len(bits)
        chance = np.random.default_rng(bits).normal(0, 0.01, self.N_CLIPS)
        harder = np.random.default_rng(1).normal(0, 0.2, self.N_CLIPS)
        errors = (error + harder + chance)[:n_clips]
        rows = [{"clip": f"clip {i}", "error_rate": float(e)} for i, e in enumerate(errors)]
        mean, spread = float(errors.mean()), float(errors.std(ddof=1) / np.sqrt(n_clips))
        return Measurement({"error_rate": mean, "accuracy": 1 - mean}, {}, {"error_rate": spread}, rows)
