"""Captum's names for layer-wise relevance propagation: to inputs and to layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

from torch import Tensor, nn

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    CompleteAttribution,
    Inputs,
    LayerAttribution,
    TensorOrTensors,
    compute_gradients,
    layer_of_gradients,
)
from pellucid.attr._calls import calls
from pellucid.core.model.layers import CallLike
from pellucid.core.problem.target import TargetLike
from pellucid.core.tensors import as_tensor_tuple, sum_over_tensors

DEFAULT = methods.Composite()
"""By all contributions, as in Captum."""


class LRP(CompleteAttribution):
    """The output, passed back to the inputs in proportion to contributions: [pellucid.methods.LRP][].

    A module's attribute `rule`, where it has one, says what it follows; see `pellucid.attr.lrp_rules`.

    Args:
        model: Any callable of tensors.
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        super().__init__(model)
        self.model = model

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return True

    @overload
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        verbose: bool = False,
        *,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        return_convergence_delta: Literal[True],
        verbose: bool = False,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> tuple[Inputs, Tensor]: ...

    @calls(methods.LRP)
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        verbose: bool = False,
        *,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The relevance of the inputs for `target`; with `verbose`, every call that it passes is printed."""

    def compute_convergence_delta(  # type: ignore[override]  # as in Captum
        self, attributions: TensorOrTensors, output: Tensor
    ) -> Tensor:
        """How much of the output is lost: output - sum(a).

        Args:
            attributions: Attributions of each example.
            output: The output that was passed back, (B,) or (B, 1).

        Returns:
            One delta per example, (B,).
        """
        return output.flatten() - sum_over_tensors(as_tensor_tuple(attributions, "attributions"))


class LayerLRP(LRP, LayerAttribution):
    """The same to a layer.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, or a list of these.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        model: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        *,
        call: CallLike = None,
    ) -> None:
        LayerAttribution.__init__(self, model, layer, call=call)
        self.model = model
        self.gradient_func = compute_gradients

    @overload  # type: ignore[override]  # as in Captum
    def attribute(
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        verbose: bool = False,
        *,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
    ) -> Attributed: ...

    @overload
    def attribute(
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        verbose: bool = False,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
    ) -> tuple[Attributed, Tensor]: ...

    @calls(methods.LRP, layer=layer_of_gradients)
    def attribute(
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        verbose: bool = False,
        *,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
    ) -> Attributed:
        """The relevance of what the layer takes or returns."""
