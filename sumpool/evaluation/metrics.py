"""What is measured of a summary, one number a document each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sumpool.documents import split_sentences
from sumpool.evaluation.bootstrap import Statistic
from sumpool.evaluation.cases import Case
from sumpool.evaluation.facts import Facts

Form = Literal["points", "percent", "ratio", "seconds"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A measurement's name in JSON, its label in the table, how documents are summed up, how a value is shown."""

    name: str
    label: str
    form: Form
    statistic: Statistic = "mean"


METRICS = (
    Metric("rouge1", "ROUGE-1", "points"),
    Metric("rouge2", "ROUGE-2", "points"),
    Metric("rougeLsum", "ROUGE-Lsum", "points"),
    Metric("oracle_recall", "oracle recall", "percent"),
    Metric("grounded", "grounded", "percent"),
    Metric("length", "length, of asked", "ratio", "median"),
    Metric("near_length", "within 25% of asked", "percent"),
    Metric("full_stop", "ends on a sentence", "percent"),
    Metric("repeats", "3 words twice", "percent"),
    Metric("loops", "goes in circles", "percent"),
    Metric("novelty", "new bigrams", "percent"),
    Metric("seconds", "seconds", "seconds"),
)


def measure(case: Case, text: str, facts: Facts) -> dict[str, float | None]:
    """Every metric that the text alone decides; shares and yes-or-no from 0 to 1, ROUGE from 0 to 100."""
    ratio = len(text.split()) / case.words
    return {
        **rouge(text, case.reference),
        "grounded": float(not facts.unsupported(text)),
        "length": ratio,
        "near_length": float(0.75 <= ratio <= 1.25),
        "full_stop": float(ends_on_sentence(text)),
        "repeats": float(repeats(text)),
        "loops": float(loops(text)),
        "novelty": novelty(text, case.document.text),
    }


def rouge(text: str, reference: str) -> dict[str, float]:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-Lsum with stemming, from 0 to 100."""
    # Lsum takes lines for sentences.
    scores = rouge_scorer().score(_lines(reference), _lines(text))
    return {name: 100 * float(score.fmeasure) for name, score in scores.items()}


def oracle_recall(kept: Collection[int], sentence_starts: Sequence[int], oracle: Sequence[int]) -> float | None:
    """The share of the oracle sentences' tokens that are kept; None where the oracle finds no sentence.

    kept: token indices; sentence_starts: [s + 1], as in `Tokens`; oracle: sentence indices.
    """
    wanted = {token for index in oracle for token in range(sentence_starts[index], sentence_starts[index + 1])}
    return len(wanted.intersection(kept)) / len(wanted) if wanted else None


def ends_on_sentence(text: str) -> bool:
    """Whether the last character but closing quotes and brackets ends a sentence."""
    return text.rstrip().rstrip("\"'”’)]")[-1:] in (".", "!", "?")


def repeats(text: str) -> bool:
    """Whether three words in a row stand in the text twice, whatever their case and the punctuation around them."""
    threes = _grams(words(text), 3)
    return len(threes) != len(set(threes))


def loops(text: str) -> bool:
    """Whether the text goes round in circles.

    It does where words, one or more, are written three times over without a break, or a sign is; where a word comes
    back at every second, third or fourth place, six times on end; where two sentences of four words and more share
    three quarters of their words.
    """
    pieces = text.split()
    if any(one == two == three for one, two, three in zip(pieces, pieces[1:], pieces[2:], strict=False)):
        return True
    written = words(text)
    for size in range(1, len(written) // 3 + 1):
        same = 0  # how many words in a row are what they were `size` words before
        for index in range(size, len(written)):
            same = same + 1 if written[index] == written[index - size] else 0
            if same == 2 * size:
                return True
    for gap in (2, 3, 4):
        if any(len(set(written[start : start + 5 * gap + 1 : gap])) == 1 for start in range(len(written) - 5 * gap)):
            return True
    bags = [Counter(words(text[start:end])) for start, end in split_sentences(text)]
    bags = [bag for bag in bags if bag.total() >= 4]
    return any(
        (one & two).total() >= 0.75 * (one | two).total() for index, one in enumerate(bags) for two in bags[:index]
    )


def novelty(text: str, document: str) -> float | None:
    """The share of the text's pairs of neighbouring words that the document lacks; None for a text of one word."""
    pairs = _grams(words(text), 2)
    known = set(_grams(words(document), 2))
    return sum(pair not in known for pair in pairs) / len(pairs) if pairs else None


def words(text: str) -> list[str]:
    """In lower case, without the punctuation around them; what has neither letters nor digits is no word."""
    stripped = (re.sub(r"^[\W_]+|[\W_]+$", "", word) for word in text.lower().split())
    return [word for word in stripped if word]


def _grams(sequence: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(sequence[index : index + size]) for index in range(len(sequence) - size + 1)]


def _lines(text: str) -> str:
    return "\n".join(text[start:end] for start, end in split_sentences(text))


@cache
def rouge_scorer() -> Any:
    """rouge-score's, imported when first needed."""
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rouge2", "rougeLsum"], use_stemmer=True)
