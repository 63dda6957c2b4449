"""Cycles of the kernels: what is claimed of them, and that they depend on shapes and widths alone."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

pytest.importorskip("ziglang")
pytest.importorskip("unicorn")

from kernel_programs import mcu_cache

from cost_models.emulator import CORES
from cost_models.kernels import kernel_symbol, meter
from cost_models.kernels.meter import GruShape, KernelMeter

SHAPES = (
    GruShape(8, 12, [8, 4, 3, 2, 5, 7]),
    GruShape(9, 13, [6] * 6, has_view=True),
    GruShape(3, 6, [1, 2, 3, 4, 5, 6], (False, True, False, True), has_view=True, carries_wide=True),
)


@cache
def m4() -> KernelMeter:
    return KernelMeter(CORES["cortex_m4"], mcu_cache())


@pytest.fixture(scope="module")
def cycles_per_mac() -> dict[int, float]:
    return {bits: m4().dense(256, 256, bits).cycles / 256**2 for bits in range(1, 9)}


def test_eight_bits_take_less_than_2_3_cycles_per_mac(cycles_per_mac: dict[int, float]) -> None:
    # SMLAD's two products a cycle, half of the bytes to unpack and a load for four weights: 1 at the very least.
    assert 1 < cycles_per_mac[8] < 2.3


@pytest.mark.parametrize(("bits", "times"), [(4, 1.2), (2, 1.2), (1, 1.2), (3, 2), (5, 2), (6, 2), (7, 2)])
def test_fewer_bits_take_little_more(cycles_per_mac: dict[int, float], bits: int, times: float) -> None:
    assert cycles_per_mac[bits] < times * cycles_per_mac[8]


@pytest.mark.parametrize("size", [16, 64, 256])
def test_an_output_takes_less_than_60_cycles_besides_its_products(size: int) -> None:
    call = m4().dense(size, size, 8)
    products = next(cost.cycles for cost in call.profile.functions if cost.name == kernel_symbol(8))
    assert call.cycles - products < 60 * size


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("core", "tolerance"), [("cortex_m4", 0), ("cortex_m0", 0.02)])
def test_cycles_do_not_depend_on_the_numbers(
    core: str, tolerance: float, shape: GruShape, monkeypatch: pytest.MonkeyPatch
) -> None:
    # But for Cortex-M0, which limits numbers by branches.
    measured = KernelMeter(CORES[core], mcu_cache())
    with_zeros = [measured.gru_step(shape), measured.dense(7, 9, 5), measured.classifier(10, 13, 3)]
    rng = np.random.default_rng(0)
    monkeypatch.setattr(meter._Bench, "room", lambda bench, n_bytes: bench.machine.place(rng.bytes(n_bytes)))
    with_noise = [measured.gru_step(shape), measured.dense(7, 9, 5), measured.classifier(10, 13, 3)]
    assert [c.cycles for c in with_noise] == pytest.approx([c.cycles for c in with_zeros], rel=tolerance, abs=0)


def test_the_stack_stays_below_400_bytes() -> None:
    assert max(m4().gru_step(shape).stack_bytes for shape in SHAPES) < 400


def test_macs_are_those_of_six_matrix_products() -> None:
    # 12 x 8 and 12 x 12 weights, three times each.
    assert SHAPES[0].macs == 3 * (12 * 8 + 12 * 12)
