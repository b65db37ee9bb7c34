"""What `sumpool evaluate` is asked for. Free of everything heavy, since the command line's help names the systems."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sumpool.errors import SumpoolError, UsageError
from sumpool.lengths import parse_length

SYSTEMS = ("sumpool", "lead", "textrank", "base", "own", "greedy", "free", "random", "leadpool", "oracle")
POOLING = frozenset({"sumpool", "own", "greedy", "free", "random", "leadpool"})
"""Those that share one model and differ in what they keep, or in how they write."""
REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Settings:
    """The options; `length` is None for the reference's own, and `systems` are in the order they are shown in."""

    data: tuple[Path, ...]
    systems: tuple[str, ...] = SYSTEMS
    count: int = 20
    length: int | None = None
    model: str | None = None
    base: str | None = None
    device: str = "auto"
    pool: int | None = None
    block: int | None = None
    seed: int = 0
    outputs: Path | None = None
    workers: int = 1
    drafts: int | None = None


def parse_systems(text: str, known: Collection[str] = SYSTEMS) -> tuple[str, ...]:
    """Names of those known with commas between them, in their order and each once; UsageError for any other."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise UsageError("systems", f"--systems {name}: no such system (use {', '.join(known)})")
    if not names:
        raise UsageError("systems", f"--systems: none named (use {', '.join(known)})")
    return tuple(name for name in known if name in names)


def parse_asked(text: str) -> int | None:
    """Words for `--length` as `summarize` takes it, None for "reference"."""
    return None if text.strip().lower() == REFERENCE else parse_length(text)


def check_packages(data: Sequence[Path], systems: Sequence[str]) -> None:
    """SumpoolError if a package is missing that evaluation needs and summarizing does not."""
    wanted = {"rouge_score": "rouge-score"}
    if "textrank" in systems:
        wanted["sumy"] = "sumy"
    if any(path.suffix == ".zst" for path in data):
        wanted["zstandard"] = "zstandard"
    missing = [name for module, name in wanted.items() if find_spec(module) is None]
    if missing:
        raise SumpoolError("install", f"evaluate needs {' and '.join(missing)} (say: pip install 'sumpool[evaluate]')")
