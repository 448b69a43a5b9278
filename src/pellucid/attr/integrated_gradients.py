"""Captum's names for integrated gradients: of inputs, of layers and of neurons."""

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
    MultipliedAttribution,
    MultipliedInternalAttribution,
    NeuronAttribution,
    TensorOrTensors,
    layer_as_source,
)
from pellucid.attr._calls import calls
from pellucid.attr._internals import OverriddenPart
from pellucid.core.evaluation.quadrature import Quadrature
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike


class IntegratedGradients(MultipliedAttribution, CompleteAttribution):
    """Gradients integrated from baseline to input: [pellucid.methods.IntegratedGradients][]."""

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: Literal[False] = False,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        whole_batch: bool | None = None,
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        *,
        return_convergence_delta: Literal[True],
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        whole_batch: bool | None = None,
    ) -> tuple[Inputs, Tensor]: ...

    @calls(methods.IntegratedGradients)
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The integrated gradients of `target`, by `n_steps` points of the quadrature `method`."""


class LayerIntegratedGradients(MultipliedInternalAttribution, LayerAttribution, CompleteAttribution):
    """Gradients integrated from baseline to input at a layer: [pellucid.methods.IntegratedGradients][] from there."""

    ig = OverriddenPart(
        lambda self: IntegratedGradients(self.forward_func, self.multiplies_by_inputs), "override attribute."
    )

    @overload
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        replay: bool = True,
        whole_batch: bool | None = None,
    ) -> Attributed: ...

    @overload
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        *,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        replay: bool = True,
        whole_batch: bool | None = None,
    ) -> tuple[Attributed, Tensor]: ...

    @calls(methods.IntegratedGradients, layer=layer_as_source)
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        replay: bool = True,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The integrated gradients of `target` between what the layer says of `baselines` and of `inputs`."""


class NeuronIntegratedGradients(MultipliedInternalAttribution, NeuronAttribution, GradientAttribution):
    """Gradients of a neuron integrated from baseline to input: [pellucid.methods.IntegratedGradients][] of it."""

    @calls(methods.IntegratedGradients)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: Baselines = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        attribute_to_neuron_input: bool = False,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        early_exit: bool = True,
        whole_batch: bool | None = None,
    ) -> Inputs:
        """The integrated gradients of the selected neuron, by `n_steps` points of the quadrature `method`."""
