"""Values in characters, as terminals show them: a sign and a shade, which can be read without colours."""

from __future__ import annotations

import numpy as np

from pellucid.plot.axis import signed_number
from pellucid.plot.scale import Scale

SHADES = ("░", "▒", "▓", "█")
"""How large a value is, in characters."""

UNKNOWN, ZERO = "  ", " ·"
"""What stands in terminals for a value that is unknown, and for one near to zero."""

CHARACTERS = "#+\N{MIDDLE DOT}-="
"""A value in one character, where it has no room for two: from the most up, over nearly nothing, to the most down."""


def cell_of(share: float) -> str:
    """A value in two characters: its sign, and how large it is.

    Args:
        share: From -1 to 1; NaN where it is unknown.
    """
    if not np.isfinite(share):
        return UNKNOWN
    level = round(abs(share) * len(SHADES))
    return ("+" if share > 0 else "-") + SHADES[level - 1] if level else ZERO


def legend_of_cells(scale: Scale) -> str:
    """What the characters of terminals stand for, in a line that can be broken."""
    if not scale.largest:
        return "· 0"
    against, favour = f"-█ {signed_number(-scale.largest)}", f"+█ {signed_number(scale.largest)}"
    return {"all": f"{against} · 0 {favour}", "negative": f"{against} · 0"}.get(scale.sign, f"· 0 {favour}")


def character_of(share: float) -> str:
    """What a cell of a terminal is made of, whatever its colour.

    Args:
        share: Its value as a share of the largest, from -1 to 1.
    """
    if abs(share) < 0.1:
        return CHARACTERS[2]
    if share > 0:
        return CHARACTERS[0] if share >= 0.5 else CHARACTERS[1]
    return CHARACTERS[4] if share <= -0.5 else CHARACTERS[3]
