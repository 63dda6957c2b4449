"""The C compiler: Cortex-M images and host libraries, cached by the content of what made them.

The compiler is clang as the `ziglang` wheel ships it: one wheel, every Cortex-M and the host.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cost_models.emulator.cores import Core
from cost_models.errors import CompilerError
from cost_models.extras import require

LINKER_SCRIPT = Path(__file__).with_name("link.ld")
OPTIMIZATION = ("-O2",)
"""The default of `compile_image`: what the cycle figures are measured with."""

_COMMON_FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-g1")
# The compiler has sanitizers on by default.
_UNCHECKED = ("-fno-sanitize=all",)
_TRAPS = ("-fsanitize=undefined", "-fsanitize-trap=undefined")
_BARE_METAL_FLAGS = (
    "-ffreestanding",
    "-fomit-frame-pointer",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
    "-nostdlib",
    "-static",
)
_TIMEOUT_S = 300


def compile_image(
    sources: Sequence[Path],
    core: Core,
    cache_directory: Path,
    *,
    keep: Sequence[str],
    include_directories: Sequence[Path] = (),
    flags: Sequence[str] = OPTIMIZATION,
    traps_undefined_behaviour: bool = False,
) -> Path:
    """Compile and link C sources for a core; what is not reachable from `keep` is left out.

    Args:
        sources: C files.
        core: What to compile for.
        cache_directory: Where images are kept; created if it is not there.
        keep: Names of the functions and variables that must be in the image.
        include_directories: Where headers are; their headers are part of the cache key.
        flags: Optimization and macros.
        traps_undefined_behaviour: Make undefined behaviour of the C code a fault; for tests, as it takes cycles.

    Returns:
        The path of the ELF file.

    Raises:
        CompilerError: The sources do not compile or link.
        MissingExtraError: There is no compiler.
    """
    arguments = [
        *("-target", "thumb-freestanding-eabi", f"-mcpu={core.compiler_cpu}"),
        *_COMMON_FLAGS,
        *_BARE_METAL_FLAGS,
        *(_TRAPS if traps_undefined_behaviour else _UNCHECKED),
        *flags,
        *("-Wl,--gc-sections", f"-Wl,--entry={keep[0]}"),
        *(f"-Wl,-u,{name}" for name in keep),
    ]
    script = f"-Wl,-T,{LINKER_SCRIPT}"
    return _compile(sources, arguments, [script], [LINKER_SCRIPT], include_directories, cache_directory, ".elf")


def compile_host_library(
    sources: Sequence[Path],
    cache_directory: Path,
    *,
    include_directories: Sequence[Path] = (),
    flags: Sequence[str] = OPTIMIZATION,
) -> Path:
    """Compile C sources that need no C library into a shared library for this machine.

    Raises:
        CompilerError: The sources do not compile or link.
        MissingExtraError: There is no compiler.
    """
    arguments = [*_COMMON_FLAGS, *_UNCHECKED, "-shared", "-fPIC", "-nostdlib", *flags]
    return _compile(sources, arguments, [], [], include_directories, cache_directory, f"-{sys.platform}.so")


@cache
def compiler_version() -> str:
    """The compiler's name and version, part of every cache key and of the provenance of measured cycles.

    Raises:
        MissingExtraError: There is no compiler.
    """
    require("ziglang", "compiling C for a microcontroller", "mcu")
    return f"zig {_run([sys.executable, '-m', 'ziglang', 'version']).stdout.strip()}"


def _compile(
    sources: Sequence[Path],
    arguments: Sequence[str],
    unhashed_arguments: Sequence[str],
    dependencies: Sequence[Path],
    include_directories: Sequence[Path],
    cache_directory: Path,
    suffix: str,
) -> Path:
    headers = [header for directory in include_directories for header in sorted(directory.glob("*.h"))]
    key = _content_key([compiler_version(), *arguments], [*sources, *headers, *dependencies])
    target = cache_directory / f"{sources[0].stem}-{key}{suffix}"
    if target.exists():
        return target
    cache_directory.mkdir(parents=True, exist_ok=True)
    includes = [f"-I{directory}" for directory in include_directories]
    with tempfile.TemporaryDirectory(dir=cache_directory) as scratch:
        output = Path(scratch) / target.name
        command = [sys.executable, "-m", "ziglang", "cc", *arguments, *unhashed_arguments, *includes]
        result = _run([*command, *map(str, sources), "-o", str(output)])
        if result.returncode != 0:
            raise CompilerError(f"{sources[0].name} does not compile:\n{result.stderr.strip()}")
        # Renaming is atomic: another process sees the whole image or none.
        os.replace(output, target)
    return target


def _content_key(words: Sequence[str], files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    named = (part for file in files for part in (file.name.encode(), file.read_bytes()))
    for part in (*(word.encode() for word in words), *named):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:20]


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # A fixed locale, so that messages can be recognized.
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, env=environment, check=False)
    except subprocess.TimeoutExpired as error:
        raise CompilerError(f"the compiler did not finish within {_TIMEOUT_S} s") from error
