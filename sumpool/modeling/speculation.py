"""Guessing what comes next: what followed the summary's last tokens where they stood before, in the kept text or in it.

A model checks several tokens in less time than it takes to write them one by one. After Saxena, "Prompt Lookup
Decoding" (2023), and Leviathan et al., "Fast Inference from Transformers via Speculative Decoding" (ICML 2023).
Free of torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

AHEAD = 3
"""Tokens guessed at once."""
_LONGEST = 4
"""Tokens that are looked for at most; the more are the same, the better the guess, but a poor one costs little."""


class Lookup:
    """Runs of tokens in a text and in the summary that is being written, and what followed them there.

    Args:
        text: the ids of what may be copied.
    """

    def __init__(self, text: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._begin = 0
        self._after: dict[tuple[int, ...], int] = {}
        """Where a run ended when it last came."""
        for token in text:
            self.push(token)
        self._begin = len(self._tokens)

    def push(self, token: int) -> None:
        """Go on with the summary."""
        for run in self._endings():
            self._after[run] = len(self._tokens)
        self._tokens.append(token)

    def following(self) -> list[int]:
        """What came after the longest end of the summary that came before, up to `AHEAD` tokens; empty for none."""
        for run in self._endings():
            end = self._after.get(run)
            if end is not None:
                return self._tokens[end : end + AHEAD]
        return []

    def _endings(self) -> Iterator[tuple[int, ...]]:
        """The ends of what was pushed so far, the longest first."""
        held = len(self._tokens)
        for size in range(min(_LONGEST, held - self._begin), 0, -1):
            yield tuple(self._tokens[held - size :])
