"""Saliency and input times gradient: methods that take a single gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import gradients_at_own_points
from pellucid.core.problem.attributions import Attributions
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import per_target, times
from pellucid.methods.calling.attribution import attribution


@final
@dataclass(frozen=True, kw_only=True)
class Saliency(Summarized):
    """The gradient of the explained value: how much it changes with each input.

    a_i = |dF / dx_i|

    Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2013, https://arxiv.org/abs/1312.6034.

    Args:
        abs: Whether to take absolute values.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> problem = Problem(lambda x: x[:, 0] - 2 * x[:, 1], torch.ones(1, 2))
        >>> Saliency()(problem).values
        (tensor([[1., 2.]]),)
    """

    abs: bool = True

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The gradients at the inputs.

        Args:
            f: A function of the inputs, with one value per example.

        Returns:
            Attributions of the shapes of the inputs.
        """
        _, grads = gradients_at_own_points(f)
        return f.attributions(tuple(grad.abs() for grad in grads) if self.abs else grads)


@final
@dataclass(frozen=True, kw_only=True)
class InputXGradient(Summarized):
    """The gradient times the input: each input's contribution to first order.

    a_i = x_i * dF / dx_i

    Shrikumar et al., "Not just a black box", 2016, https://arxiv.org/abs/1605.01713.

    Args:
        multiply_by_inputs: Whether to multiply by the inputs; if not, the attributions are the gradients.

    Examples:
        >>> import torch
        >>> from pellucid.methods import InputXGradient, Problem
        >>> problem = Problem(lambda x: x[:, 0] - 2 * x[:, 1], torch.tensor([[3.0, 4.0]]))
        >>> InputXGradient()(problem).values
        (tensor([[ 3., -8.]]),)
    """

    multiply_by_inputs: bool = True

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The gradients at the inputs, times the inputs.

        Args:
            f: A function of the inputs, with one value per example.

        Returns:
            Attributions of the shapes of the inputs.
        """
        x, grads = gradients_at_own_points(f)
        return f.attributions(times(per_target(x, grads), grads) if self.multiply_by_inputs else grads)
