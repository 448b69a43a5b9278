"""Claim: explaining a late layer costs what comes after it; all before it runs once, not for every perturbation."""

from functools import partial
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.calls import Call
from benchmarks.harness import Aim, BesideCaptum
from benchmarks.inside import Place, layer_integrated_gradients
from benchmarks.models import Stage, encoder, resnet


class Late(NamedTuple):
    """A layer late in a network.

    Args:
        stage: Sets the network and its inputs.
        layer: The dotted name of the module.
        features: What is one feature of what it returns: numbers that spread over it.
        ablation: What is claimed of Feature Ablation there, as a part of Captum's time.
        integrated_gradients: The same of Integrated Gradients, whose gradients do not go below the layer.
    """

    stage: Stage
    layer: str
    features: Tensor
    ablation: float
    integrated_gradients: float


LATE = {
    "resnet": Late(
        resnet, "11", torch.arange(512).div(4, rounding_mode="floor").reshape(1, 512, 1, 1).expand(1, 512, 2, 2),
        ablation=0.125, integrated_gradients=0.1,
    ),
    "encoder": Late(
        encoder, "layers.layers.5", torch.arange(256).expand(1, 64, 256), ablation=0.025, integrated_gradients=0.05
    ),
}  # fmt: skip
"""The last stage, four channels at a time; the last block, one hidden dimension at a time."""


def layer_feature_ablation(attr: ModuleType, model: nn.Module, x: Tensor, layer: str, features: Tensor) -> object:
    """One forward for each feature of the layer."""
    method = attr.LayerFeatureAblation(model, model.get_submodule(layer))
    return method.attribute(x, target=0, layer_mask=features)


MEMORY = 0.2
"""Of Captum's peak, which holds the activations of the whole network for every step."""


def _calls(late: Late) -> dict[str, tuple[Call, Aim]]:
    return {
        "LayerFeatureAblation": (
            partial(layer_feature_ablation, layer=late.layer, features=late.features),
            Aim(time=late.ablation),
        ),
        "LayerIntegratedGradients": (
            partial(layer_integrated_gradients, at=Place(late.layer, neuron=())),
            Aim(time=late.integrated_gradients, memory=MEMORY),
        ),
    }


CASES = [
    BesideCaptum(name=f"replay/{network}/{name}", aim=aim, stage=late.stage, call=call)
    for network, late in LATE.items()
    for name, (call, aim) in _calls(late).items()
]
