"""Activation checkpointing, which runs a part of a model again in the backward, where neither hooks nor rules act.

During our forwards, checkpoints run their part without checkpointing, in this thread alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any, Literal, final

from torch.utils import checkpoint as torch_checkpoint

CheckpointKind = Literal["none", "reentrant", "all"]
"""Which checkpoints are switched off: reentrant ones give no gradients at captured tensors, the others save memory."""

_SWITCHED_OFF: ContextVar[CheckpointKind] = ContextVar("switched_off_checkpoints", default="none")
_LOCK = threading.Lock()
_ORIGINALS = torch_checkpoint.CheckpointFunction, torch_checkpoint._checkpoint_without_reentrant_generator
_USERS = [0]


class _Reentrant:
    """Replaces torch's `CheckpointFunction`."""

    @staticmethod
    def apply(function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        """Call the function, with torch's checkpoint unless switched off."""
        return function(*args) if _SWITCHED_OFF.get() != "none" else _ORIGINALS[0].apply(function, preserve, *args)  # type: ignore[no-untyped-call]


def _non_reentrant(*args: Any, **keywords: Any) -> Generator[None, None, None]:
    """Replaces torch's generator around a checkpointed call: does nothing if switched off."""
    if _SWITCHED_OFF.get() == "all":
        yield
    else:
        yield from _ORIGINALS[1](*args, **keywords)


@final
class plain_checkpoints:  # noqa: N801  # a context manager, used as a function; one made of a generator takes longer
    """Switch checkpoints off in this thread.

    Args:
        which: Which kind of checkpoints.
    """

    def __init__(self, which: CheckpointKind) -> None:
        self._which = which

    def __enter__(self) -> None:
        _count_users(1)
        self._token = _SWITCHED_OFF.set("all" if _SWITCHED_OFF.get() == "all" else self._which)

    def __exit__(self, *_: object) -> None:
        _SWITCHED_OFF.reset(self._token)
        _count_users(-1)


def _count_users(change: Literal[1, -1]) -> None:
    """Replace torch's functions for the first user and restore them after the last one, as all threads share them."""
    with _LOCK:
        _USERS[0] += change
        is_used = _USERS[0] > 0
        if _USERS[0] != max(change, 0):  # neither the first user nor the last
            return
        torch_checkpoint.CheckpointFunction = _Reentrant if is_used else _ORIGINALS[0]  # type: ignore[misc, assignment]
        torch_checkpoint._checkpoint_without_reentrant_generator = _non_reentrant if is_used else _ORIGINALS[1]
