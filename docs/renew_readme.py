"""Run the commands in README.md's `console` blocks and put what they print below them: `make readme`.

A command is a line that begins with "$ ". It runs in a scratch directory that holds a copy of examples/, with its
output on a pseudo-terminal, so that the README shows what a person sees. Progress and errors are not shown.
With an argument (`make readme ONLY=--help`), only the blocks that contain it are renewed.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 100
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def run(command: str, directory: Path) -> str:
    """What `command` prints to a terminal of COLUMNS columns; an exception if it fails."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": str(COLUMNS),
        "NO_COLOR": "1",
    }
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says EIO where others say end of file
            break
        if not chunk:
            break
        printed += chunk
    os.close(ours)
    if process.wait():
        raise SystemExit(f"{command}: exit code {process.returncode}")
    return printed.decode().replace("\r\n", "\n")


def main(only: str = "") -> None:
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        shutil.copytree(ROOT / "examples", directory / "examples")

        def renewed(block: re.Match[str]) -> str:
            if only not in block[0]:
                return block[0]
            commands = [line for line in block[0].splitlines() if line.startswith("$ ")]
            return "".join(f"{line}\n{run(line[2:], directory)}" for line in commands)

        readme.write_text(BLOCK.sub(renewed, text), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
