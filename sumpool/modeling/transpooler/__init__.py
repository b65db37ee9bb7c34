"""The paper's own architecture: an encoder-decoder that pools what its encoder reads.

Importing this package imports transformers, and registers the family with its Auto classes. The rest
of sumpool does without: nothing outside of training such a model may import it at module level.
"""

from transformers import AutoConfig, AutoModelForSeq2SeqLM

from sumpool.modeling.transpooler.configuration import VARIANTS, TranspoolerConfig, halving_schedule, variant
from sumpool.modeling.transpooler.conversion import convert, from_base
from sumpool.modeling.transpooler.model import EncoderOutput, Transpooler

AutoConfig.register(TranspoolerConfig.model_type, TranspoolerConfig, exist_ok=True)
AutoModelForSeq2SeqLM.register(TranspoolerConfig, Transpooler, exist_ok=True)

__all__ = [
    "VARIANTS",
    "EncoderOutput",
    "Transpooler",
    "TranspoolerConfig",
    "convert",
    "from_base",
    "halving_schedule",
    "variant",
]
