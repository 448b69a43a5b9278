"""What a rule for layers is made of: terms of changed inputs and parameters."""

from __future__ import annotations

import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument
from pellucid.methods.lrp.op_rules import EPSILON, WEIGHTED, bias_position, by_parts, proportional, relative, to_biases

Modifier: TypeAlias = Callable[[Tensor], Tensor]
"""What is taken in place of inputs, weights or biases."""


def identity(x: Tensor) -> Tensor:
    """As it is."""
    return x


def positive(x: Tensor) -> Tensor:
    """The positive part."""
    return x.clamp(min=0)


def negative(x: Tensor) -> Tensor:
    """The negative part."""
    return x.clamp(max=0)


def add_all(tensors: Sequence[Tensor]) -> Tensor:
    """The sum of some tensors, one at least."""
    return functools.reduce(torch.add, tensors)


@final
@dataclass(frozen=True)
class WeightedLayerCall:
    """A call that is linear in its one input: of a layer with weights.

    Args:
        call: The call.
        weight: Which of its leaves are the weights.
        bias: Which are the biases, if any.
    """

    call: TorchCall
    weight: int
    bias: int | None

    @classmethod
    def of(cls, call: TorchCall | None) -> WeightedLayerCall | None:
        """A call of a layer; None for any other."""
        if call is None or len(call.input_positions) != 1 or call.name not in WEIGHTED:
            return None
        bias = bias_position(call)
        factors = [place for place, leaf in enumerate(call.leaves) if isinstance(leaf, Tensor) and place != bias]
        others = [place for place in factors if place not in call.input_positions]
        if len(factors) != 2 or len(others) != 1:
            return None
        return cls(call, others[0], bias if bias is not None and call.leaves[bias] is not None else None)

    def changed(self, weight: Modifier, bias: Modifier | None) -> TorchCall:
        """The same call with other weights and biases; None for no biases."""
        if weight is identity and (bias is identity or self.bias is None):
            return self.call
        leaves = list(self.call.leaves)
        leaves[self.weight] = weight(leaves[self.weight])
        if self.bias is not None:
            leaves[self.bias] = torch.zeros_like(leaves[self.bias]) if bias is None else bias(leaves[self.bias])
        return dataclasses.replace(self.call, leaves=leaves)


@final
@dataclass(frozen=True)
class ContributionTerm:
    """Contributions by which a part of the relevance goes: the sum of products of changed inputs and weights.

    Args:
        terms: (change of inputs, change of weights) of each.
        bias: The change of biases; None where these take no relevance.
        factor: How much of the relevance it is.
        of: The outputs whose relevance it is: all of them, or those that are positive or negative.
    """

    terms: tuple[tuple[Modifier, Modifier], ...]
    bias: Modifier | None = identity
    factor: float = 1.0
    of: Literal["all", "positive", "negative"] = "all"

    def passed(self, layer: WeightedLayerCall, relevance: Tensor, epsilon: float) -> Tensor:
        """The relevance of the inputs: the sum of x' * J'^T(R / z'), with z' the sum of the contributions."""
        (x,) = layer.call.inputs
        if self.of != "all":
            z = layer.call.output(x)
            relevance = torch.where(z >= 0 if self.of == "positive" else z < 0, relevance, 0)
        relevance = relevance if self.factor == 1 else relevance * self.factor
        bias, found, calls = self.bias, [], []
        for of_input, of_weight in self.terms:
            changed = of_input(x)
            calls.append(layer.changed(of_weight, bias))
            found.append((changed, *calls[-1].vjp((changed,))))
            bias = None
        z = add_all([each for _, each, _ in found])
        shared = relative(relevance, z, epsilon)
        to_biases(calls[0], shared)
        return add_all([by_parts(torch.mul, changed, passed_back(shared)[0]) for changed, _, passed_back in found])


class LayerRule(ABC):
    """A rule that relevance follows at a layer."""

    needs_folded_batch_norm: ClassVar[bool] = False
    """Whether it makes a difference that a batch norm after the layer is part of it."""

    @abstractmethod
    def __call__(self, call: TorchCall, relevance: Tensor) -> Tensors:
        """The relevance of what a call takes, given that of what it returns."""


@dataclass(frozen=True)
class ContributionRule(LayerRule):
    """A rule for layers with weights; of other calls, it is in proportion to what each input contributes.

    Args:
        epsilon: What keeps denominators from zero.
        bias: Whether biases take a part of the relevance, which is lost.
    """

    needs_folded_batch_norm: ClassVar[bool] = True

    epsilon: float = EPSILON
    bias: bool = True

    def __post_init__(self) -> None:
        if not self.epsilon >= 0:
            raise InvalidArgument(f"epsilon must be at least 0: got {self.epsilon}.")

    @abstractmethod
    def parts(self) -> tuple[ContributionTerm, ...]:
        """The contributions that relevance goes by."""

    def __call__(self, call: TorchCall, relevance: Tensor) -> Tensors:
        """The relevance of what a call takes, given that of what it returns."""
        layer = WeightedLayerCall.of(call)
        if layer is None:
            return proportional(call, relevance, self.epsilon)
        parts = (each if self.bias else dataclasses.replace(each, bias=None) for each in self.parts())
        passed = [part.passed(layer, relevance, self.epsilon) for part in parts]
        return (add_all(passed),)
