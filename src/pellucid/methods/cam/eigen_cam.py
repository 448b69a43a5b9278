"""Maps by the principal component of activations."""

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
    """The first principal component of what a layer says, whatever is explained.

    L = ReLU(A v), A what the channels say at each place, (places, channels), and v its first right singular vector,
    with the sign by which A v adds up to something positive

    Muhammad, Yeasin, "Eigen-CAM: class activation map using principal components", 2020,
    https://arxiv.org/abs/2008.00299.

    Its arguments are those of every [ClassActivationMap][pellucid.methods.cam.activation_map.ClassActivationMap].

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
        """The map, without what comes behind the layer.

        Args:
            f: From the inputs, to read at a layer; what it explains does not matter.

        Returns:
            Attributions (B, 1, *spatial) of each tensor at the layer.
        """
        return self.finished(f, tuple(map(_principal, self.channels(f))))


def _principal(arranged: Tensor) -> Tensor:
    """The projection of channels (B, C, *spatial) on their first principal component, (B, 1, *spatial)."""
    matrix = arranged.flatten(2).transpose(1, 2) if arranged.ndim > 2 else arranged.unsqueeze(1)
    *_, right = torch.linalg.svd(matrix, full_matrices=False)
    projected = (matrix * right[:, None, 0]).sum(2)
    turned = projected.sum(1, keepdim=True) < 0
    return torch.where(turned, -projected, projected).reshape(len(arranged), 1, *arranged.shape[2:])
