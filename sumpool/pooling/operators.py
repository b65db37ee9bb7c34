"""The top-k operators by name, as configurations and command lines know them."""

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import Any

from sumpool.pooling.hard import straight_through_top_k
from sumpool.pooling.iterative import iterative_top_k
from sumpool.pooling.optimal_transport import optimal_transport_top_k
from sumpool.pooling.pooled import TopK
from sumpool.pooling.random import random_top_k
from sumpool.pooling.successive_halving import successive_halving_top_k

OPERATORS: dict[str, TopK] = {
    "successive-halving": successive_halving_top_k,
    "hard": straight_through_top_k,
    "random": random_top_k,
    "iterative": iterative_top_k,
    "optimal-transport": optimal_transport_top_k,
}


def top_k_operator(name: str, **options: Any) -> TopK:
    """The operator of that name with its parameters (`base`, `epsilon`, ...) set; ValueError if there is none such."""
    if name not in OPERATORS:
        raise ValueError(f"no top-k operator {name!r} (there are: {', '.join(OPERATORS)})")
    operator = OPERATORS[name]
    unknown = set(options) - set(signature(operator).parameters)
    if unknown:
        raise ValueError(f"{name} has no parameter {', '.join(sorted(unknown))}")
    return partial(operator, **options)
