"""Captum's names for DeepLIFT: of inputs, of layers and of neurons, on average over a distribution of baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

from torch import Tensor, nn

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    Inputs,
    TensorOrTensors,
    layer_after_ids_alone,
    resolved,
)
from pellucid.attr._calls import calls
from pellucid.attr.deeplift import ONE_BASELINE, DeepLift, LayerDeepLift, NeuronDeepLiftBase
from pellucid.core.model.layers import CallLike
from pellucid.core.problem.target import TargetLike
from pellucid.core.tensors import as_tensor_tuple

MANY_BASELINES = ONE_BASELINE | {"baselines": resolved}
MANY_BASELINES_OF_TUPLES = ONE_BASELINE | {
    "baselines": lambda baselines, inputs: resolved(baselines, as_tensor_tuple(inputs, "inputs"))
}
"""At layers Captum always gives a tuple to a function of the inputs."""


class DeepLiftShap(DeepLift):
    """The same on average over a distribution of baselines: [pellucid.methods.DeepLiftShap][].

    Args:
        model: Any callable of tensors.
        multiply_by_inputs: Whether the contributions are those of x - x', or multipliers alone.
    """

    def __init__(self, model: Callable[..., Any], multiply_by_inputs: bool = True) -> None:
        super().__init__(model, multiply_by_inputs)

    @overload  # type: ignore[override]  # as in Captum, baselines must be given
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        return_convergence_delta: Literal[True],
        custom_attribution_func: Callable[..., Any] | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> tuple[Inputs, Tensor]: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[True],
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> tuple[Any, ...]: ...

    @calls(methods.DeepLiftShap, convert=MANY_BASELINES)
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The mean contributions to the change of `target` from those for all baselines."""


class LayerDeepLiftShap(LayerDeepLift, DeepLiftShap):
    """The same on average over a distribution of baselines: [pellucid.methods.DeepLiftShap][] there.

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
        LayerDeepLift.__init__(self, model, layer, multiply_by_inputs, call=call)

    @overload  # type: ignore[override]  # as in Captum, layers have more
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Attributed: ...

    @overload
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> tuple[Attributed, Tensor]: ...

    @overload
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[True],
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> tuple[Any, ...]: ...

    @calls(methods.DeepLiftShap, layer=layer_after_ids_alone, convert=MANY_BASELINES_OF_TUPLES)
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The mean contributions of the layer to the change of `target` from those for all baselines."""


class NeuronDeepLiftShap(NeuronDeepLiftBase):
    """The same on average over a distribution of baselines: [pellucid.methods.DeepLiftShap][] of it.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, or a list of these.
        multiply_by_inputs: Whether the contributions are those of x - x', or multipliers alone.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    @overload
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        early_exit: bool = True,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[True],
        early_exit: bool = True,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> tuple[Inputs, Inputs | None]: ...

    @calls(methods.DeepLiftShap, convert=MANY_BASELINES)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        early_exit: bool = True,
        strict: bool = False,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The mean contributions to the change of the selected neuron from those for all baselines."""
