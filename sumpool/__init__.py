"""sumpool summarizes long documents: it reads all of a document, keeps what matters, and writes from that.

    from sumpool import Summarizer

    summarizer = Summarizer()
    print(summarizer.summarize("report.pdf", length=120))

The names below are imported when first used, so that `import sumpool` is instant and free of torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sumpool.documents import Document, read_document
    from sumpool.errors import DocumentError, ModelError, SumpoolError, UsageError
    from sumpool.highlight import Highlight
    from sumpool.progress import Progress
    from sumpool.summarizer import Summarizer, summarize
    from sumpool.summary import Passage, Summary

__version__ = "0.1.0"

__all__ = [
    "Summarizer",
    "summarize",
    "Summary",
    "Passage",
    "Highlight",
    "Document",
    "read_document",
    "Progress",
    "SumpoolError",
    "DocumentError",
    "ModelError",
    "UsageError",
]

_HOMES = {
    "sumpool.documents": ("Document", "read_document"),
    "sumpool.errors": ("DocumentError", "ModelError", "SumpoolError", "UsageError"),
    "sumpool.highlight": ("Highlight",),
    "sumpool.progress": ("Progress",),
    "sumpool.summarizer": ("Summarizer", "summarize"),
    "sumpool.summary": ("Passage", "Summary"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'sumpool' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
