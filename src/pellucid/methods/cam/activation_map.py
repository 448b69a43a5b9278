"""What all class activation maps share: the order of channels and space, ReLU and resizing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import evaluate_own_points, gradients_at_own_points
from pellucid.core.problem.attributions import Attributions
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, at_least_float32, describe, for_each_target, format_shapes
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.cam.channels import ChannelLayout, examples_second

Interpolation: TypeAlias = Literal["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"]
"""As in `torch.nn.functional.interpolate`."""

ReshapeTransform: TypeAlias = Callable[[Tensor], Tensor]
"""A tensor at a layer -> (B, C, *spatial)."""


@dataclass(frozen=True, kw_only=True)
class ClassActivationMap(Summarized):
    """The base of all maps.

    Args:
        relu_attributions: Whether negative values of the map become zero.
        interpolate_mode: How maps are resized to the spatial size of the inputs; None leaves them at the layer's.
        reshape_transform: Makes (B, C, *spatial) of the layer's activations, and of their gradients. None: the channel
            dimension is inferred from the sizes of weights, the examples are the first or the second dimension, and the
            tokens of an image become its grid of patches; see
            [ChannelLayout.of][pellucid.methods.cam.channels.ChannelLayout.of].
    """

    relu_attributions: bool = True
    interpolate_mode: Interpolation | None = None
    reshape_transform: ReshapeTransform | None = None

    def transforms_to_channels(self, f: ModelFunction, tensors: Tensors) -> list[ReshapeTransform]:
        """A transform to (B, C, *spatial) for each of the tensors at the layer."""
        if self.reshape_transform is not None:
            return [_validated(self.reshape_transform, len(f))] * len(tensors)
        return [
            _inferred(f, tensor, second) for tensor, second in zip(tensors, examples_second(f, tensors), strict=True)
        ]

    def channel_activations(self, f: ModelFunction) -> list[Tensor]:
        """The layer's activations, (B, C, *spatial) each, by forwards that stop at the layer."""
        activations = evaluate_own_points(f, f.activations)
        transforms = self.transforms_to_channels(f, activations)
        return [transform(at_least_float32(tensor)) for transform, tensor in zip(transforms, activations, strict=True)]

    def postprocess(self, f: ModelFunction, maps: Tensors) -> Tensors:
        """Apply ReLU to maps (B, 1, *spatial), and resize them, where that is wanted."""
        if self.relu_attributions:
            maps = tuple(cam.clamp(min=0) for cam in maps)
        if self.interpolate_mode is not None:
            maps = tuple(interpolate(cam, spatial_size(f, cam), self.interpolate_mode) for cam in maps)
        return maps


@dataclass(frozen=True, kw_only=True)
class GradientMap(ClassActivationMap, ABC):
    """The base of the maps that are made of activations and gradients.

    Args:
        attr_dim_summation: Whether the map is the sum over channels, (B, 1, *spatial), or keeps them, (B, C, *spatial).
    """

    attr_dim_summation: bool = True

    @abstractmethod
    def weighted_channels(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """What each channel adds to the map, given activations and gradients: all three (B, C, *spatial)."""

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The map.

        Args:
            f: A function of the inputs, with one value per example and gradients at a layer.

        Returns:
            Attributions (B, 1, *spatial) of each tensor at the layer, or (B, C, *spatial) without `attr_dim_summation`.

        Raises:
            InvalidArgument: `reshape_transform` does not return (B, C, *spatial), or a map cannot be resized.
        """
        activations, grads = gradients_at_own_points(f)
        transforms = self.transforms_to_channels(f, activations)

        def maps_of(grads: Tensors) -> Tensors:
            channels = (
                self.weighted_channels(transform(at_least_float32(activation)), transform(at_least_float32(gradient)))
                for transform, activation, gradient in zip(transforms, activations, grads, strict=True)
            )
            return self.postprocess(
                f, tuple(c.sum(1, keepdim=True) if self.attr_dim_summation else c for c in channels)
            )

        return f.attributions(for_each_target(maps_of, grads, several=f.evaluator.target.several))


def _inferred(f: ModelFunction, tensor: Tensor, examples_second: bool) -> ReshapeTransform:
    """A transform to (B, C, *spatial) for a tensor at the layer, whose examples may be the second dimension."""
    modules = f.evaluator.gradient_at.modules
    if not examples_second:
        return ChannelLayout.of(tensor, f, modules)
    layout = ChannelLayout.of(tensor.transpose(0, 1), f, modules)
    return lambda values: layout(values.transpose(0, 1))


def _validated(transform: ReshapeTransform, examples: int) -> ReshapeTransform:
    """A user's transform, which raises an error where it does not return (B, C, *spatial)."""

    def validated_transform(tensor: Tensor) -> Tensor:
        result: object = transform(tensor)
        if not isinstance(result, Tensor) or result.ndim < 2 or len(result) != examples:
            raise InvalidArgument(
                f"reshape_transform must return ({examples}, channels, *spatial) for {describe(tensor)}: "
                f"got {describe(result)}."
            )
        return result

    return validated_transform


def reduce_spatial(channels: Tensor, reduction: Callable[..., Tensor]) -> Tensor:
    """The sum or the mean of (B, C, *spatial) over space, (B, C, 1, ...); (B, C) stays as it is."""
    dims = tuple(range(2, channels.ndim))
    return reduction(channels, dims, keepdim=True) if dims else channels


def safe_divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """A quotient; zero where the denominator is zero."""
    is_zero = denominator == 0
    return (numerator / denominator.masked_fill(is_zero, 1)).masked_fill(is_zero, 0)


def spatial_size(f: ModelFunction, channels: Tensor) -> torch.Size:
    """The spatial size of the first input that has as many dimensions of space as a tensor (B, C, *spatial).

    Raises:
        InvalidArgument: No input has, or the tensor has none.
    """
    inputs = (x for x in f.problem.inputs if x.ndim == channels.ndim)
    sizes = (ChannelLayout.of(x, f)(x).shape[2:] for x in inputs)
    size = next((size for size in sizes if size), None)
    if size is None:
        raise InvalidArgument(
            "gradient_at must have as many dimensions of space as one of the inputs, and at least one: got "
            f"{tuple(channels.shape)} for inputs {format_shapes(f.problem.inputs)}. Hint: choose a convolution, or "
            "give a reshape_transform."
        )
    return size


def resize_like_input(x: Tensor, f: ModelFunction, channels: Tensor, mode: Interpolation) -> Tensor:
    """A tensor (B, C, *spatial) in the spatial size of an input, with the input's order of dimensions."""
    layout = ChannelLayout.of(x, f)
    return layout.restore(interpolate(channels, layout(x).shape[2:], mode))


def interpolate(channels: Tensor, size: torch.Size, mode: Interpolation) -> Tensor:
    """A tensor (B, C, *spatial), resized to another spatial size.

    Raises:
        InvalidArgument: Torch has no such interpolation for as many dimensions.
    """
    try:
        return functional.interpolate(channels, tuple(size), mode=mode)
    except (NotImplementedError, ValueError) as error:
        raise InvalidArgument(
            f"interpolate_mode must be one of torch's for {channels.ndim - 2} dimensions of space: got {summary(mode)}."
        ) from error
