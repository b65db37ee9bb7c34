"""Transpooler: a blockwise encoder that pools between or behind its layers, and a decoder that sees what is left.

After Pietruszka et al., "Sparsifying Transformer Models with Trainable Representation Pooling" (ACL 2022),
sections 3 and 4. The config decides which of the paper's variants a model is: vanilla, blockwise,
Transpooler or Pyramidion.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DynamicCache, EncoderDecoderCache, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

from sumpool.modeling.transpooler.configuration import TranspoolerConfig
from sumpool.modeling.transpooler.layers import DecoderLayer, EncoderLayer, TokenEmbedding
from sumpool.pooling import Scorer, TopK, top_k_operator

IGNORED = -100
"""The label of positions without a loss."""
_BLOCKS_AT_ONCE = 64


@dataclass
class EncoderOutput(BaseModelOutput):
    """What the decoder sees of a document: m representations, m = n where nothing was pooled.

    Attributes:
        last_hidden_state: [b, m, d].
        attention_mask: [b, m], True where there is one; None where there is everywhere.
        winners: [b, m], the tokens they stem from, as `Pooled.winners` says; None without pooling.
        scores: [b, m] in (0, 1), as the last pooling gave them; None without pooling.
        ratings: [b, n] in (0, 1), as the first pooling's scorer rated all tokens; None without pooling.
    """

    attention_mask: Tensor | None = None
    winners: Tensor | None = None
    scores: Tensor | None = None
    ratings: Tensor | None = None


class Encoder(nn.Module):
    """Blockwise attention, and pooling by the config's schedule."""

    main_input_name = "input_ids"

    def __init__(self, config: TranspoolerConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = TokenEmbedding(config)
        self.layers = nn.ModuleList(EncoderLayer(config, layer) for layer in range(config.encoder_layers))
        self.layer_norm = nn.LayerNorm(config.d_model) if config.pre_norm else nn.Identity()
        self.scorers = nn.ModuleDict(
            {str(layer): Scorer(config.d_model, config.scorer_hidden_size, features=0) for layer in config.pooling}
        )

    @property
    def operator(self) -> TopK:
        """The top-k operator in charge: outside of training another may be."""
        config = self.config
        if config.inference_operator is not None and not self.training:
            return top_k_operator(config.inference_operator)
        return top_k_operator(config.pooling_operator, **config.pooling_options)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool = True,
        *,
        ranking: Tensor | None = None,
    ) -> EncoderOutput:
        """input_ids [b, n], attention_mask [b, n] zero at padding -> what the decoder is to see.

        ranking: [b, n] logits in the place of those of all scorers, for comparisons.

        ValueError where the document is longer than a learned table of positions, and where attention weights
        or hidden states are asked for (`generate` hands the question on): nobody keeps them.
        """
        if output_attentions or output_hidden_states:
            raise ValueError("attention weights and hidden states are not kept")
        batch, n = input_ids.shape
        mask = None
        # One look at the mask for the whole pass: without padding, the fastest attention kernels apply.
        if attention_mask is not None and not bool(attention_mask.all()):
            mask = attention_mask.bool()
        x = self.embed(input_ids, self.token_positions(n, input_ids.device))
        winners = scores = ratings = None
        x, seen = self.cut(x, mask)
        for number, layer in enumerate(self.layers, start=1):
            x = self.run(layer, x, seen)
            length = self.config.pooling.get(number)
            if length is None or length >= n:
                continue
            x = x.reshape(batch, -1, x.shape[-1])[:, :n]
            logits = self.scorers[str(number)](x)
            if ranking is not None:
                logits = ranking if winners is None else ranking.gather(1, winners)
            rates = logits.sigmoid()
            ratings = rates if ratings is None else ratings
            pooled = self.operator(x, rates, length, mask=mask)
            scores, n = pooled.scores, length
            winners = pooled.winners if winners is None else winners.gather(1, pooled.winners)
            mask = None if mask is None else pooled.mask
            x, seen = self.cut(pooled.representations, mask)
        x = self.layer_norm(x.reshape(batch, -1, x.shape[-1])[:, :n])
        return EncoderOutput(last_hidden_state=x, attention_mask=mask, winners=winners, scores=scores, ratings=ratings)

    def run(self, layer: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
        """A layer over blocks [c, size, d] and their mask; outside of training some at a time, to bound memory."""
        if torch.is_grad_enabled():
            return layer(x, mask)
        masks = [None] * len(x) if mask is None else mask.split(_BLOCKS_AT_ONCE)
        return torch.cat([layer(*part) for part in zip(x.split(_BLOCKS_AT_ONCE), masks, strict=False)])

    def token_positions(self, n: int, device: torch.device) -> Tensor:
        """[n], counted from the beginning of the document or of each block."""
        config = self.config
        period = config.block_size if config.restart_positions and config.block_size is not None else n
        if config.positions == "learned" and min(n, period) > config.max_position_embeddings:
            raise ValueError(
                f"{min(n, period)} tokens, and learned positions for {config.max_position_embeddings} "
                "(cut the document, or set block_size and restart_positions)"
            )
        return torch.arange(n, device=device) % period

    def cut(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """x [b, n, d], mask [b, n] -> c blocks a row [b * c, size, d] and their attention mask [b * c, 1, 1, size]."""
        batch, n, d = x.shape
        size = min(self.config.block_size or n, n)
        if missing := -n % size:
            mask = torch.ones(batch, n, dtype=torch.bool, device=x.device) if mask is None else mask
            x, mask = F.pad(x, (0, 0, 0, missing)), F.pad(mask, (0, missing))
        x = x.reshape(-1, size, d)
        if mask is None:
            return x, None
        mask = mask.reshape(-1, size)
        # A block of nothing but padding may look at itself: a softmax over nothing is not a number.
        mask = mask | ~mask.any(dim=1, keepdim=True)
        return x, mask[:, None, None]


class Decoder(nn.Module):
    """Causal self-attention, and cross-attention to what the encoder left."""

    def __init__(self, config: TranspoolerConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = TokenEmbedding(config)
        self.layers = nn.ModuleList(DecoderLayer(config, layer) for layer in range(config.decoder_layers))
        self.layer_norm = nn.LayerNorm(config.d_model) if config.pre_norm else nn.Identity()

    def forward(self, ids: Tensor, source: EncoderOutput, cache: EncoderDecoderCache | None = None) -> Tensor:
        """ids [b, t], padded on the right if at all, behind what the cache holds -> [b, t, d]."""
        past = 0 if cache is None else int(cache.get_seq_length())
        last = past + ids.shape[1]
        if self.config.positions == "learned" and last > self.config.max_position_embeddings:
            raise ValueError(f"{last} tokens, and learned positions for {self.config.max_position_embeddings}")
        x = self.embed(ids, torch.arange(past, last, device=ids.device))
        mask = None if source.attention_mask is None else source.attention_mask[:, None, None]
        for layer in self.layers:
            x = layer(x, source.last_hidden_state, mask, past_key_values=cache)
        normed: Tensor = self.layer_norm(x)
        return normed


class Transpooler(PreTrainedModel, GenerationMixin):
    """An encoder-decoder with pooling, with the habits of transformers: `generate`, `save_pretrained`, ...

    Output embeddings are the input embeddings, of both encoder and decoder.
    """

    config_class = TranspoolerConfig
    config: TranspoolerConfig
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["EncoderLayer", "DecoderLayer"]  # noqa: RUF012
    _tied_weights_keys = {  # noqa: RUF012 (transformers wants plain lists and dictionaries)
        "encoder.embed.tokens.weight": "shared.weight",
        "decoder.embed.tokens.weight": "shared.weight",
    }

    def __init__(self, config: TranspoolerConfig) -> None:
        super().__init__(config)
        self.shared = nn.Embedding(config.vocab_size, config.d_model, config.pad_token_id)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.shared

    def set_input_embeddings(self, value: nn.Module) -> None:
        assert isinstance(value, nn.Embedding)
        self.shared = self.encoder.embed.tokens = self.decoder.embed.tokens = value

    def get_encoder(self, modality: str | None = None) -> Encoder:
        return self.encoder

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        encoder_outputs: EncoderOutput | None = None,
        past_key_values: EncoderDecoderCache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        return_dict: bool = True,
    ) -> Seq2SeqLMOutput:
        """Next-token logits, and their mean cross-entropy where there are labels.

        Args:
            input_ids: documents [b, n]; not needed where `encoder_outputs` is given.
            attention_mask: [b, n], 0 at padding.
            decoder_input_ids: [b, t], padded on the right; made from the labels where there are some.
            labels: [b, t], -100 where no loss is wanted.

        Returns:
            logits [b, t, vocabulary], and by need loss and past_key_values.

        Raises:
            ValueError: where there is nothing to read or nothing to write.
        """
        if decoder_input_ids is None:
            if labels is None:
                raise ValueError("give decoder_input_ids or labels")
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        if encoder_outputs is None:
            if input_ids is None:
                raise ValueError("give input_ids or encoder_outputs")
            encoder_outputs = self.encoder(input_ids, attention_mask)
        use_cache = labels is None and (self.config.use_cache if use_cache is None else use_cache)
        if use_cache and past_key_values is None:
            past_key_values = EncoderDecoderCache(DynamicCache(), DynamicCache())
        x = self.decoder(decoder_input_ids, encoder_outputs, past_key_values if use_cache else None)
        logits = F.linear(x, self.shared.weight)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED)
        return Seq2SeqLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=past_key_values,
            encoder_last_hidden_state=encoder_outputs.last_hidden_state,
        )

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor) -> Tensor:
        """labels [b, t] -> what the decoder sees while it writes them: the start token, and all but the last."""
        start = torch.full_like(labels[:, :1], self._start_token)
        return torch.cat((start, labels[:, :-1].masked_fill(labels[:, :-1] == IGNORED, self._pad_token)), dim=1)

    @property
    def _start_token(self) -> int:
        if self.config.decoder_start_token_id is None:
            raise ValueError("the config has no decoder_start_token_id")
        return self.config.decoder_start_token_id

    @property
    def _pad_token(self) -> int:
        return 0 if self.config.pad_token_id is None else self.config.pad_token_id
