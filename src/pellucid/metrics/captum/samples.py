"""Perturbed copies of a batch: how many go together, and what is repeated with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pellucid.core.examples import all_examples, select_examples
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors, as_tensor_tuple
from pellucid.errors import InvalidArgument, warn


def chunks_of(examples: int, samples: int, max_examples_per_batch: int | None) -> Iterator[int]:
    """How many copies of every example are made at a time.

    Args:
        examples: How many examples there are.
        samples: How many copies of each.
        max_examples_per_batch: How many rows go together at most; None for all.

    Raises:
        InvalidArgument: There are no samples.
    """
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise InvalidArgument(f"n_perturb_samples must be a whole number from 1 on: got {summary(samples)}.")
    size = samples
    if max_examples_per_batch is not None:
        size = min(max(max_examples_per_batch // max(examples, 1), 1), samples)
        if not examples <= max_examples_per_batch <= examples * samples:
            warn(
                f"max_examples_per_batch must be from {examples} to {examples * samples}, the examples and all their "
                f"copies: got {max_examples_per_batch}, {examples * size} are taken."
            )
    for start in range(0, samples, size):
        yield min(size, samples - start)


def repeated(tensors: Tensors, copies: int) -> Tensors:
    """Rows (B, ...) as (B * copies, ...), the copies of a row together.

    Args:
        tensors: The rows.
        copies: How many of each.
    """
    return tuple(tensor.repeat_interleave(copies, dim=0) for tensor in tensors)


def repeated_with(value: Any, examples: int, copies: int) -> Any:
    """A value that goes with a batch, for the copies of its rows.

    Args:
        value: Anything; tensors of as many rows as there are examples are repeated.
        examples: How many.
        copies: Of each.
    """
    return select_examples(value, all_examples(examples).repeat_interleave(copies), examples)


def as_many(value: Any, like: Tensors, name: str) -> Tensors:
    """Tensors, one for each input.

    Args:
        value: The user's.
        like: The inputs.
        name: The argument, for messages.

    Raises:
        InvalidArgument: There are fewer or more.
    """
    tensors = as_tensor_tuple(value, name)
    if len(tensors) != len(like):
        raise InvalidArgument(f"{name} must be as many as inputs, which are {len(like)}: got {len(tensors)}.")
    return tensors
