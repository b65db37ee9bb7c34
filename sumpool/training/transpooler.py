"""Training an encoder-decoder: from scratch with a vocabulary of its own, or from a checkpoint of the BART family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import logging

from sumpool.errors import ModelError, UsageError
from sumpool.modeling.blocks import tokenize
from sumpool.modeling.checkpoint import MANIFEST, describe_model, find_model, model_type, seal
from sumpool.modeling.transpooler import Transpooler, TranspoolerConfig, from_base, variant
from sumpool.modeling.transpooler.model import IGNORED
from sumpool.modeling.transpooler.summarizing import TranspoolerPrompts, load
from sumpool.training.corpus import Example
from sumpool.training.learner import Learner, Losses
from sumpool.training.lessons import sentences_within
from sumpool.training.settings import STATE, Settings
from sumpool.training.vocabulary import SPECIAL, as_tokenizer, train_vocabulary

POOL, BLOCK = 512, 512
HALVINGS = 16
"""A Pyramidion's schedule is made for documents of so many times its pool: 8,192 tokens to 512 in the paper."""
HEAD = 64
SCORER_RATE = 10.0
"""As for the shipped architecture: where all else is pretrained, the scorer learns faster."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An example in ids: document [n], what the decoder is asked and then writes [p + m], of which p are asked."""

    document: Tensor
    summary: Tensor
    asked: int

    @property
    def tokens(self) -> int:
        return len(self.document)


