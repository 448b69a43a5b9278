"""Features taken away at inputs, layers and neurons, of anything that both libraries take."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor

from beside_captum.same.compare import assert_same, rounding_of
from beside_captum.same.layers import FOLLOWED_BY_INPLACE_CODE, at_layer, at_neuron
from matrices import in_turn
from zoo.architectures import ARCHITECTURES, SEEDS, Tensors, example
from zoo.layered import PLACES, Place, layered

W = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])
X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0], [0.7, 0.9, -0.3]])
PAIR = (X, torch.arange(12.0).view(3, 2, 2).cos())
SIZES = [None, 1, 2, 3, 5, 100]


def same(model: Any, inputs: Tensor | Tensors, **arguments: Any) -> None:
    """The same ablation."""

    def call(attr: Any) -> Any:
        given = tuple(x.clone() for x in inputs) if isinstance(inputs, tuple) else inputs.clone()
        return attr.FeatureAblation(model).attribute(given, **arguments)

    if arguments.get("perturbations_per_eval", 1) is None:  # Captum has no automatic size
        del arguments["perturbations_per_eval"]
    rounding = rounding_of(model, inputs, arguments.get("additional_forward_args"))
    assert_same(call, rounding=rounding)


def products(x: Tensor) -> Tensor:
    """A game between the features, one value per example."""
    return x[:, 0] * x[:, 1] + (x[:, 1] * x[:, 2]).sin() + x[:, 2] ** 2


def several(x: Tensor) -> Tensor:
    """Several values per example."""
    return torch.tanh(x @ W.T.to(x.dtype)) * x[:, :1]


def pairs(a: Tensor, b: Tensor) -> Tensor:
    """A game between two inputs."""
    return products(a) * b.flatten(1).sum(1) + b[:, 0, 1] ** 2


def mask_of(shape: tuple[int, ...], seed: int, examples: int = 1) -> Tensor:
    """A random mask with gaps."""
    return torch.randint(7, (examples, *shape), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("seed", SEEDS, ids="seed{}".format)
class TestArchitectures:
    def masks(self, name: str, seed: int, examples: int = 1) -> Any:
        masks = tuple(mask_of(shape, seed, examples) for shape in ARCHITECTURES[name].shapes)
        return masks if len(masks) > 1 else masks[0]

    def test_each_element(self, name: str, seed: int):
        case = example(name, seed)
        same(case.model, case.inputs, **case.explained)

    def test_masked(self, name: str, seed: int):
        case = example(name, seed)
        given = {"feature_mask": self.masks(name, seed), "baselines": case.draw(4)} | case.explained
        same(case.model, case.inputs, perturbations_per_eval=3, **given)

    def test_each_example_its_own_mask(self, name: str, seed: int):
        case = example(name, seed)
        same(case.model, case.inputs, feature_mask=self.masks(name, seed, 4), baselines=case.draw(1), **case.explained)

    def test_in_double_precision(self, name: str, seed: int):
        case = example(name, seed, dtype=torch.float64)
        same(case.model, case.inputs, feature_mask=self.masks(name, seed), **case.explained)


MASKS = {
    "none": None,
    "all alike": torch.tensor([[0, 1, 0]]),
    "one feature": torch.tensor([[0]]),
    "no dimension": torch.tensor(4),
    "broadcast over features": torch.tensor([[0], [1], [0]]),
    "gaps": torch.tensor([[5, 0, 2]]),
    "another integer dtype": torch.tensor([[5, 0, 2]], dtype=torch.int16),
    "far apart": torch.tensor([[10**12, 0, 7]]),
    "each example its own": torch.tensor([[0, 1, 2], [2, 2, 0], [1, 0, 0]]),
    "an example without some features": torch.tensor([[0, 1, 2], [3, 3, 3], [0, 0, 0]]),
    "gaps in examples": torch.tensor([[0, 4, 2], [1, 1, 4], [9, 9, 9]]),
}


class TestArguments:
    @pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
    @pytest.mark.parametrize("model", [products, several])
    @pytest.mark.parametrize("size", [None, 2])
    def test_masks(self, model: Any, mask: Tensor | None, size: int | None):
        each_its_own = mask is not None and mask.ndim and len(mask) > 1
        target = 1 if model is several and each_its_own else None  # Captum takes one value only; see the differences
        same(model, X, feature_mask=mask, target=target, perturbations_per_eval=size)

    def test_a_mask_of_one_dimension(self):
        same(products, X, feature_mask=torch.tensor([2, 0, 2]))

    @pytest.mark.parametrize(
        "masks",
        [
            ([[0, 1, 2]], [[[3, 4], [5, 6]]]),
            ([[0, 1, 0]], [[[1, 0], [1, 2]]]),
            ([[7, 1, 3]], [[[2]]]),
            ([[0, 1, 1], [1, 0, 0], [2, 2, 2]], [[[3], [1]]]),
        ],
        ids=["apart", "shared", "one number", "by example and for all"],
    )
    @pytest.mark.parametrize("size", SIZES)
    def test_masks_of_two_inputs(self, masks: Any, size: int | None):
        same(pairs, PAIR, feature_mask=tuple(map(torch.tensor, masks)), perturbations_per_eval=size, baselines=(0.5, 1))

    @pytest.mark.parametrize(
        "baselines",
        [None, 0.5, 2, True, torch.full((1, 3), 0.3), X.flip(0), torch.tensor([[1.0], [2], [3]]), (0.5,), (X[:1],)],
        ids=[
            "none",
            "number",
            "integer",
            "boolean",
            "one for all",
            "one each",
            "broadcast",
            "in a tuple",
            "a tensor so",
        ],
    )
    def test_baselines(self, baselines: Any):
        same(products, X, baselines=baselines)
        same(several, X, baselines=baselines, perturbations_per_eval=2)

    @pytest.mark.parametrize(
        "baselines", [None, (0, 1.5), (X[1:2], 0), (X.flip(0), PAIR[1][:1]), (0.1, PAIR[1].flip(0))]
    )
    def test_baselines_of_two_inputs(self, baselines: Any):
        same(pairs, PAIR, baselines=baselines, perturbations_per_eval=4)

    @pytest.mark.parametrize("baselines", [None, 1, 0.5, torch.tensor([[0.25, 7, 1]]), torch.tensor([[1, 2, 3]])])
    @pytest.mark.parametrize("size", [None, 2])
    def test_integer_inputs(self, baselines: Any, size: int | None):
        def model(x: Tensor) -> Tensor:
            return (x * torch.tensor([1.5, 2, -3])).sum(1) + (x[:, 0] * x[:, 1]).float()

        same(model, torch.tensor([[4, 2, 8], [5, -3, 1]]), baselines=baselines, perturbations_per_eval=size)

    @pytest.mark.parametrize("target", [0, -1, (1,), [1, 0, 0], torch.tensor(1), torch.tensor([0, 1, 1])])
    @pytest.mark.parametrize("size", [None, 2])
    def test_targets(self, target: Any, size: int | None):
        same(several, X, target=target, perturbations_per_eval=size)

    @pytest.mark.parametrize("target", [(1, 0), [(0, 1), (1, 2), (2, 0)], None])
    def test_targets_of_two_dimensions(self, target: Any):
        same(lambda x: x[:, :, None] * x[:, None, :], X, target=target)

    @pytest.mark.parametrize("size", SIZES)
    def test_perturbations_per_eval(self, size: int | None):
        same(products, X, perturbations_per_eval=size)
        same(several, X, perturbations_per_eval=size, feature_mask=MASKS["each example its own"], target=0)

    @pytest.mark.parametrize("size", [None, 3])
    def test_additional_arguments(self, size: int | None):
        extra = (torch.tensor([2.0, -1.0, 0.5]), torch.tensor(3.0), None, "tanh")

        def model(x: Tensor, scale: Tensor, constant: Tensor, nothing: None, name: str) -> Tensor:
            return getattr(torch, name)(products(x) * scale + constant)

        same(model, X, additional_forward_args=extra, perturbations_per_eval=size)

    def test_inputs_of_other_numbers_of_rows(self):
        """As sparse values have, of a model with one value for the batch."""
        masks = torch.tensor([[0, 1, 1]]), torch.tensor([2])
        for given in ({}, {"feature_mask": masks, "baselines": (0.5, 1)}):
            same(lambda a, b: (products(a).sum() * b.prod()).reshape(1), (X, torch.tensor([5.0, 6, 7, 8])), **given)

    def test_unknown_arguments_are_dropped(self):
        same(products, X, min_examples_per_batch=3, enable_cross_tensor_attribution=True, nonsense=object())


OUTPUTS = {
    "(B,)": products,
    "(B, 1)": lambda x: products(x)[:, None],
    "(B, K)": several,
    "(B, K, L)": lambda x: several(x)[:, :, None] * x[:, None, :],
    "()": lambda x: products(x).sum(),
    "(1,)": lambda x: products(x).mean().reshape(1),
    "(1, 1)": lambda x: products(x).mean().reshape(1, 1),
    "a float": lambda x: float(products(x).sum()),
    "an int": lambda x: int(7 * products(x).sum()),
    "integers": lambda x: (9 * products(x)).long(),
    "float64": lambda x: products(x).double(),
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("examples", [1, 3])
def test_outputs_of_every_form(output: str, examples: int):
    same(OUTPUTS[output], X[:examples])


@pytest.mark.parametrize("shape", [(4,), (3, 1), (2, 3, 1, 2), (1, 2)])
def test_inputs_of_every_shape(shape: tuple[int, ...]):
    x = torch.arange(1.0, 1 + torch.Size(shape).numel()).view(shape).cos()
    same(lambda x: (x.flatten(1) if x.ndim > 1 else x[:, None]).pow(2).sum(1), x)


@pytest.mark.parametrize("place", [place for place in PLACES if place not in FOLLOWED_BY_INPLACE_CODE], ids=str)
@pytest.mark.parametrize("seed", SEEDS[:3], ids="seed{}".format)
def test_every_layer_of_every_model(place: Place, seed: int):
    case = layered(place.name, seed, dtype=torch.float64)
    target = (0, 1) if place.name == "dense" else 1  # for several features at once Captum takes no list; see there, too
    given = {"of_input": place.of_input, "target": target, "perturbations_per_eval": 20}
    assert_same(at_layer("LayerFeatureAblation", case, place.layer, **given))


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("baselines", [None, 0.5, "one", "each"])
@pytest.mark.parametrize("mask", [None, "all", "each"])
def test_arguments_of_a_layer(size: int, baselines: Any, mask: Any):
    case = layered("perceptron")
    drawn = torch.randn(4, 8, generator=torch.Generator().manual_seed(3))
    given = {"one": drawn[:1], "each": drawn}.get(baselines, baselines)
    masks = {"all": mask_of((8,), 0), "each": mask_of((8,), 0, 4)}.get(mask)
    arguments = {"layer_baselines": given, "layer_mask": masks, "perturbations_per_eval": size, "target": 2}
    assert_same(at_layer("LayerFeatureAblation", case, "2", **arguments))


@pytest.mark.parametrize("target", [0, -1, (1,), [0, 2, 1, 1], torch.tensor([2, 0, 1, 1]), None], ids=str)
def test_targets_of_a_layer(target: Any):
    case = layered("perceptron")
    assert_same(at_layer("LayerFeatureAblation", case, "0", target=target, perturbations_per_eval=1))


def test_a_layer_of_two_tensors_with_shared_features():
    masks = torch.tensor([[0, 1, 1, 2]]), torch.tensor([[2, 0, 3, 3, 5]])
    for size in (1, 2):
        call = at_layer(
            "LayerFeatureAblation", layered("forked"), "split", layer_mask=masks, perturbations_per_eval=size
        )
        assert_same(call)


@pytest.mark.parametrize(("place", "size"), in_turn(PLACES, [1, 7], quick=1), ids=str)
def test_a_neuron_of_every_layer(place: Place, size: int):
    case = layered(place.name, dtype=torch.float64)
    call = at_neuron(
        "NeuronFeatureAblation",
        case,
        place.layer,
        lambda found: (found[0] if isinstance(found, tuple) else found).flatten(1)[:, :3].sum(1),
        of_input=place.of_input,
        perturbations_per_eval=size,
    )
    assert_same(call)


SELECTORS = {
    "a number": 1,
    "a negative number": -2,
    "a tuple": (3,),
    "a slice": (slice(1, 4),),
    "a function": lambda found: found[:, 2] ** 2,
    "a function of several values": lambda found: found[:, :2],
    "a function of one value": lambda found: found.sum(),
}


@pytest.mark.parametrize("selector", SELECTORS)
def test_neurons_in_every_form(selector: str):
    assert_same(at_neuron("NeuronFeatureAblation", layered("perceptron"), "2", SELECTORS[selector]))


@pytest.mark.parametrize("size", [1, 3])
def test_arguments_of_a_neuron(size: int):
    case = layered("pictures")
    masks = mask_of((2, 6, 6), 0), mask_of((1, 6, 6), 1, 4)
    arguments = {"baselines": (0.5, case.draw(4)[1]), "feature_mask": masks, "perturbations_per_eval": size}
    assert_same(at_neuron("NeuronFeatureAblation", case, "pool", (1, 0, 1), **arguments))


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.large) for seed in range(8, 400))])
def test_random_combinations(seed: int):
    pick = random.Random(seed)
    case = example(pick.choice(list(ARCHITECTURES)), seed, dtype=pick.choice([torch.float32, torch.float64]))
    examples = [pick.choice([1, 4]) for _ in case.tensors]
    masks = tuple(mask_of(x.shape[1:], seed, n) for x, n in zip(case.tensors, examples, strict=True))
    arguments = {
        "baselines": pick.choice([None, case.draw(1), case.draw(4), tuple(pick.random() for _ in masks)]),
        "feature_mask": pick.choice([None, masks if len(masks) > 1 else masks[0]]),
        "perturbations_per_eval": pick.choice(SIZES),
    }
    same(case.model, case.inputs, **case.explained, **arguments)
