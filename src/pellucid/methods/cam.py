"""Class activation maps: where in space a layer looks, by what its channels say and what that is worth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.attributions import Attributions
from pellucid.core.model_function import ModelFunction
from pellucid.core.sweep import at_own_points, gradients
from pellucid.core.tensors import Tensors, described, shapes, widened
from pellucid.errors import InvalidArgument
from pellucid.methods.attribution import attribution
from pellucid.methods.layout import Layout

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
            [Layout.of][pellucid.methods.layout.Layout.of].
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


@final
@dataclass(frozen=True, kw_only=True)
class GradCam(GradientMap):
    """What channels say, each times its mean gradient.

    L = ReLU(sum over k of w_k A^k), w_k = mean over i of dF / dA^k_i

    Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", 2017,
    https://arxiv.org/abs/1610.02391.

    Args:
        rectify: Whether only what speaks for the explained value is kept.
        interpolate_mode: How maps are resized to the space of the inputs; None leaves them as large as the layer.
        reshape_transform: Makes (B, C, *spatial) of what the layer returns; None finds out.
        sum_channels: Whether the channels of a map are added up.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import GradCam, Problem
        >>> model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Softplus())
        >>> image = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
        >>> GradCam()(Problem(model, image, target=0, gradient_at="0")).values[0].round(decimals=4)
        tensor([[[[0.1828, 0.3655],
                  [0.5483, 0.0000]]]])

        Of many values, as a segmentation has one for each pixel, `target` chooses, adds up or takes the mean:

        >>> network = nn.Sequential(nn.ReLU(), nn.Softplus())
        >>> problem = Problem(network, image, target=lambda output: output[:, 0].sum((1, 2)), gradient_at="0")
        >>> GradCam(interpolate_mode="nearest")(problem).values[0].shape
        torch.Size([1, 1, 2, 2])
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Each channel times its mean gradient."""
        return in_space(gradient, torch.mean) * activation


@final
@dataclass(frozen=True, kw_only=True)
class GradCamPlusPlus(GradientMap):
    """What channels say, each times a weighted sum of its positive gradients: several small objects count as one large.

    L = ReLU(sum over k of w_k A^k), w_k = sum over i of alpha^k_i ReLU(g^k_i),
    alpha^k_i = (g^k_i)^2 / (2 (g^k_i)^2 + (g^k_i)^3 sum over j of A^k_j), g = dF / dA

    These are the derivatives of exp(F), as in the paper, but for the factor exp(F) that all of an example's weights
    have in common.

    Chattopadhyay et al., "Grad-CAM++: generalized gradient-based visual explanations for deep convolutional networks",
    2018, https://arxiv.org/abs/1710.11063.

    Its arguments are those of every [GradientMap][pellucid.methods.cam.GradientMap].

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import GradCamPlusPlus, Problem
        >>> model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.AvgPool1d(4))
        >>> image = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
        >>> GradCamPlusPlus()(Problem(model, image, gradient_at="0")).values[0].round(decimals=4)
        tensor([[[[0.2857, 0.5714],
                  [0.8571, 0.0000]]]])
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Each channel times its weight."""
        alpha = quotient(gradient**2, 2 * gradient**2 + gradient**3 * in_space(activation, torch.sum))
        return in_space(alpha * gradient.clamp(min=0), torch.sum) * activation


@final
@dataclass(frozen=True, kw_only=True)
class HiResCam(GradientMap):
    """What channels say, times the gradient there: what each place adds, of a model that is linear behind the layer.

    L = ReLU(sum over k of dF / dA^k * A^k)

    Draelos, Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
    2020, https://arxiv.org/abs/2011.08891.

    Its arguments are those of every [GradientMap][pellucid.methods.cam.GradientMap].

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import HiResCam, Problem
        >>> model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Softplus())
        >>> image = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
        >>> HiResCam()(Problem(model, image, target=0, gradient_at="0")).values[0].round(decimals=4)
        tensor([[[[0.7311, 0.0000],
                  [0.0000, 0.0000]]]])
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Each element times its gradient."""
        return gradient * activation


@final
@dataclass(frozen=True, kw_only=True)
class LayerCam(GradientMap):
    """What channels say, times the positive part of the gradient there: fine maps of early layers, too.

    L = ReLU(sum over k of ReLU(dF / dA^k) * A^k)

    Jiang et al., "LayerCAM: exploring hierarchical class activation maps for localization", IEEE Transactions on Image
    Processing 30, 2021, https://doi.org/10.1109/TIP.2021.3089943.

    Its arguments are those of every [GradientMap][pellucid.methods.cam.GradientMap].

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import LayerCam, Problem
        >>> model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(4, 1, bias=False))
        >>> _ = model[2].weight.data.copy_(torch.tensor([[1.0, -1.0, 2.0, 1.0]]))
        >>> image = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
        >>> LayerCam()(Problem(model, image, gradient_at="0")).values[0]
        tensor([[[[1., 0.],
                  [6., 0.]]]])
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Each element times its gradient, where that is positive."""
        return gradient.clamp(min=0) * activation


@final
@dataclass(frozen=True, kw_only=True)
class XGradCam(GradientMap):
    """What channels say, each times its gradient weighted by what it says: as sensitive and as complete as can be.

    L = ReLU(sum over k of w_k A^k), w_k = sum over i of A^k_i / (sum over j of A^k_j) * dF / dA^k_i

    Fu et al., "Axiom-based Grad-CAM: towards accurate visualization and explanation of CNNs", 2020,
    https://arxiv.org/abs/2008.02312.

    Its arguments are those of every [GradientMap][pellucid.methods.cam.GradientMap].

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import Problem, XGradCam
        >>> model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(4, 1, bias=False))
        >>> _ = model[2].weight.data.copy_(torch.tensor([[1.0, -1.0, 2.0, 1.0]]))
        >>> image = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
        >>> XGradCam()(Problem(model, image, gradient_at="0")).values[0].round(decimals=4)
        tensor([[[[0.8333, 1.6667],
                  [2.5000, 0.0000]]]])
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Each channel times its weight."""
        weight = quotient(in_space(activation * gradient, torch.sum), in_space(activation, torch.sum))
        return weight * activation


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
