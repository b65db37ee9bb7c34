"""How the command behaves as a process: pipes that close, signals, full disks, terminals."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sumpool import __version__

Command = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def long_story(story: Path) -> Path:
    """Long enough that reading it is not over at once."""
    file = story.parent / "long.txt"
    file.write_text(story.read_text(encoding="utf-8") * 4000, encoding="utf-8")
    return file


def read_all(terminal: int) -> str:
    """What was written to the other end of a pseudo-terminal, until that is closed."""
    data = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux says EIO where others say end of file
            break
        if not chunk:
            break
        data += chunk
    os.close(terminal)
    return data.decode()


def on_terminal(command: Command, *arguments: str | Path, only: str | None = None, **options: Any) -> str:
    """What a terminal gets; `only` "stdout" or "stderr" connects just that one."""
    ours, theirs = pty.openpty()
    streams = {name: theirs if only in (None, name) else subprocess.PIPE for name in ("stdout", "stderr")}
    process = command(*arguments, **streams, stdin=subprocess.DEVNULL, **options)
    os.close(theirs)
    text = read_all(ours)
    process.communicate()
    assert process.returncode == 0
    return text


def test_closed_pipe_ends_quietly(command: Command, story: Path) -> None:
    story.write_text("word " * 200_000, encoding="utf-8")
    with command("extract", "story.txt") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(10) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("extract", "story.txt"), ("models",), ("--version",), ("summarize", "--help")])
def test_full_disk_is_one_line(command: Command, story: Path, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        process = command(*arguments, stdout=full)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert re.match(r"sumpool: (standard output: )?No space left on device \(make room", errors.decode())
    assert errors.count(b"\n") == 1


def test_the_end_comes_at_once_but_what_waits_for_it_is_done(root: Path) -> None:
    """Python doesn't take itself apart, which would call `__del__`; functions that were registered are called."""
    script = (
        "import atexit, sys\n"
        "class Kept:\n"
        "    def __del__(self): print('taken apart')\n"
        "kept = Kept()\n"
        "atexit.register(print, 'registered')\n"
        "sys.argv = ['sumpool', '--version']\n"
        "from sumpool.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"sumpool {__version__}", "registered"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("moment", [0.3, 1.5, 4.0], ids=["starting", "loading", "working"])
def test_signals_end_it_quickly_and_quietly(
    command: Command, small_model: Path, long_story: Path, number: signal.Signals, code: int, moment: float
) -> None:
    process = command("summarize", "--model", small_model, "long.txt", "-o", "out/", "--block", "32")
    time.sleep(moment)
    assert process.poll() is None
    process.send_signal(number)
    began = time.monotonic()
    output, errors = process.communicate()
    assert (process.returncode, output, errors) == (code, b"", b"")
    assert time.monotonic() - began < 10  # two seconds, on a machine that has nothing else to do
    assert not [name for name in os.listdir("out") if name] if Path("out").exists() else True


def test_progress_and_times_on_a_terminal_only(command: Command, small_model: Path, story: Path) -> None:
    arguments = ("summarize", "--model", small_model, "--length", "20", "story.txt")
    seen = on_terminal(command, *arguments, only="stderr", env={"TERM": "xterm"})
    for stage in ("loading the model", "tokens", "words"):
        assert stage in seen
    last = seen.rstrip().rpartition("\n")[2]
    assert last.partition("story.txt: ")[2].startswith("80 words read, ")
    assert last.endswith(", cpu") or last.endswith(", cuda") or last.endswith(", mps")
    assert on_terminal(command, *arguments, "--quiet", only="stderr", env={"TERM": "xterm"}) == ""


def test_result_on_a_terminal_is_wrapped_and_respects_no_color(
    command: Command, small_model: Path, story: Path
) -> None:
    arguments = ("summarize", "--model", small_model, "--length", "40", "--sources", "story.txt")
    plain = on_terminal(command, *arguments, only="stdout", env={"NO_COLOR": "1", "COLUMNS": "50"})
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 50
    assert "Sources:" in plain
    styled = on_terminal(command, *arguments, only="stdout", env={"NO_COLOR": "", "COLUMNS": "50"})
    assert "\x1b[1mSources:\x1b[0m" in styled


def test_dumb_terminal_sees_no_escapes(command: Command, small_model: Path, story: Path) -> None:
    arguments = ("summarize", "--model", small_model, "--length", "20", "story.txt")
    assert "\x1b" not in on_terminal(command, *arguments, env={"TERM": "dumb"})


def test_nothing_named_at_a_terminal(command: Command, story: Path) -> None:
    ours, theirs = pty.openpty()
    process = command("summarize", stdin=theirs)
    output, errors = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, output) == (2, b"")
    assert errors.startswith(b"sumpool: no document was named (")


def test_extract_keeps_escapes_from_terminals_only(command: Command, story: Path) -> None:
    story.write_text("Before \x1b]0;owned\x07 after.", encoding="utf-8")
    assert "\x1b]" not in on_terminal(command, "extract", "story.txt", only="stdout")


def test_pipes_carry_utf8_whatever_the_locale(command: Command, story: Path) -> None:
    story.write_text("Größe – 日本語 – “so it is”.", encoding="utf-8")
    process = command("extract", "story.txt", env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    output, _ = process.communicate()
    assert "Größe – 日本語" in output.decode("utf-8")


def test_runs_as_a_module_from_anywhere(command: Command, here: Path) -> None:
    output, _ = command("--version", cwd="/").communicate()
    assert output.startswith(b"sumpool ")
