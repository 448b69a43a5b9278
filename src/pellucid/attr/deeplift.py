"""Captum's names for DeepLIFT: of inputs, of layers and of neurons, from one baseline.

Bodies under `@calls` are empty: it routes the arguments by their names, as `attr/_routes.py` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

from torch import Tensor, nn
from typing_extensions import Unpack

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    CompleteAttribution,
    Data,
    GradientAttribution,
    Inputs,
    InternalAttribution,
    LayerAttribution,
    MultipliedAttribution,
    NeuronAttribution,
    layer_after_ids_alone,
)
from pellucid.attr._calls import Conversion, calls
from pellucid.attr._internals import OF_RULES, Unread
from pellucid.core.model.layers import CallLike, SiteLike
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.data import DataOptions
from pellucid.methods.deeplift.deeplift import with_three_arguments

ONE_BASELINE: dict[str, Conversion] = {"custom_attribution_func": lambda function, _: with_three_arguments(function)}

SUPPORTED_NON_LINEAR = Unread("SUPPORTED_NON_LINEAR", OF_RULES)
"""Empty: it is calls that have rules, in modules of whatever type."""


class DeepLift(MultipliedAttribution, CompleteAttribution):
    """Contributions to the change of the output from that for a baseline: `pellucid.methods.DeepLift`.

    Args:
        model: Any callable of tensors.
        multiply_by_inputs: Whether the contributions are those of x - x', or multipliers alone.
        eps: Changes smaller than this are none: a gradient takes the place of their ratio.

    Examples:
        >>> import torch
        >>> from pellucid.attr import DeepLift
        >>> model = lambda x: x[:, 0] * x[:, 1]
        >>> x = torch.tensor([[2.0, 3.0]])
        >>> DeepLift(model).attribute(x, return_convergence_delta=True)
        (tensor([[3., 3.]]), tensor([0.]))
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
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        custom_attribution_func: Callable[..., Any] | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
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
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The contributions to the change of `target`.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: What to compare with:
                * `None`: zero; of token ids that are given by name, the mask token or padding.
                * a number: this value everywhere.
                * a tensor of shape (1, ...), or without this dimension: the same for all examples; of the input's
                  shape: one for each.
                * a tuple of these, one for each input tensor.
                * a `pellucid.methods.Background` of many rows, for all examples or for each its own: for the methods
                  that remove features (ablation and occlusion, Shapley, Banzhaf and Owen values, interactions and
                  Kernel SHAP), GradientShap and DeepLiftShap.
                * a function of the inputs (a tensor, or a tuple of several), or of nothing, that returns any of these;
                  at a layer whose features are removed, a function of its activations.
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
            return_convergence_delta: Whether to measure how far the attributions are from adding up, which costs
                nothing.
            custom_attribution_func: Makes attributions of multipliers, inputs and baselines, in place of their product.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            strict: Whether calls without a rule raise an error.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes. With
            `return_convergence_delta`, a tuple of these and of deltas (B,).

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class LayerDeepLift(LayerAttribution, DeepLift):
    """Contributions of what a layer takes or returns: `pellucid.methods.DeepLift` there.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        multiply_by_inputs: Whether the contributions are those of y - y', or multipliers alone.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerDeepLift
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> LayerDeepLift(model, model[1]).attribute(x, target=1).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        model: Callable[..., Any],
        layer: SiteLike,
        multiply_by_inputs: bool = True,
        *,
        call: CallLike = None,
    ) -> None:
        InternalAttribution.__init__(self, model, layer, call=call)
        DeepLift.__init__(self, model, multiply_by_inputs)

    @overload  # type: ignore[override]  # as in Captum, layers have more
    def attribute(
        self,
        inputs: Data,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed: ...

    @overload
    def attribute(
        self,
        inputs: Data,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        grad_kwargs: dict[str, Any] | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Attributed, Tensor]: ...

    @calls(methods.DeepLift, layer=layer_after_ids_alone, convert=ONE_BASELINE)
    def attribute(
        self,
        inputs: Data,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The contributions of the layer to the change of `target`.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: What to compare with:
                * `None`: zero; of token ids that are given by name, the mask token or padding.
                * a number: this value everywhere.
                * a tensor of shape (1, ...), or without this dimension: the same for all examples; of the input's
                  shape: one for each.
                * a tuple of these, one for each input tensor.
                * a `pellucid.methods.Background` of many rows, for all examples or for each its own: for the methods
                  that remove features (ablation and occlusion, Shapley, Banzhaf and Owen values, interactions and
                  Kernel SHAP), GradientShap and DeepLiftShap.
                * a function of the inputs (a tensor, or a tuple of several), or of nothing, that returns any of these;
                  at a layer whose features are removed, a function of its activations.
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
            return_convergence_delta: Whether to measure how far the attributions are from adding up, which costs
                nothing.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            custom_attribution_func: Makes attributions of multipliers, inputs and baselines, in place of their product.
            grad_kwargs: Further arguments of `torch.autograd.grad`.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            strict: Whether calls without a rule raise an error.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them. With
            `return_convergence_delta`, a tuple of these and of deltas (B,).

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class NeuronDeepLiftBase(NeuronAttribution, GradientAttribution):
    """What both share.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        multiply_by_inputs: Whether the contributions are those of x - x', or multipliers alone.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        model: Callable[..., Any],
        layer: SiteLike,
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
    """Contributions to the change of a neuron: `pellucid.methods.DeepLift` of it.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        multiply_by_inputs: Whether the contributions are those of x - x', or multipliers alone.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import NeuronDeepLift
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> NeuronDeepLift(model, model[1]).attribute(x, 0).shape
        torch.Size([2, 3])
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
        **data: Unpack[DataOptions],
    ) -> Inputs:
        """The contributions to the change of the selected neuron.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            neuron_selector: The neuron that is explained, of what the layer returns, or takes:
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
            baselines: What to compare with:
                * `None`: zero; of token ids that are given by name, the mask token or padding.
                * a number: this value everywhere.
                * a tensor of shape (1, ...), or without this dimension: the same for all examples; of the input's
                  shape: one for each.
                * a tuple of these, one for each input tensor.
                * a `pellucid.methods.Background` of many rows, for all examples or for each its own: for the methods
                  that remove features (ablation and occlusion, Shapley, Banzhaf and Owen values, interactions and
                  Kernel SHAP), GradientShap and DeepLiftShap.
                * a function of the inputs (a tensor, or a tuple of several), or of nothing, that returns any of these;
                  at a layer whose features are removed, a function of its activations.
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            attribute_to_neuron_input: Whether the neuron is one of what the layer takes, and not of what it returns.
            custom_attribution_func: Makes attributions of multipliers, inputs and baselines, in place of their product.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            early_exit: Whether a forward may stop after the last layer needed, once the calls of modules have been
                counted. False is for models whose data decide how often they call a module.
            strict: Whether calls without a rule raise an error.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """
