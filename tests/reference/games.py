"""Specimens as games of one example after another."""

from collections.abc import Callable

import torch
from torch import Tensor

from laws.baselines import by_example
from reference.by_example import EXAMPLES, examples, functions, together
from reference.slow import Inputs
from zoo.specimens import Specimen, Tensors


def bare(tensors: Tensors) -> Tensor | Tensors:
    return tensors if len(tensors) > 1 else tensors[0]


def one_by_one(specimen: Specimen, method: Callable[..., Inputs], masks: Tensors) -> Tensors:
    """A slow method on every example."""
    inputs = specimen.inputs(EXAMPLES)
    parts = zip(functions(specimen), *map(examples, (inputs, by_example(inputs), masks)), strict=True)
    return together([method(*part) for part in parts])


def masks_of(specimen: Specimen, most: int, *, each_its_own: bool) -> Tensors:
    """A random feature below `most` for each element, one for all examples or not; the same in all inputs."""
    generator = torch.Generator().manual_seed(5)
    count = EXAMPLES if each_its_own else 1
    drawn = [torch.randint(most, (count, *shape), generator=generator) for shape in specimen.shapes]
    return tuple(each.expand(EXAMPLES, *each.shape[1:]).contiguous() for each in drawn)


def game_of(table: Tensor) -> Callable[[Tensor], Tensor]:
    """A model that looks up the value of the coalition of the features that are one; the others are zero."""

    def play(x: Tensor) -> Tensor:
        return table[(x * 2 ** torch.arange(x.shape[1])).sum(1).long()]

    return play
