"""The calls: what a user types, with Captum's or pellucid's `attr`, everything at its default."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias

import torch
from torch import Tensor, nn

Call: TypeAlias = Callable[[ModuleType, nn.Module, Tensor], object]
"""(captum.attr or pellucid.attr, model, inputs) -> attributions; sent to other processes like a `Stage`."""


@dataclass(frozen=True)
class Work:
    """What a call needs of the model, in rows per example: the least that any implementation must run."""

    gradients: int
    forwards: int = 0


def saliency(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """One gradient."""
    return attr.Saliency(model).attribute(x, target=0)


def input_x_gradient(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """One gradient, times the input."""
    return attr.InputXGradient(model).attribute(x, target=0)


def integrated_gradients(attr: ModuleType, model: nn.Module, x: Tensor, n_steps: int = 50) -> object:
    """Gradients at 50 points."""
    return attr.IntegratedGradients(model).attribute(x, target=0, n_steps=n_steps)


def integrated_gradients_delta(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """The same, and the outputs at both ends."""
    return attr.IntegratedGradients(model).attribute(x, target=0, return_convergence_delta=True)


def gradient_shap(attr: ModuleType, model: nn.Module, x: Tensor, **more: object) -> object:
    """Gradients at 5 random points."""
    return attr.GradientShap(model).attribute(x, torch.zeros_like(x), target=0, **more)


def gradient_shap_delta(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """The same, and the outputs at both ends of each."""
    return attr.GradientShap(model).attribute(x, torch.zeros_like(x), target=0, return_convergence_delta=True)


def noisy_saliency(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Gradients at 5 noisy copies."""
    return attr.NoiseTunnel(attr.Saliency(model)).attribute(x, target=0)


def noisy_integrated_gradients(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Gradients at 50 points for each of 5 noisy copies."""
    return attr.NoiseTunnel(attr.IntegratedGradients(model)).attribute(x, target=0)


CALLS: dict[str, tuple[Call, Work]] = {
    "Saliency": (saliency, Work(gradients=1)),
    "InputXGradient": (input_x_gradient, Work(gradients=1)),
    "IntegratedGradients": (integrated_gradients, Work(gradients=50)),
    "IntegratedGradients, delta": (integrated_gradients_delta, Work(gradients=50, forwards=2)),
    "GradientShap": (gradient_shap, Work(gradients=5)),
    "GradientShap, delta": (gradient_shap_delta, Work(gradients=5, forwards=10)),
    "NoiseTunnel(Saliency)": (noisy_saliency, Work(gradients=5)),
    "NoiseTunnel(IntegratedGradients)": (noisy_integrated_gradients, Work(gradients=250)),
}
