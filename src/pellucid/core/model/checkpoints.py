"""Checkpoints, which run a part of a model once more in the backward, where neither hooks nor rules would see it.

During a forward of ours they run their part plainly, in this thread alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any, Literal, final

from torch.utils import checkpoint as torchs

CheckpointKind = Literal["none", "reentrant", "all"]
"""Reentrant checkpoints have no gradient at chosen tensors, as attributions need it; the others save memory."""

_PLAIN: ContextVar[CheckpointKind] = ContextVar("plain", default="none")
_LOCK = threading.Lock()
_ORIGINALS = torchs.CheckpointFunction, torchs._checkpoint_without_reentrant_generator
_VISITS = [0]


class _Reentrant:
    """In the place of torch's function of this name."""

    @staticmethod
    def apply(function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        """The part itself, or torch's checkpoint of it."""
        return function(*args) if _PLAIN.get() != "none" else _ORIGINALS[0].apply(function, preserve, *args)  # type: ignore[no-untyped-call]


def _around_part(*args: Any, **keywords: Any) -> Generator[None, None, None]:
    """What happens before and after a part: nothing, or torch's checkpoint of it."""
    if _PLAIN.get() == "all":
        yield
    else:
        yield from _ORIGINALS[1](*args, **keywords)


@final
class plain_checkpoints:  # noqa: N801  # a context manager, used as a function; one made of a generator takes longer
    """Have checkpoints run their part plainly, as if they were not there.

    Args:
        which: Of them.
    """

    def __init__(self, which: CheckpointKind) -> None:
        self._which = which

    def __enter__(self) -> None:
        _visits(1)
        self._token = _PLAIN.set("all" if _PLAIN.get() == "all" else self._which)

    def __exit__(self, *_: object) -> None:
        _PLAIN.reset(self._token)
        _visits(-1)


def _visits(more: int) -> None:
    """The switch is one for all threads, so visits are counted."""
    with _LOCK:
        _VISITS[0] += more
        inside = _VISITS[0] > 0
        if _VISITS[0] != max(more, 0):  # neither the first nor the last
            return
        torchs.CheckpointFunction = _Reentrant if inside else _ORIGINALS[0]  # type: ignore[misc, assignment]
        torchs._checkpoint_without_reentrant_generator = _around_part if inside else _ORIGINALS[1]
