"""What a set of rules may say of a function: a rule, or how calls of it are made or taken apart."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeAlias, final

from torch import Tensor

from pellucid.core.rules.memory import CallMemory
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.torch_call import TorchCall, TorchFunction
from pellucid.core.tensors import Tensors


@final
@dataclass(frozen=True)
class Decompose:
    """For a call that is taken apart: other calls with the same result, for which there are rules.

    Args:
        function: Takes what the call takes; what it does not take, or answers by NotImplemented, is left as it is.
        otherwise: The rule of what is left.
    """

    function: TorchFunction
    otherwise: Rule | ForProducts | AdjustGradient | ChooseRule | Around | None = None

    def accepts(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
        """Whether it has all parameters that it would be called with."""
        names, any_number = _parameters(self.function)
        return any_number or (len(args) <= len(names) and all(name in names[len(args) :] for name in keywords))


@final
@dataclass(frozen=True)
class RepeatCall:
    """What a decomposed call may return: another call, to be made once more in its place, with other arguments.

    Args:
        call: That call.
        args: Its arguments now.
        keywords: Those by name.
    """

    call: TorchCall
    args: tuple[Any, ...]
    keywords: dict[str, Any]


@final
@dataclass(frozen=True)
class ForProducts:
    """A rule for calls that pass gradients to several inputs, which are linear in a single one.

    Args:
        rule: The rule.
    """

    rule: Rule


@final
@dataclass(frozen=True)
class AdjustGradient:
    """For a call of one input that is one step to autograd: what torch passes back through it, changed, at no cost.

    Args:
        change: (what torch passes back to the inputs, the gradient at the output) -> what passes back instead.
    """

    change: Callable[[Tensors, Tensor], Tensors]

    def rule(self, call: TorchCall, grad: Tensor) -> Tensors:
        """The same as a rule of its own."""
        return self.change(call.gradient(call.inputs, grad), grad)

    def on(self, result: Any) -> Any:
        """What such a call returns, in whose step torch passes back what is changed."""
        step: Any = result.grad_fn
        if step is not None:
            step.register_hook(lambda passed, grads: None if passed[0] is None else self.change(passed, grads[0]))
        return result


@final
@dataclass(frozen=True)
class ChooseRule:
    """A rule that is chosen when a call is made, for those of its inputs that depend on what attributions are for.

    Args:
        choose: Takes the call, whose tensors still know what they were made from. None makes a constant of the result.
    """

    choose: Callable[[TorchCall], Rule | None]


@final
@dataclass(frozen=True)
class Around:
    """For a call that torch itself makes, with what changes the gradient around it, at next to no cost.

    Args:
        make: Makes the call, whose places are those of its inputs that depend on what attributions are for; keeps what
            it will need of tensors in the memory of the run. None where it has no such gradient.
    """

    make: Callable[[TorchCall, CallMemory], Any | None]


def _parameters(function: TorchFunction) -> tuple[tuple[str, ...], bool]:
    """The names of a function's parameters, and whether it takes any number of arguments."""
    written = inspect.unwrap(function)
    if isinstance(written, FunctionType):
        return _parameters_as_written(written)
    (_, *names), any_number = _parameters_as_written(type(written).__call__)  # one for all objects of a class
    return tuple(names), any_number


@functools.cache
def _parameters_as_written(function: TorchFunction) -> tuple[tuple[str, ...], bool]:
    parameters = inspect.signature(function).parameters
    return tuple(parameters), any(each.kind is each.VAR_POSITIONAL for each in parameters.values())


RuleSpec: TypeAlias = Rule | Decompose | ForProducts | AdjustGradient | ChooseRule | Around
