"""Every format besides PDF, plain text and Markdown: what is read, what is left out, how the format is found."""

from __future__ import annotations

import gzip
from email.message import EmailMessage
from pathlib import Path

import pytest
from checking import check
from handmade import docx, epub, odt, p, zipped
from handset import prose

from sumpool.documents import Document, is_conversation, read_document
from sumpool.errors import DocumentError


def read(data: str | bytes, name: str = "-", **options: object) -> Document:
    raw = data.encode() if isinstance(data, str) else data
    return check(read_document(name, raw, **options))  # type: ignore[arg-type]


def kinds(document: Document) -> list[tuple[str, str]]:
    return [(part.kind, document.text[part.start : part.end]) for part in document.paragraphs]


def error(data: str | bytes, name: str = "-", **options: object) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read(data, name, **options)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 160
    return caught.value


# Web pages

MENU = "".join(f'<li><a href="/{word}">{word}</a></li>' for word in ("Home", "News", "Sport", "Weather"))
PAGE = f"""<!-- saved --><!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Dredging the Harbour | The Daily News</title>
<script>var x = "<p>Never shown to anybody at all, whatever they do.</p>";</script>
<style>p {{ color: red }}</style></head>
<body><header><nav><ul>{MENU}</ul></nav></header>
<main><article><h1>Dredging the Harbour</h1>
<p>{prose(1)} <b>Bold</b>&nbsp;words&hellip;</p>
<h2>What it <em>costs</em><a href="#costs">¶</a></h2>
<p>{prose(2)}<br>{prose(3, 20)}</p>
<ul><li>The first item of this list is about money.</li><li>The second item of this list is about mud.
<ol><li>A nested item that has a number.</li></ol></li></ul>
<pre>x = 1
  y = 2</pre>
<table><tr><th>Year</th><th>Ships</th></tr><tr><td>1911</td><td>four hundred</td></tr></table>
<div style="display:none"><p>{prose(9)}</p></div>
<h2>References</h2><p>Somebody, Something, 1999. {prose(4, 20)}</p>
</article></main>
<aside><p>Subscribe to our newsletter!</p></aside>
<footer><p>© 2024 The Daily News. All rights reserved. <a href="/terms">Terms</a></p></footer>
</body></html>"""


def test_html() -> None:
    document = read(PAGE)
    assert document.title == "Dredging the Harbour"
    assert document.left_out == ("references",)
    assert document.pages is None
    assert kinds(document) == [
        ("heading", "Dredging the Harbour"),
        ("body", f"{prose(1)} Bold words…"),
        ("heading", "What it costs"),
        ("body", f"{prose(2)} {prose(3, 20)}"),
        (
            "list",
            "- The first item of this list is about money.\n- The second item of this list is about mud.\n"
            "1. A nested item that has a number.",
        ),
        ("code", "x = 1\n  y = 2"),
        ("table", "Year | Ships\n1911 | four hundred"),
    ]


def test_html_in_the_encoding_that_it_declares() -> None:
    page = '<html><head><meta charset="iso-8859-7"></head><body><p>Η θάλασσα είναι βαθιά.</p></body></html>'
    assert read(page.encode("iso-8859-7")).text == "Η θάλασσα είναι βαθιά."
    dangerous = page.replace("iso-8859-7", "unicode_escape").encode("iso-8859-7")
    assert read(dangerous).text


def test_html_is_read_even_where_it_is_malformed() -> None:
    text = "The harbour was dredged in 1911, and it has silted up since then."
    assert read(f"<p>{text}<div></p></b><p>{text}</body><p>{text}", "x.html").text.count(text) == 3
    assert text in read(f"<html>{text}").text


def test_html_nested_without_end() -> None:
    for tag in ("div", "b", "ul><li", "table><tr><td", "blockquote"):
        page = "<html><body>" + f"<{tag}>" * 20_000 + "The harbour was dredged in 1911." + "</p>" * 50
        try:
            assert "harbour" in read(page, timeout=30).text
        except DocumentError as problem:
            assert problem.kind in ("damaged", "no-text", "memory")  # noqa: PT017


