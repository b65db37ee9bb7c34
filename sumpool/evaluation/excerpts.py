"""Systems that write nothing of their own: the document's beginning, TextRank's choice, and the oracle's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sumpool.evaluation.cases import Case
from sumpool.evaluation.metrics import words


def lead(case: Case) -> str:
    """The document's first words."""
    return excerpt(case.sentences, range(len(case.sentences)), case.words)


def oracle(case: Case) -> str:
    """The sentences that come nearest to the human summary: what no choice of sentences beats by much."""
    return excerpt(case.sentences, case.oracle, case.words)


def textrank(case: Case) -> str:
    """The most central sentences (Mihalcea and Tarau 2004), as sumy finds them."""
    from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence

    tokenizer = _Tokenizer()
    sentences = [Sentence(text, tokenizer) for text in case.sentences]
    ratings = ranker().rate_sentences(ObjectDocumentModel([Paragraph(sentences)])) if sentences else {}
    ranked = sorted(range(len(sentences)), key=lambda index: (-ratings[sentences[index]], index))
    return excerpt(case.sentences, ranked, case.words)


def excerpt(sentences: Sequence[str], ranked: Iterable[int], length: int) -> str:
    """`length` words of the sentences, the best of `ranked` (indices) in the order of the document.

    The worst of them is cut to fit. A sentence without an end, such as a heading, gets a full stop.
    """
    chosen: dict[int, str] = {}
    left = length
    for index in ranked:
        parts = sentences[index].split()
        if len(parts) > left:
            chosen[index] = " ".join(parts[:left]) + "…"
        else:
            chosen[index] = " ".join(parts) if parts[-1][-1] in ".!?:;,\"'”’)" else " ".join(parts) + "."
        left -= len(parts)
        if left <= 0:
            break
    return " ".join(chosen[index] for index in sorted(chosen))


class _Tokenizer:
    """Words for sumy, whose own tokenizer needs a download."""

    def to_words(self, sentence: str) -> tuple[str, ...]:
        return tuple(words(sentence))


@cache
def ranker() -> Any:
    """sumy's TextRank, imported when first needed."""
    from sumy.nlp.stemmers import Stemmer
    from sumy.summarizers.text_rank import TextRankSummarizer
    from sumy.utils import get_stop_words

    found = TextRankSummarizer(Stemmer("english"))
    found.stop_words = get_stop_words("english")
    return found
