"""Captum's names for gradients that pass back through rectifiers by another rule: from the output and from neurons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from pellucid import methods
from pellucid.attr._bases import GradientAttribution, Inputs, NeuronAttribution
from pellucid.attr._calls import calls
from pellucid.core.model.layers import CallLike
from pellucid.core.problem.target import TargetLike
from pellucid.methods.backprop.guided import RECTIFIERS


class GuidedBackprop(GradientAttribution):
    """Gradients that stay positive through every rectifier: [pellucid.methods.GuidedBackprop][].

    Args:
        model: Any callable of tensors.
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        super().__init__(model)
        self.model = model

    @calls(methods.GuidedBackprop)
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        activations: tuple[str, ...] = RECTIFIERS,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Inputs:
        """What passes back from `target`, where the functions named in `activations` follow the rule."""


class Deconvolution(GradientAttribution):
    """Gradients that rectifiers rectify: [pellucid.methods.Deconvolution][].

    Args:
        model: Any callable of tensors.
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        super().__init__(model)
        self.model = model

    @calls(methods.Deconvolution)
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        activations: tuple[str, ...] = RECTIFIERS,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Inputs:
        """What passes back from `target`, where the functions named in `activations` follow the rule."""


class NeuronGuidedBackprop(NeuronAttribution, GradientAttribution):
    """Gradients that stay positive through every rectifier, from a neuron: [pellucid.methods.GuidedBackprop][] of it.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, or a list of these.
        device_ids: As in Captum.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        model: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        *,
        call: CallLike = None,
    ) -> None:
        super().__init__(model, layer, device_ids, call=call)

    @calls(methods.GuidedBackprop)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        *,
        activations: tuple[str, ...] = RECTIFIERS,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
    ) -> Inputs:
        """What passes back from the selected neuron, where the functions named in `activations` follow the rule."""


class NeuronDeconvolution(NeuronAttribution, GradientAttribution):
    """Gradients that rectifiers rectify, from a neuron: [pellucid.methods.Deconvolution][] of it.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, or a list of these.
        device_ids: As in Captum.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        model: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        *,
        call: CallLike = None,
    ) -> None:
        super().__init__(model, layer, device_ids, call=call)

    @calls(methods.Deconvolution)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        *,
        activations: tuple[str, ...] = RECTIFIERS,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
    ) -> Inputs:
        """What passes back from the selected neuron, where the functions named in `activations` follow the rule."""
