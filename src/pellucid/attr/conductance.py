"""Captum's names for what flows through a layer, or a neuron of it, on the way from a baseline."""

from __future__ import annotations

from typing import Any, Literal, overload

from torch import Tensor

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    CompleteAttribution,
    GradientAttribution,
    Inputs,
    LayerAttribution,
    MultipliedInternalAttribution,
    NeuronAttribution,
    TensorOrTensors,
    layer_after_ids,
    layer_of_gradients,
)
from pellucid.attr._calls import Conversion, calls
from pellucid.core.evaluation.quadrature import Quadrature
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike

_TRAPEZOIDS: dict[str, Quadrature] = {"riemann_trapezoid": "captum_trapezoid"}
AS_CAPTUM_WEIGHS: dict[str, Conversion] = {"method": lambda method, _: _TRAPEZOIDS.get(method, method)}


class LayerConductance(LayerAttribution, CompleteAttribution):
    """How much of the change flows through a layer: [pellucid.methods.Conductance][]."""

    @overload
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        whole_batch: bool | None = None,
    ) -> Attributed: ...

    @overload
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        *,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        whole_batch: bool | None = None,
    ) -> tuple[Attributed, Tensor]: ...

    @calls(methods.Conductance, layer=layer_after_ids, gradient_rule="left")
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

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the activations themselves are a factor of the attributions."""
        return True


class NeuronConductance(MultipliedInternalAttribution, NeuronAttribution, GradientAttribution):
    """What each input contributes through a neuron: [pellucid.methods.NeuronConductance][]."""

    @calls(methods.NeuronConductance, layer=layer_of_gradients, convert=AS_CAPTUM_WEIGHS)
    def attribute(
        self,
        inputs: Inputs,
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
    ) -> Inputs:
        """The conductance of the selected neuron for `target`, by `n_steps` points of the quadrature `method`."""


class InternalInfluence(LayerAttribution, GradientAttribution):
    """The mean gradient at a layer between baseline and input: [pellucid.methods.InternalInfluence][]."""

    @calls(methods.InternalInfluence, layer=layer_after_ids)
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
