"""Maximal sensitivity, under Captum's name: how much attributions change where inputs hardly do."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, flatten_examples, unwrap_single, validated_inputs
from pellucid.errors import InvalidArgument
from pellucid.metrics.captum.samples import as_many, chunks_of, repeated, repeated_with


def default_perturb_func(
    inputs: Tensor | Tensors, perturb_radius: float = 0.02, *, generator: torch.Generator | None = None
) -> Tensors:
    """Move each element by up to a radius, uniformly.

    Args:
        inputs: One tensor or a tuple.
        perturb_radius: The radius.
        generator: What is drawn from; None for torch's global generator.

    Returns:
        The moved inputs, in their dtypes.
    """
    moved = []
    for x in as_tensor_tuple(inputs, "inputs"):
        noise = torch.empty(x.shape, dtype=torch.float32, device="cpu")
        noise.uniform_(-perturb_radius, perturb_radius, generator=generator)
        moved.append((x + noise.to(x.device)).to(x.dtype))
    return tuple(moved)


def sensitivity_max(
    explanation_func: Callable[..., Any],
    inputs: Tensor | Tensors,
    perturb_func: Callable[..., Any] = default_perturb_func,
    perturb_radius: float = 0.02,
    n_perturb_samples: int = 10,
    norm_ord: float | str = "fro",
    max_examples_per_batch: int | None = None,
    **kwargs: Any,
) -> Tensor:
    """How much attributions change at most where inputs hardly do: less is better, from 0 on.

        max_{x' near x} ‖a(x') - a(x)‖ / ‖a(x)‖

    Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of Explanations", 2019,
    https://arxiv.org/abs/1901.09392.

    Args:
        explanation_func: (inputs, **kwargs) -> attributions: the `attribute` of any method.
        inputs: One tensor or a tuple, (B, ...) each, floating.
        perturb_func: `(inputs, perturb_radius)`, or `(inputs)` if it has one parameter -> perturbed inputs; every
            example comes `n_perturb_samples` times, the copies of one together.
        perturb_radius: How far elements move, for `perturb_func`.
        n_perturb_samples: How many perturbations of each example.
        norm_ord: The norm, over all attributions of an example: "fro" or 2, 1, inf ...
        max_examples_per_batch: How many rows are perturbed and explained at a time; None for all.
        **kwargs: The arguments of `explanation_func`. `target`, `additional_forward_args`, `feature_mask` and baselines
            of the inputs' shape are repeated with the examples.

    Returns:
        For each example, (B,); where attributions are zero, how much they change.

    Raises:
        InvalidArgument: An argument is not what is described here.

    Examples:
        >>> import torch
        >>> from pellucid.metrics import sensitivity_max
        >>> from pellucid.attr import Saliency
        >>> sensitivity_max(Saliency(lambda x: 3 * x.sum(1)).attribute, torch.rand(2, 4))
        tensor([0., 0.])
    """
    x = validated_inputs(inputs)
    examples = len(x[0])
    order = _order(norm_ord)
    before = _flat(as_many(explanation_func(x, **kwargs), x, "the attributions of explanation_func"))
    size = torch.linalg.vector_norm(before, ord=order, dim=1)
    size = torch.where(size == 0, 1.0, size)
    most = torch.zeros_like(size)
    takes_radius = len(inspect.signature(perturb_func).parameters) > 1
    for copies in chunks_of(examples, n_perturb_samples, max_examples_per_batch):
        rows = unwrap_single(repeated(x, copies))
        moved = perturb_func(rows, perturb_radius) if takes_radius else perturb_func(rows)
        after = explanation_func(moved, **_for_copies(kwargs, x, copies))
        change = _flat(as_many(after, x, "the attributions of explanation_func")) - before.repeat_interleave(copies, 0)
        changes = torch.linalg.vector_norm(change, ord=order, dim=1).reshape(examples, copies)
        most = torch.maximum(most, changes.amax(1) / size)
    return most


def _order(norm_ord: float | str) -> float:
    if norm_ord == "fro":
        return 2.0
    if isinstance(norm_ord, str | bool):
        raise InvalidArgument(f'norm_ord must be "fro" or a number: got {summary(norm_ord)}.')
    return float(norm_ord)


def _flat(attributions: Tensors) -> Tensor:
    """All attributions of each example in a row, (B, elements), detached."""
    return torch.cat([flatten_examples(each).detach() for each in attributions], dim=1)


def _for_copies(kwargs: dict[str, Any], x: Tensors, copies: int) -> dict[str, Any]:
    """The arguments of an explanation for copies of the inputs."""
    examples, changed = len(x[0]), dict(kwargs)
    for name in ("target", "additional_forward_args", "feature_mask"):
        if name in changed:
            changed[name] = _repeated_lists(changed[name], examples, copies)
    baselines = changed.get("baselines")
    first = baselines[0] if isinstance(baselines, tuple) and baselines else baselines
    if isinstance(first, Tensor) and first.shape == x[0].shape:
        changed["baselines"] = repeated_with(baselines, examples, copies)
    return changed


def _repeated_lists(value: Any, examples: int, copies: int) -> Any:
    """Tensors of a row for each example, and lists of a target for each, repeated."""
    if isinstance(value, list) and len(value) == examples:
        return [each for each in value for _ in range(copies)]
    return repeated_with(value, examples, copies)
