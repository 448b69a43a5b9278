"""Windows taken away from inputs, of anything that both libraries take."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor

from beside_captum.same.compare import assert_same, rounding_of
from zoo.architectures import ARCHITECTURES, SEEDS, Tensors, example

ROW = torch.tensor([[1.0, -2.0, 0.5, 0.7, 2.0], [3.0, 0.25, -1.0, 0.4, 0.1]])
PICTURE = torch.arange(84.0).view(2, 1, 6, 7).sin()
WINDOWS = {
    "perceptron": (2,),
    "convolutional": (2, 3, 2),
    "recurrent": (2, 4),
    "transformer": (1, 3),
    "two inputs": ((1, 2), (3,)),
    "dense": (4,),
}


def same(model: Any, inputs: Tensor | Tensors, windows: Any, **arguments: Any) -> None:
    """The same occlusion; Captum's is float32 whatever the output is."""

    def call(attr: Any) -> Any:
        given = tuple(x.clone() for x in inputs) if isinstance(inputs, tuple) else inputs.clone()
        return attr.Occlusion(model).attribute(given, windows, **arguments)

    if arguments.get("perturbations_per_eval", 1) is None:  # Captum has no automatic size
        del arguments["perturbations_per_eval"]
    rounding = rounding_of(model, inputs, arguments.get("additional_forward_args"))
    assert_same(call, dtypes=False, rounding=rounding)


def products(x: Tensor) -> Tensor:
    """A game between neighbours, one value per example."""
    flat = x.flatten(1)
    return (flat[:, 1:] * flat[:, :-1]).sin().sum(1) + flat[:, 0] ** 2


def pairs(a: Tensor, b: Tensor) -> Tensor:
    """A game between two inputs."""
    return products(a) * b.flatten(1).mean(1) + products(b)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("seed", SEEDS, ids="seed{}".format)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [None, 4])
def test_architectures(name: str, seed: int, dtype: torch.dtype, size: int | None):
    case = example(name, seed, dtype=dtype)
    same(case.model, case.inputs, WINDOWS[name], baselines=case.draw(4), perturbations_per_eval=size, **case.explained)


@pytest.mark.parametrize("stride", [None, 1, 2, 3, 5, (1,), (2,)])
def test_windows_over_a_row(stride: Any):
    step = 1 if stride is None else stride[0] if isinstance(stride, tuple) else stride
    for window in range(step, 6):
        same(products, ROW, (window,), strides=stride)


def test_a_stride_beyond_the_only_window():
    same(products, ROW, (5,), strides=7)


@pytest.mark.parametrize("strides", [None, 1, (2,), (1, 2, 1), (1, 3, 2), (7, 3, 3)])
@pytest.mark.parametrize("window", [(1, 3, 3), (1, 3, 7), (1, 6, 7)])
@pytest.mark.parametrize("size", [None, 3])
def test_windows_over_a_picture(window: tuple[int, ...], strides: Any, size: int | None):
    same(products, PICTURE, window, strides=strides, perturbations_per_eval=size)


@pytest.mark.parametrize("window", [(2,), ((2,),)])
@pytest.mark.parametrize("strides", [None, 2, (2,), ((2,),)])
def test_forms_of_one_input(window: Any, strides: Any):
    same(products, ROW, window, strides=strides)
    same(products, (ROW,), window, strides=strides)


@pytest.mark.parametrize("strides", [None, (1, 2), ((2,), (1, 2, 3)), (2, (1, 3, 1)), ((1,), 1)])
@pytest.mark.parametrize("windows", [((2,), (1, 3, 3)), ((5,), (1, 4, 3))])
@pytest.mark.parametrize("size", [None, 4, 5])
def test_forms_of_two_inputs(windows: Any, strides: Any, size: int | None):
    given = {"strides": strides, "perturbations_per_eval": size, "baselines": (0.5, PICTURE.flip(0))}
    same(pairs, (ROW, PICTURE), windows, **given)


@pytest.mark.parametrize(
    "baselines", [None, 0.5, 2, ROW[:1], ROW.flip(0), torch.tensor([[1.0], [2]]), (0.5,), (ROW[:1],)], ids=str
)
def test_baselines(baselines: Any):
    same(products, ROW, (2,), baselines=baselines)


@pytest.mark.parametrize("baselines", [None, 0.5, torch.tensor([[0.5, 1, 2]])], ids=str)
def test_integer_inputs(baselines: Any):
    same(lambda x: products(x.float()), torch.tensor([[4, 2, 8], [5, -3, 1]]), (2,), baselines=baselines)


OUTPUTS = {
    "(B, 1)": lambda x: products(x)[:, None],
    "(B, K)": lambda x: x[:, :3].tanh() * products(x)[:, None],
    "(B, K, L)": lambda x: x[:, :3, None] * x[:, None, :2],
    "()": lambda x: products(x).sum(),
    "(1,)": lambda x: products(x).mean().reshape(1),
    "a float": lambda x: float(products(x).sum()),
    "integers": lambda x: (9 * products(x)).long(),
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("examples", [1, 2])
def test_outputs_of_every_form(output: str, examples: int):
    same(OUTPUTS[output], ROW[:examples], (2,))


@pytest.mark.parametrize("target", [0, -1, (1,), [1, 0], torch.tensor([2, 0])], ids=str)
@pytest.mark.parametrize("size", [None, 3])
def test_targets(target: Any, size: int | None):
    same(OUTPUTS["(B, K)"], ROW, (2,), target=target, perturbations_per_eval=size)


def test_additional_arguments():
    extra = (torch.tensor([2.0, -1.0]), "tanh")
    given = {"additional_forward_args": extra, "perturbations_per_eval": 3}
    same(lambda x, scale, name: getattr(torch, name)(products(x) * scale), ROW, (2,), **given)


@pytest.mark.parametrize("seed", [*range(15), *(pytest.param(i, marks=pytest.mark.large) for i in range(15, 300))])
def test_random_combinations(seed: int):
    pick = random.Random(seed)
    shapes = [tuple(pick.randint(1, 5) for _ in range(pick.randint(1, 3))) for _ in range(2)]
    generator = torch.Generator().manual_seed(seed)
    inputs = tuple(torch.randn(2, *shape, 1, generator=generator, dtype=torch.float64) for shape in shapes)
    windows = tuple(tuple(pick.randint(1, size) for size in x.shape[1:]) for x in inputs)
    strides = tuple(tuple(pick.randint(1, size) for size in window) for window in windows)
    given = {"strides": pick.choice([None, strides]), "perturbations_per_eval": pick.choice([None, 1, 2, 7])}
    same(lambda a, b: (a.flatten(1).sum(1) + 1) * (products(b) + 2), inputs, windows, **given)
