"""The colours of a chart on light and on dark ground."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours by what they are for, as `#rrggbb`."""

    name: str
    background: str
    text: str
    faint: str  # grid lines, axes, captions of lesser weight
    positive: str
    negative: str
    neutral: str  # neither

    def by_sign(self, value: float) -> str:
        """Return the colour of a value."""
        if value == 0:
            return self.neutral
        return self.positive if value > 0 else self.negative


# Blue and orange of Okabe and Ito's palette, which readers with any colour vision tell apart; of each the shade
# that stands out from the ground.
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
