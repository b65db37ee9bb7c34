"""What a writer gets to read: the sentences that the pooler kept, as many as its window holds, the best first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Sentence:
    """A kept sentence.

    Attributes:
        text: as it stands in the document.
        score: of the scorer, from 0 to 1.
        paragraph: the number of the paragraph that it stands in.
    """

    text: str
    score: float
    paragraph: int


def fit(
    sentences: Sequence[Sentence], limit: int | None, encode: Callable[[Sequence[Sentence]], list[int]]
) -> list[int]:
    """The ids of the sentences if they are at most `limit`; otherwise of those of them, still in order, that fit.

    Those that the scorer likes least go. Only where not even one sentence fits, its end is cut off.

    Args:
        sentences: in document order, at least one.
        encode: the whole input with the given sentences in it.

    Raises:
        ValueError: there is no room for any.
    """
    ids = encode(sentences)
    kept = list(sentences)
    while limit is not None and len(ids) > limit:
        if len(kept) > 1:
            kept = _without_worst(kept, len(ids) - limit, encode)
        elif len(kept[0].text) > 1:
            kept = [replace(kept[0], text=_shorter(kept[0].text, limit / len(ids)))]
        else:
            raise ValueError("no room for a single sentence")
        ids = encode(kept)
    return ids


def _without_worst(
    sentences: list[Sentence], excess: int, encode: Callable[[Sequence[Sentence]], list[int]]
) -> list[Sentence]:
    """Without as many of the worst as have `excess` tokens together, but with one at least."""
    overhead = len(encode([]))
    worst = sorted(range(len(sentences)), key=lambda place: sentences[place].score)
    dropped: set[int] = set()
    for place in worst[:-1]:
        if excess <= 0:
            break
        excess -= max(len(encode([sentences[place]])) - overhead, 1)
        dropped.add(place)
    return [sentence for place, sentence in enumerate(sentences) if place not in dropped]


def _shorter(text: str, share: float) -> str:
    """The first words of a text, about that share of it or a little less; never all of it."""
    cut = text[: max(min(int(len(text) * share), len(text) - 1), 1)]
    return cut.rpartition(" ")[0] or cut
