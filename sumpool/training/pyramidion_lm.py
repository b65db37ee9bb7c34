"""Training the shipped architecture: parts of it, behind hard or soft pooling, with or without the oracle's labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from torch import nn

from sumpool.errors import UsageError
from sumpool.modeling.checkpoint import save_model
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.training.base import load_base
from sumpool.training.learner import Learner, Losses
from sumpool.training.lessons import Lesson, LowerCache, make_lesson
from sumpool.training.lora import add_low_rank, merge_low_rank
from sumpool.training.objective import Objective
from sumpool.training.settings import Part, Settings

SCORER_RATE = 10.0
"""The scorer is small and new, the rest pretrained: it learns at a multiple of the others' rate."""
SOFTEST, HARDEST = 8.0, 1_000.0
SOFT_SHARE = 0.8
"""Soft pooling grows harder, by its base, over this share of the steps; from there on it is hard, as in use."""
TRAINED: dict[Part, tuple[str, ...]] = {
    "upper": ("upper", "norm"),
    "layers": ("lower", "upper", "norm"),
    "all": ("embed_tokens", "lower", "upper", "norm"),
}
"""Modules that a part trains as they are, the scorer aside."""


class PyramidionLearner(Learner):
    """A PyramidionLM and what of it is trained; ModelError and UsageError as `load_base` and `choose_weights` say."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        model, self._prompts, self._facts = load_base(settings)
        self.weights = choose_weights(model, settings)
        model.gradient_checkpointing = settings.recompute
        self.lesson = partial(make_lesson, model.config, self._prompts, longest=settings.longest_document)
        frozen = "lower" not in TRAINED.get(settings.part, ())
        cache = LowerCache(settings.cache, model) if settings.cache and frozen else None
        self.objective = Objective(model, cache)

    def forward(self, lessons: Sequence[Lesson], done: float = 1.0) -> Losses:
        losses: Losses = self.objective(lessons, self._base(done))
        return losses

    def _base(self, done: float) -> float | None:
        """Of the peaked softmax; None where pooling is hard."""
        if self._settings.pooling == "hard" or done >= SOFT_SHARE:
            return None
        return SOFTEST * (HARDEST / SOFTEST) ** (done / SOFT_SHARE)

    def rate_factor(self, name: str) -> float:
        return SCORER_RATE if name.startswith("scorer.") else 1.0

    def save(self, directory: Path) -> None:
        model = self.objective.model
        merge_low_rank(model.upper)
        save_model(model, directory, tokenizer_json=self._prompts.tokenizer.to_str(), **self._facts)


def choose_weights(model: PyramidionLM, settings: Settings) -> dict[str, nn.Parameter]:
    """The parameters that are to be trained, by name; all others are frozen. UsageError if that teaches nothing."""
    model.requires_grad_(False)
    if settings.part == "lora":
        add_low_rank(model.upper, settings.rank)
    for module in TRAINED.get(settings.part, ()):
        model.get_submodule(module).requires_grad_(True)
    # Behind hard top-k and without labels nothing reaches the scorer.
    if settings.part == "scorer" or settings.pooling == "soft" or settings.oracle_loss:
        model.scorer.requires_grad_(True)
    if settings.part == "scorer" and settings.pooling == "hard" and not settings.oracle_loss:
        raise UsageError("train", "hard pooling alone teaches the scorer nothing (add --oracle-loss or --pooling soft)")
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
