"""The colours of a chart on a light and on a dark background."""

from dataclasses import dataclass


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

    def by_sign(self, value: float) -> str:
        """Return the colour of a value."""
        if value == 0:
            return self.neutral
        return self.positive if value > 0 else self.negative


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
)
DARK = Theme(
    name="dark",
    background="#14171c",
    text="#e6e9ed",
    faint="#323943",
    positive="#56b4e9",
    negative="#e69f00",
    neutral="#7d8793",
)
