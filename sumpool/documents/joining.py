"""Lines back into paragraphs: spaces and hyphens as they were before somebody broke the lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_HYPHENATED = re.compile(r"([^\W\d_][^\W\d_'’]*)[-\u2010]$")
_FIRST = re.compile(r"[^\W\d_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60\u3001-\u303f]")
_KEEPS_AFTER = frozenset({
    "aware", "based", "bound", "class", "decoder", "dependent", "dimensional", "driven", "encoder", "free",
    "grained", "known", "level", "like", "of", "off", "oriented", "pass", "related", "scale", "shot", "specific",
    "state", "step", "term", "the", "trained", "tuned", "up", "wide", "wise", "world",
})  # fmt: skip
"""Second halves that stand after a hyphen far more often than inside of a word."""
_KEEPS_BEFORE = frozenset({
    "all", "cross", "half", "high", "large", "long", "low", "multi", "near", "non", "quasi", "self", "semi",
    "short", "single", "two", "well",
})  # fmt: skip

_OPENS_WORDS = frozenset({
    "after", "back", "down", "every", "fore", "hand", "here", "like", "main", "more", "never", "other", "over",
    "some", "them", "there", "through", "time", "under", "what", "when", "where", "with", "work", "your",
})  # fmt: skip
"""First halves of many words written as one."""


class Vocabulary:
    """How often a document uses its words, with and without hyphens, where no line break is near."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._counts: Counter[str] = Counter()
        broken = False
        for line in lines:
            words = _WORD.findall(line.lower())
            first = 1 if broken else 0  # the second half of what the line before broke off
            broken = line.rstrip().endswith(("-", "\u2010", "\u00ad"))
            for word in words[first : len(words) - broken]:
                self._counts[word] += 1
                if "-" in word:
                    self._counts.update(word.split("-"))

    def keeps_hyphen(self, left: str, right: str) -> bool:
        """Whether `left-` at a line's end and `right` on the next are two words with a hyphen, not one word cut."""
        a, b = left.lower(), right.lower()
        whole, pair = self._counts[a + b], self._counts[f"{a}-{b}"]
        if whole or pair:
            return pair > whole
        if b in _KEEPS_AFTER and len(a) > 3 and self._counts[a]:
            return True
        if a in _KEEPS_BEFORE and self._counts[b]:
            return True
        # Both halves are words of their own here, and long enough that this is no accident.
        return a not in _OPENS_WORDS and len(a) > 3 and len(b) > 3 and self._counts[a] > 0 and self._counts[b] > 1

    def is_word(self, left: str, right: str) -> bool:
        """Whether the document writes the two as one word elsewhere, and not with a hyphen."""
        a, b = left.lower(), right.lower()
        return self._counts[a + b] > self._counts[f"{a}-{b}"]


def join(lines: Sequence[str], words: Vocabulary) -> str:
    """One paragraph's lines as running text."""
    return join_marked(lines, words)[0]


def join_marked(lines: Sequence[str], words: Vocabulary) -> tuple[str, list[int]]:
    """(the running text, the offset in it where each line begins)."""
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    last = ""
    for line in lines:
        line = line.strip()
        if last and line:
            last, glue = _glue(last, line, words)
            length += len(last) + len(glue)
            parts += (last, glue)
            last = ""
        elif last:
            starts.append(length + len(last))
            continue
        starts.append(length)
        last = line
    parts.append(last)
    return "".join(parts), starts


def _glue(before: str, after: str, words: Vocabulary) -> tuple[str, str]:
    """(the line before, without a hyphen that only the line break needed; what stands between the two)."""
    if before.endswith("\u00ad"):
        return before[:-1], ""
    broken = _HYPHENATED.search(before)
    first = _FIRST.match(after)
    if broken and first:
        left, right = broken[1], first[0]
        capitals = left.isupper() and right.isupper() and len(right) > 1
        cut_word = right[0].islower() or capitals or words.is_word(left, right)
        compound = before[: broken.start()].endswith("-") or (after[first.end() :].startswith("-") and len(right) < 4)
        compound = compound and not words.is_word(left, right)  # "high-resolu-" and "tion"
        if right in ("and", "or", "to", "und", "oder", "et"):
            return before, " "  # "pre- and post-processing"
        if cut_word and not compound and not words.keeps_hyphen(left, right):
            return before[: broken.end() - 1], ""
        return before, ""
    if before.endswith(("-", "\u2010", "–", "—")) and not before.endswith((" -", " –", " —")) and len(before) > 1:
        return before, ""
    if before.endswith(("/", "_")) and "://" in before.rsplit(None, 1)[-1]:
        return before, ""
    if _CJK.match(before[-1]) and _CJK.match(after):
        return before, ""
    return before, " "
