"""Rules of relevance propagation that say what takes the place of the weights of a module, as Captum has them."""

from __future__ import annotations

import copy
import dataclasses
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.tensors import Tensors
from pellucid.errors import not_to_be_overridden
from pellucid.methods.lrp.contributions import LayerRule, WeightedLayerCall
from pellucid.methods.lrp.layer_rules import Pass
from pellucid.methods.lrp.op_rules import pass_through, proportional

_PASSING = ("relu", "tanh", "dropout")
"""Functions that pass relevance on whatever the rule of their module, as in Captum."""

_HOOKS = ("forward_hook", "forward_hook_weights", "forward_pre_hook_activations", "backward_hook_activation")


class PropagationRule(LayerRule):
    """Relevance by contributions x * w', where a subclass says what takes the place of the weights.

    R_i = sum over j of x_i w'_ij / z'_j * R_j, where z' = f'(x), moved away from zero by `STABILITY_FACTOR`

    Modules keep their weights: a rule changes those of a copy.
    """

    STABILITY_FACTOR = 1e-9

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        not_to_be_overridden(cls, _HOOKS, "say by _manipulate_weights what takes the place of the weights.")

    @abstractmethod
    def _manipulate_weights(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        """Change the weights of a module.

        Args:
            module: A copy of it, whose parameters are plain tensors.
            inputs: What it takes, a tuple.
            outputs: What it returns.
        """

    def __call__(self, call: TorchCall, relevance: Tensor) -> Tensors:
        """The relevance of what a call takes, given that of what it returns."""
        if call.name in _PASSING:
            return pass_through(call, relevance)
        return proportional(self._changed(call), relevance, self.STABILITY_FACTOR)

    def _changed(self, call: TorchCall) -> TorchCall:
        """The same call with the weights that a copy of its module has, once they are manipulated."""
        if call.module is None:
            return call
        leaves, own = list(call.leaves), {id(each): name for name, each in call.module._parameters.items()}
        names = {place: own[id(leaf)] for place, leaf in enumerate(leaves) if id(leaf) in own and leaf is not None}
        layer = WeightedLayerCall.of(call)
        if layer is not None:  # weights that the module computes are no parameters
            names = {layer.weight: "weight", **({} if layer.bias is None else {layer.bias: "bias"}), **names}
        other = _shallow_module_copy(call.module)
        vars(other).update({name: leaves[place].clone() for place, name in names.items()})
        self._manipulate_weights(other, call.inputs, call.output(*call.inputs))
        for place, name in names.items():
            leaves[place] = getattr(other, name)
        return dataclasses.replace(call, leaves=leaves)


def _shallow_module_copy(module: nn.Module) -> nn.Module:
    """A module that may be changed, whose parameters are plain tensors."""
    parametrized = torch.nn.utils.parametrize.is_parametrized(module)
    other: nn.Module = object.__new__(type(module).__mro__[parametrized])
    vars(other).update({name: _clone_value(each) for name, each in vars(module).items()})
    for tensors in (other._parameters, other._buffers):
        vars(other).update({name: _clone_value(each) for name, each in tensors.items()})
        tensors.clear()
    return other


def _clone_value(value: Any) -> Any:
    """A tensor or a dict that is nobody else's."""
    return value.clone() if isinstance(value, Tensor) else copy.copy(value) if isinstance(value, dict) else value


class EpsilonRule(PropagationRule):
    """By all contributions: [pellucid.methods.Epsilon][].

    Args:
        epsilon: What keeps denominators from zero.
    """

    def __init__(self, epsilon: float = 1e-9) -> None:
        self.STABILITY_FACTOR = epsilon

    def _manipulate_weights(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        """Change nothing."""


class GammaRule(PropagationRule):
    """Positive weights count more: w + gamma * max(w, 0) takes the place of w.

    Args:
        gamma: How much more they count.
        set_bias_to_zero: Whether biases take no part of the relevance.
    """

    def __init__(self, gamma: float = 0.25, set_bias_to_zero: bool = False) -> None:
        self.gamma = gamma
        self.set_bias_to_zero = set_bias_to_zero

    def _manipulate_weights(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        """Raise positive weights."""
        _modify_parameters(module, lambda w: w + self.gamma * w.clamp(min=0), self.set_bias_to_zero)


class Alpha1_Beta0_Rule(PropagationRule):  # noqa: N801  # Captum's name
    """By positive weights alone.

    Args:
        set_bias_to_zero: Whether biases take no part of the relevance.
    """

    def __init__(self, set_bias_to_zero: bool = False) -> None:
        self.set_bias_to_zero = set_bias_to_zero

    def _manipulate_weights(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        """Keep positive weights."""
        _modify_parameters(module, lambda w: w.clamp(min=0), self.set_bias_to_zero)


class IdentityRule(EpsilonRule):
    """All of it to the inputs, place by place: [pellucid.methods.Pass][]."""

    def __call__(self, call: TorchCall, relevance: Tensor) -> Tensors:
        """The relevance of what a call returns."""
        return Pass()(call, relevance)


def _modify_parameters(module: nn.Module, of_weights: Callable[[Tensor], Tensor], set_bias_to_zero: bool) -> None:
    """Put other weights in the place of those of a copy of a module, and zeros in that of biases."""
    weight, bias = (getattr(module, name, None) for name in ("weight", "bias"))
    if isinstance(weight, Tensor):
        vars(module)["weight"] = of_weights(weight)
    if set_bias_to_zero and isinstance(bias, Tensor):
        vars(module)["bias"] = torch.zeros_like(bias)
