"""E-mail: what its author wrote, without what was quoted and signed below it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from typing import TYPE_CHECKING

from sumpool.documents.building import Block, build
from sumpool.documents.decoding import decode
from sumpool.documents.document import Document
from sumpool.documents.markup import markup_blocks, parse_html, tag_of
from sumpool.documents.repair import repair, squeeze
from sumpool.documents.sections import Abstract, select
from sumpool.documents.text import text_blocks
from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_SEPARATOR = re.compile(rb"(?:\A|(?<=\n))From [^\n]*\n(?=[!-9;-~]+:)")
_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_ATTRIBUTION = re.compile(
    r"\s*(?:On\b.{5,200}\bwrote|Am\b.{5,200}\bschrieb\b.{0,80}|Le\b.{5,200}\ba écrit|El\b.{5,200}\bescribió"
    r"|.{3,120}\b(?:wrote|writes)|\d{4}-\d\d-\d\d.{3,120}<[^>]*@[^>]*>)\s*:\s*$"
)
_REPLY = re.compile(r"\s*-{2,}\s*(?:Original Message|Ursprüngliche Nachricht|Message d'origine)\s*-{2,}\s*$", re.I)
_OUTLOOK = re.compile(r"\s*(?:From|Von|De):\s.+", re.I)
_OUTLOOK_NEXT = re.compile(r"\s*(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|To|An|Subject|Betreff):\s.+", re.I)
_SIGNATURE = re.compile(r"--\s?$")
_SENT_FROM = re.compile(r"\s*(?:Sent from my \w+|Von meinem \w+ gesendet|Get Outlook for \w+)", re.I)
_QUOTING_CLASSES = frozenset({"gmail_quote", "moz-cite-prefix", "yahoo_quoted", "OutlookMessageHeader", "gmail_attr"})
_SIGNING_CLASSES = frozenset({"gmail_signature", "moz-signature"})


def read_mail(data: bytes, source: str, *, suffix: str, abstract: Abstract) -> Document:
    """The Document of a message's bytes, its subject as the title; of a mailbox's, all messages in their order.

    Raises DocumentError.
    """
    messages = [message_from_bytes(each) for each in _messages(data)]
    blocks: list[Block] = []
    left_out: list[str] = []
    for message in messages:
        own = [block for part in _texts(message) for block in _blocks(part, left_out) if block.text.strip()]
        kept, sections = select(own, abstract)
        left_out += sections
        subject = _subject(message)
        if own and subject:
            blocks.append(Block("heading", subject, level=1))
        blocks += kept
    if not any(block.kind != "heading" for block in blocks):
        raise DocumentError("no-text", "e-mail without text (if its text is in an attachment, save that)")
    return build(source, blocks, title=_subject(messages[0]) or None, left_out=left_out)


def _messages(data: bytes) -> list[bytes]:
    """The messages of a mailbox (mbox), where that is what it is."""
    if not data.startswith(b"From "):
        return [data]
    # "From " in a message's own text is quoted as ">From ".
    return [_QUOTED_FROM.sub(rb"\1", message) for message in _SEPARATOR.split(data) if message.strip()] or [data]


def _subject(message: Message) -> str:
    raw = message.get("Subject", "")
    try:
        text = str(make_header(decode_header(str(raw))))
    except (LookupError, ValueError, MessageError):  # an encoding that is none, or is not kept to
        text = str(raw)
    return squeeze(repair(" ".join(text.split())))


def _texts(message: Message) -> list[Message]:
    """The parts that hold the message's text; attached files do not, attached messages only if nothing else does."""
    texts: list[Message] = []
    attached: list[Message] = []
    stack = [message]
    while stack:
        part = stack.pop()
        inside = [each for each in part.get_payload() if isinstance(each, Message)] if part.is_multipart() else []
        kind = part.get_content_type()
        if kind == "multipart/alternative" and inside:
            plain = [each for each in inside if each.get_content_type() == "text/plain" and _content(each)]
            stack += plain[:1] or inside[-1:]  # the last is the one that the sender likes best
        elif kind == "message/rfc822" and part is not message:
            attached += inside
        elif inside:
            stack += reversed(inside)
        elif part.get_content_disposition() == "attachment":
            continue
        elif kind.startswith(("text/plain", "text/html", "multipart/")) and _content(part):
            texts.append(part)  # "multipart" without parts is plain text
    if not texts and attached:
        return _texts(attached[0])
    return texts


