"""How well are PDFs read, next to other extractors?

    python -m benchmarks.extraction [--texts 2] [--json FILE] [--keep DIRECTORY]

Texts of our own are typeset in twenty layouts. For each layout and extractor: the share of the text's words that come
back in their order, the share of its sentences that are broken or out of order, and the share of pages whose running
head or page number is in the text.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from benchmarks.extraction.layouts import LAYOUTS, typeset
from benchmarks.extraction.measures import Counts, count


def by_sumpool(data: bytes) -> str:
    from sumpool.documents.pdf import read_pdf

    return read_pdf(data, "benchmark.pdf", jobs=1).text


def by_pdfminer(data: bytes) -> str:
    from pdfminer.high_level import extract_text

    return extract_text(io.BytesIO(data))


def by_pypdfium2(data: bytes) -> str:
    from pypdfium2 import PdfDocument

    with PdfDocument(data) as document:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)


EXTRACTORS: dict[str, Callable[[bytes], str]] = {
    "sumpool": by_sumpool,
    "pdfminer.six": by_pdfminer,
    "pypdfium2": by_pypdfium2,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=2, help="texts a layout")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts, too")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="write the PDFs and what is read from them")
    options = parser.parse_args()
    results = {layout.name: dict.fromkeys(EXTRACTORS, Counts()) for layout in LAYOUTS}
    seconds = dict.fromkeys(EXTRACTORS, 0.0)
    for number, layout in enumerate(LAYOUTS):
        for seed in range(options.texts):
            case = typeset(layout, 100 * number + seed, sections=6, paragraphs=5)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                stem = f"{number:02}-{seed}"
                (options.keep / f"{stem}.pdf").write_bytes(case.pdf)
                truth = "\n".join([case.text.title, *case.text.sentences()])
                (options.keep / f"{stem}.truth.txt").write_text(truth, encoding="utf-8")
            for name, extract in EXTRACTORS.items():
                start = _processor_seconds()
                text = extract(case.pdf)
                seconds[name] += _processor_seconds() - start
                results[layout.name][name] += count(case, text, case.pages)
                if options.keep:
                    (options.keep / f"{stem}.{name}.txt").write_text(text, encoding="utf-8")
    print(table(results, seconds))
    if options.json:
        record = {
            "command": " ".join(["python -m benchmarks.extraction", *sys.argv[1:]]),
            "versions": {name: version(name) for name in (*EXTRACTORS, "typst")},
            "seconds": seconds,
            "layouts": {
                layout: {name: vars(counts) for name, counts in row.items()} for layout, row in results.items()
            },
        }
        options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _processor_seconds() -> float:
    """Of this process and those that have ended; what else the machine is doing does not count."""
    return sum(os.times()[:4])


def table(results: dict[str, dict[str, Counts]], seconds: dict[str, float]) -> str:
    """Three shares an extractor: words right, sentences wrong, pages with a running head or number in the text."""
    lines = ["| layout | " + " | ".join(EXTRACTORS) + " |", "|---|" + "---|" * len(EXTRACTORS)]
    total = dict.fromkeys(EXTRACTORS, Counts())
    for layout, row in results.items():
        lines.append(f"| {layout} | " + " | ".join(map(_shares, row.values())) + " |")
        total = {name: total[name] + counts for name, counts in row.items()}
    lines.append("| **all** | " + " | ".join(f"**{_shares(counts)}**" for counts in total.values()) + " |")
    every = next(iter(total.values()))
    lines += [
        "",
        f"Words right, sentences wrong, pages with noise: of {every.words:,}, {every.sentences:,}, {every.pages:,}.",
    ]
    speeds = ", ".join(f"{name} {every.pages / spent:.1f}" for name, spent in seconds.items())
    lines += [f"Pages a second of processor time: {speeds}."]
    return "\n".join(lines)


def _shares(counts: Counts) -> str:
    return f"{counts.accuracy:.2%}, {counts.disorder:.2%}, {counts.noise:.1%}"


if __name__ == "__main__":
    main()