def test_html_without_text() -> None:
    assert error("<html><body><img src=x></body></html>").kind == "no-text"


# Office files

BODY = (
    p("A Report", "Titel")
    + p("Contents 1", "TOC1")
    + p("Costs", "berschrift1")
    + p("<w:r><w:t>The harbour</w:t></w:r><w:r><w:tab/><w:t>was </w:t></w:r>"
        "<w:del><w:r><w:delText>not </w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>dredged.</w:t></w:r></w:ins><w:r><w:footnoteReference w:id=\"2\"/></w:r>"
        "<w:hyperlink><w:r><w:t> See there.</w:t></w:r></w:hyperlink><w:r><w:instrText>PAGE</w:instrText></w:r>")
    + p("Derived", "Eigene")
    + p("By its outline", "Umriss")
    + p("one", "", (1, 0)) + p("two", "", (1, 0))
    + p("Between the lists.", "Ring")
    + p("first", "", (2, 0)) + p("inner", "", (2, 1)) + p("second", "", (2, 0))
    + "<w:sdt><w:sdtContent>" + p("In a control.") + "</w:sdtContent></w:sdt>"
    + "<w:tbl><w:tr><w:tc>" + p("a") + "</w:tc><w:tc>" + p("b") + "</w:tc></w:tr>"
      "<w:tr><w:tc>" + p("1") + "</w:tc><w:tc>" + p("2") + "</w:tc></w:tr></w:tbl>"
    + p("Table 1: Numbers.", "Beschriftung")
    + p("References", "berschrift1") + p("Somebody, 1999.")
)  # fmt: skip
FOOTNOTES = '<w:footnote w:type="separator" w:id="0">' + p("---") + '</w:footnote><w:footnote w:id="2">' + p("In 1911.")


def test_docx() -> None:
    document = read(docx(BODY, footnotes=FOOTNOTES + "</w:footnote>"))
    assert document.title == "A Report"
    assert document.left_out == ("contents", "references")
    assert kinds(document) == [
        ("heading", "A Report"),
        ("heading", "Costs"),
        ("body", "The harbour was dredged. See there."),
        ("footnote", "In 1911."),
        ("heading", "Derived"),
        ("heading", "By its outline"),
        ("list", "- one\n- two"),
        ("body", "Between the lists."),
        ("list", "1. first\n- inner\n2. second"),
        ("body", "In a control."),
        ("table", "a | b\n1 | 2"),
        ("caption", "Table 1: Numbers."),
    ]


def test_docx_without_anything_but_text() -> None:
    from handmade import W

    text = f"<w:document {W}><w:body>{p('Only words.')}</w:body></w:document>"
    document = read(zipped({"word/document.xml": text}))
    assert (document.text, document.title) == ("Only words.", None)
    assert error(docx("")).kind == "no-text"


ODT_STYLES = (
    '<style:style style:name="P1" style:parent-style-name="Title"/>'
    '<text:list-style style:name="L1"><text:list-level-style-number text:level="1"/></text:list-style>'
)
ODT_BODY = (
    '<text:p text:style-name="P1">A Report</text:p>'
    "<text:tracked-changes><text:p>Deleted.</text:p></text:tracked-changes>"
    "<text:table-of-content><text:index-body><text:p>Costs 1</text:p></text:index-body></text:table-of-content>"
    '<text:h text:outline-level="1">Costs</text:h>'
    "<text:p>The <text:span>harbour</text:span><text:s/>was<text:tab/>dredged.<text:note><text:note-citation>1"
    "</text:note-citation><text:note-body><text:p>In 1911.</text:p></text:note-body></text:note> See"
    "<text:line-break/>there.<office:annotation><text:p>Comment.</text:p></office:annotation></text:p>"
    '<text:list text:style-name="L1"><text:list-item><text:p>first</text:p><text:list><text:list-item>'
    "<text:p>inner</text:p></text:list-item></text:list></text:list-item><text:list-item><text:p>second</text:p>"
    "</text:list-item></text:list>"
    "<text:section><text:list><text:list-item><text:p>one</text:p></text:list-item></text:list></text:section>"
    "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell>"
    "<text:p>b</text:p></table:table-cell></table:table-row></table:table>"
    '<text:h text:outline-level="1">References</text:h><text:p>Somebody, 1999.</text:p>'
)


