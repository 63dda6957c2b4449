"""A real Ray cluster of several machines that are all this one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from ray_clusters import RayCluster


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[RayCluster]:
    """A head that evaluates nothing and two nodes with one core each; the test's process has joined."""
    with RayCluster.started(nodes=2) as cluster, cluster.joined():
        yield cluster
    assert not cluster.processes(), "Ray left processes behind"
    assert "RAY_ADDRESS" not in os.environ
