"""What all maps share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import evaluate_own_points, gradients
from pellucid.core.problem.attributions import Attributions
from pellucid.core.tensors import Tensors, at_least_float32, describe, format_shapes
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.cam.channels import ChannelLayout

Interpolation: TypeAlias = Literal["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"]
"""As in `torch.nn.functional.interpolate`."""

ReshapeTransform: TypeAlias = Callable[[Tensor], Tensor]
"""(what a layer returns) -> (B, C, *spatial)."""


@dataclass(frozen=True, kw_only=True)
class ClassActivationMap:
    """The base of all maps.

    Args:
        rectify: Whether only what speaks for the explained value is kept.
        interpolate_mode: How maps are resized to the space of the inputs; None leaves them as large as the layer.
        reshape_transform: Makes (B, C, *spatial) of what the layer returns, and of gradients there. None: channels are
            told by the weights around, and tokens of an image are put where they belong; see
            [Layout.of][pellucid.methods.cam.channels.ChannelLayout.of].
    """

    rectify: bool = True
    interpolate_mode: Interpolation | None = None
    reshape_transform: ReshapeTransform | None = None

    def as_layer_output(self, f: ModelFunction, tensors: Tensors) -> list[ReshapeTransform]:
        """What makes (B, C, *spatial) of each of the tensors at the layer."""
        if self.reshape_transform is None:
            return [ChannelLayout.of(each, f, f.evaluator.gradient_at.modules) for each in tensors]
        return [_checked(self.reshape_transform, len(f))] * len(tensors)

    def channels(self, f: ModelFunction) -> list[Tensor]:
        """What the layer says, (B, C, *spatial) of each tensor there; what comes behind it does not run."""
        found = evaluate_own_points(f, f.activations)
        return [
            arrange(at_least_float32(each)) for arrange, each in zip(self.as_layer_output(f, found), found, strict=True)
        ]

    def finished(self, f: ModelFunction, maps: Tensors) -> Attributions:
        """Maps (B, 1, *spatial) as they were asked for."""
        if self.rectify:
            maps = tuple(each.clamp(min=0) for each in maps)
        if self.interpolate_mode is not None:
            maps = tuple(interpolate(each, spatial_size(f, each), self.interpolate_mode) for each in maps)
        return f.attributions(maps)


@dataclass(frozen=True, kw_only=True)
class GradientMap(ClassActivationMap, ABC):
    """The base of the maps that are made of activations and gradients.

    Args:
        sum_channels: Whether the channels of a map are added up.
    """

    sum_channels: bool = True

    @abstractmethod
    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """What each channel adds to the map, (B, C, *spatial), of an activation and a gradient of this shape."""

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The map.

        Args:
            f: From the inputs to one value per example, to read at a layer.

        Returns:
            Attributions (B, 1, *spatial) of each tensor at the layer, or (B, C, *spatial) without `sum_channels`.

        Raises:
            InvalidArgument: What the layer returns is in no order that can be told.
        """
        at_read, grads = gradients(f)
        channels = (
            self.weighted(arrange(at_least_float32(activation)), arrange(at_least_float32(gradient)))
            for arrange, activation, gradient in zip(self.as_layer_output(f, at_read), at_read, grads, strict=True)
        )
        return self.finished(f, tuple(c.sum(1, keepdim=True) if self.sum_channels else c for c in channels))


def _checked(transform: ReshapeTransform, examples: int) -> ReshapeTransform:
    """A transform that says when it does not return what it has to."""

    def transformed(tensor: Tensor) -> Tensor:
        found: object = transform(tensor)
        if not isinstance(found, Tensor) or found.ndim < 2 or len(found) != examples:
            raise InvalidArgument(
                f"reshape_transform must return ({examples}, channels, *spatial) for {describe(tensor)}: "
                f"got {describe(found)}."
            )
        return found

    return transformed


def reduce_spatial(arranged: Tensor, reduced: Callable[..., Tensor]) -> Tensor:
    """The sum or the mean over space, (B, C, 1, ...); where there is none, each element is its own."""
    dims = tuple(range(2, arranged.ndim))
    return reduced(arranged, dims, keepdim=True) if dims else arranged


def safe_divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """A quotient; zero where the denominator is."""
    none = denominator == 0
    return (numerator / denominator.masked_fill(none, 1)).masked_fill(none, 0)


def spatial_size(f: ModelFunction, arranged: Tensor) -> torch.Size:
    """The spatial size of the first input that has as many dimensions of space as a tensor (B, C, *spatial).

    Raises:
        InvalidArgument: None has.
    """
    of_inputs = (ChannelLayout.of(each, f)(each).shape[2:] for each in f.problem.inputs if each.ndim == arranged.ndim)
    space = next((each for each in of_inputs if each), None)
    if space is None:
        raise InvalidArgument(
            "layer must have as many dimensions of space as one of the inputs, and at least one: got "
            f"{tuple(arranged.shape)} for inputs {format_shapes(f.problem.inputs)}. Hint: choose a convolution, or "
            "give a reshape_transform."
        )
    return space


def resize_like_input(x: Tensor, f: ModelFunction, arranged: Tensor, mode: Interpolation) -> Tensor:
    """A tensor (B, C, *spatial) as large as an input, and in its order of channels and space."""
    layout = ChannelLayout.of(x, f)
    return layout.back(interpolate(arranged, layout(x).shape[2:], mode))


def interpolate(arranged: Tensor, space: torch.Size, mode: Interpolation) -> Tensor:
    """A tensor (B, C, *spatial) of another spatial size.

    Raises:
        InvalidArgument: Torch has no such interpolation for as many dimensions.
    """
    try:
        return functional.interpolate(arranged, tuple(space), mode=mode)
    except (NotImplementedError, ValueError) as error:
        raise InvalidArgument(
            f"interpolate_mode must be one of torch's for {arranged.ndim - 2} dimensions of space: got {mode!r}."
        ) from error
