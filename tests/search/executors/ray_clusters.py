"""Ray clusters of several nodes on this machine, for tests and benchmarks of what happens between machines."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.ray_cluster import ClusterSpec, connected

WAIT_S = 30.0


@dataclass
class RayCluster:
    """A cluster of `ray.cluster_utils`, whose head has no cores."""

    cluster: Any

    @classmethod
    @contextmanager
    def started(cls, nodes: int) -> Iterator[RayCluster]:
        """A cluster of so many nodes with one core each; stopped at the end, with everything in it."""
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        from ray.cluster_utils import Cluster

        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": False,
                # A node that is lost must not cost a test half a minute.
                "_system_config": {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500},
            },
        )
        try:
            made = cls(cluster)
            for _ in range(nodes):
                made.add_node()
            yield made
        finally:
            cluster.shutdown()

    @property
    def spec(self) -> ClusterSpec:
        """How to join it."""
        return ClusterSpec(self.cluster.address, timeout_s=5.0)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Join it from this process."""
        with connected(self.spec):
            yield

    def add_node(self, **arguments: Any) -> Any:
        """A further node with one core."""
        return self.cluster.add_node(num_cpus=1, **arguments)

    def lose_node(self, node: Any) -> None:
        """Kill everything that runs on a node, at once, as when its plug is pulled."""
        self.cluster.remove_node(node, allow_graceful=False)

    def processes(self) -> list[int]:
        """Processes of Ray's that this process has started and that still live."""
        own = f"session_{self.cluster.head_node.address_info['session_dir']}" if self.cluster.head_node else "raylet"
        wait_until(lambda: not _descendants(own), 10.0)
        return _descendants(own)


def wait_until(is_reached: Callable[[], bool], seconds: float = WAIT_S) -> bool:
    """Whether it came to that in time."""
    deadline = time.monotonic() + seconds
    while not is_reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _descendants(mark: str) -> list[int]:
    """Processes below this one whose command line has the mark."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # gone meanwhile
            continue
        if state not in "ZX":
            parents[int(stat.parent.name)] = int(parent)
    return [pid for pid in parents if _is_below(pid, parents) and mark in _command(pid)]


def _is_below(pid: int, parents: dict[int, int]) -> bool:
    while pid in parents and pid != os.getpid():
        pid = parents[pid]
    return pid == os.getpid()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
