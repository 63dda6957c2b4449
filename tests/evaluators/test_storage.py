"""Cache and data folders, whole files, names by content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.storage import HASH_LENGTH, cache_root, data_root, settings_hash, write_atomically


def test_cache_folder_is_what_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINYPARETO_CACHE", str(tmp_path / "cache"))
    assert cache_root() == tmp_path / "cache"


def test_cache_folder_is_the_users_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TINYPARETO_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root().name == "tinypareto"
    assert cache_root().is_absolute()


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYPARETO_CACHE", "~/x")
    monkeypatch.setenv("TINYPARETO_DATA", "~/y")
    assert cache_root() == Path.home() / "x"
    assert data_root() == Path.home() / "y"


@pytest.mark.parametrize("value", [None, ""])
def test_there_is_no_data_folder_by_default(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("TINYPARETO_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("TINYPARETO_DATA", value)
    assert data_root() is None


def test_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_failure_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.bin"
    write_atomically(path, b"first")

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_hash_is_the_beginning_of_sha256_of_the_canonical_json() -> None:
    assert (
        settings_hash({"b": [1.5, None], "a": "x"})
        == (hashlib.sha256(b'{"a":"x","b":[1.5,null]}').hexdigest()[:HASH_LENGTH])
    )


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()))
def test_order_of_keys_does_not_matter_but_content_does(settings: dict[str, object]) -> None:
    backwards = dict(reversed(settings.items()))
    assert settings_hash(backwards) == settings_hash(settings)
    assert settings_hash({**settings, "another": 1.25}) != settings_hash(settings)


@pytest.mark.parametrize("wrong", [float("nan"), object(), Path("x")])
def test_what_json_cannot_hold_has_no_hash(wrong: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        settings_hash({"value": wrong})
