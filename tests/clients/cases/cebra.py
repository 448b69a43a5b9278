"""CEBRA: its attribution maps, which are Captum's methods of neurons."""

from __future__ import annotations

from functools import partial
from typing import Any

import cebra.models
import torch
from cebra.attribution import attribution_models

from clients.case import Case

RECORDING = torch.randn(40, 10, generator=torch.Generator().manual_seed(1))


def mapped(method: str, model: str, **arguments: Any) -> Any:
    """An attribution map, and what CEBRA derives from it."""
    network = cebra.models.init(model, 10, 16, 3).eval()
    attribution = getattr(attribution_models, method)(model=network, input_data=RECORDING, output_dimension=3)
    maps = attribution.compute_attribution_map(**arguments)
    return {name: values for name, values in maps.items() if "time" not in name and "inv" not in name}


METHODS: dict[str, dict[str, Any]] = {
    "NeuronGradientMethod": {},
    "NeuronGradientMethodBatched": {"batch_size": 10},
    "FeatureAblationMethod": {},
    "FeatureAblationMethodBAtched": {"batch_size": 10},
    "IntegratedGradientsMethod": {},
    "IntegratedGradientsMethodBatched": {"batch_size": 10},
    "NeuronGradientShapMethod": {"baselines": "zeros"},
    "NeuronGradientShapMethodBatched": {"baselines": "zeros", "batch_size": 10},
}
CASES = {
    f"{method}, {model}": Case(partial(mapped, method, model, **arguments))
    for method, arguments in METHODS.items()
    for model in ("offset1-model", "offset10-model")
}
