"""What tutorials show of a network: attributions to features, to the units of a layer, and of one unit to features."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pellucid.attr import (
    FeatureAblation,
    IntegratedGradients,
    LayerActivation,
    LayerFeatureAblation,
    LayerIntegratedGradients,
    NeuronFeatureAblation,
    NeuronIntegratedGradients,
)

STEPS, ABLATION = "Integrated Gradients", "ablation"


class Levels(NamedTuple):
    """Attributions from zeros by their method.

    Args:
        features: What features add to the output, `[rows, features]` each.
        units: What the units of a layer add to it, `[rows, units]` each; units are ablated to 0, and to what they are
            at zeros, as gradients start there.
        unit: What features add to one unit, `[rows, features]` each.
    """

    features: dict[str, Tensor]
    units: dict[str, Tensor]
    unit: dict[str, Tensor]


def levels(network: nn.Module, layer: nn.Module, rows: Tensor, unit: int, target: Any = None) -> Levels:
    """Attribute by Integrated Gradients and by ablation at three levels.

    Args:
        network: The network.
        layer: One of its layers, which gives `[rows, units]`.
        rows: What the network is given, `[rows, features]`.
        unit: The one unit.
        target: What is explained of the output: a class, or one for each row; None of networks of one output.

    Returns:
        The attributions, with 200 steps of Integrated Gradients.
    """
    at_zeros = LayerActivation(network, layer).attribute(torch.zeros_like(rows[:1]))
    by_units = LayerFeatureAblation(network, layer)
    return Levels(
        features={
            STEPS: IntegratedGradients(network).attribute(rows, target=target, n_steps=200),
            ABLATION: FeatureAblation(network).attribute(rows, target=target),
        },
        units={
            STEPS: LayerIntegratedGradients(network, layer).attribute(rows, target=target, n_steps=200),
            "ablation to 0": by_units.attribute(rows, target=target),
            "ablation to zeros' units": by_units.attribute(rows, at_zeros.detach(), target=target),
        },
        unit={
            STEPS: NeuronIntegratedGradients(network, layer).attribute(rows, unit, n_steps=200),
            ABLATION: NeuronFeatureAblation(network, layer).attribute(rows, unit),
        },
    )
