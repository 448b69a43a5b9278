"""Claim: DeepLIFT, though it follows every call of torch, takes no longer than Captum's, which follows some modules."""

from functools import partial
from types import ModuleType

import torch
from torch import Tensor, nn

from benchmarks.calls import Call
from benchmarks.harness import Aim, BesideCaptum
from benchmarks.models import convolutional, perceptron, resnet, tiny

BASELINES = 8


def deeplift(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Contributions beside a baseline of zeros."""
    return attr.DeepLift(model).attribute(x, target=0)


def deeplift_shap(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """The mean over several baselines."""
    generator = torch.Generator().manual_seed(0)
    return attr.DeepLiftShap(model).attribute(x, torch.randn(BASELINES, *x.shape[1:], generator=generator), target=0)


CALLS: dict[str, Call] = {"DeepLift": deeplift, "DeepLiftShap": deeplift_shap}

CAPTUM_MISSES = {"convolutional/DeepLift", "convolutional/DeepLiftShap", "resnet/DeepLiftShap"}
"""Where it misses some of the change: a max pool right after an activation, overlapping pools."""

CASES = [
    BesideCaptum(
        name=f"deeplift/{name}/{method}",
        aim=Aim(time=1.0),
        stage=stage,
        call=call,
        same=f"{name}/{method}" not in CAPTUM_MISSES,
    )
    for name, stage in {
        "tiny": partial(tiny, 8),
        "perceptron": perceptron,
        "convolutional": convolutional,
        "resnet": resnet,
    }.items()
    for method, call in CALLS.items()
]