def test_odt() -> None:
    document = read(odt(ODT_BODY, ODT_STYLES))
    assert document.title == "A Report"
    assert document.left_out == ("contents", "references")
    assert kinds(document) == [
        ("heading", "A Report"),
        ("heading", "Costs"),
        ("body", "The harbour was dredged. See there."),
        ("footnote", "In 1911."),
        ("list", "1. first\n- inner\n2. second"),
        ("list", "- one"),
        ("table", "a | b"),
    ]
    assert error(odt("")).kind == "no-text"


CHAPTERS = {
    "nav.xhtml": "<nav><ol><li>One</li></ol></nav>",
    "one.xhtml": f"<h1>One</h1><p>{prose(1)}<sup><a href='#n'>1</a></sup></p><p/><script/>"
    "<p>Caf&eacute; &amp; bar.</p>",
    "two three.xhtml": f'<section><h1>Two</h1><span epub:type="pagebreak">7</span><p>{prose(2)}</p></section>',
    "bad.xhtml": "<?xml version='1.0'?><html><body><p>Unclosed <b>words<p>and more.</body>",
}


def test_epub() -> None:
    document = read(epub(CHAPTERS))
    assert document.title == "The Book"
    assert kinds(document) == [
        ("heading", "One"),
        ("body", prose(1)),
        ("body", "Café & bar."),
        ("heading", "Two"),
        ("body", prose(2)),
        ("body", "Unclosed words"),
        ("body", "and more."),
    ]


def test_epub_spine_leads_only_to_what_is_in_the_book(tmp_path: Path) -> None:
    (tmp_path / "secret.xhtml").write_text("<html><body><p>secret</p></body></html>")
    chapters = {"one.xhtml": "<p>Words.</p>", f"../../../../../..{tmp_path}/secret.xhtml": "<p>inside</p>"}
    document = read(epub(chapters, spine='<itemref idref="one.xhtml"/><itemref idref="nowhere"/>' * 3))
    assert document.text == "Words."
    data = epub({"one.xhtml": "<p>Words.</p>"}).replace(b"text/one.xhtml", b"..//secret.xht")
    assert "secret" not in str(error(data))


def test_protected_files() -> None:
    drm = (
        '<encryption><EncryptedData><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>'
        "</EncryptedData></encryption>"
    )
    assert error(epub(CHAPTERS, encryption=drm)).kind == "encrypted"
    fonts = drm.replace("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "http://www.idpf.org/2008/embedding")
    assert read(epub(CHAPTERS, encryption=fonts)).text
    manifest = (
        '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><m:encryption-data/></m:manifest>'
    )
    parts = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "META-INF/manifest.xml": manifest,
        "content.xml": "x",
    }
    assert error(zipped(parts)).kind == "encrypted"


# LaTeX

