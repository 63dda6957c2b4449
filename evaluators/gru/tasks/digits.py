"""Handwritten digits of 8x8 pixels, read row by row; they come with scikit-learn."""

from __future__ import annotations

import numpy as np

from evaluators.data import ClassificationData
from evaluators.gru.tasks.assembly import Part, Raw, assemble
from evaluators.gru.tasks.options import TaskOptions
from evaluators.gru.tasks.splitting import deal
from evaluators.system import Context

N_TRAIN, N_VALIDATION = 800, 450


class DigitsRowsOptions(TaskOptions):
    """Options of `digits_rows`."""


def load_digits_rows(options: DigitsRowsOptions, context: Context) -> ClassificationData:
    """1,797 digits, each 8 steps of 8 pixels; pixels are scaled all alike.

    Source: the test set of "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak, UCI, 1998).
    """
    # Here, since it takes a second to import, which those who use other data need not wait for.
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    x = images.reshape(-1, 8, 8).astype(np.float32)
    labels = targets.astype(np.int64)
    n_test = len(labels) - N_TRAIN - N_VALIDATION
    sizes: dict[Part, int] = {"train": N_TRAIN, "validation": N_VALIDATION, "test": n_test}
    return assemble(
        Raw(x, np.full(len(x), 8, dtype=np.int64), labels),
        deal(labels, sizes, options.split_seed),
        [str(digit) for digit in range(10)],
        "handwritten digits of 8x8 pixels (scikit-learn), one row a step",
        scaling="all_features",
        seed=options.split_seed,
    )
