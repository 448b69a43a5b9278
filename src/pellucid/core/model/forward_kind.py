"""Kinds of forwards: what tells apart those of one function that may go differently, to remember something of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor
from torch.utils._pytree import tree_flatten

from pellucid.core.model.facts import Signature

MAX_KINDS = 64
"""Of so many kinds something is remembered of one function, or of one of its modules, before all is forgotten."""


@final
@dataclass(frozen=True)
class ForwardKind:
    """One kind of forward: a function, the shapes of its arguments and the state of its modules.

    It keeps neither models nor tensors alive.

    Args:
        owner: The forward function, or the object whose method it is.
        signature: What tells its forwards apart, but for the sizes of their batches.
        batch: The first sizes of all tensors.
    """

    owner: Any
    signature: Signature
    batch: tuple[int, ...]

    @classmethod
    def of(cls, forward: Callable[..., Any], arguments: tuple[Any, ...], state: Hashable) -> ForwardKind:
        """The kind of a forward.

        Args:
            forward: The function.
            arguments: What it is called with.
            state: That of its modules, as far as it can be seen.
        """
        leaves, tree = tree_flatten(arguments)
        nested = str(tree) if len(leaves) != len(arguments) else None
        described = tuple(
            (each.shape[1:], each.dtype) if isinstance(each, Tensor) else each if is_plain(each) else type(each)
            for each in leaves
        )
        batch = tuple(each.shape[0] if each.ndim else 0 for each in leaves if isinstance(each, Tensor))
        if inspect.ismethod(forward):
            return cls(forward.__self__, (forward.__func__.__qualname__, state, nested, *described), batch)
        return cls(forward, (state, nested, *described), batch)


def is_plain(value: Any) -> bool:
    """Whether a value is a number, a word or nothing, which can be compared."""
    return value is None or isinstance(value, bool | int | float | str)
