"""What is taken away at a time, given the shapes of one example: four parts of it, whatever the shapes are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Shapes = tuple[tuple[int, ...], ...]

PARTS = 4
WINDOWS = {
    ((4,),): (1,),
    ((3, 4),): (3, 1),
    ((2, 6, 6),): (2, 3, 3),
    ((4, 3),): (1, 3),
    ((4,), (2, 3)): ((2,), (1, 3)),
}
"""The sizes of four windows side by side."""

OVERLAPPING = {
    ((6,),): ((3,), (1,)),
    ((8,),): ((2,), (2,)),
    ((4, 6, 6),): ((1, 6, 6), (1, 6, 6)),
    ((4, 3),): ((1, 3), (1, 3)),
    ((4, 8),): ((1, 8), (1, 8)),
    ((5,), (5,)): (((3,), (3,)), ((2,), (2,))),
}
"""The sizes of four windows, and how far each moves."""


def masked(name: str, **numbers: float) -> Callable[[Shapes], dict[str, Any]]:
    """A mask of four features, each in all tensors, under the name that the method has for it, and numbers for each."""

    def of(shapes: Shapes) -> dict[str, Any]:
        masks = tuple(torch.arange(torch.Size(shape).numel()).view(1, *shape) % PARTS for shape in shapes)
        more = {argument: (number,) * len(shapes) for argument, number in numbers.items()}
        return {name: masks if len(masks) > 1 else masks[0]} | more

    return of


def grouped(name: str) -> Callable[[Shapes], dict[str, Any]]:
    """The same four features, in two groups."""

    def of(shapes: Shapes) -> dict[str, Any]:
        found = masked(name)(shapes)
        masks = found[name]
        return found | {"groups": tuple(each // 2 for each in masks) if isinstance(masks, tuple) else masks // 2}

    return of


def windowed(size: str, stride: str) -> Callable[[Shapes], dict[str, Any]]:
    """Four windows side by side; of shapes that are not listed, one for each element."""

    def of(shapes: Shapes) -> dict[str, Any]:
        windows = WINDOWS.get(shapes) or tuple((1,) * len(shape) for shape in shapes)
        return {size: windows, stride: windows}

    return of


def overlapping(size: str, stride: str) -> Callable[[Shapes], dict[str, Any]]:
    """Four windows in a layer, some of which overlap; of shapes that are not listed, one for each element."""

    def of(shapes: Shapes) -> dict[str, Any]:
        alone = tuple((1,) * len(shape) for shape in shapes)
        windows, strides = OVERLAPPING.get(shapes, (alone, alone))
        return {size: windows, stride: strides}

    return of
