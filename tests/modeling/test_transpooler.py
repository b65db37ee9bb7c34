"""The encoder-decoder: held to transformers' BART family, to itself with and without caches, padding and pooling."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    BartConfig,
    MBartConfig,
    PegasusConfig,
    PLBartConfig,
    PreTrainedModel,
    T5Config,
)

from sumpool.errors import ModelError
from sumpool.modeling.transpooler import (
    VARIANTS,
    Transpooler,
    TranspoolerConfig,
    convert,
    from_base,
    halving_schedule,
    variant,
)
from sumpool.pooling import OPERATORS

SIZE = {
    "vocab_size": 99,
    "d_model": 16,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 24,
    "max_position_embeddings": 64,
    "init_std": 0.5,
}
BEAMS = {"num_beams": 3, "length_penalty": 1.5, "no_repeat_ngram_size": 3, "max_length": 24, "early_stopping": True}


def base(config: type, **changes: Any) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForSeq2SeqLM.from_config(config(**SIZE, **changes)).eval()


def small(name: str, **changes: Any) -> Transpooler:
    torch.manual_seed(0)
    shape = variant(name, encoder_layers=3, document_length=48, pool_size=12, block_size=16)
    return Transpooler(TranspoolerConfig(**(SIZE | shape | {"dropout": 0.0} | changes))).eval()


def documents(*lengths: int) -> dict[str, torch.Tensor]:
    """Random documents of these lengths, padded on the right with token 1."""
    generator = torch.Generator().manual_seed(1)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    ids = torch.randint(3, 99, mask.shape, generator=generator)
    return {"input_ids": ids.where(mask.bool(), 1), "attention_mask": mask}


SUMMARIES = torch.randint(3, 99, (2, 7), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (BartConfig, {}),
        (BartConfig, {"scale_embedding": True, "activation_function": "relu"}),
        (PLBartConfig, {}),
        (MBartConfig, {"scale_embedding": True}),
        (PegasusConfig, {"scale_embedding": True}),
    ],
)
@torch.no_grad()
def test_vanilla_is_the_base_it_was_made_from(config: type, changes: dict[str, Any], tmp_path: Path) -> None:
    theirs = base(config, **changes)
    theirs.save_pretrained(tmp_path)
    ours = from_base(tmp_path)
    inputs = documents(40, 23)
    wanted = theirs(**inputs, decoder_input_ids=SUMMARIES).logits
    torch.testing.assert_close(ours(**inputs, decoder_input_ids=SUMMARIES).logits, wanted, atol=1e-4, rtol=0)
    assert wanted.abs().max() > 1
    assert ours.generate(**inputs, **BEAMS).tolist() == theirs.generate(**inputs, **BEAMS).tolist()


@torch.no_grad()
def test_a_base_reads_past_its_window_in_blocks() -> None:
    theirs = base(BartConfig)
    with pytest.raises(ValueError, match="learned positions for 64"):
        convert(theirs)(**documents(200), decoder_input_ids=SUMMARIES[:1])
    ours = convert(theirs, block_size=32, pooling={3: 20})
    encoded = ours.encoder(**documents(200))
    assert encoded.last_hidden_state.shape == (1, 20, 16)
    assert ours(**documents(200), decoder_input_ids=SUMMARIES[:1]).logits.shape == (1, 7, 99)


def test_other_families_and_missing_checkpoints_are_refused(tmp_path: Path) -> None:
    t5 = AutoModelForSeq2SeqLM.from_config(T5Config(vocab_size=9, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2))
    with pytest.raises(ModelError, match="can't start from a t5"):
        convert(t5)
    with pytest.raises(ModelError, match="no encoder-decoder"):
        from_base(tmp_path)


@pytest.mark.parametrize("name", VARIANTS)
@torch.no_grad()
def test_save_and_load_by_the_auto_classes(name: str, tmp_path: Path) -> None:
    model = small(name, positions="learned", scorer_hidden_size=4, pooling_options={"base": 7.0})
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert isinstance(loaded, Transpooler)
    config = AutoConfig.from_pretrained(tmp_path)
    assert config.pooling == model.config.pooling
    assert loaded.decoder.embed.tokens.weight is loaded.shared.weight
    inputs = documents(48, 20)
    one, two = (m(**inputs, decoder_input_ids=SUMMARIES).logits for m in (model, loaded))
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("pre_norm", [False, True])
@pytest.mark.parametrize("name", VARIANTS)
@torch.no_grad()
def test_caches_change_nothing(name: str, pre_norm: bool) -> None:
    model = small(name, pre_norm=pre_norm)
    inputs = documents(48, 9)
    whole = model(**inputs, decoder_input_ids=SUMMARIES).logits
    encoded = model.encoder(**inputs)
    cache = None
    steps = []
    for part in (SUMMARIES[:, :2], SUMMARIES[:, 2:5], SUMMARIES[:, 5:6], SUMMARIES[:, 6:]):
        out = model(encoder_outputs=encoded, decoder_input_ids=part, past_key_values=cache)
        cache = out.past_key_values
        steps.append(out.logits)
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=1e-5, rtol=1e-5)
    for layer in cache.cross_attention_cache.layers:
        assert layer.keys.shape[2] == encoded.last_hidden_state.shape[1]


@pytest.mark.parametrize("operator", [name for name in OPERATORS if name != "random"])
@torch.no_grad()
def test_padding_of_documents_changes_nothing(operator: str) -> None:
    model = small("pyramidion", pooling_operator=operator)
    inputs = documents(61, 33, 5)
    summaries = SUMMARIES[:1].expand(3, -1)
    together = model(**inputs, decoder_input_ids=summaries).logits
    for row, length in enumerate((61, 33, 5)):
        alone = model(inputs["input_ids"][row : row + 1, :length], decoder_input_ids=summaries[:1]).logits
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_blocks_see_nothing_of_each_other() -> None:
    model = small("blockwise", restart_positions=True)
    ids = documents(40)["input_ids"]
    pieces = [model.encoder(piece).last_hidden_state for piece in ids.split(16, dim=1)]
    torch.testing.assert_close(model.encoder(ids).last_hidden_state, torch.cat(pieces, dim=1), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_document_that_fits_is_not_pooled() -> None:
    pyramidion, blockwise = small("pyramidion"), small("blockwise")
    blockwise.load_state_dict(pyramidion.state_dict(), strict=False)
    ids = documents(12)["input_ids"]
    encoded = pyramidion.encoder(ids)
    assert encoded.winners is None
    torch.testing.assert_close(encoded.last_hidden_state, blockwise.encoder(ids).last_hidden_state)


@torch.no_grad()
@pytest.mark.parametrize("operator", ["hard", "successive-halving"])
def test_winners_lead_back_to_the_tokens(operator: str) -> None:
    model = small("pyramidion", pooling_operator=operator)
    assert len(model.config.pooling) > 1
    inputs = documents(48, 30)
    encoded = model.encoder(**inputs)
    for row, length in enumerate((48, 30)):
        winners = encoded.winners[row]
        assert len(set(winners.tolist())) == 12
        assert winners.max() < length
        assert operator != "hard" or winners.tolist() == sorted(winners.tolist())
    assert ((encoded.scores > 0) & (encoded.scores < 1)).all()
    assert encoded.ratings.shape == (2, 48)


@torch.no_grad()
def test_a_ranking_takes_the_place_of_all_scorers() -> None:
    model = small("pyramidion", pooling_operator="hard")
    assert len(model.config.pooling) > 1
    wanted = [3, 4, 5, 9, 11, 20, 21, 22, 30, 31, 40, 47]
    ranking = torch.zeros(1, 48)
    ranking[0, wanted] = torch.linspace(1, 2, 12)
    assert model.encoder(**documents(48), ranking=ranking).winners[0].tolist() == wanted


@torch.no_grad()
def test_blocks_are_read_some_at_a_time_without_a_difference() -> None:
    model = small("pyramidion")
    ids = torch.cat([documents(61)["input_ids"]] * 20, dim=1)
    with torch.enable_grad():
        at_once = model.encoder(ids).last_hidden_state
    assert ids.shape[1] / model.config.block_size > 64
    torch.testing.assert_close(model.encoder(ids).last_hidden_state, at_once, atol=1e-5, rtol=1e-5)


# Its new name is not known to the oldest transformers that we support.
@pytest.mark.filterwarnings("ignore:.gradient_checkpointing_enable. is deprecated:FutureWarning")
@pytest.mark.parametrize("name", ["transpooler", "pyramidion"])
def test_training_reaches_every_weight_with_and_without_checkpointing(name: str) -> None:
    model = small(name).train()
    inputs = documents(48, 40)
    labels = SUMMARIES.clone()
    labels[1, 4:] = -100
    gradients = []
    for checkpointed in (False, True):
        if checkpointed:
            model.gradient_checkpointing_enable()
            assert all(layer.gradient_checkpointing for layer in (*model.encoder.layers, *model.decoder.layers))
        model.zero_grad()
        model(**inputs, labels=labels).loss.backward()
        # A key's bias shifts all logits of a softmax alike: its gradient is zero, and rounds to anything small.
        gradients.append({n: p.grad.clone() for n, p in model.named_parameters() if not n.endswith("k_proj.bias")})
    assert all(gradient.any() for gradient in gradients[0].values())
    for parameter, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][parameter], gradient, atol=1e-5, rtol=1e-4)


def test_a_few_steps_of_training_lower_the_loss() -> None:
    model = small("pyramidion", init_std=0.1).train()
    inputs = documents(48, 40)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        loss = model(**inputs, labels=SUMMARIES).loss
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]


@torch.no_grad()
def test_loss_is_the_cross_entropy_of_the_labels() -> None:
    model = small("transpooler")
    inputs = documents(48, 40)
    labels = SUMMARIES.clone()
    labels[0, 5:] = -100
    ids = torch.cat((torch.full((2, 1), 2), labels[:, :-1].masked_fill(labels[:, :-1] == -100, 1)), dim=1)
    logits = model(**inputs, decoder_input_ids=ids).logits.log_softmax(dim=-1)
    wanted = -logits.gather(2, labels.clamp_min(0)[..., None])[..., 0][labels != -100].mean()
    torch.testing.assert_close(model(**inputs, labels=labels).loss, wanted)


@pytest.mark.parametrize("name", VARIANTS)
def test_generate_with_beams_repeats_nothing_and_treats_rows_alike(name: str) -> None:
    model = small(name)
    inputs = documents(48, 30)
    out = model.generate(**inputs, **BEAMS)
    for row, length in enumerate((48, 30)):
        tokens = [token for token in out[row].tolist() if token != 1]
        threes = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
        assert len(threes) == len(set(threes))
        alone = model.generate(inputs["input_ids"][row : row + 1, :length], **BEAMS)[0]
        assert [token for token in alone.tolist() if token != 1] == tokens


@torch.no_grad()
def test_generate_is_a_search_over_forward() -> None:
    model = small("pyramidion")
    inputs = documents(48)
    greedy = model.generate(**inputs, max_length=12, do_sample=False)
    without_cache = model.generate(**inputs, max_length=12, do_sample=False, use_cache=False)
    assert greedy.tolist() == without_cache.tolist()
    logits = model(**inputs, decoder_input_ids=greedy[:, :-1]).logits
    assert logits.argmax(dim=-1)[0].tolist() == greedy[0, 1:].tolist()


def test_another_operator_may_choose_outside_of_training() -> None:
    model = small("transpooler", inference_operator="hard", pooling_options={"base": 3.0})
    inputs = documents(48)
    hard = small("transpooler", pooling_operator="hard")
    torch.testing.assert_close(model.encoder(**inputs).last_hidden_state, hard.encoder(**inputs).last_hidden_state)
    soft = model.train().encoder(**inputs).last_hidden_state
    assert (soft - hard.encoder(**inputs).last_hidden_state).abs().max() > 1e-3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_half_precision_stays_close(dtype: torch.dtype) -> None:
    model = small("pyramidion", init_std=0.1)
    inputs = documents(48, 20)
    wanted = model(**inputs, decoder_input_ids=SUMMARIES).logits
    got = model.to(dtype)(**inputs, decoder_input_ids=SUMMARIES).logits
    assert got.dtype == dtype
    assert torch.isfinite(got).all()
    assert (got.float() - wanted).abs().max() < 0.1 * wanted.abs().max()


def test_schedules_halve_from_the_document_to_the_pool() -> None:
    assert halving_schedule(6, 8192, 512) == {1: 4096, 3: 2048, 4: 1024, 6: 512}
    assert halving_schedule(2, 8192, 512) == {1: 2048, 2: 512}
    assert halving_schedule(6, 512, 512) == {}
    assert variant("transpooler", encoder_layers=4, document_length=8192)["pooling"] == {4: 512}
    assert variant("vanilla", encoder_layers=4, document_length=8192) == {
        "encoder_layers": 4,
        "block_size": None,
        "pooling": {},
    }
    with pytest.raises(ValueError, match="no variant"):
        variant("pyramid", encoder_layers=4, document_length=8192)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pooling": {4: 5}}, "an encoder of 3"),
        ({"pooling": {1: 5, 2: 5}}, "must shrink"),
        ({"pooling": {1: 0}}, "must shrink"),
        ({"d_model": 15}, "must divide"),
        ({"positions": "rotary"}, "learned or sinusoidal"),
        ({"block_size": 0}, "must be positive"),
        ({"restart_positions": True}, "block_size"),
        ({"pooling_operator": "best"}, "no top-k operator"),
        ({"pooling_options": {"epsilon": 1}}, "no parameter epsilon"),
    ],
)
def test_contradictory_configs_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TranspoolerConfig(**(SIZE | changes))


def test_the_shipped_model_does_without_transformers() -> None:
    code = "import sys, sumpool.modeling.reading, sumpool.pooling; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
