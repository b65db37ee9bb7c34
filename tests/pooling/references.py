"""The top-k operators once more, slowly, in Python floats: one row, one token at a time, as the papers tell them."""

from __future__ import annotations

import math
from collections.abc import Callable

Row = list[list[float]]
Selection = tuple[Row, list[float], list[float]]
"""Representations, scores and positions of what was kept."""


def _mix(weights: list[float], x: Row, scores: list[float]) -> tuple[list[float], float, float]:
    vector = [sum(w * row[i] for w, row in zip(weights, x, strict=True)) for i in range(len(x[0]))]
    score = sum(w * s for w, s in zip(weights, scores, strict=True))
    return vector, score, sum(w * place for place, w in enumerate(weights))


def _by_position(kept: list[tuple[list[float], float, float]]) -> Selection:
    kept = sorted(kept, key=lambda entry: entry[2])
    return [entry[0] for entry in kept], [entry[1] for entry in kept], [entry[2] for entry in kept]


def successive_halving(x: Row, scores: list[float], k: int, base: float) -> Selection:
    players: list[tuple[list[float], float, float] | None] = [
        (list(vector), score, float(place)) for place, (vector, score) in enumerate(zip(x, scores, strict=True))
    ]
    while math.log2(len(players) / k) % 1:
        players.append(None)
    while len(players) > k:
        players.sort(key=lambda player: math.inf if player is None else -player[1])
        winners: list[tuple[list[float], float, float] | None] = []
        for one, two in zip(players[: len(players) // 2], reversed(players), strict=False):
            if one is None or two is None:
                winners.append(one)
                continue
            w = 1 / (1 + math.exp(base ** two[1] - base ** one[1]))
            vector = [w * a + (1 - w) * b for a, b in zip(one[0], two[0], strict=True)]
            winners.append((vector, w * one[1] + (1 - w) * two[1], w * one[2] + (1 - w) * two[2]))
        players = winners
    return _by_position([player for player in players if player is not None])


def hard(x: Row, scores: list[float], k: int) -> Selection:
    best = sorted(range(len(x)), key=lambda index: -scores[index])[:k]
    return _by_position([(x[index], scores[index], float(index)) for index in best])


def iterative(x: Row, scores: list[float], k: int, base: float) -> Selection:
    left = set(range(len(x)))
    kept = []
    for _ in range(k):
        peaks = [math.exp(base ** scores[i] - base ** max(scores)) if i in left else 0.0 for i in range(len(x))]
        kept.append(_mix([peak / sum(peaks) for peak in peaks], x, scores))
        left.remove(max(left, key=lambda index: scores[index]))
    return _by_position(kept)


def optimal_transport(x: Row, scores: list[float], k: int, epsilon: float) -> Selection:
    n = len(x)
    masses = [1.0] * k + [float(n - k)]
    anchors = [(k - j) / k for j in range(k + 1)]
    kernel = [[math.exp(-((s - anchor) ** 2) / epsilon) for s in scores] for anchor in anchors]
    token = [1.0] * n
    for _ in range(5000):
        place = [
            mass / sum(a * b for a, b in zip(row, token, strict=True)) for mass, row in zip(masses, kernel, strict=True)
        ]
        token = [1 / sum(kernel[j][i] * place[j] for j in range(k + 1)) for i in range(n)]
    return _by_position([_mix([place[j] * kernel[j][i] * token[i] for i in range(n)], x, scores) for j in range(k)])


REFERENCES: dict[str, Callable[..., Selection]] = {
    "successive-halving": successive_halving,
    "hard": hard,
    "iterative": iterative,
    "optimal-transport": optimal_transport,
}
