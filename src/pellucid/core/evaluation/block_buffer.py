"""The results of a sweep, gathered block by block in one tensor."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from pellucid.core.tensors import Tensors, format_shapes
from pellucid.errors import InvalidArgument


@final
class BlockBuffer:
    """The results for all rows of a sweep; each block is copied into tensors allocated with the first one.

    Kept in a list instead, the small tensors of every block would lie between the large ones that come and go, and
    fragment the memory.

    Args:
        rows: The rows of all blocks together.
    """

    def __init__(self, rows: int) -> None:
        self._rows, self._done = rows, 0
        self.tensors: Tensors = ()

    def add(self, rows: int, block: Tensors) -> None:
        """Append the results for the next rows.

        Args:
            rows: The number of rows.
            block: Tensors whose first dimension is proportional to the rows, by the same factor in every block.

        Raises:
            InvalidArgument: It is not, or the other dimensions differ from those of earlier blocks.
        """
        if not self.tensors:
            is_only_block = rows == self._rows
            self.tensors = block if is_only_block else tuple(self._empty(result, rows) for result in block)
        if self.tensors is not block:
            self.tensors = tuple(
                self._with(tensor, rows, result) for tensor, result in zip(self.tensors, block, strict=True)
            )
        self._done += rows

    def _empty(self, block: Tensor, rows: int) -> Tensor:
        return block.new_empty(len(block) * self._rows // rows, *block.shape[1:])

    def _with(self, tensor: Tensor, rows: int, block: Tensor) -> Tensor:
        if len(block) * self._rows != len(tensor) * rows or block.shape[1:] != tensor.shape[1:]:
            expected = (len(tensor) * rows // self._rows, *tensor.shape[1:])
            raise InvalidArgument(
                f"model must return outputs of one size for inputs of one size: expected {expected}, "
                f"got {format_shapes((block,))}."
            )
        tensor = tensor.to(torch.promote_types(tensor.dtype, block.dtype))
        start = len(tensor) * self._done // self._rows
        tensor[start : start + len(block)] = block
        return tensor
