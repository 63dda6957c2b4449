"""The compiler and the optional packages: cached results, shown errors, clear advice."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest
from kernel_programs import mcu_cache

from cost_models.emulator import CORES, Image, compile_host_library, compile_image, compiler_version, is_available
from cost_models.emulator.machine import Machine
from cost_models.errors import CompilerError, EmulationError, ImageError, MissingExtraError
from cost_models.extras import require

needs_mcu = pytest.mark.skipif(not is_available(), reason="needs the extra mcu")
M4 = CORES["cortex_m4"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "answer.c"
    path.write_text('#include "answer.h"\nint answer(void);\nint answer(void) { return ANSWER; }\n')
    (tmp_path / "answer.h").write_text("#define ANSWER 42\n")
    return path


def compile_answer(source: Path, cache: Path, *flags: str) -> Path:
    return compile_image([source], M4, cache, keep=["answer"], include_directories=[source.parent], flags=flags)


@needs_mcu
def test_the_same_sources_are_compiled_once(source: Path, tmp_path: Path) -> None:
    first = compile_answer(source, tmp_path / "cache")
    compiled_at = first.stat().st_mtime_ns
    assert compile_answer(source, tmp_path / "cache") == first
    assert first.stat().st_mtime_ns == compiled_at
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [first.name]


@needs_mcu
def test_what_changes_an_image_changes_its_key(source: Path, tmp_path: Path) -> None:
    images = [compile_answer(source, tmp_path), compile_answer(source, tmp_path, "-O1")]
    (source.parent / "answer.h").write_text("#define ANSWER 43\n")
    images.append(compile_answer(source, tmp_path))
    assert len(set(images)) == 3
    values = [Machine(Image.load(image), M4, mcu_cache()).call("answer").value for image in images]
    assert values == [42, 42, 43]


@needs_mcu
def test_what_the_compiler_says_is_shown(source: Path, tmp_path: Path) -> None:
    source.write_text("int answer(void) { return ANSER; }\n")
    with pytest.raises(CompilerError, match=r"(?s)answer\.c does not compile:\n.*answer\.c:1:.*ANSER"):
        compile_answer(source, tmp_path)
    assert not list(tmp_path.glob("*.elf"))


@needs_mcu
def test_what_the_linker_says_is_shown(source: Path, tmp_path: Path) -> None:
    source.write_text("int missing(void);\nint answer(void);\nint answer(void) { return missing(); }\n")
    with pytest.raises(CompilerError, match="undefined symbol: missing"):
        compile_answer(source, tmp_path)


@needs_mcu
def test_what_is_not_kept_is_left_out(source: Path, tmp_path: Path) -> None:
    source.write_text(
        "int answer(void);\nint answer(void) { return 1; }\nint other(void);\nint other(void) { return 2; }\n"
    )
    assert set(Image.load(compile_answer(source, tmp_path)).symbols) == {"answer"}


@needs_mcu
def test_undefined_behaviour_can_be_made_a_fault(source: Path, tmp_path: Path) -> None:
    source.write_text("int answer(int n);\nint answer(int n) { return n + 1; }\n")
    image = compile_image([source], M4, tmp_path, keep=["answer"], traps_undefined_behaviour=True)
    machine = Machine(Image.load(image), M4, mcu_cache())
    assert machine.call("answer", 1).value == 2
    with pytest.raises(EmulationError, match="in answer"):
        machine.call("answer", 2**31 - 1)


@needs_mcu
def test_host_libraries_run_here(source: Path, tmp_path: Path) -> None:
    library = compile_host_library([source], tmp_path, include_directories=[source.parent])
    assert ctypes.CDLL(str(library)).answer() == 42


@needs_mcu
def test_the_compiler_has_a_version() -> None:
    assert compiler_version().startswith("zig ")


@needs_mcu
def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.elf"
    text.write_text("no ELF at all")
    with pytest.raises(ImageError, match=r"text\.elf is not an ELF file"):
        Image.load(text)
    with pytest.raises(ImageError, match="is not a program for a little-endian 32-bit ARM core"):
        Image.load(Path(sys.executable).resolve())


@pytest.mark.parametrize("module", ["ziglang", "unicorn.arm_const", "capstone", "elftools.elf.elffile"])
def test_a_missing_extra_is_one_line(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = module.partition(".")[0]
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as caught:
        require(module, "counting cycles", "mcu")
    assert str(caught.value) == "counting cycles needs an extra: pip install 'tinypareto[mcu]'"
    assert not is_available()
