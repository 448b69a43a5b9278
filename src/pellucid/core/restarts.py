"""Signals that an attribution must start again in another way; no `Exception`s, so that no handler catches them."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class BatchCollapsed(BaseException):
    """The output has not one entry per row: every forward must hold the whole batch. Caught by the session."""

    def settle(self, result: T) -> T:
        """Accept the result of the second run, with whole batches; subclasses remember that it was needed."""
        return result


class ReplayFailed(BaseException):
    """A replayed output is not what the model returns. Caught by the session, which starts again without replays."""
