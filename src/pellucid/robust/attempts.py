"""Attempts of an attack: what comes of the model where several share a forward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from pellucid.core.examples import all_examples, select_examples
from pellucid.core.model.inspection import ModelInfo
from pellucid.core.model.isolation import isolated
from pellucid.core.pytree import map_tensors
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument, WrongType

Attack: TypeAlias = Callable[..., Any]
"""(inputs, **arguments) -> perturbed inputs: a `Perturbation`, or any function."""


def outputs_of(model: Callable[..., Any], attempts: Sequence[Any], additional_forward_args: Any) -> list[Any]:
    """The outputs of several attempts, from one forward, without gradients, which leaves the model as it was.

    Args:
        model: The model.
        attempts: Its inputs, a tensor or a tuple each, of as many rows.
        additional_forward_args: Its further arguments; tensors with a row for each example are repeated.

    Returns:
        An output for each attempt.

    Raises:
        WrongType: An attempt is no tensor, nor a tuple of these.
        InvalidArgument: An output of several attempts has not as many rows for each.
    """
    further = () if additional_forward_args is None else additional_forward_args
    further = further if isinstance(further, tuple) else (further,)
    tensors = [_as_tensors(attempt) for attempt in attempts]
    count, rows = len(attempts), len(tensors[0][0])
    if count > 1:
        together = tuple(torch.cat(same) for same in zip(*tensors, strict=True))
        further = select_examples(further, all_examples(rows).repeat(count), rows)
    else:
        (together,) = tensors
    with isolated(ModelInfo.of(model), together[0].device, create_graph=False):
        output = model(*together, *further)
    return [output] if count == 1 else [_slice(output, number, count) for number in range(count)]


def groups(attempts: Sequence[Any], perturbations_per_eval: int) -> list[Sequence[Any]]:
    """Attempts in the groups that share a forward.

    Args:
        attempts: All of them.
        perturbations_per_eval: How many share one.

    Raises:
        InvalidArgument: That is not a number from 1 on.
    """
    if perturbations_per_eval < 1:
        raise InvalidArgument(f"perturbations_per_eval must be from 1 on: got {perturbations_per_eval}.")
    return [
        attempts[start : start + perturbations_per_eval] for start in range(0, len(attempts), perturbations_per_eval)
    ]


def _as_tensors(attempt: Any) -> Tensors:
    tensors = attempt if isinstance(attempt, tuple) else (attempt,)
    if not tensors or not all(isinstance(tensor, Tensor) and tensor.dim() for tensor in tensors):
        raise WrongType(f"what the model is called with must be a tensor, or a tuple of these: got {summary(attempt)}.")
    return tensors


def _slice(output: Any, number: int, count: int) -> Any:
    def part(tensor: Tensor) -> Tensor:
        if not tensor.dim() or len(tensor) % count:
            raise InvalidArgument(
                f"model must return as many rows for each of {count} attempts: got {summary(tensor)}. "
                "Hint: perturbations_per_eval=1."
            )
        size = len(tensor) // count
        return tensor[number * size : (number + 1) * size]

    if not any(isinstance(leaf, Tensor) for leaf in tree_leaves(output)):
        raise WrongType(f"model must return tensors: got {summary(output)}. Hint: perturbations_per_eval=1.")
    return map_tensors(output, part)
