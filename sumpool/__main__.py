"""The program: `sumpool`, or `python -m sumpool`."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import NoReturn

from sumpool.interrupts import ending_at_once
from sumpool.waiting import wait_briefly_where_busy

INTERRUPTED = (130, 143)
"""By Ctrl-C, and by SIGTERM."""


def main() -> NoReturn:
    """Run the command line. Ctrl-C is quiet even while it is being imported."""
    wait_briefly_where_busy()
    with ending_at_once(lambda: None):
        from sumpool.cli import main as run
    try:
        run()
    except SystemExit as end:
        code = int(end.code or 0)
    if code not in INTERRUPTED:
        atexit._run_exitfuncs()
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End now: Python would first take torch apart, which takes it a second that nobody need wait for."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
