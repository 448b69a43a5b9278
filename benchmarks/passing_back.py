"""Claim: relevance, guided gradients and maps take no longer than Captum's, though rules follow every call of torch."""

from importlib import import_module
from types import ModuleType

from torch import Tensor, nn

from benchmarks.calls import Call
from benchmarks.harness import Aim, BesideCaptum
from benchmarks.models import convolutional, resnet


def relevance(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Layer-wise relevance propagation; Captum must be told the rule of modules that do nothing, every time."""
    rules = import_module(f"{attr.__name__}.{'lrp_rules' if 'pellucid' in attr.__name__ else '_utils.lrp_rules'}")
    for module in model.modules():
        if isinstance(module, nn.Flatten | nn.Sequential) and not len([*module.children()]):
            module.rule = rules.EpsilonRule()  # type: ignore[assignment]  # as users of Captum do
    return attr.LRP(model).attribute(x, target=0)


def guided(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Guided backpropagation."""
    return attr.GuidedBackprop(model).attribute(x, target=0)


def last_convolution(model: nn.Module) -> nn.Module:
    """The layer of the maps."""
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)][-1]


def grad_cam(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Grad-CAM at the last convolution."""
    return attr.LayerGradCam(model, last_convolution(model)).attribute(x, target=0)


def guided_grad_cam(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Guided Grad-CAM at the last convolution."""
    return attr.GuidedGradCam(model, last_convolution(model)).attribute(x, target=0)


CALLS: dict[str, Call] = {
    "LRP": relevance,
    "GuidedBackprop": guided,
    "LayerGradCam": grad_cam,
    "GuidedGradCam": guided_grad_cam,
}

CASES = [
    BesideCaptum(
        name=f"passing_back/{name}/{method}",
        aim=Aim(time=1.0),
        stage=stage,
        call=call,
        same=(name, method) != ("resnet", "LRP"),  # Captum counts relevance twice at each of its additions
    )
    for name, stage in {"convolutional": convolutional, "resnet": resnet}.items()
    for method, call in CALLS.items()
]
