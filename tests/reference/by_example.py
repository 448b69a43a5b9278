"""A specimen taken apart: one function and one list of inputs for every example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from zoo.specimens import Specimen, Tensors, explained

EXAMPLES = 3


def of_example(value: Any, example: int) -> Any:
    """What belongs to an example: its part of tensors and lists that have one for each."""
    if isinstance(value, list):
        return [value[example]]
    return tree_map_only(Tensor, lambda tensor: tensor[example : example + 1], value)


def functions(specimen: Specimen) -> list[Callable[[list[Tensor]], Tensor]]:
    """For every example, its explained value as a function of its inputs."""
    model, arguments = specimen.model(), specimen.arguments(EXAMPLES)

    def function(example: int) -> Callable[[list[Tensor]], Tensor]:
        target, extra = (of_example(each, example) for each in arguments.values())
        return lambda inputs: explained(model, tuple(inputs), target, extra)[0]

    return [function(example) for example in range(EXAMPLES)]


def examples(tensors: Tensors) -> list[list[Tensor]]:
    """The inputs of every example, (1, ...) each."""
    return [[tensor[example : example + 1] for tensor in tensors] for example in range(EXAMPLES)]


def together(found: list[list[Tensor]]) -> Tensors:
    """Results of every example, as those of a batch."""
    return tuple(torch.cat(each) for each in zip(*found, strict=True))
