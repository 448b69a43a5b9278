"""Integrals over [0, 1] as Captum's clients take them: functions of the number of steps, for weights and for points."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeAlias

from pellucid.core.evaluation.quadrature import quadrature
from pellucid.errors import InvalidArgument

Builders: TypeAlias = tuple[Callable[[int], list[float]], Callable[[int], list[float]]]
"""The weights and the points of a number of steps."""


class Riemann(Enum):
    """Where the points of a Riemann sum lie."""

    left = 1
    right = 2
    middle = 3
    trapezoid = 4


SUPPORTED_RIEMANN_METHODS = [f"riemann_{rule.name}" for rule in Riemann]
SUPPORTED_METHODS = [*SUPPORTED_RIEMANN_METHODS, "gausslegendre"]


def approximation_parameters(method: str) -> Builders:
    """The weights and the points of a method, as functions of the number of steps.

    Those of the trapezoid are Captum's, which add up to (n - 1) / n.

    Raises:
        InvalidArgument: The method is unknown.
    """
    if method not in SUPPORTED_METHODS:
        raise InvalidArgument(f"method must be one of {', '.join(SUPPORTED_METHODS)}: got {method!r}.")
    rule: Any = "captum_trapezoid" if method == "riemann_trapezoid" else method

    def step_sizes(n: int) -> list[float]:
        return _checked(rule, n)[1]

    def alphas(n: int) -> list[float]:
        return _checked(rule, n)[0]

    return step_sizes, alphas


def _checked(rule: Any, n: int) -> tuple[list[float], list[float]]:
    fewest = 1 if rule == "gausslegendre" else 2
    if n < fewest:
        raise InvalidArgument(f"n must be at least {fewest} for {rule}: got {n}.")
    points, weights = quadrature(rule, n)
    return points.tolist(), weights.tolist()


def gauss_legendre_builders() -> Builders:
    """Those of Gauss and Legendre."""
    return approximation_parameters("gausslegendre")


def riemann_builders(method: Riemann = Riemann.trapezoid) -> Builders:
    """Those of a Riemann sum."""
    return approximation_parameters(f"riemann_{method.name}")
