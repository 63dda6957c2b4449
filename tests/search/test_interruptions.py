"""Runs that are killed, interrupted or out of disk: nothing finished is lost, and they go on to the same end."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.journal import replay

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found through /proc")


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests", HERE))),
        "TINYPARETO_CACHE": str(folder / "cache"),
    }


@pytest.mark.parametrize("optimizer", ["nsga2", "tpe"])
def test_a_run_killed_at_twenty_random_moments_ends_in_the_same_front(tmp_path: Path, optimizer: str) -> None:
    words = [sys.executable, str(HERE / "killed_runs.py"), str(tmp_path), optimizer, "20"]
    done = subprocess.run(words, env=environment(tmp_path), capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["killed"] == 20
    assert result["ended"] >= 1
    assert result["all_equal"]


class Started:
    """A run in a session of its own, as in a terminal."""

    def __init__(self, folder: Path, *words: str, prefix: str = "", **sections: Any) -> None:
        self.folder = folder
        self.out = folder / "run"
        study: dict[str, Any] = {
            "name": "toy",
            "system": {"name": "toy_systems:Toy", "sleep_ms": 5},
            "space": {"bit_widths": {"choices": [2, 3, 4, 5, 6, 7, 8]}},
            "objectives": ["error_rate", "model_bytes"],
            "optimizer": {"name": "nsga2", "population": 8},
            "budget": {"trials": 120},
            "executor": "serial",
        }
        (folder / "toy study.yaml").write_text(yaml.safe_dump({**study, **sections}, sort_keys=False))
        command = shlex.join([sys.executable, "-m", "search", "run", "toy study.yaml", "--out", "run", *words])
        self.process = subprocess.Popen(
            ["bash", "-c", f"{prefix} exec {command}"],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_until(self, is_reached: Callable[[], bool], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not is_reached():
            assert time.monotonic() < deadline, "too slow"
            time.sleep(0.01)

    def wait_for_records(self, n: int) -> None:
        journal = self.out / "trials.jsonl"
        self.wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= n)

    def interrupt(self) -> None:
        """Ctrl-C: the terminal signals every process of the group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def members(self) -> list[int]:
        """Processes of the session that are alive."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            except OSError:  # gone meanwhile
                continue
            if int(session) == self.process.pid and state not in "ZX":
                found.append(int(stat.parent.name))
        return found


EXECUTORS = pytest.mark.parametrize(
    "executor", ["serial", {"name": "processes", "workers": 2}], ids=["serial", "processes"]
)


@EXECUTORS
def test_ctrl_c_keeps_the_records_and_tells_how_to_go_on(tmp_path: Path, executor: Any) -> None:
    started = Started(tmp_path, "--set", "optimizer.seed=3", "--trials", "60", executor=executor)
    started.wait_for_records(15)
    started.interrupt()
    code, out, err = started.end()
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    assert "leaked" not in err
    kept = len(replay(started.out / "trials.jsonl").records)
    assert 15 <= kept < 60
    told, command = err.splitlines()[-2:]
    assert told == f"interrupted; {kept} records are kept. Go on with:"
    # What can be looked at so far is there, and the command works as it stands.
    assert json.loads((started.out / "front.json").read_text())["n_trials"] == kept
    assert command.strip().startswith("python -m search run 'toy study.yaml' --out run --resume --set optimizer.seed=3")
    words = [sys.executable, *shlex.split(command)[1:], "--json"]
    resumed = subprocess.run(words, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=True)
    assert json.loads(resumed.stdout)["n_trials"] == 60
    whole = [*words[:5], "--out", "whole", *words[8:]]
    assert "--resume" not in whole
    subprocess.run(whole, cwd=tmp_path, env=environment(tmp_path), capture_output=True, check=True)
    assert (started.out / "front.json").read_bytes() == (tmp_path / "whole" / "front.json").read_bytes()


@needs_proc
@pytest.mark.parametrize("delay_s", [0.0, 0.2])
def test_ctrl_c_while_the_workers_start_is_as_quiet(tmp_path: Path, delay_s: float) -> None:
    started = Started(tmp_path, executor={"name": "processes", "workers": 2})
    started.wait_until(lambda: len(started.members()) > 1)
    time.sleep(delay_s)
    started.interrupt()
    try:
        started.process.wait(timeout=3.0)
    except subprocess.TimeoutExpired:
        started.interrupt()  # a module written in C that was just being imported may swallow the first one
    code, _, err = started.end()
    assert code == 130
    assert "Traceback" not in err
    started.wait_until(lambda: not started.members(), seconds=10.0)


@needs_proc
@pytest.mark.parametrize("system", [{"sleep_ms": 5}, {"fault": "hang"}], ids=["busy", "hanging"])
def test_no_worker_outlives_a_killed_run(tmp_path: Path, system: dict[str, Any]) -> None:
    started = Started(
        tmp_path,
        system={"name": "toy_systems:Toy", "calls": str(tmp_path / "calls"), **system},
        executor={"name": "processes", "workers": 2},
    )
    started.wait_until((tmp_path / "calls").exists)
    started.process.kill()
    started.end()
    started.wait_until(lambda: not started.members(), seconds=10.0)


def test_on_a_full_disk_the_run_stops_and_keeps_what_is_there(tmp_path: Path) -> None:
    # No file may grow beyond 16 KiB; the journal is the first to get there.
    started = Started(tmp_path, prefix="ulimit -f 16;", system={"name": "toy_systems:Toy"})
    code, out, err = started.end()
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "error: run/trials.jsonl cannot be written: File too large; earlier records are kept"
    journal = started.out / "trials.jsonl"
    assert 15_000 < journal.stat().st_size <= 16 * 1024
    assert journal.read_bytes().endswith(b"\n")
    n_kept = len(replay(journal).records)
    # With room again it goes on.
    resumed = Started(tmp_path, "--resume", "--json", system={"name": "toy_systems:Toy"})
    code, out, _ = resumed.end()
    assert code == 0
    assert json.loads(out)["n_trials"] == 120 > n_kept


def ray_processes(started: Started) -> list[int]:
    """Processes of Ray that belong to the run, found by the address its cluster was given, and its workers."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TINYPARETO_CACHE={started.folder / 'cache'}".encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return [pid for pid in found if pid != started.process.pid]


ON_RAY = {"name": "ray", "workers": 2, "address": "local"}


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_on_ray_that_is_stopped_leaves_no_process_and_goes_on(tmp_path: Path, how: signal.Signals) -> None:
    system = {"name": "toy_systems:Toy", "sleep_ms": 20}
    started = Started(tmp_path, system=system, executor=ON_RAY, budget={"trials": 150})
    started.wait_for_records(20)
    os.killpg(started.process.pid, how) if how == signal.SIGINT else started.process.kill()
    code, out, err = started.end()
    assert code == (130 if how == signal.SIGINT else -9)
    assert out == ""
    assert "Traceback" not in err
    started.wait_until(lambda: not ray_processes(started), seconds=150.0)  # Ray's helpers take their time
    kept = replay(started.out / "trials.jsonl").records
    assert 20 <= len(kept) < 150
    resumed = Started(tmp_path, "--resume", "--json", system=system, executor="serial", budget={"trials": 150})
    code, out, _ = resumed.end()
    assert code == 0
    records = replay(started.out / "trials.jsonl").records
    assert records[: len(kept)] == kept
    assert sorted(r.trial for r in records if r.split == "validation") == list(range(150))
