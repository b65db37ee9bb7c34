"""The example documents: the report is what its source says, its numbers are right, and all of them read well."""

from __future__ import annotations

import importlib.util
import math
import re
from functools import cache
from pathlib import Path

import pytest

from sumpool.documents import Document, read_document

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
TITLE = "Reading Everything, Keeping Little: Trainable Representation Pooling for Summarizing Long Documents"
# The configuration of the report's cost table.
LAYERS, SPLIT, BLOCK, POOL = 30, 8, 512, 640
LENGTHS = (8192, 32768, 131072)


@cache
def report() -> Document:
    return read_document(EXAMPLES / "report.pdf")


@cache
def source() -> str:
    return (EXAMPLES / "report.typ").read_text(encoding="utf-8")


def squeezed(text: str) -> str:
    return " ".join(text.split())


@cache
def raw_pages(data: Path) -> list[str]:
    """The text of each page as pdfminer finds it, uncleaned."""
    from pdfminer.high_level import extract_text

    return extract_text(str(data)).rstrip("\f").split("\f")


def headings() -> list[tuple[str, str]]:
    """(number, words) of the report's numbered headings, by its source."""
    found, counters = [], [0, 0]
    for marks, words in re.findall(r"^(=+) (.+?)(?: <\w+>)?$", source(), re.MULTILINE):
        if len(marks) == 1:
            counters = [counters[0] + 1, 0]
            found.append((str(counters[0]), words))
        else:
            counters[1] += 1
            found.append((f"{counters[0]}.{counters[1]}", words))
    return found


def test_the_report_is_a_long_paper() -> None:
    assert len(raw_pages(EXAMPLES / "report.pdf")) >= 8
    assert report().pages == len(raw_pages(EXAMPLES / "report.pdf"))
    assert report().words > 5000
    assert len(headings()) > 25


def test_typesetting_again_gives_the_same_report(tmp_path: Path) -> None:
    typst = pytest.importorskip("typst", reason="typst (in the dev extra) typesets the report")
    assert typst
    spec = importlib.util.spec_from_file_location("typeset", EXAMPLES / "typeset.py")
    assert spec is not None
    assert spec.loader is not None
    typeset = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(typeset)
    again = tmp_path / "report.pdf"
    again.write_bytes(typeset.typeset())
    assert again.read_bytes() == typeset.typeset(), "two runs of the same compiler differ"
    if again.read_bytes() != (EXAMPLES / "report.pdf").read_bytes():
        # Another release of the compiler may pack or space the page differently, but says the same.
        letters = [re.sub(r"[\W_]", "", "".join(raw_pages(path))) for path in (again, EXAMPLES / "report.pdf")]
        assert sorted(letters[0]) == sorted(letters[1]), "report.pdf isn't what report.typ says: typeset it again"


def triangle(n: int) -> int:
    return n * (n + 1) // 2


