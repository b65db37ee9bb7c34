"""Guessing what comes next: what followed the summary's last tokens before, in it or in the kept text, or elsewhere.

A model checks several tokens in less time than it takes to write them one by one. After Saxena, "Prompt Lookup
Decoding" (2023), and Leviathan et al., "Fast Inference from Transformers via Speculative Decoding" (ICML 2023).
Free of torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from sumpool.modeling.ngrams import Following

AHEAD = 3
"""Tokens guessed at once."""
_LONGEST = 4
"""Tokens that are looked for at most; the more are the same, the better the guess, but a poor one costs little."""


class Lookup:
    """Runs of tokens in a text and in the summary that is being written, and what followed them there.

    Args:
        text: the ids of what may be copied.
        ngrams: what follows elsewhere, for runs that came in neither.
    """

    def __init__(self, text: Sequence[int], ngrams: Following = MappingProxyType({})) -> None:
        self._ngrams = ngrams
        self._after: dict[tuple[int, ...], int] = {}
        """What followed a run when it last came."""
        self._last: list[int] = []
        for token in text:
            self.push(token)
        self._last = []

    def push(self, token: int) -> None:
        """Go on with the summary."""
        for run in _endings(self._last):
            self._after[run] = token
        self._last = [*self._last, token][-_LONGEST:]

    def following(self) -> list[int]:
        """Up to `AHEAD` tokens, each what came after the longest end of all before it that came before."""
        guessed: list[int] = []
        last = self._last
        while len(guessed) < AHEAD:
            found = (self._after.get(run, self._ngrams.get(run)) for run in _endings(last))
            token = next((token for token in found if token is not None), None)
            if token is None:
                break
            guessed.append(token)
            last = [*last, token][-_LONGEST:]
        return guessed


def _endings(tokens: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The longest first."""
    return (tuple(tokens[start:]) for start in range(len(tokens)))
