"""What docs/workload_file.md and docs/targets.md say is what the models take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from cost_models import TARGET_COSTS, cost_report, load_target, read_workload, target_names
from cost_models.calibration import read_measurements
from cost_models.target import Kernel, TargetFile, read_target
from cost_models.terms import Term
from cost_models.workload_file import LAYERS, WorkloadFile

ROOT = Path(__file__).parents[2]
WORKLOAD_PAGE = (ROOT / "docs" / "workload_file.md").read_text(encoding="utf-8")
TARGETS_PAGE = (ROOT / "docs" / "targets.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_workload_of_the_page_can_be_costed(tmp_path: Path) -> None:
    workload = read_workload(written(tmp_path, "net.yaml", blocks(WORKLOAD_PAGE, "yaml")[0]))
    assert {op.kind for op in workload.operators} < set(LAYERS)
    # The GRU's 4 bits have a kernel in CMSIS-NN as well.
    assert cost_report(workload, load_target("cortex_m4_cmsis_nn", Path())).costs["cycles_p95"] > 0


@pytest.mark.parametrize("kind", LAYERS)
def test_every_key_of_a_kind_is_explained(kind: str) -> None:
    row = next(line for line in WORKLOAD_PAGE.splitlines() if line.startswith(f"| `{kind}` |"))
    common = WORKLOAD_PAGE[WORKLOAD_PAGE.index("## Every operator") : WORKLOAD_PAGE.index("## Kinds")]
    for key in LAYERS[kind].model_fields:
        assert f"`{key}`" in row or f"| `{key}` |" in common, key


def test_every_key_of_the_file_is_explained() -> None:
    head = WORKLOAD_PAGE[WORKLOAD_PAGE.index("## The file") : WORKLOAD_PAGE.index("## Every operator")]
    assert all(f"`{key}`" in head for key in WorkloadFile.model_fields)


def test_the_target_of_the_page_can_be_read(tmp_path: Path) -> None:
    target = read_target(written(tmp_path, "my_board.yaml", blocks(TARGETS_PAGE, "yaml")[0]))
    assert target.facts.kernels is not None


def test_every_key_of_a_target_is_explained() -> None:
    for key in (*TargetFile.model_fields, *Kernel.model_fields, *get_args(Term), *TARGET_COSTS, *target_names()):
        assert f"`{key}`" in TARGETS_PAGE, key


def test_the_measurements_of_the_page_can_be_read(tmp_path: Path) -> None:
    of_operators, of_networks = blocks(TARGETS_PAGE, "csv")
    assert len(read_measurements(written(tmp_path, "a.csv", of_operators))) == 3
    networks = of_networks.replace("../workloads", str(ROOT / "benchmarks" / "workloads"))
    assert read_measurements(written(tmp_path, "b.csv", networks))[0].cycles == 9_739_000


@pytest.mark.parametrize("page", [WORKLOAD_PAGE, TARGETS_PAGE])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        assert (ROOT / "docs" / target).exists(), target
