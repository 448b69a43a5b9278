"""Activations of a layer, unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.attributions import Attributions
from pellucid.core.pytree import TensorTree
from pellucid.core.summaries import Summarized
from pellucid.methods.calling.attribution import attribution


@final
@dataclass(frozen=True, kw_only=True)
class Activation(Summarized):
    """The tensors at the source: the outputs of a layer, or its inputs, for the model's inputs.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import Activation, Problem
        >>> model = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Softmax(1))
        >>> Activation()(Problem(model, torch.tensor([[-1.0, 2.0]]), source="1")).values
        (tensor([[0., 2.]]),)
    """

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The activations.

        Args:
            f: A function of points at the layer; the target does not matter.

        Returns:
            Copies of all tensors at the layer, of any dtype.
        """
        activations: Any = f.problem.inputs
        if f.evaluator.source.modules:
            activations = f.evaluator.capture_source(f.problem.inputs, f.examples, chosen=lambda _: True).unwrapped
        tensors, structure = TensorTree.of(activations, lambda _: True)
        return Attributions(tuple(tensor.detach().clone() for tensor in tensors), structure=structure)
