"""Maps by what channels let through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import values_at
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.tensors import Tensors, broadcast_to, is_floating
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.cam.activation_map import (
    ClassActivationMap,
    Interpolation,
    resize_like_input,
    safe_divide,
    spatial_size,
)

SMOOTH: dict[int, Interpolation] = {3: "linear", 4: "bilinear", 5: "trilinear"}
"""How tensors of so many dimensions are resized."""


@final
@dataclass(frozen=True, kw_only=True)
class ScoreCam(ClassActivationMap):
    """What channels say, each weighted by the explained value of the input that it lets through.

    L = ReLU(sum over k of w_k A^k), w = softmax over k of F(x' + (x - x') H^k) - F(x'),
    H^k = A^k resized to the input, from 0 to 1

    The paper's increase of confidence is one over the same F(x') for all channels, which does not change their softmax
    and is not computed.

    Wang et al., "Score-CAM: score-weighted visual explanations for convolutional neural networks", 2020,
    https://arxiv.org/abs/1910.01279.

    Its arguments are those of every [ClassActivationMap][pellucid.methods.cam.activation_map.ClassActivationMap].

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import Problem, ScoreCam
        >>> model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.AvgPool1d(4))
        >>> image = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
        >>> ScoreCam()(Problem(model, image, gradient_at="0")).values[0]
        tensor([[[[1., 2.],
                  [3., 0.]]]])
    """

    @attribution
    def __call__(self, f: ModelFunction, /, baselines: Baselines = None) -> Attributions:
        """The map, by as many evaluations of the model as the layer has channels.

        Args:
            f: From the inputs, one of which at least has as many dimensions of space as the layer, to one value per
                example; to read at the layer.
            baselines: What is in the place of what is masked; see [Baselines][pellucid.methods.Baselines].

        Returns:
            Attributions (B, 1, *spatial) of each tensor at the layer.

        Raises:
            InvalidArgument: No input has the dimensions of space that the layer has, or the inputs are not the source.
        """
        if f.evaluator.source.modules:
            raise InvalidArgument("source must be the model's inputs, which are masked. Hint: gradient_at=layer.")
        start = f.baselines(baselines)
        return self.finished(f, tuple(_scored(f, start, channels) for channels in self.channels(f)))


def _scored(f: ModelFunction, start: Tensors, channels: Tensor) -> Tensor:
    """Channels (B, C, *spatial), added up by the scores of what they let through of the inputs."""
    spatial_size(f, channels)  # or nothing could be masked

    def let_through(sample_range: slice, point_range: slice) -> Tensors:
        block = channels[point_range, sample_range].transpose(0, 1)

        def masked(x: Tensor, x0: Tensor) -> Tensor:
            inside, outside = (torch.cat([each[point_range]] * len(block)) for each in (x, x0))
            if x.ndim != channels.ndim or not is_floating(x):
                return inside
            masks = resize_like_input(x, f, block.flatten(0, 1).unsqueeze(1), SMOOTH[x.ndim])
            return torch.lerp(outside, inside, _from_zero_to_one(masks).to(x.dtype))

        return tuple(map(masked, f.x, start))

    weights = torch.softmax(values_at(f, channels.shape[1], let_through), 1)
    return (broadcast_to(weights, channels) * channels).sum(1, keepdim=True)


def _from_zero_to_one(masks: Tensor) -> Tensor:
    """Masks (n, 1, *spatial) from zero to one; zero where they are constant."""
    dims = tuple(range(1, masks.ndim))
    least = masks.amin(dims, keepdim=True)
    return safe_divide(masks - least, masks.amax(dims, keepdim=True) - least)
