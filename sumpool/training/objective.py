"""What training minimizes: the summary's cross-entropy through the pooler, and the oracle's through the scorer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from sumpool.modeling.blocks import padded
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.pooling import hard_top_k, successive_halving_top_k
from sumpool.pooling.scorer import sentence_means
from sumpool.training.learner import Losses
from sumpool.training.lessons import Lesson, LowerCache, Lowered, run_lower


class Objective(nn.Module):
    """A PyramidionLM with its losses as one module."""

    def __init__(self, model: PyramidionLM, cache: LowerCache | None = None) -> None:
        super().__init__()
        self.model = model
        self._run_lower = cache.run_lower if cache is not None else self._read

    def forward(self, lessons: Sequence[Lesson], base: float | None = None) -> Losses:
        """The losses of some lessons side by side.

        base: of the peaked softmax in Successive Halving Top-k, through which the summary's loss reaches the scorer;
            None pools by hard top-k, as inference does.
        """
        model = self.model
        sequences, oracle = [], []
        for lesson, lowered in zip(lessons, self._run_lower(lessons), strict=True):
            logits = model.scorer(lowered.document, lesson.features.to(model.device)).float()
            owners = lesson.owners.to(model.device)
            means, counts = sentence_means(logits, owners, len(lesson.labels))
            oracle.append(oracle_loss(means, lesson.labels.to(model.device), counts))
            sequences.append(self.sequence(lesson, lowered, means[owners], base))
        outputs = model.run(model.upper, _padded(pad_sequence(sequences, batch_first=True)))
        summary = []
        for row, (lesson, sequence) in enumerate(zip(lessons, sequences, strict=True)):
            predicted = outputs[row, len(sequence) - len(lesson.targets) : len(sequence)]
            logits = model.logits(_padded(predicted))[: len(lesson.targets)]
            summary.append(F.cross_entropy(logits.float(), lesson.targets.to(model.device)))
        return Losses(torch.stack(summary).mean(), torch.stack(oracle).mean())

    def sequence(self, lesson: Lesson, lowered: Lowered, scores: Tensor, base: float | None) -> Tensor:
        """What the upper layers see of a lesson [p + k + t, d], its tokens rated by `scores` [n]."""
        pooled = lowered.document
        if not lesson.whole:
            pooled = pool(pooled, scores, self.model.config.pool_size, base)
        return torch.cat((lowered.head, pooled, lowered.tail))

    def _read(self, lessons: Sequence[Lesson]) -> list[Lowered]:
        trained = next(self.model.lower.parameters()).requires_grad
        with torch.set_grad_enabled(torch.is_grad_enabled() and trained):
            return run_lower(self.model, lessons)


def _padded(x: Tensor) -> Tensor:
    """x [..., t, d] with zeros behind its t tokens, so that there are few sizes."""
    return F.pad(x, (0, 0, 0, padded(x.shape[-2]) - x.shape[-2]))


def pool(states: Tensor, logits: Tensor, k: int, base: float | None) -> Tensor:
    """States [n, d] -> [k, d] by their logits [n]: softly with a base, by hard top-k without."""
    chosen = hard_top_k(logits.detach(), k)
    if base is None:
        return states[chosen]
    # A score of 1/2 is where the decision falls: there the operator is at its softest, whatever the scorer's bias.
    edge = logits.detach()[chosen].min()
    scores = torch.sigmoid(logits - edge)
    return successive_halving_top_k(states[None], scores[None], k, base=base).representations[0]


def oracle_loss(means: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
    """Cross-entropy of the sentences' mean logits [s] against their labels [s].

    A sentence counts by its tokens [s]: these are what fills the k places.
    """
    return F.binary_cross_entropy_with_logits(means, labels, counts / counts.sum(), reduction="sum")