class TranspoolerLearner(Learner):
    """A model of the paper's family with its tokenizer.

    Args:
        settings: which variant, of what size, from what.
        examples: the training data, which a vocabulary is made of where there is no base.

    Raises:
        ModelError: the base is missing, damaged or of another family.
        UsageError: settings that contradict each other.
    """

    def __init__(self, settings: Settings, examples: Sequence[Example]) -> None:
        super().__init__()
        self._settings = settings
        self.facts: dict[str, Any] = {"base": "none", "licence": "unknown"}
        if settings.base is None:
            self.prompts = self._from_scratch(examples)
        else:
            self.prompts = self._from_base(settings.base)
        self.lesson = partial(make_pair, self.model.config, self.prompts, longest=settings.longest_document)
        self.weights = {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}
        if settings.recompute:
            self.model.gradient_checkpointing_enable({"use_reentrant": False})

    def _from_scratch(self, examples: Sequence[Example]) -> TranspoolerPrompts:
        settings = self._settings
        # Once made, the vocabulary stays with the run: one that goes on, and other processes, take it from there.
        other = distributed.is_initialized() and distributed.get_rank() > 0
        made = other or (settings.resume and (settings.out / STATE).is_file())
        if made:
            prompts = TranspoolerPrompts.load(settings.out)
        else:
            pieces = train_vocabulary(examples, settings.vocabulary, seed=settings.seed)
            prompts = TranspoolerPrompts(as_tokenizer(pieces))
        shape: dict[str, Any] = {
            "vocab_size": prompts.tokenizer.get_vocab_size(),
            "d_model": settings.width,
            "decoder_layers": settings.layers,
            "encoder_attention_heads": max(settings.width // HEAD, 1),
            "decoder_attention_heads": max(settings.width // HEAD, 1),
            "encoder_ffn_dim": 4 * settings.width,
            "decoder_ffn_dim": 4 * settings.width,
            "encoder_layers": settings.layers,
            "pre_norm": True,
            # As large as the sinusoidal positions that are added to it: a token is drowned by them otherwise, and the
            # decoder learns to do without the document.
            "init_std": settings.width**-0.5,
            "scale_embedding": True,
            **{f"{name}_token_id": SPECIAL.index(token) for name, token in zip(_NAMES, SPECIAL, strict=False)},
            "decoder_start_token_id": SPECIAL.index("</s>"),
        }
        self.model = Transpooler(_config(TranspoolerConfig(**shape), settings))
        if not made:
            settings.out.mkdir(parents=True, exist_ok=True)
            _save_tokenizer(prompts, settings.out)
        return prompts

    def _from_base(self, base: str) -> TranspoolerPrompts:
        named = Path(base).expanduser()
        if (named / MANIFEST).is_file() or ("/" not in base and not named.is_dir()):
            directory = find_model(base)
            if model_type(directory) != TranspoolerConfig.model_type:
                raise ModelError("base", f"{base} is no encoder-decoder (leave --arch out to train it)")
            start, prompts = load(directory, device=torch.device("cpu"), dtype=torch.float32)
            info = describe_model(directory)
            self.facts = {"base": info.base, "licence": info.licence}
        else:
            start = from_base(base)
            prompts = _base_prompts(base)
            self.facts = {"base": named.name, "licence": "unknown"}
        self.model = Transpooler(_config(start.config, self._settings))
        lacking, _ = self.model.load_state_dict(start.state_dict(), strict=False)
        assert all(name.startswith("encoder.scorers.") for name in lacking)
        self.model.tie_weights()
        return prompts

    def forward(self, lessons: Sequence[Pair], done: float = 1.0) -> Losses:
        device = self.model.device
        pad = self.model.config.pad_token_id or 0
        ids = pad_sequence([pair.document for pair in lessons], batch_first=True, padding_value=pad)
        mask = pad_sequence([torch.ones(pair.tokens, dtype=torch.bool) for pair in lessons], batch_first=True)
        labels = pad_sequence([pair.summary for pair in lessons], batch_first=True, padding_value=IGNORED).to(device)
        written = self.model.prepare_decoder_input_ids_from_labels(labels)
        for row, pair in enumerate(lessons):
            labels[row, : pair.asked] = IGNORED
        logits = self.model(ids.to(device), mask.to(device), written, use_cache=False).logits
        losses = F.cross_entropy(logits.mT.float(), labels, ignore_index=IGNORED, reduction="none").sum(dim=1)
        summary = (losses / (labels != IGNORED).sum(dim=1)).mean()
        return Losses(summary, torch.zeros_like(summary))

    def rate_factor(self, name: str) -> float:
        return SCORER_RATE if self._settings.base and name.startswith("encoder.scorers.") else 1.0

    def save(self, directory: Path) -> None:
        logging.disable_progress_bar()
        self.model.save_pretrained(directory)
        names = _save_tokenizer(self.prompts, directory) | {"config.json", "generation_config.json"}
        names |= {path.name for path in directory.glob("model*.safetensors*")}
        count = sum(weight.numel() for weight in self.model.parameters())
        seal(directory, names, parameters=count, **self.facts)


def make_pair(
    config: TranspoolerConfig, prompts: TranspoolerPrompts, example: Example, *, longest: int, labelled: bool
) -> Pair:
    """Tokenize an example, its document cut after `longest` words, and both to the positions that there are.

    Labels it has none, `labelled` or not: the summary's loss alone teaches these scorers.
    """
    document = tokenize(prompts, example.document, sentences_within(example, longest)).ids
    asked = prompts.prefix(example.words, example.focus)
    summary = [*asked, *prompts.plain(example.summary), prompts.end]
    if config.positions == "learned":
        summary = summary[: config.max_position_embeddings]
        if not config.restart_positions:
            document = document[: config.max_position_embeddings]
    return Pair(torch.tensor(document), torch.tensor(summary), len(asked))


_NAMES = ("bos", "pad", "eos")


def _config(config: TranspoolerConfig, settings: Settings) -> TranspoolerConfig:
    """A base's config, or a new one, as the variant that the settings name."""
    assert settings.arch is not None
    pool = settings.pool or POOL
    options = variant(
        settings.arch,
        encoder_layers=config.encoder_layers,
        document_length=HALVINGS * pool,
        pool_size=pool,
        block_size=settings.block or BLOCK,
    )
    if settings.schedule:
        if settings.arch != "pyramidion":
            raise UsageError("train", "--schedule is for a Pyramidion (give --arch pyramidion, or --pool)")
        options["pooling"] = settings.schedule
    options["pooling_operator"] = settings.operator
    if config.positions == "learned":
        options["restart_positions"] = options["block_size"] is not None
    try:
        changed = TranspoolerConfig(**{**config.to_dict(), "pooling_options": {}, **options})
    except ValueError as error:
        raise UsageError("train", f"{error}") from None
    if config.positions == "learned" and (changed.block_size or 0) > config.max_position_embeddings:
        most = config.max_position_embeddings
        raise UsageError("train", f"--block {changed.block_size}: the base has no positions for it (at most {most})")
    return changed


def _base_prompts(base: str) -> TranspoolerPrompts:
    try:
        tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False).backend_tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return TranspoolerPrompts(tokenizer)
    except (OSError, ValueError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError("base", f"{base}: no tokenizer to start with ({reason})") from None


def _save_tokenizer(prompts: TranspoolerPrompts, directory: Path) -> set[str]:
    """Write it as transformers does; the names of the files."""
    roles = {
        f"{role}_token": token
        for role, token in zip((*_NAMES, "unk"), SPECIAL, strict=True)
        if prompts.tokenizer.token_to_id(token) is not None
    }
    written = PreTrainedTokenizerFast(tokenizer_object=prompts.tokenizer, **roles).save_pretrained(directory)
    return {Path(name).name for name in written if Path(name).is_file()}
