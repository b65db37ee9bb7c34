"""Guessing what comes next: what followed the summary's last tokens before, in it or in the kept text, or elsewhere.

A model checks several tokens in less time than it takes to write them one by one. After Saxena, "Prompt Lookup
Decoding" (2023), and Leviathan et al., "Fast Inference from Transformers via Speculative Decoding" (ICML 2023).
Free of torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sumpool.modeling.ngrams import Following

AHEAD = 5
"""Tokens guessed at once, at most."""
_RIGHT = (0.25, 0.35, 0.4, 0.6)
"""The share of guesses that are right behind a run of one, two, three and four tokens that came before."""
_WORTH = 0.08
"""A guess that is right less often, all before it included, takes longer to check than it saves."""


class Lookup:
    """Runs of tokens in a text and in the summary that is being written, and what followed them there.

    Args:
        text: the ids of what may be copied.
        ngrams: what follows elsewhere, for runs that came in neither.
    """

    def __init__(self, text: Sequence[int], ngrams: Following) -> None:
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
        self._last = [*self._last, token][-len(_RIGHT) :]

    def following(self, most: int = AHEAD) -> list[int]:
        """Tokens that are worth a guess, each what came after the longest end of all before it that came before."""
        guessed: list[int] = []
        last, right = self._last, 1.0
        while len(guessed) < most:
            token, share = next(self._found(last), (0, 0.0))
            right *= share
            if right < _WORTH:
                break
            guessed.append(token)
            last = [*last, token][-len(_RIGHT) :]
        return guessed

    def _found(self, last: Sequence[int]) -> Iterator[tuple[int, float]]:
        """What came after an end of `last`, and how often such a guess is right; the longest end's first."""
        for run in _endings(last):
            token = self._after.get(run, self._ngrams.get(run))
            if token is not None:
                yield token, _RIGHT[len(run) - 1]


def _endings(tokens: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The longest first."""
    return (tuple(tokens[start:]) for start in range(len(tokens)))
