"""Gradients that pass back through rectifiers by another rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from pellucid.core.expectation import Moments, along, sweep
from pellucid.core.pathway import Pathway
from pellucid.core.rules import Call, Entry, Function, Rule, Rules
from pellucid.core.steps import STEPS
from pellucid.core.tensors import Tensors
from pellucid.methods.edge import attribution
from pellucid.methods.result import Attributions, one_sample
from pellucid.methods.ruled import compared, ruled

RECTIFIERS = ("relu", "relu6", "leaky_relu")
"""Functions that follow the rule unless the user chooses; smooth ones, such as "gelu" and "silu", have to be chosen."""


@final
@dataclass(frozen=True, kw_only=True)
class GuidedBackprop:
    """The gradient, where it is positive on its way back through every rectifier.

    g_in = max(g_out * f'(x), 0)

    Springenberg et al., "Striving for simplicity: the all convolutional net", 2015, https://arxiv.org/abs/1412.6806.

    Args:
        activations: Names of the functions that follow the rule, whether modules call them or plain code.

    Examples:
        >>> import torch
        >>> from pellucid.methods import GuidedBackprop, Pathway
        >>> path = Pathway.of(lambda x: x[:, 0].relu() - x[:, 1].relu(), torch.ones(1, 2))
        >>> GuidedBackprop()(path).values
        (tensor([[1., 0.]]),)
    """

    activations: tuple[str, ...] = RECTIFIERS

    @attribution
    def __call__(self, path: Pathway, /) -> Attributions:
        """The guided gradients.

        Args:
            path: From the inputs to one value per example.

        Returns:
            Attributions of the shapes of the inputs.
        """
        return _passed_back(path, self.activations, _guided)


@final
@dataclass(frozen=True, kw_only=True)
class Deconvolution:
    """What passes back if rectifiers rectify gradients, and not by what they have let through.

    g_in = max(g_out, 0)

    Zeiler, Fergus, "Visualizing and understanding convolutional networks", 2014, https://arxiv.org/abs/1311.2901.

    Args:
        activations: Names of the functions that follow the rule, whether modules call them or plain code.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Deconvolution, Pathway
        >>> path = Pathway.of(lambda x: x[:, 0].relu() - x[:, 1].relu(), -torch.ones(1, 2))
        >>> Deconvolution()(path).values
        (tensor([[1., 0.]]),)
    """

    activations: tuple[str, ...] = RECTIFIERS

    @attribution
    def __call__(self, path: Pathway, /) -> Attributions:
        """The rectified gradients.

        Args:
            path: From the inputs to one value per example.

        Returns:
            Attributions of the shapes of the inputs.
        """
        return _passed_back(path, self.activations, _deconvolved)


def _guided(call: Call, grad: Tensor) -> Tensors:
    return tuple(each.clamp(min=0) for each in call.gradient(call.inputs, grad))


def _deconvolved(call: Call, grad: Tensor) -> Tensors:
    return (grad.clamp(min=0),)


def _from_zero(rule: Rule) -> Rule:
    """A rule for `hardtanh`, which `nn.ReLU6` calls, where it is a rectifier."""

    def of_hardtanh(call: Call, grad: Tensor) -> Tensors:
        args, keywords = call.arguments
        lowest = keywords.get("min_val", args[1] if len(args) > 1 else -1)
        return rule(call, grad) if lowest == 0 else call.gradient(call.inputs, grad)

    return of_hardtanh


def _passed_back(path: Pathway, activations: tuple[str, ...], rule: Rule) -> Attributions:
    """What passes back where these functions follow a rule."""
    functions: dict[str | Function, Entry] = dict.fromkeys(activations, rule)
    if path.create_graph:  # every call needs a rule then, and recurrent layers are many
        functions = STEPS | functions
    if "relu6" in activations:
        functions["hardtanh"] = _from_zero(rule)
    rules, moments = Rules(functions), Moments(len(path), orders=1)
    rules = rules.of_everything() if path.create_graph else rules

    def read(points: Tensors, rows: Tensor) -> Tensors:
        return compared(path, lambda: ruled(path, rules, points, rows)).reading.grad

    for samples, places, found in sweep(path, 1, along(one_sample(path.x)), read):
        moments.add(samples, places, found)
    return Attributions(moments.mean, structure=path.structure)
