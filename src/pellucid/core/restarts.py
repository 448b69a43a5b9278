"""Signals that an attribution must begin again, another way. No `Exception`, so that nobody takes them for errors."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class BatchCollapsed(BaseException):
    """The output does not follow the rows given: one forward must hold the batch, whole. Caught by the session."""

    def settle(self, result: T) -> T:
        """What the whole batch gave, which has passed."""
        return result


class ReplayFailed(BaseException):
    """What was replayed is not what the model returns. Caught by the session, which begins again without."""
