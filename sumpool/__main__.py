"""The program: `sumpool`, or `python -m sumpool`."""

from __future__ import annotations

from typing import NoReturn

from sumpool.interrupts import ending_at_once


def main() -> NoReturn:
    """Run the command line. Ctrl-C is quiet even while it is being imported."""
    with ending_at_once(lambda: None):
        from sumpool.cli import main as run
    run()


if __name__ == "__main__":
    main()