@pytest.mark.parametrize("n", LENGTHS)
def test_the_cost_table_holds(n: int) -> None:
    full = LAYERS * triangle(n)
    pooled = SPLIT * (n // BLOCK) * triangle(BLOCK) + (LAYERS - SPLIT) * triangle(POOL)
    passes = SPLIT * n + (LAYERS - SPLIT) * POOL
    kept = (LAYERS - SPLIT) * POOL
    row = [
        f"{n:,}", f"{full:,}", f"{pooled:,}", f"{full / pooled:.1f}",
        f"{LAYERS * n:,}", f"{passes:,}", f"{LAYERS * n / passes:.2f}",
        f"{LAYERS * n:,}", f"{kept:,}", f"{LAYERS * n / kept:.1f}",
    ]  # fmt: skip
    page = next(page for page in raw_pages(EXAMPLES / "report.pdf") if "Table 3" in page and "Attention pairs" in page)
    cells = re.findall(r"[\d,]*\d(?:\.\d+)?", page)
    for cell in row:
        assert cells.count(cell) >= row.count(cell), f"{cell} is missing from Table 3"


def test_the_cost_of_attention_is_the_sum_over_pairs() -> None:
    n, block, pool = 48, 8, 10
    reading = sum(1 for query in range(n) for key in range(query + 1) if query // block == key // block)
    assert reading == n // block * triangle(block)
    assert sum(1 for query in range(pool) for key in range(query + 1)) == triangle(pool)


def test_the_numbers_in_the_text_hold() -> None:
    text = squeezed(report().text)
    bytes_per_entry = 2 * 2 * 3 * 64
    for number in (
        f"{triangle(8192):,}",
        f"{triangle(131072):,}",
        f"{SPLIT * 16 * triangle(BLOCK):,}",
        f"{(LAYERS - SPLIT) * triangle(POOL):,}",
        f"{LAYERS * 131072 * bytes_per_entry:,}",
        f"{(LAYERS - SPLIT) * POOL * bytes_per_entry:,}",
        f"{8192 - 512:,} blends",
        f"{8192 * 512:,} weighted vectors",
        f"base of {(1 + math.log(100)) ** 2:.1f}",
        f"{20**0.8:.1f} times",
        f"it is {LAYERS / SPLIT:.2f}",
        f"{100 * POOL / 8192:.1f} percent of 8,192 tokens",
        f"{47.15 - 46.85:.2f} points of ROUGE-1 and {19.99 - 19.39:.2f} points of ROUGE-2",
    ):
        assert number in text, number


def test_the_tournament_of_the_figure_holds() -> None:
    entries = [
        (score, {name: 1.0}) for name, score in enumerate((0.31, 0.86, 0.12, 0.47, 0.74, 0.05, 0.58, 0.22), start=1)
    ]
    weights = []
    while len(entries) > 2:
        entries.sort(key=lambda entry: -entry[0])
        half = len(entries) // 2
        winners = []
        for (s, x), (t, y) in zip(entries[:half], reversed(entries[half:]), strict=True):
            w = math.exp(20**s) / (math.exp(20**s) + math.exp(20**t))
            weights.append(w)
            blend = {name: w * x.get(name, 0) + (1 - w) * y.get(name, 0) for name in x | y}
            winners.append((w * s + (1 - w) * t, blend))
        entries = winners
    text = squeezed(report().text)
    assert f"even there the better one keeps {weights[3]:.3f}" in text
    assert f"with a weight of {weights[5]:.3f}" in text
    assert f"{100 * entries[0][1][2]:.1f} percent of the first output" in text
    assert f"{100 * entries[1][1][5]:.1f} percent of the second" in text
    assert sum(entries[0][1].values()) == pytest.approx(1)


def test_title_abstract_and_headings_are_found() -> None:
    document = report()
    assert document.title == TITLE
    abstract = [document.text[p.start : p.end] for p in document.paragraphs if p.kind == "abstract"]
    assert abstract
    assert squeezed(abstract[-1]).startswith("A language model that summarizes a long document has to pay")
    assert squeezed(abstract[-1]).endswith("and where the limits lie.")
    found = [squeezed(document.text[p.start : p.end]) for p in document.paragraphs if p.kind == "heading"]
    missing = [f"{number} {words}" for number, words in headings() if f"{number} {words}" not in found]
    assert not missing
    places = [found.index(f"{number} {words}") for number, words in headings()]
    assert places == sorted(places), "headings out of order: columns are read in the wrong order"


def test_what_is_no_argument_is_left_out() -> None:
    text = report().text
    assert {"references", "acknowledgements"} <= set(report().left_out)
    # Each running head stands alone at the top of its pages.
    lines = {line.strip() for line in text.splitlines()}
    assert not lines & {"Trainable Representation Pooling", "sumpool technical report", "The sumpool authors"}
    assert "sumpool technical report" not in text
    assert not [line for line in lines if line.isdigit()], "page numbers"
    assert "We thank the authors" not in text
    for reference in ("Proceedings of", "arXiv preprint", "Neurocomputing", "pages 7871"):
        assert reference not in text


def test_hyphenated_words_are_whole_again() -> None:
    words = set(re.findall(r"\w+", source()))
    broken = {
        (head, tail)
        for page in raw_pages(EXAMPLES / "report.pdf")
        for head, tail in re.findall(r"(\w+)[-\xad\u2010]\n+(\w+)", page)
        if head + tail in words
    }
    assert len(broken) > 20
    text = report().text
    left = [f"{head}-{tail}" for head, tail in sorted(broken) if f"{head}-{tail}" in text or head + tail not in text]
    # One first half may be a word before which a hyphen is real, as in ex-minister.
    assert len(left) <= 1, left
    assert "\xad" not in text
    for word in ("encoder-decoder", "yes-or-no", "top-k", "command-line"):
        assert word in text


def test_sentences_cross_columns_unharmed() -> None:
    text = squeezed(report().text).replace("’", "'")
    for sentence in (
        "Since that model has no encoder, pooling has to move inside the decoder, and much of the second half of the "
        "report deals with what this takes.",
        "The cost of a written word depends on",
        "A book of a thousand pages occupies the same cache as a memorandum of five, and each word written about it "
        "takes the same time.",
    ):
        assert sentence in text


def test_the_last_page_states_the_finding() -> None:
    document = report()
    last = [document.text[s.start : s.end] for s in document.sentences if s.page == document.pages]
    assert any(squeezed(sentence).startswith("The most important finding is that") for sentence in last)


@pytest.mark.parametrize(
    ("name", "title", "words", "first", "last"),
    [
        (
            "handbook.txt",
            "THE ASHCOMBE SEED LIBRARY",
            4000,
            "1. WHAT THIS HANDBOOK IS FOR",
            "14. BEGINNING IN ANOTHER TOWN",
        ),
        ("minutes.md", "Ferrybank River Gauges: minutes of the design review", 2500, "1. Why we met", "10. Actions"),
    ],
)
def test_the_other_examples_are_long_and_read(name: str, title: str, words: int, first: str, last: str) -> None:
    document = read_document(EXAMPLES / name)
    assert document.words >= words
    assert document.title == title
    found = [document.text[p.start : p.end] for p in document.paragraphs if p.kind == "heading"]
    assert first in found
    assert last in found


def test_the_handbook_is_hard_wrapped() -> None:
    lines = (EXAMPLES / "handbook.txt").read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 72
    # Wrapped lines are one paragraph once read.
    assert "slowly if it is kept well and quickly if it isn't, and no cabinet stops it." in (
        read_document(EXAMPLES / "handbook.txt").text
    )


def test_the_minutes_add_up() -> None:
    text = (EXAMPLES / "minutes.md").read_text(encoding="utf-8")
    fitting = 48 * 210 + 48 * 340 + 35_000
    for number in (fitting, fitting + 12_500 + 5_700, 104_000 - fitting - 12_500 - 5_700, 30 * 288):
        assert f"{number:,}" in text
