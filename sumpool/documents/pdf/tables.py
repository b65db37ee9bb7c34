"""Tables told by their rules: lines of text between horizontal strokes of one length."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sumpool.documents.pdf.glyphs import Rule
from sumpool.documents.pdf.lines import Line

_SHORTEST = 60.0
"""Points: a shorter stroke rules no table."""
_CAPTION = re.compile(r"(?:table|tab\.|exhibit)\s*[A-Z]?[\dIVX]", re.I)


def mark_ruled(lines: Sequence[Line], rules: Sequence[Rule]) -> None:
    """Set `ruled` on the lines that stand in a table with rules above and below."""
    for chain in _chains(_whole(rules)):
        start = 0
        while start < len(chain) - 1:
            stop = start
            while stop < len(chain) - 1 and not _is_text(lines, chain[stop], chain[stop + 1]):
                stop += 1
            inside = _between(lines, chain[start], chain[stop])
            if stop > start and _is_table(lines, inside, chain[start], chain[stop], rules=stop - start + 1):
                for line in inside:
                    line.ruled = True
            start = max(stop, start + 1)


def _whole(rules: Sequence[Rule]) -> list[Rule]:
    """Strokes that touch end to end, which is how cells draw a line, as one."""
    whole: list[Rule] = []
    for rule in sorted(rules, key=lambda item: (round(item.y), item.x0)):
        last = whole[-1] if whole else None
        if last and abs(last.y - rule.y) < 1.5 and rule.x0 <= last.x1 + 4:
            whole[-1] = Rule(last.x0, max(last.x1, rule.x1), last.y)
        else:
            whole.append(rule)
    return [rule for rule in whole if rule.x1 - rule.x0 >= _SHORTEST]


def _chains(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Rules of the same left and right ends, top to bottom."""
    chains: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda item: item.y):
        for chain in chains:
            if abs(chain[-1].x0 - rule.x0) < 6 and abs(chain[-1].x1 - rule.x1) < 6:
                if rule.y - chain[-1].y > 2:
                    chain.append(rule)
                break
        else:
            chains.append([rule])
    return [chain for chain in chains if len(chain) > 1]


def _between(lines: Sequence[Line], top: Rule, bottom: Rule) -> list[Line]:
    return [
        line for line in lines
        if top.y < line.base < bottom.y + 1 and top.x0 - 6 <= (line.x0 + line.x1) / 2 <= top.x1 + 6
    ]  # fmt: skip


def _is_text(lines: Sequence[Line], top: Rule, bottom: Rule) -> bool:
    """Whether what is between two rules is running text: it fills the width, or goes far beyond the rules' ends."""
    inside = _between(lines, top, bottom)
    width = top.x1 - top.x0
    prose = sum(line.cells == 1 and line.width > 0.75 * width and len(line.text.split()) > 5 for line in inside)
    beyond = sum(
        top.y < line.base < bottom.y
        and line.x0 < top.x1 - 12
        and line.x1 > top.x0 + 12
        and max(top.x0 - line.x0, line.x1 - top.x1) > 12
        for line in lines
    )
    return prose * 3 > len(inside) or beyond > len(inside)


def _is_table(lines: Sequence[Line], inside: Sequence[Line], top: Rule, bottom: Rule, rules: int) -> bool:
    if len(inside) < 2:
        return False
    size = inside[0].size
    captioned = any(
        _CAPTION.match(line.text)
        and (top.y - 5 * size < line.base <= top.y + size or bottom.y - size < line.base < bottom.y + 3 * size)
        and line.x0 < top.x1
        and line.x1 > top.x0
        for line in lines
    )
    tokens = [token for line in inside for token in line.text.split()]
    numeric = sum(any(character.isdigit() for character in token) for token in tokens)
    rows = sum(line.cells > 1 for line in inside)
    return (captioned or rules > 2) and (captioned or rows * 3 >= len(inside) or numeric * 3 >= len(tokens))
