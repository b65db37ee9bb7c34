"""Loading a writer: what kind of model it is, its config says."""

from __future__ import annotations

import json
import re
from typing import Any

import torch
import transformers
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
)

from sumpool.errors import ModelError
from sumpool.writers.chat import ChatWriter
from sumpool.writers.finding import CONFIG, FoundWriter
from sumpool.writers.quiet import first_line, quiet
from sumpool.writers.seq2seq import Seq2SeqWriter
from sumpool.writers.writer import Writer

_COMPUTED = re.compile(r"embed_positions|inv_freq|position_ids|final_logits_bias")
"""Tensors that a model makes by itself; Pegasus's checkpoints lack its sinusoids."""


def load_writer(found: FoundWriter, *, device: torch.device, dtype: torch.dtype) -> Writer:
    """The model in a directory, whose architecture transformers has to know; nothing in the directory is run.

    Raises:
        ModelError: it is damaged, of no known architecture, or none that writes text when asked.
    """
    try:
        with quiet():
            return _load(found, device, dtype)
    except ModelError:
        raise
    except Exception as error:  # whatever is wrong with somebody else's files
        raise ModelError("writer", f"{found.name} can't be loaded: {first_line(error)} (use another)") from None


def _load(found: FoundWriter, device: torch.device, dtype: torch.dtype) -> Writer:
    options = {"trust_remote_code": False, "local_files_only": True}
    kind = json.loads((found.directory / CONFIG).read_text(encoding="utf-8")).get("model_type")
    if kind not in CONFIG_MAPPING:
        problem = f"transformers {transformers.__version__} knows no architecture {kind!r}, and a model's own code"
        raise ModelError("writer", f"{found.name}: {problem} is never run (use another writer)")
    config = AutoConfig.from_pretrained(found.directory, **options)
    config._attn_implementation = None  # a config may wish for a kernel from the hub, which is code
    family: Any
    wrap: type[Writer]
    if type(config) in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        family, wrap = AutoModelForSeq2SeqLM, Seq2SeqWriter
    elif type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
        family, wrap = AutoModelForCausalLM, ChatWriter
    else:
        raise ModelError(
            "writer", f"{found.name}: a {kind} model writes no text (use an encoder-decoder or a chat model)"
        )
    tokenizer = AutoTokenizer.from_pretrained(found.directory, **options)
    if wrap is ChatWriter and not tokenizer.chat_template:
        problem = "it has no chat template, so it can't be asked for a summary (use an instruction-tuned model)"
        raise ModelError("writer", f"{found.name}: {problem}")
    model, report = family.from_pretrained(
        found.directory, config=config, dtype=dtype, use_safetensors=True, output_loading_info=True, **options
    )
    missing = sorted(name for name in report["missing_keys"] if not _COMPUTED.search(name))
    if missing:
        raise ModelError("writer", f"{found.name} lacks weights that a writer needs, {missing[0]} first (use another)")
    return wrap(found.name, model.to(device).eval(), tokenizer)
