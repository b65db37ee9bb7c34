"""Grounding: a number or a name may only be written if the document has it. Free of torch.

A word is checked as it grows. What it may grow into are the document's own words, so a name is never
misspelt halfway and a number never gets a digit too many.
"""

from __future__ import annotations

import re

_EDGES = "\"'“”‘’()[]{}<>.,;:!?*_…—–"
_PARTS = re.compile(r"[-/–—+=()]")
_SUFFIX = re.compile(r"(?:['’]s|['’]|s)$")


class Grounding:
    """The numbers and capitalized words of a text, whole and in their parts ("SmolLM2-135M" has "135M")."""

    def __init__(self, text: str) -> None:
        self._words: set[str] = set()
        for word in set(text.split()):
            for piece in (word, *_PARTS.split(word)):
                bare = piece.strip(_EDGES)
                if _checked(bare):
                    self._words.add(bare)
        self._prefixes = {word[:end] for word in self._words for end in range(1, len(word) + 1)}

    def allows(self, word: str, more: str, *, opens_sentence: bool) -> bool:
        """Whether `more`, a token's text, may follow `word`, what stands of the word being written.

        opens_sentence: the word is a sentence's first, where a capital says nothing.
        """
        continues = bool(more) and not more[0].isspace()
        if continues and more.strip(_EDGES):
            return self._may_grow(word + more, opens_sentence)
        # A space or punctuation: the word is over as it stands, and another may begin.
        over = continues and more[0] in ".," and word[-1:].isdigit()
        if not over and not self._is_whole(word, opens_sentence):
            return False
        return not more.strip() or continues or self._may_grow(more, False)

    def _may_grow(self, word: str, opens_sentence: bool) -> bool:
        bare = word.strip().lstrip(_EDGES)
        if not _checked(bare) or (opens_sentence and not bare[0].isdigit()):
            return True
        bare = bare.rstrip(_EDGES)
        return bare in self._prefixes or self._is_whole(bare, False)

    def _is_whole(self, word: str, opens_sentence: bool) -> bool:
        bare = word.strip().strip(_EDGES)
        if not _checked(bare) or (opens_sentence and not bare[0].isdigit()):
            return True
        if bare in self._words or _SUFFIX.sub("", bare) in self._words:
            return True
        parts = [part.strip(_EDGES) for part in _PARTS.split(bare)]
        return len(parts) > 1 and all(not _checked(part) or part in self._words for part in parts)


def _checked(word: str) -> bool:
    """Whether a word must be the document's: it begins with a capital, or holds a digit."""
    return word[:1].isupper() or any(character.isdigit() for character in word)
