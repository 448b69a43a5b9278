"""Captum's names for DeepLIFT: of inputs, of layers and of neurons, on average over a distribution of baselines.

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
    Data,
    Inputs,
    TensorOrTensors,
    layer_after_ids_alone,
)
from pellucid.attr._calls import calls
from pellucid.attr.deeplift import ONE_BASELINE, DeepLift, LayerDeepLift, NeuronDeepLiftBase
from pellucid.core.model.layers import CallLike, SiteLike
from pellucid.core.problem.baselines import given_baselines
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.core.tensors import as_tensor_tuple
from pellucid.data import DataOptions

MANY_BASELINES = ONE_BASELINE | {"baselines": given_baselines}
MANY_BASELINES_OF_TUPLES = ONE_BASELINE | {
    "baselines": lambda baselines, inputs: given_baselines(baselines, as_tensor_tuple(inputs, "inputs"))
}
"""At layers Captum always gives a tuple to a function of the inputs."""


class DeepLiftShap(DeepLift):
    """The same on average over a distribution of baselines: `pellucid.methods.DeepLiftShap`.

    Args:
        model: Any callable of tensors.
        multiply_by_inputs: Whether the contributions are those of x - x', or multipliers alone.

    Examples:
        >>> import torch
        >>> from pellucid.attr import DeepLiftShap
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> baselines = torch.zeros(4, 3)
        >>> DeepLiftShap(model).attribute(x, baselines, target=1).shape
        torch.Size([2, 3])
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
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        custom_attribution_func: Callable[..., Any] | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
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
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[True],
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
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
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The mean contributions to the change of `target` from those for all baselines.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: The distribution: a tensor (n_baselines, ...) for each input, of two baselines at least, or a
                `pellucid.methods.Background`; or a function of the inputs that returns one. Or a function, of nothing
                or of the inputs, that returns them.
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
            return_convergence_delta: Whether to measure how far the attributions are from adding up.
            custom_attribution_func: Makes attributions of multipliers, inputs and baselines, in place of their product.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            return_stderr: Whether to return standard errors, too.
            strict: Whether calls without a rule raise an error.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes. With
            `return_convergence_delta`, a tuple of these and of deltas (B * n_baselines,), those of an example together.
            With `return_stderr`, standard errors follow in the same form, or None where there are none.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class LayerDeepLiftShap(LayerDeepLift, DeepLiftShap):
    """The same on average over a distribution of baselines: `pellucid.methods.DeepLiftShap` there.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        multiply_by_inputs: Whether the contributions are those of y - y', or multipliers alone.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerDeepLiftShap
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> baselines = torch.zeros(4, 3)
        >>> LayerDeepLiftShap(model, model[1]).attribute(x, baselines, target=1).shape
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
        LayerDeepLift.__init__(self, model, layer, multiply_by_inputs, call=call)

    @overload  # type: ignore[override]  # as in Captum, layers have more
    def attribute(
        self,
        inputs: Data,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed: ...

    @overload
    def attribute(
        self,
        inputs: Data,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Attributed, Tensor]: ...

    @overload
    def attribute(
        self,
        inputs: Data,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[True],
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Any, ...]: ...

    @calls(methods.DeepLiftShap, layer=layer_after_ids_alone, convert=MANY_BASELINES_OF_TUPLES)
    def attribute(
        self,
        inputs: Data,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        strict: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The mean contributions of the layer to the change of `target` from those for all baselines.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: The distribution: a tensor (n_baselines, ...) for each input, of two baselines at least, or a
                `pellucid.methods.Background`; or a function of the inputs that returns one. Or a function, of nothing
                or of the inputs, that returns them.
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
            return_convergence_delta: Whether to measure how far the attributions are from adding up.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            custom_attribution_func: Makes attributions of multipliers, inputs and baselines, in place of their product.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            return_stderr: Whether to return standard errors, too.
            strict: Whether calls without a rule raise an error.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them. With
            `return_convergence_delta`, a tuple of these and of deltas (B * n_baselines,), those of an example together.
            With `return_stderr`, standard errors follow in the same form, or None where there are none.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class NeuronDeepLiftShap(NeuronDeepLiftBase):
    """The same on average over a distribution of baselines: `pellucid.methods.DeepLiftShap` of it.

    Args:
        model: Any callable of tensors that calls the layer.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        multiply_by_inputs: Whether the contributions are those of x - x', or multipliers alone.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import NeuronDeepLiftShap
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> baselines = torch.zeros(4, 3)
        >>> NeuronDeepLiftShap(model, model[1]).attribute(x, 0, baselines).shape
        torch.Size([2, 3])
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
        **data: Unpack[DataOptions],
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
        **data: Unpack[DataOptions],
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
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The mean contributions to the change of the selected neuron from those for all baselines.

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
            baselines: The distribution: a tensor (n_baselines, ...) for each input, of two baselines at least, or a
                `pellucid.methods.Background`; or a function of the inputs that returns one. Or a function, of nothing
                or of the inputs, that returns them.
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            attribute_to_neuron_input: Whether the neuron is one of what the layer takes, and not of what it returns.
            custom_attribution_func: Makes attributions of multipliers, inputs and baselines, in place of their product.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            return_stderr: Whether to return standard errors, too.
            early_exit: Whether a forward may stop after the last layer needed, once the calls of modules have been
                counted. False is for models whose data decide how often they call a module.
            strict: Whether calls without a rule raise an error.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes. With
            `return_stderr`, standard errors follow in the same form, or None where there are none.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """
