"""Grad-CAM and its variants: maps from activations and gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.methods.cam.activation_map import GradientMap, reduce_spatial, safe_divide


@final
@dataclass(frozen=True, kw_only=True)
class GradCam(GradientMap):
    """Channels of a layer, each weighted by its mean gradient, and added up.

    L = ReLU(sum over k of w_k A^k), w_k = mean over i of dF / dA^k_i

    Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", 2017,
    https://arxiv.org/abs/1610.02391.

    Args:
        relu_attributions: Whether negative values of the map become zero.
        interpolate_mode: How maps are resized to the spatial size of the inputs; None leaves them at the layer's.
        reshape_transform: Makes (B, C, *spatial) of the layer's activations; None infers the channel dimension.
        attr_dim_summation: Whether the map is the sum over channels, (B, 1, *spatial), or keeps them, (B, C, *spatial).

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import GradCam, Problem
        >>> model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Softplus())
        >>> image = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
        >>> GradCam()(Problem(model, image, target=0, gradient_at="0")).values[0].round(decimals=4)
        tensor([[[[0.1828, 0.3655],
                  [0.5483, 0.0000]]]])

        For outputs with many values, such as a segmentation with one for each pixel, `target` makes one of them:

        >>> network = nn.Sequential(nn.ReLU(), nn.Softplus())
        >>> problem = Problem(network, image, target=lambda output: output[:, 0].sum((1, 2)), gradient_at="0")
        >>> GradCam(interpolate_mode="nearest")(problem).values[0].shape
        torch.Size([1, 1, 2, 2])
    """

    def weighted_channels(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Activations, each channel times its mean gradient."""
        return reduce_spatial(gradient, torch.mean) * activation


@final
@dataclass(frozen=True, kw_only=True)
class GradCamPlusPlus(GradientMap):
    """Channels, each weighted by a weighted sum of its positive gradients: small objects count as much as large ones.

    L = ReLU(sum over k of w_k A^k), w_k = sum over i of alpha^k_i ReLU(g^k_i),
    alpha^k_i = (g^k_i)^2 / (2 (g^k_i)^2 + (g^k_i)^3 sum over j of A^k_j), g = dF / dA

    These are the derivatives of exp(F), as in the paper, without the factor exp(F) that all weights of an example
    share.

    Chattopadhyay et al., "Grad-CAM++: generalized gradient-based visual explanations for deep convolutional networks",
    2018, https://arxiv.org/abs/1710.11063.

    The arguments are those of [GradCam][pellucid.methods.GradCam].

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

    def weighted_channels(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Activations, each channel times its weight."""
        alpha = safe_divide(gradient**2, 2 * gradient**2 + gradient**3 * reduce_spatial(activation, torch.sum))
        return reduce_spatial(alpha * gradient.clamp(min=0), torch.sum) * activation


@final
@dataclass(frozen=True, kw_only=True)
class HiResCam(GradientMap):
    """Activations times gradients, added up over channels: exact for models that are linear after the layer.

    L = ReLU(sum over k of dF / dA^k * A^k)

    Draelos, Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
    2020, https://arxiv.org/abs/2011.08891.

    The arguments are those of [GradCam][pellucid.methods.GradCam].

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

    def weighted_channels(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Activations times gradients, element by element."""
        return gradient * activation


@final
@dataclass(frozen=True, kw_only=True)
class LayerCam(GradientMap):
    """Activations times positive gradients, added up over channels: fine maps also of early layers.

    L = ReLU(sum over k of ReLU(dF / dA^k) * A^k)

    Jiang et al., "LayerCAM: exploring hierarchical class activation maps for localization", IEEE Transactions on Image
    Processing 30, 2021, https://doi.org/10.1109/TIP.2021.3089943.

    The arguments are those of [GradCam][pellucid.methods.GradCam].

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

    def weighted_channels(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Activations times gradients, where these are positive."""
        return gradient.clamp(min=0) * activation


@final
@dataclass(frozen=True, kw_only=True)
class XGradCam(GradientMap):
    """Channels, each weighted by the mean of its gradients under its own activations.

    This comes as close to the axioms of sensitivity and conservation as weights of channels can.

    L = ReLU(sum over k of w_k A^k), w_k = sum over i of A^k_i / (sum over j of A^k_j) * dF / dA^k_i

    Fu et al., "Axiom-based Grad-CAM: towards accurate visualization and explanation of CNNs", 2020,
    https://arxiv.org/abs/2008.02312.

    The arguments are those of [GradCam][pellucid.methods.GradCam].

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

    def weighted_channels(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Activations, each channel times its weight."""
        weight = safe_divide(reduce_spatial(activation * gradient, torch.sum), reduce_spatial(activation, torch.sum))
        return weight * activation
