"""What a reader of the report's page sees."""

from __future__ import annotations

import html
import re


def words(page: str) -> str:
    """The text of a page on one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def written(value: float, decimals: int = 3) -> str:
    """A number with its sign, of full width, which zero lacks."""
    text = f"{value:+.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text[1:]
