"""A page in characters: its words and tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from pellucid.pages.page import Page, Section
from pellucid.pages.tables import columns_of


def text_of(page: Page, columns: int) -> str:
    """The words and tables of a page.

    Args:
        page: The page.
        columns: How wide it may be.
    """
    blocks = [_heading(page.title, "=", columns), *(_wrapped(text, columns) for text in page.asked)]
    for section in page.sections:
        blocks += _blocks(section, columns)
    return "\n\n".join([*blocks, *(_wrapped(text, columns) for text in page.sources)])


def _blocks(section: Section, columns: int) -> Iterator[str]:
    yield _heading(section.heading, "-", columns)
    yield from (_wrapped(text, columns) for text in section.paragraphs)
    if section.table is not None:
        caption = f"{_wrapped(section.caption, columns)}\n\n" if section.caption else ""
        yield caption + _table(section.table)
    if section.limits:
        yield _wrapped(f"What it does not show. {section.limits}", columns)


def _heading(text: str, line: str, columns: int) -> str:
    wrapped = _wrapped(text, columns)
    return f"{wrapped}\n{line * max(map(len, wrapped.splitlines()), default=0)}"


def _wrapped(text: str, columns: int) -> str:
    return textwrap.fill(text, columns, break_on_hyphens=False)


def _table(table: Any) -> str:
    """The columns of a table side by side; those of numbers end at the right."""
    columns = columns_of(table)
    widths = [max(map(len, (column.heading, *column.cells))) for column in columns]
    rows = zip(*((column.heading, *column.cells) for column in columns), strict=True)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column.is_of_numbers else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in rows
    )
