"""What charts are laid out on: a width, letters of a size, and the colours of a theme."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pellucid.plot.lettering import columns_of, width_of
from pellucid.plot.theme import LIGHT, Theme

WIDTH, COLUMNS = 640.0, 80


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A sheet that charts are laid out on, as high as they need it.

    Args:
        width: In pixels of a page, or in columns of a terminal.
        theme: The colours.
        letter: The size of letters.
        line: The height of a line of text.
        is_grid: Whether all characters are one wide and one high, as those of terminals are.
    """

    width: float = WIDTH
    theme: Theme = LIGHT
    letter: float = 13.0
    line: float = 18.0
    is_grid: bool = False

    @classmethod
    def of_terminal(cls, columns: int = COLUMNS, theme: Theme = LIGHT) -> Sheet:
        """A sheet whose unit is a character."""
        return cls(width=columns, theme=theme, letter=1.0, line=1.0, is_grid=True)

    @property
    def gap(self) -> float:
        """The least distance between things that do not belong together."""
        return 1.0 if self.is_grid else 8.0

    @property
    def margin(self) -> float:
        """What is left free at the sides: nothing in terminals."""
        return 0.0 if self.is_grid else self.gap

    @property
    def row(self) -> float:
        """The height of a row of a table."""
        return 1.0 if self.is_grid else 24.0

    def text_width(self, text: str, *, scale: float = 1.0, bold: bool = False) -> float:
        """How wide a text is on this sheet."""
        return float(columns_of(text)) if self.is_grid else self.letter * scale * width_of(text, bold=bold)

    def lines_of(self, text: str, width: float, *, scale: float = 1.0, bold: bool = False) -> list[str]:
        """A text in lines that are no wider than this; words that are wider are broken."""
        lines: list[str] = []
        for word in text.split():
            joined = f"{lines[-1]} {word}" if lines else word
            if lines and self.text_width(joined, scale=scale, bold=bold) <= width:
                lines[-1] = joined
                continue
            lines += self._pieces(word, width, scale, bold)
        return lines or [""]

    def _pieces(self, word: str, width: float, scale: float, bold: bool) -> list[str]:
        """A word, or what it must be broken into: of equal lengths."""
        count = max(1, math.ceil(self.text_width(word, scale=scale, bold=bold) / max(width, 1e-9)))
        while count < len(word):
            length = math.ceil(len(word) / count)
            pieces = [word[start : start + length] for start in range(0, len(word), length)]
            if all(self.text_width(piece, scale=scale, bold=bold) <= width for piece in pieces):
                return pieces
            count += 1
        return list(word) or [word]
