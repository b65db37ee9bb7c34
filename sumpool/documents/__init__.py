"""Documents: clean text with its structure, whatever format they come in. Knows nothing of models."""

from sumpool.documents.document import Document, Paragraph, ParagraphKind, Sentence
from sumpool.documents.reading import load, read_document
from sumpool.documents.sentences import split_sentences
from sumpool.documents.speech import is_conversation
from sumpool.documents.text import from_text

__all__ = [
    "Document",
    "Paragraph",
    "ParagraphKind",
    "Sentence",
    "from_text",
    "is_conversation",
    "load",
    "read_document",
    "split_sentences",
]
