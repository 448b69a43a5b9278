"""Captum's names for what flows through a layer, or a neuron of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from pellucid import methods
from pellucid.attr._facade import (
    Attributed,
    GradientAttribution,
    LayerAttribution,
    NeuronAttribution,
    TensorOrTensors,
    explained,
)
from pellucid.core.baselines import Baselines
from pellucid.core.quadrature import Quadrature
from pellucid.core.sink import TargetLike

_AS_CAPTUM_WEIGHS: dict[str, Quadrature] = {"riemann_trapezoid": "captum_trapezoid"}


class LayerConductance(LayerAttribution, GradientAttribution):
    """How much of the change flows through a layer: [pellucid.methods.Conductance][]."""

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` can return convergence deltas."""
        return True

    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The conductance of the layer for `target`, by `n_steps` differences."""
        return explained(
            self,
            methods.Conductance(steps=n_steps, rule=method, gradient="left"),
            inputs,
            {
                "read": self._layer(attribute_to_layer_input),
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "grad_kwargs": grad_kwargs,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
            baselines=baselines,
            delta=return_convergence_delta,
        )

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the activations themselves are a factor of the attributions."""
        return True


class NeuronConductance(NeuronAttribution, GradientAttribution):
    """What each input contributes through a neuron: [pellucid.methods.NeuronConductance][]."""

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        multiply_by_inputs: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self._multiply_by_inputs = multiply_by_inputs

    def attribute(
        self,
        inputs: TensorOrTensors,
        neuron_selector: TargetLike,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "riemann_trapezoid",
        internal_batch_size: int | None = None,
        attribute_to_neuron_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The conductance of the selected neuron for `target`, by `n_steps` points of the quadrature `method`."""
        return explained(
            self,
            methods.NeuronConductance(
                neuron=neuron_selector,
                steps=n_steps,
                rule=_AS_CAPTUM_WEIGHS.get(method, method),
                multiply_by_inputs=self._multiply_by_inputs,
            ),
            inputs,
            {
                "read": self._layer(attribute_to_neuron_input),
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "grad_kwargs": grad_kwargs,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
            baselines=baselines,
        )

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return self._multiply_by_inputs
