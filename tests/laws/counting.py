"""Models that say how often and on how many rows they were called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_map_only


def noticing(output: Any, notice: Callable[[], None]) -> Any:
    """An output like this one; `notice` is called when a backward pass goes through one of its tensors."""

    def noticed(tensor: Tensor) -> Tensor:
        tensor = tensor.clone()
        if tensor.requires_grad:
            tensor.register_hook(lambda _: notice())
        return tensor

    return tree_map_only(Tensor, noticed, output)


class Counted:
    """A model, the rows of every forward, and the numbers of backwards and of forwards refused.

    A backward pass is seen where it enters, at the output, or where it ends, at the first input; one from the output
    to a layer does only the first, one from a neuron to the inputs only the second.

    Args:
        model: Any callable of tensors.
        most: Above this number of rows it raises `error`.
        error: What it raises.
    """

    def __init__(self, model: Callable[..., Any], most: int | None = None, error: Exception | None = None):
        self.model, self.most, self.error = model, most, error
        self.rows: list[int] = []
        self.refused = 0
        self._at = {"output": 0, "input": 0}

    @property
    def backwards(self) -> int:
        return max(self._at.values())

    def forget(self) -> None:
        self.rows.clear()
        self._at = {"output": 0, "input": 0}

    def __call__(self, first: Tensor, *others: Any) -> Any:
        if self.most is not None and len(first) > self.most:
            self.refused += 1
            raise self.error
        self.rows.append(len(first))
        output = self.model(noticing(first, lambda: self._count("input")), *others)
        return noticing(output, lambda: self._count("output"))

    def _count(self, end: str) -> None:
        self._at[end] += 1


@contextmanager
def calls_of(*functions: Any) -> Iterator[list[int]]:
    """How often each of them is called, which it cannot notice."""
    codes, counts = [each.__code__ for each in functions], [0] * len(functions)

    def look(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in codes:
            counts[codes.index(frame.f_code)] += 1

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield counts
    finally:
        sys.setprofile(before)
