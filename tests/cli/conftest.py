"""Running the command line in this process (fast) or as a process of its own (for pipes, signals and terminals)."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sumpool.cli import main

_STORY = (
    "The harbour of Ferrybank was dredged in 1911. It has silted up since, and only small boats call there now. "
    "The council asked for a report. Its author measured the depth at forty places and found less than a metre at "
    "most of them. Dredging would cost more than the harbour earns. The council decided to wait.\n\n"
    "The fishermen did not agree. They said that the harbour earns little because it is shallow. "
    "A meeting was called for the spring.\n"
)


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def sumpool(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """`sumpool("summarize", "a.txt", stdin=b"")`: run in this process."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as exit:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(int(exit.value.code or 0), out, err)

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def command(root: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """`command("summarize", "a.txt", cwd=...)`: start a process of its own, by default with pipes at all ends."""

    def start(*arguments: str | Path, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        for stream in ("stdin", "stdout", "stderr"):
            options.setdefault(stream, subprocess.PIPE)
        return subprocess.Popen(
            [sys.executable, "-m", "sumpool", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(root), **(env or {})},
            **options,
        )

    return start


@pytest.fixture
def summarize(sumpool: Callable[..., Result], small_model: Path, one_thread: None) -> Callable[..., Result]:
    """`sumpool summarize` with the small model."""
    return lambda *arguments, **options: sumpool(
        "summarize", "--model", small_model, "--length", "20", *arguments, **options
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def story(here: Path) -> Path:
    """story.txt in the current directory."""
    file = here / "story.txt"
    file.write_text(_STORY, encoding="utf-8")
    return file


@pytest.fixture
def tree(story: Path) -> Path:
    """The current directory, with the story thrice in docs/ and nowhere else."""
    for name in ("docs/a.txt", "docs/a.md", "docs/sub/b.txt"):
        (story.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (story.parent / name).write_text(_STORY, encoding="utf-8")
    story.unlink()
    return story.parent
