"""A checkpoint's weights as others want them: a Llama of transformers, and a GGUF file of llama.cpp.

Both hold all layers, lower and upper, without the scorer: the model that reads its whole window.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sumpool.modeling.checkpoint import load_model
from sumpool.modeling.config import PyramidionConfig
from sumpool.modeling.pyramidion_lm import PyramidionLM

_BLOCK = 32
"""Weights of a row that share a scale in Q8_0 and Q4_0."""


def save_llama(checkpoint: Path, out: Path, dtype: torch.dtype) -> None:
    """Write a checkpoint as a directory that `AutoModelForCausalLM.from_pretrained` takes."""
    from transformers import LlamaConfig, LlamaForCausalLM

    model = load_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32)
    ours = model.config
    config = LlamaConfig(
        vocab_size=ours.vocab_size,
        hidden_size=ours.hidden_size,
        intermediate_size=ours.intermediate_size,
        num_hidden_layers=ours.num_hidden_layers,
        num_attention_heads=ours.num_attention_heads,
        num_key_value_heads=ours.num_key_value_heads,
        max_position_embeddings=ours.max_position_embeddings,
        rms_norm_eps=ours.rms_norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": ours.rope_theta},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    llama: Any = LlamaForCausalLM(config)
    weights = {"model." + name: weight for name, weight in _llama_weights(model)}
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    llama.load_state_dict(weights)
    llama.to(dtype).save_pretrained(out)


def save_gguf(checkpoint: Path, out: Path, quantization: str) -> None:
    """Write a checkpoint as a GGUF file, its matrices in `quantization`: "Q8_0" or "Q4_0" (and embeddings in Q8_0)."""
    import gguf
    from gguf import quants

    model = load_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32)
    config = model.config
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name(config.name)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    _add_tokenizer(writer, json.loads((checkpoint / "tokenizer.json").read_text(encoding="utf-8")))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, weight in _llama_weights(model):
        target = names.get_name("model." + name, try_suffixes=(".weight",))
        assert target is not None, name
        if weight.ndim == 1:
            writer.add_tensor(target, weight.numpy())
            continue
        # As llama.cpp's own converter does: embeddings that are the output layer, too, keep 8 bits, and rows that
        # don't divide into blocks keep 16.
        kind = "F16" if weight.shape[1] % _BLOCK else "Q8_0" if name.startswith("embed_tokens") else quantization
        wanted = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(target, quants.quantize(_paired(name, weight, config).numpy(), wanted), raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _llama_weights(model: PyramidionLM) -> Iterator[tuple[str, Tensor]]:
    """The weights by the names that they have in a Llama's decoder."""
    split = model.config.split_layer
    for name, weight in model.state_dict().items():
        stack, _, rest = name.partition(".")
        if stack == "scorer":
            continue
        if stack in ("lower", "upper"):
            index, _, rest = rest.partition(".")
            name = f"layers.{int(index) + (split if stack == 'upper' else 0)}.{rest}"
        yield name, weight


def _paired(name: str, weight: Tensor, config: PyramidionConfig) -> Tensor:
    """Rows of queries and keys in llama.cpp's order: it rotates neighbours where Llama rotates halves of a head."""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return weight
    heads = len(weight) // config.head_dim
    return weight.view(heads, 2, config.head_dim // 2, -1).transpose(1, 2).reshape(weight.shape).contiguous()


def _add_tokenizer(writer: Any, tokenizer: dict[str, Any]) -> None:
    """The vocabulary of a tokenizer.json, byte-level BPE."""
    from gguf import TokenType

    ids: dict[str, int] = tokenizer["model"]["vocab"]
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    texts = sorted({**ids, **special}.items(), key=lambda item: item[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([text for text, _ in texts])
    writer.add_token_types([TokenType.CONTROL if text in special else TokenType.NORMAL for text, _ in texts])
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
