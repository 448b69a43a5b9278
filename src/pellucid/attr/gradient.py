"""Captum's names for the methods that read a single gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from pellucid import methods
from pellucid.attr._facade import (
    Attributed,
    GradientAttribution,
    LayerAttribution,
    MultipliedInternalAttribution,
    NeuronAttribution,
    TensorOrTensors,
    explained,
    multiplied,
)
from pellucid.core.model.layers import CallLike
from pellucid.core.problem.target import TargetLike
from pellucid.core.tensors import Tensors


class Saliency(GradientAttribution):
    """The gradient of the explained value: [pellucid.methods.Saliency][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        abs: bool = True,
        additional_forward_args: Any = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The gradients of `target` at `inputs`, without their sign where `abs`."""
        return explained(
            self,
            methods.Saliency(absolute=abs),
            inputs,
            {
                "target": target,
                "additional_forward_args": additional_forward_args,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
        )


class InputXGradient(GradientAttribution):
    """The gradient times the input: [pellucid.methods.InputXGradient][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The gradients of `target` at `inputs`, times the inputs."""
        return explained(
            self,
            methods.InputXGradient(),
            inputs,
            {
                "target": target,
                "additional_forward_args": additional_forward_args,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
        )

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
        return explained(
            self,
            methods.InputXGradient(multiply_by_inputs=self._multiply_by_inputs),
            inputs,
            {
                "source": self._layer(attribute_to_layer_input),
                "target": target,
                "additional_forward_args": additional_forward_args,
                "grad_kwargs": grad_kwargs,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
        )

    def multiply_gradient_acts(self, gradients: Tensors, evals: Tensors) -> Tensors:
        """Gradients times activations, or the gradients alone where made with `multiply_by_inputs=False`."""
        return multiplied(gradients, evals, self._multiply_by_inputs)


class NeuronGradient(NeuronAttribution, GradientAttribution):
    """The gradient of a neuron: [pellucid.methods.Saliency][] of it, with its sign."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        neuron_selector: TargetLike,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
    ) -> Attributed:
        """The gradients of the selected neuron at `inputs`."""
        return explained(
            self,
            methods.Saliency(absolute=False),
            inputs,
            {
                "target": self._neuron(neuron_selector, attribute_to_neuron_input),
                "additional_forward_args": additional_forward_args,
                "create_graph": create_graph,
                "show_progress": show_progress,
                "early_exit": early_exit,
            },
        )
