"""The highlight page in a real browser: what it fetches, how it is gone through, seen, read aloud and printed."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from highlighted import HOSTILE, highlight_of, paged

from sumpool import Highlight
from sumpool.documents import from_text
from sumpool.rendering import highlight_page

spec = importlib.util.spec_from_file_location("chromium", Path(__file__).resolve().parents[2] / "docs" / "chromium.py")
assert spec is not None
assert spec.loader is not None
chromium = importlib.util.module_from_spec(spec)
spec.loader.exec_module(chromium)

pytestmark = pytest.mark.skipif(chromium.find_chromium() is None, reason="needs Chromium (Debian's package chromium)")

PAGES, SIZE = 60, 20
LAST = PAGES * SIZE  # the index of the last sentence; the first is the heading


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium.Chromium() as running:
        yield running


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Callable[[Highlight], Any]:
    """Opens a highlight's page on a wide screen by day."""

    def open_page(highlight: Highlight, fragment: str = "") -> Any:
        file = tmp_path / "page.html"
        file.write_text(highlight_page(highlight), encoding="utf-8")
        browser.resize(1280, 800)
        browser.theme("light")
        browser.open(file, fragment)
        return browser

    return open_page


@pytest.fixture
def long() -> Highlight:
    return highlight_of(paged(PAGES, SIZE))


def in_window(browser: Any, name: str) -> bool:
    box = f"document.getElementById('{name}').getBoundingClientRect()"
    return bool(browser.evaluate(f"{box}.top >= 0 && {box}.bottom <= innerHeight && {box}.height > 0"))


def focused(browser: Any) -> str:
    """Where the link that has the focus leads."""
    return str(browser.evaluate("document.activeElement.hash || ''"))


def test_hostile_text_is_shown_and_does_nothing(show: Callable[[Highlight], Any]) -> None:
    document = replace(from_text(HOSTILE * 3), source='"><script>x</script>', title="</title><img src=x onerror=y>")
    browser = show(highlight_of(document))
    shown = browser.evaluate("[...document.querySelectorAll('[data-start]')].map(span => span.textContent)")
    assert [text.replace("\ufffd", "") for text in shown] == [
        "".join(c for c in document.text[s.start : s.end] if c not in "\x1b\u202e\u202c") for s in document.sentences
    ]
    assert browser.evaluate("document.title") == document.title
    assert browser.evaluate("document.querySelectorAll('script, img, iframe, object').length") == 0
    requested = [
        e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"
    ]
    assert [url.rpartition("/")[2] for url in requested] == ["page.html"]
    told = ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")
    assert not [event for event in browser.events if event.get("method") in told]


@pytest.mark.parametrize("tag", ["img", "script", "iframe"])
def test_policy_lets_nothing_be_fetched(show: Callable[[Highlight], Any], tag: str) -> None:
    browser = show(highlight_of(paged()))
    blocked = browser.evaluate(
        "new Promise(done => { addEventListener('securitypolicyviolation', event => done(event.blockedURI));"
        f"const made = document.createElement('{tag}'); made.src = 'http://127.0.0.1:9/';"
        "document.body.append(made); })"
    )
    assert blocked.startswith("http://127.0.0.1:9")


def test_links_are_followed_there_and_back_by_keyboard(show: Callable[[Highlight], Any], long: Highlight) -> None:
    browser = show(long)
    browser.press("Tab")
    assert focused(browser) == "#text"
    browser.press("Tab")
    assert focused(browser) == "#sentence-0"
    browser.press("Tab")
    assert focused(browser) == f"#sentence-{LAST}"
    assert not in_window(browser, f"sentence-{LAST}")
    browser.press("Enter")
    assert in_window(browser, f"sentence-{LAST}")
    scrolled = browser.evaluate("scrollY")
    assert scrolled > 10_000
    browser.press("Tab")
    assert focused(browser) == "#statement-1"
    browser.press("Enter")
    assert in_window(browser, "statement-1")
    assert browser.evaluate("scrollY") == scrolled, "the summary stays beside the text, so the text need not move"
    browser.evaluate("history.back()")
    browser.settle()
    assert in_window(browser, f"sentence-{LAST}")


def test_skipping_to_the_document(show: Callable[[Highlight], Any], long: Highlight) -> None:
    browser = show(long)
    browser.press("Tab")
    browser.press("Enter")
    assert in_window(browser, "text")
    browser.press("Tab")
    assert focused(browser) == "#statement-1", "the first link in the document, behind its first sentence"


def test_all_of_it_is_read_aloud(show: Callable[[Highlight], Any], long: Highlight) -> None:
    browser = show(long)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    names = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if "role" in node}
    for number in range(PAGES * SIZE - 1):
        assert ("StaticText", f"This is sentence {number} of them.") in names
    for landmark in (("banner", ""), ("complementary", "Summary"), ("main", "Document"), ("navigation", "Pages")):
        assert landmark in names
    assert ("link", "Passage [1, p. 1]") in names
    assert ("link", "summary sentence 2") in names
    assert ("link", "1, 1 sentence kept") in names
    assert ("heading", f"Page {PAGES}") in names


def test_opening_at_a_far_passage(show: Callable[..., Any], long: Highlight) -> None:
    browser = show(long, f"#sentence-{LAST}")
    assert in_window(browser, f"sentence-{LAST}")


def test_themes(show: Callable[[Highlight], Any]) -> None:
    browser = show(highlight_of(paged()))
    colors = (
        "[getComputedStyle(document.body), getComputedStyle(document.querySelector('.s5'))].map(s => s.backgroundColor)"
    )
    light = browser.evaluate(colors)
    browser.theme("dark")
    dark = browser.evaluate(colors)
    assert light[0] == "rgb(255, 255, 255)"
    assert len({*light, *dark}) == 4


@pytest.mark.parametrize("width", [320, 800, 1024, 1280])
def test_nothing_is_wider_than_the_window(show: Callable[[Highlight], Any], width: int) -> None:
    browser = show(
        highlight_of(from_text("A harbour" + "x" * 300 + " was dredged. " + "It has silted up since. " * 40))
    )
    browser.resize(width, 600)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_print_holds_everything(show: Callable[[Highlight], Any], long: Highlight) -> None:
    from pypdf import PdfReader

    browser = show(long)
    browser.theme("dark")
    pages = PdfReader(io.BytesIO(browser.pdf())).pages
    text = "".join("".join(page.extract_text() for page in pages).split())
    for number in range(PAGES * SIZE):
        assert text.count(f"Thisissentence{number}ofthem.") == 1
    assert text.index("Summary") < text.index("Thisissentence0")
    assert "Skiptothe" not in text
    assert all(len(page.extract_text()) > 1500 for page in pages[1:-1]), "a sheet that is half empty"
