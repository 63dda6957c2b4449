"""What runs inside a Ray actor: the system is unpacked once, then evaluates batch after batch."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import ray

from evaluators.system import System
from evaluators.worker_process import mark_as_worker
from search.executors.base import Job, Outcome, evaluate_jobs, failure
from search.executors.shipment import Shipment
from search.executors.worker import keeping_to_cores
from search.versions import versions


@dataclass(frozen=True)
class Welcome:
    """What a worker says of itself once it has its system.

    Attributes:
        node: Ray's identifier of its machine.
        host: Name of its machine.
        pid: Its process.
        installed: What could change a result, see `installed`.
        fingerprint: Of its system.
        problem: Why it has none; empty if all is well.
    """

    node: str
    host: str
    pid: int
    installed: Mapping[str, str]
    fingerprint: str = ""
    problem: str = ""


class Worker:
    """Evaluates in a process of its own; nothing that a system raises leaves it.

    Args:
        n_threads: How many threads its libraries may use.
    """

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._system: System | None = None
        sys.stdout = sys.stderr  # what a system prints must not mix with the answer of a command
        mark_as_worker()

    def prepare(self, paths: Sequence[str], shipment: Sequence[ray.ObjectRef[Shipment]]) -> Welcome:
        """Take in the system.

        Args:
            paths: Where the searching process looks for modules; a user's own system may lie there.
            shipment: In a list, so that Ray does not unpack it before we can catch what goes wrong.
        """
        sys.path += [path for path in paths if path not in sys.path and Path(path).exists()]
        host, node = socket.gethostname(), ray.get_runtime_context().get_node_id()
        welcome = Welcome(node, host, os.getpid(), installed())
        try:
            with keeping_to_cores(self._n_threads):
                self._system = ray.get(shipment[0])()
            return replace(welcome, fingerprint=self._system.fingerprint())
        except Exception as error:  # a system is foreign code
            self._failure = error
            return replace(welcome, problem=next(iter(f"{type(error).__name__}: {error}".splitlines())))

    def evaluate(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Nothing is raised from here, but for what ends the process."""
        name = f"{socket.gethostname()} {os.getpid()}"
        if self._system is None:
            return [replace(failure(job, self._failure), worker=name) for job in jobs]
        return evaluate_jobs(self._system, jobs, name)


@cache
def installed() -> Mapping[str, str]:
    """Versions of what can change a result, and a digest of our own code: a checkout may be older than its version."""
    digest = hashlib.sha256()
    for package in ("cost_models", "evaluators", "search", "spaces"):
        folder = Path(sys.modules[package].__path__[0]) if package in sys.modules else Path()
        for file in sorted(folder.rglob("*.py")) if package in sys.modules else ():
            digest.update(f"{package}/{file.relative_to(folder)}".encode() + file.read_bytes())
    return {**versions(), "ray": ray.__version__, "code of tinypareto": digest.hexdigest()[:12]}


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """What another machine has installed otherwise; empty if nothing."""
    names: list[Any] = [name for name in here if here[name] != there.get(name)]
    return ", ".join(f"{name} {there.get(name, 'missing')} instead of {here[name]}" for name in names)