LATEX = r"""% nobody reads this
\documentclass[11pt]{article}
\newcommand{\ours}{\textsc{Pyramid}\xspace}
\newcommand{\red}[1]{\textcolor{red}{#1}}
\newcommand{\todo}[1]{}
\def\eps{\varepsilon}
\title{A Study of \ours:\\ Pooling\thanks{Funded by nobody.}}
\author{Jane Doe \and John Roe}
\begin{document}
\maketitle
\begin{abstract}
We study \ours, which is 50\% faster~\cite{foo}. % hidden words
It keeps $k$ of $n$ tokens.
\end{abstract}
\section{Introduction}\label{sec:intro}
Long documents are \emph{hard} \citep[see][p.~3]{bar}. Na\"ive users---and M\"uller---agree
(Section~\ref{sec:x}).\footnote{A note.} See \href{http://x.y/a%20b}{our page}.
\todo{fix this} \red{Coloured text} stays, ``quoted''. \verb|a_b| is code.

Let $\alpha_i \leq 1$ and \eps be small. Then
\begin{equation}
E = mc^2 \label{eq:1}
\end{equation}
and
\begin{align*}
\sum_{i=1}^{n} \frac{\exp(x_i) \cdot \beta_{i}^{2}}{\sqrt{1+\gamma_i^2}} &= \int_0^\infty f(x) g(x) h(x)\,dx \\
&\geq \max_{j \in J} \left\{ \frac{a_j}{b_j} \right\}
\end{align*}
hold.
\begin{itemize}
\item First, with \textbf{bold}.
\item Second
  \begin{enumerate}
  \item nested
  \end{enumerate}
\end{itemize}
\begin{figure}[t]
\includegraphics[width=\linewidth]{x.png}
\caption[short]{A figure of \ours.}
\end{figure}
\begin{tabular}{l|r}
\toprule
a & b \\ \midrule
1 & 2 \\
\end{tabular}
\begin{lstlisting}[language=Python]
x = 1 % 2
print("$x$")
\end{lstlisting}
\input{other}
\section*{Acknowledgments}
Thanks.
\bibliography{refs}
\appendix
\section{Proofs}
Not read.
\end{document}
after the end
"""


def test_latex() -> None:
    document = read(LATEX)
    assert document.title == "A Study of Pyramid: Pooling"
    assert document.left_out == ("acknowledgements", "references", "appendix")
    assert kinds(document) == [
        ("heading", "A Study of Pyramid: Pooling"),
        ("abstract", "We study Pyramid, which is 50% faster. It keeps k of n tokens."),
        ("heading", "Introduction"),
        (
            "body",
            "Long documents are hard. Naïve users—and Müller—agree. See our page. Coloured text stays, “quoted”. "
            "a_b is code.",
        ),
        ("footnote", "A note."),
        ("body", "Let α_i ≤1 and ε be small. Then E = mc^2 and … hold."),
        ("list", "- First, with bold.\n- Second\n1. nested"),
        ("caption", "A figure of Pyramid."),
        ("table", "a | b\n1 | 2"),
        ("code", 'x = 1 % 2\nprint("$x$")'),
    ]


def test_latex_abstract_can_be_dropped() -> None:
    document = read(LATEX, abstract="drop")
    assert "50%" not in document.text
    assert "abstract" in document.left_out


def test_latex_that_grows_or_recurs() -> None:
    doubling = "\\documentclass{article}" + "".join(
        f"\\newcommand{{\\m{letter}}}{{\\m{after}\\m{after}}}"
        for letter, after in zip("abcdefghijklm", "bcdefghijklmn", strict=True)
    )
    assert "Words." in read(doubling + "\\begin{document}Words. \\ma\\end{document}").text
    assert error("\\documentclass{article}" + "{" * 50_000 + "x").kind in ("damaged", "no-text")
    assert (
        "here"
        in read("\\documentclass{article}\\newcommand{\\a}{\\a\\a}\\begin{document}here \\a.\\end{document}").text
    )


# E-mail


def message(text: str, html: str = "", **headers: str) -> bytes:
    mail = EmailMessage()
    for name, value in {
        "From": "Anna <a@example.org>",
        "To": "b@example.org",
        "Subject": "Der Hafen – größer",
        **headers,
    }.items():
        mail[name.replace("_", "-")] = value
    if text:
        mail.set_content(text)
    if html and text:
        mail.add_alternative(html, subtype="html")
    elif html:
        mail.set_content(html, subtype="html")
    return bytes(mail)


def test_mail() -> None:
    text = (
        f"Dear Ben,\n\n{prose(1, 30)}\n\n"
        "On Mon, 3 Jun 2024, Ben <b@example.org>\nwrote:\n> What about the mud?\n>> Older.\n\n"
        f"{prose(2, 30)}\n\n-- \nAnna Smith\nHarbour Office\n"
    )
    document = read(message(text, "<p>Other</p>"))
    assert document.title == "Der Hafen – größer"
    assert document.left_out == ("quotations", "signature")
    assert document.text == f"Der Hafen – größer\n\nDear Ben,\n\n{prose(1, 30)}\n\n{prose(2, 30)}"


