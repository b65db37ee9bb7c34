"""A SentencePiece unigram vocabulary (Kudo 2018) of the training data, as a tokenizer of the tokenizers library.

SentencePiece finds the pieces and their scores; what it does to text before that (normalization) is done here, so that
the tokenizer does the very same when it is used.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram

from sumpool.errors import UsageError
from sumpool.training.corpus import Example

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
"""In the order of BART's."""
_CHARACTERS = 4_000_000
"""Of text that the pieces are found in; more changes little and takes long."""
_COVERAGE = 0.9995
"""Share of characters that get a piece; the others are spelled in bytes."""
_NEVER = -1e4
_SPACE = "▁"
_NORMALIZER = normalizers.Sequence(
    [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip(left=True, right=True)]
)


def train_vocabulary(examples: Sequence[Example], size: int, *, seed: int) -> bytes:
    """A SentencePiece model of `size` pieces, or as many as the data have, for documents and summaries alike.

    UsageError for a size that leaves no room beside the 256 bytes, special tokens and the alphabet.
    """
    import sentencepiece

    made = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_lines(examples, seed),
            model_writer=made,
            model_type="unigram",
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=_COVERAGE,
            # With these, a text that spells out a special token or a byte has another way to be read.
            required_chars="".join(map(chr, range(ord("!"), ord("~") + 1))),
            byte_fallback=True,
            split_digits=True,
            normalization_rule_name="identity",
            max_sentence_length=100_000,
            # The same pieces on every machine.
            num_threads=1,
            minloglevel=2,
            bos_id=SPECIAL.index("<s>"),
            pad_id=SPECIAL.index("<pad>"),
            eos_id=SPECIAL.index("</s>"),
            unk_id=SPECIAL.index("<unk>"),
        )
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise UsageError("vocabulary", f"--vocabulary {size}: {reason} (try another size)") from None
    return made.getvalue()


def as_tokenizer(model: bytes) -> Tokenizer:
    """A SentencePiece model with its normalization, as one tokenizer, which also knows where its tokens stand."""
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
    scores = []
    for index in range(pieces.get_piece_size()):
        spelled = pieces.is_control(index) or pieces.is_unknown(index) or pieces.is_byte(index)
        # SentencePiece finds none of these in a text that spells them out; here nothing but a low score prevents it.
        scores.append((pieces.id_to_piece(index), _NEVER if spelled else pieces.get_score(index)))
    tokenizer = Tokenizer(Unigram(scores, unk_id=SPECIAL.index("<unk>"), byte_fallback=True))
    tokenizer.normalizer = _NORMALIZER
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always")
    # The space that a word begins with stays, also at the start: a token's text tells whether it begins a word.
    tokenizer.decoder = decoders.Sequence([decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def _lines(examples: Sequence[Example], seed: int) -> Iterable[str]:
    """The sentences of documents drawn by chance, and their summaries, normalized."""
    left = _CHARACTERS
    for example in random.Random(seed).sample(examples, len(examples)):
        for text in (example.summary, *(example.document[start:end] for start, end in example.sentences())):
            left -= len(text)
            yield _NORMALIZER.normalize_str(text)
        if left < 0:
            return
