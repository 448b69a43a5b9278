"""DeepLIFT: the contribution of each number to the difference of the output from that at a baseline."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from torch import Tensor

from pellucid.core.evaluation.block_buffer import BlockBuffer
from pellucid.core.evaluation.completeness import as_single_sample, gap_to_change
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.moments import Moments
from pellucid.core.evaluation.point_samplers import precomputed_points
from pellucid.core.evaluation.sweep import by_point, repeat_examples, sweep
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Background, Baselines, given_baselines, not_a_distribution
from pellucid.core.problem.points import Points
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import (
    Tensors,
    as_tensor_tuple,
    detach_all,
    for_each_target,
    format_shapes,
    sum_over_tensors,
    unwrap_single,
)
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.deeplift.reference import Contributions, ReferenceComparison
from pellucid.methods.deeplift.rescale import rescale

AttributionFunction: TypeAlias = Callable[[Tensors, Tensors, Tensors], Any]
"""(multipliers, inputs, baselines) -> attributions, Captum's `custom_attribution_func`."""


@final
@dataclass(frozen=True, kw_only=True)
class DeepLift(Summarized):
    """Contributions to the difference of the output from that at a baseline, by the Rescale rule.

    a_i = m_i * (x_i - x'_i), where the multipliers m pass back through every call f as (f(x) - f(x')) / (x - x')

    The attributions of an example add up to F(x) - F(x'), whatever functions and modules the model calls and however
    often: products, maxima, softmax, norms, attention and recurrent layers have rules, too. Nonlinear calls without a
    rule cause a warning.

    Shrikumar, Greenside, Kundaje, "Learning important features through propagating activation differences", 2017,
    https://arxiv.org/abs/1704.02685.

    Args:
        multiply_by_inputs: Whether to multiply by x - x', or to return the multipliers.
        eps: Differences smaller than this count as zero: a gradient takes the place of a ratio by them.
        custom_attribution_func: Makes attributions of multipliers, inputs and baselines, in place of their product.
        strict: Whether calls without a rule raise an error.

    Examples:
        >>> import torch
        >>> from pellucid.methods import DeepLift, Problem
        >>> problem = Problem(lambda x: (x[:, 0] * x[:, 1]).relu(), torch.tensor([[2.0, 3.0]]))
        >>> DeepLift()(problem).values
        (tensor([[3., 3.]]),)
    """

    multiply_by_inputs: bool = True
    eps: float = 1e-10
    custom_attribution_func: AttributionFunction | None = None
    strict: bool = False

    @attribution
    def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, return_convergence_delta: bool = False
    ) -> Attributions:
        """The contributions.

        Args:
            f: A function of points at the inputs or a layer, with one value per example.
            baselines: What to compare with; see [Baselines][pellucid.methods.Baselines].
            return_convergence_delta: Whether to measure how far the attributions are from adding up, which costs
                nothing.

        Returns:
            Attributions of the shapes of the tensors where gradients are taken; delta of shape (B,).

        Raises:
            InvalidArgument: The model makes other calls for the baselines than for the inputs.
        """
        start = f.baselines(baselines, needs_path=False)
        points = (
            f.floating_x
            + f.to_source(start)
            + (_baselines_if_layer_source(f, start) if return_convergence_delta else ())
        )
        moments, gaps = _contributions(self, f, 1, precomputed_points(as_single_sample(points)))
        return f.attributions(moments.mean, delta=gaps if return_convergence_delta else None)


@final
@dataclass(frozen=True, kw_only=True)
class DeepLiftShap(Summarized):
    """DeepLIFT on average over a distribution of baselines, which approximates Shapley values.

    a_i = mean over x' of m_i * (x_i - x'_i)

    Lundberg, Lee, "A unified approach to interpreting model predictions", 2017, https://arxiv.org/abs/1705.07874.

    Args:
        multiply_by_inputs: Whether to multiply by x - x', or to return the mean multipliers.
        eps: Differences smaller than this count as zero: a gradient takes the place of a ratio by them.
        custom_attribution_func: Makes attributions of multipliers, inputs and baselines, in place of their product.
        strict: Whether calls without a rule raise an error.

    Examples:
        >>> import torch
        >>> from pellucid.methods import DeepLiftShap, Problem
        >>> problem = Problem(lambda x: x.relu().sum(1), torch.tensor([[2.0, -1.0]]))
        >>> DeepLiftShap()(problem, torch.tensor([[0.0, 0.0], [1.0, 1.0]])).values
        (tensor([[ 1.5000, -0.5000]]),)
    """

    multiply_by_inputs: bool = True
    eps: float = 1e-10
    custom_attribution_func: AttributionFunction | None = None
    strict: bool = False

    @attribution
    def __call__(
        self, f: ModelFunction, /, baselines: Baselines, *, return_convergence_delta: bool = False
    ) -> Attributions:
        """The mean contributions, with standard errors over the baselines.

        Args:
            f: A function of points at the inputs or a layer, with one value per example.
            baselines: The distribution: a tensor (n_baselines, ...) for each input, of two baselines at least, or a
                [Background][pellucid.methods.Background]; or a function of the inputs that returns one.
            return_convergence_delta: Whether to measure how far the attributions are from adding up.

        Returns:
            Attributions of the shapes of the tensors where gradients are taken; delta of shape (B * n_baselines,),
            those of an example together.

        Raises:
            InvalidArgument: The baselines do not fit the inputs, or are fewer than two.
        """
        distribution = _distribution(baselines, f)
        x = f.floating_x

        def pairs(samples: slice, point_range: slice) -> Tensors:
            """Each of some points beside each of some baselines, sample by sample."""
            count, ends = samples.stop - samples.start, tuple(tensor[point_range] for tensor in x)
            examples = f.examples[point_range].repeat(count)
            starts = tuple(_rows_of(tensor, samples, point_range, len(ends[0])) for tensor in distribution)
            ends = tuple(tensor.repeat(count, *[1] * (tensor.ndim - 1)) for tensor in ends)
            return (
                ends
                + f.to_source(starts, examples)
                + (_baselines_if_layer_source(f, starts) if return_convergence_delta else ())
            )

        moments, gaps = _contributions(self, f, len(distribution[0]), pairs)
        return f.attributions(moments.mean, delta=gaps if return_convergence_delta else None, stderr=moments.stderr)


