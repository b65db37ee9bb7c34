"""The scorer: one number for each token's representation (Pietruszka et al. 2022, section 3).

Beside the representation it sees a few features of the token's place and of its match with
what the reader asked for, since a block read on its own can't know where in the document it stands.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 12
"""Features a token has beside its representation; `place_features` and a focus match make them."""


def place_features(positions: Tensor, total: int) -> Tensor:
    """Where tokens stand: positions [n] of a document of `total` tokens -> [n, FEATURES - 1].

    Soft indicators of nearness to the beginning and to the end at several scales, and waves over the relative place.
    """
    relative = (positions.float() + 0.5) / max(total, 1)
    start, rest = positions.float(), (total - 1 - positions).float()
    near = [torch.exp(-distance / scale) for distance in (start, rest) for scale in (64.0, 256.0, 1024.0)]
    waves = [torch.cos(torch.pi * frequency * relative) for frequency in (1, 2, 3, 4)]
    size = torch.full_like(relative, max(total, 1)).log() / 10
    return torch.stack([*near, *waves, size], dim=-1)


def sentence_means(logits: Tensor, owners: Tensor, sentences: int) -> tuple[Tensor, Tensor]:
    """Token logits [m] and each token's sentence [m] -> mean logit [s] and tokens [s] of every sentence.

    A sentence without tokens has the mean 0.
    """
    counts = torch.zeros(sentences, device=logits.device).index_add_(0, owners, torch.ones_like(logits))
    sums = torch.zeros(sentences, device=logits.device).index_add(0, owners, logits)
    return sums / counts.clamp(min=1), counts


class Scorer(nn.Module):
    """A small MLP (or a linear map, hidden size 0) from representation and features to a logit.

    `sigmoid` of the logit is the score in (0, 1) that the top-k operators take. With `features` 0
    it judges by the representation alone, as the paper's does.
    """

    def __init__(self, size: int, hidden_size: int, features: int = FEATURES) -> None:
        super().__init__()
        self.size = size
        inputs = size + features
        self.hidden = nn.Linear(inputs, hidden_size) if hidden_size else None
        self.out = nn.Linear(hidden_size or inputs, 1)

    def forward(self, states: Tensor, features: Tensor | None = None) -> Tensor:
        """states [..., n, d], features [..., n, f] if it has any -> logits [..., n], in float32."""
        # Also where autocast would have it otherwise: near scores must not become equal ones.
        with torch.autocast(states.device.type, enabled=False):
            # Representations of a pretrained model differ in norm by orders of magnitude: judge their direction.
            states = F.rms_norm(states.float(), (self.size,))
            x = states if features is None else torch.cat((states, features.float()), dim=-1)
            if self.hidden is not None:
                x = F.gelu(F.linear(x, self.hidden.weight.float(), self.hidden.bias.float()))
            return F.linear(x, self.out.weight.float(), self.out.bias.float()).squeeze(-1)
