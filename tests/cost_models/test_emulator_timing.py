"""Cycles of instructions and blocks, summed by hand from the Technical Reference Manuals."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ziglang")
pytest.importorskip("unicorn")

from kernel_programs import mcu_cache

from cost_models.emulator import CORES, Image, Machine, compile_image
from cost_models.emulator.timing import TIMINGS, decode


def assemble(directory: Path, text: str, core: str = "cortex_m4") -> Image:
    """An image whose function `code` is this assembly."""
    lines = "".join(f'"{line.strip()}\\n"' for line in text.strip().split(";"))
    source = directory / "code.c"
    source.write_text(f"__attribute__((naked)) void code(void);\nvoid code(void) {{ __asm__({lines}); }}\n")
    return Image.load(compile_image([source], CORES[core], mcu_cache(), keep=["code"]))


def cycles_of(image: Image, timing: str) -> int:
    code, flash = image.symbol("code"), image.segments[0]
    start = code.address - flash.address
    return TIMINGS[timing](decode(flash.content[start : start + code.n_bytes], code.address))


@pytest.mark.parametrize(
    ("text", "cycles"),
    [
        ("adds r0, r1, r2; muls r0, r1, r0; mla r0, r1, r2, r3; smlad r0, r1, r2, r3", 4),
        ("uxtb16 r0, r1; sxtb16 r0, r1, ror #8; smull r0, r1, r2, r3; smmla r0, r1, r2, r3; ssat r0, #8, r1", 5),
        ("ldr r0, [r4]; adds r0, r0, r1", 2 + 1),
        ("ldr r0, [r4]; ldr r1, [r4, #4]; ldrsb r2, [r4, r5]; ldrh r3, [r6]", 2 + 1 + 1 + 1),
        ("ldr r4, [r4]; ldr r1, [r4]", 2 + 2),  # waits for its base
        ("ldr r1, [r4], #4; ldr r2, [r5], #4", 2 + 1),
        ("ldrd r0, r1, [r4]; ldr r2, [r5]; strd r0, r1, [r4]", 3 + 2 + 3),
        ("str r0, [r4]; str r0, [r4, r5]; strb r0, [r4, #1]", 1 + 2 + 1),
        ("ldr r0, [r4]; str r0, [r4, r5]", 2 + 1),
        ("push {r4, r5, r6, lr}; ldm r0!, {r1, r2, r3}; stm r0, {r1, r2}; pop {r4, r5, r6, pc}", 5 + 4 + 3 + 5),
        ("cmp r0, r1; it gt; movgt r0, r1; bls #4; bl #4; bx lr", 6),
        ("udiv r0, r1, r2", 7),
        ("itt eq; ldreq r0, [r4]; ldreq r1, [r4, #4]", 1 + 2 + 1),
    ],
)
def test_cortex_m4(text: str, cycles: int, tmp_path: Path) -> None:
    assert cycles_of(assemble(tmp_path, text), "cortex_m4") == cycles


@pytest.mark.parametrize(
    ("text", "cycles"),
    [
        ("adds r0, r1, r2; muls r0, r1, r0; sxth r0, r1", 3),
        ("ldr r0, [r4]; ldrb r1, [r4, #1]; strh r2, [r4, #2]", 2 + 2 + 2),
        ("push {r4, r5, lr}; ldm r0!, {r1, r2}; pop {r4, r5, pc}", 4 + 3 + 5),
        ("cmp r0, r1; bgt #4; bl #4; bx lr", 1 + 1 + 2 + 1),
    ],
)
def test_cortex_m0(text: str, cycles: int, tmp_path: Path) -> None:
    assert cycles_of(assemble(tmp_path, text, "cortex_m0"), "cortex_m0") == cycles


def test_a_loop_by_hand(tmp_path: Path) -> None:
    # Ten turns of SUBS and BNE, nine of them taken, and BX, taken: 20 + 9 * 2 + 1 + 2 cycles.
    image = assemble(tmp_path, "1: subs r0, #1; bne 1b; bx lr")
    call = Machine(image, CORES["cortex_m4"], mcu_cache()).call("code", 10)
    assert call.instructions == 21
    assert call.profile.taken_branches == 10
    assert call.cycles == 41
    assert call.value == 0
