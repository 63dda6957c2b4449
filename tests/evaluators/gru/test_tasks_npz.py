"""The user's own arrays."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evaluators.data import ClassificationData
from evaluators.gru.tasks import TASKS, DataError, fingerprint
from evaluators.system import Context

N = 30


def arrays(**changed: object) -> dict[str, object]:
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(N, 4, 2)), "y": np.arange(N) % 3, **changed}


def load(folder: Path, content: dict[str, object], **options: object) -> ClassificationData:
    path = folder / "mine.npz"
    np.savez(path, **content)  # type: ignore[arg-type]
    return load_file(path, **options)


def load_file(path: Path, **options: object) -> ClassificationData:
    task = TASKS["npz"]
    return task.load(task.options(file=path, **options), Context(path.parent / "cache"))


def test_sequences_are_dealt_out_by_shares(tmp_path: Path) -> None:
    data = load(tmp_path, arrays(), validation_share=0.1, test_share=0.3)
    assert [len(data.splits[split]) for split in ("train", "validation", "test")] == [18, 3, 9]
    assert np.bincount(data.splits["test"].labels).tolist() == [3, 3, 3]
    assert data.description == "sequences of mine.npz; train / validation / test: 18 / 3 / 9"


def test_split_of_the_file_is_kept(tmp_path: Path) -> None:
    split = np.array(["train", "validation", "test"])[np.arange(N) // 10]
    data = load(tmp_path, arrays(split=split))
    assert sorted(data.splits["test"].labels) == sorted(np.arange(20, 30) % 3)
    # Undo the scaling, which is that of train: the sequences of test are the last ten.
    x = arrays()["x"]
    assert isinstance(x, np.ndarray)
    train = x[:10].reshape(-1, 2)
    expected = (x[20:] - train.mean(axis=0)) / train.std(axis=0)
    assert np.sort(data.splits["test"].x, axis=None) == pytest.approx(np.sort(expected, axis=None), abs=1e-5)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i2", "u1"])
def test_any_real_numbers_will_do(tmp_path: Path, dtype: str) -> None:
    x = np.random.default_rng(0).integers(0, 100, (N, 4, 2))
    prints = {fingerprint(load(tmp_path, arrays(x=x.astype(kind)))) for kind in (dtype, "f8")}
    assert len(prints) == 1


def test_labels_may_be_names_or_any_whole_numbers(tmp_path: Path) -> None:
    names = np.array(["dog", "cat", "ant"])[np.arange(N) % 3]
    assert load(tmp_path, arrays(y=names)).class_names == ("ant", "cat", "dog")
    assert load(tmp_path, arrays(y=np.arange(N) % 3 * 10 - 5)).class_names == ("-5", "5", "15")


def test_what_comes_after_an_end_does_not_matter(tmp_path: Path) -> None:
    x = np.ones((N, 4, 2))
    x[:, 0, :] = np.arange(N)[:, None]
    prints = set()
    for filling in (0.0, np.nan, 1e300):
        x[:, 2:] = filling
        prints.add(fingerprint(load(tmp_path, arrays(x=x, lengths=np.full(N, 2)))))
    assert len(prints) == 1


bad_x = arrays()["x"]
assert isinstance(bad_x, np.ndarray)
not_finite, too_large = bad_x.copy(), bad_x.copy()
not_finite[3, 1, 0] = np.nan
too_large[4, 0, 1] = 1e300


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": np.zeros((N, 4))}, r"x has shape \(30, 4\)\. Expected: \[N, T, F\]"),
        ({"x": np.zeros((0, 4, 2))}, r"x has shape \(0, 4, 2\)"),
        ({"x": np.zeros((N, 4, 2), complex)}, "x is of type complex128. Expected: real numbers"),
        ({"x": not_finite}, r"x\[3, 1, 0\] is not finite"),
        ({"x": too_large}, r"x\[4, 0, 1\] is not finite"),
        ({"y": np.zeros(N - 1, int)}, r"y has shape \(29,\)\. Expected: \(30,\), one for each"),
        ({"y": np.zeros(N)}, r"y is of type float64\. Expected: whole numbers or text"),
        ({"y": np.zeros(N, int)}, "only one class, '0'"),
        ({"y": np.arange(N) == 3}, "y is of type bool"),
        ({"y": (np.arange(N) == 3).astype(int)}, "class '1' has 1 examples, none of them in the"),
        ({"lengths": np.zeros((N, 1), int)}, r"lengths has shape \(30, 1\)"),
        ({"lengths": np.ones(N)}, "lengths is of type float64"),
        ({"lengths": np.arange(N)}, r"lengths\[0\] is 0\. Expected: 1 to 4, the steps of x"),
        ({"split": np.zeros(N, int)}, r"split\[0\] is .*0.*\. Expected: train, validation, test"),
        ({"split": np.array(["train"] * (N - 1) + ["dev"])}, r"split\[29\] is .*dev.*\. Expected: train"),
        ({"split": np.array(["train"] * N)}, "the validation split is empty"),
    ],
)
def test_wrong_array_is_named(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, arrays(**changed))


@pytest.mark.parametrize("name", ["x", "y"])
def test_missing_array_is_named(tmp_path: Path, name: str) -> None:
    content = arrays()
    del content[name]
    with pytest.raises(DataError, match=rf"mine\.npz: there is no array '{name}' in it\. Expected: x \[N, T, F\]"):
        load(tmp_path, content)


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: Object arrays cannot be loaded"):
        load(tmp_path, arrays(y=np.array([object()] * N)))


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    with pytest.raises(DataError, match=r"mine\.npz: there is no such file"):
        load_file(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="holds a single array"):
        load_file(path)


def test_shares_must_leave_something(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="leave nothing to train on"):
        TASKS["npz"].options(file=tmp_path, validation_share=0.5, test_share=0.5)


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_file_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "damaged.npz"
    np.savez(path, **arrays())  # type: ignore[arg-type]
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(DataError):
        loaded = load_file(path)
        assert np.isfinite(loaded.splits["train"].x).all()
