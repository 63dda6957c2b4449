"""Time series from pairs of `.ts` files, as the UEA and UCR archives have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import Field

from evaluators.data import ClassificationData
from evaluators.gru.tasks.assembly import assemble, pad
from evaluators.gru.tasks.errors import DataError
from evaluators.gru.tasks.options import FolderOptions, Share, find_folder
from evaluators.gru.tasks.splitting import deal
from evaluators.gru.tasks.ts_format import LabelledSeries, read_ts
from evaluators.system import Context
from spaces import nearest

SUBFOLDER = "timeseries_ucr"


class TimeseriesOptions(FolderOptions):
    """Options of `timeseries`."""

    dataset: str = Field(default="JapaneseVowels", description="name of the pair NAME_TRAIN.ts, NAME_TEST.ts")
    validation_share: Share = Field(default=0.3, description="share of the training file kept for validation")


def load_timeseries(options: TimeseriesOptions, context: Context) -> ClassificationData:
    """The series of a pair of files, each as long as it is; every dimension is scaled on its own.

    Raises:
        DataError: If a file is missing or malformed, or the two do not fit together.
    """
    folder = find_folder(options.root, SUBFOLDER)
    path, test_path = (_find(folder, options.dataset, part) for part in ("TRAIN", "TEST"))
    own, others = read_ts(path), read_ts(test_path)
    class_names = own.class_names or _names(own, others)
    if own.n_dimensions != others.n_dimensions:
        raise DataError(
            f"series have {others.n_dimensions} dimensions",
            where=test_path,
            expected=f"{own.n_dimensions} as in {path.name}",
        )
    unseen = sorted(set(others.labels) - set(class_names))
    if unseen:
        raise DataError(f"class {unseen[0]!r} is not in {path.name}", where=test_path)
    names = [*own.labels, *others.labels]
    labels = np.array([class_names.index(name) for name in names], dtype=np.int64)
    n_own = len(own.labels)
    n_validation = round(options.validation_share * n_own)
    parts = deal(labels[:n_own], {"train": n_own - n_validation, "validation": n_validation}, seed=options.split_seed)
    return assemble(
        pad([*own.series, *others.series], labels),
        {"train": parts["train"], "validation": parts["validation"], "test": np.arange(n_own, len(labels))},
        class_names,
        f"time series {options.dataset}",
        scaling="each_feature",
        seed=options.split_seed,
    )


def _names(own: LabelledSeries, others: LabelledSeries) -> tuple[str, ...]:
    return tuple(sorted({*own.labels, *others.labels}))


def _find(folder: Path, dataset: str, part: str) -> Path:
    path = folder / f"{dataset}_{part}.ts"
    if path.is_file():
        return path
    there = sorted(file.name.removesuffix("_TRAIN.ts") for file in folder.glob("*_TRAIN.ts"))
    guess = nearest(dataset, there)
    raise DataError(
        f"there is no {path.name}",
        where=folder,
        expected=f"`dataset` to be one of {', '.join(there)}" if there else "pairs NAME_TRAIN.ts and NAME_TEST.ts",
        advice=f'Did you mean "{guess}"' if guess and guess != dataset else "",
    )
