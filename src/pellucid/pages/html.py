"""A page as HTML: pictures in both themes and two widths, of which the reader's screen shows one; no scripts."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from pellucid.pages.page import Page
from pellucid.pages.tables import columns_of
from pellucid.plot.charts.base import Chart
from pellucid.plot.theme import DARK, LIGHT

WIDE, NARROW = 720.0, 350.0
"""How wide pictures are, in pixels, on screens and on phones."""


def html_of(page: Page) -> str:
    """The source of a page.

    Args:
        page: The page.
    """
    environment = Environment(
        loader=PackageLoader("pellucid.pages", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja").render(
        page=page, light=LIGHT, dark=DARK, pictures=_pictures, columns_of=columns_of
    )


def _pictures(chart: Chart) -> list[tuple[str, str, str]]:
    """The width, the theme and the source of each of the four pictures of a chart."""
    return [
        (name, theme.name, chart.svg(theme, width=width))
        for name, width in (("wide", WIDE), ("narrow", NARROW))
        for theme in (LIGHT, DARK)
    ]
