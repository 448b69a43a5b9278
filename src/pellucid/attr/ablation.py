"""Captum's names for the methods that take features away: of inputs, of layers and of neurons.

Bodies under `@calls` are empty: it routes the arguments by their names, as `attr/_routes.py` says.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Future
from typing_extensions import Unpack

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    Attribution,
    Data,
    Inputs,
    LayerAttribution,
    NeuronAttribution,
    PerturbationAttribution,
    layer_as_source,
)
from pellucid.attr._calls import call_in_future, calls, future_of
from pellucid.attr._internals import OverriddenPart
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.removal import RemovalLike
from pellucid.core.games.windows import Strides, WindowShapes
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.data import DataOptions
from pellucid.methods.perturbation.permutation import Permutation


class FeatureAblation(PerturbationAttribution):
    """How much the output falls without each feature: `pellucid.methods.FeatureAblation`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.

    Examples:
        >>> import torch
        >>> from pellucid.attr import FeatureAblation
        >>> model = lambda x: x[:, 0] * x[:, 1]
        >>> x = torch.tensor([[2.0, 3.0]])
        >>> FeatureAblation(model).attribute(x)
        tensor([[6., 6.]])
    """

    @calls(methods.FeatureAblation)
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        whole_batch: bool | None = None,
        **kwargs: Any,
    ) -> Inputs:
        """The effects of replacing each feature by its baseline; Captum, too, takes other `kwargs` and drops them.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: What replaces a feature, at the source:
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
            feature_mask: What is one feature:
                * `None`: each element is a feature of its own.
                * a tensor of integers, which broadcasts to the input: elements with the same number are one feature, in
                  all examples alike (first dimension 1) or in each as it says.
                * a tuple of these, one for each input tensor; the same number in two of them is the same feature.
                Numbers must not be negative; some may be missing. Attributions give each element the value of its
                feature, so their sum counts a feature as often as it has elements; `pellucid.methods.per_feature` has
                each value once.
            perturbations_per_eval: The largest number of perturbations of the batch per forward; None chooses it
                automatically.
            show_progress: Whether to show a progress bar on stderr.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            removal: How a feature is taken away, in the place of baselines:
                * `pellucid.methods.Blur`: by the input, blurred.
                * `pellucid.methods.Segments`: by the mean colour of what is absent, or of patches or superpixels.
                * `pellucid.methods.Gaussian`: with edges as soft as a Gaussian.
                * `pellucid.methods.Disc`: with round corners, so that a square window becomes a disc.
                * `pellucid.methods.Rise`: by the random smooth masks of RISE.
                * a function of an input (n, ...) and of a mask of its absent elements, bool (n, ...), which returns the
                  input without them; of tuples of these where there are several inputs. It must treat each of the n
                  rows by itself, and return the same for the same arguments.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **kwargs: Taken and dropped, as in Captum.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """

    attribute_future = future_of(attribute)


class Occlusion(FeatureAblation):
    """How much the output falls without each window: `pellucid.methods.Occlusion`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Occlusion
        >>> model = lambda x: x[:, 0] * x[:, 1]
        >>> x = torch.tensor([[2.0, 3.0]])
        >>> Occlusion(model).attribute(x, sliding_window_shapes=(1,))
        tensor([[6., 6.]])
    """

    @calls(methods.Occlusion)
    def attribute(  # type: ignore[override]  # as in Captum, the window comes second
        self,
        inputs: Inputs,
        sliding_window_shapes: WindowShapes,
        strides: Strides = None,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Inputs:
        """The mean effects of the windows over each element.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            sliding_window_shapes: The size of a sliding window in each dimension of an input but the first; for several
                inputs, a tuple of such.
            strides: By how much a window moves: in each dimension of an input but the first, or one number for all of
                them; for several inputs, a tuple of such. `None` is 1.
            baselines: What replaces a window, at the source:
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
            perturbations_per_eval: The largest number of perturbations of the batch per forward; None chooses it
                automatically.
            show_progress: Whether to show a progress bar on stderr.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            removal: How a window is taken away, in the place of baselines:
                * `pellucid.methods.Blur`: by the input, blurred.
                * `pellucid.methods.Segments`: by the mean colour of what is absent, or of patches or superpixels.
                * `pellucid.methods.Gaussian`: with edges as soft as a Gaussian.
                * `pellucid.methods.Disc`: with round corners, so that a square window becomes a disc.
                * `pellucid.methods.Rise`: by the random smooth masks of RISE.
                * a function of an input (n, ...) and of a mask of its absent elements, bool (n, ...), which returns the
                  input without them; of tuples of these where there are several inputs. It must treat each of the n
                  rows by itself, and return the same for the same arguments.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """

    attribute_future = Attribution.attribute_future


class FeaturePermutation(FeatureAblation):
    """How much the output falls with each feature exchanged: `pellucid.methods.FeaturePermutation`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        perm_func: How a feature is permuted; None draws, for each tensor it is in, from the permutations that move an
            example.

    Examples:
        >>> import torch
        >>> from pellucid.attr import FeaturePermutation
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> FeaturePermutation(model).attribute(x, target=1).shape
        torch.Size([2, 3])
    """

    def __init__(self, forward_func: Any, perm_func: Permutation | None = None) -> None:
        super().__init__(forward_func)
        self.perm_func = perm_func

    @calls(methods.FeaturePermutation)
    def attribute(  # type: ignore[override]  # as in Captum, there are no baselines
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **kwargs: Any,
    ) -> Inputs:
        """The effects of permuting each feature; Captum, too, takes other `kwargs` and drops them.

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
            feature_mask: What is one feature:
                * `None`: each element is a feature of its own.
                * a tensor of integers, which broadcasts to the input: elements with the same number are one feature, in
                  all examples alike (first dimension 1) or in each as it says.
                * a tuple of these, one for each input tensor; the same number in two of them is the same feature.
                Numbers must not be negative; some may be missing. Attributions give each element the value of its
                feature, so their sum counts a feature as often as it has elements; `pellucid.methods.per_feature` has
                each value once.
            perturbations_per_eval: The largest number of perturbations of the batch per forward; None chooses it
                automatically.
            show_progress: Whether to show a progress bar on stderr.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            seed: Seeds these draws; None draws from torch's global generator.
            generator: Gives the seed.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **kwargs: Taken and dropped, as in Captum.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """

    attribute_future = future_of(attribute)


class LayerFeatureAblation(LayerAttribution, PerturbationAttribution):
    """How much the output falls without each feature of a layer: `pellucid.methods.FeatureAblation` from there.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerFeatureAblation
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> LayerFeatureAblation(model, model[1]).attribute(x, target=1).shape
        torch.Size([2, 4])
    """

    attributor = OverriddenPart(lambda self: FeatureAblation, "override attribute.")

    @calls(methods.FeatureAblation, layer=layer_as_source)
    def attribute(
        self,
        inputs: Data,
        layer_baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        layer_mask: FeatureMask = None,
        attribute_to_layer_input: bool = False,
        perturbations_per_eval: int | None = None,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        show_progress: bool = False,
        replay: bool = True,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The effects of replacing each feature of the layer by its baseline.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            layer_baselines: What replaces a feature of the layer:
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
            layer_mask: What is one feature of the layer:
                * `None`: each element is a feature of its own.
                * a tensor of integers, which broadcasts to the input: elements with the same number are one feature, in
                  all examples alike (first dimension 1) or in each as it says.
                * a tuple of these, one for each input tensor; the same number in two of them is the same feature.
                Numbers must not be negative; some may be missing. Attributions give each element the value of its
                feature, so their sum counts a feature as often as it has elements; `pellucid.methods.per_feature` has
                each value once.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            perturbations_per_eval: The largest number of perturbations of the batch per forward; None chooses it
                automatically.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            removal: How a feature is taken away, in the place of baselines:
                * `pellucid.methods.Blur`: by the input, blurred.
                * `pellucid.methods.Segments`: by the mean colour of what is absent, or of patches or superpixels.
                * `pellucid.methods.Gaussian`: with edges as soft as a Gaussian.
                * `pellucid.methods.Disc`: with round corners, so that a square window becomes a disc.
                * `pellucid.methods.Rise`: by the random smooth masks of RISE.
                * a function of an input (n, ...) and of a mask of its absent elements, bool (n, ...), which returns the
                  input without them; of tuples of these where there are several inputs. It must treat each of the n
                  rows by itself, and return the same for the same arguments.
            show_progress: Whether to show a progress bar on stderr.
            replay: Whether modules that finish before the source may be replaced by their recorded outputs, once these
                were checked to give the same output. False runs them in every forward.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class LayerFeaturePermutation(LayerAttribution, FeaturePermutation):
    """How much the output falls with each feature of a layer exchanged: `pellucid.methods.FeaturePermutation`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerFeaturePermutation
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> LayerFeaturePermutation(model, model[1]).attribute(x, target=1).shape
        torch.Size([2, 4])
    """

    perm_func = None
    attributor = OverriddenPart(lambda self: FeaturePermutation, "override attribute.")

    @calls(methods.FeaturePermutation, layer=layer_as_source)
    def attribute(  # type: ignore[override]  # as in Captum, the mask has another name
        self,
        inputs: Data,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        layer_mask: FeatureMask = None,
        perturbations_per_eval: int | None = None,
        *,
        targets: TargetsLike | None = None,
        show_progress: bool = False,
        replay: bool = True,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The effects of permuting each feature of the layer.

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
            layer_mask: What is one feature of the layer:
                * `None`: each element is a feature of its own.
                * a tensor of integers, which broadcasts to the input: elements with the same number are one feature, in
                  all examples alike (first dimension 1) or in each as it says.
                * a tuple of these, one for each input tensor; the same number in two of them is the same feature.
                Numbers must not be negative; some may be missing. Attributions give each element the value of its
                feature, so their sum counts a feature as often as it has elements; `pellucid.methods.per_feature` has
                each value once.
            perturbations_per_eval: The largest number of perturbations of the batch per forward; None chooses it
                automatically.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            show_progress: Whether to show a progress bar on stderr.
            replay: Whether modules that finish before the source may be replaced by their recorded outputs, once these
                were checked to give the same output. False runs them in every forward.
            seed: Seeds these draws; None draws from torch's global generator.
            generator: Gives the seed.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """

    def attribute_future(
        self,
        inputs: Data,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        **kwargs: Any,
    ) -> Future[Attributed]:
        """The same as a future; as in Captum, the mask has the inputs' name here, but it is the layer's."""
        return call_in_future(
            self,
            inputs,
            target,
            additional_forward_args,
            feature_mask,
            perturbations_per_eval,
            show_progress=show_progress,
            targets=targets,
        )


