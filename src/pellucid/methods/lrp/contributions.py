"""What a rule for layers is made of: terms of modified inputs, weights and biases."""

from __future__ import annotations

import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument
from pellucid.methods.lrp.op_rules import (
    EPSILON,
    WEIGHTED,
    bias_position,
    by_parts,
    proportional,
    record_biases,
    relevance_ratio,
)

Modifier: TypeAlias = Callable[[Tensor], Tensor]
"""A function of inputs, weights or biases: what a rule takes in their place."""


def identity(x: Tensor) -> Tensor:
    """The tensor as it is."""
    return x


def positive(x: Tensor) -> Tensor:
    """The positive part."""
    return x.clamp(min=0)


def negative(x: Tensor) -> Tensor:
    """The negative part."""
    return x.clamp(max=0)


def add_all(tensors: Sequence[Tensor]) -> Tensor:
    """The sum of one or more tensors."""
    return functools.reduce(torch.add, tensors)


@final
@dataclass(frozen=True)
class WeightedLayerCall(Summarized):
    """A call of a layer with weights: a function that is linear in its one input, or affine with a bias.

    Args:
        call: The call.
        weight: The position of the weights among the call's leaves.
        bias: That of the biases; None for none.
    """

    call: TorchCall
    weight: int
    bias: int | None

    @classmethod
    def of(cls, call: TorchCall | None) -> WeightedLayerCall | None:
        """The call as that of a layer with weights; None if it is none."""
        if call is None or len(call.input_positions) != 1 or call.name not in WEIGHTED:
            return None
        bias = bias_position(call)
        factors = [index for index, leaf in enumerate(call.leaves) if isinstance(leaf, Tensor) and index != bias]
        weights = [index for index in factors if index not in call.input_positions]
        if len(factors) != 2 or len(weights) != 1:
            return None
        return cls(call, weights[0], bias if bias is not None and call.leaves[bias] is not None else None)

    def changed(self, weight: Modifier, bias: Modifier | None) -> TorchCall:
        """The same call with modified weights and biases; None for biases of zero."""
        if weight is identity and (bias is identity or self.bias is None):
            return self.call
        leaves = list(self.call.leaves)
        leaves[self.weight] = weight(leaves[self.weight])
        if self.bias is not None:
            leaves[self.bias] = torch.zeros_like(leaves[self.bias]) if bias is None else bias(leaves[self.bias])
        return dataclasses.replace(self.call, leaves=leaves)


@final
@dataclass(frozen=True)
class ContributionTerm(Summarized):
    """One term of a rule: relevance is shared in proportion to sum over k of input_k(x) * weight_k(w).

    Args:
        products: (modifier of the inputs, modifier of the weights) for each k.
        bias: The modifier of the biases; None where these take no relevance.
        factor: What the relevance is multiplied by.
        outputs: Whether the relevance of all outputs is shared, or only that of positive (z >= 0) or negative ones.
    """

    products: tuple[tuple[Modifier, Modifier], ...]
    bias: Modifier | None = identity
    factor: float = 1.0
    outputs: Literal["all", "positive", "negative"] = "all"

    def input_relevance(self, layer: WeightedLayerCall, relevance: Tensor, epsilon: float) -> Tensor:
        """The relevance of the inputs by this term: sum over k of x_k * J_k^T(R / z).

        Here x_k is the modified input, J_k the Jacobian with modified weights, and z the sum of all contributions.
        """
        (x,) = layer.call.inputs
        if self.outputs != "all":
            z = layer.call.output(x)
            relevance = torch.where(z >= 0 if self.outputs == "positive" else z < 0, relevance, 0)
        relevance = relevance if self.factor == 1 else relevance * self.factor
        inputs = [modify_input(x) for modify_input, _ in self.products]
        # Biases count once, with the first product.
        calls = [layer.changed(weight, None if k else self.bias) for k, (_, weight) in enumerate(self.products)]
        outputs, vjps = zip(*(call.vjp((x_k,)) for call, x_k in zip(calls, inputs, strict=True)), strict=True)
        ratio = relevance_ratio(relevance, add_all(outputs), epsilon)
        record_biases(calls[0], ratio)
        return add_all([by_parts(torch.mul, x_k, vjp(ratio)[0]) for x_k, vjp in zip(inputs, vjps, strict=True)])


class LayerRule(Summarized, ABC):
    """A rule for the calls of layers."""

    needs_folded_batch_norm: ClassVar[bool] = False
    """Whether the rule gives another result if a batch norm after the layer is folded into it."""

    @abstractmethod
    def __call__(self, call: TorchCall, relevance: Tensor) -> Tensors:
        """The relevance of a call's inputs, given that of its output."""


@dataclass(frozen=True)
class ContributionRule(LayerRule):
    """A rule for layers with weights, made of terms; other calls share relevance by contributions.

    Args:
        epsilon: The stabiliser, which keeps denominators from zero.
        bias: Whether biases take their part of the relevance, which is lost.
    """

    needs_folded_batch_norm: ClassVar[bool] = True

    epsilon: float = EPSILON
    bias: bool = True

    def __post_init__(self) -> None:
        if not self.epsilon >= 0:
            raise InvalidArgument(f"epsilon must be at least 0: got {self.epsilon}.")

    @abstractmethod
    def terms(self) -> tuple[ContributionTerm, ...]:
        """The terms of the rule, whose relevance is added up."""

    def __call__(self, call: TorchCall, relevance: Tensor) -> Tensors:
        """The relevance of a call's inputs, given that of its output."""
        layer = WeightedLayerCall.of(call)
        if layer is None:
            return proportional(call, relevance, self.epsilon)
        terms = (term if self.bias else dataclasses.replace(term, bias=None) for term in self.terms())
        return (add_all([term.input_relevance(layer, relevance, self.epsilon) for term in terms]),)


def rule_name(rule: Rule | None) -> str:
    """The name of a rule, for people: its class, or its function; "" for none."""
    return type(rule).__name__ if isinstance(rule, LayerRule) else getattr(rule, "__name__", "")