def test_mail_above_a_full_quotation() -> None:
    text = "Yes, do it.\n\nFrom: Ben\nSent: Monday\nTo: Anna\nSubject: Mud\n\nShall we?\n"
    assert read(message(text)).text.endswith("Yes, do it.")
    text = "Yes, do it.\n\n-----Original Message-----\nShall we?\n"
    assert read(message(text)).text.endswith("Yes, do it.")


def test_mail_that_only_quotes_is_read_all_the_same() -> None:
    assert "What about the mud?" in read(message("> What about the mud?\n")).text


def test_mail_in_html() -> None:
    html = (
        "<html><body><p>The harbour <b>was</b> dredged.</p><blockquote type='cite'><p>Old.</p></blockquote>And again."
        "<div class='gmail_signature'>Anna</div></body></html>"
    )
    document = read(message("", html))
    assert document.text == "Der Hafen – größer\n\nThe harbour was dredged.\n\nAnd again."
    assert document.left_out == ("quotations", "signature")


def test_mail_with_attachments_and_odd_encodings() -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "a@example.org", "Files"
    mail.set_content("Größe und Tiefe des Hafens.", charset="iso-8859-1")
    mail.add_attachment("attached words", filename="x.txt")
    mail.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="x.pdf")
    assert read(bytes(mail), "x.eml").text == "Files\n\nGröße und Tiefe des Hafens."
    raw = b"From: a@b.c\nSubject: =?no-such-code?q?x?=\nContent-Type: text/plain; charset=no-such-code\n\nWords."
    assert read(raw, "x.eml").text.endswith("Words.")


def test_mail_in_several_parts() -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "a@example.org", "Parts"
    mail.set_content("Before the picture.")
    mail.make_mixed()
    mail.add_attachment("After the picture.", disposition="inline")
    assert read(bytes(mail), "x.eml").text == "Parts\n\nBefore the picture.\n\nAfter the picture."
    forwarding = EmailMessage()
    forwarding["From"], forwarding["Subject"] = "b@example.org", "Fwd: Parts"
    forwarding.make_mixed()
    forwarding.add_attachment(mail)
    assert read(bytes(forwarding), "x.eml").text == "Fwd: Parts\n\nBefore the picture.\n\nAfter the picture."


def test_flowed_lines_are_joined() -> None:
    head = b"From: a@b.c\nSubject: s\nDate: d\nContent-Type: text/plain; format=flowed\n\n"
    raw = head + b"The harbour \nwas dredged.\n\nAgain.\n"
    assert read(raw).text == "s\n\nThe harbour was dredged.\n\nAgain."


def test_plain_text_that_mentions_headers_is_no_mail() -> None:
    assert read("From: the harbour\nwe sailed on.\n").title is None


# Subtitles and transcripts

SRT = """1
00:00:01,000 --> 00:00:03,000
<i>The harbour was dredged</i>
in 1911.

2
00:00:03,500 --> 00:00:05,000
It has silted up since. [music]

3
00:00:20,000 --> 00:00:22,000
ANNA: Only small boats
call there now.
"""
VTT = """WEBVTT - The Harbour

NOTE nothing to see

STYLE
::cue { color: red }

00:01.000 --> 00:03.000 align:start position:0%
the harbour<00:01.500><c> was</c><00:02.000><c> dredged</c>

00:03.000 --> 00:03.010
the harbour was dredged

00:03.010 --> 00:05.000
the harbour was dredged
in 1911 &amp; later

00:05.000 --> 00:07.000
in 1911 &amp; later
<v Ben>and again.</v>
"""


