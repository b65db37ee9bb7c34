"""One suite for all top-k operators: what each must have in common, and each against a slow reference."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import REFERENCES

from sumpool.pooling import OPERATORS, Pooled, Scorer, TopK, hard_top_k, top_k_operator

GENTLE: dict[str, dict[str, Any]] = {
    "successive-halving": {"base": 6.0},
    "hard": {},
    "random": {},
    "iterative": {"base": 6.0},
    "optimal-transport": {"epsilon": 0.1, "iterations": 3000},
}
"""Options with which every operator mixes visibly."""

SHARP: dict[str, dict[str, Any]] = {
    "successive-halving": {"base": 1e12},
    "hard": {},
    "iterative": {"base": 1e12},
    "optimal-transport": {"epsilon": 2e-4, "iterations": 3000},
}
"""Options with which every operator that looks at scores is all but hard top-k."""

FIELDS = Pooled.__slots__

every_operator = pytest.mark.parametrize("name", OPERATORS)
every_scored = pytest.mark.parametrize("name", SHARP)
sizes = {"n": st.integers(1, 40), "k": st.integers(1, 12), "seed": st.integers(0, 10**6)}


def gentle(name: str) -> TopK:
    return top_k_operator(name, **GENTLE[name])


def gentle_enough(name: str) -> TopK:
    """`gentle`, without the many iterations that make small cases exact."""
    return top_k_operator(name, **{key: value for key, value in GENTLE[name].items() if key != "iterations"})


def distinct_scores(n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randperm(n, generator=generator).double() + 1) / (n + 1)


def inputs(n: int, seed: int, d: int = 3, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, n, d, generator=generator, dtype=torch.float64)
    return x, torch.stack([distinct_scores(n, seed + row) for row in range(batch)])


def assert_same(one: Pooled, two: Pooled, tolerance: float = 1e-7) -> None:
    for field in FIELDS:
        torch.testing.assert_close(getattr(one, field), getattr(two, field), atol=tolerance, rtol=tolerance)


def test_gentle_options_cover_every_operator() -> None:
    assert set(GENTLE) == set(OPERATORS)


@every_scored
@given(**sizes)
@settings(max_examples=25, deadline=None)
def test_agrees_with_the_slow_reference(name: str, n: int, k: int, seed: int) -> None:
    n, k = (min(n, 12), min(k, 4)) if name == "optimal-transport" else (n, k)
    x, scores = inputs(n, seed)
    pooled = gentle(name)(x, scores, k)
    assert pooled.mask.all()
    if n <= k:
        torch.testing.assert_close(pooled.representations, x)
        return
    options = {key: value for key, value in GENTLE[name].items() if key != "iterations"}
    expected = REFERENCES[name](x[0].tolist(), scores[0].tolist(), k, **options)
    for got, wanted in zip((pooled.representations, pooled.scores, pooled.positions), expected, strict=True):
        torch.testing.assert_close(got[0], torch.tensor(wanted, dtype=torch.float64), atol=1e-6, rtol=1e-6)


@every_scored
@given(**sizes)
@settings(max_examples=20, deadline=None)
def test_sharp_operators_are_hard_top_k(name: str, n: int, k: int, seed: int) -> None:
    n, k = (min(n, 10), min(k, 4)) if name == "optimal-transport" else (n, k)
    x, scores = inputs(n, seed)
    pooled = top_k_operator(name, **SHARP[name])(x, scores, k)
    chosen = hard_top_k(scores, k)[0]
    assert pooled.winners[0].tolist() == chosen.tolist()
    torch.testing.assert_close(pooled.positions[0], chosen.double(), atol=1e-2, rtol=0)
    torch.testing.assert_close(pooled.representations[0], x[0, chosen], atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("name", "option", "values"),
    [
        ("successive-halving", "base", (4.0, 20.0, 100.0, 1e4)),
        ("iterative", "base", (4.0, 20.0, 100.0, 1e4)),
        ("optimal-transport", "epsilon", (0.1, 0.03, 0.01, 0.001)),
    ],
)
def test_sharper_is_nearer_to_hard_top_k(name: str, option: str, values: tuple[float, ...]) -> None:
    x, scores = inputs(32, seed=3, d=8)
    wanted = x[0, scores[0].argsort(descending=True)[:4]]
    errors = []
    for value in values:
        pooled = top_k_operator(name, **{option: value})(x, scores, 4, restore_order=False)
        errors.append(float((pooled.representations[0] - wanted).norm()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.5 * errors[0]


@every_scored
@given(**sizes)
@settings(max_examples=20, deadline=None)
def test_order_of_the_input_does_not_change_what_is_pooled(name: str, n: int, k: int, seed: int) -> None:
    x, scores = inputs(n, seed)
    shuffle = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    one = gentle(name)(x, scores, k, restore_order=False)
    two = gentle(name)(x[:, shuffle], scores[:, shuffle], k, restore_order=False)
    torch.testing.assert_close(one.representations, two.representations, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(one.scores, two.scores, atol=1e-6, rtol=1e-6)


@every_scored
@given(padding=st.integers(1, 50), **sizes)
@settings(max_examples=25, deadline=None)
def test_padding_changes_nothing(name: str, n: int, k: int, padding: int, seed: int) -> None:
    x, scores = inputs(n, seed)
    alone = gentle(name)(x, scores, k)
    where = torch.cat((torch.ones(n), torch.zeros(padding))).bool()[None]
    x = torch.cat((x, torch.full((1, padding, 3), math.nan, dtype=torch.float64)), dim=1)
    scores = torch.cat((scores, torch.full((1, padding), 9.0, dtype=torch.float64)), dim=1)
    padded = gentle(name)(x, scores, k, mask=where)
    kept = alone.mask.shape[1]
    assert int(padded.mask.sum()) == kept
    assert not padded.representations[:, kept:].any()
    for field in FIELDS:
        torch.testing.assert_close(getattr(padded, field)[:, :kept], getattr(alone, field), atol=1e-6, rtol=1e-6)


@every_operator
@given(holes=st.lists(st.booleans(), min_size=1, max_size=40), k=st.integers(1, 12), seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_only_what_the_mask_allows_is_kept(name: str, holes: list[bool], k: int, seed: int) -> None:
    mask = torch.tensor([holes])
    x, scores = inputs(len(holes), seed)
    x[~mask] = 1e6
    pooled = gentle(name)(x, scores, k, mask=mask)
    assert pooled.representations.shape == (1, min(k, len(holes)), 3)
    assert int(pooled.mask.sum()) == min(k, sum(holes))
    assert pooled.mask[0].tolist() == sorted(pooled.mask[0].tolist(), reverse=True)
    assert pooled.representations.abs().max() < 10
    places = pooled.positions[pooled.mask].tolist()
    assert places == sorted(places)
    winners = pooled.winners[pooled.mask].tolist()
    assert len(set(winners)) == len(winners)
    assert all(holes[winner] for winner in winners)
    if sum(holes) <= k:
        torch.testing.assert_close(pooled.representations[pooled.mask], x[mask])


@every_scored
def test_rows_of_a_batch_do_not_mix(name: str) -> None:
    x, scores = inputs(37, seed=1, batch=3)
    mask = torch.arange(37) < torch.tensor([37, 20, 3])[:, None]
    together = gentle(name)(x, scores, 8, mask=mask)
    for row in range(3):
        part = slice(row, row + 1)
        alone = gentle(name)(x[part], scores[part], 8, mask=mask[part])
        one = Pooled(*(getattr(together, field)[part] for field in FIELDS))
        assert_same(one, alone)


@pytest.mark.parametrize("name", ["successive-halving", "iterative", "optimal-transport"])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_those_of_the_formula(name: str, masked: bool) -> None:
    x, scores = inputs(11, seed=2, batch=2)
    mask = torch.arange(11) < torch.tensor([9, 2])[:, None] if masked else None
    assert torch.autograd.gradcheck(
        lambda a, b: (lambda p: (p.representations, p.scores))(gentle(name)(a, b, 3, mask=mask)),
        (x.requires_grad_(True), scores.requires_grad_(True)),
        atol=1e-5,
    )


def test_straight_through_gradient_is_that_of_a_gate() -> None:
    x, scores = inputs(9, seed=4)
    x.requires_grad_(True), scores.requires_grad_(True)
    weights = torch.randn(1, 3, 3, dtype=torch.float64)
    (top_k_operator("hard")(x, scores, 3).representations * weights).sum().backward()
    chosen = hard_top_k(scores, 3)[0]
    expected = torch.zeros(1, 9, dtype=torch.float64)
    expected[0, chosen] = (x[0, chosen] * weights[0]).sum(dim=1).detach()
    torch.testing.assert_close(scores.grad, expected)
    assert x.grad is not None
    torch.testing.assert_close(x.grad[0, chosen], weights[0])
    assert int(x.grad.any(dim=2).sum()) == 3


def test_random_top_k_gives_every_token_its_chance() -> None:
    x = torch.arange(10.0).expand(2000, 10)[..., None]
    generator = torch.Generator().manual_seed(0)
    operator = top_k_operator("random", generator=generator)
    mask = torch.arange(10).expand(2000, 10) != 3
    kept = operator(x, torch.rand(2000, 10), 3, mask=mask).positions.long()
    counts = kept.flatten().bincount(minlength=10)
    assert counts[3] == 0
    assert all(abs(int(count) - 667) < 90 for place, count in enumerate(counts) if place != 3)
    assert all(len(set(row)) == 3 for row in kept.tolist())


@every_operator
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("level", [0.5, 300.0, -300.0])
def test_ties_and_large_scores_stay_finite_in_any_precision(name: str, dtype: torch.dtype, level: float) -> None:
    x = torch.randn(2, 100, 8).to(dtype).requires_grad_(True)
    # A gradient of 20**300 is no float16; the scorer works in float32 whatever the model does.
    scores = torch.full((2, 100), level, dtype=dtype if abs(level) < 1 else torch.float32)
    scores[1, :30] += level / 4
    scores.requires_grad_(True)
    pooled = top_k_operator(name)(x, scores, 7)
    assert pooled.representations.dtype == dtype
    assert pooled.representations.shape == (2, 7, 8)
    (pooled.representations.float().square().sum() + pooled.scores.sum()).backward()
    for tensor in (pooled.representations, scores.grad, x.grad):
        assert tensor is not None
        assert torch.isfinite(tensor).all()


@every_scored
def test_autocast_takes_no_precision_from_scores_and_places(name: str) -> None:
    x, scores = (tensor.float() for tensor in inputs(3000, seed=5))
    wanted = gentle_enough(name)(x, scores, 8)
    with torch.autocast("cpu", torch.bfloat16):
        pooled = gentle_enough(name)(x, scores, 8)
    torch.testing.assert_close(pooled.scores, wanted.scores)
    torch.testing.assert_close(pooled.positions, wanted.positions, atol=0.1, rtol=1e-4)
    scorer = Scorer(3, 4, features=0)
    logits = scorer(x)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(scorer(x), logits)


@pytest.mark.parametrize("name", ["successive-halving", "iterative", "optimal-transport"])
def test_the_loss_reaches_the_score_of_a_token_that_lost(name: str) -> None:
    x = torch.eye(8, dtype=torch.float64)[None]
    scores = torch.linspace(0.1, 0.9, 8, dtype=torch.float64)[None].requires_grad_(True)
    pooled = gentle(name)(x, scores, 2)
    (gradient,) = torch.autograd.grad(pooled.representations[..., 0].sum(), scores)
    assert gradient[0, 0] > 0


@every_operator
def test_wrong_arguments_are_refused(name: str) -> None:
    operator = top_k_operator(name)
    x, scores = torch.zeros(1, 4, 2), torch.zeros(1, 4)
    with pytest.raises(ValueError, match="k must be positive"):
        operator(x, scores, 0)
    with pytest.raises(ValueError, match="don't match"):
        operator(x, scores[:, :3], 2)
    with pytest.raises(ValueError, match="boolean"):
        operator(x, scores, 2, mask=torch.ones(1, 4))


@pytest.mark.parametrize(
    ("name", "options"),
    [("successive-halving", {"base": 1.0}), ("iterative", {"base": 0.5}), ("optimal-transport", {"epsilon": 0.0})],
)
def test_parameters_out_of_range_are_refused(name: str, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        top_k_operator(name, **options)(torch.zeros(1, 4, 2), torch.zeros(1, 4), 2)


def test_unknown_names_and_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="there are: successive-halving"):
        top_k_operator("softest")
    with pytest.raises(ValueError, match="no parameter temperature"):
        top_k_operator("hard", temperature=1)


@given(scores=st.lists(st.integers(0, 5), min_size=1, max_size=50), k=st.integers(1, 60))
def test_hard_top_k_keeps_the_first_of_equals(scores: list[int], k: int) -> None:
    order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:k]
    assert hard_top_k(torch.tensor(scores, dtype=torch.float64), k).tolist() == sorted(order)


def test_hard_top_k_refuses_a_k_of_nothing() -> None:
    with pytest.raises(ValueError, match="positive"):
        hard_top_k(torch.zeros(4), 0)
