"""Relevance propagation one connection at a time: a layer is rows of weights, one row for each of its outputs."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Row = Mapping[int, float]
"""The weights of the inputs that one output is connected to, by their places."""

Part = tuple[float, Row, float]
"""How much of an output's relevance goes by some contributions: this factor, those of inputs, and that of the bias."""

Rule = Callable[[Sequence[float], Row, float], list[Part]]
"""(inputs, weights of an output, its bias) -> contributions to this output."""


@dataclass(frozen=True)
class Layer:
    """What a layer does to one example, in the plainest form."""

    rows: list[Row]
    biases: list[float]

    @classmethod
    def of(cls, module: nn.Module, example: Tensor) -> Layer:
        """That of a module with weights, for inputs of the shape of an example, (1, ...)."""
        zeros, ones = torch.zeros_like(example), copy.deepcopy(module)
        nn.init.ones_(ones.weight)
        weights, connected = (_matrix(each, zeros).tolist() for each in (module, ones))
        rows = [{i: w for i, w in enumerate(row) if seen[i]} for row, seen in zip(weights, connected, strict=True)]
        return cls(rows, module(zeros).flatten().tolist())


def _matrix(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """How each output, flat, changes with each input."""
    return torch.autograd.functional.jacobian(function, at).reshape(-1, at.numel())


def epsilon(x: Sequence[float], row: Row, bias: float) -> list[Part]:
    return [(1.0, {i: x[i] * w for i, w in row.items()}, bias)]


def gamma(value: float) -> Rule:
    """More of what has the sign of the output."""

    def parts(x: Sequence[float], row: Row, bias: float) -> list[Part]:
        favoured = max if sum(x[i] * w for i, w in row.items()) + bias >= 0 else min

        def more(z: float) -> float:
            return z + value * favoured(z, 0.0)

        return [(1.0, {i: more(x[i] * w) for i, w in row.items()}, more(bias))]

    return parts


def z_plus(x: Sequence[float], row: Row, bias: float) -> list[Part]:
    return [(1.0, {i: max(x[i] * w, 0.0) for i, w in row.items()}, max(bias, 0.0))]


def alpha_beta(alpha: float, beta: float) -> Rule:
    def parts(x: Sequence[float], row: Row, bias: float) -> list[Part]:
        below = {i: min(x[i] * w, 0.0) for i, w in row.items()}, min(bias, 0.0)
        ((_, *above),) = z_plus(x, row, bias)
        return [(alpha, *above), (-beta, *below)]

    return parts


def z_box(low: Sequence[float], high: Sequence[float]) -> Rule:
    def parts(x: Sequence[float], row: Row, bias: float) -> list[Part]:
        return [(1.0, {i: x[i] * w - low[i] * max(w, 0) - high[i] * min(w, 0) for i, w in row.items()}, bias)]

    return parts


def w_square(x: Sequence[float], row: Row, bias: float) -> list[Part]:
    return [(1.0, {i: w * w for i, w in row.items()}, bias * bias)]


def flat(x: Sequence[float], row: Row, bias: float) -> list[Part]:
    return [(1.0, dict.fromkeys(row, 1.0), 1.0)]


def passed(
    rule: Rule,
    layer: Layer,
    x: Sequence[float],
    relevance: Sequence[float],
    *,
    stabiliser: float = 1e-9,
    with_bias: bool = True,
) -> list[float]:
    """The relevance of a layer's inputs."""
    found = [0.0] * len(x)
    for row, bias, received in zip(layer.rows, layer.biases, relevance, strict=True):
        for factor, contributions, of_bias in rule(x, row, bias):
            z = sum(contributions.values()) + (of_bias if with_bias else 0.0)
            z += math.copysign(stabiliser, z)
            for i, each in contributions.items():
                found[i] += factor * each / z * received
    return found


def first_order(function: Callable[[Tensor], Tensor], x: Tensor, relevance: Tensor, stabiliser: float = 1e-9) -> Tensor:
    """x * J^T(R / y), with all of the Jacobian."""
    y = function(x)
    shares = relevance / (y + torch.copysign(torch.full_like(y, stabiliser), y))
    return x * (_matrix(function, x).T @ shares.flatten()).reshape(x.shape)


def softmax(x: Sequence[float], relevance: Sequence[float]) -> list[float]:
    """x * (R - s * sum of R); nothing to what is minus infinity."""
    exps = [math.exp(each) for each in x]
    return [
        each * (received - e / sum(exps) * sum(relevance)) if e else 0.0
        for each, e, received in zip(x, exps, relevance, strict=True)
    ]


Matrix = list[list[float]]


def product(left: Matrix, right: Matrix, relevance: Matrix, stabiliser: float = 1e-9) -> tuple[Matrix, Matrix]:
    """Of a product of two matrices: every term gives half of its relevance to each of its two factors."""
    of_left, of_right = ([[0.0] * len(row) for row in each] for each in (left, right))
    for i, row in enumerate(left):
        for k, received in enumerate(relevance[i]):
            z = sum(each * right[j][k] for j, each in enumerate(row))
            z += math.copysign(stabiliser, z)
            for j, each in enumerate(row):
                share = each * right[j][k] / z * received
                of_left[i][j] += share / 2
                of_right[j][k] += share / 2
    return of_left, of_right


def attention(
    query: Matrix, key: Matrix, value: Matrix, relevance: Matrix, seen: list[list[bool]] | None = None
) -> tuple[Matrix, Matrix, Matrix]:
    """Of the queries, keys and values of one head, given that of what it returns."""
    scale = 1 / math.sqrt(len(query[0]))
    scaled = [[scale * each for each in row] for row in query]
    scores = [[sum(q * k for q, k in zip(row, other, strict=True)) for other in key] for row in scaled]
    if seen is not None:
        masked = [zip(*each, strict=True) for each in zip(scores, seen, strict=True)]
        scores = [[each if visible else -math.inf for each, visible in row] for row in masked]
    exps = [[math.exp(each) for each in row] for row in scores]
    weights = [[each / sum(row) for each in row] for row in exps]
    of_weights, of_value = product(weights, value, relevance)
    of_scores = [softmax(*each) for each in zip(scores, of_weights, strict=True)]
    of_query, of_transposed = product(scaled, transposed(key), of_scores)
    return of_query, transposed(of_transposed), of_value


def transposed(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]
