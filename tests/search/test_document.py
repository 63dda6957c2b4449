"""Reading YAML safely, with the line of everything."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.document import MAX_BYTES, Document, read_document
from search.errors import SpecError

STUDY = """\
# a comment
name: gru
space:
  bit_widths:
    - {operators: "*", choices: [2, 4]}
    - choices:
        - 2
        - 9
"""


def read(folder: Path, text: str | bytes) -> Document:
    path = folder / "study.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_document(path)


def told(folder: Path, text: str | bytes) -> str:
    with pytest.raises(SpecError) as caught:
        read(folder, text)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(str(folder), "")


def test_every_key_and_item_knows_its_line(tmp_path: Path) -> None:
    document = read(tmp_path, STUDY)
    lines = {
        ("name",): 2,
        ("space",): 3,
        ("space", "bit_widths", 0): 5,
        ("space", "bit_widths", 0, "choices", 1): 5,
        ("space", "bit_widths", 1, "choices", 1): 8,
        ("space", "bit_widths", 1, "nowhere"): 6,  # the nearest enclosing place
        ("budget",): 2,  # the document itself
    }
    assert {path: document.where(path) for path in lines} == {
        path: f"{tmp_path}/study.yaml:{line}" for path, line in lines.items()
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "/study.yaml is empty"),
        ("# nothing\n", "/study.yaml is empty"),
        ("[1, 2]", "/study.yaml:1  a study is a mapping from keys to values, not a list"),
        ("gru", "/study.yaml:1  a study is a mapping from keys to values, not a str"),
        ("name: [1, 2", "/study.yaml:1  not YAML: expected ',' or ']', but got '<stream end>'"),
        ("name: gru\nspace: a: b", "/study.yaml:2  not YAML: mapping values are not allowed here"),
        ("name: gru\n\tspace: 1", "/study.yaml:2  not YAML: found character '\\t' that cannot start any token"),
        ("name: 'gru", "/study.yaml:1  not YAML: found unexpected end of stream"),
        ("a: 1\n---\nb: 2\n", "/study.yaml:2  not YAML: but found another document"),
        ("name: *nothing", "/study.yaml:1  not YAML: found undefined alias 'nothing'"),
        ("a: 1\nb: \x00", "/study.yaml:2  not YAML: the character '\\x00'"),
        (b"a: 1\nb: \xff\xfe", "/study.yaml:2  is not UTF-8 text"),
        ("a: 2024-99-99", "/study.yaml: a value that YAML cannot read: month must be in 1..12"),
        ("a: !!bool maybe", "/study.yaml: a value that YAML cannot read: 'maybe'"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", "/study.yaml:2  not YAML: could not determine a constructor"),
        ("? [a, b]\n: 1", "/study.yaml:1  not YAML: found unhashable key"),
        ("a: &x [*x]", "/study.yaml:1  an alias that contains itself"),
        ("[" * 20_000, "/study.yaml: nested too deeply"),
        ("name: a\nspace: {b: 1, b: 2}\nname: c", "/study.yaml:2  space.b: the key stands here twice"),
    ],
)
def test_what_is_no_study_is_told_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert told(tmp_path, text).startswith(message)


def test_aliases_that_expand_enormously_are_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    message = told(tmp_path, "\n".join(lines))
    assert message.startswith("/study.yaml: its aliases expand to ")
    assert message.endswith(" values; not a study")


def test_honest_aliases_are_fine(tmp_path: Path) -> None:
    text = "a: &bits [2, 4]\nb: *bits\nc: {<<: {d: 1}, e: 2}"
    assert read(tmp_path, text).data == {"a": [2, 4], "b": [2, 4], "c": {"d": 1, "e": 2}}


def test_a_missing_file_is_told_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "gru_bits.yaml").write_text("name: a")
    with pytest.raises(SpecError) as caught:
        read_document(tmp_path / "gru_bit.yaml")
    assert str(caught.value).replace(str(tmp_path), "") == (
        '/gru_bit.yaml does not exist\n    Allowed: gru_bits.yaml. Did you mean "gru_bits.yaml"?'
    )


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read: Is a directory"):
        read_document(tmp_path)
    (tmp_path / "file").write_text("a: 1")
    with pytest.raises(SpecError, match="cannot be read: Not a directory"):
        read_document(tmp_path / "file" / "study.yaml")


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(SpecError, match=f"/dev/zero is larger than {MAX_BYTES:,} bytes: not a study"):
        read_document(Path("/dev/zero"))


@given(st.binary(max_size=200) | st.text(alphabet=st.sampled_from("ab:-[]{}*&!#'\"|>%@`\n ?,<~0._\t"), max_size=80))
def test_whatever_the_file_holds_only_a_spec_error_comes_of_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        document = read(folder, content)
    except SpecError:
        return
    assert isinstance(document.data, dict)


def overridden(assignment: str) -> Document:
    document = Document(
        {"optimizer": "tpe", "space": {"bit_widths": {"choices": [2]}}, "objectives": ["a"], "budget": None},
        Path("study.yaml"),
        {("optimizer",): "study.yaml:1"},
    )
    document.override(assignment)
    return document


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("name=gru", "name", "gru"),
        ("name=", "name", None),
        ("optimizer.seed=3", "optimizer", {"name": "tpe", "seed": 3}),
        ("optimizer.name=nsga2", "optimizer", {"name": "nsga2"}),
        ("space.bit_widths.choices=[2, 4]", "space", {"bit_widths": {"choices": [2, 4]}}),
        ("budget.trials=7", "budget", {"trials": 7}),
        ("executor.name=serial", "executor", {"name": "serial"}),
        ("a.b.c=x=y", "a", {"b": {"c": "x=y"}}),
    ],
)
def test_an_override_is_applied(assignment: str, key: str, value: object) -> None:
    assert overridden(assignment).data[key] == value


def test_an_override_is_the_place_of_what_it_set() -> None:
    document = overridden("optimizer.seed=3")
    assert document.where(("optimizer", "seed")) == "--set optimizer.seed"
    assert document.where(("optimizer", "population")) == "study.yaml:1"


def test_what_an_override_replaced_has_no_line_any_more(tmp_path: Path) -> None:
    document = read(tmp_path, "objectives:\n  - a\n  - b\n")
    document.override("objectives=[c]")
    assert document.where(("objectives", 0)) == "--set objectives"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("optimizer", '--set "optimizer" is not an assignment\n    Allowed: key=value, e.g. optimizer.name=tpe.'),
        ("=3", '--set "=3" is not an assignment'),
        ("a..b=3", '--set "a..b=3" is not an assignment'),
        ("a=[1", '--set a: "[1" is not YAML'),
        ("a=2024-99-99", '--set a: "2024-99-99" is not YAML'),
        ("objectives.0=b", "--set objectives.0: objectives is no section"),
        ("space.bit_widths.choices.0=b", "--set space.bit_widths.choices.0: space.bit_widths.choices is no section"),
    ],
)
def test_what_is_no_override_is_told(assignment: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        overridden(assignment)
    assert str(caught.value).startswith(message)
