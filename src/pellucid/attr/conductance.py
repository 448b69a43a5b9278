"""Captum's names for what flows through a layer, or a neuron of it, on the way from a baseline."""

from __future__ import annotations

from typing import Any

from pellucid import methods
from pellucid.attr._facade import (
    Attributed,
    CompleteAttribution,
    GradientAttribution,
    LayerAttribution,
    MultipliedInternalAttribution,
    NeuronAttribution,
    TensorOrTensors,
    explained,
)
from pellucid.core.evaluation.quadrature import Quadrature
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike

_AS_CAPTUM_WEIGHS: dict[str, Quadrature] = {"riemann_trapezoid": "captum_trapezoid"}


class LayerConductance(LayerAttribution, CompleteAttribution):
    """How much of the change flows through a layer: [pellucid.methods.Conductance][]."""

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
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The conductance of the layer for `target`, by `n_steps` differences."""
        return explained(
            self,
            methods.Conductance(steps=n_steps, rule=method, gradient="left"),
            inputs,
            {
                **self._sites(inputs, attribute_to_layer_input),
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "whole_batch": whole_batch,
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


class NeuronConductance(MultipliedInternalAttribution, NeuronAttribution, GradientAttribution):
    """What each input contributes through a neuron: [pellucid.methods.NeuronConductance][]."""

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
        whole_batch: bool | None = None,
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
                "gradient_at": self._layer(attribute_to_neuron_input),
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "whole_batch": whole_batch,
                "grad_kwargs": grad_kwargs,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
            baselines=baselines,
        )


class InternalInfluence(LayerAttribution, GradientAttribution):
    """The mean gradient at a layer between baseline and input: [pellucid.methods.InternalInfluence][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The mean gradients of `target` at the layer, by `n_steps` points of the quadrature `method`."""
        return explained(
            self,
            methods.InternalInfluence(steps=n_steps, rule=method),
            inputs,
            {
                **self._sites(inputs, attribute_to_layer_input),
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "whole_batch": whole_batch,
                "grad_kwargs": grad_kwargs,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
            baselines=baselines,
        )
