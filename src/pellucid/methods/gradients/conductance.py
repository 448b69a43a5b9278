"""Conductance: the part of an attribution that passes through a layer, or through a neuron."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.block_buffer import BlockBuffer
from pellucid.core.evaluation.completeness import (
    OUTPUT_ROUNDING,
    as_single_sample,
    completeness_gap,
    ends_fit_into_block,
    warn_of_misses,
    with_ends,
)
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.point_samplers import precomputed_points, straight_line
from pellucid.core.evaluation.quadrature import Quadrature, quadrature
from pellucid.core.evaluation.sweep import by_point, sweep, values_at, weighted_gradient_sum, zeros_for_all
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.points import Points
from pellucid.core.problem.target import TargetLike
from pellucid.core.problem.target_resolution import target_at
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import (
    Tensors,
    as_floating,
    at_least_float32,
    cast_like,
    detach_all,
    minus,
    per_target,
    times,
)
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution


@final
@dataclass(frozen=True, kw_only=True)
class Conductance(Summarized):
    """The integral of the gradient at a layer along the path of its activations, from the baseline to the input.

    a_j = integral over alpha in [0, 1] of dF / dy_j * dy_j / dalpha, at x' + alpha (x - x')

    The integral becomes a sum of gradients times differences of activations, from point to point. At a layer that no
    connection goes around, the attributions add up to F(x) - F(x').

    Dhamdhere, Sundararajan, Yan, "How important is a neuron?", 2018, https://arxiv.org/abs/1805.12233;
    Shrikumar, Su, Kundaje, "Computationally efficient measures of internal neuron importance", 2018,
    https://arxiv.org/abs/1807.09946.

    Args:
        n_steps: The number of differences; there is one more point on the line.
        method: The points' quadrature rule; only those of `riemann_trapezoid` reach both ends of the line. See
            [quadrature][pellucid.core.evaluation.quadrature.quadrature].
        gradient_rule: Whether a difference is multiplied by the mean of the gradients at its two points ("mean"), or by
            the gradient at the first of them, as in Captum ("left").

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import Conductance, Problem
        >>> model = nn.Sequential(nn.Flatten(), nn.Softplus(), nn.Flatten())
        >>> problem = Problem(model, torch.ones(1, 2), target=1, gradient_at="1")
        >>> Conductance()(problem).values[0].round(decimals=4)
        tensor([[0.0000, 0.6201]])
    """

    n_steps: int = 50
    method: Quadrature = "riemann_trapezoid"
    gradient_rule: Literal["mean", "left"] = "mean"

    @attribution
    def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, return_convergence_delta: bool = False
    ) -> Attributions:
        """The conductance.

        Args:
            f: A function of the inputs, with gradients at a layer.
            baselines: Where the line starts; see [Baselines][pellucid.methods.Baselines].
            return_convergence_delta: Whether to measure how far the attributions are from adding up, at two more
                forwards.

        Returns:
            Attributions of the shapes of the tensors at the layer; delta of shape (B,).
        """
        check_count("n_steps", self.n_steps)
        start = f.baselines(baselines)
        nodes = torch.from_numpy(quadrature(self.method, self.n_steps + 1)[0])
        x, reference = as_floating(f.x), f.to_source(start)
        measures_ends = not f.evaluator.source.modules and ends_fit_into_block(f, self.n_steps)
        nodes = with_ends(nodes) if measures_ends else nodes
        outputs = BlockBuffer(len(nodes) * len(f))

        def evaluate(points: Points) -> Tensors:
            gradient = f.gradient(points)
            outputs.add(len(points), (gradient.value.detach(),))
            activations = gradient.tensors if f.problem.options.create_graph else detach_all(gradient.tensors)
            return tuple(map(at_least_float32, activations + gradient.grad))

        integral = _PathIntegral(len(f), 2 if measures_ends else 0, self.gradient_rule)
        for samples, point_range, block in sweep(f, len(nodes), straight_line(reference, x, nodes), evaluate):
            integral.add(samples, point_range, block)
        result = f.attributions(integral.sums)
        if measures_ends:
            output_at_start, output_at_end = by_point(outputs, len(nodes))[:, :2].unbind(1)
            rounding = OUTPUT_ROUNDING * (output_at_start.abs() + output_at_end.abs())
            is_complete = functools.partial(_layer_decides_output, f, start, output_at_start, rounding)
            warn_of_misses(result.values, output_at_end, output_at_start, due=is_complete)
        if not return_convergence_delta:
            return result
        return dataclasses.replace(result, delta=completeness_gap(f, result.values, start))


@final
class _PathIntegral:
    """Sums of gradients times differences of activations, from sample to sample; blocks of samples come in order.

    Args:
        points: The number of points, of which each has a path.
        skipped: How many first samples are not on the paths.
        gradient_rule: Which gradient a difference is multiplied by; see [Conductance][pellucid.methods.Conductance].
    """

    def __init__(self, points: int, skipped: int, gradient_rule: Literal["mean", "left"]) -> None:
        self.sums: Tensors = ()
        self._last: Tensors = ()  # the last sample of each point: activations and gradients
        self._points, self._skipped, self._gradient_rule = points, skipped, gradient_rule

    def add(self, samples: slice, point_range: slice, block: Tensors) -> None:
        """Add a block of a sweep: activations (k, n, ...) and then gradients, of k samples of n points."""
        if not self._last:
            self._last = tuple(zeros_for_all(tensor, point_range, self._points) for tensor in block)
            self.sums = tuple(map(torch.zeros_like, self._last[len(self._last) // 2 :]))
        if samples.start > self._skipped:
            pairs = zip(self._last, block, strict=True)
            path = tuple(torch.cat((last[point_range][None], tensor)) for last, tensor in pairs)
        else:
            path = tuple(tensor[self._skipped - samples.start :] for tensor in block)
        if not len(path[0]):
            return
        for total, activation, gradient in zip(self.sums, path, path[len(self.sums) :], strict=False):
            multiplier = gradient[:-1] if self._gradient_rule == "left" else (gradient[:-1] + gradient[1:]) / 2
            (difference,) = per_target((activation.diff(dim=0),), (multiplier,), after=2)
            total[point_range] += (multiplier * difference).sum(0)
        for last, tensor in zip(self._last, block, strict=True):
            last[point_range] = tensor[-1]


def _layer_decides_output(f: ModelFunction, start: Tensors, outputs: Tensor, tolerance: Tensor) -> bool:
    """Whether a layer alone decides the output: its activations at the baselines give the outputs there.

    If they do, no connection goes around the layer, and the attributions should add up.
    """
    layer = f.replace(source=f.evaluator.gradient_at)
    points = precomputed_points(as_single_sample(layer.to_source(start)))
    return bool(((values_at(layer, 1, points)[:, 0] - outputs).abs() <= tolerance).all())


@final
@dataclass(frozen=True, kw_only=True)
class NeuronConductance(Summarized):
    """The part of each input's integrated gradients that passes through a neuron.

    a_i = (x_i - x'_i) * integral over alpha in [0, 1] of dF / dy_j * dy_j / dx_i, at x' + alpha (x - x')

    The conductances of several selected neurons are added up.

    Dhamdhere, Sundararajan, Yan, "How important is a neuron?", 2018, https://arxiv.org/abs/1805.12233.

    Args:
        selector: Which neurons of the layer where gradients are taken; see
            [TargetLike][pellucid.methods.TargetLike].
        n_steps: Points on the line.
        method: How the integral becomes a sum; see [quadrature][pellucid.core.evaluation.quadrature.quadrature].
        multiply_by_inputs: Whether to multiply by x - x' (global attribution) or not (local).

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import NeuronConductance, Problem
        >>> model = nn.Sequential(nn.Flatten(), nn.Softplus(), nn.Flatten())
        >>> problem = Problem(model, torch.ones(1, 2), target=1, gradient_at="1")
        >>> NeuronConductance(selector=1)(problem).values[0].round(decimals=4)
        tensor([[0.0000, 0.6201]])
    """

    selector: TargetLike
    n_steps: int = 50
    method: Quadrature = "gausslegendre"
    multiply_by_inputs: bool = True

    @attribution
    def __call__(self, f: ModelFunction, /, baselines: Baselines = None) -> Attributions:
        """The conductance of the neuron, input by input.

        Args:
            f: A function of the inputs, with gradients at the neuron's layer.
            baselines: Where the line starts; see [Baselines][pellucid.methods.Baselines].

        Returns:
            Attributions of the shapes of the inputs.
        """
        nodes, weights = map(torch.from_numpy, quadrature(self.method, self.n_steps))
        x, reference = as_floating(f.x), f.to_source(f.baselines(baselines))
        neuron = target_at(f.evaluator.gradient_at, self.selector, f.problem.batch_size)
        if neuron.several and f.evaluator.target.several:
            raise InvalidArgument("target must be a single one for several neurons: got several of both.")

        def evaluate(points: Points) -> Tensors:
            return f.gradient(points, via_neurons=neuron).grad

        gradients = weighted_gradient_sum(f, weights, straight_line(reference, x, nodes), evaluate)
        values = times(gradients, per_target(minus(x, reference), gradients)) if self.multiply_by_inputs else gradients
        return f.attributions(cast_like(values, x), site="source")
