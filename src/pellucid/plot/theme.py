"""The colours of a chart on a light and on a dark background."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pellucid.plot.arrays import check_name


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours by their use, as `#rrggbb`."""

    name: str
    background: str
    text: str
    faint: str  # grid lines and other secondary parts
    positive: str
    negative: str
    neutral: str  # zero
    diverging: tuple[str, ...]  # from the most negative value over zero, in the middle, to the most positive
    magnitude: tuple[str, ...]  # from zero to the largest size
    sequence: tuple[str, ...]  # from low numbers to high ones, all of which are seen on the background
    groups: tuple[str, ...]  # of groups that have no order: Okabe and Ito's, to be read on the background

    def by_sign(self, value: float) -> str:
        """Return the colour of a value."""
        if value == 0:
            return self.neutral
        return self.positive if value > 0 else self.negative


# Zero is the background, and lightness changes as fast on both sides of it. From a quarter of the scale on, a value and
# its opposite differ by a CIEDE2000 of 27 or more, also as readers with protanopia, deuteranopia and tritanopia see
# them. Sizes without a sign have a hue of their own, so that nobody takes them for positive values.
LIGHT_DIVERGING = ("#8c3b00", "#d9772b", "#f6c79b", "#f7f7f7", "#a9cdf0", "#3f86c9", "#0b3f7a")
LIGHT_MAGNITUDE = ("#f7f7f7", "#cfc6e4", "#9a84c6", "#6a45a0", "#38106b")
DARK_DIVERGING = ("#ffc187", "#e07b24", "#7a3b08", "#1b1d21", "#12406f", "#2f83d0", "#9fd0ff")
DARK_MAGNITUDE = ("#1b1d21", "#43307a", "#7a5cc0", "#ab93e6", "#dccfff")

# Numbers of whatever sign, which have neither of the hues of signs: each colour has a contrast of 3 or more to the
# background, and lightness changes from end to end.
LIGHT_SEQUENCE = ("#d0608f", "#9a3d95", "#5f2a86", "#23104f")
DARK_SEQUENCE = ("#7a63b8", "#b06fc9", "#dc93c4", "#ffd9ea")

# Blue and orange of Okabe and Ito's palette, which readers with any colour vision can tell apart, each in the shade
# with more contrast to the background.
LIGHT = Theme(
    name="light",
    background="#ffffff",
    text="#1b1f24",
    faint="#d9dde2",
    positive="#0072b2",
    negative="#d55e00",
    neutral="#8a929c",
    diverging=LIGHT_DIVERGING,
    magnitude=LIGHT_MAGNITUDE,
    sequence=LIGHT_SEQUENCE,
    groups=("#0072b2", "#b54e00", "#00795a", "#a3497f", "#806500", "#1b1f24"),
)
DARK = Theme(
    name="dark",
    background="#14171c",
    text="#e6e9ed",
    faint="#323943",
    positive="#56b4e9",
    negative="#e69f00",
    neutral="#7d8793",
    diverging=DARK_DIVERGING,
    magnitude=DARK_MAGNITUDE,
    sequence=DARK_SEQUENCE,
    groups=("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#e6e9ed"),
)

ThemeLike: TypeAlias = "Theme | Literal['light', 'dark']"
"""A theme, or its name."""


def theme_named(theme: ThemeLike) -> Theme:
    """A theme by its name; one that is given as it is.

    Args:
        theme: What users give.

    Raises:
        UnknownName: It is neither.
    """
    if isinstance(theme, Theme):
        return theme
    check_name("theme", theme, ("light", "dark"))
    return LIGHT if theme == "light" else DARK
