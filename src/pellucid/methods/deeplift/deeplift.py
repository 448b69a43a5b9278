"""DeepLIFT: how much each number contributes to the change of the output from that for a baseline."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from torch import Tensor

from pellucid.core.evaluation.completeness import as_single_sample, gap_to_change
from pellucid.core.evaluation.gathered import BlockBuffer
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.moments import Moments
from pellucid.core.evaluation.point_samplers import precomputed_points
from pellucid.core.evaluation.sweep import by_place, repeat_examples, sweep
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines, not_a_distribution
from pellucid.core.problem.points import Points
from pellucid.core.tensors import Tensors, as_tensor_tuple, format_shapes, sum_over_tensors
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.deeplift.reference import Contributions, ReferenceComparison
from pellucid.methods.deeplift.rescale import rescale

AttributionFunction: TypeAlias = Callable[[Tensors, Tensors, Tensors], Any]
"""(multipliers, inputs, baselines) -> attributions, as users of Captum give it."""


@final
@dataclass(frozen=True, kw_only=True)
class DeepLift:
    """Contributions to the change of the output from that for a baseline, by the Rescale rule.

    a_i = m_i * (x_i - x'_i), where the multipliers m pass back through every call f as (f(x) - f(x')) / (x - x')

    The attributions of an example add up to F(x) - F(x'): exactly, whatever functions and modules the model calls and
    however often, as products, maxima, softmax, norms, attention and recurrent layers have rules, too. What has none is
    warned of.

    Shrikumar, Greenside, Kundaje, "Learning important features through propagating activation differences", 2017,
    https://arxiv.org/abs/1704.02685.

    Args:
        multiply_by_inputs: Whether to multiply by x - x', or to return the multipliers.
        eps: Changes smaller than this are none: a gradient takes the place of their ratio.
        custom: Makes attributions of multipliers, inputs and baselines, in place of their product.
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
    custom: AttributionFunction | None = None
    strict: bool = False

    @attribution
    def __call__(self, f: ModelFunction, /, baselines: Baselines = None, *, delta: bool = False) -> Attributions:
        """The contributions.

        Args:
            f: From the inputs or a layer, to one value per example.
            baselines: What to compare with; see [Baselines][pellucid.methods.Baselines].
            delta: Whether to measure how far the attributions are from adding up, which costs nothing.

        Returns:
            Attributions of the shapes of the tensors where the pathway reads; delta of shape (B,).

        Raises:
            InvalidArgument: The model makes other calls for the baselines than for the inputs.
        """
        start = f.baselines(baselines, between=False)
        points = f.floating_x + f.to_source(start) + (_baselines_if_layer_source(f, start) if delta else ())
        found, gaps = _contributions(self, f, 1, precomputed_points(as_single_sample(points)))
        return f.attributions(found.mean, delta=gaps if delta else None)


@final
@dataclass(frozen=True, kw_only=True)
class DeepLiftShap:
    """DeepLIFT on average over a distribution of baselines, which approximates Shapley values.

    a_i = mean over x' of m_i * (x_i - x'_i)

    Lundberg, Lee, "A unified approach to interpreting model predictions", 2017, https://arxiv.org/abs/1705.07874.

    Args:
        multiply_by_inputs: Whether to multiply by x - x', or to return the mean multipliers.
        eps: Changes smaller than this are none: a gradient takes the place of their ratio.
        custom: Makes attributions of multipliers, inputs and baselines, in place of their product.
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
    custom: AttributionFunction | None = None
    strict: bool = False

    @attribution
    def __call__(self, f: ModelFunction, /, baselines: Tensor | Tensors, *, delta: bool = False) -> Attributions:
        """The mean contributions, with standard errors over the baselines.

        Args:
            f: From the inputs or a layer, to one value per example.
            baselines: All of them: tensors (n_baselines, ...), two at least, one for each input.
            delta: Whether to measure how far the attributions are from adding up.

        Returns:
            Attributions of the shapes of the tensors where the pathway reads; delta of shape (B * n_baselines,), those
            of an example together.

        Raises:
            InvalidArgument: The baselines do not fit the inputs, or are fewer than two.
        """
        starts = _distribution(baselines, f)
        x = f.floating_x

        def pairs(samples: slice, point_range: slice) -> Tensors:
            count, ends = samples.stop - samples.start, tuple(each[point_range] for each in x)
            rows = f.examples[point_range].repeat(count)
            start = tuple(each[samples].repeat_interleave(len(ends[0]), dim=0) for each in starts)
            ends = tuple(each.repeat(count, *[1] * (each.ndim - 1)) for each in ends)
            return ends + f.to_source(start, rows) + (_baselines_if_layer_source(f, start) if delta else ())

        found, gaps = _contributions(self, f, len(starts[0]), pairs)
        return f.attributions(found.mean, delta=gaps if delta else None, stderr=found.stderr)


def _contributions(
    method: DeepLift | DeepLiftShap, f: ModelFunction, samples: int, pairs: Callable[[slice, slice], Tensors]
) -> tuple[Moments, Tensor]:
    """Moments of the contributions over samples of points and baselines, and how far each is from adding up."""
    contrast, count = ReferenceComparison(f, rescale(method.eps), method.eps), len(f.x)

    def evaluate(points: Points) -> Tensors:
        end, start, inputs = (
            Points(points.tensors[part], points.examples)
            for part in (slice(count), slice(count, 2 * count), slice(2 * count, None))
        )
        change = contrast.between(start, end)
        shares = _shares(method, change)
        value0 = f.from_inputs()(inputs).flatten() if inputs.tensors else change.reference_value
        return (*shares, gap_to_change(sum_over_tensors(shares), change.value - value0))

    moments = Moments(len(f), orders=1 if samples == 1 else 2)
    gaps = BlockBuffer(samples * len(f))
    for numbers, places, (*shares, missed) in sweep(f, samples, pairs, evaluate):
        moments.add(numbers, places, tuple(shares))
        gaps.add(len(repeat_examples(f.examples, numbers, places)), (missed.detach().flatten(),))
    contrast.report(strict=method.strict)
    return moments, by_place(gaps, samples).flatten()


def _baselines_if_layer_source(f: ModelFunction, start: Tensors) -> Tensors:
    """Baselines as inputs of the model, whose change is shared out where the source is a layer."""
    return start if f.evaluator.source.modules else ()


def _shares(method: DeepLift | DeepLiftShap, change: Contributions) -> Tensors:
    if method.custom is None:
        return change.contributions if method.multiply_by_inputs else change.multipliers
    found = as_tensor_tuple(
        method.custom(change.multipliers, change.activations_at, change.reference_activations),
        "custom_attribution_func",
    )
    if len(found) != len(change.activations_at):
        raise InvalidArgument(
            "custom_attribution_func must return attributions for each tensor: "
            f"expected {format_shapes(change.activations_at)}, got {format_shapes(found)}."
        )
    return found


def with_three_arguments(custom: Callable[..., Any] | None) -> AttributionFunction | None:
    """A function of multipliers, of inputs too, or of all three, as one of all three."""
    if custom is None:
        return None
    count = len(inspect.signature(custom).parameters)
    return lambda *given: custom(*given[:count])


def _distribution(baselines: Tensor | Tensors, f: ModelFunction) -> Tensors:
    """Baselines (n_baselines, ...), one for each input of the model.

    Raises:
        InvalidArgument: They do not fit the inputs, or are fewer than two.
    """
    like = f.baseline_template(between=False)
    each = baselines if isinstance(baselines, tuple) else (baselines,)
    fits = len(each) == len(like) and all(
        isinstance(b, Tensor) and b.shape[1:] == x.shape[1:] and len(b) == len(each[0])
        for b, x in zip(each, like, strict=True)
    )
    if not fits:
        raise not_a_distribution(baselines, like)
    if len(each[0]) < 2:
        raise InvalidArgument("baselines must be at least two: got 1. Hint: DeepLift takes a single one.")
    return tuple(
        b.to(x) if f.problem.options.create_graph else b.detach().to(x) for b, x in zip(each, like, strict=True)
    )
