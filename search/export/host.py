"""The folder's own test on this machine: `make host-test` in a copy of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from search.errors import RunError

_TIMEOUT_S = 300


@dataclass(frozen=True)
class HostTest:
    """How `make host-test` went.

    Attributes:
        passed: None where this machine has no `make` or no C compiler.
        message: What it said last, or what is missing.
    """

    passed: bool | None
    message: str


def host_test(folder: Path) -> HostTest:
    """Run the test program of an exported folder; the folder itself stays as it is.

    Raises:
        RunError: It did not end.
    """
    compiler = os.environ.get("CC", "cc")
    missing = [program for program in ("make", compiler) if shutil.which(program) is None]
    if missing:
        return HostTest(None, f"not run, there is no {' and no '.join(missing)}")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "model"
        shutil.copytree(folder, copy)
        command = ["make", "-s", "-C", str(copy), "host-test"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise RunError(f"make host-test did not finish within {_TIMEOUT_S} s") from error
    passed = done.returncode == 0
    said = (done.stdout if passed else done.stdout + done.stderr).strip().replace(str(copy), ".")
    return HostTest(passed, said)
