"""What is read block by block, in one tensor for all blocks."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from pellucid.core.tensors import Tensors, format_shapes
from pellucid.errors import InvalidArgument


@final
class BlockBuffer:
    """What is read of all rows of a sweep, written down block by block where it will stay.

    Kept one by one, the small tensors of every block would lie among the large ones that come and go, and leave holes
    in memory which an allocator cannot use for the large ones of the next block.

    Args:
        rows: How many rows all blocks have together.
    """

    def __init__(self, rows: int) -> None:
        self._rows, self._done = rows, 0
        self.tensors: Tensors = ()

    def add(self, rows: int, block: Tensors) -> None:
        """Take in what was read of the next rows.

        Args:
            rows: How many these are.
            block: Tensors whose first dimension follows the rows: as long, or as many times shorter in every block.

        Raises:
            InvalidArgument: It does not, or the others are not those of the blocks before.
        """
        if not self.tensors:
            alone = rows == self._rows
            self.tensors = block if alone else tuple(self._empty(each, rows) for each in block)
        if self.tensors is not block:
            self.tensors = tuple(self._with(each, rows, part) for each, part in zip(self.tensors, block, strict=True))
        self._done += rows

    def _empty(self, block: Tensor, rows: int) -> Tensor:
        return block.new_empty(len(block) * self._rows // rows, *block.shape[1:])

    def _with(self, tensor: Tensor, rows: int, block: Tensor) -> Tensor:
        if len(block) * self._rows != len(tensor) * rows or block.shape[1:] != tensor.shape[1:]:
            expected = (len(tensor) * rows // self._rows, *tensor.shape[1:])
            raise InvalidArgument(
                f"forward_func must return outputs of one size for inputs of one size: expected {expected}, "
                f"got {format_shapes((block,))}."
            )
        tensor = tensor.to(torch.promote_types(tensor.dtype, block.dtype))
        start = len(tensor) * self._done // self._rows
        tensor[start : start + len(block)] = block
        return tensor
