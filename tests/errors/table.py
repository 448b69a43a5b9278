"""Wrong calls, and what must be said of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.errors import InvalidArgument, NotDifferentiable, OutOfRange, PellucidError, WrongType

ROWS, PAIR = torch.ones(8, 4), (torch.ones(8, 4), torch.ones(8, 5))
IMAGES = torch.zeros(8, 3, 32, 32)

model = nn.Linear(4, 3)
model_of_images = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))


def model_of_pairs(one: Tensor, other: Tensor) -> Tensor:
    return one.sum(1) + other.sum(1)


def square(x: Tensor) -> Tensor:
    return x.reshape(8, 2, 2)


@dataclass(frozen=True)
class Call:
    """A wrong call, the class of the error and parts of its message: the argument, what was expected, what came."""

    method: Callable[..., attr.Attribution]
    model: Callable[..., Any]
    inputs: Any
    arguments: dict[str, Any]
    error: type[PellucidError]
    says: tuple[str, ...]


def call(
    method: Callable[..., attr.Attribution],
    /,
    *says: str,
    error: type[PellucidError] = InvalidArgument,
    model: Callable[..., Any] = model,
    inputs: Any = ROWS,
    **arguments: Any,
) -> Call:
    return Call(method, model, inputs, {"target": 0} | arguments, error, says)


def target(target: Any, *says: str, error: type[PellucidError] = InvalidArgument, model: Any = model) -> Call:
    return call(attr.Saliency, "target must ", *says, error=error, model=model, target=target)


def inputs(inputs: Any, *says: str, **more: Any) -> Call:
    return call(attr.InputXGradient, "inputs", *says, inputs=inputs, **more)


def output(model: Callable[[Tensor], Any], *says: str, **more: Any) -> Call:
    return call(attr.IntegratedGradients, "forward_func", *says, model=model, **more)


def start(baselines: Any, *says: str, **more: Any) -> Call:
    return call(attr.IntegratedGradients, "baselines must ", *says, baselines=baselines, **more)


def distribution(baselines: Any, *says: str, **more: Any) -> Call:
    return call(attr.GradientShap, "baselines must be ", *says, baselines=baselines, **more)


def steps(*says: str, **arguments: Any) -> Call:
    return call(attr.IntegratedGradients, *says, **arguments)


def samples(*says: str, **arguments: Any) -> Call:
    return call(attr.GradientShap, *says, baselines=torch.zeros(1, 4), **arguments)


def noise(*says: str, **arguments: Any) -> Call:
    return call(lambda model: attr.NoiseTunnel(attr.Saliency(model)), *says, **arguments)


PAIRS = {"model": model_of_pairs, "inputs": PAIR, "target": None}
PICTURES = {"model": model_of_images, "inputs": IMAGES}
TARGETS_ARE = "be an int, a tuple of ints and slices, a tensor or list of one per example, a callable or None"
CHOOSE = "Hint: choose one, such as target=0."
FLOATS = "must be floating point for a gradient to exist"
NO_GRADIENT = "the output of forward_func has no gradient. Hint: it may have been detached"

TABLE = {
    "target too large": target(3, "within the output's (3,) values per example: got (3,)", error=OutOfRange),
    "target too small": target(-4, "within the output's (3,) values per example: got (-4,)", error=OutOfRange),
    "target in a list": target([0] * 7 + [7], "within the output's (3,) values", "got [7]", error=OutOfRange),
    "target in a tensor": target(torch.full((8,), -5), "the output's (3,) values", "got [-5]", error=OutOfRange),
    "target in a tuple": target((1, 2), "the output's (2, 2) values", "got (1, 2)", error=OutOfRange, model=square),
    "target in tuples": target(
        [(2, 0)] * 8, "the output's (2, 2) values", "got [2, 0]", error=OutOfRange, model=square
    ),
    "target missing": target(None, "leave one value per example: the output holds (3,) values for each", CHOOSE),
    "target with too few indices": target(1, "leave one value", "(2,) values for each", CHOOSE, model=square),
    "target with too many indices": target((0, 1), "choose among the dimensions", "(3,): got 2 indices"),
    "target of a vector": target(0, "choose among the dimensions", "(): got 1 indices", model=lambda x: x.sum(1)),
    "target a word": target("cat", TARGETS_ARE, "got str 'cat'"),
    "target a float": target(1.5, TARGETS_ARE, "got float 1.5"),
    "target a bool": target(True, TARGETS_ARE, "got bool True"),
    "target a list of words": target(["cat"] * 8, TARGETS_ARE, "got list ['cat'"),
    "target a float tensor": target(torch.zeros(8), "be a 1-D tensor of integers: got (8,) float32"),
    "target a matrix": target(torch.zeros(8, 2).long(), "be a 1-D tensor of integers: got (8, 2) int64"),
    "target a short list": target([0, 1], "hold one element per example: expected 8, got 2"),
    "target a long tensor": target(torch.zeros(9).long(), "hold one element per example: expected 8, got 9"),
    "target of several lengths": target([(0,)] * 7 + [(0, 1)], "hold tuples of one length: got tuples of several"),
    "target returns no tensor": target(lambda output: output.tolist(), "return a tensor: got list"),
    "target returns too much": target(lambda output: output, "leave one value per example", "(3,) values", CHOOSE),
    "inputs a list": inputs([ROWS], "must be a tensor or a tuple of tensors: got list."),
    "inputs an array": inputs(ROWS.numpy(), "must be a tensor or a tuple of tensors: got ndarray."),
    "inputs with a list": inputs((ROWS, [1]), "must be a tensor or a tuple of tensors: got list in a tuple."),
    "inputs an empty tuple": inputs((), "must hold at least one tensor: got an empty tuple."),
    "inputs without examples": inputs(torch.ones(0, 4), "must hold at least one example: got (0, 4)."),
    "inputs without dimensions": inputs(torch.tensor(1.0), "must have a first dimension, the examples: got ()."),
    "inputs of integers": inputs(ROWS.long(), FLOATS, "(8, 4) int64", "Hint: ", "embedding", error=NotDifferentiable),
    "inputs with integers": inputs(
        (ROWS, PAIR[1].long()), "[1] " + FLOATS, "(8, 5) int64", "Hint: ", error=NotDifferentiable, model=model_of_pairs
    ),
    "output a tuple": output(lambda x: (x, x), "must return a tensor: got tuple. Hint: ", "target=lambda output"),
    "output a dict": output(lambda x: {"a": x}, "must return a tensor: got dict. Hint: ", target=[0] * 8),
    "output detached": output(lambda x: x.detach(), NO_GRADIENT, error=NotDifferentiable),
    "output without gradients": output(torch.no_grad()(model.forward), NO_GRADIENT, error=NotDifferentiable),
    "output of integers": output(lambda x: x.argmax(1), NO_GRADIENT, error=NotDifferentiable, target=None),
    "baselines of images": start(
        torch.zeros(3, 32, 31), "broadcast to inputs: expected (8, 3, 32, 32), got (3, 32, 31).", **PICTURES
    ),
    "baselines of no example": start(torch.zeros(4), "broadcast to inputs: expected (8, 4), got (4,)."),
    "baselines of other examples": start(torch.zeros(5, 4), "broadcast to inputs: expected (8, 4), got (5, 4)."),
    "baselines too few": start((0,), "have one entry for each input: expected 2, got 1.", **PAIRS),
    "baselines for one of two": start(ROWS, "have one entry for each input: expected 2, got 1.", **PAIRS),
    "baselines too many": start((0, 0), "have one entry for each input: expected 1, got 2."),
    "baselines a word": start("zero", "be tensors or numbers: got str."),
    "baselines a list": start([0, 0], "be tensors or numbers: got list."),
    "distribution of others": distribution(torch.zeros(5, 3), "for each input: expected (n_baselines, 4), got (5, 3)"),
    "distribution for one of two": distribution(
        ROWS, "for each input: expected ", "(n_baselines, 5)", "got (8, 4)", **PAIRS
    ),
    "distribution a list": distribution([0], "a distribution to draw from: got list."),
    "n_steps": steps("n_steps must be an integer of at least 1: got 0.", n_steps=0),
    "n_steps below zero": steps("n_steps must be an integer of at least 1: got -3.", n_steps=-3),
    "n_steps a float": steps("n_steps must be an integer of at least 1: got 2.5.", error=WrongType, n_steps=2.5),
    "n_steps of a trapezoid": steps("n_steps must be at least 2", "got 1.", n_steps=1, method="riemann_trapezoid"),
    "method": steps("method must be one of riemann_left, ", "gausslegendre: got 'simpson'.", method="simpson"),
    "internal_batch_size": steps("internal_batch_size must be an integer of at least 1: got 0.", internal_batch_size=0),
    "n_samples": samples("n_samples must be an integer of at least 1: got 0.", n_samples=0),
    "n_samples a word": samples(
        "n_samples must be an integer of at least 1: got 'ten'.", error=WrongType, n_samples="ten"
    ),
    "seeds too few": samples("seed must be one number, or one per example: expected 8, got 3.", seed=[1, 2, 3]),
    "seed a float": samples("seed must be an integer, or one per example: got 1.5.", error=WrongType, seed=1.5),
    "stdevs": samples("stdevs must not be negative: got -0.5.", stdevs=-0.5),
    "seed and generator": samples("seed and generator exclude", "got both.", seed=1, generator=torch.Generator()),
    "nt_type": noise("nt_type must be one of smoothgrad, smoothgrad_sq, vargrad: got 'mean'.", nt_type="mean"),
    "nt_samples": noise("nt_samples must be an integer of at least 1: got 0.", nt_samples=0),
    "nt_samples_batch_size": noise(
        "nt_samples_batch_size must be an integer of at least 1: got 0.", nt_samples_batch_size=0
    ),
    "stdevs of noise": noise("stdevs must not be negative: got (-1.0,).", stdevs=(-1.0,)),
    "stdevs too many": noise("stdevs must be one number, or one for each input: expected 1, got 2.", stdevs=(1.0, 2.0)),
    "stdevs too few": noise(
        "stdevs must be one number, or one for each input: expected 2, got 1.", stdevs=(1,), **PAIRS
    ),
    "stdevs a word": noise("stdevs must be a number or a tuple of numbers: got 'much'.", stdevs="much"),
    "seed and generator of noise": noise("seed and generator exclude", seed=1, generator=torch.Generator()),
    "target inside noise": noise("target must lie within", "got (5,)", target=5, error=OutOfRange),
}
