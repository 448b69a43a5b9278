"""Factors that divide: reciprocals, negative powers and quotients, as in the norms that people write by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from pellucid.core.autograd.audit import REARRANGING, kind_of, split_names
from pellucid.core.autograd.dependence import DEPENDS_ON_SOURCE
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.tensors import Tensors

_INVERSES = split_names("reciprocal rsqrt")
_QUOTIENTS = split_names("div divide true_divide truediv")
_POWERS = split_names("float_power pow")
_EXPONENTIALS, _LOGARITHMS = split_names("exp exp2"), split_names("log log10 log1p log2")
_LIMITED = split_names("abs clamp clamp_max clamp_min clip nan_to_num sqrt square")
"""Functions that leave such a factor one: large where it was, but for numbers that are too large."""

_SCALED = REARRANGING | split_names("Div Mul Neg")
"""Names of autograd's nodes that move it, or multiply it by a constant."""


def divides(step: Any) -> bool:
    """Whether a factor is one over something, rsqrt(v), v ** -0.5, 1 / v.sqrt(), or that moved, scaled or to a power.

    Args:
        step: What autograd has recorded of the factor.
    """
    while step is not None:
        call: TorchCall | None = getattr(step, "call", None)
        before = [each for each, _ in step.next_functions if each is not None and DEPENDS_ON_SOURCE.after(each)]
        if call is not None and (inverts(call) or (call.name in _QUOTIENTS and call.input_positions == (1,))):
            return True
        if call is not None and call.name in _EXPONENTIALS:
            return len(before) == 1 and _times_logarithm(before[0]) < 0
        if call is not None and len(before) > 1:
            return call.name not in _QUOTIENTS and all(map(divides, before))
        if kind_of(step).startswith("Cop"):  # what is written over another tensor
            before = before[-1:]
        if len(before) != 1 or not (kind_of(step) in _SCALED if call is None else _keeps(call)):
            return False
        (step,) = before
    return False


def inverts(call: TorchCall) -> bool:
    """Whether a call makes one over something that varies."""
    return call.name in _INVERSES or _exponent(call) < 0


def _keeps(call: TorchCall) -> bool:
    return call.name in _LIMITED or _exponent(call) > 0 or len(call.input_positions) > 1


def _exponent(call: TorchCall) -> int:
    """The sign of the constant exponent of a power; zero of other calls."""
    args, keywords = call.arguments
    exponent = keywords.get("exponent", args[1] if len(args) > 1 else None)
    constant = call.name in _POWERS and len(call.input_positions) == 1 and exponent is not call.inputs[0]
    return _sign(exponent) if constant else 0


def _times_logarithm(step: Any) -> int:
    """The sign of the constant k where k * log(v) has been recorded; zero elsewhere."""
    sign = 1
    while step is not None:
        call: TorchCall | None = getattr(step, "call", None)
        if call is not None and call.name in _LOGARITHMS:
            return sign
        before = [each for each, _ in step.next_functions if each is not None]
        if call is not None or len(before) != 1 or kind_of(step) not in _SCALED:
            return 0
        if kind_of(step) in ("Div", "Mul"):
            sign *= _sign(step._saved_self if getattr(step, "_saved_other", None) is None else step._saved_other)
        sign = -sign if kind_of(step) == "Neg" else sign
        (step,) = before
    return 0


def _sign(constant: Any) -> int:
    """The sign of all of some numbers; zero if there is none."""
    numbers = torch.as_tensor(0.0 if constant is None else constant)
    return int((numbers > 0).all()) - int((numbers < 0).all())


Choice: TypeAlias = Callable[[int, Tensor], Tensor]
"""(the place of a factor, what it is between both ends) -> where it is held."""


def in_order(
    inputs: Tensors, reference_inputs: Tensors, dividing: list[int], gradients: Callable[[Choice], Tensors]
) -> Tensors:
    """Multipliers of a product, of which some factors divide: those change where the others are at the larger end.

    First the dividing ones that become smaller, then the other factors, then the dividing ones that become larger.

    Args:
        inputs: The factors x.
        reference_inputs: Those of the baselines, x'.
        dividing: Which of them divide.
        gradients: Those of the product, on average over points between x' and x, with factors held as chosen.
    """
    falls = {place: inputs[place].abs() <= reference_inputs[place].abs() for place in dividing}

    def first(position: int, between: Tensor) -> Tensor:
        return (
            torch.where(falls[position], between, reference_inputs[position])
            if position in falls
            else reference_inputs[position]
        )

    def then(position: int, between: Tensor) -> Tensor:
        return (
            torch.where(falls[position], inputs[position], reference_inputs[position]) if position in falls else between
        )

    def last(position: int, between: Tensor) -> Tensor:
        return torch.where(falls[position], inputs[position], between) if position in falls else inputs[position]

    early, shares, late = map(gradients, (first, then, last))
    return tuple(
        torch.where(falls[place], early[place], late[place]) if place in falls else share
        for place, share in enumerate(shares)
    )
