"""Documents and summaries for an encoder-decoder: what `reading` and `writing` are for PyramidionLM.

The encoder reads a document, and what is asked for (length, focus) stands before the summary, where the decoder
begins. The same rules hold for what is written, in a beam search by transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.utils import logging

from sumpool.errors import ModelError, UsageError
from sumpool.modeling.blocks import Tokens
from sumpool.modeling.checkpoint import check_parts
from sumpool.modeling.prompts import Prompts, asked_length
from sumpool.modeling.reading import Ranking, Reading
from sumpool.modeling.rules import SummaryRules, Vocabulary
from sumpool.modeling.transpooler.configuration import TranspoolerConfig
from sumpool.modeling.transpooler.model import EncoderOutput, Transpooler
from sumpool.modeling.writing import Wanted
from sumpool.pooling.scorer import sentence_means


class TranspoolerPrompts(Prompts):
    """The tokenizer of an encoder-decoder, with special tokens named as BART names them."""

    end_of_summary = "</s>"
    between = ""

    def prefix(self, words: int, focus: str | None = None) -> list[int]:
        """What the decoder begins with for a summary of about `words` words, looking at `focus` if given."""
        start = self.tokenizer.token_to_id("<s>")
        asked = self.plain(f"{asked_length(words)} words" + (" on" if focus else ":"))
        if focus:
            asked += self.focus(focus) + self.plain(":")
        return asked if start is None else [start, *asked]


def load(directory: Path, *, device: torch.device, dtype: torch.dtype) -> tuple[Transpooler, TranspoolerPrompts]:
    """The checkpoint in `directory`, in evaluation mode; ModelError where a file is missing, damaged or of another."""
    check_parts(directory)
    logging.disable_progress_bar()
    try:
        model = Transpooler.from_pretrained(directory, dtype=dtype, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError("model", f"{directory}: {reason} (install the model again)") from None
    prompts = TranspoolerPrompts.load(directory)
    if prompts.tokenizer.get_vocab_size() > model.config.vocab_size:
        raise ModelError("model", f"{directory}: its tokenizer has more tokens than its model (install it again)")
    return model.to(device).requires_grad_(False).eval(), prompts  # type: ignore[arg-type]


def read(
    model: Transpooler,
    tokens: Tokens,
    prefix: list[int],
    *,
    focus: list[int] | None = None,
    pool_size: int | None = None,
    block_size: int | None = None,
    ranking: Ranking | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Reading:
    """Read all of a document, or as much of it as a model without blocks and with learned positions can.

    Arguments and errors as `sumpool.modeling.reading.read` says; `prefix` is kept for the decoder, and `focus` is in
    it. Without pooling, all tokens are kept, and every sentence has the score 1.

    Raises:
        UsageError: a pool or block size for a model that has none.
    """
    if not len(tokens):
        raise ValueError("no tokens to read")
    model.encoder.config = config = resized(model.config, pool_size, block_size)
    limited = config.positions == "learned" and not config.restart_positions
    n = min(len(tokens), config.max_position_embeddings) if limited else len(tokens)
    layers = len(model.encoder.layers)
    hooks = []
    if progress is not None:
        for number, layer in enumerate(model.encoder.layers, start=1):
            hooks.append(layer.register_forward_hook(lambda *_, at=number: progress(n * at // layers, n)))
    order = None if ranking is None else ranking(tokens)[None, :n].to(model.device)
    try:
        # Pooling at random is the same for the same document.
        with torch.random.fork_rng():
            torch.manual_seed(0)
            encoded = model.encoder(torch.tensor(tokens.ids[:n], device=model.device)[None], ranking=order)
    finally:
        for hook in hooks:
            hook.remove()
    kept = torch.arange(n, device=model.device) if encoded.winners is None else encoded.winners[0]
    kept, places = kept.sort()
    ratings = torch.ones(n) if encoded.ratings is None else encoded.ratings[0].float().cpu()
    starts = torch.tensor(tokens.sentence_starts)
    owners = torch.repeat_interleave(torch.arange(len(starts) - 1), starts.diff())[:n]
    scores, _ = sentence_means(ratings, owners, len(starts) - 1)
    return Reading(torch.tensor(prefix, device=model.device), encoded.last_hidden_state[0][places], kept, scores)


def resized(config: TranspoolerConfig, pool_size: int | None, block_size: int | None) -> TranspoolerConfig:
    """The config with another number of representations behind the last pooling, and another block size."""
    changed: TranspoolerConfig = type(config)(**config.to_dict())
    if pool_size is not None:
        if not config.pooling:
            raise UsageError("size", f"--pool {pool_size}: this model does not pool (leave it out)")
        *before, last = config.pooling
        changed.pooling = {layer: config.pooling[layer] for layer in before if config.pooling[layer] > pool_size}
        changed.pooling[last] = pool_size
    if block_size is not None:
        if config.block_size is None:
            raise UsageError("size", f"--block {block_size}: this model does not read in blocks (leave it out)")
        if config.positions == "learned" and block_size > config.max_position_embeddings:
            most = config.max_position_embeddings
            raise UsageError("size", f"--block {block_size}: this model has no positions for it (use {most} at most)")
        changed.block_size = block_size
    return changed


def write(
    model: Transpooler,
    prompts: TranspoolerPrompts,
    vocabulary: Vocabulary,
    wanted: Sequence[Wanted],
    *,
    drafts: int = 1,
    contrast_weight: float = 0.0,
) -> list[str]:
    """Summaries of what was read, one after the other, each under `SummaryRules`. The same input gives the same texts.

    As many beams as `drafts`. `contrast_weight`, and what is wanted besides words, grounding and progress, have no part
    in a beam search over whole summaries.
    """
    return [_write(model, prompts, vocabulary, one, drafts) for one in wanted]


def _write(model: Transpooler, prompts: TranspoolerPrompts, vocabulary: Vocabulary, wanted: Wanted, beams: int) -> str:
    start = torch.tensor([model.config.decoder_start_token_id], device=model.device)
    begun = torch.cat((start, wanted.reading.context))
    room = wanted.room
    if model.config.positions == "learned":
        room = min(room, model.config.max_position_embeddings - len(begun))
    rules = SummaryRules(vocabulary, wanted.words, model.device, wanted.grounding)
    processor = _Rules(rules, len(begun), wanted.progress)
    # The base's own settings (least length, forced tokens) stand for another kind of summary.
    settings = GenerationConfig(
        max_new_tokens=room,
        num_beams=beams,
        do_sample=False,
        early_stopping=beams > 1,
        eos_token_id=prompts.end,
        pad_token_id=model.config.pad_token_id,
        decoder_start_token_id=model.config.decoder_start_token_id,
    )
    model.generation_config = settings
    [written] = model.generate(  # type: ignore[misc]  # transformers types what it is called on by a protocol
        encoder_outputs=EncoderOutput(last_hidden_state=wanted.reading.states[None]),
        decoder_input_ids=begun[None],
        generation_config=settings,
        logits_processor=LogitsProcessorList([processor]),
    )
    tokens = written[len(begun) :].tolist()
    if prompts.end in tokens:
        tokens = tokens[: tokens.index(prompts.end)]
    return " ".join(prompts.decode(processor.result(tokens)).split())


class _Rules(LogitsProcessor):
    """`SummaryRules` for each beam."""

    def __init__(self, rules: SummaryRules, begun: int, progress: Callable[[int, int], None] | None) -> None:
        self._begun, self._progress = begun, progress
        self._vocabulary = rules.vocabulary
        self._start = rules
        self._beams: dict[tuple[int, ...], SummaryRules] = {}
        self._endings: dict[tuple[int, ...], list[int]] = {}
        """What may be the whole summary, as it would stand."""

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        end = self._vocabulary.end
        scores[:, len(self._vocabulary.texts) :] = -torch.inf
        beams: dict[tuple[int, ...], SummaryRules] = {}
        for row, written in enumerate(input_ids[:, self._begun :].tolist()):
            tokens = tuple(written)
            if tokens not in beams:
                beams[tokens] = self._follow(tokens)
                rules = beams[tokens]
                ruled = rules.apply(scores[row].clone())
                if rules.done:
                    ruled = torch.full_like(ruled, -torch.inf)
                    ruled[end] = 0.0
                if ruled[end] > -torch.inf:
                    self._endings[tokens] = rules.result()
            scores[row] = ruled
        self._beams = beams
        if self._progress is not None:
            rules = next(iter(beams.values()))
            self._progress(min(rules.words, rules.target), rules.target)
        return scores

    def _follow(self, tokens: tuple[int, ...]) -> SummaryRules:
        before = self._beams[tokens[:-1]] if tokens else self._start
        rules = before.copy()
        if tokens:
            rules.push(tokens[-1])
        return rules

    def result(self, tokens: Sequence[int]) -> list[int]:
        """The summary that was written: where it came to no end, up to the end of its last whole sentence."""
        ended = self._endings.get(tuple(tokens))
        if ended is not None:
            return ended
        ends = [place for place, token in enumerate(tokens, start=1) if self._vocabulary.ends_sentence[token]]
        return list(tokens[: ends[-1]] if ends else tokens)
