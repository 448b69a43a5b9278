"""Captum's names for Shapley values.

Bodies under `@calls` are empty: it routes the arguments by their names, as `attr/_routes.py` says.
"""

from __future__ import annotations

from typing import Any, Literal, overload

import torch
from torch import Future
from typing_extensions import Unpack

from pellucid import methods
from pellucid.attr._bases import Attributed, Data, Inputs, PerturbationAttribution
from pellucid.attr._calls import call_in_future, calls, future_of
from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.removal import RemovalLike
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.data import DataOptions


class ShapleyValueSampling(PerturbationAttribution):
    """Shapley values by sampled orders: `pellucid.methods.ShapleyValueSampling`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.

    Examples:
        >>> import torch
        >>> from pellucid.attr import ShapleyValueSampling
        >>> model = lambda x: x[:, 0] * x[:, 1]
        >>> x = torch.tensor([[2.0, 3.0]])
        >>> ShapleyValueSampling(model).attribute(x, n_samples=50, seed=0).shape
        torch.Size([1, 2])
    """

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int | Literal["auto"] = 25,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        return_stderr: Literal[False] = False,
        seed: int | None = None,
        generator: torch.Generator | None = None,
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
        feature_mask: FeatureMask = None,
        n_samples: int | Literal["auto"] = 25,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        return_stderr: Literal[True],
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Inputs, Inputs | None]: ...

    @calls(methods.ShapleyValueSampling, keeps_single=True)
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int | Literal["auto"] = 25,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        return_stderr: bool = False,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The Shapley values of each feature, by `n_samples` orders; (B, 1, ...) for an output (B, 1), as in Captum.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: What absent features are, at the source:
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
            n_samples: Permutations, the same for all examples; "auto" goes on with an example until its 95 % intervals
                are narrow.
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
            tolerance: With "auto", half the width of an interval that is narrow enough.
            relative: Whether this is a share of the example's largest attribution.
            max_samples: With "auto", where it gives up; the result tells which examples have `converged`, and how many
                permutations each took in `n_evaluations`.
            return_stderr: Whether to return standard errors, too.
            seed: Seeds the permutations; None draws from torch's global generator.
            generator: Gives the seed.
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

    attribute_future = future_of(attribute)


class ShapleyValues(ShapleyValueSampling):
    """Exact Shapley values, by all coalitions: `pellucid.methods.ShapleyValues`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.

    Examples:
        >>> import torch
        >>> from pellucid.attr import ShapleyValues
        >>> model = lambda x: x[:, 0] * x[:, 1]
        >>> x = torch.tensor([[2.0, 3.0]])
        >>> ShapleyValues(model).attribute(x)
        tensor([[3., 3.]])
    """

    @calls(methods.ShapleyValues, keeps_single=True)
    def attribute(  # type: ignore[override]  # as in Captum, there are no samples
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
        **data: Unpack[DataOptions],
    ) -> Inputs:
        """The Shapley values of each feature; (B, 1, ...) for an output (B, 1), as in Captum.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            baselines: What absent features are, at the source:
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
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """

    def attribute_future(
        self,
        inputs: Data,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int = 25,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
    ) -> Future[Attributed]:
        """The same as a future; as in Captum, it takes `n_samples`, which are of no use."""
        return call_in_future(
            self,
            inputs,
            baselines,
            target,
            additional_forward_args,
            feature_mask,
            perturbations_per_eval,
            show_progress,
            targets=targets,
        )
