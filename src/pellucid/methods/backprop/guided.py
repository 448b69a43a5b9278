"""Guided backpropagation and deconvolution: gradients with another rule at every rectifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.attributions import Attributions
from pellucid.core.python_functions import TorchFunction
from pellucid.core.rules.decompositions.table import DECOMPOSED
from pellucid.core.rules.entries import AdjustGradient, RuleSpec
from pellucid.core.rules.op_names import ELEMENTWISE
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument
from pellucid.methods.backprop.rule_gradients import backpropagate
from pellucid.methods.calling.attribution import attribution

MULTI_OUTPUT_CALLS = (
    *(f"{kind}{cell}" for kind in ("gru", "lstm", "rnn_relu", "rnn_tanh") for cell in ("", "_cell")),
    *("std_mean", "var_mean"),
)
"""Functions that compute many steps in one call, or return several tensors."""

RECTIFIERS = ("relu", "relu6", "leaky_relu")
"""The functions that follow the rule by default; smooth ones, such as "gelu" and "silu", have to be named."""


@final
@dataclass(frozen=True, kw_only=True)
class GuidedBackprop(Summarized):
    """The gradient, clamped to be non-negative in the backward of every rectifier.

    g_in = max(g_out * f'(x), 0)

    Springenberg et al., "Striving for simplicity: the all convolutional net", 2015, https://arxiv.org/abs/1412.6806.

    Args:
        activations: Names of the functions that follow the rule, whether modules call them or plain code.

    Examples:
        >>> import torch
        >>> from pellucid.methods import GuidedBackprop, Problem
        >>> problem = Problem(lambda x: x[:, 0].relu() - x[:, 1].relu(), torch.ones(1, 2))
        >>> GuidedBackprop()(problem).values
        (tensor([[1., 0.]]),)
    """

    activations: tuple[str, ...] = RECTIFIERS

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The guided gradients.

        Args:
            f: A function of the inputs, with one value per example.

        Returns:
            Attributions of the shapes of the inputs.
        """
        return f.attributions(_guided_gradients(f, self.activations, _guided))


@final
@dataclass(frozen=True, kw_only=True)
class Deconvolution(Summarized):
    """The gradient with every rectifier applied to the gradient itself, in place of its own derivative.

    g_in = max(g_out, 0)

    Zeiler, Fergus, "Visualizing and understanding convolutional networks", 2014, https://arxiv.org/abs/1311.2901.

    Args:
        activations: Names of the functions that follow the rule, whether modules call them or plain code.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Deconvolution, Problem
        >>> problem = Problem(lambda x: x[:, 0].relu() - x[:, 1].relu(), -torch.ones(1, 2))
        >>> Deconvolution()(problem).values
        (tensor([[1., 0.]]),)
    """

    activations: tuple[str, ...] = RECTIFIERS

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The rectified gradients.

        Args:
            f: A function of the inputs, with one value per example.

        Returns:
            Attributions of the shapes of the inputs.
        """
        return f.attributions(_guided_gradients(f, self.activations, _deconvolved))


def _guided(passed: Tensors, grad: Tensor) -> Tensors:
    return tuple(gradient.clamp_(min=0) for gradient in passed)  # in place: torch made them for this node alone


def _deconvolved(passed: Tensors, grad: Tensor) -> Tensors:
    return (grad.clamp(min=0),)


def _if_rectifier(rule: Rule) -> Rule:
    """The rule of `hardtanh`, which `nn.ReLU6` calls: the same rule where its minimum is zero, else the gradient."""

    def hardtanh_rule(call: TorchCall, grad: Tensor) -> Tensors:
        args, keywords = call.arguments
        lowest = keywords.get("min_val", args[1] if len(args) > 1 else -1)
        return rule(call, grad) if lowest == 0 else call.gradient(call.inputs, grad)

    return hardtanh_rule


def _guided_gradients(
    f: ModelFunction, activations: tuple[str, ...], change: Callable[[Tensors, Tensor], Tensors]
) -> Tensors:
    """Gradients with a changed gradient at every call of these functions.

    Args:
        f: A function of the inputs, with one value per example.
        activations: Names of the functions.
        change: (torch's gradients at the inputs, the gradient at the output) -> the gradients to pass back instead.

    Raises:
        InvalidArgument: The activations are no names of elementwise functions.
    """
    if isinstance(activations, str) or not ELEMENTWISE.issuperset(activations):
        raise InvalidArgument(
            f"activations must be names of functions of one number, such as {RECTIFIERS}: got {summary(activations)}."
        )
    adjusted = AdjustGradient(change)
    functions: dict[str | TorchFunction, RuleSpec] = {
        name: adjusted if name in RECTIFIERS else adjusted.rule for name in activations
    }
    # With `create_graph` every call needs a rule, and calls that return several tensors have none.
    decomposed = (
        MULTI_OUTPUT_CALLS
        if f.problem.options.create_graph or {"sigmoid", "tanh"}.intersection(activations)
        else ("rnn_relu", "rnn_relu_cell")
    )
    functions |= {name: DECOMPOSED[name] for name in decomposed}
    if "relu6" in activations:
        functions["hardtanh"] = _if_rectifier(adjusted.rule)
    rules = Rules(functions, exempt=None)
    return backpropagate(f, rules.with_default_gradient() if f.problem.options.create_graph else rules)[0]
