"""PDFs whose text is known, because the tests set them: what comes back must be that text."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from checking import check
from handset import HEIGHT, WIDTH, Paper, plain_page, prose
from reportlab.pdfgen.canvas import Canvas

from sumpool.documents import Document, read_document


def read(data: bytes, **options: object) -> Document:
    return check(read_document("paper.pdf", data, **options))  # type: ignore[arg-type]


def parts(document: Document, kind: str) -> list[str]:
    return [document.text[p.start : p.end] for p in document.paragraphs if p.kind == kind]


def long_paper(**options: object) -> tuple[Paper, list[str]]:
    """A paper of several pages, and its body paragraphs."""
    paper = Paper(**options)  # type: ignore[arg-type]
    body = [prose(seed, sentences=7) for seed in range(24)]
    paper.heading("1 Introduction")
    for number, text in enumerate(body):
        if number in (8, 16):
            paper.heading(f"{number // 8 + 1} Section Number {number // 8 + 1}")
        paper.body(text)
    return paper, body


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("spaces", [False, True], ids=["gaps", "spaces"])
def test_text_comes_back_word_for_word(columns: int, spaces: bool) -> None:
    paper, body = long_paper(columns=columns, spaces=spaces)
    document = read(paper.pdf())
    assert parts(document, "body") == body
    assert document.pages is not None
    assert document.pages > 1
    assert document.title == paper.title
    assert parts(document, "heading")[1:] == ["1 Introduction", "2 Section Number 2", "3 Section Number 3"]


def test_nothing_of_heads_feet_and_authors_is_left() -> None:
    document = read(long_paper()[0].pdf())
    for furniture in ("Journal of", "A. Example", "Institute of", "Ben Sample"):
        assert furniture not in document.text
    assert "authors" in document.left_out


def test_sentences_know_their_pages() -> None:
    document = read(long_paper()[0].pdf())
    pages = [sentence.page for sentence in document.sentences]
    assert pages == sorted(pages, key=lambda page: page or 0)
    assert set(pages) == set(range(1, (document.pages or 0) + 1))


def test_a_paragraph_goes_on_over_the_page_and_around_a_footnote() -> None:
    paper = Paper()
    for seed in range(6):
        paper.body(prose(seed, 8))
    paper.note("A note that belongs to nobody's sentence, with its own full stop.")
    for seed in range(6, 20):
        paper.body(prose(seed, 8))
    document = read(paper.pdf())
    assert parts(document, "body") == [prose(seed, 8) for seed in range(20)]
    assert parts(document, "footnote") == ["A note that belongs to nobody's sentence, with its own full stop."]


def test_hyphens_at_line_ends_go_and_those_of_the_words_stay() -> None:
    said = "A state-of-the-art method needs well-known but self-imposed limits. "
    text = " ".join(said + prose(seed, 2) for seed in range(40))
    document = read(Paper(columns=1).body(text).pdf())
    assert parts(document, "body") == [text]


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("References", "references"),
        ("7. REFERENCES", "references"),
        ("Acknowledgments", "acknowledgements"),
        ("Acknowledgements", "acknowledgements"),
        ("Conflicts of Interest", "declarations"),
    ],
)
def test_sections_that_are_left_out(heading: str, name: str) -> None:
    paper, body = long_paper()
    paper.heading(heading).body("[1] A. Author and B. Writer. A title that nobody needs. In Proc. of Nothing, 2001.")
    document = read(paper.pdf())
    assert parts(document, "body") == body
    assert name in document.left_out
    assert "nobody needs" not in document.text
    assert heading not in document.text


def test_an_appendix_after_the_references_is_left_out_by_name() -> None:
    paper, body = long_paper()
    paper.heading("References").body("[1] Somebody. Something. 1999.")
    paper.heading("A Proof of the Theorem").body(prose(99))
    document = read(paper.pdf())
    assert parts(document, "body") == body
    assert document.left_out[-2:] == ("references", "appendix")


def test_a_section_after_the_acknowledgements_is_read() -> None:
    paper, body = long_paper()
    paper.heading("Acknowledgements").body("We thank everybody for everything that they did for us in these years.")
    paper.heading("4 Discussion").body(prose(77))
    assert parts(read(paper.pdf()), "body") == [*body, prose(77)]


@pytest.mark.parametrize("abstract", ["keep", "drop"])
@pytest.mark.parametrize("run_in", [False, True])
def test_abstract(abstract: str, run_in: bool) -> None:
    paper = Paper()
    if run_in:
        paper.body("Abstract. " + prose(50))
    else:
        paper.heading("Abstract").body(prose(50))
    paper.heading("1 Introduction").body(prose(51, 30)).body(prose(52, 30))
    document = read(paper.pdf(), abstract=abstract)
    assert parts(document, "body") == [prose(51, 30), prose(52, 30)]
    assert parts(document, "abstract") == ([prose(50)] if abstract == "keep" else [])
    assert ("abstract" in document.left_out) == (abstract == "drop")
    if abstract == "drop":
        assert "Abstract" not in document.text


def drawn(draw: Callable[[Canvas], None], pages: int = 1) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT), invariant=1)
    for _ in range(pages):
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def test_rotated_text_is_no_text() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Times-Roman", 11)
        for number, line in enumerate(["These two lines are what", "the page says to its reader."]):
            canvas.drawString(72, 700 - 14 * number, line)
        canvas.rotate(90)
        canvas.drawString(200, -30, "stamp in the margin")
        canvas.rotate(-45)
        canvas.drawString(300, 0, "WATERMARK")

    assert read(drawn(draw)).text == "These two lines are what the page says to its reader."


def test_loose_accents_are_put_on_their_letters() -> None:
    def draw(canvas: Canvas) -> None:
        text = canvas.beginText(72, 700)
        text.setFont("Times-Roman", 11)
        text.textOut("The caf")
        x = text.getX()
        text.textOut("´")
        text.setTextOrigin(x + 0.6, 700)
        text.textOut("e of Dvor")
        text.textOut("ák serves tea to everyone.")
        canvas.drawText(text)

    assert read(drawn(draw)).text == "The café of Dvorák serves tea to everyone."


def test_footnote_marks_go_and_powers_stay() -> None:
    def draw(canvas: Canvas) -> None:
        text = canvas.beginText(72, 700)
        for size, rise, piece in [
            (11, 0, "It was shown before"), (7, 4, "12"), (11, 0, " that 10"), (7, 4, "6"), (11, 0, " cells on 3 cm"),
            (7, 4, "2"), (11, 0, " are enough for us."),
        ]:  # fmt: skip
            text.setFont("Times-Roman", size)
            text.setRise(rise)
            text.textOut(piece)
        canvas.drawText(text)

    assert read(drawn(draw)).text == "It was shown before that 10^6 cells on 3 cm^2 are enough for us."


def test_letter_spaced_headings_are_words() -> None:
    def draw(canvas: Canvas) -> None:
        text = canvas.beginText(72, 720)
        text.setCharSpace(3)
        text.setFont("Times-Bold", 16)
        text.textOut("A WIDE TITLE")
        canvas.drawText(text)
        canvas.setFont("Times-Roman", 11)
        canvas.drawString(72, 680, "Under it there is a sentence of the usual kind.")

    assert read(drawn(draw)).title == "A WIDE TITLE"


def test_a_ruled_table_and_a_caption_stay_out_of_the_text() -> None:
    before, after = prose(1, 4), prose(2, 4)
    paper = Paper(title="", columns=1, hyphenate=False).body(before)

    from reportlab.lib.utils import simpleSplit

    def draw(canvas: Canvas) -> None:
        y = 700.0
        canvas.setFont("Times-Roman", 10)
        for line in simpleSplit(before, "Times-Roman", 10, 468):
            canvas.drawString(72, y, line)
            y -= 12
        y -= 14
        canvas.drawString(72, y, "Table 1: What was counted, by year.")
        canvas.line(72, y - 6, 400, y - 6)
        for row in [("Year", "Count", "Share"), ("2001", "17", "0.4"), ("2002", "21", "0.6")]:
            y -= 18
            for column, cell in enumerate(row):
                canvas.drawString(80 + 120 * column, y, cell)
            canvas.line(72, y - 4, 400, y - 4)
        y -= 30
        for line in simpleSplit(after, "Times-Roman", 10, 468):
            canvas.drawString(72, y, line)
            y -= 12

    assert paper.blocks
    document = read(drawn(draw))
    assert parts(document, "body") == [before, after]
    assert parts(document, "caption") == ["Table 1: What was counted, by year."]
    assert "2002" not in document.text


def set_lines(canvas: Canvas, lines: list[str], x: float, y: float, width: float, size: float = 10) -> float:
    """Draw lines justified to `width`, the last one as it is; the baseline under them."""
    canvas.setFont("Times-Roman", size)
    for number, line in enumerate(lines):
        words = line.split()
        gap = (width - sum(canvas.stringWidth(word) for word in words)) / max(1, len(words) - 1)
        place = x
        for word in words:
            canvas.drawString(place, y, word)
            place += canvas.stringWidth(word) + (gap if number < len(lines) - 1 else canvas.stringWidth(" "))
        y -= 1.2 * size
    return y


def broken(text: str, width: float, size: float = 10) -> list[str]:
    from reportlab.lib.utils import simpleSplit

    return list(simpleSplit(text, "Times-Roman", size, width))


def test_text_in_columns_under_a_table_as_wide_as_the_page() -> None:
    left, right = prose(1, 4), prose(2, 4)

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Times-Roman", 9)
        canvas.drawString(54, 730, "Table 2: Numerical data by primer among species")
        for row in range(28):
            for column in range(9):
                text = f"ab{row}c" if column == 1 else str(17 * row + 3 * column)
                canvas.drawString(54 + 57 * column, 712 - 15 * row, text)
        for rule in (722, 700, 300):
            canvas.line(54, rule, 558, rule)
        set_lines(canvas, broken(left, 240), 54, 270, 240)
        set_lines(canvas, broken(right, 240), 318, 270, 240)

    document = read(drawn(draw))
    assert parts(document, "body") == [left, right]
    assert "ab7c" not in document.text


def test_a_paragraph_goes_on_under_a_table_at_a_columns_top() -> None:
    words = prose(5, 12)
    lines = broken(words, 240)
    above = [*lines[: len(lines) // 2], ""]

    def draw(canvas: Canvas) -> None:
        set_lines(canvas, above, 54, 500, 240)
        canvas.setFont("Times-Roman", 9)
        for row in range(8):
            for column in range(4):
                canvas.drawString(318 + 60 * column, 700 - 15 * row, str(17 * row + 3 * column))
        canvas.drawString(318, 570, "Table 1: What was counted.")
        set_lines(canvas, lines[len(lines) // 2 :], 318, 500, 240)

    assert parts(read(drawn(draw)), "body") == [words]


def test_a_second_column_that_is_nearly_empty() -> None:
    left, right = prose(20, 20), prose(21, 2)

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Times-Roman", 8)
        for x, y, label in ((330, 700, "spring"), (420, 690, "winter"), (350, 671, "depth")):
            canvas.drawString(x, y, label)
        set_lines(canvas, ["Figure 1: The harbour."], 316, 640, 224, size=9)
        set_lines(canvas, broken(left, 224), 72, 700, 224)
        set_lines(canvas, broken(right, 224), 316, 610, 224)

    document = read(drawn(draw))
    assert parts(document, "body") == [left, right]
    assert "winter" not in document.text


def test_an_algorithm_in_the_type_of_the_text_is_none_of_it() -> None:
    before, after = prose(6, 8), prose(7, 8)
    steps = ["Input: a list of stations", "Start: no station is done", "for each station in the list",
             "take the next of its readings", "Output: the sum of all"]  # fmt: skip

    def draw(canvas: Canvas) -> None:
        y = set_lines(canvas, broken(before, 468), 72, 720, 468) - 24
        for number, step in enumerate(steps):
            canvas.drawString(72 + 12 * (number in (2, 3)), y, step)
            y -= 12
        canvas.drawString(200, y - 8, "Figure 2: The algorithm")
        set_lines(canvas, broken(after, 468), 72, y - 44, 468)

    document = read(drawn(draw))
    assert parts(document, "body") == [before, after]
    assert "station is done" not in document.text


def test_a_listing_is_kept_unless_it_is_a_figure() -> None:
    def draw(canvas: Canvas, caption: str) -> None:
        y = set_lines(canvas, broken(prose(6, 8), 468), 72, 720, 468) - 12
        canvas.setFont("Courier", 10)
        for line in ("for (i = 0; i < 9; i++)", "  print(i);"):
            canvas.drawString(90, y, line)
            y -= 12
        set_lines(canvas, [caption], 72, y - 12, 468)

    assert "print" not in read(drawn(lambda canvas: draw(canvas, "Figure 1: A loop."))).text
    assert "print" in read(drawn(lambda canvas: draw(canvas, "This prints some numbers."))).text


@pytest.mark.parametrize("height", [2, 3])
@pytest.mark.parametrize("columns", [1, 2])
def test_drop_caps_belong_to_their_words(height: int, columns: int) -> None:
    first, second = "Every " + prose(8, 6).lower(), prose(9, 8)

    def draw(canvas: Canvas) -> None:
        width = 468 if columns == 1 else 224
        size = 12 * (height - 1) / 0.662 + 10
        canvas.setFont("Times-Roman", size)
        cap = canvas.stringWidth("E")
        canvas.drawString(72, 700 - 12 * (height - 1), "E")
        beside = broken(first[1:], width - cap - 2)[:height]
        rest = first[1:].split()[len(" ".join(beside).split()) :]
        y = set_lines(canvas, [*beside, ""], 74 + cap, 700, width - cap - 2)
        set_lines(canvas, broken(" ".join(rest), width), 72, y + 12, width)
        set_lines(canvas, broken(second, width), 72 if columns == 1 else 316, 500 if columns == 1 else 700, width)

    assert parts(read(drawn(draw)), "body") == [first, second]


def test_a_heading_of_full_width_text_comes_after_the_columns_above_it() -> None:
    left, right, full = prose(10, 9), prose(11, 7), prose(12, 9)

    def draw(canvas: Canvas) -> None:
        y = set_lines(canvas, broken(left, 224), 72, 700, 224)
        set_lines(canvas, broken(right, 224), 316, 700, 224)
        canvas.setFont("Times-Bold", 11)
        canvas.drawString(72, y - 14, "4 The Next Section")
        set_lines(canvas, broken(full, 468), 72, y - 34, 468)

    document = read(drawn(draw))
    assert [document.text[p.start : p.end] for p in document.paragraphs] == [left, right, "4 The Next Section", full]


def test_a_title_may_be_smaller_than_the_headings() -> None:
    def draw(canvas: Canvas) -> None:
        for y, size, text in (
            (740, 15, "The Depth of the Harbour in Spring"),
            (690, 18, "Abstract"),
            (550, 18, "1 The Harbour"),
        ):
            canvas.setFont("Times-Bold", size)
            canvas.drawString(72, y, text)
        set_lines(canvas, broken(prose(13, 8), 468), 72, 665, 468)
        set_lines(canvas, broken(prose(14, 20), 468), 72, 525, 468)

    document = read(drawn(draw))
    assert document.title == "The Depth of the Harbour in Spring"
    assert parts(document, "heading") == [document.title, "Abstract", "1 The Harbour"]


def test_headings_over_two_lines_and_headings_that_fill_a_line() -> None:
    def draw(canvas: Canvas) -> None:
        y = set_lines(canvas, broken(prose(15, 8), 468), 72, 720, 468) - 12
        canvas.setFont("Times-Bold", 10)
        canvas.drawString(72, y, "2.1 Observations of the Depth and")
        canvas.drawString(90, y - 12, "Their Use")
        y = set_lines(canvas, broken(prose(16, 8), 468), 72, y - 32, 468) - 12
        words = "2.2 " + "Calibration of Instruments " * 3 + "under Conditions of Spring"
        canvas.setFont("Times-Bold", 10)
        canvas.drawString(72, y, words)
        set_lines(canvas, broken(prose(17, 8), 468), 72, y - 12, 468)

    document = read(drawn(draw))
    assert parts(document, "heading") == [
        "2.1 Observations of the Depth and Their Use",
        "2.2 " + "Calibration of Instruments " * 3 + "under Conditions of Spring",
    ]
    assert parts(document, "body") == [prose(15, 8), prose(16, 8), prose(17, 8)]


def test_notes_under_a_figure_are_notes() -> None:
    def draw(canvas: Canvas) -> None:
        set_lines(canvas, broken(prose(18, 30), 468), 72, 720, 468)
        canvas.setFont("Times-Roman", 9)
        canvas.drawString(72, 110, "Figure 1: The harbour.")
        canvas.setFont("Times-Roman", 8)
        canvas.drawString(72, 90, "1 Measured by the council in the spring of the year.")

    document = read(drawn(draw))
    assert parts(document, "footnote") == ["Measured by the council in the spring of the year."]


def test_running_heads_of_capitals_and_a_number() -> None:
    pages = iter(("", "xiv PREFACE", "PREFACE xv", "2 THE HARBOUR"))

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Times-Roman", 10)
        canvas.drawString(72, 750, next(pages))
        set_lines(canvas, broken(prose(19, 20), 468), 72, 700, 468)

    assert not {"PREFACE", "HARBOUR", "xv"} & set(read(drawn(draw, pages=4)).text.split())


def test_bullets_are_a_list() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 11)
        lines = ["We need three things:", "• a pen of the usual kind", "• some paper", "• and the time to use them"]
        for number, line in enumerate(lines):
            canvas.drawString(72 + 18 * (number > 0), 700 - 14 * number, line)

    document = read(drawn(draw))
    assert parts(document, "list") == ["- a pen of the usual kind\n- some paper\n- and the time to use them"]


def test_line_numbers_in_the_margin_are_no_text() -> None:
    words = prose(3, 40).split()
    lines = [" ".join(words[start : start + 9]) for start in range(0, 27 * 9, 9)]

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Times-Roman", 11)
        for number, line in enumerate(lines):
            canvas.drawRightString(60, 700 - 14 * number, str(number + 1))
            canvas.drawString(80, 700 - 14 * number, line)

    document = read(drawn(draw))
    assert document.text.split() == " ".join(lines).split()


def test_the_stated_title_counts_only_where_it_is_printed() -> None:
    def draw(title: str) -> bytes:
        def page(canvas: Canvas) -> None:
            canvas.setTitle(title)
            canvas.setFont("Times-Roman", 11)
            canvas.drawString(72, 700, "Notes of a Meeting")
            canvas.drawString(72, 660, "Everybody was there and nobody had anything to say about the agenda.")

        return drawn(page)

    assert read(draw("Notes of a Meeting")).title == "Notes of a Meeting"
    assert read(draw("Microsoft Word - minutes3.doc")).title is None


def test_short_documents_keep_all_they_have() -> None:
    text = read(plain_page("Dear reader,", "this is a short letter.", "Yours, the writer")).text
    assert "Dear reader" in text
    assert "short letter" in text
    assert "the writer" in text


def test_pages_are_reported_as_they_get_done() -> None:
    seen: list[tuple[int, int]] = []
    paper, _ = long_paper(columns=1)
    document = read(paper.pdf(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, document.pages) for done in range(1, (document.pages or 0) + 1)]


def test_more_processes_read_the_same() -> None:
    paper = Paper(columns=1)
    for seed in range(110):
        paper.body(prose(seed, 8))
    data = paper.pdf()
    one, two = read(data, jobs=1), read(data, jobs=2)
    assert one == two
    assert (one.pages or 0) > 9
