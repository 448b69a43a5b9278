"""Guided Grad-CAM: guided backpropagation times the map of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.attributions import Attributions
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, for_each_target, format_shapes
from pellucid.errors import InvalidArgument, warn
from pellucid.methods.backprop.guided import RECTIFIERS, GuidedBackprop
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.cam.activation_map import Interpolation, ReshapeTransform, resize_like_input, spatial_size
from pellucid.methods.cam.grad_cam import GradCam


@final
@dataclass(frozen=True, kw_only=True)
class GuidedGradCam(Summarized):
    """Guided gradients at the inputs, times the Grad-CAM map of a layer, resized: as sharp as the inputs.

    a = g * resized(ReLU(sum over k of w_k A^k)), g guided backpropagation's and w Grad-CAM's

    Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", 2017,
    https://arxiv.org/abs/1610.02391.

    Args:
        interpolate_mode: How the map is resized to the inputs.
        reshape_transform: See [ClassActivationMap][pellucid.methods.cam.activation_map.ClassActivationMap].
        activations: See [GuidedBackprop][pellucid.methods.backprop.guided.GuidedBackprop].

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import GuidedGradCam, Problem
        >>> model = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Softplus())
        >>> image = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
        >>> GuidedGradCam()(Problem(model, image, target=0, gradient_at="1")).values[0].round(decimals=4)
        tensor([[[[0.0000, 0.0000],
                  [2.7222, 0.0000]]]])
    """

    interpolate_mode: Interpolation = "nearest"
    reshape_transform: ReshapeTransform | None = None
    activations: tuple[str, ...] = RECTIFIERS

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The guided gradients, times the map.

        Args:
            f: A function of the inputs, with one value per example and gradients at a layer.

        Returns:
            Attributions of the shapes of the inputs; empty, and with a warning, for inputs with another number of
            spatial dimensions than the layer.

        Raises:
            InvalidArgument: The layer has several tensors, or no input has as many spatial dimensions.
        """
        maps = GradCam(reshape_transform=self.reshape_transform)(f).values
        if len(maps) > 1:
            raise InvalidArgument(f"gradient_at must hold one tensor: got {len(maps)}, of maps {format_shapes(maps)}.")
        several = f.evaluator.target.several
        spatial = maps[0].select(1, 0) if several else maps[0]
        spatial_size(f, spatial)  # raises if no input fits
        guided = GuidedBackprop(activations=self.activations)(f.replace(gradient_at=f.evaluator.source)).values

        def products(gradients_and_map: Tensors) -> Tensors:
            *gradients, cam = gradients_and_map
            return tuple(
                gradient * resize_like_input(x, f, cam.to(gradient.dtype), self.interpolate_mode)
                if x.ndim == cam.ndim
                else gradient.new_empty(0)
                for x, gradient in zip(f.x, gradients, strict=True)
            )

        values = for_each_target(products, (*guided, *maps), several=several)
        unlike = [f"inputs[{index}]" for index, x in enumerate(f.x) if x.ndim != spatial.ndim]
        if unlike:
            warn(f"the layer's map cannot be resized to {', '.join(unlike)}: no attributions there.")
        return Attributions(values)
