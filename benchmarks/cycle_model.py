"""Predicted cycles against measured ones.

    python -m benchmarks.cycle_model [--json]          published figures: MLPerf Tiny, NNoM's GRU
    python -m benchmarks.cycle_model --gru [--json]    exported GRUs of random shapes and bit widths against emulation

Claims. MLPerf Tiny (closed division, OctoML, microTVM with CMSIS-NN): mean error at most 5 % on Cortex-M4, to which
k_core and k_mem were fitted; at most 10 % on Cortex-M33, of which only these two were. NNoM's noise suppressor, used
for no fit: within 15 %. GRUs on Cortex-M4, none of them used for fitting: cycles below 5 % on average and 10 % at most,
flash and RAM of the linked image within 2 %.
The exit status is 1 if a claim does not hold. `--gru` needs the extra `mcu`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.exported_gru import random_export
from cost_models import Target, load_target, read_workload, workload_costs
from cost_models.calibration import read_measurements

HERE = Path(__file__).parent
NNOM_MS, NNOM_CLOCK_HZ = 3.35, 140e6
"""majianjia/nnom, examples/rnn-denoise/README.md: 20 bands, CMSIS-NN, -O2, STM32L476."""
GATES_SHARE = 0.17
"""Cycles that gates added to a GRU's products where both were emulated; the target leaves them out."""
N_MODELS = 80
SEED = 20_000
"""Calibration draws from seed 0."""


@dataclass(frozen=True)
class Row:
    """One prediction."""

    group: str
    name: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """Relative to the measurement."""
        return self.predicted / self.measured - 1


@dataclass(frozen=True)
class Claim:
    """What must hold."""

    text: str
    value: float
    bound: float

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.value <= self.bound


def published() -> tuple[list[Row], list[Claim]]:
    """MLPerf Tiny on two boards, and NNoM's GRU."""
    boards = {"cortex_m4_cmsis_nn": "nucleo_l4r5zi", "cortex_m33_cmsis_nn": "nrf5340"}
    rows, claims = [], []
    for (name, board), bound in zip(boards.items(), (0.05, 0.10), strict=True):
        target = load_target(name, HERE)
        found = list(_mlperf_rows(target, board))
        rows += found
        claims.append(Claim(f"MLPerf Tiny on {board}, mean", _mean(found), bound))
    m4 = load_target("cortex_m4_cmsis_nn", HERE)
    cycles = workload_costs(read_workload(HERE / "workloads/nnom_noise_suppressor.yaml"), m4)["cycles"]
    measured = NNOM_MS * 1e-3 * NNOM_CLOCK_HZ
    nnom = Row("NNoM on STM32L476, frozen", "noise suppressor", cycles, measured)
    with_gates = Row("NNoM on STM32L476, frozen", "with gates (not claimed)", cycles * (1 + GATES_SHARE), measured)
    return [*rows, nnom, with_gates], [*claims, Claim("NNoM's noise suppressor", abs(nnom.error), 0.15)]


def _mlperf_rows(target: Target, board: str) -> Iterator[Row]:
    for measured in read_measurements(HERE / f"measurements/{board}_mlperf_tiny.csv"):
        predicted = workload_costs(measured.workload, target)["cycles"]
        yield Row(f"MLPerf Tiny on {board}", measured.name, predicted, measured.cycles)


def exported_grus(n_models: int) -> tuple[list[Row], list[Claim]]:
    """GRU classifiers that were exported as C, compiled and emulated."""
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        models = [random_export(index, rng, Path(folder)) for index in range(n_models)]
    rows = [
        Row(f"exported GRU, {name}", model.name, model.predicted[name], model.measured[name])
        for name in ("cycles", "flash", "RAM")
        for model in models
    ]
    cycles, *memory = ([row for row in rows if row.group.endswith(name)] for name in ("cycles", "flash", "RAM"))
    claims = [Claim("cycles, mean", _mean(cycles), 0.05), Claim("cycles, worst", _worst(cycles), 0.10)]
    claims += [Claim(f"{name}, worst", _worst(of), 0.02) for name, of in zip(("flash", "RAM"), memory, strict=True)]
    return rows, claims


def _mean(rows: Sequence[Row]) -> float:
    return float(np.mean([abs(row.error) for row in rows]))


def _worst(rows: Sequence[Row]) -> float:
    return max(abs(row.error) for row in rows)


def show(rows: Sequence[Row], claims: Sequence[Claim]) -> None:
    """For people."""
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            print(f"\n{group:36s} {'predicted':>12} {'measured':>12} {'error':>8}")
        print(f"  {row.name:34s} {row.predicted:12,.0f} {row.measured:12,.0f} {100 * row.error:+7.1f} %")
    print()
    for claim in claims:
        verdict = "holds" if claim.holds else "DOES NOT HOLD"
        print(f"{claim.text}: {100 * claim.value:.1f} %, claimed at most {100 * claim.bound:.0f} %: {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gru", action="store_true", help="exported GRUs against emulation")
    parser.add_argument("--models", type=int, default=N_MODELS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows, claims = exported_grus(options.models) if options.gru else published()
    if options.json:
        document = {
            "rows": [{**asdict(row), "error": row.error} for row in rows],
            "claims": [{**asdict(claim), "holds": claim.holds} for claim in claims],
        }
        print(json.dumps(document, indent=1))
    else:
        show(rows, claims)
    sys.exit(not all(claim.holds for claim in claims))


if __name__ == "__main__":
    main()
