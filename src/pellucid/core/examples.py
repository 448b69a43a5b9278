"""Rows: which example each point belongs to, and picking what follows it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from pellucid.core.pytree import map_tensors
from pellucid.core.tensors import Tensors


@lru_cache(maxsize=128)
def all_examples(examples: int) -> Tensor:
    """The rows of a whole batch, in order: 0, 1, ..., examples - 1. Shared, so not to be written to."""
    with torch.inference_mode(False):
        return torch.arange(examples, device="cpu")


def select_examples(value: Any, rows: Tensor | None, examples: int) -> Any:
    """What belongs to the examples in `rows`, out of anything a user may pass to the model.

    Tensors whose first dimension counts the examples are indexed by `rows`; everything else (numbers, strings, tensors
    of other shapes, objects) passes as it is.

    Args:
        value: What the user gave for the whole batch.
        rows: For each point, the example it belongs to, int64 [n]; None for every example once, in order.
        examples: The number of examples in the user's batch.
    """

    def picked(tensor: Tensor) -> Tensor:
        if tensor.ndim == 0 or tensor.shape[0] != examples:
            return tensor
        return tensor.clone() if rows is None else _select_rows(tensor, rows.to(tensor.device))

    return map_tensors(value, picked)


def _select_rows(tensor: Tensor, rows: Tensor) -> Tensor:
    """Rows of a tensor, which may be sparse."""
    if tensor.layout is torch.strided:
        return tensor[rows]
    chosen: Tensor = tensor.to_sparse(layout=torch.sparse_coo).index_select(0, rows)
    return chosen.to_sparse(layout=tensor.layout)


def is_batch_first(rows: Tensor, tensors: Tensors) -> bool:
    """Whether tensors at a layer have a first dimension for these rows.

    One (n, n, D) may have them second, as recurrent layers do, and is taken for such.
    """
    n = len(rows)
    return all(each.shape[:1] == (n,) and (n == 1 or each.ndim != 3 or each.shape[1] != n) for each in tensors)
