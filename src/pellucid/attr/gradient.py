"""Captum's names for the methods that read a single gradient.

Bodies under `@calls` are empty: it routes the arguments by their names, as `attr/_routes.py` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typing_extensions import Unpack

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    Data,
    GradientAttribution,
    Inputs,
    LayerAttribution,
    MultipliedInternalAttribution,
    NeuronAttribution,
    layer_as_source,
    multiply_if,
)
from pellucid.attr._calls import calls
from pellucid.core.model.layers import CallLike, SiteLike
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.core.tensors import Tensors
from pellucid.data import DataOptions


class Saliency(GradientAttribution):
    """The gradient of the explained value: `pellucid.methods.Saliency`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Saliency
        >>> model = lambda x: x[:, 0] * x[:, 1]
        >>> x = torch.tensor([[2.0, 3.0]])
        >>> Saliency(model).attribute(x)
        tensor([[3., 2.]])
    """

    @calls(methods.Saliency)
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        abs: bool = True,
        additional_forward_args: Any = None,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        **data: Unpack[DataOptions],
    ) -> Inputs:
        """The gradients of `target` at `inputs`, without their sign where `abs`.

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
            abs: Whether to take absolute values.
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class InputXGradient(GradientAttribution):
    """The gradient times the input: `pellucid.methods.InputXGradient`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.

    Examples:
        >>> import torch
        >>> from pellucid.attr import InputXGradient
        >>> model = lambda x: x[:, 0] * x[:, 1]
        >>> x = torch.tensor([[2.0, 3.0]])
        >>> InputXGradient(model).attribute(x)
        tensor([[6., 6.]])
    """

    @calls(methods.InputXGradient)
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        **data: Unpack[DataOptions],
    ) -> Inputs:
        """The gradients of `target` at `inputs`, times the inputs.

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
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return True


class LayerGradientXActivation(MultipliedInternalAttribution, LayerAttribution, GradientAttribution):
    """The gradient at a layer times its activation: `pellucid.methods.InputXGradient` from a layer.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum.
        multiply_by_inputs: Whether the factor is there.
        memory_efficient: As in Captum; pellucid always is.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerGradientXActivation
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> LayerGradientXActivation(model, model[1]).attribute(x, target=1).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: SiteLike,
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
        inputs: Data,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The gradients of `target` at the layer, times what it returns, or takes.

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
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            grad_kwargs: Further arguments of `torch.autograd.grad`.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """

    def multiply_gradient_acts(self, gradients: Tensors, evals: Tensors) -> Tensors:
        """Gradients times activations, or the gradients alone where made with `multiply_by_inputs=False`."""
        return multiply_if(gradients, evals, self._multiply_by_inputs)


class NeuronGradient(NeuronAttribution, GradientAttribution):
    """The gradient of a neuron: `pellucid.methods.Saliency` of it, with its sign.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import NeuronGradient
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> NeuronGradient(model, model[1]).attribute(x, 0).shape
        torch.Size([2, 3])
    """

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
        **data: Unpack[DataOptions],
    ) -> Inputs:
        """The gradients of the selected neuron at `inputs`.

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
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            attribute_to_neuron_input: Whether the neuron is one of what the layer takes, and not of what it returns.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            early_exit: Whether a forward may stop after the last layer needed, once the calls of modules have been
                counted. False is for models whose data decide how often they call a module.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """
