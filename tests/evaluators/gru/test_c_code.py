"""The C of a quantized GRU: it compiles as it stands, gives the reference's logits, and takes what is predicted."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_models import CASES, CLASS_NAMES, Case, make, network, quantized
from hypothesis import given
from hypothesis import strategies as st

from cost_models import workload_costs
from cost_models.emulator import CORES, Image, compile_image, is_available
from evaluators.c_interface import FUNCTIONS, CInterface
from evaluators.errors import EvaluationError
from evaluators.gru.c_code import Vectors, write_c_code
from evaluators.gru.c_code.bundle import c_interface
from evaluators.gru.c_code.literals import array, integer, struct_definition, text
from evaluators.gru.c_code.model_source import model_header
from evaluators.gru.formats import Format
from evaluators.gru.workload import GruShape, gru_workload

needs_mcu = pytest.mark.skipif(not is_available(), reason="needs the extra mcu")
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.genome}-{case.n_layers}x{case.n_hidden}")


def write(case: Case, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    gru = quantized(case)
    write_c_code(gru, CLASS_NAMES, Vectors.of(gru, network(case)[2]), ["reference"], folder)


@every_case
def test_the_folder_compiles_and_gives_the_logits_of_the_reference(case: Case, tmp_path: Path) -> None:
    write(case, tmp_path)
    done = make(tmp_path, "host-test")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "12 of 12 test vectors give the expected logits\n"


def test_a_wrong_logit_is_told(tmp_path: Path) -> None:
    case = CASES[1]
    gru, sequences = quantized(case), network(case)[2]
    vectors = Vectors.of(gru, sequences)
    wrong = vectors.logits.copy()
    wrong[3, 2] += 1
    write_c_code(gru, CLASS_NAMES, replace(vectors, logits=wrong), ["reference"], tmp_path)
    done = make(tmp_path, "host-test")
    assert done.returncode != 0
    assert f"sequence 3: logit 2 is {wrong[3, 2] - 1}, expected {wrong[3, 2]}" in done.stdout
    assert "11 of 12" in done.stdout


def test_the_text_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(CASES[1], tmp_path / name)
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("a", "b")]
    assert files[0] == files[1]
    assert {"model.c", "model.h", "Makefile", "README.md", "test_vectors.c", "host_test.c"} <= set(files[0])
    assert all(len(line) <= 120 for line in files[0]["model.c"].decode().splitlines())


@needs_mcu
@every_case
def test_flash_and_ram_are_those_of_the_linked_image(case: Case, tmp_path: Path) -> None:
    write(case, tmp_path / "model")
    interface = CInterface.read(tmp_path / "model")
    image = linked(tmp_path / "model", tmp_path / "cache")
    shape = GruShape(case.n_inputs, case.n_hidden, case.n_layers, len(CLASS_NAMES), n_steps=5)
    costs = workload_costs(gru_workload(shape, network(case)[1]))
    sections = {section.name: section.n_bytes for section in image.sections}
    assert sections[".rodata"] == costs["model_bytes"] == interface.flash_bytes - interface.code_bytes
    assert sections[".bss"] == costs["peak_ram_bytes"] == interface.ram_bytes
    assert sections[".text"] == pytest.approx(interface.code_bytes, rel=0.02)


def linked(folder: Path, cache: Path) -> Image:
    sources = [folder / "model.c", *sorted(folder.glob("tp_*.c"))]
    return Image.load(compile_image(sources, CORES["cortex_m4"], cache, keep=FUNCTIONS, include_directories=[folder]))


@needs_mcu
@pytest.mark.slow
def test_the_makefile_builds_a_library_for_a_microcontroller(tmp_path: Path) -> None:
    write(CASES[1], tmp_path)
    zig = f"{sys.executable} -m ziglang"
    compiler = f"ARM_CC={zig} cc -target thumb-freestanding-eabi"
    done = make(tmp_path, "arm", compiler, f"ARM_AR={zig} ar", "ARM_FLAGS=-mcpu=cortex_m4")
    assert (done.returncode, done.stderr) == (0, "")
    listed = subprocess.run([*zig.split(), "ar", "t", str(tmp_path / "arm/libmodel.a")], capture_output=True, text=True)
    assert "model.o" in listed.stdout.split()


def test_networks_that_the_kernels_do_not_take_are_refused(tmp_path: Path) -> None:
    case = Case(509, 4, 1, "paper")
    with pytest.raises(EvaluationError, match="at most 508 columns, this network has 509"):
        write(case, tmp_path)


def test_the_interface_says_where_the_states_are(tmp_path: Path) -> None:
    case = CASES[1]
    gru = quantized(case)
    interface = c_interface(gru, ["reference"])
    assert [state.symbol for state in interface.states] == ["gru0_state", "gru1_state"]
    assert [state.bits for state in interface.states] == [16 if la.add_state.high > 127 else 8 for la in gru.layers]
    interface.write(tmp_path)
    assert CInterface.read(tmp_path) == replace(interface, final_operators=["classifier"], checked_with=["reference"])


@pytest.fixture(scope="module")
def quantizers(tmp_path_factory: pytest.TempPathFactory):
    """`model_quantize` of several formats, compiled for this machine."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("quantizers")
    gru = quantized(CASES[0])
    found = []
    for index, form in enumerate((Format(8, 0.0317, 5), Format(4, 1.0, -8), Format(2, 1e-3, 1), Format(8, 7.5, -128))):
        (folder / f"{index}").mkdir()
        (folder / f"{index}/model.h").write_text(model_header(replace(gru, input=form), {}))
        source = folder / f"{index}/q.c"
        source.write_text('#include "model.h"\nint q(double v);\nint q(double v) { return model_quantize(v); }\n')
        library = folder / f"{index}/q.so"
        flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run(["cc", *flags, str(source), "-o", str(library)], check=True)
        quantize = ctypes.CDLL(str(library)).q
        quantize.argtypes = [ctypes.c_double]
        found.append((form, quantize))
    return found


