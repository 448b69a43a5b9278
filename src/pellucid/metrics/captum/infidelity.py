"""Infidelity, under Captum's name: how far attributions are from saying what perturbations do to the output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import evaluate_own_points
from pellucid.core.problem.points import Points
from pellucid.core.problem.problem import Problem
from pellucid.core.problem.target import TargetLike
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, flatten_examples, unwrap_single
from pellucid.errors import InvalidArgument, NotScalar, WrongShape
from pellucid.methods.calling.attribution import run_located
from pellucid.metrics.captum.samples import as_many, chunks_of, repeated, repeated_with

Perturb = Callable[..., Any]
"""(inputs) or (inputs, baselines) -> (how much was perturbed, the perturbed inputs)."""


def infidelity(
    forward_func: Callable[..., Any],
    perturb_func: Perturb,
    inputs: Tensor | Tensors,
    attributions: Tensor | Tensors,
    baselines: Any = None,
    additional_forward_args: Any = None,
    target: TargetLike = None,
    n_perturb_samples: int = 10,
    max_examples_per_batch: int | None = None,
    normalize: bool = False,
) -> Tensor:
    """How far attributions are from saying what perturbations do to the output: less is better, from 0 on.

        E_I [ (I · a - (F(x) - F(x - I)))² ]

    Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of Explanations", 2019,
    https://arxiv.org/abs/1901.09392.

    Args:
        forward_func: The model.
        perturb_func: `(inputs)`, or with baselines `(inputs, baselines)` -> (I, x - I), tensors for one input, tuples
            for several; every example comes `n_perturb_samples` times, the copies of one together.
            `infidelity_perturb_func_decorator` makes it of a function that returns perturbed inputs alone.
        inputs: One tensor or a tuple, (B, ...) each.
        attributions: Their attributions, of the same shapes.
        baselines: What `perturb_func` is given after the inputs; tensors with a row for each example are repeated.
        additional_forward_args: The arguments of the model after the inputs.
        target: What is explained; see [TargetLike][pellucid.methods.TargetLike].
        n_perturb_samples: How many perturbations of each example.
        max_examples_per_batch: How many rows `perturb_func` is given at a time; None for all. Forwards take as many as
            fit, whatever this is.
        normalize: Whether attributions are first scaled, for each example, as fits best.

    Returns:
        For each example, (B,), without gradients.

    Raises:
        InvalidArgument: An argument is not what is described here.

    Examples:
        >>> import torch
        >>> from pellucid.metrics import infidelity
        >>> def shaken(x):
        ...     return torch.full_like(x, 0.1), x - 0.1
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> infidelity(lambda x: (x**2).sum(1), shaken, x, 2 * x)
        tensor([0.0004])
    """
    problem = Problem(forward_func, inputs, target=target, additional_forward_args=additional_forward_args)
    of = as_many(attributions, problem.inputs, "attributions")
    for attribution, x in zip(of, problem.inputs, strict=True):
        if attribution.shape != x.shape:
            raise WrongShape(
                f"attributions must be of the shape of their input, {summary(x)}: got {summary(attribution)}."
            )
    perturbations = _Perturbations(perturb_func, baselines)
    chunks = list(chunks_of(problem.batch_size, n_perturb_samples, max_examples_per_batch))

    def changes(f: ModelFunction) -> tuple[Tensor, Tensor]:
        value = _values(f)
        said, done = [], []
        for copies in chunks:
            sizes, perturbed = perturbations(problem.inputs, copies)
            said.append(_products(sizes, repeated(of, copies)).reshape(len(value), copies))
            after = _values(f.with_copies(perturbed, slice(0, copies)))
            done.append(value[:, None] - after.reshape(len(value), copies))
        return torch.cat(said, dim=1), torch.cat(done, dim=1)

    said, done = run_located(perturbations, problem, changes)
    if normalize:
        power = said.square().sum(1)
        said = said * ((said * done).sum(1) / torch.where(power == 0, 1.0, power))[:, None]
    return (said - done).square().mean(1)


def infidelity_perturb_func_decorator(multiply_by_inputs: bool = True) -> Callable[[Callable[..., Any]], Perturb]:
    """Make a function that returns perturbed inputs one that says how much they were perturbed, too.

    Args:
        multiply_by_inputs: Whether attributions hold the inputs as a factor, as those of Integrated Gradients do: I is
            then (x - x') / (x - baseline), with 1 for a zero below, and else x - x'.

    Returns:
        A decorator of functions of (inputs) or (inputs, baselines).

    Examples:
        >>> import torch
        >>> from pellucid.metrics import infidelity_perturb_func_decorator
        >>> @infidelity_perturb_func_decorator(multiply_by_inputs=False)
        ... def halved(inputs):
        ...     return inputs / 2
        >>> halved(torch.tensor([[2.0, 4.0]]))
        ((tensor([[1., 2.]]),), (tensor([[1., 2.]]),))
    """

    def decorate(function: Callable[..., Any]) -> Perturb:
        @wraps(function)
        def perturb(inputs: Tensor | Tensors, baselines: Any = None) -> tuple[Tensors, Tensors]:
            moved = function(inputs) if baselines is None else function(inputs, baselines)
            tensors = as_tensor_tuple(inputs, "inputs")
            perturbed = as_many(moved, tensors, "the perturbed inputs")
            starts = baselines if isinstance(baselines, tuple) else (baselines,) * len(tensors)
            changes = tuple(x - each for x, each in zip(tensors, perturbed, strict=True))
            if not multiply_by_inputs:
                return changes, perturbed
            ways = (x - (0 if start is None else start) for x, start in zip(tensors, starts, strict=True))
            shares = (change / torch.where(way == 0, 1, way) for change, way in zip(changes, ways, strict=True))
            return tuple(shares), perturbed

        return perturb

    return decorate


@final
@dataclass(frozen=True)
class _Perturbations(Summarized):
    """A user's function, checked where it is called.

    Args:
        function: It.
        baselines: What it is given after the inputs; None for nothing.
    """

    function: Perturb
    baselines: Any

    def __call__(self, inputs: Tensors, copies: int) -> tuple[Tensors, Tensors]:
        x = repeated(inputs, copies)
        arguments = [unwrap_single(x)]
        if self.baselines is not None:
            arguments.append(repeated_with(self.baselines, len(inputs[0]), copies))
        returned = self.function(*arguments)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise InvalidArgument(
                "perturb_func must return two: how much was perturbed, and the perturbed inputs; got "
                f"{summary(returned)}. Hint: @infidelity_perturb_func_decorator(), where it returns the latter alone."
            )
        sizes, perturbed = (
            as_many(each, inputs, name)
            for each, name in zip(returned, ("perturbations", "the perturbed inputs"), strict=True)
        )
        for size, moved, rows in zip(sizes, perturbed, x, strict=True):
            if moved.shape != rows.shape or size.shape != rows.shape:
                raise WrongShape(
                    f"perturb_func must return tensors of the shape of its inputs, {summary(rows)}: got "
                    f"{summary(size)} and {summary(moved)}."
                )
        return sizes, perturbed


def _values(f: ModelFunction) -> Tensor:
    """The explained value of each point, (n,)."""

    def one_each(points: Points) -> Tensors:
        values = f(points).detach()
        if values.dim() > 1 and values.shape[1:].numel() > 1:
            raise NotScalar(f"target must leave one value for each example: got {summary(values)}. Hint: target=0.")
        return (values.reshape(len(values)),)

    return evaluate_own_points(f, one_each)[0]


def _products(sizes: Tensors, attributions: Tensors) -> Tensor:
    """What attributions say of perturbations, (n,)."""
    products = zip(map(flatten_examples, sizes), map(flatten_examples, attributions), strict=True)
    return torch.stack([(size * attribution).sum(1) for size, attribution in products]).sum(0).detach()
