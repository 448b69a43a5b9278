"""Factors that divide: reciprocals, negative powers and quotients, as in the norms that people write by hand."""

from __future__ import annotations

from typing import Any

from pellucid.core.call import Call
from pellucid.core.lineage import DEPENDS
from pellucid.core.linearity import MOVING, kind_of, words

_INVERSES = words("reciprocal rsqrt")
_QUOTIENTS = words("div divide true_divide truediv")
_LIMITED = words("abs clamp clamp_max clamp_min clip nan_to_num")
"""Functions that leave such a factor what it is, but for numbers that are too large."""

_SCALED = MOVING | words("Div Mul Neg")
"""Names of autograd's nodes that move it, or multiply it by a constant."""


def divides(step: Any) -> bool:
    """Whether a factor is one over something, rsqrt(v), v ** -0.5, 1 / v.sqrt(), or that moved or scaled.

    Args:
        step: What autograd has recorded of the factor.
    """
    while step is not None:
        call: Call | None = getattr(step, "call", None)
        if call is not None and (inverts(call) or (call.name in _QUOTIENTS and call.places == (1,))):
            return True
        before = [each for each, _ in step.next_functions if each is not None and DEPENDS.after(each)]
        if call is not None and len(before) > 1:
            return call.name not in _QUOTIENTS and all(map(divides, before))
        if kind_of(step).startswith("Cop"):  # what is written over another tensor
            before = before[-1:]
        if len(before) != 1 or not (kind_of(step) in _SCALED if call is None else _keeps(call)):
            return False
        (step,) = before
    return False


def inverts(call: Call) -> bool:
    """Whether a call makes one over something that varies."""
    args, keywords = call.arguments
    exponent = keywords.get("exponent", args[1] if len(args) > 1 else None)
    return call.name in _INVERSES or (call.name == "pow" and isinstance(exponent, float | int) and exponent < 0)


def _keeps(call: Call) -> bool:
    return call.name in _LIMITED or len(call.places) > 1
