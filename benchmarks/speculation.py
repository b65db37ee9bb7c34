"""How much faster is a single draft written when what comes next is guessed, and is the text the same?

    python benchmarks/speculation.py DEV.jsonl... --count 5

Each document's summary is written in the model's own words, greedily: token by token, with guesses from what was kept
and was written, and with guesses from n-grams of human summaries where these have none. Prints tokens and guesses a
forward pass and, once the document is read, tokens a second; ends with an error if a text is not the same to the
letter. Writes speculation.json and speculation.md.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any

import torch
import typer
from reporting import RESULTS, Out, Pairs, machine, markdown, save, shipped_model
from torch import Tensor, nn

from sumpool.evaluation.cases import draw_cases
from sumpool.modeling.blocks import tokenize
from sumpool.modeling.checkpoint import find_model
from sumpool.modeling.grounding import Grounding
from sumpool.modeling.ngrams import load_ngrams
from sumpool.modeling.reading import read
from sumpool.modeling.rules import Vocabulary
from sumpool.modeling.writing import Wanted, write

CPU = torch.device("cpu")


class Count:
    """Forward passes that led to scores and the rows in them, as a hook on the model's last norm, and seconds."""

    def __init__(self) -> None:
        self.passes = self.rows = 0
        self.seconds = 0.0
        self._began = 0.0

    def __call__(self, norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.passes += 1
        self.rows += output.numel() // output.shape[-1]

    def begin(self, words: int, target: int) -> None:
        """As `write` tells its progress: none of the words are written, so all is read."""
        if words == 0:
            self._began = time.perf_counter()

    def end(self) -> None:
        self.seconds += time.perf_counter() - self._began


@torch.inference_mode()
def main(
    data: Pairs,
    count: Annotated[int, typer.Option(help="documents of each file")] = 5,
    length: Annotated[int, typer.Option(help="words of each summary")] = 120,
    seed: Annotated[int, typer.Option()] = 0,
    out: Out = RESULTS,
) -> None:
    """Measure, print the table, and write it."""
    model, prompts = shipped_model()
    vocabulary = Vocabulary(prompts)
    ngrams = load_ngrams(find_model())
    ways = {
        "token by token": (False, {}),
        "guesses from what was kept": (True, {}),
        "and from n-grams": (True, ngrams),
    }
    counts = {way: Count() for way in ways}
    documents = 0
    for case in (case for path in data for case in draw_cases(path, count=count, length=length, seed=seed)):
        documents += 1
        tokens = tokenize(prompts, case.document.text, [(s.start, s.end) for s in case.document.sentences])
        reading = read(model, tokens, prompts.prefix(case.words))
        kept = [tokens.ids[place] for place in reading.kept.tolist()]
        texts = []
        for way, (guessing, elsewhere) in ways.items():
            grounding = Grounding(case.document.text, vocabulary.ordinary)
            counted = counts[way]
            hook = model.norm.register_forward_hook(counted)
            copied = kept if guessing else None
            wanted = Wanted(reading, case.words, grounding, copied=copied, progress=counted.begin)
            options: dict[str, Any] = {"drafts": 1, "contrast_weight": 0.0, "ngrams": partial(dict, elsewhere)}
            [text] = write(model, prompts, vocabulary, [wanted], **options)
            counted.end()
            hook.remove()
            texts.append(text)
        if len(set(texts)) > 1:
            raise SystemExit(f"{case.kind} {case.id}: the texts differ")
    written = counts["token by token"].passes
    rows = [
        {
            "way": way,
            "tokens a pass": written / found.passes,
            "guesses a pass": found.rows / found.passes - 1,
            "tokens/s": written / found.seconds,
        }
        for way, found in counts.items()
    ]
    facts = {"documents": documents, "words": length, "seed": seed, **machine(CPU), "seconds of": "the clock"}
    columns = ["written", "tokens a pass", "guesses a pass", "tokens/s"]
    table = [
        [row["way"], f"{row['tokens a pass']:.2f}", f"{row['guesses a pass']:.1f}", f"{row['tokens/s']:.0f}"]
        for row in rows
    ]
    save(out, "speculation", {"facts": facts, "rows": rows}, markdown("A single draft", columns, table, facts))


if __name__ == "__main__":
    typer.run(main)
