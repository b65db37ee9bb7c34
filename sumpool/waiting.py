"""How the threads of torch's products wait for each other; to be settled before torch is imported."""

from __future__ import annotations

import os

_TURNS = 1000
"""Of a loop, about 50 microseconds: most pauses between two products are shorter."""


def wait_briefly_where_busy() -> None:
    """Let GNU OpenMP's threads go to sleep early while other processes keep the cores busy, unless the user decides.

    By itself a thread waits for milliseconds in a loop for the others. On a machine that is otherwise idle that is the
    fastest way. Where others want the core, it keeps it from the very thread that it waits for: a summary then takes
    several times as long.
    """
    if "OMP_WAIT_POLICY" in os.environ or not hasattr(os, "getloadavg"):
        return
    if os.getloadavg()[0] > (os.cpu_count() or 1) / 2:
        os.environ.setdefault("GOMP_SPINCOUNT", str(_TURNS))
