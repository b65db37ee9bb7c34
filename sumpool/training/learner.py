"""What the training loop knows of what it trains: a module that makes lessons of examples and losses of lessons."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from sumpool.training.corpus import Example


@dataclass(frozen=True, slots=True)
class Losses:
    """Means over lessons, in nats: a summary's token; a document's token as part of an oracle sentence."""

    summary: Tensor
    oracle: Tensor


class Maker(Protocol):
    """Makes lessons. It can be pickled and knows nothing of weights, so that it may work in another process."""

    def __call__(self, example: Example, *, labelled: bool) -> Any:
        """An example as `forward` takes it, with `tokens`, the document's length; labels for the oracle by need."""


class Learner(nn.Module, ABC):
    """A model in training with its tokenizer and its losses; one `forward` is what distributed training wraps.

    Attributes:
        weights: the parameters that are trained, by name; all others are frozen.
        lesson: makes an example what `forward` takes.
    """

    weights: dict[str, nn.Parameter]
    lesson: Maker

    @abstractmethod
    def forward(self, lessons: Sequence[Any], done: float = 1.0) -> Losses:
        """The losses of lessons side by side, when so much of the training is done, from 0 to 1 (and in use)."""

    @abstractmethod
    def rate_factor(self, name: str) -> float:
        """By how much a weight learns faster than the others."""

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write the checkpoint; training is over."""
