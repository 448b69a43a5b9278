"""Noisy copies of the examples, and how they are explained: what all metrics that attribute again share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.evaluation.coalition_memory import ByIdentity, digest
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import evaluate_own_points
from pellucid.core.model.layers import OUTPUT, Site
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.problem import Problem
from pellucid.core.problem.target_resolution import target_at
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, as_floating, at_least_float32, flatten_examples, format_shapes
from pellucid.errors import OneForBatch, WrongShape, warn
from pellucid.metrics.given import AttributionsLike, score, tensors_of
from pellucid.metrics.robustness.noise import Noise, spread_of
from pellucid.metrics.scores import Metric, Scores

Explain: TypeAlias = "Callable[[ModelFunction], Attributions]"
"""How attributions are made again: a method of `pellucid.methods`, or one with its arguments,
`functools.partial(IntegratedGradients(), baselines=x0)`. It is called with the problem of noisy copies of the examples,
whose targets, arguments of the model, and baselines and masks with a row for each example follow them.
"""

SMALLEST = 1e-6
"""What is divided by where it would be less: papers leave that open."""


def _sums(copies: Tensors, examples: int) -> Tensors:
    """The sums over the copies of each of n examples, (n * k, ...) -> (n, ...), in at least single precision."""
    return tuple(
        at_least_float32(tensor).reshape(examples, len(tensor) // examples, *tensor.shape[1:]).sum(1)
        for tensor in copies
    )


def _means(sums: list[Tensors], samples: int) -> Tensors:
    """The means over samples, of the sums over some of them at a time."""
    return tuple(torch.stack(parts).sum(0) / samples for parts in zip(*sums, strict=True))


@final
@dataclass(frozen=True, eq=False)
class Distances(Summarized):
    """How far noisy copies and their attributions are from those of the examples, float64 [n, samples] each.

    Args:
        of_inputs: ‖x' - x‖.
        of_inputs_relatively: ‖(x' - x) / x‖.
        of_attributions: ‖a(x') - a(x)‖.
        of_attributions_in_sum: The same as a sum of absolute values.
        of_attributions_relatively: ‖(a(x') - a(x)) / a(x)‖.
        mean: The mean of the attributions of the copies, (n, ...) each.
        size: ‖a(x)‖, [n].
        own: a(x), (n, ...) each.
    """

    of_inputs: Tensor
    of_inputs_relatively: Tensor
    of_attributions: Tensor
    of_attributions_in_sum: Tensor
    of_attributions_relatively: Tensor
    mean: Tensors
    size: Tensor
    own: Tensors


@final
@dataclass(frozen=True, eq=False)
class Neighbourhood(Summarized):
    """An example, its attributions, and those of its noisy copies.

    Args:
        f: The function.
        attributions: Those of its points, (n, ...) each.
        explain: How they are made again.
        noise: The noisy copies.
    """

    f: ModelFunction
    attributions: Tensors
    explain: Explain
    noise: Noise

    @property
    def distances(self) -> Distances:
        """How far copies and their attributions are from the examples'; attributed to once in an open session."""
        evaluator = self.f.evaluator
        if self.f.own_tensors is not None:
            distances = self._distances()
        else:
            asked = (evaluator.source, evaluator.gradient_at, ByIdentity(evaluator.target))
            key = ("distances", *asked, self.noise, digest(self.noise.spread), ByIdentity(self.explain))
            distances = self.f.session.once(key, self._distances)
        _warn_of_others(distances.own, self.attributions)
        return distances

    def _distances(self) -> Distances:
        own = attributed(self.explain, self.f, self.attributions)
        x, base = _flat(as_floating(self.f.x)), _flat(own)
        rows: list[list[Tensor]] = []
        sums: list[Tensors] = []
        for which, copies in self.noise.copies(self.f):
            count = which.stop - which.start
            again = attributed(self.explain, self.f.with_copies(copies, which), own)
            sums.append(_sums(again, len(base)))
            moved = _flat(copies).view(len(x), count, -1) - x[:, None]
            changed = _flat(again).view(len(base), count, -1) - base[:, None]
            rows.append(
                [
                    _norms(moved),
                    _norms(moved / _not_zero(x)[:, None]),
                    _norms(changed),
                    changed.abs().sum(2),
                    _norms(changed / _not_zero(base)[:, None]),
                ]
            )
        columns = [torch.cat(parts, dim=1) for parts in zip(*rows, strict=True)]
        means = _means(sums, self.noise.n_samples)
        return Distances(columns[0], columns[1], columns[2], columns[3], columns[4], means, base.norm(dim=1), own)

    def changes_at(self, site: Site, *, relatively: bool = False) -> Tensor:
        """How far the tensors at a site are from those of the examples, [n, samples]; of the output all of its values.

        Args:
            site: The output, or a layer.
            relatively: Whether in units of the examples' values, one by one.
        """
        of_examples = self._at(site, self.f)

        def change(again: Tensor) -> Tensor:
            moved = again - of_examples[:, None]
            return _norms(moved / _not_zero(of_examples)[:, None] if relatively else moved)

        return torch.cat([change(again) for again in self._at_copies(site)], dim=1)

    @property
    def same_class(self) -> Tensor:
        """Which copies have the class of their example as prediction, bool [n, samples]; all, where there are none."""
        classes = classes_of(self._at(OUTPUT, self.f))[:, None]
        of_copies = torch.cat(list(map(classes_of, self._at_copies(OUTPUT))), dim=1)
        return torch.eq(of_copies, classes)

    def _at_copies(self, site: Site) -> Iterator[Tensor]:
        """The tensors at a site of some copies at a time, [n, copies, values]."""
        for which, copies in self.noise.copies(self.f):
            again = self._at(site, self.f.with_copies(copies, which))
            yield again.view(len(self.f), which.stop - which.start, -1)

    def _at(self, site: Site, f: ModelFunction) -> Tensor:
        """The tensors at a site of a function's own points, float64 [n, values]."""
        if site.modules:
            return _flat(evaluate_own_points(f, lambda points: f.activations(points, site)))
        return outputs(f)


def outputs(f: ModelFunction) -> Tensor:
    """All values of the output for a function's own points, float64 [n, values], whatever is explained.

    Raises:
        OneForBatch: The output is not one for each point.
    """
    whole = f.replace(target=target_at(OUTPUT, None, f.problem.batch_size))
    (values,) = evaluate_own_points(whole, lambda points: (whole(points),))
    if values.ndim == 0 or len(values) != len(f):
        raise OneForBatch(f"model must return an output for each of {len(f)} examples: got {tuple(values.shape)}.")
    return _flat((values,))


def classes_of(values: Tensor) -> Tensor:
    """The predicted classes of outputs (..., K): the largest of several, the sign of one."""
    classes: Tensor = values.argmax(-1) if values.shape[-1] > 1 else (values[..., 0] > 0).long()
    return classes


def mean_under_noise(noise: Noise, f: ModelFunction, like: Tensors, explain: Explain) -> Tensors:
    """The mean of the attributions of noisy copies, (n, ...) each.

    Args:
        noise: The copies.
        f: The function.
        like: What attributions must have the shapes of.
        explain: How they are made.
    """
    sums = [_sums(attributed(explain, f.with_copies(copies, which), like), len(f)) for which, copies in noise.copies(f)]
    return _means(sums, noise.n_samples)


def attributed(explain: Explain, f: ModelFunction, like: Tensors) -> Tensors:
    """The attributions of a function's own points.

    Args:
        explain: How they are made.
        f: The function.
        like: What they must have the shapes of, but for the number of examples.

    Raises:
        WrongShape: They have other shapes.
    """
    tensors = tensors_of(explain(f), "attributions of method")
    if [tuple(tensor.shape) for tensor in tensors] != [(len(f), *tensor.shape[1:]) for tensor in like]:
        raise WrongShape(
            f"method must return attributions like those given, {format_shapes(like)}: got {format_shapes(tensors)}."
        )
    return tensors


def _warn_of_others(own: Tensors, given: Tensors) -> None:
    """Warn where the method does not return the attributions that are scored."""
    theirs, ours = _flat(given), _flat(own)
    if ((ours - theirs).norm(dim=1) > 0.1 * torch.maximum(ours.norm(dim=1), theirs.norm(dim=1))).any():
        warn(
            "method returns other attributions than those given, which are not what is scored. "
            "Hint: method=functools.partial(method, baselines=...), with all arguments."
        )


def _flat(tensors: Tensors) -> Tensor:
    """Tensors (n, ...) as float64 [n, elements] on the CPU."""
    return torch.cat([flatten_examples(tensor.detach()).cpu().double() for tensor in tensors], dim=1)


def _norms(moved: Tensor) -> Tensor:
    """The norms of [n, samples, elements], [n, samples]."""
    norms: Tensor = moved.norm(dim=2)
    return norms


def _not_zero(values: Tensor) -> Tensor:
    return torch.where(values.abs() < SMALLEST, SMALLEST, values)


@dataclass(frozen=True, kw_only=True)
class RobustnessMetric(Metric, ABC):
    """A metric that attributes again, to noisy copies of the examples.

    Args:
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many noisy copies of each example.
        seed: Seeds them; None draws from the global generators.
    """

    radius: float = 0.02
    n_samples: int = 10
    seed: int | None = 0

    def __call__(
        self,
        problem: Problem | ModelFunction,
        attributions: AttributionsLike,
        /,
        *,
        method: Explain,
        spread: Tensor | Tensors | None = None,
    ) -> Scores:
        """The scores of attributions.

        Args:
            problem: What they answer.
            attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
            method: How they were made; see [Explain][pellucid.metrics.robustness.neighbourhood.Explain].
            spread: What `radius` is a share of, of shapes that broadcast to the inputs: of tables, whose columns are of
                different units, the standard deviation of each. None for the range of each example.

        Returns:
            Scores of the B examples.

        Raises:
            InvalidArgument: An argument is not what is described here.
            WrongShape: The attributions do not have the shapes of the source, or the method's are others.
        """

        def scored(f: ModelFunction, tensors: Tensors) -> Scores:
            noise = Noise(self.radius, self.n_samples, self.seed, spread_of(spread, f.x))
            return self.scores(Neighbourhood(f, tensors, method, noise.repeatable))

        return score(self, problem, attributions, scored)

    @abstractmethod
    def scores(self, neighbourhood: Neighbourhood) -> Scores:
        """The scores, as the paper has them.

        Args:
            neighbourhood: The examples and their noisy copies.
        """
