"""Typeset report.pdf from report.typ: `python examples/typeset.py [OUTPUT]`.

Needs the `typst` package (part of the `dev` extra), which carries compiler and fonts. The same source and
the same release of the package give the same bytes anywhere: no system font is used, and the dates come
from the source.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def typeset() -> bytes:
    """The report as PDF bytes."""
    import typst

    # PDF tags are left out, as most papers in the wild have none.
    return typst.compile(str(HERE / "report.typ"), root=str(HERE), ignore_system_fonts=True, pdf_tags=False)


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "report.pdf"
    output.write_bytes(typeset())


if __name__ == "__main__":
    main()
