"""Eigen-CAM: a map from the principal component of activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.attributions import Attributions
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.cam.activation_map import ClassActivationMap


@final
@dataclass(frozen=True, kw_only=True)
class EigenCam(ClassActivationMap):
    """The first principal component of a layer's activations, whatever the target.

    L = ReLU(A v), A the activations as a matrix (positions, channels), and v its first right singular vector, with the
    sign for which A v has a positive sum

    Muhammad, Yeasin, "Eigen-CAM: class activation map using principal components", 2020,
    https://arxiv.org/abs/2008.00299.

    The arguments are those of [ClassActivationMap][pellucid.methods.cam.activation_map.ClassActivationMap].

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import EigenCam, Problem
        >>> model = nn.Sequential(nn.ReLU(), nn.Flatten())
        >>> image = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
        >>> EigenCam()(Problem(model, image, gradient_at="0")).values[0]
        tensor([[[[1., 2.],
                  [3., 0.]]]])
    """

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The map, by forwards that stop at the layer.

        Args:
            f: A function of the inputs, with gradients at a layer; the target does not matter.

        Returns:
            Attributions (B, 1, *spatial) of each tensor at the layer.
        """
        return f.attributions(self.postprocess(f, tuple(map(_principal_projection, self.channel_activations(f)))))


def _principal_projection(channels: Tensor) -> Tensor:
    """The projection of channels (B, C, *spatial) on their first principal component, (B, 1, *spatial)."""
    matrix = channels.flatten(2).transpose(1, 2) if channels.ndim > 2 else channels.unsqueeze(1)
    *_, right_vectors = torch.linalg.svd(matrix, full_matrices=False)
    projection = (matrix * right_vectors[:, None, 0]).sum(2)
    is_negative = projection.sum(1, keepdim=True) < 0
    return torch.where(is_negative, -projection, projection).reshape(len(channels), 1, *channels.shape[2:])
