"""Examples, and steps of an integral, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from pellucid.compat.private.approximation import approximation_parameters
from pellucid.compat.private.tuples import (
    _format_additional_forward_args,
    _format_output,
    _format_tensor_into_tuples,
    _reduce_list,
)
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument, warn


def _tuple_splice_range(inputs: tuple[Any, ...] | None, start: int, end: int) -> tuple[Any, ...] | None:
    """Some of the examples, of what are tensors."""
    if inputs is None:
        return None
    return tuple(value[start:end] if isinstance(value, Tensor) else value for value in inputs)


def _batched_generator(
    inputs: Tensor | Tensors,
    additional_forward_args: Any = None,
    target_ind: Any = None,
    internal_batch_size: int | None = None,
) -> Iterator[tuple[Tensors, tuple[Any, ...] | None, Any]]:
    """Inputs, further arguments and targets, batch by batch; all at once without a size.

    Raises:
        InvalidArgument: The size is not positive.
    """
    if internal_batch_size is not None and internal_batch_size <= 0:
        raise InvalidArgument(f"internal_batch_size must be positive: got {internal_batch_size}.")
    tensors = _format_tensor_into_tuples(inputs) or ()
    arguments = _format_additional_forward_args(additional_forward_args)
    if internal_batch_size is None:
        yield tensors, arguments, target_ind
        return
    per_example = isinstance(target_ind, list) or (isinstance(target_ind, Tensor) and target_ind.numel() > 1)
    for start in range(0, tensors[0].shape[0], internal_batch_size):
        end = start + internal_batch_size
        batch = tuple(tensor[start:end] for tensor in tensors)
        yield batch, _tuple_splice_range(arguments, start, end), target_ind[start:end] if per_example else target_ind


def _batched_operator(
    operator: Callable[..., Any],
    inputs: Tensor | Tensors,
    additional_forward_args: Any = None,
    target_ind: Any = None,
    internal_batch_size: int | None = None,
    **kwargs: Any,
) -> Any:
    """What a function of batches gives, put together again."""
    batches = _batched_generator(inputs, additional_forward_args, target_ind, internal_batch_size)
    return _reduce_list(
        [
            operator(inputs=batch, additional_forward_args=arguments, target_ind=target, **kwargs)
            for batch, arguments, target in batches
        ]
    )


def _select_example(curr_arg: Any, index: int, bsz: int) -> Any:
    """An argument for one example, with a batch of one: of tensors and lists that have one for each."""
    if isinstance(curr_arg, tuple):
        return tuple(_select_example(value, index, bsz) for value in curr_arg)
    per_example = isinstance(curr_arg, Tensor | list) and len(curr_arg) == bsz
    return curr_arg[index : index + 1] if per_example else curr_arg


def _batch_example_iterator(bsz: int, *args: Any) -> Iterator[tuple[Any, ...]]:
    """The arguments for each example."""
    for index in range(bsz):
        yield _select_example(args, index, bsz)


def _batch_attribution(
    attr_method: Any,
    num_examples: int,
    internal_batch_size: int,
    n_steps: int,
    include_endpoint: bool = False,
    **kwargs: Any,
) -> Any:
    """The sum of a method's `_attribute` over the steps of an integral, as many at a time as fit a batch.

    Args:
        attr_method: An object whose `_attribute` takes `step_sizes_and_alphas`.
        num_examples: The number of examples.
        internal_batch_size: How many rows a batch may have.
        n_steps: The number of steps.
        include_endpoint: Whether batches share their ends, as where differences between steps are taken.
        **kwargs: What else `_attribute` takes, `method` among it.

    Returns:
        Attributions as the method gives them.
    """
    steps = max(1, internal_batch_size // num_examples)
    if internal_batch_size < num_examples:
        warn(f"internal_batch_size is less than the {num_examples} examples, which go through the model together.")
    overlap = int(include_endpoint)
    if include_endpoint and steps < 2:
        steps = 2
        warn(f"internal_batch_size must hold two steps of all examples: {2 * num_examples} is used.")
    step_sizes, alphas = (of(n_steps) for of in approximation_parameters(kwargs["method"]))
    results = [
        attr_method._attribute(
            **kwargs,
            n_steps=len(alphas[start : start + steps]) - overlap,
            step_sizes_and_alphas=(step_sizes[start : start + steps], alphas[start : start + steps]),
        )
        for start in range(0, n_steps - overlap, steps - overlap)
    ]
    parts = [result if isinstance(result, tuple | list) else (result,) for result in results]
    sums = tuple(sum(tensors[1:], tensors[0]) for tensors in zip(*parts, strict=True))
    return _format_output(isinstance(results[0], tuple | list), sums)


def _divide_and_aggregate_metrics(
    inputs: Tensors,
    n_perturb_samples: int,
    metric_func: Callable[[int], Tensor],
    agg_func: Callable[[Tensor, Tensor], Tensor] = torch.add,
    max_examples_per_batch: int | None = None,
) -> Tensor:
    """A metric of many samples of each example, computed for as many at a time as fit a batch.

    Args:
        inputs: Tensors, examples first.
        n_perturb_samples: The number of samples of each example.
        metric_func: The metric of a number of samples.
        agg_func: Joins the metrics of two batches.
        max_examples_per_batch: How many rows a batch may have; None for no limit.

    Returns:
        The metric.
    """
    most = n_perturb_samples
    if max_examples_per_batch is not None:
        if max_examples_per_batch < inputs[0].shape[0]:
            warn("max_examples_per_batch is less than the number of examples, which go through the model together.")
        most = max(1, max_examples_per_batch // inputs[0].shape[0])
    sizes = [min(most, n_perturb_samples - start) for start in range(0, n_perturb_samples, most)]
    metric = metric_func(sizes[0])
    for size in sizes[1:]:
        metric = agg_func(metric, metric_func(size))
    return metric
