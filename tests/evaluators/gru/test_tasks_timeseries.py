"""Time series from `.ts` files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluators.data import ClassificationData
from evaluators.gru.tasks import TASKS, DataError
from evaluators.gru.tasks.ts_format import read_ts
from evaluators.system import Context

HEADER = "# a comment\n@problemName toy\n@classLabel true low high\n@data\n"


def write_pair(folder: Path, n_train: int = 20, n_test: int = 6) -> None:
    for part, n in (("TRAIN", n_train), ("TEST", n_test)):
        lines = [
            f"{','.join(str(k + step) for step in range(2 + k % 3))}:{','.join('1' for _ in range(2 + k % 3))}:"
            f"{'high' if k % 2 else 'low'}"
            for k in range(n)
        ]
        (folder / f"Toy_{part}.ts").write_text(HEADER + "\n".join(lines) + "\n")


def load(folder: Path, **options: object) -> ClassificationData:
    task = TASKS["timeseries"]
    return task.load(task.options(root=folder, **options), Context(folder / "cache"))


def read(folder: Path, text: str) -> None:
    path = folder / "x.ts"
    path.write_text(text)
    read_ts(path)


def test_series_of_a_pair_are_split(tmp_path: Path) -> None:
    write_pair(tmp_path)
    data = load(tmp_path, dataset="Toy", validation_share=0.25)
    assert [len(data.splits[split]) for split in ("train", "validation", "test")] == [15, 5, 6]
    assert (data.n_features, data.n_steps, data.class_names) == (2, 4, ("low", "high"))
    # Series k has 2 + k % 3 steps; of 0..5 there are two of each length, alternating between the classes.
    test = data.splits["test"]
    assert sorted(zip(test.lengths, test.labels, strict=True)) == [(2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1)]


def test_values_are_read_dimension_by_dimension(tmp_path: Path) -> None:
    path = tmp_path / "x.ts"
    path.write_text("@data\n1, 2.5,-3e1:4,5,6: b \n\n7:8:a\n")
    content = read_ts(path)
    assert content.series[0].tolist() == [[1, 4], [2.5, 5], [-30, 6]]
    assert content.series[1].tolist() == [[7, 8]]
    assert (content.labels, content.class_names, content.n_dimensions) == (("b", "a"), (), 2)


def test_classes_without_a_header_are_those_that_occur(tmp_path: Path) -> None:
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"X_{part}.ts").write_text("@data\n" + "1,2:b\n3,4:a\n" * 4)
    assert load(tmp_path, dataset="X").class_names == ("a", "b")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,2,3", r"x\.ts:5: is not a labelled series\. Expected: values:values"),
        ("1,2:", "is not a labelled series"),
        ("1,2:mid", r"x\.ts:5: class 'mid' is unknown\. Expected: one of low, high"),
        ("1,?,3:low", r"x\.ts:5: value 2 of dimension 1 is missing \(\?\)\. Fill in"),
        ("1,2:3,x:low", r"x\.ts:5: value 2 of dimension 2 is not a number: 'x'"),
        ("1,2::low", "value 1 of dimension 2 is not a number: ''"),
        ("1,2:3:low", r"x\.ts:5: dimensions of 1 and of 2 values\. Expected: as many"),
        ("1,nan:low", "dimension 1 has values that are not finite"),
        ("1,1e99:low", "dimension 1 has values that are not finite"),
        ("1,2:low\n3,4:5,6:low", r"x\.ts:6: has 2 dimensions\. Expected: 1 as in the first"),
    ],
)
def test_malformed_line_is_named_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, HEADER + line + "\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "holds no series"),
        ("@classLabel false\n1:a\n", r"x\.ts:1: the series have no classes"),
        ("@timeStamps true\n1:a\n", r"x\.ts:1: time stamps are not supported"),
    ],
)
def test_file_of_another_kind_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "x.ts").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not text"):
        read_ts(tmp_path / "x.ts")


def test_unknown_dataset_names_those_that_are_there(tmp_path: Path) -> None:
    write_pair(tmp_path)
    with pytest.raises(
        DataError, match=r"no Toys_TRAIN\.ts\. Expected: `dataset` to be one of Toy\. Did you mean \"Toy\""
    ):
        load(tmp_path, dataset="Toys")


def test_folder_without_pairs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Expected: pairs NAME_TRAIN\.ts and NAME_TEST\.ts"):
        load(tmp_path)


def test_other_half_of_a_pair_is_missing(tmp_path: Path) -> None:
    write_pair(tmp_path)
    (tmp_path / "Toy_TEST.ts").unlink()
    with pytest.raises(DataError, match=r"there is no Toy_TEST\.ts"):
        load(tmp_path, dataset="Toy")


@pytest.mark.parametrize(
    ("test_file", "message"),
    [
        ("@data\n1,2:low\n", r"series have 1 dimensions\. Expected: 2 as in Toy_TRAIN\.ts"),
        ("@data\n1,2:1,2:mid\n", r"class 'mid' is not in Toy_TRAIN\.ts"),
    ],
)
def test_files_of_a_pair_must_fit(tmp_path: Path, test_file: str, message: str) -> None:
    write_pair(tmp_path)
    (tmp_path / "Toy_TEST.ts").write_text(test_file)
    with pytest.raises(DataError, match=message):
        load(tmp_path, dataset="Toy")


def test_class_with_too_few_examples_is_named(tmp_path: Path) -> None:
    write_pair(tmp_path)
    path = tmp_path / "Toy_TRAIN.ts"
    lines = [line for line in path.read_text().splitlines() if not line.endswith(":high")]
    path.write_text("\n".join([*lines, "1,2:1,2:high"]))
    with pytest.raises(DataError, match="class 'high' has 4 examples, none of them in the"):
        load(tmp_path, dataset="Toy")


fragments = st.sampled_from(["@data", "@classLabel true a b", "1", "?", ",", ":", "a", "b", "\n", "nan", "#", " ", "é"])


@given(st.lists(fragments, max_size=30).map("".join))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.ts"
    path.write_text(text, encoding="utf-8")
    with suppress(DataError):
        content = read_ts(path)
        assert all(np.isfinite(series).all() and len(series) for series in content.series)
