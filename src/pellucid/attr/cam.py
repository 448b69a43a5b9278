"""Captum's names for class activation maps: of a layer, and in the detail of the inputs.

Bodies under `@calls` are empty: it routes the arguments by their names, as `attr/_routes.py` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typing_extensions import Unpack

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    Data,
    GradientAttribution,
    Inputs,
    LayerAttribution,
    layer_of_gradients,
)
from pellucid.attr._calls import calls
from pellucid.core.model.layers import CallLike, Layer, Site, SiteLike
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.data import DataOptions
from pellucid.methods.backprop.guided import RECTIFIERS
from pellucid.methods.cam.activation_map import Interpolation, ReshapeTransform


class LayerGradCam(LayerAttribution, GradientAttribution):
    """What a layer's channels say, each times its mean gradient: `pellucid.methods.GradCam`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerGradCam
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
        >>> x = torch.rand(2, 1, 8, 8)
        >>> LayerGradCam(model, model[0]).attribute(x, target=1).shape
        torch.Size([2, 1, 6, 6])
    """

    @calls(methods.GradCam, layer=layer_of_gradients)
    def attribute(
        self,
        inputs: Data,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        relu_attributions: bool = False,
        attr_dim_summation: bool = True,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        reshape_transform: ReshapeTransform | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The map of `target`, without what speaks against it where `relu_attributions`.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            target: What is explained, of an output of shape (B, ...) for B examples:
                * `None`: the whole output; gradient methods need one value per example, shape (B,) or (B, 1).
                * an `int`, or a tensor of one element: this column of an output (B, K), the same for all examples.
                * a tuple of ints and slices: this element of each example's output, for outputs of more dimensions; the
                  sum of the elements that slices choose.
                * a 1-D tensor, or a list of B ints: one column per example.
                * a list of B tuples: one element per example, for outputs of more dimensions.
                * a tensor or a list that is longer, where the output has more rows than examples: one element per row
                  of the output.
                * a callable: any function of the output that returns one value per example, `lambda output:
                  output.logits[:, 3]`, or one of `pellucid.targets`.
                * a `Contrast(a, b)` of two of these: why a rather than b.
                * a `Several([a, b, ...])` of these, or `Several("all")`: attributions for each, in a dimension after
                  the examples.
                Where names of classes are known, they may stand for numbers. Negative numbers count from the end. Of an
                output with `logits`, as Hugging Face's have, these are meant.
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            relu_attributions: Whether negative values of the map become zero.
            attr_dim_summation: Whether the map is the sum over channels, (B, 1, *spatial), or keeps them, (B, C,
                *spatial).
            grad_kwargs: Further arguments of `torch.autograd.grad`.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            reshape_transform: Makes (B, C, *spatial) of the layer's activations; None infers the channel dimension.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            early_exit: Whether a forward may stop after the last layer needed, once the calls of modules have been
                counted. False is for models whose data decide how often they call a module.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class GuidedGradCam(GradientAttribution):
    """Guided gradients times the map of a layer: `pellucid.methods.GuidedGradCam`.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, or its dotted name.
        device_ids: As in Captum.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import GuidedGradCam
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
        >>> x = torch.rand(2, 1, 8, 8)
        >>> GuidedGradCam(model, model[0]).attribute(x, target=1).shape
        torch.Size([2, 1, 8, 8])
    """

    def __init__(
        self,
        model: Callable[..., Any],
        layer: SiteLike,
        device_ids: list[int] | None = None,
        *,
        call: CallLike = None,
    ) -> None:
        super().__init__(model)
        self.grad_cam = LayerGradCam(model, layer, device_ids, call=call)

    def _layer(self, of_input: bool) -> Layer | Site:
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
        targets: TargetsLike | None = None,
        reshape_transform: ReshapeTransform | None = None,
        activations: tuple[str, ...] = RECTIFIERS,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
        **data: Unpack[DataOptions],
    ) -> Inputs:
        """The guided gradients of `target` at `inputs`, times its map, resized by `interpolate_mode`.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            target: What is explained, of an output of shape (B, ...) for B examples:
                * `None`: the whole output; gradient methods need one value per example, shape (B,) or (B, 1).
                * an `int`, or a tensor of one element: this column of an output (B, K), the same for all examples.
                * a tuple of ints and slices: this element of each example's output, for outputs of more dimensions; the
                  sum of the elements that slices choose.
                * a 1-D tensor, or a list of B ints: one column per example.
                * a list of B tuples: one element per example, for outputs of more dimensions.
                * a tensor or a list that is longer, where the output has more rows than examples: one element per row
                  of the output.
                * a callable: any function of the output that returns one value per example, `lambda output:
                  output.logits[:, 3]`, or one of `pellucid.targets`.
                * a `Contrast(a, b)` of two of these: why a rather than b.
                * a `Several([a, b, ...])` of these, or `Several("all")`: attributions for each, in a dimension after
                  the examples.
                Where names of classes are known, they may stand for numbers. Negative numbers count from the end. Of an
                output with `logits`, as Hugging Face's have, these are meant.
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            interpolate_mode: How the map is resized to the inputs.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            reshape_transform: See `pellucid.methods.cam.activation_map.ClassActivationMap`.
            activations: See `pellucid.methods.backprop.guided.GuidedBackprop`.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            early_exit: Whether a forward may stop after the last layer needed, once the calls of modules have been
                counted. False is for models whose data decide how often they call a module.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """
