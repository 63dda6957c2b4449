"""The worked example of a system of one's own, through the command line, as the README shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def search(tmp_path: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "search", *words],
        cwd=ROOT,
        env={**os.environ, "TINYPARETO_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_runs_from_end_to_end(tmp_path: Path) -> None:
    study, run = "examples/fir_filter.yaml", str(tmp_path / "run")
    check = json.loads(search(tmp_path, "check", study, "--json"))
    assert check["n_configurations"] == 11**4

    found = json.loads(search(tmp_path, "run", study, "--out", run, "--json"))
    assert found["n_trials"] == 400
    assert found["states"] == {"done": 400}
    assert found["hypervolume"] > found["baseline_hypervolume"]

    front = json.loads(search(tmp_path, "front", run, "--json"))
    assert front["trials"] == found["trials"]
    # 48 taps at 16 bits. A filter of 16 bits is as good as its design, one of 2 bits is useless.
    by_label = {baseline["label"]: baseline for baseline in front["baselines"]}
    assert by_label["16 bits"]["costs"]["model_bytes"] == 48 * 16 // 8
    assert by_label["16 bits"]["validation"]["stopband_db"] < -45
    assert by_label["2 bits"]["validation"]["stopband_db"] > -30

    assert "Pareto front" in search(tmp_path, "front", run)
    manifest = json.loads(search(tmp_path, "export", run, "--out", str(tmp_path / "bundle"), "--json"))
    assert manifest["trial"] == front["knee"]
    assert (Path(run) / "report.html").exists()
