"""Captum's names for layer-wise relevance propagation: to inputs and to layers.

Bodies under `@calls` are empty: it routes the arguments by their names, as `attr/_routes.py` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

from torch import Tensor
from typing_extensions import Unpack

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    CompleteAttribution,
    Data,
    Inputs,
    LayerAttribution,
    TensorOrTensors,
    compute_gradients,
    layer_of_gradients,
)
from pellucid.attr._calls import calls
from pellucid.core.model.layers import CallLike, SiteLike
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.core.tensors import as_tensor_tuple, sum_over_tensors
from pellucid.data import DataOptions

DEFAULT = methods.Composite()
"""By all contributions, as in Captum."""


class LRP(CompleteAttribution):
    """The output, passed back to the inputs in proportion to contributions: `pellucid.methods.LRP`.

    A module's attribute `rule`, where it has one, says what it follows; see `pellucid.attr.lrp_rules`.

    Args:
        model: Any callable of tensors.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LRP
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> LRP(model).attribute(x, target=1).shape
        torch.Size([2, 3])
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
        targets: TargetsLike | None = None,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
        **data: Unpack[DataOptions],
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        verbose: bool = False,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
        **data: Unpack[DataOptions],
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
        targets: TargetsLike | None = None,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The relevance of the inputs for `target`; with `verbose`, every call that it passes is printed.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            target: What is explained, of an output of shape (B, ...) for B examples:
                * `None`: the whole output; gradient methods need one value per example, shape (B,) or (B, 1).
                * an `int`, or a tensor of one element: this column of an output (B, K), the same for all examples.
                * a tuple of ints and slices: this element of each example's output, for outputs of more dimensions; the
                  sum of the elements that slices choose.
                * a 1-D tensor, or a list of B ints: one column per example.
                * a list of B tuples: one element per example, for outputs of more dimensions.
                * a tensor or a list that is longer, where the output has more rows than examples: one element per row
                  of the output.
                * a callable: any function of the output that returns one value per example, `lambda output:
                  output.logits[:, 3]`, or one of `pellucid.targets`.
                * a `Contrast(a, b)` of two of these: why a rather than b.
                * a `Several([a, b, ...])` of these, or `Several("all")`: attributions for each, in a dimension after
                  the examples.
                Where names of classes are known, they may stand for numbers. Negative numbers count from the end. Of an
                output with `logits`, as Hugging Face's have, these are meant.
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            return_convergence_delta: Whether to measure how much of the output is lost.
            verbose: Whether to print what every call receives and passes on; see `trace`.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            composite: Which rule each layer follows.
            strict: Whether calls without a rule raise an error.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes. With
            `return_convergence_delta`, a tuple of these and of deltas (B,), or (layers, B) for a list of layers.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """

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
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerLRP
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> LayerLRP(model, model[1]).attribute(x, target=1).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        model: Callable[..., Any],
        layer: SiteLike,
        *,
        call: CallLike = None,
    ) -> None:
        LayerAttribution.__init__(self, model, layer, call=call)
        self.model = model
        self.gradient_func = compute_gradients

    @overload  # type: ignore[override]  # as in Captum
    def attribute(
        self,
        inputs: Data,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        verbose: bool = False,
        *,
        targets: TargetsLike | None = None,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
        **data: Unpack[DataOptions],
    ) -> Attributed: ...

    @overload
    def attribute(
        self,
        inputs: Data,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        verbose: bool = False,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
        **data: Unpack[DataOptions],
    ) -> tuple[Attributed, Tensor]: ...

    @calls(methods.LRP, layer=layer_of_gradients)
    def attribute(
        self,
        inputs: Data,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        verbose: bool = False,
        *,
        targets: TargetsLike | None = None,
        composite: methods.Composite = DEFAULT,
        strict: bool = False,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The relevance of what the layer takes or returns.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            target: What is explained, of an output of shape (B, ...) for B examples:
                * `None`: the whole output; gradient methods need one value per example, shape (B,) or (B, 1).
                * an `int`, or a tensor of one element: this column of an output (B, K), the same for all examples.
                * a tuple of ints and slices: this element of each example's output, for outputs of more dimensions; the
                  sum of the elements that slices choose.
                * a 1-D tensor, or a list of B ints: one column per example.
                * a list of B tuples: one element per example, for outputs of more dimensions.
                * a tensor or a list that is longer, where the output has more rows than examples: one element per row
                  of the output.
                * a callable: any function of the output that returns one value per example, `lambda output:
                  output.logits[:, 3]`, or one of `pellucid.targets`.
                * a `Contrast(a, b)` of two of these: why a rather than b.
                * a `Several([a, b, ...])` of these, or `Several("all")`: attributions for each, in a dimension after
                  the examples.
                Where names of classes are known, they may stand for numbers. Negative numbers count from the end. Of an
                output with `logits`, as Hugging Face's have, these are meant.
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            return_convergence_delta: Whether to measure how much of the output is lost.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            verbose: Whether to print what every call receives and passes on; see `trace`.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            composite: Which rule each layer follows.
            strict: Whether calls without a rule raise an error.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            early_exit: Whether a forward may stop after the last layer needed, once the calls of modules have been
                counted. False is for models whose data decide how often they call a module.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them. With
            `return_convergence_delta`, a tuple of these and of deltas (B,), or (layers, B) for a list of layers.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """
