"""Rows: which example each point belongs to, and selecting arguments by example."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from pellucid.core.pytree import map_tensors
from pellucid.core.tensors import Tensors


@lru_cache(maxsize=128)
def all_examples(examples: int) -> Tensor:
    """The examples of the whole batch in order, int64 [examples]. The tensor is shared: do not write to it."""
    with torch.inference_mode(False):
        return torch.arange(examples, device="cpu")


def select_examples(value: Any, rows: Tensor | None, examples: int) -> Any:
    """Select the examples `rows` of anything a user may pass to the model.

    Tensors whose first dimension is the number of examples are indexed by `rows`; everything else (numbers, strings,
    tensors of other shapes, objects) is returned unchanged.

    Args:
        value: The user's value for the whole batch.
        rows: For each point, the example it belongs to, int64 [n]; None for every example once, in order.
        examples: The number of examples in the user's batch.
    """

    def select(tensor: Tensor) -> Tensor:
        if tensor.ndim == 0 or tensor.shape[0] != examples:
            return tensor
        return tensor.clone() if rows is None else _select_rows(tensor, rows.to(tensor.device))

    return map_tensors(value, select)


def _select_rows(tensor: Tensor, rows: Tensor) -> Tensor:
    """Rows of a tensor, which may be sparse."""
    if tensor.layout is torch.strided:
        return tensor[rows]
    selected: Tensor = tensor.to_sparse(layout=torch.sparse_coo).index_select(0, rows)
    return selected.to_sparse(layout=tensor.layout)


def is_batch_first(rows: Tensor, tensors: Tensors) -> bool:
    """Whether the first dimension of all tensors at a layer is that of the rows.

    In a tensor (n, n, D) the rows may be the second dimension, as in recurrent layers: the answer is then no.
    """
    n = len(rows)
    return all(tensor.shape[:1] == (n,) and (n == 1 or tensor.ndim != 3 or tensor.shape[1] != n) for tensor in tensors)
