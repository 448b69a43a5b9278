"""Captum's names for class activation maps: of a layer, and in the detail of the inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    GradientAttribution,
    Inputs,
    LayerAttribution,
    TensorOrTensors,
    layer_of_gradients,
)
from pellucid.attr._calls import calls
from pellucid.core.model.layers import CallLike, Layer
from pellucid.core.problem.target import TargetLike
from pellucid.methods.backprop.guided import RECTIFIERS
from pellucid.methods.cam.activation_map import Interpolation, ReshapeTransform


class LayerGradCam(LayerAttribution, GradientAttribution):
    """What a layer's channels say, each times its mean gradient: [pellucid.methods.GradCam][]."""

    @calls(methods.GradCam, layer=layer_of_gradients)
    def attribute(
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        relu_attributions: bool = False,
        attr_dim_summation: bool = True,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        reshape_transform: ReshapeTransform | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
    ) -> Attributed:
        """The map of `target`, without what speaks against it where `relu_attributions`."""


class GuidedGradCam(GradientAttribution):
    """Guided gradients times the map of a layer: [pellucid.methods.GuidedGradCam][].

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, or its dotted name.
        device_ids: As in Captum.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        model: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        *,
        call: CallLike = None,
    ) -> None:
        super().__init__(model)
        self.grad_cam = LayerGradCam(model, layer, device_ids, call=call)

    def _layer(self, of_input: bool) -> Layer:
        """What the layer of the map takes or returns."""
        return self.grad_cam._layer(of_input)

    @calls(methods.GuidedGradCam, layer=layer_of_gradients)
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        interpolate_mode: Interpolation = "nearest",
        attribute_to_layer_input: bool = False,
        *,
        reshape_transform: ReshapeTransform | None = None,
        activations: tuple[str, ...] = RECTIFIERS,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
    ) -> Inputs:
        """The guided gradients of `target` at `inputs`, times its map, resized by `interpolate_mode`."""
