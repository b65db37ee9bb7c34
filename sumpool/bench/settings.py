"""What `sumpool bench` is asked for. Free of everything heavy, since the command line's help names the systems."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sumpool.errors import SumpoolError, UsageError
from sumpool.outputs import check_file

OURS = "sumpool"
SYSTEMS = (OURS, "own", "greedy", "full", "truncated", "chunks", "llamacpp-q8", "llamacpp-q4")
SIZES = "4k,8k,16k,64k,256k"
THOUSAND = 1_000
SMALLEST, LARGEST = 200, 2_000_000
_SIZE = re.compile(r"(\d{1,7})(k?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options; systems and sizes are in the order they are shown in.

    Attributes:
        sizes: tokens of each document.
        words: of the summary.
        repeat: runs that medians are taken over.
        limit: seconds that one run may take.
    """

    sizes: tuple[int, ...]
    systems: tuple[str, ...] = SYSTEMS
    words: int = 120
    repeat: int = 3
    limit: float = 300.0
    model: str | None = None
    device: str = "auto"


def parse_sizes(text: str) -> tuple[int, ...]:
    """Numbers of tokens with commas between them, "8k" for 8,000, each once and ascending; UsageError for any other."""
    sizes = set()
    for name in filter(None, (name.strip() for name in text.split(","))):
        found = _SIZE.fullmatch(name)
        size = int(found[1]) * (THOUSAND if found[2] else 1) if found else 0
        if not SMALLEST <= size <= LARGEST:
            reason = f"not a number of tokens from {SMALLEST:,} to {LARGEST:,}"
            raise UsageError("sizes", f"--sizes {name}: {reason} (say for example: --sizes {SIZES})")
        sizes.add(size)
    if not sizes:
        raise UsageError("sizes", f"--sizes: none named (say for example: --sizes {SIZES})")
    return tuple(sorted(sizes))


def shown_size(size: int) -> str:
    """A number of tokens as `parse_sizes` takes it."""
    return f"{size // THOUSAND}k" if size % THOUSAND == 0 else str(size)


def check_plot(path: Path) -> None:
    """Before anything is measured, UsageError or SumpoolError where no plot can be drawn to `path`."""
    if find_spec("matplotlib") is None:
        raise SumpoolError("install", "--plot needs matplotlib (say: pip install 'sumpool[bench]')")
    if path.suffix.lower() != ".png" or path.is_dir():
        raise UsageError("plot", f"--plot {path}: not a PNG file's name (say for example: --plot speed.png)")
    check_file(path, [])
