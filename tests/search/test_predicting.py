"""Using an export: recordings of any length, rate and number of channels, and files that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.predictors import predicting_systems
from evaluators.registry import SYSTEMS
from search.cli import main
from search.predicting import windows_of

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("soxr")
RATE = 16000


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """What a toy exported, whose windows last 1 s."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "largest").touch()
    manifest = {"system": {"options": {"name": "toy_systems:Predicting"}}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def predict(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Exit code, stdout and stderr of the command."""

    def call(*words: Any) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["predict", *map(str, words)])
        printed = capfd.readouterr()
        assert "Traceback" not in printed.out + printed.err
        assert isinstance(ended.value.code, int)
        return ended.value.code, printed.out, printed.err

    return call


def write(name: str, peaks: Any, rate_hz: int = RATE, subtype: str = "FLOAT") -> str:
    """A file in which each second, or shorter channel, has its own peak."""
    tones = [peak * np.sin(2 * np.pi * 1000 * np.arange(rate_hz) / rate_hz + 1e-9) for peak in peaks]
    soundfile.write(name, np.concatenate(tones), rate_hz, subtype=subtype)
    return name


def test_one_window(predict: Any, export: Path) -> None:
    code, out, err = predict(export, write("a.wav", [0.5]))
    assert (code, out) == (0, "0.50  a.wav\n")
    assert err == "largest sample\n"


def test_windows_are_averaged_and_the_last_one_ends_with_the_recording(predict: Any, export: Path) -> None:
    write("a.wav", [0.1, 0.3, 0.6])
    samples, _ = soundfile.read("a.wav", dtype="float32")
    soundfile.write("b.wav", samples[: int(2.5 * RATE)], RATE, subtype="FLOAT")
    code, out, _ = predict(export, "a.wav", "b.wav", "--json")
    whole, part = json.loads(out)["files"]
    assert code == 0
    assert whole["windows"] == pytest.approx([0.1, 0.3, 0.6], abs=1e-3)
    assert whole["score"] == pytest.approx(1 / 3, abs=1e-3)
    assert whole["notes"] == ["mean of 3 windows of 1 s"]
    assert part["windows"] == pytest.approx([0.1, 0.3, 0.6], abs=1e-3)
    assert part["notes"] == ["mean of 3 windows of 1 s, the last two of which overlap"]
    assert part["seconds"] == 2.5


def test_windows_by_hand() -> None:
    np.testing.assert_array_equal(windows_of(np.arange(3.0), 5), [[0, 1, 2, 0, 1]])
    np.testing.assert_array_equal(windows_of(np.arange(4.0), 4), [[0, 1, 2, 3]])
    np.testing.assert_array_equal(windows_of(np.arange(8.0), 4), [[0, 1, 2, 3], [4, 5, 6, 7]])
    np.testing.assert_array_equal(windows_of(np.arange(6.0), 4), [[0, 1, 2, 3], [2, 3, 4, 5]])


def test_short_recordings_are_repeated_and_said_so(predict: Any, export: Path) -> None:
    soundfile.write("short.wav", 0.4 * np.sin(np.arange(8000)), RATE, subtype="FLOAT")
    _, out, _ = predict(export, "short.wav")
    assert out == "0.40  short.wav  (0.50 s, repeated to fill 1 s)\n"


def test_other_rates_and_channels_are_told(predict: Any, export: Path) -> None:
    write("low.wav", [0.5], 8000)
    write("high.wav", [0.5], 44100)
    left = 0.6 * np.sin(np.arange(RATE))
    soundfile.write("stereo.wav", np.stack([left, np.zeros(RATE)], axis=1), RATE, subtype="FLOAT")
    code, out, _ = predict(export, "low.wav", "high.wav", "stereo.wav")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "0.50  low.wav  (resampled from 8000 Hz, so nothing above 4 kHz)"
    assert lines[1] == "0.50  high.wav  (resampled from 44100 Hz)"
    assert lines[2] == "0.30  stereo.wav  (mean of 2 channels)"


def test_silent_windows_do_not_count(predict: Any, export: Path) -> None:
    _, out, _ = predict(export, write("pause.wav", [0.4, 0.0, 0.2]))
    assert out == "0.30  pause.wav  (mean of 3 windows of 1 s; 1 silent window left out)\n"


def test_bad_files_do_not_stop_the_others(predict: Any, export: Path, tmp_path: Path) -> None:
    write("good.wav", [0.5])
    write("silent.wav", [0.0])
    write("strange.wav", [0.75])
    soundfile.write("nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    soundfile.write("empty.wav", np.zeros(0), RATE)
    soundfile.write("tiny.wav", np.ones(10), RATE)
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "folder.wav").mkdir()
    told = {
        "silent.wav": "is silent",
        "strange.wav": "the network gives no finite score",
        "nan.wav": "holds samples that are not finite",
        "empty.wav": "holds no samples",
        "tiny.wav": "is 0.00 s long. Expected: at least 0.3 s",
        "text.wav": "cannot be read",
        "folder.wav": "is a folder. Expected: a WAV or FLAC file",
        "missing.wav": "there is no such file",
    }
    code, out, err = predict(export, *told, "good.wav")
    assert (code, out) == (1, "0.50  good.wav\n")
    for file, reason in told.items():
        assert f"error: {file}: {reason}" in err
    code, out, err = predict(export, *told, "good.wav", "--json")
    document = json.loads(out)
    assert (code, err) == (1, "")
    assert (document["score"], document["window_seconds"]) == ("largest sample", 1.0)
    assert [entry["score"] is None for entry in document["files"]] == [True] * 8 + [False]
    assert document["files"][-1]["error"] is None


def test_names_cannot_move_the_cursor(predict: Any, export: Path) -> None:
    _, out, _ = predict(export, write("a\x1b[2Kb.wav", [0.5]))
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "has no manifest.json"),
        ("{", "manifest.json cannot be read"),
        ('{"system": 3}', "manifest.json cannot be read"),
        ('{"system": {"options": {"name": "nsnet3_exits"}}}', 'Did you mean "nsnet2_exits"?'),
        ('{"system": {"options": {"name": "toy_systems:Toy"}}}', "gives no score for a recording"),
    ],
)
def test_what_is_no_export_that_predicts(predict: Any, export: Path, content: str | None, told: str) -> None:
    manifest = export / "manifest.json"
    manifest.unlink()
    if content is not None:
        manifest.write_text(content)
    code, out, err = predict(export, write("a.wav", [0.5]))
    assert (code, out) == (2, "")
    assert told in err


def test_damaged_exports_are_told(predict: Any, export: Path) -> None:
    (export / "largest").unlink()
    code, _, err = predict(export, "a.wav")
    assert code == 1
    assert "there is no such file" in err


def test_those_that_predict_are_known_systems() -> None:
    assert set(predicting_systems()) <= set(SYSTEMS)
