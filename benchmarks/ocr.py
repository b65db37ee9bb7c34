"""How much of a scanned page does OCR read right?

    python benchmarks/ocr.py

Three pages are set from the handbook in examples/ and turned into pictures, one of them as a bad scanner would. Word
accuracy is the share of a page's words that are read letter by letter, in their order.
"""

from __future__ import annotations

import io
import random
import time
from difflib import SequenceMatcher
from pathlib import Path

import typst
from PIL import Image, ImageChops, ImageFilter

from sumpool.documents import read_document

HANDBOOK = Path(__file__).resolve().parent.parent / "examples" / "handbook.txt"

PAGES = (
    # what it is, size in points, columns, dots per inch, whether it is scanned badly
    ("one column, 11 pt, 300 dpi", 11, 1, 300, False),
    ("two columns, 9 pt, 300 dpi", 9, 2, 300, False),
    ("two columns, 10 pt, 120 dpi, tilted by 0.7°, blurred, grey and grainy", 10, 2, 120, True),
)


def typeset(paragraphs: list[str], size: int, columns: int, dpi: int) -> list[bytes]:
    """The pages, as PNG files."""
    style = (
        f'#set page(paper: "a4", columns: {columns}, numbering: "1")\n'
        f'#set text(font: "Libertinus Serif", size: {size}pt, lang: "en", hyphenate: true)\n#set par(justify: true)\n'
    )
    text = "\n\n".join("".join(f"\\{c}" if c in "\\#$*_`<>@~=-+/[]'\"" else c for c in part) for part in paragraphs)
    pages = typst.compile((style + text).encode(), format="png", ppi=dpi, ignore_system_fonts=True)
    return pages if isinstance(pages, list) else [pages]


def scanned_badly(image: Image.Image, seed: int = 1) -> Image.Image:
    tilted = image.rotate(0.7, resample=Image.Resampling.BICUBIC, fillcolor=255).filter(ImageFilter.GaussianBlur(0.6))
    grey = tilted.point([40 + value * 180 // 255 for value in range(256)])
    grain = Image.frombytes("L", grey.size, random.Random(seed).randbytes(grey.width * grey.height))
    return ImageChops.add(grey, grain.point([value // 8 for value in range(256)]), offset=-16)


def words(text: str) -> list[str]:
    return text.replace("’", "'").replace("“", '"').replace("”", '"').split()


def main() -> None:
    document = read_document(HANDBOOK)
    prose = [document.text[p.start : p.end] for p in document.paragraphs if p.kind == "body"][3:]
    print("| Page | Words | Word accuracy | Seconds |\n| --- | --- | --- | --- |")
    for shown, size, columns, dpi, badly in PAGES:
        count = max(n for n in range(1, 20) if len(typeset(prose[:n], size, columns, dpi=20)) == 1)
        image = Image.open(io.BytesIO(typeset(prose[:count], size, columns, dpi)[0])).convert("L")
        scan = io.BytesIO()
        (scanned_badly(image) if badly else image).save(scan, "PDF", resolution=dpi)
        start = time.perf_counter()
        read = words(read_document("scan.pdf", scan.getvalue()).text)
        seconds = time.perf_counter() - start
        truth = words(" ".join(prose[:count]))
        blocks = SequenceMatcher(None, truth, read, autojunk=False).get_matching_blocks()
        right = sum(block.size for block in blocks)
        print(f"| {shown} | {len(truth)} | {100 * right / len(truth):.1f}% | {seconds:.1f} |")


if __name__ == "__main__":
    main()
