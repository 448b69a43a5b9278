"""How often modules are called in a forward, remembered, so that a forward can stop after the last call needed."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

Signature: TypeAlias = tuple[Any, ...]

_REMEMBERED: WeakKeyDictionary[Any, WeakKeyDictionary[nn.Module, dict[Signature, int]]] = WeakKeyDictionary()
_LOCK = threading.RLock()
_SIGNATURES = 64
"""How many kinds of call are remembered of a module, before all are forgotten."""


@final
@dataclass(frozen=True)
class Calls:
    """The memory of one kind of forward: a function, the shapes of its arguments and the modes of its modules.

    It keeps neither models nor tensors alive.

    Args:
        owner: The forward function, or the object whose method it is.
        signature: What tells apart the forwards in which a module may be called more or less often.
    """

    owner: Any
    signature: Signature

    @classmethod
    def of(cls, forward: Callable[..., Any], arguments: tuple[Any, ...], modes: bytes) -> Calls:
        """The memory for a forward with these arguments."""
        described = tuple(
            (each.shape, each.dtype) if isinstance(each, Tensor) else each if _plain(each) else type(each)
            for each in tree_leaves(arguments)
        )
        if inspect.ismethod(forward):
            return cls(forward.__self__, (forward.__func__.__qualname__, modes, *described))
        return cls(forward, (modes, *described))

    @property
    def memorable(self) -> bool:
        """Whether anything can be remembered of the owner without keeping it alive."""
        return bool(type(self.owner).__weakrefoffset__) and type(self.owner).__hash__ is not None

    def get(self, module: nn.Module) -> int | None:
        """How often a module is called; None where nobody has counted."""
        with _LOCK:
            counts = _REMEMBERED.get(self.owner) if self.memorable else None
            return None if counts is None else counts.get(module, {}).get(self.signature)

    def remember(self, module: nn.Module, count: int) -> None:
        """Remember how often a module was called in a forward that ran to its end."""
        if not self.memorable:
            return
        with _LOCK:
            counts = _REMEMBERED.setdefault(self.owner, WeakKeyDictionary()).setdefault(module, {})
            if len(counts) >= _SIGNATURES:
                counts.clear()
            counts[self.signature] = count


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
