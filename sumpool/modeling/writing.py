"""Writing: the summary as one more block, decoded token by token behind the pooled representations.

Two caches: the lower layers hold the summary's own block only, the upper layers the kept
representations and the summary. What a token costs depends on k, not on the document.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from sumpool.modeling.grounding import Grounding
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import Reading
from sumpool.modeling.rules import SummaryRules, Vocabulary

TOKENS_A_WORD = 4
"""Room for a summary: what no natural text needs."""


def write(
    model: PyramidionLM,
    prompts: Prompts,
    vocabulary: Vocabulary,
    reading: Reading,
    *,
    words: int,
    grounding: Grounding | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """A summary of about `words` words of what was read, decoded greedily under `SummaryRules`."""
    room = words * TOKENS_A_WORD
    answer = torch.tensor(prompts.answer, device=model.device)
    lower = model.new_cache(model.lower, len(reading.context) + len(answer) + room)
    upper = model.new_cache(model.upper, len(reading.states) + len(answer) + room)
    block = model.read(torch.cat((reading.context, answer))[None], lower)[0]
    states = torch.cat((reading.states, block[len(reading.context) :]))
    hidden = model.run(model.upper, states[None], upper)[0, -1]
    rules = SummaryRules(vocabulary, words, model.device, grounding)
    while True:
        logits = rules.apply(model.logits(hidden).float())
        if rules.done:
            break
        token = int(logits.argmax())
        rules.push(token)
        if rules.done or len(rules.tokens) >= room:
            break
        if progress is not None:
            progress(rules.words, words)
        state = model.read(torch.tensor([[token]], device=model.device), lower)
        hidden = model.run(model.upper, state, upper)[0, -1]
    return prompts.decode(rules.result()).strip()
