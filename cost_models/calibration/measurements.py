"""Reads a user's measurements: cycles of operators, or of whole networks, as comma-separated values."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cost_models.workload import Workload
from cost_models.workload_file import LAYERS, operator_of, read_workload
from spaces import Problem, UserError, unknown

CYCLES, WORKLOAD = "cycles", "workload"
MAX_ROWS = 100_000
_UNITS = ("_ms", "_us", "_s", "ms", "us", "seconds", "milliseconds", "microseconds", "kcycles", "mcycles")


@dataclass(frozen=True)
class Measured:
    """One measurement.

    Attributes:
        place: File and line.
        name: Of what was run.
        workload: What was run.
        cycles: How long it took.
    """

    place: str
    name: str
    workload: Workload
    cycles: float


def read_measurements(path: Path) -> list[Measured]:
    """Read a file whose column `cycles` has the measurements.

    A row says what was measured in the column `workload`, the path of a workload file (relative to this file), or in
    the columns of a workload file's operator: `kind`, its shape, its bits. Empty cells are left out.

    Raises:
        UserError: With every problem found, each with its line.
    """
    header, rows = _read(path)
    problems = list(_header_problems(header))
    if problems:
        raise UserError(problems, lambda _: f"{path}:1")
    found: list[Measured] = []
    wrong: list[Problem] = []
    for line, row in rows:
        try:
            found.append(_measured(row, path, line))
        except UserError as error:
            wrong += [_placed(problem, error, path, line) for problem in error.problems]
    if wrong:
        raise UserError(wrong)
    return found


def _read(path: Path) -> tuple[Sequence[str], list[tuple[int, dict[str, str]]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restkey="")
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError as error:
        raise UserError.plain(f"{path} does not exist") from error
    except OSError as error:
        raise UserError.plain(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError.plain(f"{path} is not UTF-8 text") from error
    except csv.Error as error:
        raise UserError.plain(f"{path}: not comma-separated values: {error}") from error
    if len(rows) > MAX_ROWS:
        raise UserError.plain(f"{path} has {len(rows):,} rows", f"at most {MAX_ROWS:,}")
    return header, rows


def _header_problems(header: Sequence[str]) -> Iterator[Problem]:
    if CYCLES not in header:
        timed = next((name for name in header if name.lower().endswith(_UNITS)), None)
        hint = f'; "{timed}" times the clock in Hz gives them' if timed else ""
        yield Problem((), "column cycles is missing", f"clock cycles of each row{hint}")
    known = [CYCLES, WORKLOAD, *_layer_keys()]
    for name in dict.fromkeys(header):
        if name not in known and not (CYCLES not in header and name.lower().endswith(_UNITS)):
            yield unknown((), "column", name, known)
        if header.count(name) > 1:
            yield Problem((), f'column "{name}" stands here twice')
    if "kind" not in header and WORKLOAD not in header:
        yield Problem((), "neither workload nor kind is there", "what was measured: docs/targets.md")


def _measured(row: Mapping[str, str], path: Path, line: int) -> Measured:
    if "" in row:
        raise UserError.plain("the row has more cells than the header")
    cells = {name: cell.strip() for name, cell in row.items() if cell is not None and cell.strip()}
    cycles = _cycles(cells.pop(CYCLES, ""))
    place = f"{path}:{line}"
    if WORKLOAD in cells:
        network = path.parent / cells.pop(WORKLOAD)
        if cells:
            raise UserError.plain(f"beside a workload, the row has {', '.join(cells)}", "one or the other")
        return Measured(place, network.stem, read_workload(network), cycles)
    operator = operator_of({name: _value(cell) for name, cell in cells.items()})
    return Measured(place, operator.name, Workload([operator]), cycles)


def _cycles(text: str) -> float:
    try:
        cycles = float(text)
    except ValueError as error:
        raise UserError([Problem((CYCLES,), f'"{text}" is no number', "clock cycles")]) from error
    if not 0 < cycles < float("inf"):
        raise UserError([Problem((CYCLES,), f"{text} is not possible", "clock cycles above 0")])
    return cycles


def _value(cell: str) -> Any:
    """Cells are read as values of a workload file: `3`, `same`, `[10, 4]`."""
    try:
        return yaml.safe_load(cell)
    except (yaml.YAMLError, ValueError):
        return cell


def _placed(problem: Problem, error: UserError, path: Path, line: int) -> Problem:
    inner = f"{error.where(problem.path)}  " if error.where else ""
    subject = f"{problem.dotted()}: " if problem.path else ""
    return Problem((), f"{path}:{line}  {inner}{subject}{problem.message}", problem.allowed, problem.suggestion)


def _layer_keys() -> list[str]:
    return list(dict.fromkeys(key for layer in LAYERS.values() for key in layer.model_fields if key != "reads"))
