"""`sumpool train --arch`: vocabulary, losses, exact resume, bases, and what is read with the result."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from sumpool import Summarizer
from sumpool.documents import read_document
from sumpool.errors import ModelError, UsageError
from sumpool.training.corpus import Example, examples
from sumpool.training.settings import Settings

pytest.importorskip("accelerate", reason="the extra `train` is not installed")

from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, BartConfig, PreTrainedTokenizerFast, T5Config

from sumpool.training.trainer import train
from sumpool.training.transpooler import TranspoolerLearner
from sumpool.training.vocabulary import SPECIAL, as_tokenizer, train_vocabulary

pytestmark = pytest.mark.usefixtures("one_thread")

TEXTS = [
    "The harbour master of port 7 found that dredging doubled the traffic of large ships.",
    "  Row 3 holds\n\n crates;\tnaïve “quotes”, ﬁne ligatures and 12,345.67 %",
    "日本語 🙂 Ωμέγα",
    "<s> <0x41> </s>",
    "",
]


@pytest.fixture
def settings(corpus: Path, tmp_path: Path) -> Settings:
    """A Pyramidion of seconds."""
    return Settings(
        [corpus], tmp_path / "out", dev=[corpus], held=4, arch="pyramidion", vocabulary=500, width=32, layers=2,
        pool=48, block=64, schedule={1: 128, 2: 48}, steps=6, batch=2, every=2, rate=0.003, warmup=2, device="cpu",
        precision="fp32",
    )  # fmt: skip


def run(settings: Settings) -> Path:
    return train(settings, Console(stderr=True))


def records(directory: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (directory / "training.jsonl").read_text().splitlines()]


def losses(directory: Path) -> list[float]:
    return [record["loss"] for record in records(directory) if "loss" in record]


@pytest.fixture
def bart(corpus: Path, tmp_path: Path) -> Path:
    """A BART with random weights and a tokenizer of the corpus."""
    tokenizer = as_tokenizer(train_vocabulary(list(examples(corpus)), 500, seed=0))
    torch.manual_seed(0)
    config = BartConfig(
        vocab_size=tokenizer.get_vocab_size(), d_model=16, encoder_layers=2, decoder_layers=1, encoder_ffn_dim=32,
        encoder_attention_heads=2, decoder_attention_heads=2, decoder_ffn_dim=32, max_position_embeddings=128,
    )  # fmt: skip
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(tmp_path / "bart")
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(tmp_path / "bart")
    return tmp_path / "bart"


def test_the_vocabulary_is_sentencepiece_s_and_loses_nothing(corpus: Path) -> None:
    import sentencepiece

    model = train_vocabulary(list(examples(corpus)), 500, seed=0)
    assert model == train_vocabulary(list(examples(corpus)), 500, seed=0)
    theirs, ours = sentencepiece.SentencePieceProcessor(model_proto=model), as_tokenizer(model)
    ours.encode_special_tokens = True
    assert [ours.id_to_token(index) for index in range(4)] == list(SPECIAL)
    assert ours.get_vocab_size() == theirs.get_piece_size()
    for text in TEXTS:
        plain = " ".join(ours.normalizer.normalize_str(text).split())
        encoded = ours.encode(text, add_special_tokens=False)
        assert encoded.ids == theirs.encode(plain)
        assert ours.decode(encoded.ids).strip() == plain
        assert SPECIAL.index("<unk>") not in encoded.ids
    encoded = ours.encode(TEXTS[1], add_special_tokens=False)
    pieces = [TEXTS[1][start:end].strip() for start, end in encoded.offsets]
    assert "".join(dict.fromkeys(pieces)) != ""
    assert pieces[-1] == "%"


def test_a_spelled_out_special_token_is_plain_text(settings: Settings) -> None:
    learner = TranspoolerLearner(settings, list(examples(settings.train[0])))
    ids = learner.prompts.plain("Ships </s> sink <pad> here")
    assert not {SPECIAL.index("</s>"), SPECIAL.index("<pad>")}.intersection(ids)
    assert "</s>" in learner.prompts.decode(ids)


@pytest.mark.parametrize("arch", ["vanilla", "blockwise", "transpooler", "pyramidion"])
def test_every_variant_learns_and_is_an_ordinary_checkpoint(settings: Settings, arch: Any) -> None:
    schedule = settings.schedule if arch == "pyramidion" else {}
    out = run(replace(settings, arch=arch, schedule=schedule, steps=20, every=10))
    dev = [record["dev_loss"] for record in records(out) if "dev_loss" in record]
    assert dev[0] > dev[1] > dev[2]
    model = AutoModelForSeq2SeqLM.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert len(tokenizer) == model.config.vocab_size
    wanted = {"vanilla": {}, "blockwise": {}, "transpooler": {2: 48}, "pyramidion": {1: 128, 2: 48}}
    assert model.config.pooling == wanted[arch]
    assert model.config.block_size == (None if arch == "vanilla" else 64)


@pytest.mark.parametrize("operator", ["random", "successive-halving"])
def test_a_run_that_stopped_goes_on_as_if_it_had_not(settings: Settings, tmp_path: Path, operator: str) -> None:
    chosen = replace(settings, operator=operator)
    whole = run(replace(chosen, out=tmp_path / "whole"))
    stopped = run(replace(chosen, stop=4))
    assert not (stopped / "checkpoint.json").exists()
    run(replace(chosen, resume=True))
    assert losses(stopped) == losses(whole)
    one, two = (load_file(directory / "model.safetensors") for directory in (stopped, whole))
    assert all(one[key].equal(two[key]) for key in one)
    with pytest.raises(UsageError, match="another operator"):
        run(replace(chosen, operator="hard", resume=True))


def test_workers_change_nothing(settings: Settings, tmp_path: Path) -> None:
    alone = run(replace(settings, out=tmp_path / "alone", steps=3))
    assert losses(run(replace(settings, steps=3, workers=2))) == losses(alone)


def test_lessons_side_by_side_have_the_mean_of_their_losses(settings: Settings) -> None:
    pairs = list(examples(settings.train[0]))
    learner = TranspoolerLearner(settings, pairs).eval()
    lessons = [learner.lesson(example, labelled=False) for example in (pairs[0], pairs[1])]
    short = learner.lesson(Example("s", "k", "One ship. It sank.", "A ship sank in the port."), labelled=False)
    lessons.append(short)
    with torch.no_grad():
        alone = torch.stack([learner([lesson]).summary for lesson in lessons])
        torch.testing.assert_close(learner(lessons).summary, alone.mean(), rtol=1e-4, atol=1e-4)
        # What is asked for is given, not learned.
        logits = learner.model(
            short.document[None], decoder_input_ids=torch.cat((torch.tensor([2]), short.summary[:-1]))[None]
        ).logits[0, short.asked :]
    wanted = torch.nn.functional.cross_entropy(logits, short.summary[short.asked :])
    torch.testing.assert_close(alone[2], wanted, rtol=1e-4, atol=1e-4)


def test_from_a_base_of_the_bart_family(settings: Settings, bart: Path) -> None:
    chosen = replace(settings, base=str(bart), schedule={}, arch="transpooler", rate=0.0, warmup=1)
    out = run(replace(chosen, steps=1))
    start, end = AutoModelForSeq2SeqLM.from_pretrained(bart), AutoModelForSeq2SeqLM.from_pretrained(out)
    torch.testing.assert_close(end.shared.weight, start.model.shared.weight)
    assert end.config.restart_positions
    assert end.config.positions == "learned"
    # And from the result of that, another variant.
    again = run(replace(chosen, base=str(out), arch="vanilla", out=settings.out.with_name("again"), steps=1))
    assert AutoModelForSeq2SeqLM.from_pretrained(again).config.pooling == {}
    document = read_document("long.txt", " ".join(TEXTS[0] for _ in range(60)).encode())
    for model in (out, again):
        assert Summarizer(model, device="cpu").summarize(document, length=20).text


def test_what_is_no_base_is_refused(settings: Settings, small_model: Path, tmp_path: Path) -> None:
    t5 = T5Config(vocab_size=9, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    AutoModelForSeq2SeqLM.from_config(t5).save_pretrained(tmp_path / "t5")
    for base, message in (
        (str(small_model), "no encoder-decoder"),
        (str(tmp_path), "no encoder-decoder to start from"),
        (str(tmp_path / "t5"), "can't start from a t5"),
        ("nothing", "no model 'nothing'"),
    ):
        with pytest.raises(ModelError, match=message):
            run(replace(settings, base=base, schedule={}))


def test_a_reading_says_what_was_kept(settings: Settings) -> None:
    summarizer = Summarizer(run(replace(settings, steps=1)), device="cpu")
    document = read_document("x.txt", " ".join(text for text in TEXTS[:1] * 40).encode())
    tokens = summarizer.tokenize(document)
    reading = summarizer.read(tokens, 20, wording="own")
    kept = reading.kept.tolist()
    assert kept == sorted(set(kept))
    assert len(kept) == 48
    assert len(reading.scores) == len(document.sentences)
    from_the_start = summarizer.read(
        tokens, 20, wording="own", ranking=lambda tokens: -torch.arange(float(len(tokens)))
    )
    assert from_the_start.kept.tolist() == list(range(48))
