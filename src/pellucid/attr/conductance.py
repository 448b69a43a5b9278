"""Captum's names for what flows through a layer, or a neuron of it, on the way from a baseline.

Bodies under `@calls` are empty: it routes the arguments by their names, as `attr/_routes.py` says.
"""

from __future__ import annotations

from typing import Any, Literal, overload

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
    MultipliedInternalAttribution,
    NeuronAttribution,
    layer_after_ids,
    layer_of_gradients,
)
from pellucid.attr._calls import Conversion, calls
from pellucid.core.evaluation.quadrature import Quadrature
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.data import DataOptions

_TRAPEZOIDS: dict[str, Quadrature] = {"riemann_trapezoid": "captum_trapezoid"}
AS_CAPTUM_WEIGHS: dict[str, Conversion] = {"method": lambda method, _: _TRAPEZOIDS.get(method, method)}


class LayerConductance(LayerAttribution, CompleteAttribution):
    """How much of the change flows through a layer: `pellucid.methods.Conductance`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerConductance
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> LayerConductance(model, model[1]).attribute(x, target=1).shape
        torch.Size([2, 4])
    """

    @overload
    def attribute(
        self,
        inputs: Data,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
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
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Attributed, Tensor]: ...

    @calls(methods.Conductance, layer=layer_after_ids, gradient_rule="left")
    def attribute(
        self,
        inputs: Data,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The conductance of the layer for `target`, by `n_steps` differences.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: Where the line starts:
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
            n_steps: The number of differences; there is one more point on the line.
            method: The points' quadrature rule; only those of `riemann_trapezoid` reach both ends of the line. See
                `pellucid.core.evaluation.quadrature.quadrature`.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            return_convergence_delta: Whether to measure how far the attributions are from adding up, at two more
                forwards.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            grad_kwargs: Further arguments of `torch.autograd.grad`.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
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

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the activations themselves are a factor of the attributions."""
        return True


class NeuronConductance(MultipliedInternalAttribution, NeuronAttribution, GradientAttribution):
    """What each input contributes through a neuron: `pellucid.methods.NeuronConductance`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum.
        multiply_by_inputs: Whether the factor is there.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import NeuronConductance
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> NeuronConductance(model, model[1]).attribute(x, 0, target=1).shape
        torch.Size([2, 3])
    """

    @calls(methods.NeuronConductance, layer=layer_of_gradients, convert=AS_CAPTUM_WEIGHS)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "riemann_trapezoid",
        internal_batch_size: int | None = None,
        attribute_to_neuron_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Inputs:
        """The conductance of the selected neuron for `target`, by `n_steps` points of the quadrature `method`.

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
            baselines: Where the line starts:
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
            n_steps: Points on the line.
            method: How the integral becomes a sum; see `pellucid.core.evaluation.quadrature.quadrature`.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            attribute_to_neuron_input: Whether the neuron is one of what the layer takes, and not of what it returns.
            grad_kwargs: Further arguments of `torch.autograd.grad`.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class InternalInfluence(LayerAttribution, GradientAttribution):
    """The mean gradient at a layer between baseline and input: `pellucid.methods.InternalInfluence`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import InternalInfluence
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> InternalInfluence(model, model[1]).attribute(x, target=1).shape
        torch.Size([2, 4])
    """

    @calls(methods.InternalInfluence, layer=layer_after_ids)
    def attribute(
        self,
        inputs: Data,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The mean gradients of `target` at the layer, by `n_steps` points of the quadrature `method`.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: Where the line starts:
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
            n_steps: Points on the line.
            method: How the integral becomes a sum; see `pellucid.core.evaluation.quadrature.quadrature`.
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            grad_kwargs: Further arguments of `torch.autograd.grad`.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """
