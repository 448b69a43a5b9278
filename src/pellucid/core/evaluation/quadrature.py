"""Quadrature: an integral over [0, 1] as a weighted sum."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from pellucid.core.counts import check_count
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument

Quadrature: TypeAlias = Literal[
    "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid", "gausslegendre", "captum_trapezoid"
]
Nodes: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]


def _riemann(offset: float) -> Callable[[int], Nodes]:
    """Riemann sums with a node at this fraction of each interval."""
    return lambda steps: ((np.arange(steps) + offset) / steps, np.full(steps, 1 / steps))


def _trapezoid(steps: int) -> Nodes:
    if steps < 2:
        raise InvalidArgument(f"n_steps must be at least 2 for the trapezoid rule: got {steps}.")
    weights = np.full(steps, 1 / (steps - 1))
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, steps), weights


def _captum_trapezoid(steps: int) -> Nodes:
    nodes, weights = _trapezoid(steps)
    return nodes, weights * (steps - 1) / steps


def _gausslegendre(steps: int) -> Nodes:
    nodes, weights = leggauss(steps)
    return (nodes + 1) / 2, weights / 2


_RULES: dict[str, Callable[[int], Nodes]] = {
    "riemann_left": _riemann(0),
    "riemann_right": _riemann(1),
    "riemann_middle": _riemann(0.5),
    "riemann_trapezoid": _trapezoid,
    "gausslegendre": _gausslegendre,
    "captum_trapezoid": _captum_trapezoid,
}


@cache
def quadrature(rule: Quadrature, steps: int) -> Nodes:
    """Nodes in [0, 1] and weights that sum to one.

    The exception is `captum_trapezoid`, the trapezoid rule with Captum's weights, which sum to (steps - 1) / steps.

    Args:
        rule: `riemann_left`, `riemann_right` and `riemann_middle` take one point of each of `steps` equal intervals;
            `riemann_trapezoid` the ends and the points between them; `gausslegendre` the Gauss-Legendre points,
            exact for polynomials of degree `2 * steps - 1`.
        steps: The number of nodes, at least 1 (2 for the trapezoid rules).

    Returns:
        Nodes and weights, float64 [steps] each.

    Raises:
        InvalidArgument: An unknown rule, or too few steps.

    Examples:
        >>> from pellucid.core.evaluation.quadrature import quadrature
        >>> nodes, weights = quadrature("riemann_middle", 4)
        >>> nodes.tolist(), weights.tolist()
        ([0.125, 0.375, 0.625, 0.875], [0.25, 0.25, 0.25, 0.25])
    """
    if rule not in _RULES:
        known = ", ".join(name for name in _RULES if name != "captum_trapezoid")
        raise InvalidArgument(f"method must be one of {known}: got {summary(rule)}.")
    return _RULES[rule](check_count("n_steps", steps))
