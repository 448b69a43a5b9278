"""The mean gradient at a layer along the line from a baseline to the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.point_samplers import straight_line
from pellucid.core.evaluation.quadrature import Quadrature, quadrature
from pellucid.core.evaluation.sweep import weighted_gradient_sum
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import as_floating
from pellucid.methods.calling.attribution import attribution


@final
@dataclass(frozen=True, kw_only=True)
class InternalInfluence(Summarized):
    """The mean gradient at a layer along the straight line from the baseline to the input.

    a_j = integral over alpha in [0, 1] of dF / dy_j, at x' + alpha (x - x')

    Leino et al., "Influence-directed explanations for deep convolutional networks", 2018,
    https://arxiv.org/abs/1802.03788.

    Args:
        n_steps: Points on the line.
        method: How the integral becomes a sum; see [quadrature][pellucid.core.evaluation.quadrature.quadrature].

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import InternalInfluence, Problem
        >>> model = nn.Sequential(nn.Flatten(), nn.Flatten(), nn.Softplus())
        >>> problem = Problem(model, torch.ones(1, 2), target=1, gradient_at="1")
        >>> InternalInfluence()(problem).values[0].round(decimals=4)
        tensor([[0.0000, 0.6201]])
    """

    n_steps: int = 50
    method: Quadrature = "gausslegendre"

    @attribution
    def __call__(self, f: ModelFunction, /, baselines: Baselines = None) -> Attributions:
        """The mean gradients.

        Args:
            f: A function of the inputs, with gradients at a layer.
            baselines: Where the line starts; see [Baselines][pellucid.methods.Baselines].

        Returns:
            Attributions of the shapes of the tensors at the layer.
        """
        x, reference = as_floating(f.x), f.to_source(f.baselines(baselines))
        nodes, weights = map(torch.from_numpy, quadrature(self.method, self.n_steps))
        return f.attributions(weighted_gradient_sum(f, weights, straight_line(reference, x, nodes)))