def _contributions(
    method: DeepLift | DeepLiftShap, f: ModelFunction, samples: int, pairs: Callable[[slice, slice], Tensors]
) -> tuple[Moments, Tensor]:
    """The contributions over samples of pairs of points and baselines.

    Args:
        method: The method.
        f: The function, of one value per example.
        samples: How many pairs there are for each point.
        pairs: (samples, points) -> the points, their baselines, and perhaps these as inputs of the model, whose values
            the attributions are compared with.

    Returns:
        The moments of the contributions; and how far those of each pair are from adding up.
    """
    comparison, count = ReferenceComparison(f, rescale(method.eps), method.eps), len(f.x)

    def evaluate(points: Points) -> Tensors:
        end, start, inputs = (
            Points(points.tensors[tensors], points.examples)
            for tensors in (slice(count), slice(count, 2 * count), slice(2 * count, None))
        )
        contributions = comparison.between(start, end)
        attributions = _attributions(method, contributions)
        reference_value = contributions.reference_value
        if inputs.tensors:
            reference_value = f.from_inputs()(inputs).reshape(reference_value.shape)
        change = contributions.value - reference_value
        return (*attributions, gap_to_change(sum_over_tensors(attributions, change.ndim), change))

    moments = Moments(len(f), orders=1 if samples == 1 else 2)
    gaps = BlockBuffer(samples * len(f))
    for sample_range, point_range, (*attributions, gap) in sweep(f, samples, pairs, evaluate):
        moments.add(sample_range, point_range, tuple(attributions))
        gaps.add(len(repeat_examples(f.examples, sample_range, point_range)), (gap.detach().flatten(0, 1),))
    comparison.report(strict=method.strict)
    return moments, by_point(gaps, samples).flatten(0, 1)


def _baselines_if_layer_source(f: ModelFunction, start: Tensors) -> Tensors:
    """The baselines as inputs of the model, where the source is a layer: its tensors may not determine the output."""
    return start if f.evaluator.source.modules else ()


def _attributions(method: DeepLift | DeepLiftShap, contributions: Contributions) -> Tensors:
    """Contributions, multipliers or what the user's function returns for them.

    Raises:
        InvalidArgument: The user's function returns another number of tensors.
    """
    multipliers, activations = contributions.multipliers, contributions.activations_at
    if method.custom_attribution_func is None:
        return contributions.contributions if method.multiply_by_inputs else multipliers
    custom, reference = method.custom_attribution_func, contributions.reference_activations

    def attributions_of(multipliers: Tensors) -> Tensors:
        return as_tensor_tuple(custom(multipliers, activations, reference), "custom_attribution_func")

    attributions = for_each_target(attributions_of, multipliers, several=contributions.value.ndim > 1)
    if len(attributions) != len(activations):
        raise InvalidArgument(
            "custom_attribution_func must return attributions for each tensor: "
            f"expected {format_shapes(activations)}, got {format_shapes(attributions)}."
        )
    return attributions


def with_three_arguments(custom: Callable[..., Any] | None) -> AttributionFunction | None:
    """Captum's `custom_attribution_func`, which may take the first one or two arguments only, as one of all three."""
    if custom is None:
        return None
    count = len(inspect.signature(custom).parameters)
    return lambda *arguments: custom(*arguments[:count])


def _rows_of(distribution: Tensor, samples: slice, point_range: slice, points: int) -> Tensor:
    """Some rows of a distribution (R, 1 or n, ...) for some points, (rows * points, ...), row by row."""
    rows = distribution[samples] if distribution.shape[1] == 1 else distribution[samples, point_range]
    return rows.expand(-1, points, *rows.shape[2:]).flatten(0, 1)


def _distribution(baselines: Baselines, f: ModelFunction) -> Tensors:
    """Baselines (n_baselines, 1 or n, ...), one for each input of the model.

    Raises:
        InvalidArgument: They do not fit the inputs, or are fewer than two.
    """
    like = f.baseline_template(needs_path=False)
    baselines = given_baselines(baselines, unwrap_single(f.problem.inputs))
    if isinstance(baselines, Background):
        rows = baselines.rows_like(like, f.session.other_rows(f.examples), f.problem.batch_size)
        return _at_least_two(tuple(tensor.to(x) for tensor, x in zip(rows, like, strict=True)))
    distribution: Any = baselines if isinstance(baselines, tuple) else (baselines,)
    fits = len(distribution) == len(like) and all(
        isinstance(b, Tensor) and b.shape[1:] == x.shape[1:] and len(b) == len(distribution[0])
        for b, x in zip(distribution, like, strict=True)
    )
    if not fits:
        raise not_a_distribution(baselines, like)
    rows = tuple(b.to(x).unsqueeze(1) for b, x in zip(distribution, like, strict=True))
    return _at_least_two(rows if f.problem.options.create_graph else detach_all(rows))


def _at_least_two(distribution: Tensors) -> Tensors:
    """Baselines (n_baselines, 1 or n, ...), of which there must be two."""
    if len(distribution[0]) < 2:
        raise InvalidArgument("baselines must be at least two: got 1. Hint: DeepLift takes a single one.")
    return distribution
