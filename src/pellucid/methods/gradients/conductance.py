"""How much of a change flows through a layer, or a neuron of it."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.completeness import (
    OUTPUT_ROUNDING,
    as_single_sample,
    completeness_gap,
    ends_fit_into_chunk,
    warn_of_misses,
    with_ends,
)
from pellucid.core.evaluation.gathered import BlockBuffer
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.point_samplers import precomputed_points, straight_line
from pellucid.core.evaluation.quadrature import Quadrature, quadrature
from pellucid.core.evaluation.sweep import by_place, sweep, values_at, weighted_gradient_sum, zeros_for_all
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.points import Points
from pellucid.core.problem.target import TargetLike, target_at
from pellucid.core.tensors import Tensors, as_floating, at_least_float32, cast_like, detach_all, minus, times
from pellucid.errors import check_count
from pellucid.methods.calling.attribution import attribution


@final
@dataclass(frozen=True, kw_only=True)
class Conductance:
    """The integral of the gradient at a layer along the way that its values take from the baseline to the input.

    a_j = integral over alpha in [0, 1] of dF / dy_j * dy_j / dalpha, at x' + alpha (x - x')

    At a layer through which all flows, the attributions add up to F(x) - F(x'). The integral becomes a sum of gradients
    times the differences of the layer's values from point to point.

    Dhamdhere, Sundararajan, Yan, "How important is a neuron?", 2018, https://arxiv.org/abs/1805.12233;
    Shrikumar, Su, Kundaje, "Computationally efficient measures of internal neuron importance", 2018,
    https://arxiv.org/abs/1807.09946.

    Args:
        steps: Differences; there is one point more.
        rule: Where the points lie; only those of `riemann_trapezoid` reach both ends. See
            [quadrature][pellucid.core.evaluation.quadrature.quadrature].
        gradient: Whether a difference is multiplied with the mean of the gradients at its two ends, or with the one
            at the end it starts from, as in Captum.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import Conductance, Problem
        >>> model = nn.Sequential(nn.Flatten(), nn.Softplus(), nn.Flatten())
        >>> problem = Problem(model, torch.ones(1, 2), target=1, gradient_at="1")
        >>> Conductance()(problem).values[0].round(decimals=4)
        tensor([[0.0000, 0.6201]])
    """

    steps: int = 50
    rule: Quadrature = "riemann_trapezoid"
    gradient: Literal["mean", "left"] = "mean"

    @attribution
    def __call__(self, f: ModelFunction, /, baselines: Baselines = None, *, delta: bool = False) -> Attributions:
        """The conductance.

        Args:
            f: From the inputs, to read at a layer.
            baselines: Where the line starts; see [Baselines][pellucid.methods.Baselines].
            delta: Whether to measure how far the attributions are from adding up, at two more forwards.

        Returns:
            Attributions of the shapes of the tensors at the layer; delta of shape (B,).
        """
        check_count("n_steps", self.steps)
        start = f.baselines(baselines)
        nodes = torch.from_numpy(quadrature(self.rule, self.steps + 1)[0])
        x, x0 = as_floating(f.x), f.to_source(start)
        measured = not f.evaluator.source.modules and ends_fit_into_chunk(f, self.steps)
        idle = 2 if measured else 0
        steps = with_ends(nodes) if measured else nodes
        outputs = BlockBuffer(len(steps) * len(f))

        def evaluate(points: Points) -> Tensors:
            gradient = f.gradient(points)
            outputs.add(len(points), (gradient.value.detach(),))
            values = gradient.at if f.problem.options.create_graph else detach_all(gradient.at)
            return tuple(map(at_least_float32, values + gradient.grad))

        sums: Tensors = ()
        last: Tensors = ()
        for samples, places, found in sweep(f, len(steps), straight_line(x0, x, steps), evaluate):
            if not last:
                last = tuple(zeros_for_all(each, places, len(f)) for each in found)
                sums = tuple(map(torch.zeros_like, last[: len(last) // 2]))
            chain = tuple(each[max(0, idle - samples.start) :] for each in found)
            if samples.start > idle:
                chain = tuple(torch.cat((b[places][None], f)) for b, f in zip(last, found, strict=True))
            if not len(chain[0]):
                continue
            for each, value, gradient in zip(sums, chain, chain[len(sums) :], strict=False):
                slope = gradient[:-1] if self.gradient == "left" else (gradient[:-1] + gradient[1:]) / 2
                each[places] += (slope * value.diff(dim=0)).sum(0)
            for before, block in zip(last, found, strict=True):
                before[places] = block[-1]
        result = f.attributions(sums)
        if measured:
            begin, end = by_place(outputs, len(steps))[:, :2].unbind(1)
            all_through = functools.partial(
                _all_flows_through, f, start, begin, OUTPUT_ROUNDING * (begin.abs() + end.abs())
            )
            warn_of_misses(result.values, end, begin, due=all_through)
        return dataclasses.replace(result, delta=completeness_gap(f, result.values, start)) if delta else result


def _all_flows_through(f: ModelFunction, start: Tensors, outputs: Tensor, within: Tensor) -> bool:
    """Whether a layer decides the outputs: its values at the baselines give the outputs there, whatever the inputs."""
    inside = f.at(source=f.evaluator.gradient_at)
    found = values_at(inside, 1, precomputed_points(as_single_sample(inside.to_source(start)))).flatten()
    return bool(((found - outputs).abs() <= within).all())


@final
@dataclass(frozen=True, kw_only=True)
class NeuronConductance:
    """What each input contributes through a neuron: its integrated gradients, of which only that part is kept.

    a_i = (x_i - x'_i) * integral over alpha in [0, 1] of dF / dy_j * dy_j / dx_i, at x' + alpha (x - x')

    Where several neurons are selected, their conductances are added up.

    Dhamdhere, Sundararajan, Yan, "How important is a neuron?", 2018, https://arxiv.org/abs/1805.12233.

    Args:
        neuron: Which neurons of the layer where the pathway reads; see [TargetLike][pellucid.methods.TargetLike].
        steps: Points on the line.
        rule: How the integral becomes a sum; see [quadrature][pellucid.core.evaluation.quadrature.quadrature].
        multiply_by_inputs: Whether to multiply by x - x' (global attribution) or not (local).

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import NeuronConductance, Problem
        >>> model = nn.Sequential(nn.Flatten(), nn.Softplus(), nn.Flatten())
        >>> problem = Problem(model, torch.ones(1, 2), target=1, gradient_at="1")
        >>> NeuronConductance(neuron=1)(problem).values[0].round(decimals=4)
        tensor([[0.0000, 0.6201]])
    """

    neuron: TargetLike
    steps: int = 50
    rule: Quadrature = "gausslegendre"
    multiply_by_inputs: bool = True

    @attribution
    def __call__(self, f: ModelFunction, /, baselines: Baselines = None) -> Attributions:
        """The conductance of the neuron, input by input.

        Args:
            f: From the inputs, to read at the neuron's layer.
            baselines: Where the line starts; see [Baselines][pellucid.methods.Baselines].

        Returns:
            Attributions of the shapes of the inputs.
        """
        nodes, weights = map(torch.from_numpy, quadrature(self.rule, self.steps))
        x, x0 = as_floating(f.x), f.to_source(f.baselines(baselines))
        neuron = target_at(f.evaluator.gradient_at, self.neuron, f.problem.batch_size)

        def evaluate(points: Points) -> Tensors:
            return f.gradient(points, via=neuron).grad

        gradients = weighted_gradient_sum(f, weights, straight_line(x0, x, nodes), evaluate)
        values = times(gradients, minus(x, x0)) if self.multiply_by_inputs else gradients
        return f.attributions(cast_like(values, x), at="source")
