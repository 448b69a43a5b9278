"""The table of docs/zoo.md: `PYTHONPATH=src:tests python tests/known_models/page.py` writes it anew."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from pellucid import zoo
from pellucid.zoo.claims import EXCEPTIONS, Finds
from pellucid.zoo.table import markdown

PAGE = Path(__file__).parents[2] / "docs/zoo.md"


def models() -> str:
    """A line per model: what it tests, and the paper."""
    lines = [
        f"- **{known.name}**: {known.tests}" + (f" {known.paper}." if known.paper else "")
        for known in zoo.known_models()
    ]
    return "\n".join(lines) + "\n"


def reasons() -> str:
    """A line per model and reason: which methods do not find all of what matters, and why."""
    lines = []
    for model, claims in EXCEPTIONS.items():
        methods = defaultdict(list)
        for names, claim in claims.items():
            if not isinstance(claim, Finds):
                methods[claim.because].extend(names)
        lines.extend(f"- **{model}**, {', '.join(names)}: {because}." for because, names in methods.items())
    return "\n".join(lines) + "\n"


def replaced(page: str, name: str, text: str) -> str:
    """The page with one of its generated parts written anew."""
    part = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end -->)", re.DOTALL)
    written, count = part.subn(lambda _: text, page)
    assert count == 1, name
    return written


def cells_of(page: str) -> dict[tuple[str, str], str]:
    """The cells of the page's table, by method and model."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    head, _, *body = rows
    return {(method, model): cell for method, *cells in body for model, cell in zip(head[1:], cells, strict=True)}


def write() -> None:
    """Write all generated parts."""
    page = PAGE.read_text(encoding="utf-8")
    for name, text in (
        ("table", markdown(list(zoo.evaluate_listed()))),
        ("models", models()),
        ("reasons", reasons()),
    ):
        page = replaced(page, name, text)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    write()
