"""Successive Halving Top-k against a plain loop in float64, and what must hold for any input."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sumpool.pooling import hard_top_k, successive_halving_top_k


def reference(
    representations: list[list[float]], scores: list[float], k: int, base: float
) -> tuple[list[list[float]], list[float]]:
    """The tournament as the paper tells it, one pair at a time, in Python floats."""
    d = len(representations[0])
    players = [
        (score, list(vector), float(place))
        for place, (vector, score) in enumerate(zip(representations, scores, strict=True))
    ]
    while len(players) % k or math.log2(len(players) / k) % 1:
        players.append((0.0, [0.0] * d, 0.0))
    if len(players) < k:
        players = players[: len(scores)]
    while len(players) > k:
        players.sort(key=lambda player: -player[0])
        winners = []
        for index in range(len(players) // 2):
            (s1, v1, p1), (s2, v2, p2) = players[index], players[len(players) - 1 - index]
            w = 1.0 if s2 <= 0 else 1 / (1 + math.exp(base**s2 - base**s1))
            winners.append(
                (
                    w * s1 + (1 - w) * s2,
                    [w * a + (1 - w) * b for a, b in zip(v1, v2, strict=True)],
                    w * p1 + (1 - w) * p2,
                )
            )
        players = winners
    players.sort(key=lambda player: player[2])
    return [vector for _, vector, _ in players], [score for score, _, _ in players]


def distinct_scores(n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(n, generator=generator).double()
    return (order + 1) / (n + 1)


@given(
    n=st.integers(1, 70),
    k=st.integers(1, 40),
    d=st.integers(1, 5),
    base=st.floats(1.5, 60.0),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=120, deadline=None)
def test_agrees_with_the_plain_tournament(n: int, k: int, d: int, base: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, n, d, generator=generator, dtype=torch.float64)
    scores = distinct_scores(n, seed)
    pooled, rates, _ = successive_halving_top_k(x, scores[None], k, base=base)
    if n <= k:
        torch.testing.assert_close(pooled, x)
        return
    expected, expected_rates = reference(x[0].tolist(), scores.tolist(), k, base)
    torch.testing.assert_close(pooled[0], torch.tensor(expected, dtype=torch.float64), atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(rates[0], torch.tensor(expected_rates, dtype=torch.float64), atol=1e-9, rtol=1e-9)


@given(n=st.integers(2, 64), k=st.integers(1, 32), seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_large_base_gives_hard_top_k(n: int, k: int, seed: int) -> None:
    scores = distinct_scores(n, seed)
    x = torch.arange(n, dtype=torch.float64)[None, :, None]
    pooled, _, _ = successive_halving_top_k(x, scores[None], k, base=1e12)
    assert pooled[0, :, 0].tolist() == pytest.approx(hard_top_k(scores, k).tolist(), abs=1e-2)


@given(n=st.integers(2, 40), k=st.integers(1, 16), seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_order_of_the_input_does_not_change_what_is_pooled(n: int, k: int, seed: int) -> None:
    assume(k < n)  # otherwise nothing is pooled, and all comes back as it stands
    generator = torch.Generator().manual_seed(seed)
    x, scores = torch.randn(1, n, 3, generator=generator, dtype=torch.float64), distinct_scores(n, seed)[None]
    shuffle = torch.randperm(n, generator=generator)
    one, rates, _ = successive_halving_top_k(x, scores, k, restore_order=False)
    two, shuffled_rates, _ = successive_halving_top_k(x[:, shuffle], scores[:, shuffle], k, restore_order=False)
    torch.testing.assert_close(one, two)
    torch.testing.assert_close(rates, shuffled_rates)


@given(n=st.integers(1, 40), k=st.integers(1, 16), padding=st.integers(1, 40), seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_padding_with_score_zero_never_dilutes_a_token(n: int, k: int, padding: int, seed: int) -> None:
    """With a large base the winners are the true ones however much padding there is: none of it gets in."""
    scores = distinct_scores(n, seed)
    x = torch.arange(1, n + 1, dtype=torch.float64)[None, :, None]
    padded = torch.cat((x, torch.full((1, padding, 1), -99.0, dtype=torch.float64)), dim=1)
    zeros = torch.zeros(1, padding, dtype=torch.float64)
    pooled, rates, _ = successive_halving_top_k(padded, torch.cat((scores[None], zeros), dim=1), k, base=1e12)
    real = pooled[rates > 0]
    assert real.flatten().sort().values.tolist() == pytest.approx(
        [index + 1 for index in hard_top_k(scores, k).tolist()], abs=1e-2
    )


def test_batch_rows_do_not_mix() -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, 37, 4, generator=generator)
    scores = torch.rand(3, 37, generator=generator)
    together, _, _ = successive_halving_top_k(x, scores, 8)
    for row in range(3):
        alone, _, _ = successive_halving_top_k(x[row : row + 1], scores[row : row + 1], 8)
        torch.testing.assert_close(together[row : row + 1], alone)


def test_gradients_are_those_of_the_formula() -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 11, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    scores = torch.rand(2, 11, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: successive_halving_top_k(a, b, 3, base=5.0)[:2], (x, scores))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_half_precision_and_ties_stay_finite(dtype: torch.dtype) -> None:
    x = torch.randn(1, 100, 8).to(dtype).requires_grad_(True)
    scores = torch.full((1, 100), 0.5, dtype=dtype, requires_grad=True)
    pooled, rates, _ = successive_halving_top_k(x, scores, 7, base=1000.0)
    assert pooled.dtype == dtype
    assert pooled.shape == (1, 7, 8)
    (pooled.float().square().sum() + rates.sum()).backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert torch.isfinite(pooled).all()


def test_the_loss_reaches_the_score_of_a_token_that_lost() -> None:
    x = torch.eye(8, dtype=torch.float64)[None]
    scores = torch.linspace(0.1, 0.9, 8, dtype=torch.float64)[None].requires_grad_(True)
    pooled, _, _ = successive_halving_top_k(x, scores, 2, base=3.0)
    (gradient,) = torch.autograd.grad(pooled[..., 0].sum(), scores)
    assert gradient[0, 0] > 0


def test_wrong_arguments_are_refused() -> None:
    x, scores = torch.zeros(1, 4, 2), torch.zeros(1, 4)
    with pytest.raises(ValueError, match="k must be positive"):
        successive_halving_top_k(x, scores, 0)
    with pytest.raises(ValueError, match="don't match"):
        successive_halving_top_k(x, scores[:, :3], 2)
    with pytest.raises(ValueError, match="positive"):
        hard_top_k(scores, 0)


@given(scores=st.lists(st.integers(0, 5), min_size=1, max_size=50), k=st.integers(1, 60))
def test_hard_top_k_keeps_the_first_of_equals(scores: list[int], k: int) -> None:
    order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:k]
    assert hard_top_k(torch.tensor(scores, dtype=torch.float64), k).tolist() == sorted(order)
