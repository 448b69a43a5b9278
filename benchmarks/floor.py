"""The floor: the forwards and backwards that a method cannot do without, in a bare loop."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.calls import Work
from benchmarks.models import Scene
from benchmarks.timing import sample

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096, 16384)
"""The batch sizes to choose from."""

STEP_SECONDS = 2
"""Where a single step takes longer, larger batches gain nothing and are not tried."""


def fastest_loop(scene: Scene, work: Work) -> Callable[[], None]:
    """The loop at the batch size that takes the least time per row, as a call to be timed."""
    model, x = scene
    rows = len(x) * (work.gradients or work.forwards)
    per_row: dict[int, float] = {}
    for size in sorted({min(size, rows) for size in SIZES}):
        if per_row and size * min(per_row.values()) > STEP_SECONDS:
            break
        step = partial(loop, model, points(x, size), **({"gradients": size} if work.gradients else {"forwards": size}))
        per_row[size] = min(sample(step), sample(step)) / size
    best = min(per_row, key=lambda size: per_row[size])
    every = {"gradients": len(x) * work.gradients, "forwards": len(x) * work.forwards}
    return partial(loop, model, points(x, best), **every)


def points(x: Tensor, count: int) -> Tensor:
    """As many points as are wanted, the inputs over and over."""
    return x.repeat(-(-count // len(x)), *[1] * (x.ndim - 1))[:count]


def loop(model: nn.Module, points: Tensor, gradients: int = 0, forwards: int = 0) -> None:
    """Rows forward and backward, then rows forward only, as many at a time as there are points."""
    size = len(points)
    for done in range(0, gradients, size):
        leaf = points[: gradients - done].detach().requires_grad_()
        value = model(leaf)[:, 0]
        torch.autograd.grad(value, leaf, torch.ones_like(value))
    for done in range(0, forwards, size):
        with torch.no_grad():
            model(points[: forwards - done])
