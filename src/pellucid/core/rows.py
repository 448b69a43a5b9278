"""Rows: which example each point belongs to, and picking what follows it."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def pick(value: Any, rows: Tensor, examples: int) -> Any:
    """What belongs to the examples in `rows`, out of anything a user may pass to the model.

    Tensors whose first dimension counts the examples are indexed by `rows`, also inside tuples, lists and dicts;
    everything else (numbers, strings, tensors of other shapes, objects) passes as it is.

    Args:
        value: What the user gave for the whole batch.
        rows: For each point, the example it belongs to, int64 [n].
        examples: The number of examples in the user's batch.
    """
    if isinstance(value, Tensor):
        return value[rows.to(value.device)] if value.ndim and len(value) == examples else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(pick(each, rows, examples) for each in value))
    if type(value) in (tuple, list):
        return type(value)(pick(each, rows, examples) for each in value)
    if type(value) is dict:
        return {key: pick(each, rows, examples) for key, each in value.items()}
    return value
