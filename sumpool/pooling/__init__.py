"""Scoring and pooling token representations. Knows tensors only: nothing of documents or tokenizers."""

from sumpool.pooling.hard import hard_top_k
from sumpool.pooling.scorer import Scorer
from sumpool.pooling.successive_halving import successive_halving_top_k

__all__ = ["Scorer", "hard_top_k", "successive_halving_top_k"]
