"""What all charts have in common: a title, marks on a sheet, and what draws them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pellucid.errors import InvalidArgument
from pellucid.plot.artists import AxesOrNone, draw_scene, save_figure, width_of_axes
from pellucid.plot.scene import Mark, Scene, Text
from pellucid.plot.sheet import COLUMNS, WIDTH, Sheet
from pellucid.plot.showing import light_and_dark, shown
from pellucid.plot.svg import svg_of
from pellucid.plot.terminal import text_of
from pellucid.plot.theme import LIGHT, ThemeLike, theme_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE, NOTE, SMALL = 1.15, 0.9, 0.85
"""The sizes of titles, of notes and of small numbers, as shares of that of other letters."""

NARROWEST, WIDEST = 320.0, 960.0
"""How narrow and how wide a chart may be laid out to fit axes."""


class Body(NamedTuple):
    """A chart between its title and its note, or a part of it.

    Args:
        marks: The marks.
        bottom: Where they end.
    """

    marks: tuple[Mark, ...]
    bottom: float


Range: TypeAlias = tuple[float, float]
"""The least and the largest number."""


@dataclass(frozen=True)
class Limits:
    """What axes show.

    Args:
        x: From left to right; None for what a chart needs.
        y: From below; None for what a chart needs.
    """

    x: Range | None = None
    y: Range | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Chart:
    """The base of all charts: plain data, which renderers draw.

    Args:
        title: What it shows.
        note: What a reader must know to read it.
        limits: What its axes show, where it has any.
    """

    title: str = ""
    note: str = ""
    limits: Limits = Limits()

    @property
    def reach(self) -> Limits:
        """What its axes must show for all of it to be seen; what charts side by side share."""
        return Limits()

    def body(self, sheet: Sheet, top: float) -> Body:
        """What the chart is made of.

        Args:
            sheet: What it is laid out on.
            top: Where it begins.
        """
        return Body((), top)

    @property
    def description(self) -> str:
        """The chart in a sentence, for those who cannot see it."""
        return self.title

    def scene(self, sheet: Sheet) -> Scene:
        """The chart, with its title and note, on a sheet."""
        titles, top = paragraph(self.title, sheet, sheet.gap if self.title and not sheet.is_grid else 0.0, TITLE)
        body = self.body(sheet, top + (sheet.gap if titles and not sheet.is_grid else 0.0))
        notes, bottom = paragraph(self.note, sheet, body.bottom + (0.0 if sheet.is_grid else sheet.gap), NOTE)
        return Scene(
            width=sheet.width,
            height=bottom + (0.0 if sheet.is_grid else sheet.gap),
            marks=(*titles, *body.marks, *notes),
            background=sheet.theme.background,
            description=self.description,
            letter=sheet.letter,
        )

    def svg(self, theme: ThemeLike = LIGHT, *, width: float = WIDTH) -> str:
        """The source of an SVG, for a page or a file; 360 is a good width for phones.

        Args:
            theme: `"light"`, `"dark"`, or another.
            width: In pixels.
        """
        return svg_of(self.scene(Sheet(width=width, theme=theme_named(theme))))

    def figure(self, ax: AxesOrNone = None, *, theme: ThemeLike = LIGHT, width: float | None = None) -> Figure:
        """A figure of Matplotlib's.

        Args:
            ax: Axes to draw in, which become as wide as they are; None for a figure of its own.
            theme: `"light"`, `"dark"`, or another.
            width: In pixels of a page, at which letters have the size of those there; None for that of the axes.

        Raises:
            ModuleNotFoundError: Matplotlib is not there.
        """
        if width is None:
            width = WIDTH if ax is None else min(WIDEST, max(NARROWEST, width_of_axes(ax)))
        return draw_scene(self.scene(Sheet(width=width, theme=theme_named(theme))), ax)

    def text(self, columns: int = COLUMNS, *, coloured: bool = False, theme: ThemeLike = LIGHT) -> str:
        """The chart in characters.

        Args:
            columns: How wide it may be.
            coloured: Whether colours are written, as terminals understand them.
            theme: The colours.
        """
        return text_of(self.scene(Sheet.of_terminal(columns, theme_named(theme))), coloured=coloured)

    def save(self, path: Path | str, *, theme: ThemeLike = LIGHT, width: float = WIDTH) -> None:
        """Write the chart: `.svg` and `.txt`, or `.png`, `.pdf` and what else Matplotlib writes.

        Args:
            path: Where; the same chart gives the same bytes.
            theme: `"light"`, `"dark"`, or another.
            width: In pixels of a page; PNGs have twice as many.

        Raises:
            InvalidArgument: The name has no ending that says what to write.
        """
        path = Path(path)
        match path.suffix.lower():
            case ".svg":
                path.write_text(self.svg(theme, width=width), encoding="utf-8")
            case ".txt":
                path.write_text(self.text() + "\n", encoding="utf-8")
            case "":
                raise InvalidArgument(f"path must end in .png, .svg, .pdf or .txt: got {path.name!r}.")
            case suffix:
                no_date = {"png": {"Software": None}, "pdf": {"CreationDate": None}}.get(suffix[1:])
                save_figure(self.figure(theme=theme, width=width), path, dpi=192, metadata=no_date)

    def show(self) -> None:
        """Show the chart where one is: in a notebook, in a terminal, or else in a browser."""
        shown(self._repr_html_(), self.text, self.title)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return light_and_dark(self.svg)


def paragraph(
    text: str, sheet: Sheet, top: float, scale: float = 1.0, place: tuple[float, float] | None = None
) -> Body:
    """A text in lines, such as a title or a note, and where it ends.

    Args:
        text: What it says; "" for none.
        sheet: What it is laid out on.
        top: Where it begins.
        scale: The size of its letters; larger ones are bold.
        place: Its left edge, and how wide it may be; None for the whole sheet.
    """
    if not text:
        return Body((), top)
    bold = scale > 1
    height = 1.0 if sheet.is_grid else sheet.line * scale
    left, width = place or (sheet.margin, sheet.width - 2 * sheet.margin)
    lines = sheet.lines_of(text, width, scale=scale, bold=bold)
    marks = tuple(
        Text(x=left, y=top + (index + 0.5) * height, text=line, colour=sheet.theme.text, scale=scale, bold=bold)
        for index, line in enumerate(lines)
    )
    return Body(marks, top + len(lines) * height)
