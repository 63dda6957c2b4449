"""Linked images: what is loaded where, what it is called, and how much flash and RAM it takes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cost_models.errors import ImageError
from cost_models.extras import require

FLASH_START = 0x0800_0000
FLASH_BYTES = 16 << 20
RAM_START = 0x2000_0000
RAM_BYTES = 8 << 20
# The memory map above is that of link.ld.


@dataclass(frozen=True)
class Segment:
    """Bytes that are in memory before the program starts."""

    address: int
    content: bytes


@dataclass(frozen=True)
class Section:
    """One output section of the linker.

    Attributes:
        in_flash: It takes room in flash: code, constants, initial values.
        in_ram: It takes room in RAM: variables, initialized or zero.
    """

    name: str
    address: int
    n_bytes: int
    in_flash: bool
    in_ram: bool


@dataclass(frozen=True)
class Symbol:
    """A function or a variable. A function's address is that of its first instruction, the Thumb bit cleared."""

    name: str
    address: int
    n_bytes: int
    is_function: bool


@dataclass(frozen=True)
class Image:
    """A linked program."""

    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    symbols: Mapping[str, Symbol]

    @classmethod
    def load(cls, path: Path) -> Image:
        """Read an ELF file.

        Raises:
            ImageError: The file is not a 32-bit little-endian ARM image or reaches outside of the memory map.
            MissingExtraError: The package that reads ELF files is not installed.
        """
        elf_file = require("elftools.elf.elffile", "reading a linked image", "mcu")
        elf_error = require("elftools.common.exceptions", "reading a linked image", "mcu").ELFError
        with path.open("rb") as stream:
            try:
                elf = elf_file.ELFFile(stream)
            except elf_error as error:
                raise ImageError(f"{path.name} is not an ELF file: {error}") from error
            if elf["e_machine"] != "EM_ARM" or elf.elfclass != 32 or not elf.little_endian:
                raise ImageError(f"{path.name} is not a program for a little-endian 32-bit ARM core")
            return cls(_segments(elf, path.name), _sections(elf), _symbols(elf))

    @property
    def flash_bytes(self) -> int:
        """Flash taken: code, constants and the initial values of variables."""
        return sum(section.n_bytes for section in self.sections if section.in_flash)

    @property
    def ram_bytes(self) -> int:
        """RAM taken by variables; the stack comes on top."""
        return sum(section.n_bytes for section in self.sections if section.in_ram)

    def symbol(self, name: str) -> Symbol:
        """Look a function or variable up.

        Raises:
            ImageError: There is none of this name.
        """
        if name not in self.symbols:
            raise ImageError(f'the image has no symbol "{name}"; it has: {", ".join(sorted(self.symbols)) or "none"}')
        return self.symbols[name]

    def function_at(self, address: int) -> str:
        """Name of the function that holds an address, or the address in hexadecimal where none does."""
        starts, functions = self._functions
        position = bisect_right(starts, address) - 1
        if position >= 0 and address < functions[position].address + max(functions[position].n_bytes, 2):
            return functions[position].name
        return f"{address:#010x}"

    @cached_property
    def _functions(self) -> tuple[list[int], list[Symbol]]:
        functions = sorted((s for s in self.symbols.values() if s.is_function), key=lambda symbol: symbol.address)
        return [function.address for function in functions], functions


def _segments(elf: Any, name: str) -> tuple[Segment, ...]:
    loaded = [segment for segment in elf.iter_segments("PT_LOAD") if segment["p_memsz"] > 0]
    for segment in loaded:
        start, end = segment["p_vaddr"], segment["p_vaddr"] + segment["p_memsz"]
        if not _is_mapped(start, end):
            raise ImageError(f"{name} wants memory from {start:#x} to {end:#x}, which the emulated device lacks")
    return tuple(Segment(segment["p_vaddr"], segment.data()) for segment in loaded)


def _is_mapped(start: int, end: int) -> bool:
    regions = ((FLASH_START, FLASH_BYTES), (RAM_START, RAM_BYTES))
    return any(low <= start and end <= low + size for low, size in regions)


def _sections(elf: Any) -> tuple[Section, ...]:
    allocated, write, no_bits = 0x2, 0x1, "SHT_NOBITS"
    return tuple(
        Section(
            section.name,
            section["sh_addr"],
            section["sh_size"],
            in_flash=section["sh_type"] != no_bits,
            in_ram=bool(section["sh_flags"] & write),
        )
        for section in elf.iter_sections()
        if section["sh_flags"] & allocated and section["sh_size"] > 0
    )


def _symbols(elf: Any) -> dict[str, Symbol]:
    table = elf.get_section_by_name(".symtab")
    if table is None:
        return {}
    kinds = {"STT_FUNC": True, "STT_OBJECT": False}
    return {
        symbol.name: Symbol(
            symbol.name,
            symbol["st_value"] & ~1 if kinds[symbol["st_info"]["type"]] else symbol["st_value"],
            symbol["st_size"],
            is_function=kinds[symbol["st_info"]["type"]],
        )
        for symbol in table.iter_symbols()
        if symbol["st_info"]["type"] in kinds and symbol["st_shndx"] != "SHN_UNDEF"
    }
