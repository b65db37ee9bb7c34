"""A shortlist of scores leads to what all of them lead to."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sumpool.modeling import scores as module
from sumpool.modeling.drafts import Draft
from sumpool.modeling.grounding import Grounding
from sumpool.modeling.rules import SummaryRules, Vocabulary
from sumpool.modeling.scores import Scores, places, shortlist, split

DOCUMENT = "Ships came to the old harbour of Brunn in 1979, and 42 boats left it."


def test_the_likeliest_are_listed_and_those_that_may_be_raised() -> None:
    values = torch.randn(2, 3, 2000, generator=torch.Generator().manual_seed(1))
    always = torch.tensor([7, 1500])
    for row, (all_of_it, listed) in enumerate(
        zip(split(values, None), split(values, shortlist(values, always)), strict=True)
    ):
        for column, (dense, few) in enumerate(zip(all_of_it, listed, strict=True)):
            assert torch.equal(dense.values, values[row, column])
            assert few.tokens is not None
            assert few.tokens.tolist() == sorted(set(few.tokens.tolist()) | {7, 1500})
            assert torch.equal(few.values, values[row, column, few.tokens])
            left = values[row, column].clone()
            left[few.tokens] = -torch.inf
            assert left.max() <= few.rest <= few.values.topk(module.LISTED).values[-1]
            assert torch.equal(few.complete().values, dense.values)
            assert few.token(3) == few.tokens[3]


def test_places_of_what_is_left_out_are_none() -> None:
    tokens = torch.tensor([2, 5, 9])
    assert places(torch.tensor([9, 0, 5, 11]), tokens).tolist() == [2, 1]
    assert places(torch.tensor([9, 0]), None).tolist() == [9, 0]


@given(seed=st.integers(0, 10_000), listed=st.sampled_from([1, 8, 64, 512]), peak=st.floats(1.0, 8.0))
@settings(max_examples=40, deadline=None)
def test_drafts_choose_the_same_from_a_shortlist(vocabulary: Vocabulary, seed: int, listed: int, peak: float) -> None:
    """However short it is, greedy or drawn, with and without a document to be held to."""
    generator = torch.Generator().manual_seed(seed)
    grounding = Grounding(DOCUMENT, vocabulary.ordinary) if seed % 2 else None
    drafts = [
        Draft(SummaryRules(vocabulary, 8, torch.device("cpu"), grounding), Scores(torch.zeros(0))) for _ in range(2)
    ]
    randoms = [torch.Generator().manual_seed(seed) if seed % 3 else None for _ in drafts]
    before = module.LISTED
    module.LISTED = listed
    try:
        going = True
        while going:
            values = peak * torch.randn(1, 1, 49152, generator=generator)
            # Full stops and the end are seldom the likeliest of so many.
            values[..., vocabulary.raised] += 3 * peak
            [[drafts[0].scores]] = split(values, None)
            [[drafts[1].scores]] = split(values, shortlist(values, vocabulary.raised))
            going, other = (draft.choose(random) for draft, random in zip(drafts, randoms, strict=True))
            assert going == other
            assert drafts[0].rules.tokens == drafts[1].rules.tokens
    finally:
        module.LISTED = before
    assert drafts[0].rules.result() == drafts[1].rules.result()
