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
from pellucid.core.evaluation.sweep import at_own_points, gradients
from pellucid.core.problem.attributions import Attributions
from pellucid.core.tensors import Tensors, described, shapes, widened
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.cam.channels import Layout

Interpolation: TypeAlias = Literal["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"]
"""As in `torch.nn.functional.interpolate`."""

Arrange: TypeAlias = Callable[[Tensor], Tensor]
"""(what a layer returns) -> (B, C, *spatial)."""


@dataclass(frozen=True, kw_only=True)
class ClassActivationMap:
    """The base of all maps.

    Args:
        rectify: Whether only what speaks for the explained value is kept.
        interpolate_mode: How maps are resized to the space of the inputs; None leaves them as large as the layer.
        reshape_transform: Makes (B, C, *spatial) of what the layer returns, and of gradients there. None: channels are
            told by the weights around, and tokens of an image are put where they belong; see
            [Layout.of][pellucid.methods.cam.channels.Layout.of].
    """

    rectify: bool = True
    interpolate_mode: Interpolation | None = None
    reshape_transform: Arrange | None = None

    def arranged(self, f: ModelFunction, tensors: Tensors) -> list[Arrange]:
        """What makes (B, C, *spatial) of each of the tensors at the layer."""
        if self.reshape_transform is None:
            return [Layout.of(each, f, f.evaluator.gradient_at.modules) for each in tensors]
        return [_checked(self.reshape_transform, len(f))] * len(tensors)

    def channels(self, f: ModelFunction) -> list[Tensor]:
        """What the layer says, (B, C, *spatial) of each tensor there; what comes behind it does not run."""
        found = at_own_points(f, f.activations)
        return [arrange(widened(each)) for arrange, each in zip(self.arranged(f, found), found, strict=True)]

    def finished(self, f: ModelFunction, maps: Tensors) -> Attributions:
        """Maps (B, 1, *spatial) as they were asked for."""
        if self.rectify:
            maps = tuple(each.clamp(min=0) for each in maps)
        if self.interpolate_mode is not None:
            maps = tuple(resized(each, space_of(f, each), self.interpolate_mode) for each in maps)
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
            self.weighted(arrange(widened(activation)), arrange(widened(gradient)))
            for arrange, activation, gradient in zip(self.arranged(f, at_read), at_read, grads, strict=True)
        )
        return self.finished(f, tuple(c.sum(1, keepdim=True) if self.sum_channels else c for c in channels))


def _checked(transform: Arrange, examples: int) -> Arrange:
    """A transform that says when it does not return what it has to."""

    def transformed(tensor: Tensor) -> Tensor:
        found: object = transform(tensor)
        if not isinstance(found, Tensor) or found.ndim < 2 or len(found) != examples:
            raise InvalidArgument(
                f"reshape_transform must return ({examples}, channels, *spatial) for {described(tensor)}: "
                f"got {described(found)}."
            )
        return found

    return transformed


def in_space(arranged: Tensor, reduced: Callable[..., Tensor]) -> Tensor:
    """The sum or the mean over space, (B, C, 1, ...); where there is none, each element is its own."""
    dims = tuple(range(2, arranged.ndim))
    return reduced(arranged, dims, keepdim=True) if dims else arranged


def quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """A quotient; zero where the denominator is."""
    none = denominator == 0
    return (numerator / denominator.masked_fill(none, 1)).masked_fill(none, 0)


def space_of(f: ModelFunction, arranged: Tensor) -> torch.Size:
    """The spatial size of the first input that has as many dimensions of space as a tensor (B, C, *spatial).

    Raises:
        InvalidArgument: None has.
    """
    of_inputs = (Layout.of(each, f)(each).shape[2:] for each in f.problem.inputs if each.ndim == arranged.ndim)
    space = next((each for each in of_inputs if each), None)
    if space is None:
        raise InvalidArgument(
            "layer must have as many dimensions of space as one of the inputs, and at least one: got "
            f"{tuple(arranged.shape)} for inputs {shapes(f.problem.inputs)}. Hint: choose a convolution, or give a "
            "reshape_transform."
        )
    return space


def laid_over(x: Tensor, f: ModelFunction, arranged: Tensor, mode: Interpolation) -> Tensor:
    """A tensor (B, C, *spatial) as large as an input, and in its order of channels and space."""
    layout = Layout.of(x, f)
    return layout.back(resized(arranged, layout(x).shape[2:], mode))


def resized(arranged: Tensor, space: torch.Size, mode: Interpolation) -> Tensor:
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
