"""Features of many recordings, kept on disk so that they are computed once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from evaluators.gru.tasks.audio import read_audio
from evaluators.gru.tasks.errors import DataError
from evaluators.gru.tasks.features import FeatureOptions, log_mel
from evaluators.storage import settings_hash, write_atomically
from evaluators.system import Context

FEATURES_VERSION = 1
"""To be raised whenever the same recording gets other features, so that kept ones are not used."""
_PROGRESS_STEP = 100


def features_of(
    files: Sequence[Path], root: Path, options: FeatureOptions, context: Context
) -> list[NDArray[np.float32]]:
    """Log-mel features of each file, shape (its steps, n_mels); from the cache where names, sizes, times fit.

    Args:
        files: Recordings under `root`.
        root: Folder that names in the cache start from, so that a moved folder is still known.
        options: Of the features.
        context: Says where the cache is, and who watches.

    Raises:
        DataError: If a recording cannot be read.
    """
    path = context.cache / "features" / f"{_key(files, root, options)}.safetensors"
    if not context.fresh and path.is_file():
        return _read(path)
    features = _compute(files, options, context)
    lengths = np.array([len(steps) for steps in features], dtype=np.int64)
    write_atomically(path, save({"steps": np.concatenate(features), "lengths": lengths}))
    return features


def _key(files: Sequence[Path], root: Path, options: FeatureOptions) -> str:
    stats = [(file.relative_to(root).as_posix(), file.stat()) for file in files]
    settings = options.model_dump(include=set(FeatureOptions.model_fields) - {"root", "split_seed"})
    content = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return settings_hash({"version": FEATURES_VERSION, "settings": settings, "files": content})


def _read(path: Path) -> list[NDArray[np.float32]]:
    try:
        arrays = load_file(path)
    except SafetensorError as error:
        raise DataError(f"the cached features cannot be read: {error}", where=path, advice="Delete it") from error
    return np.split(arrays["steps"], np.cumsum(arrays["lengths"])[:-1])


def _compute(files: Sequence[Path], options: FeatureOptions, context: Context) -> list[NDArray[np.float32]]:
    features = []
    context.progress.start("features of recordings", len(files))
    try:
        for number, file in enumerate(files, start=1):
            features.append(log_mel(read_audio(file, options.sample_rate_hz), options))
            if number % _PROGRESS_STEP == 0:
                context.progress.advance(_PROGRESS_STEP)
        context.progress.advance(len(files) % _PROGRESS_STEP)
    finally:
        context.progress.finish()
    return features
