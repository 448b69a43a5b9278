"""What autograd has recorded of a tensor: what it was made from, and by which call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from torch import Tensor


@final
class TensorProperty:
    """Something that holds of some tensors, and of all that is made from them.

    Args:
        of: Whether it holds of what a step returns, whatever that was made from; None where nobody can tell.
    """

    def __init__(self, of: Callable[[Any], bool | None] = lambda step: None) -> None:
        self._of = of

    def mark(self, tensor: Tensor, *, holds: bool = True) -> Tensor:
        """Say whether it holds of a tensor, whatever it was made from."""
        step: Any = tensor.grad_fn
        if step is not None:
            step.metadata[self] = holds
        return tensor

    def __call__(self, tensor: Tensor) -> bool:
        """Whether it holds of a tensor."""
        return self.after(tensor.grad_fn)

    def after(self, end: Any) -> bool:
        """The same of what a step returns; what is found on the way is remembered, so that none is looked at twice."""
        waiting: list[Any] = [] if end is None else [end]
        holds = False
        while waiting:
            step = waiting[-1]
            known = step.metadata.get(self, self._of(step))
            before = [] if known is not None else [each for each, _ in step.next_functions if each is not None]
            unknown = [each for each in before if self not in each.metadata]
            if unknown:
                waiting += unknown
                continue
            holds = any(each.metadata[self] for each in before) if known is None else known
            step.metadata[self] = holds
            waiting.pop()
        return holds


DEPENDS_ON_SOURCE = TensorProperty()
"""Whether a tensor depends on those that attributions are for, and not on weights alone."""


def marked_as_source(tensor: Tensor) -> Tensor:
    """A copy of a tensor that attributions are for."""
    return DEPENDS_ON_SOURCE.mark(tensor.clone())
