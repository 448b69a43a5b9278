"""Kinds of forwards: keys under which facts are remembered of forwards that may run differently."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor
from torch.utils._pytree import tree_flatten

from pellucid.core.model.facts import Signature
from pellucid.core.summaries import Summarized

MAX_KINDS = 64
"""How many kinds of forwards of a function, or of one of its modules, are remembered before all are forgotten."""


@final
@dataclass(frozen=True)
class ForwardKind(Summarized):
    """One kind of forward: a function, the shapes of its arguments and the state of its modules.

    It keeps neither models nor tensors alive.

    Args:
        owner: The forward function, or the object whose method it is.
        signature: What identifies the kind, but for the batch size.
        batch: The first dimension of every tensor.
    """

    owner: Any
    signature: Signature
    batch: tuple[int, ...]

    @classmethod
    def of(cls, forward: Callable[..., Any], arguments: tuple[Any, ...], state: Hashable) -> ForwardKind:
        """The kind of a forward.

        Args:
            forward: The function.
            arguments: Its arguments.
            state: The visible state of its modules.
        """
        leaves, tree = tree_flatten(arguments)
        nested = str(tree) if len(leaves) != len(arguments) else None
        descriptions = tuple(
            (leaf.shape[1:], leaf.dtype) if isinstance(leaf, Tensor) else leaf if is_plain(leaf) else type(leaf)
            for leaf in leaves
        )
        batch = tuple(leaf.shape[0] if leaf.ndim else 0 for leaf in leaves if isinstance(leaf, Tensor))
        if inspect.ismethod(forward):
            return cls(forward.__self__, (forward.__func__.__qualname__, state, nested, *descriptions), batch)
        return cls(forward, (state, nested, *descriptions), batch)


def is_plain(value: Any) -> bool:
    """Whether a value is a number, a string or None, and so can be compared."""
    return value is None or isinstance(value, bool | int | float | str)
