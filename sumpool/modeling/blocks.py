"""A document as token ids, cut into blocks that end where sentences end. Free of torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sumpool.modeling.prompts import Prompts

_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of a document; its s sentences begin at `sentence_starts` [s + 1], whose last entry is the end."""

    ids: list[int]
    sentence_starts: list[int]

    def __len__(self) -> int:
        return len(self.ids)

    def sentence_spans(self) -> Iterator[tuple[int, int]]:
        """(first, end) token indices of each sentence."""
        return zip(self.sentence_starts, self.sentence_starts[1:], strict=False)


def tokenize(prompts: Prompts, text: str, sentences: Sequence[tuple[int, int]]) -> Tokens:
    """The ids of `text`, sentence by sentence; the white space before a sentence belongs to it.

    sentences: (start, end) character offsets in order, covering all but white space.
    """
    ids: list[int] = []
    starts = [0]
    begins = [0, *(end for _, end in sentences[:-1])]
    for first in range(0, len(sentences), _BATCH):
        pieces = [
            text[begin:end]
            for begin, (_, end) in zip(begins[first : first + _BATCH], sentences[first : first + _BATCH], strict=True)
        ]
        for piece in prompts.plain_batch(pieces):
            ids += piece
            starts.append(len(ids))
    return Tokens(ids, starts)


def cut_blocks(tokens: Tokens, size: int) -> list[tuple[int, int]]:
    """(first, end) of consecutive blocks of at most `size` tokens, of whole sentences where these fit."""
    blocks: list[tuple[int, int]] = []
    first = end = 0
    for start, stop in tokens.sentence_spans():
        if stop - first > size and end > first:
            blocks.append((first, end))
            first = start
        while stop - first > size:
            blocks.append((first, first + size))
            first += size
        end = stop
    if end > first:
        blocks.append((first, end))
    return blocks
