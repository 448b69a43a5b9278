"""Models that say how often and on how many rows they were called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only


class _Passed(torch.autograd.Function):
    """The identity, which calls a function when a gradient passes."""

    @staticmethod
    def forward(ctx, tensor, notice):
        ctx.notice = notice
        return tensor.clone()

    @staticmethod
    def backward(ctx, grad):
        ctx.notice()
        return grad.clone(), None


def noticing(output: Any, notice: Callable[[], None]) -> Any:
    """An output like this one; `notice` is called when a backward pass goes through one of its tensors."""
    return tree_map_only(Tensor, lambda tensor: _Passed.apply(tensor, notice), output)


class Counted:
    """A model, the rows of every forward, and the numbers of backwards and of forwards refused.

    Args:
        model: Any callable of tensors.
        most: Above this number of rows it raises `error`.
        error: What it raises.
    """

    def __init__(self, model: Callable[..., Any], most: int | None = None, error: Exception | None = None):
        self.model, self.most, self.error = model, most, error
        self.rows: list[int] = []
        self.backwards = self.refused = 0

    def __call__(self, *inputs: Any) -> Any:
        if self.most is not None and len(inputs[0]) > self.most:
            self.refused += 1
            raise self.error
        self.rows.append(len(inputs[0]))
        return noticing(self.model(*inputs), self._count)

    def _count(self) -> None:
        self.backwards += 1
