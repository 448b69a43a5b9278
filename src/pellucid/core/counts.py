"""Numbers of samples, steps and rows, as users give them."""

from __future__ import annotations

import operator

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, WrongType


def check_count(name: str, count: int, least: int = 1) -> int:
    """A number of samples, steps or rows as an `int`.

    Args:
        name: The argument's name, for the message.
        count: The user's number.
        least: The smallest number allowed.

    Raises:
        WrongType: It is not an integer.
        InvalidArgument: It is too small.
    """
    message = f"{name} must be an integer of at least {least}: got {summary(count)}."
    try:
        number = operator.index(count)
    except TypeError:
        raise WrongType(message) from None
    if number < least:
        raise InvalidArgument(message)
    return number
