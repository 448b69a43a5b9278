"""Properties that tensors inherit from those they were computed from, kept on autograd's nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from torch import Tensor


@final
class TensorProperty:
    """A property of tensors that every tensor has which was computed from one that has it.

    Args:
        of: Whether the output of a node has it, regardless of the node's inputs; None where these decide.
    """

    def __init__(self, of: Callable[[Any], bool | None] = lambda node: None) -> None:
        self._of = of

    def mark(self, tensor: Tensor, *, holds: bool = True) -> Tensor:
        """Set whether a tensor has the property, regardless of what it was computed from; returns the tensor."""
        node: Any = tensor.grad_fn
        if node is not None:
            node.metadata[self] = holds
        return tensor

    def __call__(self, tensor: Tensor) -> bool:
        """Whether a tensor has the property."""
        return self.after(tensor.grad_fn)

    def after(self, end: Any) -> bool:
        """Whether the output of a node has the property; remembered for all nodes on the way."""
        pending: list[Any] = [] if end is None else [end]
        holds = False
        while pending:
            node = pending[-1]
            known = node.metadata.get(self, self._of(node))
            inputs = [] if known is not None else [before for before, _ in node.next_functions if before is not None]
            unknown = [before for before in inputs if self not in before.metadata]
            if unknown:
                pending += unknown
                continue
            holds = any(before.metadata[self] for before in inputs) if known is None else known
            node.metadata[self] = holds
            pending.pop()
        return holds


DEPENDS_ON_SOURCE = TensorProperty()
"""Whether a tensor depends on the tensors at the source, and not on weights alone."""


def marked_as_source(tensor: Tensor) -> Tensor:
    """A copy of a tensor, marked as one at the source."""
    return DEPENDS_ON_SOURCE.mark(tensor.clone())
