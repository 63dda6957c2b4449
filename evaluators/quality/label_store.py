"""Keeps labelled examples on disk, so that no label is computed twice.

An array `<key>.npy` and a description `<key>.json`; the description is written last and makes it valid.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluators.errors import DataError
from evaluators.quality.label_options import EXAMPLE_SAMPLES
from evaluators.speech.catalog import Note
from evaluators.speech.packs import replacing
from evaluators.speech.sound import Samples
from evaluators.storage import write_atomically


@dataclass(frozen=True)
class LabelledExamples:
    """Examples of one split.

    Attributes:
        waveforms: What a network hears, float32, shape (n, EXAMPLE_SAMPLES); mapped from disk, not to be written to.
        labels: Wide-band PESQ, float32, shape (n,).
        names: One each.
        left_out: Examples that PESQ could not score, and why.
    """

    waveforms: Samples
    labels: NDArray[np.float32]
    names: tuple[str, ...]
    left_out: tuple[Note, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class LabelledExample:
    """One example on its way into the store; without a label, `reason` says why."""

    name: str
    samples: Samples
    label: float | None
    reason: str = ""


def store_examples(path: Path, examples: Iterable[LabelledExample]) -> None:
    """Write the examples that have a label, and a note of each of the others, as `path` and beside it.

    Raises:
        OSError: If the files cannot be written; none is then valid.
    """
    labels, names, left_out = [], [], []
    with replacing(path) as file:
        np.lib.format.write_array_header_1_0(file, _header(0))
        for example in examples:
            if example.label is None:
                left_out.append([example.name, example.reason])
                continue
            labels.append(example.label)
            names.append(example.name)
            file.write(np.ascontiguousarray(example.samples, dtype="<f4").tobytes())
        # NumPy leaves room for the first axis to grow, so the header of any number of examples is equally long.
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, _header(len(labels)))
    description = {"labels": labels, "names": names, "left_out": left_out}
    write_atomically(_description(path), json.dumps(description, allow_nan=False).encode())


def is_stored(path: Path) -> bool:
    """Whether `read_examples` would find them."""
    return _description(path).is_file()


def read_examples(path: Path) -> LabelledExamples:
    """What was stored.

    Raises:
        DataError: If the files are damaged.
    """
    try:
        found = json.loads(_description(path).read_bytes())
        labels = np.array(found["labels"], dtype=np.float32)
        waveforms: Samples = np.zeros((0, EXAMPLE_SAMPLES), dtype=np.float32)
        if len(labels):
            waveforms = np.load(path, mmap_mode="r", allow_pickle=False)
        if waveforms.shape != (len(labels), EXAMPLE_SAMPLES) or len(found["names"]) != len(labels):
            raise ValueError(f"{len(labels)} labels for an array of shape {waveforms.shape}")
        left_out = tuple(Note(name, reason) for name, reason in found["left_out"])
        return LabelledExamples(waveforms, labels, tuple(found["names"]), left_out)
    except (OSError, ValueError, TypeError, KeyError) as error:
        advice = f"Delete it and {_description(path).name}"
        raise DataError(f"the kept examples cannot be read: {error}", where=path, advice=advice) from error


def _description(path: Path) -> Path:
    return path.with_suffix(".json")


def _header(n: int) -> dict[str, object]:
    return {"descr": "<f4", "fortran_order": False, "shape": (n, EXAMPLE_SAMPLES)}
