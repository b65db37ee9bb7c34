"""Texts that go on side by side from a common trunk, in the caches of one: tree attention.

Keys and values of the trunk are held and looked at once for all branches, as in Miao et al., "SpecInfer"
(ASPLOS 2024), section 4.1. Every branch grows by a token a step; a branch may stop, and one is kept in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sumpool.modeling.blocks import round_up


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


@dataclass(frozen=True, slots=True)
class Front:
    """The next t tokens of each of some rows. Nothing in it depends on how much the rows hold before them.

    Attributes:
        held: [rows] tokens behind the trunk, the part of a row that all of its next tokens see.
        depths: [rows, t] how far behind the trunk each of them stands.
        visible: [rows, t, w] which of the w tokens behind the trunk, those that are held and then the new ones, each
            sees; w may be more than there are.
    """

    held: Tensor
    depths: Tensor
    visible: Tensor

    @classmethod
    def next(cls, rows: int, tokens: int, steps: Sequence[Step] | None) -> Front:
        """`of` the steps if there are any, else `behind`."""
        return cls.behind(rows, tokens) if steps is None else cls.of(steps, tokens)

    @classmethod
    def behind(cls, rows: int, tokens: int) -> Front:
        """Tokens that follow one another, right behind what each row holds."""
        depths = torch.arange(tokens).expand(rows, -1)
        return cls(
            torch.zeros(rows, dtype=torch.long), depths, torch.ones(tokens, tokens).tril().bool().expand(rows, -1, -1)
        )

    @classmethod
    def of(cls, steps: Sequence[Step], tokens: int, multiple: int = 1) -> Front:
        """One step for each row, which may have fewer than `tokens` new ones; w is a multiple of `multiple`."""
        width = max(step.visible.shape[1] for step in steps)
        visible = torch.zeros(len(steps), tokens, round_up(max(width, 1), multiple), dtype=torch.bool)
        for row, step in enumerate(steps):
            own, seen = step.visible.shape
            visible[row, :own, :seen] = step.visible
        depths = torch.tensor([step.depth for step in steps])[:, None].expand(-1, tokens)
        return cls(torch.tensor([step.held for step in steps]), depths, visible)

    def positions(self, lengths: Tensor) -> Tensor:
        """Where the tokens stand in rows that hold `lengths` [rows] others, [rows, t]."""
        return (lengths - self.held)[:, None] + self.depths

    def repeated(self, times: int) -> Front:
        """The same for so many times as many rows."""
        return Front(self.held.repeat(times), self.depths.repeat(times, 1), self.visible.repeat(times, 1, 1))

    def to(self, device: torch.device) -> Front:
        return Front(self.held.to(device), self.depths.to(device), self.visible.to(device))


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
