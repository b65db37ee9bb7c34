"""Small models of other people's families, saved the way that they are published: random weights, real tokenizers."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from tokenizers import AddedToken, ByteLevelBPETokenizer
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    LEDConfig,
    LEDForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    PegasusConfig,
    PegasusForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WINDOW = 96
"""Tokens that encoder-decoders read at most."""
_SIZES: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "init_std": 0.4,
}
_ENDS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
_SPECIAL = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"}


def bart(directory: Path, text: str) -> None:
    """BART with byte-level BPE and defaults of its own: beams, no three words twice, a length that nobody asked for."""
    tokenizer = _byte_level(text, list(_SPECIAL.values()), **_SPECIAL, model_max_length=WINDOW)
    config = BartConfig(vocab_size=len(tokenizer), max_position_embeddings=WINDOW, **_SIZES, **_ENDS)
    model = _made(BartForConditionalGeneration, config)
    model.generation_config.update(num_beams=2, no_repeat_ngram_size=3, min_length=5, max_length=9)
    _save(directory, model, tokenizer)


def led(directory: Path, text: str) -> None:
    """LED, whose window is not a multiple of its local attention's."""
    tokenizer = _byte_level(text, list(_SPECIAL.values()), **_SPECIAL)
    config = LEDConfig(
        vocab_size=len(tokenizer),
        max_encoder_position_embeddings=WINDOW + 5,
        max_decoder_position_embeddings=64,
        attention_window=[16, 16],
        **_SIZES,
        **_ENDS,
    )
    _save(directory, _made(LEDForConditionalGeneration, config), tokenizer)


def t5(directory: Path, text: str) -> None:
    """T5 with a SentencePiece model, as published in 2019: a prefix, and defaults for the task."""
    config = T5Config(
        vocab_size=700, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, initializer_factor=3.0,
        decoder_start_token_id=0, n_positions=WINDOW, tie_word_embeddings=True,
        task_specific_params={"summarization": {"prefix": "summarize: ", "num_beams": 3, "max_length": 7}},
    )  # fmt: skip
    _save(directory, _made(T5ForConditionalGeneration, config))
    _sentencepiece(directory, text, "T5Tokenizer")


def pegasus(directory: Path, text: str) -> None:
    """Pegasus with a SentencePiece model, and without the sinusoids in its weights, as they are published."""
    config = PegasusConfig(
        vocab_size=703, max_position_embeddings=WINDOW, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
        **_SIZES,
    )  # fmt: skip
    model = _made(PegasusForConditionalGeneration, config)
    model.generation_config.suppress_tokens = [0, *range(2, 105)]  # the masks of its training
    weights = {name: value for name, value in model.state_dict().items() if "embed_positions" not in name}
    _save(directory, model, state_dict=weights)
    _sentencepiece(directory, text, "PegasusTokenizer")


def llama(directory: Path, text: str, *, template: str | None = TEMPLATE, window: int = 320) -> None:
    """A Llama with byte-level BPE and a chat template; it draws its words by lot."""
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = _byte_level(text, specials, bos_token=specials[0], eos_token=specials[2])
    tokenizer.chat_template = template
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=window, initializer_range=0.4, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = _made(LlamaForCausalLM, config)
    model.generation_config.update(do_sample=True, temperature=0.7)
    _save(directory, model, tokenizer)


FAMILIES = {"bart": bart, "led": led, "t5": t5, "pegasus": pegasus, "llama": llama}


def _made(kind: Any, config: Any) -> PreTrainedModel:
    torch.manual_seed(0)
    return kind(config).eval()


def _save(
    directory: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast | None = None, **options: Any
) -> None:
    model.save_pretrained(directory, **options)
    if tokenizer is not None:
        tokenizer.save_pretrained(directory)


def _byte_level(text: str, specials: list[str], **roles: Any) -> PreTrainedTokenizerFast:
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(text.splitlines(), vocab_size=700, special_tokens=specials, show_progress=False)
    tokenizer.add_special_tokens([AddedToken(token) for token in specials])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer._tokenizer, **roles)


def _sentencepiece(directory: Path, text: str, kind: str) -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.splitlines()), model_writer=model, model_type="unigram", vocab_size=600,
        hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    (directory / "spiece.model").write_bytes(model.getvalue())
    (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, "model_max_length": WINDOW}))
