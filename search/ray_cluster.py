"""A Ray cluster to work on: one that is there, or one that is started on this machine and ends with the work.

Nothing is reported to anybody, and what is started here listens on the loopback interface only.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cost_models.extras import require
from search.errors import RunError
from spaces import shown

LOCAL = "local"
LOOPBACK = "127.0.0.1"
_CLUSTERS_VARIABLE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Despite its name it decides on every system whether processes listen on all interfaces."""
_QUIET: Mapping[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
_HEALTH_CHECK = (sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address")


@dataclass(frozen=True)
class ClusterSpec:
    """Which cluster.

    Attributes:
        address: `HOST:PORT`; `local` starts one; None takes `RAY_ADDRESS` or what `ray start` has started here, if
            anything, and else starts one.
        dashboard: Whether a cluster that is started has Ray's dashboard, on the loopback interface.
        timeout_s: How long to wait for an answer.
        n_cpus: Of a cluster that is started; None: the machine's.
    """

    address: str | None = None
    dashboard: bool = False
    timeout_s: float = 20.0
    n_cpus: int | None = None


@dataclass(frozen=True)
class Connection:
    """A cluster that answers.

    Attributes:
        address: Where; empty for one that was started for us.
        seconds: How long it took.
        dashboard: Where the dashboard is; empty for none.
    """

    address: str
    seconds: float
    dashboard: str = ""

    def __str__(self) -> str:
        nodes = [node for node in alive_nodes().values() if node.get("CPU")]
        cores = sum(node["CPU"] for node in nodes)
        place = f"at {self.address}" if self.address else "started on this machine"
        page = f", dashboard {self.dashboard}" if self.dashboard else ""
        return f"Ray {place}, {len(nodes)} nodes with {cores:g} cores, after {self.seconds:.1f} s{page}"


def check_address(address: str) -> str:
    """The address, if it is one.

    Raises:
        ValueError: If not.
    """
    host, _, port = address.rpartition(":")
    if address != LOCAL and not (host and "/" not in host and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f'{shown(address)} is no address of a Ray cluster; "HOST:PORT", or "{LOCAL}" to start one')
    return address


@contextmanager
def connected(spec: ClusterSpec, needed_by: str = "the executor ray") -> Iterator[Connection]:
    """Work on a cluster; one that was started here is stopped at the end.

    Raises:
        MissingExtraError: Without Ray.
        RunError: The cluster does not answer, or has another version of Ray or Python.
    """
    started = time.monotonic()
    ray = require("ray", needed_by, "ray")
    if ray.is_initialized():  # by whoever called us, who will also end it
        yield Connection(ray.get_runtime_context().gcs_address, 0.0)
        return
    address = _found_address(spec)
    with _discreet(ray):
        try:
            if address is None:
                context = _started(ray, spec)
            else:
                _check_answers(address, spec.timeout_s)
                context = _joined(ray, address)
            yield Connection(address or "", time.monotonic() - started, context.dashboard_url or "")
        finally:
            ray.shutdown()


def alive_nodes() -> Mapping[str, Mapping[str, float]]:
    """Identifier of each node that answers -> its resources."""
    import ray

    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


@contextmanager
def _discreet(ray: Any) -> Iterator[None]:
    """Keep Ray from reporting its use, and from printing what becomes of workers: whoever uses them tells."""
    with variables({"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}):
        # It would go to the standard output, in the middle of a document, and cannot be turned off.
        told, ray._private.worker.print_to_stdstream = ray._private.worker.print_to_stdstream, lambda *_, **__: None
        try:
            yield
        finally:
            ray._private.worker.print_to_stdstream = told


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, which processes inherit that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@cache
def _token() -> str:
    """A secret of this process: others on this machine reach the loopback interface, too."""
    return secrets.token_hex(32)


def _found_address(spec: ClusterSpec) -> str | None:
    """The cluster to join; None to start one."""
    if spec.address == LOCAL:
        return None
    if spec.address:
        return spec.address
    if os.environ.get("RAY_ADDRESS"):
        return os.environ["RAY_ADDRESS"]
    # Where `ray start` notes what it has started last; it may be gone.
    note = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
    with suppress(OSError, ValueError):
        address = check_address(note.read_text(encoding="utf-8").strip())
        _call(address, timeout_s=1.0)
        return address
    return None


def _call(address: str, timeout_s: float) -> None:
    """Open a connection and close it again.

    Raises:
        OSError: If that is not possible.
    """
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s).close()


def _check_answers(address: str, timeout_s: float) -> None:
    """Ray itself would try for two minutes and then end the process."""
    try:
        check_address(address)
        _call(address, timeout_s)
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise RunError(f"no Ray cluster answers at {address}: {told}") from error
    try:
        words = [*_HEALTH_CHECK, address]
        subprocess.run(words, check=True, capture_output=True, text=True, timeout=timeout_s)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        told = f"what answers at {address} is no Ray cluster, or none that lets us in"
        raise RunError(f"{told}: {_last(error)}") from error


def _last(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    lines = str(error.stderr or "").strip().splitlines()
    return lines[-1] if lines else f"no answer within {getattr(error, 'timeout', 0):g} s"


def _started(ray: Any, spec: ClusterSpec) -> Any:
    """Start a cluster that nobody outside this machine reaches, nor others on it."""
    settings = {_CLUSTERS_VARIABLE: "0"}
    if "RAY_AUTH_MODE" not in os.environ:
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _token()}  # else Ray leaves one in the home folder
    constants = ray._private.ray_constants
    constants.ENABLE_RAY_CLUSTER, before = False, constants.ENABLE_RAY_CLUSTER
    try:
        with variables(settings):
            ray._raylet.Config.initialize("")  # it has read the environment before
            return ray.init(
                address=LOCAL,
                num_cpus=spec.n_cpus,
                include_dashboard=spec.dashboard,
                dashboard_host=LOOPBACK,
                _node_ip_address=LOOPBACK,
                **_QUIET,
            )
    finally:
        constants.ENABLE_RAY_CLUSTER = before


def _joined(ray: Any, address: str) -> Any:
    try:
        return ray.init(address=address, **_QUIET)
    except (RuntimeError, ConnectionError, ValueError) as error:  # among others: another version of Ray or Python
        told = " ".join(str(error).split())
        raise RunError(f"the Ray cluster at {address} cannot be joined: {told}") from error
