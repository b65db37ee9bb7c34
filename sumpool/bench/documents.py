"""Documents of any length to measure with: paragraphs of the examples, in an order that changes with each round."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from sumpool.documents import read_document, split_sentences
from sumpool.errors import SumpoolError
from sumpool.modeling.blocks import tokenize
from sumpool.modeling.prompts import Prompts

EXAMPLES = ("handbook.txt", "minutes.md")


def make_text(prompts: Prompts, size: int) -> str:
    """The longest text of whole sentences that has at most `size` tokens; the same size gives the same text."""
    pieces: list[str] = []
    left = size
    # What a paragraph takes together with the blank line before it is a few tokens more than it takes alone.
    for paragraph in _paragraphs():
        pieces.append(paragraph)
        left -= len(prompts.plain(paragraph))
        if left < 0:
            break
    text = "\n\n".join(pieces)
    sentences = split_sentences(text)
    starts = tokenize(prompts, text, sentences).sentence_starts
    fitting = sum(end <= size for end in starts[1:])
    return text[: sentences[max(fitting, 1) - 1][1]] + "\n"


def _paragraphs() -> Iterator[str]:
    """Paragraphs without end."""
    paragraphs = []
    for name in EXAMPLES:
        document = read_document(_example(name))
        paragraphs += [document.text[p.start : p.end] for p in document.paragraphs if p.kind != "heading"]
    order = random.Random(0)
    while True:
        yield from paragraphs
        order.shuffle(paragraphs)


def _example(name: str) -> Path:
    """Beside the package in a wheel, or in the checkout."""
    package = Path(__file__).resolve().parent.parent
    for directory in (package, package.parent):
        if (directory / "examples" / name).is_file():
            return directory / "examples" / name
    raise SumpoolError("bench", f"the example {name} is missing (install sumpool again)")