def _blocks(part: Message, left_out: list[str]) -> Iterator[Block]:
    if part.get_content_type() == "text/html":
        return _of_html(_content(part), left_out)
    return _of_plain(_content(part), part.get_param("format") == "flowed", left_out)


def _content(part: Message) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes) or not data.strip():
        return ""
    return decode(data, part.get_content_charset())


def _of_plain(text: str, flowed: bool, left_out: list[str]) -> Iterator[Block]:
    lines = _unflowed(text.split("\n")) if flowed else text.split("\n")
    own = list(_own(lines, left_out))
    if not any(line.strip() for line in own):  # nothing but a quotation: then that is what the mail says
        own = [re.sub(r"^(?:>\s?)+", "", line) for line in lines]
        left_out.clear()
    yield from text_blocks("\n".join(own))


def _unflowed(lines: list[str]) -> list[str]:
    """Lines that a program broke, and marked with a space at the end, whole again (RFC 3676)."""
    whole: list[str] = []
    open_line = False
    for line in lines:
        quoted = line.startswith(">")
        text = line if quoted else line.removeprefix(" ")
        if open_line and not quoted and line != "-- ":
            whole[-1] += text
        else:
            whole.append(text)
        open_line = line.endswith(" ") and line != "-- " and not quoted
    return whole


def _own(lines: list[str], left_out: list[str]) -> Iterator[str]:
    """The author's own lines."""
    for number, line in enumerate(lines):
        following = lines[number + 1 : number + 4]
        if _SIGNATURE.match(line) or (_SENT_FROM.match(line) and not any(len(text) > 60 for text in following)):
            left_out.append("signature")
            if not any(text.startswith(">") for text in lines[number:]):
                return
            lines = [text if text.startswith(">") else "" for text in lines]  # signed above what is quoted
        elif line.lstrip().startswith(">"):
            left_out.append("quotations")
        elif _REPLY.match(line) or _is_outlook(line, following):
            left_out.append("quotations")
            return
        elif not _introduces(lines, number):
            yield line


def _is_outlook(line: str, following: list[str]) -> bool:
    """Whether this is the first of the lines in which Outlook repeats the header of what is replied to."""
    return _OUTLOOK.match(line) is not None and sum(map(bool, map(_OUTLOOK_NEXT.match, following))) >= 2


def _introduces(lines: list[str], number: int) -> bool:
    """Whether this line says who is quoted below it: "On Monday, Anna wrote:", perhaps broken in two."""
    for count in (1, 2):
        text = " ".join(line.strip() for line in lines[number : number + count])
        after = next((line for line in lines[number + count : number + count + 3] if line.strip()), "")
        if _ATTRIBUTION.match(text) and after.lstrip().startswith(">"):
            return True
    # The second line of two.
    text = " ".join(line.strip() for line in lines[max(0, number - 1) : number + 1])
    after = next((line for line in lines[number + 1 : number + 4] if line.strip()), "")
    return number > 0 and text.startswith("On ") and bool(_ATTRIBUTION.match(text)) and after.lstrip().startswith(">")


def _of_html(text: str, left_out: list[str]) -> Iterator[Block]:
    root = parse_html(text) if text.strip() else None
    if root is None:
        return
    everything = list(markup_blocks(root))
    names: list[str] = []
    for element in list(root.iter()):
        name = _foreign(element)
        if name:
            names.append(name)
            element.clear(keep_tail=True)  # answers stand between the quotations
    own = list(markup_blocks(root))
    if own:
        left_out += names
    yield from own or everything


def _foreign(element: _Element) -> str:
    """Which part of a mail that is not its author's text this element is, if any."""
    classes = set(element.get("class", "").split()) if isinstance(element.tag, str) else set()
    if classes & _SIGNING_CLASSES:
        return "signature"
    if classes & _QUOTING_CLASSES or (tag_of(element) == "blockquote" and element.get("type") == "cite"):
        return "quotations"
    return "quotations" if element.get("id") in ("divRplyFwdMsg", "appendonsend") else ""