def test_subtitles() -> None:
    for data in (SRT.encode(), SRT.replace("\n", "\r\n").encode(), SRT.encode("utf-16")):
        assert read(data).text == (
            "The harbour was dredged in 1911. It has silted up since.\n\nANNA: Only small boats call there now."
        )
    document = read(VTT)
    assert document.title == "The Harbour"
    assert document.text == "the harbour was dredged in 1911 & later\n\nBen: and again."
    assert error("WEBVTT\n\n00:01.000 --> 00:03.000\n\n").kind == "no-text"


def test_transcripts() -> None:
    stamped = (
        "Council meeting\n\n[00:01] Anna: The harbour was dredged.\n[00:05] It has silted up.\n[00:09] Ben: Has it?\n"
    )
    document = read(stamped)
    assert document.title == "Council meeting"
    assert document.text == "Council meeting\n\nAnna: The harbour was dredged. It has silted up.\n\nBen: Has it?"
    pasted = "".join(f"0:{10 * n:02}\npiece {n} of what was said\n" for n in range(5))
    assert read(pasted).text == " ".join(f"piece {n} of what was said" for n in range(5))
    named = "Anna Smith 0:15\nThe harbour was dredged.\nTwice.\n\nBen 0:20\nHas it?\n\nAnna Smith 0:25\nYes.\n"
    assert read(named).text == "Anna Smith: The harbour was dredged. Twice.\n\nBen: Has it?\n\nAnna Smith: Yes."


@pytest.mark.parametrize(
    ("paragraphs", "conversation"),
    [
        (["Anna: Is it open?", "Project Manager: It is.", "Anna: Good."], True),
        (["The meeting", "Person 1: Is it open?", "Person 2: It is.", "Person 1: Good."], True),
        (["Ship: a boat.", "Port: a place.", "Quay: a wall."], False),
        (["Anna: It is open.", "Anna: It was shut.", "Anna: It is open again."], False),
        (["Anna: Is it open?", "Ben: It is.", "Anna: Good.", *map(prose, range(4))], False),
        (["At 10:30 it opened.", "At 11:30 it was shut.", "At 12:30 it was open."], False),
        ([prose(0)], False),
    ],
)
def test_conversations_are_told_from_prose(paragraphs: list[str], conversation: bool) -> None:
    assert is_conversation(read("\n\n".join(paragraphs), "notes.txt")) == conversation


def test_a_text_with_some_times_in_it_is_no_transcript() -> None:
    text = "\n\n".join([*map(prose, range(6)), "10:30 The train leaves.", "11:45 It arrives."])
    assert read(text).text == text


# gzip


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"Plain words.", "-", "Plain words."),
        (b"# Heading\n\nWords.", "notes.md.gz", "Heading\n\nWords."),
        (SRT.encode("utf-16"), "film.srt.gz", "The harbour was dredged in 1911. It has silted up since.\n\n"
         "ANNA: Only small boats call there now."),
        (LATEX.encode(), "paper.gz", read(LATEX).text),
    ],
)  # fmt: skip
def test_gzip(data: bytes, name: str, expected: str) -> None:
    assert read(gzip.compress(data), name).text == expected
    half = len(data) // 2
    assert read(gzip.compress(data[:half]) + gzip.compress(data[half:]), name).text == expected


def test_gzip_errors() -> None:
    data = gzip.compress(b"Plain words. " * 1000)
    assert error(data[:-20]).kind == "damaged"
    assert error(data[:20] + b"xxxx" + data[24:]).kind == "damaged"
    assert error(gzip.compress(b"")).kind == "empty"
    for inside in (data, zipped({"a": "b"}), b"%PDF-1.4 ..."):
        assert "unpack it first" in error(gzip.compress(inside)).message


# Which format it is


@pytest.mark.parametrize("suffix", ["", ".txt", ".md", ".docx", ".html", ".eml"])
def test_contents_decide_before_the_name(suffix: str) -> None:
    name = f"file{suffix}"
    assert read(docx(BODY), name).title == "A Report"
    assert read(epub(CHAPTERS), name).title == "The Book"
    assert read(PAGE, name).title == "Dredging the Harbour"
    assert read(LATEX, name).title == "A Study of Pyramid: Pooling"
    assert read(message("Words."), name).title == "Der Hafen – größer"
    assert read(SRT, name).text.startswith("The harbour was dredged in 1911.")


