"""braindecode: its attributions of networks for EEG."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from clients.case import Case
from clients.stand_ins import stand_in

# For models that are not driven.
stand_in("linear_attention_transformer", "torchaudio", "torchaudio.functional", "torchaudio.transforms")

from braindecode.models import Deep4Net, EEGNet, ShallowFBCSPNet  # noqa: E402
from braindecode.visualization import attribution  # noqa: E402

RECORDINGS = torch.randn(3, 4, 500, generator=torch.Generator().manual_seed(1))
CLASSES = torch.tensor([0, 2, 1])


def network_of(model: type) -> nn.Module:
    """A network for four channels."""
    return model(n_chans=4, n_outputs=3, n_times=500).eval()


def explained(function: str, model: type, **arguments: Any) -> Any:
    """An attribution of recordings."""
    network = network_of(model)
    layer = {"layer": getattr(network, arguments.pop("of"))} if "of" in arguments else {}
    return getattr(attribution, function)(network, RECORDINGS, CLASSES, **layer, **arguments)


FUNCTIONS: dict[str, dict[str, Any]] = {
    "saliency": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 20},
    "guided_backprop": {},
    "deconvolution": {},
    "deep_lift": {},
}


def change(model: type) -> Tensor:
    """What the outputs of the classes change by from a recording of zeros."""
    network = network_of(model)
    outputs = network(RECORDINGS) - network(torch.zeros_like(RECORDINGS))
    return outputs[torch.arange(3), CLASSES]


LAYERS = {Deep4Net: "conv_4", EEGNet: "conv_separable_point", ShallowFBCSPNet: "bnorm"}

CASES = {
    f"{function}, {model.__name__}": Case(partial(explained, function, model, **arguments))
    for function, arguments in FUNCTIONS.items()
    for model in LAYERS
}
CASES |= {
    f"layer_grad_cam, {model.__name__}": Case(partial(explained, "layer_grad_cam", model, of=layer))
    for model, layer in LAYERS.items()
}
CASES["deep_lift, ShallowFBCSPNet"] = Case(
    partial(explained, "deep_lift", ShallowFBCSPNet),
    differs="Squares and logarithms are gradients in Captum's DeepLIFT; pellucid's attributions sum to the change",
    instead=partial(change, ShallowFBCSPNet),
    seen=lambda attributions: attributions.sum((1, 2)),
)
