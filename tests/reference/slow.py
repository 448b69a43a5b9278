"""Every method again, slow and obvious: one example, one point, one forward at a time.

`f` takes the inputs of one example, a list of tensors (1, ...), and returns its explained value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Inputs = list[Tensor]
Value = Callable[[Inputs], Tensor]


def gradient(f: Value, x: Inputs) -> Inputs:
    leaves = [each.clone().requires_grad_() for each in x]
    return list(torch.autograd.grad(f(leaves), leaves))


def saliency(f: Value, x: Inputs) -> Inputs:
    return [g.abs() for g in gradient(f, x)]


def input_x_gradient(f: Value, x: Inputs) -> Inputs:
    return [each * g for each, g in zip(x, gradient(f, x), strict=True)]


def nodes_and_weights(rule: str, steps: int) -> list[tuple[float, float]]:
    if rule == "gausslegendre":
        return [((1 + t) / 2, w / 2) for t, w in zip(*np.polynomial.legendre.leggauss(steps), strict=True)]
    if rule == "riemann_trapezoid":
        return [(i / (steps - 1), (0.5 if i in (0, steps - 1) else 1) / (steps - 1)) for i in range(steps)]
    offset = {"riemann_left": 0, "riemann_middle": 0.5, "riemann_right": 1}[rule]
    return [((i + offset) / steps, 1 / steps) for i in range(steps)]


def integrated_gradients(f: Value, x: Inputs, x0: Inputs, rule: str = "gausslegendre", steps: int = 50) -> Inputs:
    total = [torch.zeros_like(each) for each in x]
    for alpha, weight in nodes_and_weights(rule, steps):
        point = [start + alpha * (end - start) for start, end in zip(x0, x, strict=True)]
        for each, g, start, end in zip(total, gradient(f, point), x0, x, strict=True):
            each += weight * g * (end - start)
    return total


def expected_gradients(f: Value, draws: list[tuple[Inputs, Inputs, float]]) -> Inputs:
    """The mean over draws of (start, end, alpha) of the gradient between them times their difference."""
    shares = []
    for start, end, alpha in draws:
        point = [s + alpha * (e - s) for s, e in zip(start, end, strict=True)]
        shares.append([g * (e - s) for g, s, e in zip(gradient(f, point), start, end, strict=True)])
    return [torch.stack(each).mean(0) for each in zip(*shares, strict=True)]


def noise_tunnel(method: Callable[[Inputs], Inputs], noisy: list[Inputs], average: str) -> Inputs:
    found = [torch.stack(each) for each in zip(*map(method, noisy), strict=True)]
    if average == "smoothgrad":
        return [each.mean(0) for each in found]
    if average == "smoothgrad_sq":
        return [(each**2).mean(0) for each in found]
    return [each.var(0, correction=0) for each in found]


def gap(f: Value, attributions: Inputs, start: Inputs, end: Inputs) -> Tensor:
    return sum(each.sum() for each in attributions) - (f(end) - f(start))
