"""How the threads of torch's products wait for each other; to be settled before torch is imported."""

from __future__ import annotations

import os
from pathlib import Path

LOAD = Path("/proc/loadavg")
_TURNS = 1000
"""Of a loop, about 50 microseconds: most pauses between two products are shorter."""


def wait_briefly_where_busy() -> None:
    """Let GNU OpenMP's threads go to sleep early while other processes keep the cores busy, unless the user decides.

    By itself a thread waits for milliseconds in a loop for the others. On a machine that is otherwise idle that is the
    fastest way. Where others want the core, it keeps it from the very thread that it waits for: a summary then takes
    several times as long.
    """
    if "OMP_WAIT_POLICY" not in os.environ and _is_busy():
        os.environ.setdefault("GOMP_SPINCOUNT", str(_TURNS))


def _is_busy() -> bool:
    """Whether others took half of the cores for the last minute and do now. False where Linux doesn't tell."""
    try:
        load, _, _, processes, _ = LOAD.read_text().split()
        running = int(processes.partition("/")[0]) - 1  # without this one
        return min(float(load), running) >= (os.cpu_count() or 1) / 2
    except (OSError, ValueError):
        return False
