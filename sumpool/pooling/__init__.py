"""Scoring and pooling token representations. Knows tensors only: nothing of documents or tokenizers."""

from sumpool.pooling.hard import hard_top_k, straight_through_top_k
from sumpool.pooling.iterative import iterative_top_k
from sumpool.pooling.operators import OPERATORS, top_k_operator
from sumpool.pooling.optimal_transport import optimal_transport_top_k
from sumpool.pooling.pooled import Pooled, TopK
from sumpool.pooling.random import random_top_k
from sumpool.pooling.scorer import Scorer
from sumpool.pooling.successive_halving import successive_halving_top_k

__all__ = [
    "OPERATORS",
    "Pooled",
    "Scorer",
    "TopK",
    "hard_top_k",
    "iterative_top_k",
    "optimal_transport_top_k",
    "random_top_k",
    "straight_through_top_k",
    "successive_halving_top_k",
    "top_k_operator",
]
