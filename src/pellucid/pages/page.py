"""A page and its sections: plain data, which is written as HTML or printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from pellucid.plot.charts.base import Chart


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Section:
    """A part of a page: a figure or a table, and what a reader must know of it.

    Args:
        heading: What it is about, or what it found.
        shows: What the figure and the table show; a paragraph each.
        limits: What they do not show; "" for nothing to say.
        charts: The figures.
        table: A `pandas.DataFrame`, whose index names the rows; None for none.
        caption: What the table lists, with its units.
    """

    heading: str
    shows: tuple[str, ...] | str = ()
    limits: str = ""
    charts: tuple[Chart, ...] = ()
    table: Any = None
    caption: str = ""

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """What it shows, a paragraph each."""
        return tuple(filter(None, (self.shows,) if isinstance(self.shows, str) else self.shows))


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Page:
    """A page that stands on its own: no scripts, nothing to load, light and dark, on phones and on paper.

    Args:
        title: The answer, in a sentence.
        asked: What was asked, of which model and data; a paragraph each.
        sections: Its parts, in the order in which they are read.
        code: What made it, which a reader can unfold; "" for none.
        sources: Where the data come from, versions and the like; a paragraph each.

    Examples:
        >>> from pellucid.pages import Page, Section
        >>> page = Page(title="Rooms raise prices", sections=(Section(heading="Rooms", shows="Each adds 9."),))
        >>> print(page)
        Rooms raise prices
        ==================
        <BLANKLINE>
        Rooms
        -----
        <BLANKLINE>
        Each adds 9.
        >>> page.html().startswith("<!doctype html>")
        True
    """

    title: str
    asked: tuple[str, ...] = ()
    sections: tuple[Section, ...] = field(default=())
    code: str = ""
    sources: tuple[str, ...] = ()

    def html(self) -> str:
        """The source of the page.

        Raises:
            ModuleNotFoundError: Jinja is not there.
        """
        from pellucid.pages.html import html_of

        return html_of(self)

    def save(self, path: Path | str) -> None:
        """Write the page.

        Args:
            path: The file, whose folder must be there.

        Raises:
            ModuleNotFoundError: Jinja is not there.
        """
        Path(path).write_text(self.html(), encoding="utf-8")

    def text(self, columns: int = 88) -> str:
        """The words and tables of the page.

        Args:
            columns: How wide it may be.
        """
        from pellucid.pages.words import text_of

        return text_of(self, columns)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.title!r}, {len(self.sections)} sections)"

    def _repr_html_(self) -> str:
        return self.html()
