"""What every Document must satisfy, whatever it was made of, and what reading leaves behind."""

from __future__ import annotations

from itertools import pairwise

from sumpool.documents import Document


def check(document: Document) -> Document:
    """Assert the invariants that Document's docstring promises; gives the document back."""
    text = document.text
    assert "\n\n".join(text[p.start : p.end] for p in document.paragraphs) == text
    for before, after in pairwise(document.paragraphs):
        assert after.start == before.end + 2
    for paragraph in document.paragraphs:
        inside = text[paragraph.start : paragraph.end]
        assert inside.strip()
        assert inside == inside.rstrip()
        assert "\n\n" not in inside
        assert "\r" not in inside
        assert paragraph.kind == "code" or inside == inside.strip()
    position = 0
    paragraphs = iter(document.paragraphs)
    paragraph = next(paragraphs, None)
    for sentence in document.sentences:
        assert position <= sentence.start < sentence.end
        assert not text[position : sentence.start].strip(), "text that no sentence covers"
        inside = text[sentence.start : sentence.end]
        assert inside == inside.strip()
        assert len(inside) <= 1_000
        while paragraph is not None and paragraph.end <= sentence.start:
            paragraph = next(paragraphs, None)
        assert paragraph is not None
        assert paragraph.start <= sentence.start
        assert sentence.end <= paragraph.end
        position = sentence.end
    assert not text[position:].strip(), "text that no sentence covers"
    if document.pages is None:
        assert all(part.page is None for part in (*document.paragraphs, *document.sentences))
    else:
        for part in (*document.paragraphs, *document.sentences):
            assert part.page is not None
            assert 1 <= part.page <= document.pages
    assert len(set(document.left_out)) == len(document.left_out)
    assert document.title is None or document.title.strip() == document.title != ""
    assert not any(0xD800 <= ord(character) < 0xE000 for character in text), "surrogates can't be written as UTF-8"
    assert "\x00" not in text
    return document
