"""Copies of a model with random weights, layer by layer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.core.model.inspection import ModelInfo, root_modules
from pellucid.core.model.layers import name_in
from pellucid.core.problem.problem import Problem
from pellucid.core.random_streams import stream_seeds
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, NotSupported
from pellucid.metrics.randomisation.copied_functions import copy_functions

Copied = TypeVar("Copied")

Order: TypeAlias = Literal["top down", "bottom up", "independent", "all at once"]
"""Which weights are random.

* `"top down"`: those of the last layer, then of the last two, ..., then all.
* `"bottom up"`: those of the first layer, then of the first two, ..., then all.
* `"independent"`: those of one layer after another, the others as learnt.
* `"all at once"`: all.
"""


def randomised(problem: Problem, order: Order, seed: int, draw: int = 0) -> Iterator[tuple[str, Problem]]:
    """The same problem of copies of its model with random weights; the model itself stays as it is.

    Args:
        problem: The problem.
        order: Which weights are random; see [Order][pellucid.metrics.randomisation.randomised_model.Order].
        seed: Seeds the weights.
        draw: Which draw of weights it is, of all that the caller makes.

    Yields:
        The layer whose weights have become random, by name, and the problem of the copy, which changes with the next.

    Raises:
        InvalidArgument: There is no such order, or the model has no weights.
        NotSupported: The model, or the forward of a module, is a function around modules, which cannot be copied.
        WrongType: The seed is no integer.
    """
    if order not in get_args(Order):
        raise InvalidArgument(f"order must be one of {', '.join(get_args(Order))}: got {summary(order)}.")
    kept = {id(value): value for value in (*problem.inputs, *problem.additional_forward_args)}
    changed = _copied(problem, kept, problem.model)
    layers = _layers(changed.model)
    seeds = _seeds(len(layers), seed, draw)
    if order == "all at once":
        for (_, layer), of_layer in zip(layers, seeds, strict=True):
            _randomise(layer, of_layer)
        yield "all", changed
        return
    numbers = list(range(len(layers)))
    for number in reversed(numbers) if order == "top down" else numbers:
        name, layer = layers[number]
        learnt = copy.deepcopy(layer.state_dict()) if order == "independent" else None
        _randomise(layer, seeds[number])
        yield name, changed
        if learnt is not None:
            layer.load_state_dict(learnt)


def randomised_copy(model: Callable[..., Any], seed: int) -> Any:
    """A copy of a model, all of whose weights are random.

    Args:
        model: The model, which stays as it is.
        seed: Seeds the weights.

    Raises:
        InvalidArgument: It has no weights.
        NotSupported: It, or the forward of a module, is a function around modules, which cannot be copied.
    """
    copied = _copied(model, {}, model)
    layers = _layers(copied)
    for (_, layer), of_layer in zip(layers, _seeds(len(layers), seed, 0), strict=True):
        _randomise(layer, of_layer)
    return copied


def _seeds(layers: int, seed: int, draw: int) -> list[tuple[int, ...]]:
    """The seed of each layer's weights."""
    return stream_seeds(seed, [[draw, number] for number in range(layers)], 1)


def _copied(value: Copied, memo: dict[int, Any], model: Callable[..., Any]) -> Copied:
    """A copy of a model, or of a problem of it, that shares no module with it.

    Args:
        value: What is copied.
        memo: What is not copied, by identity.
        model: The model.
    """
    copy_functions(model, memo)
    try:
        copied = copy.deepcopy(value, memo)
    except Exception as error:
        raise NotSupported(
            "model must be one that copy.deepcopy takes, so that a copy of it can have random weights: got "
            f"{summary(model)}, of which it says: {error}"
        ) from error
    shared = {id(module) for module in ModelInfo.of(model).modules}
    of_copy: Any = copied.model if isinstance(copied, Problem) else copied
    modules = ModelInfo.of(of_copy).modules
    # A copy of a module keeps a forward that was put on the original, and may call that.
    forwards = [vars(module)["forward"] for module in modules if "forward" in vars(module)]
    called = [*modules, *(module for forward in forwards for module in ModelInfo.of(forward).modules)]
    if any(id(module) in shared for module in called):
        raise NotSupported(
            "model must be a module, so that a copy of it can have random weights: got "
            f"{summary(model)}, a function around modules. Hint: a class of torch.nn.Module with this forward."
        )
    return copied


def _layers(model: Callable[..., Any]) -> list[tuple[str, nn.Module]]:
    """The modules that have weights of their own, by name, in the order in which they were made.

    Raises:
        InvalidArgument: There are none.
    """
    modules = dict.fromkeys(module for root in root_modules(model) for module in root.modules())
    layers = [
        (name_in(model, module) or str(number), module)
        for number, module in enumerate(modules)
        if next(module.parameters(recurse=False), None) is not None
    ]
    if not layers:
        raise InvalidArgument("model must have weights that can be random: got none.")
    return layers


def _randomise(layer: nn.Module, seed: tuple[int, ...]) -> None:
    """New weights, as the layer draws them itself; else those that it has, in a random order.

    The seed is hashed: the draws of a small one are those that users make their models with.
    """
    parameters = list(layer.parameters(recurse=False))
    learnt = [parameter.detach().clone() for parameter in parameters]
    reset = getattr(layer, "reset_parameters", None)
    with _seeded(int(np.random.default_rng(seed).integers(2**63)), parameters[0].device), torch.no_grad():
        if callable(reset):
            reset()
        for parameter, before in zip(parameters, learnt, strict=True):
            # A reset need not reach them: that of `torch.nn.utils.weight_norm` writes what is computed of them.
            if torch.equal(parameter, before):
                parameter.copy_(_shuffled(before))


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed what layers draw from on the CPU and on their device, and on no other; it is restored afterwards."""
    others = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=others):
        torch.default_generator.manual_seed(seed)
        for other in others:
            torch.cuda.default_generators[other.index].manual_seed(seed)
        yield


def _shuffled(weights: Tensor) -> Tensor:
    """The same numbers, each in another place; a single one times a random number, as it has no other order."""
    if weights.numel() == 1 and weights.is_floating_point():
        return weights * torch.randn((), device="cpu").to(weights)
    order = torch.randperm(weights.numel(), device="cpu").to(weights.device)
    flat = weights.flatten()
    shuffled = torch.empty_like(flat)
    shuffled[order] = flat[order.roll(1)]  # one cycle: a few numbers would often stay in their places by chance
    return shuffled.view_as(weights)
