"""Factors that divide: reciprocals, negative powers and quotients, as in norms written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from pellucid.core.autograd.audit import REARRANGING, kind_of, split_names
from pellucid.core.autograd.dependence import DEPENDS_ON_SOURCE
from pellucid.core.rules.ruled_op import ruled_call
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.tensors import Tensors

_INVERSES = split_names("reciprocal rsqrt")
_QUOTIENTS = split_names("div divide true_divide truediv")
_POWERS = split_names("float_power pow")
_EXPONENTIALS, _LOGARITHMS = split_names("exp exp2"), split_names("log log10 log1p log2")
_LIMITED = split_names("abs clamp clamp_max clamp_min clip nan_to_num sqrt square")
"""Functions after which such a factor still divides: it is large where it was, but for limits."""

_SCALED = REARRANGING | split_names("Div Mul Neg")
"""Names of autograd nodes that rearrange it, or multiply it by a constant."""


def is_reciprocal(node: Any) -> bool:
    """Whether a factor is a reciprocal, as rsqrt(v), v ** -0.5 or 1 / v.sqrt(), perhaps rearranged, scaled, to a power.

    Args:
        node: The autograd node of the factor.
    """
    while node is not None:
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        parents = [parent for parent in parents if DEPENDS_ON_SOURCE.after(parent)]
        call = ruled_call(node)
        verdict = None if call is None else _result_is_reciprocal(call, parents)
        if verdict is not None:
            return verdict
        if kind_of(node).startswith("Cop"):  # of a copy into another tensor, only the source counts
            parents = parents[-1:]
        if len(parents) != 1 or (call is None and kind_of(node) not in _SCALED):
            return False
        (node,) = parents
    return False


def _result_is_reciprocal(call: TorchCall, parents: list[Any]) -> bool | None:
    """Whether the result of a call is a factor that divides; None where it is if its only parent is."""
    if computes_reciprocal(call) or (call.name in _QUOTIENTS and call.input_positions == (1,)):
        return True
    if call.name in _EXPONENTIALS:
        return len(parents) == 1 and _logarithm_sign(parents[0]) < 0
    if len(parents) > 1:
        return call.name not in _QUOTIENTS and all(map(is_reciprocal, parents))
    keeps_dividing = call.name in _LIMITED or _exponent_sign(call) > 0 or len(call.input_positions) > 1
    return None if keeps_dividing else False


def computes_reciprocal(call: TorchCall) -> bool:
    """Whether a call computes the reciprocal of something that varies, or a negative power."""
    return call.name in _INVERSES or _exponent_sign(call) < 0


def _exponent_sign(call: TorchCall) -> int:
    """The sign of the constant exponent of a power; zero of other calls."""
    args, keywords = call.arguments
    exponent = keywords.get("exponent", args[1] if len(args) > 1 else None)
    is_constant = call.name in _POWERS and len(call.input_positions) == 1 and exponent is not call.inputs[0]
    return _common_sign(exponent) if is_constant else 0


def _logarithm_sign(node: Any) -> int:
    """The sign of the constant k where the node's tensor is k * log(v); zero for other tensors."""
    sign = 1
    while node is not None:
        call = ruled_call(node)
        if call is not None and call.name in _LOGARITHMS:
            return sign
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        if call is not None or len(parents) != 1 or kind_of(node) not in _SCALED:
            return 0
        if kind_of(node) in ("Div", "Mul"):
            saved = getattr(node, "_saved_other", None)
            sign *= _common_sign(node._saved_self if saved is None else saved)
        sign = -sign if kind_of(node) == "Neg" else sign
        (node,) = parents
    return 0


def _common_sign(constant: Any) -> int:
    """The sign that all numbers of a constant have in common; zero if they have none."""
    numbers = torch.as_tensor(0.0 if constant is None else constant)
    return int((numbers > 0).all()) - int((numbers < 0).all())


Hold: TypeAlias = Callable[[int, Tensor], Tensor]
"""(position of a factor, its value on the line from x' to x) -> the value to use: this one, or that of an end."""


def multipliers_in_order(
    inputs: Tensors, references: Tensors, dividing: list[int], mean_gradient: Callable[[Hold], Tensors]
) -> Tensors:
    """Multipliers of a product of which some factors divide, where the factors change one group after the other.

    First the dividing factors change that become smaller, then the other factors, at last the dividing factors that
    become larger: so the other factors change where the dividing ones are small.

    Args:
        inputs: The factors x.
        references: The factors x' at the baselines.
        dividing: The positions of those that divide.
        mean_gradient: The mean gradient of the product over points on the line from x' to x, some factors being held.
    """
    shrinks = {position: inputs[position].abs() <= references[position].abs() for position in dividing}

    def while_shrinking(position: int, between: Tensor) -> Tensor:
        reference = references[position]
        return torch.where(shrinks[position], between, reference) if position in shrinks else reference

    def while_others_change(position: int, between: Tensor) -> Tensor:
        if position not in shrinks:
            return between
        return torch.where(shrinks[position], inputs[position], references[position])

    def while_growing(position: int, between: Tensor) -> Tensor:
        x = inputs[position]
        return torch.where(shrinks[position], x, between) if position in shrinks else x

    of_shrinking, of_others, of_growing = map(mean_gradient, (while_shrinking, while_others_change, while_growing))
    return tuple(
        torch.where(shrinks[position], of_shrinking[position], of_growing[position])
        if position in shrinks
        else gradient
        for position, gradient in enumerate(of_others)
    )
