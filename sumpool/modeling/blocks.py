"""A document as token ids, cut into blocks that end where sentences end. Free of torch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from sumpool.modeling.prompts import Prompts

_BATCH = 512
_STEP = 64


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


def character_spans(
    prompts: Prompts, text: str, sentences: Sequence[tuple[int, int]], tokens: Tokens, places: Iterable[int]
) -> list[tuple[int, int]]:
    """(start, end) characters of `text` that the tokens at `places`, ascending, stand for; runs in a sentence are one.

    Offsets are not kept by `tokenize`, so that reading pays nothing for them: the sentences concerned are done again.
    """
    spans: list[tuple[int, int]] = []
    for index, owned in groupby(places, key=lambda place: bisect_right(tokens.sentence_starts, place) - 1):
        begin = sentences[index - 1][1] if index else 0
        start, end = sentences[index]
        offsets = prompts.offsets(text[begin:end])
        last = -1
        for place in owned:
            place -= tokens.sentence_starts[index]
            first, stop = (max(begin + offset, start) for offset in offsets[place])
            if last >= 0 and (place == last + 1 or first < spans[-1][1]):
                spans[-1] = (spans[-1][0], max(spans[-1][1], stop))
            elif stop > first:
                spans.append((first, stop))
            else:  # white space before the sentence
                continue
            last = place
    return spans


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


def padded(size: int) -> int:
    """A number of tokens rounded up: for every size, torch's CPU backend makes and keeps code of its own."""
    return round_up(size, _STEP)


def round_up(size: int, multiple: int) -> int:
    """The least multiple that is not below `size`."""
    return -(-size // multiple) * multiple
