"""What tutorials show of a network: attributions to features, to the units of a layer, and of one unit to features."""

from collections.abc import Iterable
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
from pellucid.examples.figures import grouped
from pellucid.plot import GroupedBars

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
        The attributions, with 200 steps of Integrated Gradients, detached.
    """
    at_zeros = LayerActivation(network, layer).attribute(torch.zeros_like(rows[:1]))
    by_units = LayerFeatureAblation(network, layer)
    features = {
        STEPS: IntegratedGradients(network).attribute(rows, target=target, n_steps=200),
        ABLATION: FeatureAblation(network).attribute(rows, target=target),
    }
    units = {
        STEPS: LayerIntegratedGradients(network, layer).attribute(rows, target=target, n_steps=200),
        "ablation to 0": by_units.attribute(rows, target=target),
        "ablation to the baseline": by_units.attribute(rows, at_zeros.detach(), target=target),
    }
    of_unit = {
        STEPS: NeuronIntegratedGradients(network, layer).attribute(rows, unit, n_steps=200),
        ABLATION: NeuronFeatureAblation(network, layer).attribute(rows, unit),
    }
    return Levels(*({method: each.detach() for method, each in level.items()} for level in (features, units, of_unit)))


def pictures(all_levels: Levels, row: int, names: Iterable[str], rows: str, unit: str) -> tuple[GroupedBars, ...]:
    """Draw Integrated Gradients and ablation beside each other.

    Args:
        all_levels: The attributions.
        row: One of the rows.
        names: Of the features.
        rows: What rows are called, where they are many.
        unit: What the output of the network is.

    Returns:
        For each of the three levels a chart of this row, and one of the means.
    """
    features, of_units = tuple(names), [f"unit {each}" for each in range(all_levels.units[STEPS].shape[1])]
    charts = []
    for what, of_what, by_method, output in (
        ("what features add", features, all_levels.features, unit),
        ("what units add", of_units, all_levels.units, unit),
        ("what features add to the one unit", features, all_levels.unit, "value of the unit"),
    ):
        values = {method: each.double().numpy() for method, each in by_method.items()}
        one = {method: each[row] for method, each in values.items()}
        means = {method: each.mean(0) for method, each in values.items()}
        charts.append(grouped(f"One of the {rows}: {what}", of_what, one, output))
        charts.append(grouped(f"Mean over the {rows}: {what}", of_what, means, output))
    return tuple(charts)
