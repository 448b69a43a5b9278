"""Quantus: `quantus.explain`, which makes the explanations that its metrics judge, by each of Captum's methods."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import quantus
from torch import Tensor, nn

from clients.case import Case
from clients.regressions import ROUNDED, UNFINISHED, surrogate

IMAGES = np.random.RandomState(1).rand(4, 1, 8, 8).astype(np.float32)
LABELS = np.array([0, 1, 2, 1])


class Network(nn.Module):
    """Convolutions and a linear layer; what flattens is a function, as Captum's LRP has no rule for the module."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.MaxPool2d(2))
        self.classes = nn.Linear(24, 3)
        nn.init.normal_(self.classes.weight)  # large enough for Lime's lasso not to give zeros

    def forward(self, images: Tensor) -> Tensor:
        return self.classes(self.features(images).flatten(1))


def explained(method: str, **arguments: Any) -> Any:
    """What `quantus.explain` answers for images."""
    layer = {"gc_layer": "model.features[2]"} if method in OF_LAYERS else {}
    return quantus.explain(Network().eval(), IMAGES, LABELS, method=method, xai_lib="captum", **layer, **arguments)


OF_LAYERS = (
    "LayerGradCam",
    "GuidedGradCam",
    "LayerConductance",
    "LayerActivation",
    "InternalInfluence",
    "LayerGradientXActivation",
)

CASES = {
    method: Case(partial(explained, method))
    for method in quantus.AVAILABLE_XAI_METHODS_CAPTUM
    if not method.startswith("Control Var.")  # Quantus' own
}
CASES["Lime"] = surrogate(partial(explained, "Lime"), UNFINISHED)
CASES["KernelShap"] = surrogate(partial(explained, "KernelShap"), ROUNDED)
CASES["IntegratedGradients"] = Case(
    partial(explained, "IntegratedGradients"),
    differs="Quantus asks for `riemann_trapezoid`, whose weights sum to (n - 1) / n in Captum",
    instead=lambda: explained("IntegratedGradients") * 10 / np.float32(9),
)
