"""Renew the pictures in docs/highlight.md: `make screenshots`.

Needs Chromium, pdftoppm (Debian's packages chromium and poppler-utils) and Pillow, which comes with the `dev` extra.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from chromium import Chromium
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SIZE = (1200, 750)
COLORS = 128
"""Enough for text on plain grounds."""
DOTS = 80
"""Dots an inch of the printed sheet."""


def save(name: str, png: bytes) -> None:
    IMAGES.mkdir(exist_ok=True)
    file = IMAGES / f"highlight-{name}.png"
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")


def main() -> None:
    width, height = SIZE
    with tempfile.TemporaryDirectory() as directory, Chromium(width=width, height=height) as browser:
        page, sheets = Path(directory) / "report.html", Path(directory) / "report.pdf"
        command = [sys.executable, "-m", "sumpool", "highlight", "examples/report.pdf", "-o", str(page)]
        subprocess.run(command, cwd=ROOT, check=True)
        browser.open(page)
        for theme in ("light", "dark"):
            browser.theme(theme)
            browser.settle()
            save(theme, browser.screenshot())
        sheets.write_bytes(browser.pdf())
        first = ["pdftoppm", "-png", "-r", str(DOTS), "-f", "1", "-l", "1", "-singlefile", str(sheets)]
        save("print", subprocess.run(first, check=True, capture_output=True).stdout)


if __name__ == "__main__":
    main()
