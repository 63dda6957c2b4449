"""Refitting targets: known coefficients found again, and measurements that cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import load_target, read_target
from cost_models.calibration import emulated, fit_board, fit_kernels, read_measurements, target_text
from cost_models.calibration.fitting import fit_and_hold_out, fit_relative, leave_one_out
from cost_models.calibration.kernel_rows import N_REQUANTIZED, amounts, kernel_rows, step_operators
from cost_models.cycles import core_cycles, lines_fetched
from cost_models.emulator import CORES, is_available
from cost_models.kernels.meter import GruShape, KernelMeter
from cost_models.target import FitError
from spaces import UserError

MEASUREMENTS = Path(__file__).parents[2] / "benchmarks" / "measurements"
CMSIS_NN = load_target("cortex_m4_cmsis_nn", Path())

HEADER = "kind,inputs,outputs,hidden,weight_bits,cycles"


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "measured.csv"
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def told(folder: Path, *rows: str, header: str = HEADER) -> str:
    with pytest.raises(UserError) as caught:
        read_measurements(written(folder, *rows, header=header))
    return str(caught.value).replace(f"{folder}/", "")


@given(st.lists(st.just(0.0) | st.floats(1e-3, 1e4), min_size=3, max_size=3).filter(any), st.integers(0, 100))
def test_coefficients_that_made_the_cycles_are_found_again(coefficients: list[float], seed: int) -> None:
    features = np.random.default_rng(seed).uniform(1, 1e3, (30, 3)) * [1, 1e3, 1e-3]
    cycles = features @ coefficients
    predicted = features @ fit_relative(features, cycles)
    assert predicted == pytest.approx(cycles, rel=1e-6)


def test_coefficients_are_never_negative() -> None:
    features = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    assert fit_relative(features, np.array([3.0, 2.0, 1.0])).min() == 0


def test_held_out_measurements_have_no_part_in_the_fit() -> None:
    features = np.ones((9, 1))
    cycles = np.array([10.0, 10, 20, 10, 10, 5, 10, 10, 10])
    fit = fit_and_hold_out(features, cycles)  # holds out the third, sixth and ninth
    assert fit.coefficients == pytest.approx([10])
    assert fit.errors == pytest.approx([-0.5, 1, 0])
    assert fit.held_out == FitError(mean=0.5, max=1.0)


def test_leaving_one_out() -> None:
    # Without the last, 10 fits all others; without another, x with the least (x/10 - 1)^2 + (x/20 - 1)^2.
    errors = leave_one_out(np.ones((3, 1)), np.array([10.0, 10.0, 20.0]))
    of_10_and_20 = (1 / 10 + 1 / 20) / (1 / 100 + 1 / 400)
    assert errors == pytest.approx([of_10_and_20 / 10 - 1, of_10_and_20 / 10 - 1, -0.5])


def test_the_shipped_constants_are_those_of_the_published_figures() -> None:
    for name, board in (("cortex_m4_cmsis_nn", "nucleo_l4r5zi"), ("cortex_m33_cmsis_nn", "nrf5340")):
        target = load_target(name, Path())
        measured = read_measurements(MEASUREMENTS / f"{board}_mlperf_tiny.csv")
        fit = fit_board(CMSIS_NN, board, measured, target.facts.clock_hz, "MLPerf Tiny")
        # Those of the Cortex-M4 were fitted to emulated cycles, not to this model's.
        tolerance = 0.03 if name == "cortex_m4_cmsis_nn" else 1e-9
        assert fit.facts.k_core.value == pytest.approx(target.facts.k_core.value, rel=tolerance)
        assert fit.facts.k_mem.value == pytest.approx(target.facts.k_mem.value, rel=tolerance)


def test_a_board_is_found_again_and_can_be_read(tmp_path: Path) -> None:
    shapes = [(16, 16), (64, 10), (256, 256), (40, 128), (512, 8)]
    entries = [f"fully_connected,{n},{m},,," for n, m in shapes] + ["gru,40,,24,8,"]
    cycles = []
    for row in read_measurements(written(tmp_path, *(f"{entry}1" for entry in entries))):
        op = row.workload.operators[0]
        cycles.append(round(1.3 * core_cycles(op, CMSIS_NN) + 7 * lines_fetched(op, CMSIS_NN)))
    measured = read_measurements(written(tmp_path, *(f"{e}{c}" for e, c in zip(entries, cycles, strict=True))))
    fit = fit_board(CMSIS_NN, "my_board", measured, 80_000_000, "measured.csv")
    assert (fit.k_core, fit.k_mem) == pytest.approx((1.3, 7), rel=1e-3)
    assert abs(fit.left_out).max() < 1e-3
    path = tmp_path / "my_board.yaml"
    path.write_text(target_text(fit.facts))
    read = read_target(path)
    assert read.facts == fit.facts
    assert (read.facts.clock_hz, read.facts.based_on) == (80_000_000, "cortex_m4_cmsis_nn")
    assert (read.facts.error_band.low, read.facts.error_band.high) == (-0.05, 0.05)  # never narrower
    assert read.kernels == CMSIS_NN.kernels


@pytest.mark.parametrize(
    ("rows", "header", "messages"),
    [
        (
            ["fully_connected,4,2,3.1"],
            "kind,inputs,outputs,latency_ms",
            [
                "measured.csv:1  column cycles is missing\n    Allowed: clock cycles of each row; "
                '"latency_ms" times the clock in Hz gives them.'
            ],
        ),
        (["4,2,3"], "inputs,outputs,cycles", ["measured.csv:1  neither workload nor kind is there"]),
        (
            ["fully_connected,4,2,3,3"],
            "kind,input,outputs,cycles,cycles",
            [
                'measured.csv:1  unknown column "input"',
                'Did you mean "inputs"?',
                'measured.csv:1  column "cycles" stands here twice',
            ],
        ),
        (
            [
                "fully_conected,4,2,,,10",
                "fully_connected,4,2,,,ten",
                "fully_connected,4,2,,,-1",
                "fully_connected,4,,,,9",
                "fully_connected,4,2,,,9,9",
                "gru,4,,x,8,9",
            ],
            HEADER,
            [
                'measured.csv:2  kind: unknown kind of operator "fully_conected"',
                'measured.csv:3  cycles: "ten" is no number',
                "measured.csv:4  cycles: -1 is not possible",
                "measured.csv:5  outputs: is missing",
                "measured.csv:6  the row has more cells than the header",
                'measured.csv:7  hidden: "x" is not possible',
            ],
        ),
        (["none.yaml,9"], "workload,cycles", ["measured.csv:2  ", "none.yaml does not exist"]),
        (["a.yaml,gru,9"], "workload,kind,cycles", ["measured.csv:2  beside a workload, the row has kind"]),
    ],
)
def test_every_mistake_in_measurements_is_told_at_once(
    tmp_path: Path, rows: list[str], header: str, messages: list[str]
) -> None:
    message = told(tmp_path, *rows, header=header)
    for expected in messages:
        assert expected in message


@pytest.mark.parametrize(
    ("factor", "unit"),
    [
        (1e3 / 120e6, "milliseconds"),
        (1e6 / 120e6, "microseconds"),
        (1e-3, "thousands of cycles"),
        (1e-6, "millions of cycles"),
        (50.0, ""),
    ],
)
def test_mixed_up_units_are_told(tmp_path: Path, factor: float, unit: str) -> None:
    rows = [f"fully_connected,256,{n},,,{3 * 256 * n}" for n in (64, 128, 256)]
    wrong = f"fully_connected,256,96,,,{3 * 256 * 96 * factor}"
    measured = read_measurements(written(tmp_path, *rows, wrong))
    with pytest.raises(UserError) as caught:
        fit_board(CMSIS_NN, "x", measured, None, "measured.csv")
    message = str(caught.value)
    assert message.count("measured.csv:") == 1
    assert "measured.csv:5  cycles: " in message
    assert (f"; it looks like {unit}" in message) if unit else ("looks like" not in message)
    assert "the clock is taken to be 120 MHz" in message


def test_too_few_measurements(tmp_path: Path) -> None:
    measured = read_measurements(written(tmp_path, "fully_connected,256,64,,,50000"))
    with pytest.raises(UserError, match="1 measurements are too few\n    Allowed: at least 3"):
        fit_board(CMSIS_NN, "x", measured, None, "measured.csv")


def test_where_weights_are_in_memory_only_the_kernels_count(tmp_path: Path) -> None:
    rows = [f"fully_connected,256,{n},,,{3 * 256 * n}" for n in (64, 128, 256)]
    fit = fit_board(load_target("cortex_m4", Path()), "x", read_measurements(written(tmp_path, *rows)), None, "-")
    assert fit.k_mem == 0
    assert fit.k_core > 1


def test_rows_of_our_kernels_have_the_coefficients_that_made_them() -> None:
    shape = GruShape(9, 13, [1, 2, 3, 4, 5, 6], (True, False, False, True), True, True, (True,) * N_REQUANTIZED, True)
    operators = list(step_operators(shape))
    counted = amounts(operators)
    rng = np.random.default_rng(0)
    names = set(counted) | {(term, bits) for term in ("tiles", "blocks") for bits in range(1, 9)}
    names |= {("inputs", "fully_connected"), ("calls", "fully_connected")}
    values = {name: float(rng.integers(1, 1000)) for name in sorted(names, key=str)}
    rows = tuple(kernel_rows(values, FitError(mean=0, max=0), "made up"))
    base = load_target("cortex_m4", Path())
    target = type(base)(base.facts, rows)
    total = sum(core_cycles(op, target) for op in operators)
    assert total == pytest.approx(sum(values[name] * amount for name, amount in counted.items()))


def test_only_our_kernels_can_be_refitted(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='the kernels of target "cortex_m4_cmsis_nn" are not ours'):
        fit_kernels(CMSIS_NN, tmp_path)


@pytest.mark.skipif(not is_available(), reason="needs the extra mcu")
def test_a_refit_predicts_steps_that_it_has_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulated, "N_STEPS", 90)
    monkeypatch.setattr(emulated, "N_DENSE", 48)
    base = load_target("cortex_m4", Path())
    refit = fit_kernels(base, tmp_path, seed=1)
    assert refit.fit.held_out.mean < 0.02
    meter = KernelMeter(CORES["cortex_m4"], tmp_path)
    rng = np.random.default_rng(2)
    for target in (base, type(base)(base.facts, refit.kernels)):
        for _ in range(8):
            shape = emulated.random_step(rng)
            predicted = sum(core_cycles(op, target) for op in step_operators(shape))
            assert predicted == pytest.approx(meter.gru_step(shape).cycles, rel=0.05)
