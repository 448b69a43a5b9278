"""Class activation maps as their papers write them: one example, one channel and one place at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Weight = Callable[[Tensor, Tensor], float]
"""The weight of a channel, of what it says (H, W) and of its gradient (H, W)."""


def grad_cam(activation: Tensor, gradient: Tensor) -> float:
    """1 / Z sum over i, j of dY / dA_ij (Selvaraju et al.)."""
    return sum(float(gradient[place]) for place in places(activation)) / activation.numel()


def grad_cam_plus_plus(activation: Tensor, gradient: Tensor) -> float:
    """Sum over i, j of alpha_ij ReLU(dY / dA_ij) for Y = exp(S), up to the factor exp(S) (Chattopadhyay et al.)."""
    total, weight = sum(float(activation[place]) for place in places(activation)), 0.0
    for place in places(activation):
        first = float(gradient[place])
        below = 2 * first**2 + total * first**3
        weight += (first**2 / below if below else 0.0) * max(first, 0.0)
    return weight


def x_grad_cam(activation: Tensor, gradient: Tensor) -> float:
    """Sum over i, j of A_ij / (sum of A) * dS / dA_ij (Fu et al.)."""
    total = sum(float(activation[place]) for place in places(activation))
    return sum(float(activation[place] * gradient[place]) / total for place in places(activation))


def by_channel(weight: Weight) -> Callable[[Tensor, Tensor], Tensor]:
    """ReLU(sum over k of w_k A^k)."""

    def drawn(activation: Tensor, gradient: Tensor) -> Tensor:
        weights = [weight(a, g) for a, g in zip(activation, gradient, strict=True)]
        return each_place(activation, lambda k, place: weights[k] * float(activation[(k, *place)]))

    return drawn


def hires_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """ReLU(sum over k of dS / dA^k * A^k) (Draelos and Carin)."""
    return each_place(activation, lambda k, place: float(gradient[(k, *place)] * activation[(k, *place)]))


def layer_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """ReLU(sum over k of ReLU(g^k) A^k) (Jiang et al.)."""
    return each_place(activation, lambda k, at: max(float(gradient[(k, *at)]), 0) * float(activation[(k, *at)]))


OF_GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "GradCam": by_channel(grad_cam),
    "GradCamPlusPlus": by_channel(grad_cam_plus_plus),
    "HiResCam": hires_cam,
    "LayerCam": layer_cam,
    "XGradCam": by_channel(x_grad_cam),
}


def of_gradients(name: str, before: nn.Module, after: nn.Module, x: Tensor, target: int) -> Tensor:
    """The maps of images (B, C, H, W), (B, H, W)."""
    maps = []
    for image in x:
        activation = before(image[None]).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(after(activation)[0, target], activation)
        maps.append(OF_GRADIENTS[name](activation.detach()[0], gradient[0]))
    return torch.stack(maps)


def score_cam(before: nn.Module, after: nn.Module, x: Tensor, target: int, baseline: float = 0.0) -> Tensor:
    """The algorithm of Wang et al., with the increase of confidence written out."""
    maps = []
    for image in x:
        start = torch.full_like(image, baseline)
        (activation,) = before(image[None]).detach()
        increases = []
        for channel in activation:
            mask = functional.interpolate(channel[None, None], image.shape[1:], mode="bilinear")[0, 0]
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            masked = image * mask + start * (1 - mask)
            scores = [float(after(before(each[None]))[0, target]) for each in (masked, start)]
            increases.append(scores[0] - scores[1])
        total = sum(math.exp(each) for each in increases)
        weights = [math.exp(each) / total for each in increases]
        maps.append(each_place(activation, lambda k, at, w=weights, a=activation: w[k] * float(a[(k, *at)])))
    return torch.stack(maps)


def eigen_cam(before: nn.Module, x: Tensor) -> Tensor:
    """A V_1 of A = U S V^T, places times channels (Muhammad and Yeasin), by power iteration."""
    maps = []
    for image in x:
        activation = before(image[None])[0].detach()
        matrix = activation.flatten(1).T.numpy()
        direction = np.linspace(1, 2, matrix.shape[1])
        for _ in range(3000):
            direction = matrix.T @ (matrix @ direction)
            direction /= np.linalg.norm(direction)
        projected = matrix @ direction
        projected *= 1 if projected.sum() >= 0 else -1
        maps.append(torch.from_numpy(projected.clip(min=0)).reshape(activation.shape[1:]))
    return torch.stack(maps)


def rollout(layers: list[Tensor]) -> Tensor:
    """The product of 0.5 W + 0.5 I (Abnar and Zuidema): (B, T, T) of attentions (B, heads, T, T)."""
    flows = []
    for example in zip(*layers, strict=True):
        tokens = example[0].shape[-1]
        flow = np.eye(tokens)
        for heads in example:
            mean = sum(head.double().numpy() for head in heads) / len(heads)
            mixed = 0.5 * mean + 0.5 * np.eye(tokens)
            flow = (mixed / mixed.sum(1, keepdims=True)) @ flow
        flows.append(torch.from_numpy(flow))
    return torch.stack(flows)


def places(channel: Tensor) -> Iterator[tuple[int, ...]]:
    """All places of a channel."""
    return itertools.product(*map(range, channel.shape))


def each_place(activation: Tensor, share: Callable[[int, tuple[int, ...]], float]) -> Tensor:
    """The shares of all channels at each place, added up, where that is positive."""
    found = torch.zeros(activation.shape[1:], dtype=torch.float64)
    for place in places(activation[0]):
        found[place] = max(0.0, sum(share(k, place) for k in range(len(activation))))
    return found