def test_the_name_decides_where_contents_do_not() -> None:
    assert read("We use <b>tags</b> here.", "a.html").text == "We use tags here."
    assert read("We use <b>tags</b> here.", "a.txt").text == "We use <b>tags</b> here."
    assert read("A part with \\emph{words} in it.", "part.tex").text == "A part with words in it."
    assert read("No markup at all.", "a.html").text == "No markup at all."
    assert read("No header at all.", "a.eml").text == "No header at all."


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (zipped({"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"}), "Excel"),
        (zipped({"[Content_Types].xml": "<x/>", "ppt/presentation.xml": "<x/>"}), "PowerPoint"),
        (odt("", mimetype="application/vnd.oasis.opendocument.spreadsheet"), "spreadsheet"),
        (zipped({"a.txt": "words"}), "ZIP archive"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "PNG image"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 50, "JPEG image"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt " + b"\x00" * 50, "audio"),
        (b"\x00\x00\x00\x20ftypisom" + b"\x00" * 50, "video"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 50, "old office file"),
        (b"x" * 100 + b"\x00" * 157 + b"ustar\x0000", "tar archive"),
        (b"\x00" * 60 + b"BOOKMOBI", "Kindle"),
        (b"\x7fELF\x02\x01\x01" + b"\x00" * 50, "program"),
    ],
)
def test_binary_files_are_named(data: bytes, words: str) -> None:
    for name in ("-", "file.txt"):
        problem = error(data, name)
        assert problem.kind == "binary"
        assert words in problem.message


REFERENCES = r"""
\documentclass{article}
\begin{document}
\section{First}\label{sec:first}
In Section~\ref{sec:second} we show Figure~\ref{fig:a}, in \autoref{sec:deep} the rest (see Section~\ref{nowhere}).
By Equation~\eqref{eq:b}, on page~\pageref{sec:first}, and by Theorem~\ref{thm:a}, \Cref{sec:first} hold.
\section*{Unnumbered}
\section{Second}\label{sec:second}
\begin{figure}\begin{center}\caption{A harbour.\label{fig:a}}\end{center}\end{figure}
\begin{table}\caption{Its depths.}\label{tab:a}\end{table}
\begin{equation}a\label{eq:a}\end{equation}\begin{equation}\begin{split}b\end{split}\label{eq:b}\end{equation}
\begin{theorem}\label{thm:a}It silts up.\end{theorem}
\appendix
\section{More}
\subsection{Deep}\label{sec:deep} Words.
\end{document}
"""


def test_latex_references_have_their_numbers() -> None:
    text = read(REFERENCES, "a.tex").text
    assert "In Section 2 we show Figure 1, in Section A.1 the rest." in text
    assert "By Equation (2), on page …, and by Theorem …, Section 1 hold." in text


def test_latex_references_in_books_begin_with_the_chapter() -> None:
    source = REFERENCES.replace(r"\section{First}", r"\chapter{One}\section{First}").replace(
        r"\section{Second}", r"\chapter{Two}\section{Second}"
    )
    assert "In Section 2.1 we show Figure 2.1" in read(source, "a.tex").text


MAILBOX = b"""From anna@example.org Mon Jan  1 00:00:00 2024
From: Anna <anna@example.org>
Subject: The harbour

We should dredge it before spring.

>From my side it is settled.

From ben@example.org Mon Jan  1 00:10:00 2024
From: Ben <ben@example.org>
Subject: Re: The harbour

I do not agree, it costs too much.

> We should dredge it before spring.
"""


def test_a_mailbox_is_read_message_by_message() -> None:
    document = read(MAILBOX)
    assert document.title == "The harbour"
    assert document.text.split("\n\n") == [
        "The harbour",
        "We should dredge it before spring.",
        "From my side it is settled.",
        "Re: The harbour",
        "I do not agree, it costs too much.",
    ]
    assert document.left_out == ("quotations",)
