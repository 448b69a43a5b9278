"""Captum's names for DeepLIFT: of inputs, of layers and of neurons, from one baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

from torch import Tensor, nn

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    CompleteAttribution,
    GradientAttribution,
    Inputs,
    InternalAttribution,
    LayerAttribution,
    MultipliedAttribution,
    NeuronAttribution,
    TensorOrTensors,
    layer_after_ids_alone,
)
from pellucid.attr._calls import Conversion, calls
from pellucid.attr._internals import OF_RULES, Unread
from pellucid.core.model.layers import CallLike
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike
from pellucid.methods.deeplift.deeplift import with_three_arguments

ONE_BASELINE: dict[str, Conversion] = {"custom_attribution_func": lambda function, _: with_three_arguments(function)}

SUPPORTED_NON_LINEAR = Unread("SUPPORTED_NON_LINEAR", OF_RULES)
"""Empty: it is calls that have rules, in modules of whatever type."""


class DeepLift(MultipliedAttribution, CompleteAttribution):
    """Contributions to the change of the output from that for a baseline: [pellucid.methods.DeepLift][].

    Args:
        model: Any callable of tensors.
        multiply_by_inputs: Whether the contributions are those of x - x', or multipliers alone.
        eps: Changes smaller than this are none: a gradient takes the place of their ratio.
    """

    def __init__(self, model: Callable[..., Any], multiply_by_inputs: bool = True, eps: float = 1e-10) -> None:
        super().__init__(model, multiply_by_inputs)
        self.model = model
        self.eps = eps

    def satisfies_attribute_criteria(self, module: nn.Module) -> bool:
        """Whether somebody has put an input and an output on a module, as Captum does; pellucid does not."""
        return all(hasattr(module, name) for name in ("input", "output"))

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        return_convergence_delta: Literal[True],
        custom_attribution_func: Callable[..., Any] | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> tuple[Inputs, Tensor]: ...

    @calls(methods.DeepLift, convert=ONE_BASELINE)
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The contributions to the change of `target`."""


class LayerDeepLift(LayerAttribution, DeepLift):
    """Contributions of what a layer takes or returns: [pellucid.methods.DeepLift][] there.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, or a list of these.
        multiply_by_inputs: Whether the contributions are those of y - y', or multipliers alone.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        model: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        multiply_by_inputs: bool = True,
        *,
        call: CallLike = None,
    ) -> None:
        InternalAttribution.__init__(self, model, layer, call=call)
        DeepLift.__init__(self, model, multiply_by_inputs)

    @overload  # type: ignore[override]  # as in Captum, layers have more
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Attributed: ...

    @overload
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        grad_kwargs: dict[str, Any] | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> tuple[Attributed, Tensor]: ...

    @calls(methods.DeepLift, layer=layer_after_ids_alone, convert=ONE_BASELINE)
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The contributions of the layer to the change of `target`."""


class NeuronDeepLiftBase(NeuronAttribution, GradientAttribution):
    """What both share.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, or a list of these.
        multiply_by_inputs: Whether the contributions are those of x - x', or multipliers alone.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        model: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        multiply_by_inputs: bool = True,
        *,
        call: CallLike = None,
    ) -> None:
        super().__init__(model, layer, call=call)
        self._multiply_by_inputs = multiply_by_inputs
        self.eps = 1e-10

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return self._multiply_by_inputs


class NeuronDeepLift(NeuronDeepLiftBase):
    """Contributions to the change of a neuron: [pellucid.methods.DeepLift][] of it.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, or a list of these.
        multiply_by_inputs: Whether the contributions are those of x - x', or multipliers alone.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    @calls(methods.DeepLift, convert=ONE_BASELINE)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: Baselines = None,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Inputs:
        """The contributions to the change of the selected neuron."""
