"""Captum's names for models fitted around one input.

Bodies under `@calls` are empty: it routes the arguments by their names, as `attr/_routes.py` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, overload

import torch
from torch import Tensor
from typing_extensions import Unpack

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    Inputs,
    PerturbationAttribution,
    TensorOrTensors,
    masks_of_examples,
    value_or_default,
)
from pellucid.attr._calls import Conversion, calls
from pellucid.attr._internals import OverriddenPart
from pellucid.attr._routes import read_from_object
from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.removal import RemovalLike
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike, TargetsLike
from pellucid.core.tensors import as_tensor_tuple
from pellucid.data import DataOptions
from pellucid.methods.surrogates.coalition_samplers import captum_samples
from pellucid.methods.surrogates.design import Perturbation, Similarity, Surrogate
from pellucid.methods.surrogates.kernel_shap import Sampling
from pellucid.methods.surrogates.lasso import LinearSolver
from pellucid.methods.surrogates.lime import bernoulli_half, perturbed_inputs
from pellucid.methods.surrogates.lime_base import Transform

MASKS: dict[str, Conversion] = {"feature_mask": masks_of_examples}

PARTS = (
    "interpretable_model",
    "similarity_func",
    "perturb_func",
    "perturb_interpretable_space",
    "from_interp_rep_transform",
    "to_interp_rep_transform",
)
TAKES_ALL = "LimeBase takes each of them, and the functions that others need."
LIME = "give Lime an interpretable_model, a similarity_func and a perturb_func."


def get_exp_kernel_similarity_function(
    distance_mode: Literal["cosine", "euclidean"] = "cosine", kernel_width: float = 1.0
) -> Similarity:
    """What perturbed inputs count by their distance: [pellucid.methods.ExponentialKernel][]."""
    return methods.ExponentialKernel(distance_mode, kernel_width)


class LimeBase(PerturbationAttribution):
    """What a model learns from the outputs for perturbed inputs: `pellucid.methods.LimeBase`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        interpretable_model: Is fitted to the samples.
        similarity_func: What each perturbed input counts.
        perturb_func: Draws the samples.
        perturb_interpretable_space: Whether it draws interpretable samples, or else perturbed inputs.
        from_interp_rep_transform: Turns interpretable samples into inputs.
        to_interp_rep_transform: Turns perturbed inputs into interpretable samples.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Lime
        >>> model = lambda x: x[:, 0] * x[:, 1]
        >>> x = torch.tensor([[2.0, 3.0]])
        >>> parts = Lime(model)
        >>> parts.interpretable_model
        Lasso()
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        interpretable_model: Surrogate,
        similarity_func: Similarity,
        perturb_func: Perturbation,
        perturb_interpretable_space: bool,
        from_interp_rep_transform: Transform | None,
        to_interp_rep_transform: Transform | None,
    ) -> None:
        super().__init__(forward_func)
        self.interpretable_model: Any = interpretable_model
        self.similarity_func: Any = similarity_func
        self.perturb_func: Any = perturb_func
        self.perturb_interpretable_space: Any = perturb_interpretable_space
        self.from_interp_rep_transform: Any = from_interp_rep_transform
        self.to_interp_rep_transform: Any = to_interp_rep_transform
        methods.LimeBase(**read_from_object(self, PARTS))  # which refuses what does not go together

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return False

    attribute_future = PerturbationAttribution.attribute_future

    @calls(methods.LimeBase, keywords="callback_kwargs")
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_samples: int = 50,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        whole_batch: bool | None = None,
        **kwargs: Any,
    ) -> Inputs:
        """What the model learnt; `kwargs` go to the functions that perturb, transform and compare.

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
            n_samples: How many samples are drawn.
            perturbations_per_eval: The largest number of perturbations of the batch per forward; None chooses it
                automatically.
            show_progress: Whether to show a progress bar on stderr.
            targets: Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K).
                Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **kwargs: What the functions that perturb, transform and compare are given.

        Returns:
            What the interpretable model learnt, (B, coefficients) or (1, coefficients).

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class Lime(LimeBase):
    """The coefficients of a sparse linear model near each input: `pellucid.methods.Lime`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        interpretable_model: Is fitted to the samples; None is a `pellucid.methods.Lasso`, of all examples together.
        similarity_func: What each perturbed input counts; None is an `pellucid.methods.ExponentialKernel`, which goes
            by the angle.
        perturb_func: Draws which features are there; None is `pellucid.methods.surrogates.lime.bernoulli_half`, a coin
            for each.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Lime
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> Lime(model).attribute(x, target=1, n_samples=50, seed=0).shape
        torch.Size([2, 3])
    """

    perturb_interpretable_space = OverriddenPart(lambda self: True, TAKES_ALL)
    from_interp_rep_transform = OverriddenPart(lambda self: perturbed_inputs, TAKES_ALL)
    to_interp_rep_transform = OverriddenPart(lambda self: None, TAKES_ALL)

    def __init__(
        self,
        forward_func: Callable[..., Any],
        interpretable_model: Surrogate | LinearSolver | None = None,
        similarity_func: Similarity | None = None,
        perturb_func: Perturbation | None = None,
    ) -> None:
        PerturbationAttribution.__init__(self, forward_func)
        self.interpretable_model: Any = value_or_default(interpretable_model, methods.Lasso())
        self.similarity_func: Any = value_or_default(similarity_func, methods.ExponentialKernel())
        self.perturb_func: Any = value_or_default(perturb_func, bernoulli_half)

    @overload  # type: ignore[override]  # as in Captum, baselines come second
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int | Literal["auto"] = 25,
        perturbations_per_eval: int | None = None,
        return_input_shape: bool = True,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
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
        return_input_shape: bool = True,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        return_stderr: Literal[True],
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Inputs, Inputs | None]: ...

    @calls(methods.Lime, convert=MASKS)
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int | Literal["auto"] = 25,
        perturbations_per_eval: int | None = None,
        return_input_shape: bool = True,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        return_stderr: bool = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The coefficients of the features.

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
            n_samples: How many perturbed inputs; "auto" goes on with an example until its 95 % intervals are narrow.
            perturbations_per_eval: The largest number of perturbations of the batch per forward; None chooses it
                automatically.
            return_input_shape: Whether each element has the value of its feature, or else there is one value per
                feature.
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
            return_stderr: Whether to return standard errors, too.
            tolerance: With "auto", half the width of an interval that is narrow enough.
            relative: Whether this is a share of the example's largest coefficient.
            max_samples: With "auto", where it gives up; the result tells which examples have `converged`.
            seed: Seeds the coalitions, which all examples then share; None draws them from torch's global generator.
            generator: Gives the seed.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors, of their shapes, or (B, features). With
            `return_stderr`, standard errors follow in the same form, or None where there are none.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """


