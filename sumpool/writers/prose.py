"""From what a model wrote to a summary: one paragraph of plain prose, of whole sentences, near the asked length."""

from __future__ import annotations

import re
from itertools import accumulate

from sumpool.documents import split_sentences

_THOUGHT = re.compile(r".*</think>|<think>.*", re.DOTALL)
_LINE_BREAK = re.compile(r"\n|<n>")
"""Pegasus has a token of its own for line breaks."""
_MARK = re.compile(r"(?:[-*•]|#{1,6}|\d{1,2}[.)])\s+")
_STRONG = re.compile(r"(\*\*|__)(.+?)\1")
_END = re.compile(r"[.!?…][\"'”’)\]]*\Z")


def plain(text: str) -> str:
    """`text` in one line, without thoughts, Markdown, and an announcement ("Here is the summary:")."""
    lines = [line.strip() for line in _LINE_BREAK.split(_THOUGHT.sub("", text))]
    lines = [line for line in lines if line]
    if len(lines) > 1 and lines[0].endswith(":"):
        del lines[0]
    unmarked = (_STRONG.sub(r"\2", _MARK.sub("", line, count=1) if _MARK.match(line) else line) for line in lines)
    return " ".join(" ".join(unmarked).split())


def near_length(text: str, words: int, *, ended: bool) -> str:
    """The first sentences of `text`, as many as come nearest to `words` words together; one said twice counts once.

    A text that is one sentence without end is cut off after twice as many words, with an ellipsis.

    ended: the writer was done. Otherwise what stands behind the last whole sentence goes, if there is a whole one.
    """
    sentences = list(dict.fromkeys(text[start:end] for start, end in split_sentences(text)))
    while not ended and len(sentences) > 1 and not _END.search(sentences[-1]):
        sentences.pop()
    counts = accumulate(len(sentence.split()) for sentence in sentences)
    nearest = min(enumerate(counts, 1), key=lambda count: abs(count[1] - words), default=(0, 0))[0]
    written = " ".join(sentences[:nearest]).split()
    return " ".join(written) if len(written) <= 2 * words else " ".join(written[: 2 * words]) + " …"
