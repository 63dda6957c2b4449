"""The journal: what was written survives, what is torn or garbled is left out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import RunError
from search.journal import Journal, JournalWarning, replay
from search.records import STATES, TrialRecord

finite = st.floats(allow_nan=False, allow_infinity=False)
named = st.dictionaries(st.text(max_size=5), finite, max_size=3)
clips = st.lists(
    st.fixed_dictionaries(
        {"clip": st.text(), "pesq": st.none() | st.integers(-9999, 9999).map(lambda n: n / 1000)},
        optional={"reasons": st.text()},
    ),
    max_size=2,
).map(tuple)
records = st.builds(
    TrialRecord,
    trial=st.integers(0, 10**6),
    split=st.sampled_from(["validation", "test"]),
    configuration=st.dictionaries(st.text(max_size=5), st.integers() | finite | st.text() | st.booleans(), max_size=3),
    state=st.sampled_from(STATES),
    metrics=named,
    standard_errors=named,
    costs=named,
    activity=named,
    reason=st.text(),
    label=st.text(),
    seconds=finite,
    cached=st.booleans(),
    clips=clips,
)
RECORD = TrialRecord(3, "validation", {"bits.a": 4, "x": 0.25}, "done", {"error_rate": 0.1}, costs={"macs": 7})


@given(records)
def test_a_record_reads_back_as_it_was_written(record: TrialRecord) -> None:
    line = record.to_json()
    assert "\n" not in line
    assert TrialRecord.from_json(line) == record


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "3",
        "[]",
        "null",
        "{}",
        RECORD.to_json()[:-1],
        RECORD.to_json().replace('"done"', '"finished"'),
        RECORD.to_json().replace('"validation"', '"train"'),
        RECORD.to_json().replace('"trial":3', '"trial":"3"'),
        RECORD.to_json().replace('"trial":3', '"trial":-3'),
        RECORD.to_json()[:-1] + ',"clips":[{"pesq":1}]}',
        RECORD.to_json()[:-1] + ',"clips":3}',
        RECORD.to_json().replace('{"macs":7}', "7"),
        RECORD.to_json().replace('{"error_rate":0.1}', '{"error_rate":"low"}'),
        RECORD.to_json().replace('"costs"', '"cost"'),
        "[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_record_is_refused(line: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"not a trial record|line 1|decode"):
        TrialRecord.from_json(line)


def test_a_value_is_a_metric_or_a_cost() -> None:
    assert (RECORD.value("error_rate"), RECORD.value("macs")) == (0.1, 7)
    with pytest.raises(KeyError):
        RECORD.value("latency_ms")


def test_a_record_without_clips_says_nothing_of_them() -> None:
    assert "clips" not in RECORD.to_json()
    assert TrialRecord.from_json(RECORD.to_json()).clips == ()


def written(path: Path, n: int, start: int = 0) -> list[TrialRecord]:
    found = [replace(RECORD, trial=start + i) for i in range(n)]
    journal = Journal(path, path.stat().st_size if path.exists() else 0)
    journal.append(found[:1])
    journal.append(found[1:])
    journal.append([])
    journal.close()
    return found


def test_records_come_back_in_the_order_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    assert replay(path).records == []
    expected = written(path, 3) + written(path, 2, start=3)
    found = replay(path)
    assert found.records == expected
    assert found.n_valid_bytes == path.stat().st_size


@pytest.mark.parametrize("n_bytes", [0, 1, 50, -1])
def test_a_torn_last_line_is_dropped_and_cut_off(tmp_path: Path, n_bytes: int) -> None:
    path = tmp_path / "trials.jsonl"
    kept = written(path, 2)
    torn = (RECORD.to_json() + "\n").encode()[: n_bytes if n_bytes >= 0 else -1]
    with path.open("ab") as file:
        file.write(torn)
    found = replay(path)
    assert found.records == kept
    journal = Journal(path, found.n_valid_bytes)
    journal.append([replace(RECORD, trial=9)])
    journal.close()
    assert replay(path).records == [*kept, replace(RECORD, trial=9)]


@pytest.mark.parametrize("garbage", [b"{nonsense}", b"\x00" * 40, RECORD.to_json().encode()[:-9], b""])
def test_a_garbled_line_is_left_out_with_a_warning_that_says_where(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "trials.jsonl"
    kept = written(path, 3)
    lines = path.read_bytes().splitlines()
    lines[1] = garbage
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    with pytest.warns(JournalWarning, match=r"trials.jsonl:2 is left out: "):
        found = replay(path)
    assert found.records == [kept[0], kept[2]]


@given(st.data())
def test_a_journal_cut_anywhere_keeps_every_whole_record(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    path.unlink(missing_ok=True)
    whole = written(path, 4)
    content = path.read_bytes()
    n = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:n])
    assert replay(path).records == whole[: content[:n].count(b"\n")]


def test_a_journal_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"trials.jsonl cannot be written: Not a directory"):
        Journal(tmp_path / "file" / "trials.jsonl")
    with pytest.raises(RunError, match="cannot be read: Is a directory"):
        replay(tmp_path)


WRITER = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from search.errors import RunError
from search.journal import Journal
from search.records import TrialRecord

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
journal = Journal(Path(sys.argv[1]))
try:
    for start in range(0, 1000, 10):
        journal.append([TrialRecord(start + i, "validation", {"a": 4}, "done") for i in range(10)])
except RunError as error:
    print(error)
journal.close()
"""


@pytest.mark.parametrize("limit", [4000, 4003, 4096])
def test_on_a_full_disk_the_journal_ends_with_a_whole_record(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "trials.jsonl"
    told = run_python(WRITER, path, limit)
    assert told == f"{path} cannot be written: File too large; earlier records are kept\n"
    content = path.read_bytes()
    assert content.endswith(b"\n")
    assert limit - 300 < len(content) <= limit
    assert [r.trial for r in replay(path).records] == list(range(content.count(b"\n")))


def run_python(program: str, *arguments: Any) -> str:
    words = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
