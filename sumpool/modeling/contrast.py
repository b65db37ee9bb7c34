"""Context-aware decoding: what the document makes likelier counts more than what the model would say anyway.

After Shi et al., "Trusting Your Evidence: Hallucinate Less with Context-aware Decoding" (NAACL 2024),
section 2; the plausibility cut is Li et al.'s, "Contrastive Decoding" (ACL 2023), section 3.
"""

from __future__ import annotations

from torch import Tensor

CONTRAST = 0.3
"""How much the difference counts; 0 is plain decoding."""
_PLAUSIBLE = 3.0
"""Nats below the likeliest token, up to which a token is weighed again: what is hardly possible stays so."""


def contrast(seen: Tensor, blind: Tensor, weight: float = CONTRAST) -> Tensor:
    """Logits [..., v] with the document in view and without it -> scores [..., v] in nats, to choose a token by."""
    seen = seen.log_softmax(-1)
    if not weight:
        return seen
    blind = blind.log_softmax(-1)
    plausible = seen > seen.amax(-1, keepdim=True) - _PLAUSIBLE
    return seen + weight * (seen - blind) * plausible
