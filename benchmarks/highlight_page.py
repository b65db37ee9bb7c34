"""The highlight page of a long document in Chromium: its size, and how long it takes to open, scroll, jump and print.

`python benchmarks/highlight_page.py [--pages N]`. The document is made up: pages of 30 sentences of 17 words, 12
sentences in a paragraph, a fiftieth of them kept. Each row is one way to lay it out: as it is, or with
`content-visibility: auto` for each page, with which browsers leave out what is far from the window.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from pypdf import PdfReader

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from chromium import Chromium  # noqa: E402

from sumpool import Highlight  # noqa: E402
from sumpool.documents import Document, Paragraph, Sentence  # noqa: E402
from sumpool.rendering import highlight as rendering  # noqa: E402
from sumpool.rendering import highlight_page  # noqa: E402
from sumpool.summary import Passage, Seconds, Statement, Summary  # noqa: E402

SENTENCES, PARAGRAPH, WORDS = 30, 12, 17
OPENINGS = 5
STEP = 700
"""Pixels that a frame of the scrolling goes."""

AUTO = "main section { content-visibility: auto; contain-intrinsic-size: auto 60rem; }"
FRAMES = """new Promise(done => {
  const frames = []; let last = performance.now(); let at = -1;
  const step = now => {
    frames.push(now - last); last = now;
    if (scrollY === at || frames.length > 4000) { done(frames); return; }
    at = scrollY; scrollBy(0, STEP); requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})""".replace("STEP", str(STEP))


def make(pages: int, seed: int = 0) -> Highlight:
    """A document of `pages` pages with scores and a summary, all by chance."""
    chance = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgk"
    vocabulary = ["".join(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(5000)]
    text, paragraphs, sentences = "", [], []
    for number in range(1, pages + 1):
        for first in range(0, SENTENCES, PARAGRAPH):
            text += "\n\n" if text else ""
            begin = len(text)
            for place in range(first, min(first + PARAGRAPH, SENTENCES)):
                text += " " if place > first else ""
                words = " ".join(chance.choices(vocabulary, k=WORDS)).capitalize() + "."
                sentences.append(Sentence(len(text), len(text) + len(words), number))
                text += words
            paragraphs.append(Paragraph(begin, len(text), "body", number))
    document = Document("made-up.pdf", text, tuple(paragraphs), tuple(sentences), "A Made-up Document", pages)
    chosen = sorted(chance.sample(range(len(sentences)), len(sentences) // 50))
    kept = tuple((sentences[index].start, sentences[index].end) for index in chosen)
    passages = tuple(
        Passage(text[s.start : s.end], s.start, s.end, 0.1, s.page)
        for s in (sentences[chosen[0]], sentences[chosen[-1]])
    )
    statements = (Statement("A statement.", (0, 1)), Statement("Another one.", (1,)))
    tokens = len(text) // 4
    summary = Summary(
        document.source, document.title, "A statement. Another one.", statements, passages, pages, document.words,
        tokens, "none", "cpu", Seconds(0, 0, 0),
    )  # fmt: skip
    return Highlight(document, summary, tuple(chance.random() for _ in sentences), kept, tokens // 50)


def timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measure(browser: Chromium, file: Path) -> dict[str, float]:
    """Seconds, but for `off` (pixels), `announced` and `sheets` (counts)."""
    # The best of them: the question is what it takes, not what else the machine is doing.
    opening = min(timed(lambda: browser.open(file)) for _ in range(OPENINGS))
    frames = sorted(browser.evaluate(FRAMES)[1:])
    browser.evaluate("scrollTo(0, 0)")
    browser.settle()

    def jump() -> None:
        browser.evaluate("document.querySelectorAll('aside li > a[href^=\"#sentence\"]')[1].click()")
        browser.settle()

    jumping = timed(jump)
    top = browser.evaluate("document.querySelector(location.hash).getBoundingClientRect().top")
    read = browser.call("Accessibility.getFullAXTree")["nodes"]
    headings = sum(n.get("role", {}).get("value") == "heading" and "Page " in n["name"]["value"] for n in read)
    printed: list[bytes] = []
    printing = timed(lambda: printed.append(browser.pdf()))
    return {
        "open": opening,
        "frame": frames[len(frames) // 2] / 1000,
        "slowest": frames[-1] / 1000,
        "jump": jumping,
        "off": abs(top),
        "announced": headings,
        "print": printing,
        "sheets": len(PdfReader(BytesIO(printed[0])).pages),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=300)
    pages = parser.parse_args().pages
    highlight = make(pages)
    began = time.perf_counter()
    plain = highlight_page(highlight)
    print(
        f"{pages} pages, {highlight.document.words:,} words, {len(highlight.scores):,} sentences: "
        f"{len(plain.encode()) / 1e6:.2f} MB, {len(highlight.document.text.encode()) / 1e6:.2f} MB of it text, "
        f"made in {time.perf_counter() - began:.2f} s\n"
    )
    columns = (
        "opening s", "median frame ms", "slowest frame ms", "jump s", "target off by px",
        "page headings read aloud", "printing s", "sheets",
    )  # fmt: skip
    print(f"| | {' | '.join(columns)} |\n| --- |" + " ---: |" * len(columns))
    style = rendering._STYLE
    for label, added in (("plain", ""), ("content-visibility", AUTO)):
        rendering._STYLE = style + f"@media screen {{ {added} }}"
        with tempfile.TemporaryDirectory() as directory, Chromium() as browser:
            file = Path(directory) / "page.html"
            file.write_text(highlight_page(highlight), encoding="utf-8")
            row = measure(browser, file)
        print(
            f"| {label} | {row['open']:.2f} | {row['frame'] * 1000:.0f} "
            f"| {row['slowest'] * 1000:.0f} | {row['jump']:.2f} | {row['off']:.0f} "
            f"| {row['announced']:.0f} of {pages} | {row['print']:.1f} | {row['sheets']:.0f} |"
        )


if __name__ == "__main__":
    main()