class NeuronFeatureAblation(NeuronAttribution, PerturbationAttribution):
    """How much a neuron falls without each feature: `pellucid.methods.FeatureAblation` of it.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import NeuronFeatureAblation
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> NeuronFeatureAblation(model, model[1]).attribute(x, 0).shape
        torch.Size([2, 3])
    """

    @calls(methods.FeatureAblation)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: Baselines = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        attribute_to_neuron_input: bool = False,
        perturbations_per_eval: int | None = None,
        *,
        removal: RemovalLike | None = None,
        show_progress: bool = False,
        early_exit: bool = True,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Inputs:
        """The effects of replacing each feature by its baseline on the selected neuron.

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
            baselines: What replaces a feature, at the source:
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
            feature_mask: What is one feature:
                * `None`: each element is a feature of its own.
                * a tensor of integers, which broadcasts to the input: elements with the same number are one feature, in
                  all examples alike (first dimension 1) or in each as it says.
                * a tuple of these, one for each input tensor; the same number in two of them is the same feature.
                Numbers must not be negative; some may be missing. Attributions give each element the value of its
                feature, so their sum counts a feature as often as it has elements; `pellucid.methods.per_feature` has
                each value once.
            attribute_to_neuron_input: Whether the neuron is one of what the layer takes, and not of what it returns.
            perturbations_per_eval: The largest number of perturbations of the batch per forward; None chooses it
                automatically.
            removal: How a feature is taken away, in the place of baselines:
                * `pellucid.methods.Blur`: by the input, blurred.
                * `pellucid.methods.Segments`: by the mean colour of what is absent, or of patches or superpixels.
                * `pellucid.methods.Gaussian`: with edges as soft as a Gaussian.
                * `pellucid.methods.Disc`: with round corners, so that a square window becomes a disc.
                * `pellucid.methods.Rise`: by the random smooth masks of RISE.
                * a function of an input (n, ...) and of a mask of its absent elements, bool (n, ...), which returns the
                  input without them; of tuples of these where there are several inputs. It must treat each of the n
                  rows by itself, and return the same for the same arguments.
            show_progress: Whether to show a progress bar on stderr.
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
