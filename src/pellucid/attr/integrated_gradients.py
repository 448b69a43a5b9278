"""Captum's names for integrated gradients: of inputs, of layers and of neurons.

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
    MultipliedAttribution,
    MultipliedInternalAttribution,
    NeuronAttribution,
    layer_as_source,
)
from pellucid.attr._calls import calls
from pellucid.attr._internals import OverriddenPart
from pellucid.core.evaluation.quadrature import Quadrature
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.data import DataOptions


class IntegratedGradients(MultipliedAttribution, CompleteAttribution):
    """Gradients integrated from baseline to input: `pellucid.methods.IntegratedGradients`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        multiply_by_inputs: Whether that factor is there.

    Examples:
        >>> import torch
        >>> from pellucid.attr import IntegratedGradients
        >>> model = lambda x: x[:, 0] * x[:, 1]
        >>> x = torch.tensor([[2.0, 3.0]])
        >>> IntegratedGradients(model).attribute(x).round(decimals=4)
        tensor([[3., 3.]])
    """

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: Literal[False] = False,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
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
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Inputs, Tensor]: ...

    @calls(methods.IntegratedGradients)
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The integrated gradients of `target`, by `n_steps` points of the quadrature `method`.

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
            n_steps: Points on the line; "auto" takes as many as each example needs for its attributions to add up to
                the change of the output, by the trapezoid rule.
            method: How the integral becomes a sum; see `pellucid.core.evaluation.quadrature.quadrature`. With "auto" it
                may only be the default, which is then not used, or "riemann_trapezoid".
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            return_convergence_delta: Whether to measure how far the attributions are from adding up, at two more
                forwards.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            tolerance: With "auto", how far the sum may be from the change.
            relative: Whether the tolerance is a share of the change.
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


class LayerIntegratedGradients(MultipliedInternalAttribution, LayerAttribution, CompleteAttribution):
    """Gradients integrated from baseline to input at a layer: `pellucid.methods.IntegratedGradients` from there.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum.
        multiply_by_inputs: Whether the factor is there.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerIntegratedGradients
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> LayerIntegratedGradients(model, model[1]).attribute(x, target=1).shape
        torch.Size([2, 4])
    """

    ig = OverriddenPart(
        lambda self: IntegratedGradients(self.forward_func, self.multiplies_by_inputs), "override attribute."
    )

    @overload
    def attribute(
        self,
        inputs: Data,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        replay: bool = True,
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
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        *,
        targets: TargetsLike | None = None,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        replay: bool = True,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Attributed, Tensor]: ...

    @calls(methods.IntegratedGradients, layer=layer_as_source)
    def attribute(
        self,
        inputs: Data,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        targets: TargetsLike | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        replay: bool = True,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The integrated gradients of `target` between what the layer says of `baselines` and of `inputs`.

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
            n_steps: Points on the line; "auto" takes as many as each example needs for its attributions to add up to
                the change of the output, by the trapezoid rule.
            method: How the integral becomes a sum; see `pellucid.core.evaluation.quadrature.quadrature`. With "auto" it
                may only be the default, which is then not used, or "riemann_trapezoid".
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            return_convergence_delta: Whether to measure how far the attributions are from adding up, at two more
                forwards.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            grad_kwargs: Further arguments of `torch.autograd.grad`.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            tolerance: With "auto", how far the sum may be from the change.
            relative: Whether the tolerance is a share of the change.
            replay: Whether modules that finish before the source may be replaced by their recorded outputs, once these
                were checked to give the same output. False runs them in every forward.
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


class NeuronIntegratedGradients(MultipliedInternalAttribution, NeuronAttribution, GradientAttribution):
    """Gradients of a neuron integrated from baseline to input: `pellucid.methods.IntegratedGradients` of it.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum.
        multiply_by_inputs: Whether the factor is there.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import NeuronIntegratedGradients
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> NeuronIntegratedGradients(model, model[1]).attribute(x, 0).shape
        torch.Size([2, 3])
    """

    @calls(methods.IntegratedGradients)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: Baselines = None,
        additional_forward_args: Any = None,
        n_steps: int | Literal["auto"] = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        attribute_to_neuron_input: bool = False,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        tolerance: float = 1e-3,
        relative: bool = False,
        early_exit: bool = True,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Inputs:
        """The integrated gradients of the selected neuron, by `n_steps` points of the quadrature `method`.

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
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            n_steps: Points on the line; "auto" takes as many as each example needs for its attributions to add up to
                the change of the output, by the trapezoid rule.
            method: How the integral becomes a sum; see `pellucid.core.evaluation.quadrature.quadrature`. With "auto" it
                may only be the default, which is then not used, or "riemann_trapezoid".
            internal_batch_size: The largest number of rows per forward; None chooses it automatically.
            attribute_to_neuron_input: Whether the neuron is one of what the layer takes, and not of what it returns.
            create_graph: Whether the attributions can be differentiated.
            show_progress: Whether to show a progress bar on stderr.
            tolerance: With "auto", how far the sum may be from the change.
            relative: Whether the tolerance is a share of the change.
            early_exit: Whether a forward may stop after the last layer needed, once the calls of modules have been
                counted. False is for models whose data decide how often they call a module.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """
