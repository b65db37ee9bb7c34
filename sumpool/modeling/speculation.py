"""Guessing what the summary copies: where its last tokens stand in the kept text, what follows them there comes next.

A model checks several tokens in less time than it takes to write them one by one. After Saxena, "Prompt Lookup
Decoding" (2023), and Leviathan et al., "Fast Inference from Transformers via Speculative Decoding" (ICML 2023).
Free of torch.
"""

from __future__ import annotations

from collections.abc import Sequence

AHEAD = 3
"""Tokens guessed at once."""
_LONGEST, _SHORTEST = 4, 3
"""Tokens that must be the same before a guess is made: after fewer, most guesses are wrong."""


class Lookup:
    """The places of a text's runs of tokens."""

    def __init__(self, text: Sequence[int]) -> None:
        self._text = list(text)
        self._after = {
            tuple(self._text[end - size : end]): end
            for size in range(_SHORTEST, _LONGEST + 1)
            for end in range(size, len(self._text))
        }

    def following(self, written: Sequence[int]) -> list[int]:
        """What the text goes on with where it last has the end of `written`; empty where it hasn't."""
        for size in range(_LONGEST, _SHORTEST - 1, -1):
            end = self._after.get(tuple(written[-size:]))
            if end is not None:
                return self._text[end : end + AHEAD]
        return []
