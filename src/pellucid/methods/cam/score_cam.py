"""Score-CAM: a map whose channels are scored as masks of the inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import values_at
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.tensors import Tensors, broadcast_to, for_each_target, is_floating
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
"""How masks are resized, by the number of dimensions of an input."""


@final
@dataclass(frozen=True, kw_only=True)
class ScoreCam(ClassActivationMap):
    """Channels of a layer, each weighted by the explained value of the input masked by that channel.

    L = ReLU(sum over k of w_k A^k), w = softmax over k of F(x' + (x - x') H^k) - F(x'),
    H^k = A^k resized to the input, from 0 to 1

    F(x') is the same for all channels, so that it does not change the softmax, and is not computed.

    Wang et al., "Score-CAM: score-weighted visual explanations for convolutional neural networks", 2020,
    https://arxiv.org/abs/1910.01279.

    The arguments are those of [ClassActivationMap][pellucid.methods.cam.activation_map.ClassActivationMap].

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
            f: A function of the inputs, with one value per example and gradients at a layer; at least one input has as
                spatial dimensions as the layer. Other inputs are not masked.
            baselines: What masked elements become; see [Baselines][pellucid.methods.Baselines].

        Returns:
            Attributions (B, 1, *spatial) of each tensor at the layer.

        Raises:
            InvalidArgument: No input has as many spatial dimensions as the layer, the layer holds no row for each
                example, or the source is a layer.
        """
        if f.evaluator.source.modules:
            raise InvalidArgument("source must be the model's inputs, which are masked. Hint: gradient_at=layer.")
        reference = f.baselines(baselines)
        channels = self.channel_activations(f)
        weights = tuple(_weights(f, reference, of_tensor) for of_tensor in channels)

        def maps_of(weights: Tensors) -> Tensors:
            pairs = zip(weights, channels, strict=True)
            return self.postprocess(f, tuple((broadcast_to(w, c) * c).sum(1, keepdim=True) for w, c in pairs))

        return f.attributions(for_each_target(maps_of, weights, several=f.evaluator.target.several))


def _weights(f: ModelFunction, reference: Tensors, channels: Tensor) -> Tensor:
    """The weights of channels (B, C, *spatial), by the scores of the inputs that they mask: [B, C], or [B, K, C]."""
    if len(channels) != len(f):
        raise InvalidArgument(
            f"layer must hold channels for each of the {len(f)} examples: got {tuple(channels.shape)}. "
            "Hint: choose another layer, or give a reshape_transform."
        )
    spatial_size(f, channels)  # raises if no input can be masked

    def masked_inputs(sample_range: slice, point_range: slice) -> Tensors:
        """A sampler of points whose samples are channels."""
        block = channels[point_range, sample_range].transpose(0, 1)

        def masked(x: Tensor, baseline: Tensor) -> Tensor:
            inside, outside = (torch.cat([tensor[point_range]] * len(block)) for tensor in (x, baseline))
            if x.ndim != channels.ndim or not is_floating(x):
                return inside
            single = block.flatten(0, 1).unsqueeze(1)
            masks = _min_max_scaled(resize_like_input(x, f, single, SMOOTH[x.ndim]))
            # What is constant may be so to rounding alone once it is resized.
            masks = masks.masked_fill(_range(single) == 0, 0)
            return torch.lerp(outside, inside, masks.to(x.dtype))

        return tuple(map(masked, f.x, reference))

    weights = torch.softmax(values_at(f, channels.shape[1], masked_inputs), 1)
    return weights.transpose(1, 2) if f.evaluator.target.several else weights


def _min_max_scaled(masks: Tensor) -> Tensor:
    """Masks (n, 1, *spatial), scaled to [0, 1] each; zero where a mask is constant."""
    minimum = masks.amin(tuple(range(1, masks.ndim)), keepdim=True)
    return safe_divide(masks - minimum, _range(masks))


def _range(masks: Tensor) -> Tensor:
    """The largest less the smallest number of each mask (n, 1, *spatial), (n, 1, ...)."""
    dims = tuple(range(1, masks.ndim))
    return masks.amax(dims, keepdim=True) - masks.amin(dims, keepdim=True)
