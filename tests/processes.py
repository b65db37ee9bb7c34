"""What runs beside the tests: a process's children, as Linux tells them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest


def children(process: int | str = "self") -> set[int]:
    """Processes that this one, or another, started and that still run; skips the test where the system doesn't tell."""
    tasks = Path(f"/proc/{process}/task")
    if not tasks.exists():
        pytest.skip("needs /proc")
    found: set[int] = set()
    for task in tasks.iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends while we look
            found.update(int(number) for number in (task / "children").read_text().split())
    return found
