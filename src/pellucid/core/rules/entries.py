"""What a set of rules may hold for a function: a rule, or how its calls are made or decomposed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeAlias, final

from torch import Tensor

from pellucid.core.python_functions import TorchFunction
from pellucid.core.rules.memory import CallMemory
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors


@final
@dataclass(frozen=True)
class Decompose(Summarized):
    """Calls that are replaced by other calls with the same result, which have rules.

    Args:
        function: Takes the arguments of the call and makes the other calls. A call whose arguments it does not accept,
            or for which it returns NotImplemented, is not decomposed.
        otherwise: The rule of calls that are not decomposed.
    """

    function: TorchFunction
    otherwise: Rule | ForProducts | AdjustGradient | ChooseRule | ModifiedCall | None = None

    def accepts(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
        """Whether the function has the parameters for these arguments."""
        names, any_number = _parameters(self.function)
        return any_number or (len(args) <= len(names) and all(name in names[len(args) :] for name in keywords))


@final
@dataclass(frozen=True)
class RepeatCall(Summarized):
    """Returned by a decomposition to ask that an earlier call be repeated with other arguments, in its own place.

    Batch norm does so to fold itself into the layer before it.

    Args:
        call: The earlier call.
        args: The positional arguments of the repeated call.
        keywords: Its keywords.
    """

    call: TorchCall
    args: tuple[Any, ...]
    keywords: dict[str, Any]


@final
@dataclass(frozen=True)
class ForProducts(Summarized):
    """A rule for products, which holds where at least two factors vary.

    With a single one the product is linear, and torch's gradient is exact.

    Args:
        rule: The rule.
    """

    rule: Rule


@final
@dataclass(frozen=True)
class AdjustGradient(Summarized):
    """Changes torch's gradient of a call of one input that is one node of autograd, by a hook, which costs nothing.

    Args:
        change: (torch's gradients at the inputs, the gradient at the output) -> the gradients to pass back instead.
    """

    change: Callable[[Tensors, Tensor], Tensors]

    def rule(self, call: TorchCall, grad: Tensor) -> Tensors:
        """The same as a rule, for where a hook cannot be registered."""
        return self.change(call.gradient(call.inputs, grad), grad)

    def attach_to(self, result: Any) -> Any:
        """The result of such a call, with a hook on its node that changes the gradient."""
        node: Any = result.grad_fn
        if node is not None:
            node.register_hook(lambda passed, grads: None if passed[0] is None else self.change(passed, grads[0]))
        return result


@final
@dataclass(frozen=True)
class ChooseRule(Summarized):
    """A rule that is chosen when a call is made, for those of its inputs that depend on the source.

    Args:
        choose: Takes the call, whose tensors still have their graph, and returns the rule. None makes the result a
            constant.
    """

    choose: Callable[[TorchCall], Rule | None]


@final
@dataclass(frozen=True)
class ModifiedCall(Summarized):
    """A call that torch makes and differentiates, with something around it that changes the gradient at little cost.

    Args:
        make: Makes the call, whose input positions are those that depend on the source. It holds tensors that it will
            need later in the memory. None where the gradient cannot be changed in this way.
    """

    make: Callable[[TorchCall, CallMemory], Any | None]


def _parameters(function: TorchFunction) -> tuple[tuple[str, ...], bool]:
    """The names of a function's parameters, and whether it takes any number of positional arguments."""
    written = inspect.unwrap(function)
    if isinstance(written, FunctionType):
        return _parameters_as_written(written)
    (_, *names), any_number = _parameters_as_written(type(written).__call__)  # one for all objects of a class
    return tuple(names), any_number


@functools.cache
def _parameters_as_written(function: TorchFunction) -> tuple[tuple[str, ...], bool]:
    parameters = inspect.signature(function).parameters
    return tuple(parameters), any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters.values())


RuleSpec: TypeAlias = Rule | Decompose | ForProducts | AdjustGradient | ChooseRule | ModifiedCall
