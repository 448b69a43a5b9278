"""What was typed cannot be meant: the error, and what is likely to have been meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST_NAMES = 50
"""How many names an error lists."""


class CommandError(Exception):
    """Something failed, and the message says all there is to say."""


class UsageError(CommandError):
    """What was typed cannot be meant; the message says what can. It ends a command with exit code 2."""


def not_among(what: str, names: Iterable[str], given: str) -> UsageError:
    """The error for a name that is none of those there are.

    Args:
        what: What must be one of them, `--plot`.
        names: Those there are.
        given: What was typed.
    """
    names = list(names)
    alike = get_close_matches(given, names, n=1, cutoff=0.5)
    listed = ", ".join(names[:MOST_NAMES]) + (" ..." if len(names) > MOST_NAMES else "")
    hint = f" Hint: {alike[0]}." if alike else ""
    return UsageError(f"{what} must be one of {listed or 'none'}: got {given!r}.{hint}")
