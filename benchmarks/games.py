"""Claim: to take features away takes a fraction of Captum's time, at its defaults and tuned by hand."""

import warnings
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.calls import Work
from benchmarks.harness import Aim, BesideCaptum
from benchmarks.models import convolutional, perceptron


def feature_ablation(attr: ModuleType, model: nn.Module, x: Tensor, tuned: int | None = None) -> object:
    """Every feature replaced, one at a time."""
    return attr.FeatureAblation(model).attribute(x, target=0, **_per_eval(attr, tuned))


def shapley_value_sampling(attr: ModuleType, model: nn.Module, x: Tensor, tuned: int | None = None) -> object:
    """20 features of five elements, in 25 orders."""
    mask = torch.arange(x.shape[1])[None] // 5
    torch.manual_seed(0)
    method = attr.ShapleyValueSampling(model)
    return method.attribute(x, target=0, feature_mask=mask, n_samples=25, **_per_eval(attr, tuned))


def kernel_shap(attr: ModuleType, model: nn.Module, x: Tensor, n_samples: int = 100) -> object:
    """8 rows, 20 features, 100 coalitions each."""
    return _fitted(attr.KernelShap(model), x, n_samples)


def lime(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """The same, by lassos."""
    return _fitted(attr.Lime(model), x)


def _fitted(method: Any, x: Tensor, n_samples: int = 100) -> object:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum tells of every call that several examples take their time
        return method.attribute(x, target=0, n_samples=n_samples)


def occlusion(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Windows of 3 x 3 over all channels, at stride 2."""
    channels = x.shape[1]
    return attr.Occlusion(model).attribute(x, (channels, 3, 3), strides=(channels, 2, 2), target=0)


def windows(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Windows of 8 x 8 over all channels, side by side."""
    channels = x.shape[1]
    return attr.Occlusion(model).attribute(x, (channels, 8, 8), strides=(channels, 8, 8), target=0)


def feature_permutation(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Every feature exchanged between the examples, one at a time."""
    torch.manual_seed(0)
    return attr.FeaturePermutation(model).attribute(x, target=0)


def _per_eval(attr: ModuleType, tuned: int | None) -> dict[str, int]:
    """The number of perturbations that is best for Captum; pellucid chooses by itself."""
    ours = attr.__name__.startswith("pellucid")
    return {} if tuned is None or ours else {"perturbations_per_eval": tuned}


CASES = [
    BesideCaptum(
        name=f"games/{name}",
        aim=Aim(time=round(1 / times, 3)),
        stage=stage,
        call=call,
        work=Work(gradients=0, forwards=evaluations),
    )
    for name, times, stage, call, evaluations in (
        ("FeatureAblation", 6, perceptron, feature_ablation, 101),
        ("FeatureAblation/tuned", 2, perceptron, partial(feature_ablation, tuned=20), 101),
        ("ShapleyValueSampling", 8, perceptron, shapley_value_sampling, 452),
        ("ShapleyValueSampling/tuned", 2.5, perceptron, partial(shapley_value_sampling, tuned=20), 452),
        ("KernelShap", 50, partial(perceptron, 8, 20), kernel_shap, 95),
        ("Lime", 30, partial(perceptron, 8, 20), lime, 100),
        ("Occlusion", 1.8, convolutional, occlusion, 257),
        ("FeaturePermutation", 1, perceptron, feature_permutation, 101),
    )
]
