"""Captum's rules: each says which weights take the place of a module's own."""

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
"""Functions that pass relevance through whatever the rule of their module, as in Captum."""

_HOOKS = ("forward_hook", "forward_hook_weights", "forward_pre_hook_activations", "backward_hook_activation")


class PropagationRule(LayerRule):
    """Relevance by contributions x * w', where a subclass says which weights w' take the place of the module's.

    R_i = sum over j of x_i w'_ij / z'_j * R_j, where z' is the output with weights w', stabilised by `STABILITY_FACTOR`

    Modules keep their weights: a rule changes those of a copy.
    """

    STABILITY_FACTOR = 1e-9

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        not_to_be_overridden(cls, _HOOKS, "say by _manipulate_weights what takes the place of the weights.")

    @abstractmethod
    def _manipulate_weights(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        """Change the weights of a module, in place or by setting its attributes.

        Args:
            module: A copy of the module, whose parameters are plain tensors.
            inputs: The module's inputs, a tuple of tensors.
            outputs: Its output.
        """

    def __call__(self, call: TorchCall, relevance: Tensor) -> Tensors:
        """The relevance of a call's inputs, given that of its output."""
        if call.name in _PASSING:
            return pass_through(call, relevance)
        return proportional(self._changed(call), relevance, self.STABILITY_FACTOR)

    def _changed(self, call: TorchCall) -> TorchCall:
        """The same call with manipulated weights: those of a copy of its module."""
        if call.module is None:
            return call
        leaves = list(call.leaves)
        name_by_id = {id(parameter): name for name, parameter in call.module._parameters.items()}
        names = {
            index: name_by_id[id(leaf)]
            for index, leaf in enumerate(leaves)
            if leaf is not None and id(leaf) in name_by_id
        }
        layer = WeightedLayerCall.of(call)
        if layer is not None:  # weights that the module computes are no parameters
            names = {layer.weight: "weight", **({} if layer.bias is None else {layer.bias: "bias"}), **names}
        module = _shallow_module_copy(call.module)
        vars(module).update({name: leaves[index].clone() for index, name in names.items()})
        self._manipulate_weights(module, call.inputs, call.output(*call.inputs))
        for index, name in names.items():
            leaves[index] = getattr(module, name)
        return dataclasses.replace(call, leaves=leaves)


def _shallow_module_copy(module: nn.Module) -> nn.Module:
    """A copy of a module that may be changed, whose parameters are plain tensors."""
    parametrized = torch.nn.utils.parametrize.is_parametrized(module)
    duplicate: nn.Module = object.__new__(type(module).__mro__[parametrized])
    vars(duplicate).update({name: _clone_value(value) for name, value in vars(module).items()})
    for tensors in (duplicate._parameters, duplicate._buffers):
        vars(duplicate).update({name: _clone_value(tensor) for name, tensor in tensors.items()})
        tensors.clear()
    return duplicate


def _clone_value(value: Any) -> Any:
    """A copy of a tensor or a dict; any other value as it is."""
    return value.clone() if isinstance(value, Tensor) else copy.copy(value) if isinstance(value, dict) else value


class EpsilonRule(PropagationRule):
    """By all contributions: [pellucid.methods.Epsilon][].

    Args:
        epsilon: The stabiliser, which keeps denominators from zero.
    """

    def __init__(self, epsilon: float = 1e-9) -> None:
        self.STABILITY_FACTOR = epsilon

    def _manipulate_weights(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        """Change nothing."""


class GammaRule(PropagationRule):
    """Positive weights count more: w + gamma * max(w, 0) takes the place of w.

    Args:
        gamma: How much more positive weights count.
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
    """All relevance to the inputs, element by element: [pellucid.methods.Pass][]."""

    def __call__(self, call: TorchCall, relevance: Tensor) -> Tensors:
        """The relevance of the output."""
        return Pass()(call, relevance)


def _modify_parameters(module: nn.Module, of_weights: Callable[[Tensor], Tensor], set_bias_to_zero: bool) -> None:
    """Replace the weights of a copy of a module, and its biases by zeros."""
    weight, bias = (getattr(module, name, None) for name in ("weight", "bias"))
    if isinstance(weight, Tensor):
        vars(module)["weight"] = of_weights(weight)
    if set_bias_to_zero and isinstance(bias, Tensor):
        vars(module)["bias"] = torch.zeros_like(bias)
