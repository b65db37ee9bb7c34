"""Scores of the tokens that may come next: of all of them, or of the likeliest.

A GPU hands over the likeliest few hundred of each row. All of them are hundred times as many, and the rules of
writing, which run on the CPU, would take longer than the model. Where a rule leaves none of the few, it looks at all:
what is chosen is the same either way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LISTED = 512
"""Tokens that are handed over of a row."""

Shortlist = tuple[Tensor, Tensor, Tensor]
"""Values [..., n] and tokens [..., n] as in `Scores`, and `rest` [...]."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one row, on the CPU.

    Attributes:
        values: [n], in nats.
        tokens: [n] whose scores these are, ascending; None where they are all of the vocabulary.
        rest: no token that is left out has a higher score.
        all: fetches the scores of the whole vocabulary, where tokens are left out.
    """

    values: Tensor
    tokens: Tensor | None = None
    rest: float = -math.inf
    all: Callable[[], Tensor] | None = None

    def complete(self) -> Scores:
        """The same with no token left out."""
        return self if self.all is None else Scores(self.all())

    def token(self, place: int) -> int:
        """The token whose score stands there."""
        return token_at(place, self.tokens)


def shortlist(scores: Tensor, always: Tensor) -> Shortlist:
    """Of scores [..., v] the `LISTED` highest, and those of the tokens `always` [a], which rules may yet raise."""
    count = min(LISTED + len(always), scores.shape[-1])
    raised, tokens = scores.index_fill(-1, always, torch.inf).topk(count)
    tokens = tokens.sort(-1).values
    return scores.gather(-1, tokens), tokens, raised[..., -1]


def split(scores: Tensor, listed: Shortlist | None) -> list[list[Scores]]:
    """Scores [documents, t, v] row by row; the whole ones stay where they are, if there is a shortlist of them."""
    if listed is None:
        return [[Scores(row) for row in rows] for rows in scores.cpu()]
    values, tokens, rest = (part.cpu() for part in listed)
    # A copy for each document, since a sentence's last scores are looked at when those of others have long passed.
    copies = [rows.clone() for rows in scores]
    return [
        [
            Scores(values[index, row], tokens[index, row], float(rest[index, row]), _fetch(copies[index], row))
            for row in range(scores.shape[1])
        ]
        for index in range(scores.shape[0])
    ]


def places(ids: Tensor, tokens: Tensor | None) -> Tensor:
    """Where the scores of `ids` [m] stand; those that are left out stand nowhere."""
    if tokens is None:
        return ids
    found = torch.searchsorted(tokens, ids).clamp_(max=len(tokens) - 1)
    return found[tokens[found] == ids]


def token_at(place: int, tokens: Tensor | None) -> int:
    """The inverse of `places`: the token whose score stands there."""
    return place if tokens is None else int(tokens[place])


def _fetch(rows: Tensor, row: int) -> Callable[[], Tensor]:
    return lambda: rows[row].cpu()
