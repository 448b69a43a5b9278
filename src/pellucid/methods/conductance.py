"""How much of a change flows through a layer, or a neuron of it."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.baselines import Baselines
from pellucid.core.expectation import along, by_place, everywhere, expectation, line, sweep, values
from pellucid.core.gathered import Gathered
from pellucid.core.pathway import Pathway
from pellucid.core.quadrature import Quadrature, quadrature
from pellucid.core.seen import Seen
from pellucid.core.sink import TargetLike, sink_of
from pellucid.core.tensors import Tensors, detached, floating, minus, narrowed, times, widened
from pellucid.errors import check_count
from pellucid.methods.edge import attribution
from pellucid.methods.result import (
    OF_OUTPUTS,
    Attributions,
    completeness_gap,
    ends_ride,
    one_sample,
    tell_of_misses,
    with_ends,
)


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
            [quadrature][pellucid.core.quadrature.quadrature].
        gradient: Whether a difference is multiplied with the mean of the gradients at its two ends, or with the one
            at the end it starts from, as in Captum.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import Conductance, Pathway
        >>> model = nn.Sequential(nn.Flatten(), nn.Softplus(), nn.Flatten())
        >>> path = Pathway.of(model, torch.ones(1, 2), target=1, read="1")
        >>> Conductance()(path).values[0].round(decimals=4)
        tensor([[0.0000, 0.6201]])
    """

    steps: int = 50
    rule: Quadrature = "riemann_trapezoid"
    gradient: Literal["mean", "left"] = "mean"

    @attribution
    def __call__(self, path: Pathway, /, baselines: Baselines = None, *, delta: bool = False) -> Attributions:
        """The conductance.

        Args:
            path: From the inputs, to read at a layer.
            baselines: Where the line starts; see [Baselines][pellucid.core.baselines.Baselines].
            delta: Whether to measure how far the attributions are from adding up, at two more forwards.

        Returns:
            Attributions of the shapes of the tensors at the layer; delta of shape (B,).
        """
        check_count("n_steps", self.steps)
        start = path.baselines(baselines)
        nodes = torch.from_numpy(quadrature(self.rule, self.steps + 1)[0])
        x, x0 = floating(path.x), path.carry(start)
        measured = not path.source.modules and ends_ride(path, self.steps)
        idle = 2 if measured else 0
        steps = with_ends(nodes) if measured else nodes
        outputs = Gathered(len(steps) * len(path))

        def look(points: Tensors, rows: Tensor) -> Tensors:
            reading = path.gradient(points, rows)
            outputs.add(len(rows), (reading.value.detach(),))
            values = reading.at_read if path.create_graph else detached(reading.at_read)
            return tuple(map(widened, values + reading.grad))

        sums: Tensors = ()
        last: Tensors = ()
        for samples, places, found in sweep(path, len(steps), line(x0, x, steps), look):
            if not last:
                last = tuple(everywhere(each, places, len(path)) for each in found)
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
        attributions = path.narrowed(sums)
        if measured:
            begin, end = by_place(outputs, len(steps))[:, :2].unbind(1)
            all_through = functools.partial(
                _all_flows_through, path, start, begin, OF_OUTPUTS * (begin.abs() + end.abs())
            )
            tell_of_misses(attributions, end, begin, due=all_through)
        gap = completeness_gap(path, attributions, start) if delta else None
        return Attributions(attributions, gap, structure=path.structure)


def _all_flows_through(path: Pathway, start: Tensors, outputs: Tensor, within: Tensor) -> bool:
    """Whether a layer decides the outputs: its values at the baselines give the outputs there, whatever the inputs."""
    inside = dataclasses.replace(path, source=path.read, seen=Seen())
    return bool(((values(inside, 1, along(one_sample(inside.carry(start)))).flatten() - outputs).abs() <= within).all())


@final
@dataclass(frozen=True, kw_only=True)
class NeuronConductance:
    """What each input contributes through a neuron: its integrated gradients, of which only that part is kept.

    a_i = (x_i - x'_i) * integral over alpha in [0, 1] of dF / dy_j * dy_j / dx_i, at x' + alpha (x - x')

    Where several neurons are selected, their conductances are added up.

    Dhamdhere, Sundararajan, Yan, "How important is a neuron?", 2018, https://arxiv.org/abs/1805.12233.

    Args:
        neuron: Which neurons of the layer where the pathway reads; see [TargetLike][pellucid.core.sink.TargetLike].
        steps: Points on the line.
        rule: How the integral becomes a sum; see [quadrature][pellucid.core.quadrature.quadrature].
        multiply_by_inputs: Whether to multiply by x - x' (global attribution) or not (local).

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import NeuronConductance, Pathway
        >>> model = nn.Sequential(nn.Flatten(), nn.Softplus(), nn.Flatten())
        >>> path = Pathway.of(model, torch.ones(1, 2), target=1, read="1")
        >>> NeuronConductance(neuron=1)(path).values[0].round(decimals=4)
        tensor([[0.0000, 0.6201]])
    """

    neuron: TargetLike
    steps: int = 50
    rule: Quadrature = "gausslegendre"
    multiply_by_inputs: bool = True

    @attribution
    def __call__(self, path: Pathway, /, baselines: Baselines = None) -> Attributions:
        """The conductance of the neuron, input by input.

        Args:
            path: From the inputs, to read at the neuron's layer.
            baselines: Where the line starts; see [Baselines][pellucid.core.baselines.Baselines].

        Returns:
            Attributions of the shapes of the inputs.
        """
        nodes, weights = map(torch.from_numpy, quadrature(self.rule, self.steps))
        x, x0 = floating(path.x), path.carry(path.baselines(baselines))
        neuron = sink_of(self.neuron, path.examples, path.read)

        def through(points: Tensors, rows: Tensor) -> Tensors:
            return path.gradient(points, rows, neuron).grad

        gradients = expectation(path, weights, line(x0, x, nodes), through)
        found = times(gradients, minus(x, x0)) if self.multiply_by_inputs else gradients
        return Attributions(narrowed(found, x), structure=path.source_structure)
