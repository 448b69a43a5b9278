"""Captum's names for the methods that read a single gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    GradientAttribution,
    Inputs,
    LayerAttribution,
    MultipliedInternalAttribution,
    NeuronAttribution,
    TensorOrTensors,
    layer_as_source,
    multiplied,
)
from pellucid.attr._calls import calls
from pellucid.core.model.layers import CallLike
from pellucid.core.problem.target import TargetLike
from pellucid.core.tensors import Tensors


class Saliency(GradientAttribution):
    """The gradient of the explained value: [pellucid.methods.Saliency][]."""

    @calls(methods.Saliency)
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        abs: bool = True,
        additional_forward_args: Any = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Inputs:
        """The gradients of `target` at `inputs`, without their sign where `abs`."""


class InputXGradient(GradientAttribution):
    """The gradient times the input: [pellucid.methods.InputXGradient][]."""

    @calls(methods.InputXGradient)
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Inputs:
        """The gradients of `target` at `inputs`, times the inputs."""

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return True


class LayerGradientXActivation(MultipliedInternalAttribution, LayerAttribution, GradientAttribution):
    """The gradient at a layer times its activation: [pellucid.methods.InputXGradient][] from a layer."""

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        multiply_by_inputs: bool = True,
        memory_efficient: bool = False,
        *,
        call: CallLike = None,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, multiply_by_inputs, call=call)
        self.memory_efficient = memory_efficient  # pellucid always is

    @calls(methods.InputXGradient, layer=layer_as_source)
    def attribute(
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The gradients of `target` at the layer, times what it returns, or takes."""

    def multiply_gradient_acts(self, gradients: Tensors, evals: Tensors) -> Tensors:
        """Gradients times activations, or the gradients alone where made with `multiply_by_inputs=False`."""
        return multiplied(gradients, evals, self._multiply_by_inputs)


class NeuronGradient(NeuronAttribution, GradientAttribution):
    """The gradient of a neuron: [pellucid.methods.Saliency][] of it, with its sign."""

    @calls(methods.Saliency, abs=False)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
    ) -> Inputs:
        """The gradients of the selected neuron at `inputs`."""
