"""Rules for functions and modules."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from torch import Tensor, nn

from pellucid.core.autograd.audit import AFFINE, NodesWithoutRule
from pellucid.core.python_functions import TorchFunction, is_python_function
from pellucid.core.rules.entries import ForProducts, RuleSpec
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.torch_call import TorchCall, is_inplace, name_of
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors


@final
@dataclass(frozen=True)
class Rules(Summarized):
    """Which rule each call follows: that of the module that makes it, else that of its function, else the default.

    A call without a rule keeps torch's gradient. Functions of torch that are written in Python are run, so that the
    calls they make follow rules.

    Args:
        functions: Rules by functions or their names, as [TorchCall.name][pellucid.core.rules.torch_call.TorchCall.name]
            gives them.
        modules: Rules by modules, their dotted names or types, for calls that these make themselves and that return a
            tensor.
        default: The rule of all other calls that return a tensor.
        exempt: Which autograd nodes need no rule; None where nobody will ask for missing rules.

    Examples:
        >>> import torch
        >>> from pellucid.rules import Rules, apply
        >>> straight_through = Rules({"round": lambda call, grad: (grad,)})
        >>> x = torch.tensor([0.4, 1.7], requires_grad=True)
        >>> with apply(straight_through):
        ...     y = torch.round(x).sum()
        >>> torch.autograd.grad(y, x)
        (tensor([1., 1.]),)
    """

    functions: Mapping[str | TorchFunction, RuleSpec] = field(default_factory=dict)
    modules: Mapping[str | nn.Module | type[nn.Module], Rule | ForProducts] = field(default_factory=dict)
    default: Rule | ForProducts | None = None
    exempt: NodesWithoutRule | None = AFFINE
    _plain: set[TorchFunction] = field(default_factory=set, init=False, repr=False, compare=False)

    def never_apply_to(self, function: TorchFunction) -> bool:
        """Whether no rule can ever apply to a function.

        Remembered by function, as most intercepted calls ask for a shape or the like.
        """
        if function in self._plain:
            return True
        may_apply = self.modules or self.default or self.rule_for_function(function) or is_python_function(function)
        if not may_apply and not is_inplace(function, {}):
            self._plain.add(function)
            return True
        return False

    def rule_for_function(self, function: TorchFunction) -> RuleSpec | None:
        """The rule of a function, by itself or by its name."""
        return self.functions.get(function) or self.functions.get(name_of(function))

    def rule_for_module(self, module: nn.Module | None, model: Callable[..., Any] | None) -> Rule | ForProducts | None:
        """The rule of the calls that a module makes itself, by its name in the model, by itself or by its type."""
        if module is None:
            return None
        keys: tuple[Any, ...] = (*self._names(module, model), module, *type(module).__mro__)
        return next((self.modules[key] for key in keys if key in self.modules), None)

    def _names(self, module: nn.Module, model: Callable[..., Any] | None) -> tuple[str, ...]:
        if not isinstance(model, nn.Module) or not any(isinstance(key, str) for key in self.modules):
            return ()
        return tuple(name for name, child in model.named_modules() if child is module)

    def with_default_gradient(self) -> Rules:
        """The same rules with torch's gradient as the default, unless there is another one.

        In a forward with recorded values this gradient is taken there, which is needed to differentiate it again.
        """
        return self if self.default is not None else dataclasses.replace(self, default=unchanged)


def unchanged(call: TorchCall, grad: Tensor) -> Tensors:
    """Torch's gradient, as a rule."""
    return call.gradient(call.inputs, grad)