@given(value=st.floats(allow_nan=False, width=32) | st.floats(-10, 10), halves=st.integers(-600, 600))
def test_features_are_quantized_as_in_the_reference(quantizers, value: float, halves: int) -> None:
    for form, quantize in quantizers:
        for v in (value, halves * form.scale / 2):
            assert quantize(v) == int(form.quantize(np.array([v]))[0])


@given(st.text(max_size=20) | st.text(alphabet='?/"\\\n\0a1é', max_size=20))
def test_string_literals_hold_any_text(value: str) -> None:
    literal = text(value)
    assert literal.isascii()
    assert literal.isprintable()
    assert "??" not in literal  # no trigraphs
    # C and Python read the same escapes; C has one for the question mark besides.
    content = re.sub(r"\\\?", "?", literal[1:-1]).encode("ascii").decode("unicode_escape")
    assert content.encode("latin-1").decode("utf-8", "surrogatepass") == value


def test_numbers_and_arrays_as_c_writes_them() -> None:
    assert integer(-(1 << 31)) == "(-2147483647 - 1)"
    assert array("int8_t", "a[]", np.array([1, -2], np.int8)) == "const int8_t a[] = {\n    1, -2,\n};\n"
    assert (
        array("int8_t", "a[][2]", np.eye(2, dtype=np.int8)) == "const int8_t a[][2] = {\n    {1, 0},\n    {0, 1},\n};\n"
    )
    assert array("uint32_t", "a[]", np.array([255])) == "const uint32_t a[] = {\n    0x000000ffu,\n};\n"


def test_structs_that_are_too_long_for_a_line_take_several() -> None:
    inner = dict.fromkeys("ab", "0" * 50)
    assert struct_definition("t", "s", {"x": "1", "y": {"z": "2"}, "long": inner}) == (
        "static const t s = {\n    .x = 1,\n    .y = {.z = 2},\n    .long = {\n"
        f"        .a = {'0' * 50},\n        .b = {'0' * 50},\n    }},\n}};\n"
    )
