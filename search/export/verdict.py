"""What a verification found, as a table and as an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from search.errors import SearchError


class VerificationError(SearchError):
    """What was exported is not what was promised."""


def check_verification(verification: Mapping[str, Any]) -> None:
    """End in failure if something differs.

    Args:
        verification: As `verification.json` holds it.

    Raises:
        VerificationError: It does; the message says what.
    """
    if verification["differences"]:
        raise VerificationError("verification failed:\n    " + "\n    ".join(verification["differences"]))


def print_verification(verification: Mapping[str, Any], console: Console) -> None:
    """What was measured beside what was predicted."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(f"{verification['core']}, {verification['compiler']}, {verification['flags']}")
    for heading in ("measured", "predicted", "error"):
        table.add_column(heading, justify="right")
    for figure in verification["figures"]:
        values = (f"{figure['measured']:,.0f}", f"{figure['predicted']:,.0f}", f"{figure['error']:+.2%}")
        table.add_row(escape(figure["name"]), *values)
    table.add_row("bytes of stack", f"{verification['stack_bytes']:,}", "", "")
    console.print()
    console.print(table)
    exact, n = verification["n_exact"], verification["n_vectors"]
    evaluators = " and ".join(verification["checked_with"])
    console.print(f"\noutputs: {exact} of {n} test vectors to the bit as by {evaluators}", markup=False)
    console.print(f"this machine: {verification['host']['message']}", markup=False)
