"""Texts that go on side by side from a common trunk, in the caches of one: tree attention.

Keys and values of the trunk are held and looked at once for all branches, as in Miao et al., "SpecInfer"
(ASPLOS 2024), section 4.1. Every branch grows by a token a step; a branch may stop, and one is kept in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Step:
    """One more token for each of t branches.

    Attributes:
        depth: how far behind the trunk these tokens stand.
        visible: [t, s + t] what each sees of the s tokens that all branches hold behind the trunk, and of the t new.
    """

    depth: int
    visible: Tensor

    @property
    def held(self) -> int:
        """Tokens of all branches, before this step."""
        return self.visible.shape[1] - self.visible.shape[0]


class Branches:
    """Where the tokens of `count` branches stand behind the trunk."""

    def __init__(self, count: int) -> None:
        self._places: list[list[int]] = [[] for _ in range(count)]
        self._held = 0

    def step(self, live: Sequence[int]) -> Step:
        """The next step, in which the branches `live` grow; all of them have grown in each step so far."""
        depth = len(self._places[live[0]])
        for place, branch in enumerate(live, self._held):
            self._places[branch].append(place)
        self._held += len(live)
        visible = torch.zeros(len(live), self._held, dtype=torch.bool)
        for row, branch in enumerate(live):
            visible[row, self._places[branch]] = True
        return Step(depth, visible)

    def end(self, branch: int) -> tuple[int, list[int]]:
        """All branches' tokens behind the trunk, and the places among them of this one's: the trunk's new end."""
        return self._held, self._places[branch]