class KernelShap(Lime):
    """Shapley values by weighted least squares: `pellucid.methods.KernelShap`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.

    Examples:
        >>> import torch
        >>> from pellucid.attr import KernelShap
        >>> model = lambda x: x[:, 0] * x[:, 1]
        >>> x = torch.tensor([[2.0, 3.0]])
        >>> KernelShap(model).attribute(x, n_samples=50, seed=0).round(decimals=4)
        tensor([[2.6250, 3.3750]])
    """

    interpretable_model = OverriddenPart(lambda self: methods.Lasso(alpha=0), LIME)
    similarity_func = OverriddenPart(lambda self: self.kernel_shap_similarity_kernel, LIME)
    perturb_func = OverriddenPart(lambda self: self.kernel_shap_perturb_generator, LIME)
    inf_weight = OverriddenPart(lambda self: 1e6, LIME)
    """What coalitions of none and of all count in `kernel_shap_similarity_kernel`; really, they hold exactly."""

    def __init__(self, forward_func: Callable[..., Any]) -> None:
        PerturbationAttribution.__init__(self, forward_func)

    @overload  # type: ignore[override]  # what can only be named is its own
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int | Literal["auto"] = 25,
        perturbations_per_eval: int | None = None,
        return_input_shape: bool = True,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        sampling: Sampling = "captum",
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
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
        return_input_shape: bool = True,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        sampling: Sampling = "captum",
        return_stderr: Literal[True],
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> tuple[Inputs, Inputs | None]: ...

    @calls(methods.KernelShap, convert=MASKS)
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int | Literal["auto"] = 25,
        perturbations_per_eval: int | None = None,
        return_input_shape: bool = True,
        show_progress: bool = False,
        *,
        targets: TargetsLike | None = None,
        removal: RemovalLike | None = None,
        sampling: Sampling = "captum",
        return_stderr: bool = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The Shapley values, by `n_samples` `pellucid.methods.surrogates.kernel_shap.Sampling`.

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
            n_samples: How many coalitions, the empty and the grand one among them; None is 2 n + 2048 for n features
                that differ from their baselines in some example. Never more are evaluated than there are. "auto" goes
                on with an example until its 95 % intervals are narrow.
            perturbations_per_eval: The largest number of perturbations of the batch per forward; None chooses it
                automatically.
            return_input_shape: Whether each element has the value of its feature, or else there is one value per
                feature.
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
            sampling: How coalitions are sampled; see `pellucid.methods.surrogates.kernel_shap.Sampling`.
            return_stderr: Whether to return standard errors, too.
            tolerance: With "auto", half the width of an interval that is narrow enough.
            relative: Whether this is a share of the example's largest attribution.
            max_samples: With "auto", where it gives up; the result tells which examples have `converged`.
            seed: Seeds the coalitions, which all examples then share; None draws from torch's global generator.
            generator: Gives the seed.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors, of their shapes, or (B, features). With
            `return_stderr`, standard errors follow in the same form, or None where there are none.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """

    def kernel_shap_similarity_kernel(self, _: Any, __: Any, interpretable_sample: Tensor, **kwargs: Any) -> Tensor:
        """What a coalition counts, as Captum has it: very much those of none and of all, as others are drawn by it."""
        return torch.where(interpretable_sample.var(1, correction=0) > 0, 1.0, self.inf_weight)

    def kernel_shap_perturb_generator(self, original_inp: TensorOrTensors, **kwargs: Any) -> Iterator[Tensor]:
        """Coalitions as Captum draws them, (1, `num_interp_features`): all, none, and then random ones for ever."""
        return captum_samples(kwargs["num_interp_features"], as_tensor_tuple(original_inp, "original_inp")[0].device)
