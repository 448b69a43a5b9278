"""Copies of a model with random weights, layer by layer."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

import torch
from torch import nn

from pellucid.core.model.inspection import ModelInfo
from pellucid.core.model.layers import name_in
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, NotSupported

Order: TypeAlias = Literal["top down", "bottom up", "independent", "all at once"]
"""Which weights are random.

* `"top down"`: those of the last layer, then of the last two, ..., then all.
* `"bottom up"`: those of the first layer, then of the first two, ..., then all.
* `"independent"`: those of one layer after another, the others as learnt.
* `"all at once"`: all.
"""


def randomised(problem: Problem, order: Order, seed: int) -> Iterator[tuple[str, Problem]]:
    """The same problem of copies of its model with random weights; the model itself stays as it is.

    Args:
        problem: The problem.
        order: Which weights are random; see [Order][pellucid.metrics.randomisation.randomised_model.Order].
        seed: Seeds the weights.

    Yields:
        The layer whose weights have become random, by name, and the problem of the copy, which changes with the next.

    Raises:
        InvalidArgument: There is no such order, or the model has no weights.
        NotSupported: The model is a function around modules, which cannot be copied.
    """
    if order not in get_args(Order):
        raise InvalidArgument(f"order must be one of {', '.join(get_args(Order))}: got {summary(order)}.")
    changed = _copied(problem)
    layers = list(_layers(changed))
    if not layers:
        raise InvalidArgument("model must have weights that can be random: got none.")
    if order == "all at once":
        for number, (_, layer) in enumerate(layers):
            _randomise(layer, seed + number)
        yield "all", changed
        return
    numbers = list(range(len(layers)))
    for number in reversed(numbers) if order == "top down" else numbers:
        name, layer = layers[number]
        learnt = copy.deepcopy(layer.state_dict()) if order == "independent" else None
        _randomise(layer, seed + number)
        yield name, changed
        if learnt is not None:
            layer.load_state_dict(learnt)


def _copied(problem: Problem) -> Problem:
    """The problem with a copy of its model, and the same inputs."""
    kept = (*problem.inputs, *problem.additional_forward_args)
    copied = copy.deepcopy(problem, {id(value): value for value in kept})
    shared = {id(module) for module in ModelInfo.of(problem.model).modules}
    if any(id(module) in shared for module in ModelInfo.of(copied.model).modules):
        raise NotSupported(
            "model must be a module, so that a copy of it can have random weights: got "
            f"{summary(problem.model)}, a function around modules. Hint: a class of torch.nn.Module with this forward."
        )
    return copied


def _layers(problem: Problem) -> Iterator[tuple[str, nn.Module]]:
    """The modules that have weights of their own, by name, in the order in which they were made."""
    for number, module in enumerate(ModelInfo.of(problem.model).modules):
        if next(module.parameters(recurse=False), None) is not None:
            yield name_in(problem.model, module) or str(number), module


def _randomise(layer: nn.Module, seed: int) -> None:
    """New weights, as the layer draws them itself; else those that it has, in a random order."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        reset = getattr(layer, "reset_parameters", None)
        if callable(reset):
            reset()
        for parameter in () if callable(reset) else layer.parameters(recurse=False):
            order = torch.randperm(parameter.numel(), device="cpu").to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
