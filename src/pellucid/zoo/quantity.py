"""What methods compute by their definitions, where models have that in closed form."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal, get_args

from pellucid.errors import InvalidArgument

Quantity = Literal[
    "gradient",
    "guided gradient",
    "deconvolved gradient",
    "gradient times input",
    "integrated gradients",
    "contributions to the difference",
    "relevance",
    "removal",
    "Shapley values",
    "Banzhaf values",
    "Owen values",
    "Shapley interactions",
    "activation",
]
"""What a method computes by its definition, where that has a closed form.

- "gradient", at the input; "guided gradient" and "deconvolved gradient", as rectifiers pass them back by the rules of
  Guided Backprop and of Deconvolution; "gradient times input"
- "integrated gradients", on the straight line from the baseline
- "contributions to the difference" from the baseline, of DeepLIFT with its rescale rule; the two factors of a product
  share its difference
- "relevance", of LRP with the epsilon rule; the two factors of a product share it
- "removal": how much the output falls where one feature has its baseline
- "Shapley values", "Banzhaf values", "Owen values" and "Shapley interactions", of the game in which features that are
  absent have their baselines; Owen values in the model's groups
- "activation" of the layer that is asked about
"""

SLOPES: tuple[Quantity, ...] = ("gradient", "guided gradient", "deconvolved gradient")
"""What agrees where no rectifier stops anything."""

CHANGES: tuple[Quantity, ...] = (
    "integrated gradients",
    "contributions to the difference",
    "removal",
    "Shapley values",
    "Banzhaf values",
    "Owen values",
)
"""What agrees on a sum of functions of one feature each: the change of each function from its baseline."""

SHARES: tuple[Quantity, ...] = tuple(quantity for quantity in CHANGES if quantity != "removal")
"""What agrees where no more than two features act together: two that do share what they make."""


def check_quantity(argument: str, quantity: str) -> None:
    """Refuse what is no [Quantity][pellucid.zoo.quantity.Quantity].

    Args:
        argument: What the caller calls it.
        quantity: What was given.

    Raises:
        InvalidArgument: With the quantities that there are.
    """
    quantities = get_args(Quantity)
    if quantity not in quantities:
        alike = get_close_matches(str(quantity), quantities, n=1)
        hint = f" Hint: {alike[0]!r}." if alike else ""
        raise InvalidArgument(f"{argument} must be one of {', '.join(map(repr, quantities))}: got {quantity!r}.{hint}")
