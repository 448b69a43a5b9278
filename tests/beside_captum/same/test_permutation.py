"""Features exchanged between examples, at inputs and layers, from the same seeds."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from beside_captum.same.compare import assert_same, rounding_of
from beside_captum.same.layers import FOLLOWED_BY_INPLACE_CODE
from matrices import in_turn
from zoo.architectures import ARCHITECTURES, SEEDS, Tensors, example
from zoo.layered import PLACES, Place, layered

X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0], [0.7, 0.9, -0.3]])
OUT_OF_LAYERS = [place for place in PLACES if not place.of_input and place not in FOLLOWED_BY_INPLACE_CODE]
PAIR = (X, torch.arange(12.0).view(3, 2, 2).cos())


def same(model: Any, inputs: Tensor | Tensors, /, *, seed: int = 0, perm_func: Any = None, **arguments: Any) -> None:
    """The same effects of permutations, from the same seed."""

    def call(attr: Any) -> Any:
        given = tuple(x.clone() for x in inputs) if isinstance(inputs, tuple) else inputs.clone()
        made = {"perm_func": perm_func} if perm_func else {}
        return attr.FeaturePermutation(model, **made).attribute(given, **arguments)

    rounding = rounding_of(model, inputs, arguments.get("additional_forward_args"))
    assert_same(call, seed=seed, rounding=rounding)


def products(x: Tensor) -> Tensor:
    """A game between the features, one value per example."""
    return x[:, 0] * x[:, 1] + (x[:, 1] * x[:, 2]).sin() + x[:, 2] ** 2


def pairs(a: Tensor, b: Tensor) -> Tensor:
    """A game between two inputs."""
    return products(a) * b.flatten(1).sum(1) + b[:, 0, 1] ** 2


def rolled(x: Tensor, mask: Tensor) -> Tensor:
    """A permutation of the user's: each example gets the feature of the one before."""
    return torch.where(mask, x.roll(1, 0), x)


def drawn(x: Tensor, mask: Tensor) -> Tensor:
    """A permutation of the user's that draws."""
    return torch.where(mask, x[torch.randperm(len(x))], x)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("seed", SEEDS, ids="seed{}".format)
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("perm_func", [None, rolled], ids=["default", "rolled"])
def test_architectures(name: str, seed: int, size: int, perm_func: Any):
    case = example(name, seed)
    same(case.model, case.inputs, seed=seed, perm_func=perm_func, perturbations_per_eval=size, **case.explained)


@pytest.mark.parametrize(
    "mask",
    [None, [[0, 1, 0]], [[5, 0, 2]], [[3]], [[0, 1, 2], [2, 2, 0], [1, 0, 0]]],
    ids=["none", "alike", "gaps", "one feature", "by example"],
)
@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_masks(mask: Any, size: int, seed: int):
    same(products, X, seed=seed, feature_mask=mask and torch.tensor(mask), perturbations_per_eval=size)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
@pytest.mark.parametrize(
    ("masks", "perm_func"),
    [
        *itertools.product([None, ([[0, 1, 2]], [[[3, 4], [5, 6]]]), ([[7, 1, 3]], [[[2]]])], [None, rolled]),
        (([[0, 1, 0]], [[[1, 0], [1, 2]]]), rolled),  # exchanged together by default: a difference
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_masks_of_two_inputs(masks: Any, size: int, perm_func: Any):
    given = None if masks is None else tuple(map(torch.tensor, masks))
    same(pairs, PAIR, feature_mask=given, perturbations_per_eval=size, perm_func=perm_func)


def test_draws_of_the_users_own():
    same(products, X, seed=3, perm_func=drawn)


def test_two_examples_of_which_every_draw_moves_both():
    for seed in range(6):
        same(products, X[:2], seed=seed)


OUTPUTS = {
    "(B, 1)": lambda x: products(x)[:, None],
    "(B, K)": lambda x: x.tanh() * products(x)[:, None],
    "()": lambda x: products(x).sin().sum(),
    "a float": lambda x: float(products(x).sum()),
    "integers": lambda x: (9 * products(x)).long(),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_outputs_of_every_form(output: str):
    same(OUTPUTS[output], X, perturbations_per_eval=1)


@pytest.mark.parametrize("target", [0, (1,), [1, 0, 2], torch.tensor([2, 0, 0])], ids=str)
@pytest.mark.parametrize("size", [1, 2])
def test_targets_and_additional_arguments(target: Any, size: int):
    def model(x: Tensor, scale: Tensor, name: str) -> Tensor:
        return getattr(torch, name)(x * scale[:, None]) * x.sum(1, keepdim=True)

    extra = (torch.tensor([2.0, -1.0, 0.5]), "tanh")
    same(model, X, target=target, additional_forward_args=extra, perturbations_per_eval=size)


def test_integer_inputs():
    same(lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[4, 2, 8], [5, -3, 1], [0, 1, 1]]))


def test_inputs_of_other_numbers_of_rows():
    """As sparse values have, of a model with one value for the batch."""
    masks = torch.tensor([[0, 1, 1]]), torch.tensor([2])
    same(lambda a, b: (products(a[:2]).sum() * (b[0] - b[1])).reshape(1), (X, X[:2, 0]), feature_mask=masks)


def test_unknown_arguments_are_dropped():
    same(products, X, baselines=3, nonsense=object())


@pytest.mark.parametrize(("place", "size"), in_turn(OUT_OF_LAYERS, [1, 8], quick=1), ids=str)
def test_every_layer_of_every_model(place: Place, size: int):
    case = layered(place.name, dtype=torch.float64)
    layer, extra = case.model.get_submodule(place.layer), case.explained["additional_forward_args"]

    def chosen(*given: Any) -> Tensor:  # Captum takes no target; see the differences
        return case.model(*given).flatten(1)[:, 1]

    def call(attr: Any) -> Any:
        method = attr.LayerFeaturePermutation(chosen, layer)
        return method.attribute(case.inputs, additional_forward_args=extra, perturbations_per_eval=size)

    assert_same(call)


@pytest.mark.parametrize("mask", [[[0, 1, 1, 2, 0, 0, 5, 5]], [[0] * 8, [1] * 8, [0, 1] * 4, [2] * 8]])
@pytest.mark.parametrize("size", [1, 2])
def test_masks_of_a_layer(mask: Any, size: int):
    case = layered("perceptron")

    def call(attr: Any) -> Any:
        method = attr.LayerFeaturePermutation(lambda x: case.model(x)[:, 0], case.model[2])
        return method.attribute(case.inputs, layer_mask=torch.tensor(mask), perturbations_per_eval=size)

    assert_same(call, rounding=rounding_of(case.model, case.inputs))
