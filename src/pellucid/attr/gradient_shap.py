"""Captum's names for expected gradients: of inputs, of layers and of neurons.

Bodies under `@calls` are empty: it routes the arguments by their names, as `attr/_routes.py` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

import torch
from torch import Tensor
from typing_extensions import Unpack

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    CompleteAttribution,
    Data,
    GradientAttribution,
    Inputs,
    LayerAttribution,
    MultipliedAttribution,
    MultipliedInternalAttribution,
    NeuronAttribution,
    TensorOrTensors,
    layer_after_ids,
)
from pellucid.attr._calls import Conversion, calls
from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES
from pellucid.core.problem.baselines import given_baselines
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.core.random_streams import Seed
from pellucid.data import DataOptions

DISTRIBUTION: dict[str, Conversion] = {"baselines": given_baselines}


class GradientShap(MultipliedAttribution, CompleteAttribution):
    """Expected gradients over a distribution of baselines: `pellucid.methods.GradientShap`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        multiply_by_inputs: Whether that factor is there.

    Examples:
        >>> import torch
        >>> from pellucid.attr import GradientShap
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> baselines = torch.zeros(4, 3)
        >>> GradientShap(model).attribute(x, baselines, target=1, seed=0).shape
        torch.Size([2, 3])
    """

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Inputs, Tensor]: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[True],
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Any, ...]: ...

    @calls(methods.GradientShap, convert=DISTRIBUTION)
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The expected gradients of `target`, by `n_samples` draws of baseline, noise and point between.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: The distribution to draw from: a tensor (n_baselines, ...) for each input, each drawn by itself;
                a `pellucid.methods.Background`, whose rows are drawn; or a function of the inputs that returns one. Or
                a function, of nothing or of the inputs, that returns them.
            n_samples: Samples per example; "auto" samples each example until its 95 % intervals are narrow.
            stdevs: Standard deviation of the noise added to the inputs, one number or one for each input tensor.
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
            return_convergence_delta: Whether to measure how far each sample is from adding up, at two more forwards per
                sample.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            return_stderr: Whether to return standard errors, too.
            tolerance: With "auto", half the width of an interval that is narrow enough.
            relative: Whether the tolerance is a share of the example's largest attribution.
            max_samples: With "auto", the most samples per example; the result says which examples have `converged`.
            seed: Seeds a stream of random numbers for each example; None draws from the global generators.
            generator: Draws the seed.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes. With
            `return_convergence_delta`, a tuple of these and of deltas (B * samples,), the samples of an example
            together. With `return_stderr`, standard errors follow in the same form, or None where there are none.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class LayerGradientShap(MultipliedInternalAttribution, LayerAttribution, CompleteAttribution):
    """Expected gradients at a layer: `pellucid.methods.GradientShap`, read there.

    Points lie between the inputs and the baselines; of token ids, which have no points between, at the layer.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum.
        multiply_by_inputs: Whether the factor is there.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerGradientShap
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> baselines = torch.zeros(4, 3)
        >>> LayerGradientShap(model, model[1]).attribute(x, baselines, target=1, seed=0).shape
        torch.Size([2, 4])
    """

    @overload
    def attribute(
        self,
        inputs: Data,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        replay: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed: ...

    @overload
    def attribute(
        self,
        inputs: Data,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        replay: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Attributed, Tensor]: ...

    @overload
    def attribute(
        self,
        inputs: Data,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[True],
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        replay: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Any, ...]: ...

    @calls(methods.GradientShap, layer=layer_after_ids, convert=DISTRIBUTION)
    def attribute(
        self,
        inputs: Data,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        *,
        targets: TargetsLike | None = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        replay: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The expected gradients of `target` there, by `n_samples` draws of baseline, noise and point between.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: The distribution to draw from: a tensor (n_baselines, ...) for each input, each drawn by itself;
                a `pellucid.methods.Background`, whose rows are drawn; or a function of the inputs that returns one. Or
                a function, of nothing or of the inputs, that returns them.
            n_samples: Samples per example; "auto" samples each example until its 95 % intervals are narrow.
            stdevs: Standard deviation of the noise added to the inputs, one number or one for each input tensor.
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
            return_convergence_delta: Whether to measure how far each sample is from adding up, at two more forwards per
                sample.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            return_stderr: Whether to return standard errors, too.
            tolerance: With "auto", half the width of an interval that is narrow enough.
            relative: Whether the tolerance is a share of the example's largest attribution.
            max_samples: With "auto", the most samples per example; the result says which examples have `converged`.
            replay: Whether modules that finish before the source may be replaced by their recorded outputs, once these
                were checked to give the same output. False runs them in every forward.
            seed: Seeds a stream of random numbers for each example; None draws from the global generators.
            generator: Draws the seed.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them. With
            `return_convergence_delta`, a tuple of these and of deltas (B * samples,), the samples of an example
            together. With `return_stderr`, standard errors follow in the same form, or None where there are none.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class NeuronGradientShap(MultipliedInternalAttribution, NeuronAttribution, GradientAttribution):
    """Expected gradients of a neuron over a distribution of baselines: `pellucid.methods.GradientShap` of it.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum.
        multiply_by_inputs: Whether the factor is there.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import NeuronGradientShap
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> baselines = torch.zeros(4, 3)
        >>> NeuronGradientShap(model, model[1]).attribute(x, 0, baselines, seed=0).shape
        torch.Size([2, 3])
    """

    @overload
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        early_exit: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[True],
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        early_exit: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Inputs, Inputs | None]: ...

    @calls(methods.GradientShap, convert=DISTRIBUTION)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        early_exit: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The expected gradients of the selected neuron, by `n_samples` draws of baseline, noise and point between.

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
            baselines: The distribution to draw from: a tensor (n_baselines, ...) for each input, each drawn by itself;
                a `pellucid.methods.Background`, whose rows are drawn; or a function of the inputs that returns one. Or
                a function, of nothing or of the inputs, that returns them.
            n_samples: Samples per example; "auto" samples each example until its 95 % intervals are narrow.
            stdevs: Standard deviation of the noise added to the inputs, one number or one for each input tensor.
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            attribute_to_neuron_input: Whether the neuron is one of what the layer takes, and not of what it returns.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            return_stderr: Whether to return standard errors, too.
            tolerance: With "auto", half the width of an interval that is narrow enough.
            relative: Whether the tolerance is a share of the example's largest attribution.
            max_samples: With "auto", the most samples per example; the result says which examples have `converged`.
            early_exit: Whether a forward may stop after the last layer needed, once the calls of modules have been
                counted. False is for models whose data decide how often they call a module.
            seed: Seeds a stream of random numbers for each example; None draws from the global generators.
            generator: Draws the seed.
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
