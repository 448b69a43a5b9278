"""Whether contributions add up to the change of the output."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
import torch.utils.checkpoint
from torch import Tensor

from matrices import in_turn
from pellucid import attr

EXAMPLES, WIDTH, TOKENS = 3, 8, 5


EXACT = 1e-10


ROUNDED = 1e-4
"""What deltas in float32 are of the largest change, at most."""


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def weighted(output: Tensor) -> Tensor:
    """One number for each example, in which no two numbers of the output count the same."""
    flat = output.reshape(len(output), -1)
    return (flat * torch.arange(1, flat.shape[1] + 1, dtype=flat.dtype).cos()).sum(1)


def total(attributions: Any) -> Tensor:
    each = attributions if isinstance(attributions, tuple) else (attributions,)
    return sum(one.flatten(1).sum(1) for one in each)


def adds_up(model: Callable[..., Any], x: Tensor, x0: Tensor, within: float = EXACT) -> None:
    """The attributions add up to the change between two plain forwards, without a warning, and the delta agrees.

    Args:
        model: Any function of x.
        x: Points.
        x0: As many baselines.
        within: The largest difference, in units of the largest change where x is of float32.
    """
    with torch.no_grad():
        change = weighted(model(x.clone())) - weighted(model(x0.clone()))
    found, delta = attr.DeepLift(model).attribute(x, x0, weighted, return_convergence_delta=True, strict=True)
    assert found.shape == x.shape
    assert change.abs().max() > 1e-3
    unit = change.abs().max().item() if x.dtype == torch.float32 else 1
    assert delta.shape == (len(x),)
    assert delta.abs().max() < within * unit
    assert (total(found) - change).abs().max() < within * unit


PRECISIONS = [(torch.float64, EXACT), (torch.float32, ROUNDED)]
"""Dtypes, and how exact they are."""
DTYPES = pytest.mark.parametrize(("dtype", "within"), PRECISIONS, ids=["float64", "float32"])


def in_both_precisions(names: Iterable[str]) -> pytest.MarkDecorator:
    """Every name in both dtypes, but for the quick suite, which has one of them in turn."""
    return pytest.mark.parametrize(("name", "dtype", "within"), in_turn(names, PRECISIONS, quick=1), ids=str)


def differences(function: Callable[[Tensor], Tensor], x: Tensor, step: float = 1e-5) -> Tensor:
    """The gradient by central differences."""
    found = torch.zeros_like(x)
    for place in range(x.numel()):
        way = torch.zeros(x.numel(), dtype=x.dtype)
        way[place] = step
        way = way.view_as(x)
        found.view(-1)[place] = (function(x + way) - function(x - way)) / (2 * step)
    return found
