"""What pooling is compared with: ways to keep k tokens without looking at what they say."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from sumpool.modeling.blocks import Tokens
from sumpool.modeling.reading import Ranking


def from_the_start(tokens: Tokens) -> Tensor:
    """Logits [n] that fall from the first token to the last."""
    return torch.linspace(1, 0, len(tokens))


def at_random(seed: str) -> Ranking:
    """Logits [n] that are one random number for each sentence, the same for the same seed."""

    def ranking(tokens: Tokens) -> Tensor:
        chance = random.Random(seed)
        starts = torch.tensor(tokens.sentence_starts)
        return torch.tensor([chance.random() for _ in starts[1:]]).repeat_interleave(starts.diff())

    return ranking
