"""Shapley values, sampled and exact, of anything that both libraries take."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from beside_captum.same.compare import assert_same, rounding_of
from zoo.architectures import ARCHITECTURES, SEEDS, Example, Tensors, example

SAMPLING, EXACT = "ShapleyValueSampling", "ShapleyValues"
BOTH = pytest.mark.parametrize("method", [SAMPLING, EXACT])
FEW = {
    "perceptron": torch.tensor([[0, 1, 1, 2, 3, 0]]),
    "convolutional": torch.arange(72).view(1, 2, 6, 6) // 18,
    "recurrent": (torch.arange(5)[:, None] // 2).repeat(1, 1, 4),
    "transformer": torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]).repeat(1, 3, 1),
    "two inputs": (torch.tensor([[[0, 0, 1], [2, 1, 2]]]), torch.tensor([[3, 0, 3, 1]])),
    "dense": torch.tensor([[3, 1, 1, 2, 3, 0]]),
}
"""Masks of at most four features, so that all orders are few."""

W = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])
X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])


def same(
    method: str, model: Any, inputs: Tensor | Tensors, *, seed: int = 0, rounding: float = 0.0, **arguments: Any
) -> None:
    """The same numbers from the same seeds; Captum's are float32 whatever the output is."""

    def call(attr: Any) -> Any:
        given = tuple(x.clone() for x in inputs) if isinstance(inputs, tuple) else inputs.clone()
        return getattr(attr, method)(model).attribute(given, **arguments)

    assert_same(call, seed=seed, dtypes=False, rounding=rounding)


def sampled(case: Example, *, seed: int = 0, **arguments: Any) -> None:
    """The same sampled values of an example."""
    given = {"n_samples": 3, "rounding": rounding(case)} | case.explained | arguments
    same(SAMPLING, case.model, case.inputs, seed=seed, **given)


def rounding(case: Example) -> float:
    """That of an example's outputs."""
    return rounding_of(case.model, case.given, case.explained["additional_forward_args"])


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("seed", SEEDS, ids="seed{}".format)
class TestArchitectures:
    def test_each_element(self, name: str, seed: int):
        sampled(example(name, seed), seed=seed)

    def test_masked(self, name: str, seed: int):
        case = example(name, seed)
        sampled(case, seed=seed, feature_mask=FEW[name], baselines=case.draw(4), n_samples=6)

    def test_exactly(self, name: str, seed: int):
        case = example(name, seed)
        given = {"feature_mask": FEW[name], "baselines": case.draw(1), "rounding": rounding(case)}
        same(EXACT, case.model, case.inputs, **given, **case.explained)

    def test_in_double_precision(self, name: str, seed: int):
        case = example(name, seed, dtype=torch.float64)
        sampled(case, seed=seed, feature_mask=FEW[name])


def products(x: Tensor) -> Tensor:
    """A game between the features, one value per example."""
    return x[:, 0] * x[:, 1] + (x[:, 1] * x[:, 2]).sin() + x[:, 2] ** 2


def several(x: Tensor) -> Tensor:
    """Several values per example."""
    return torch.tanh(x @ W.T.to(x.dtype)) * x[:, :1]


MASKS = {
    "none": None,
    "all alike": torch.tensor([[0, 1, 0]]),
    "one dimension": torch.tensor([2, 0, 1]),
    "one feature": torch.tensor([[0]]),
    "broadcast over features and examples": torch.tensor([[0], [1]]),
    "gaps": torch.tensor([[5, 0, 2]]),
    "not from zero": torch.tensor([[3, 3, 1]]),
    "each example its own": torch.tensor([[0, 1, 2], [2, 2, 0]]),
    "an example without some features": torch.tensor([[0, 1, 2], [3, 3, 3]]),
    "gaps in examples": torch.tensor([[0, 4, 2], [1, 1, 4]]),
}


@BOTH
class TestArguments:
    @pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
    @pytest.mark.parametrize("model", [products, several])
    def test_masks(self, method: str, mask: Tensor | None, model: Any):
        same(method, model, X, feature_mask=mask)

    @pytest.mark.parametrize(
        "baselines",
        [None, 0.5, 2, torch.full((1, 3), 0.3), X.flip(0), (0.5,), (torch.ones(1, 3),)],
        ids=["none", "number", "integer", "one for all", "one each", "number in a tuple", "tensor in a tuple"],
    )
    def test_baselines(self, method: str, baselines: Any):
        same(method, products, X, baselines=baselines)

    @pytest.mark.parametrize("target", [0, -1, (1,), [1, 0], torch.tensor(1), torch.tensor([0, 1]), [(0,), (1,)]])
    def test_targets(self, method: str, target: Any):
        same(method, several, X, target=target)

    @pytest.mark.parametrize("target", [(1, 0), [(0, 1), (1, 2)]])
    def test_targets_of_two_dimensions(self, method: str, target: Any):
        same(method, lambda x: x[:, :, None] * x[:, None, :], X, target=target)

    @pytest.mark.parametrize("each", [1, 2, 5, 100])
    def test_perturbations_per_eval(self, method: str, each: int):
        same(method, products, X, perturbations_per_eval=each)
        same(method, several, X, perturbations_per_eval=each, feature_mask=MASKS["each example its own"])

    @pytest.mark.parametrize("each", [1, 3])
    def test_additional_arguments(self, method: str, each: int):
        extra = (torch.tensor([2.0, -1.0]), torch.tensor(3.0), None, "tanh")

        def model(x: Tensor, scale: Tensor, constant: Tensor, nothing: None, name: str) -> Tensor:
            return getattr(torch, name)(products(x) * scale + constant)

        same(method, model, X, additional_forward_args=extra, perturbations_per_eval=each)

    def test_one_additional_argument(self, method: str):
        same(method, lambda x, scale: products(x) * scale, X, additional_forward_args=torch.tensor([2.0, -1.0]))

    @pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
    def test_integers(self, method: str, dtype: torch.dtype):
        x = torch.tensor([[4, 2, 7], [1, 3, 5]], dtype=dtype)
        same(method, lambda x: products(x.float()), x)
        same(method, lambda x: products(x.float()), x, baselines=torch.tensor([[1, 0, 2]], dtype=dtype))

    def test_integer_outputs(self, method: str):
        same(method, lambda x: x[:, 0] * x[:, 1] + 3 * x[:, 2], torch.tensor([[4, 2, 7], [1, 3, 5]]))

    def test_large_integer_outputs(self, method: str):
        x = torch.tensor([[3, 7, 4, 2**24 + 1]])
        mask = torch.tensor([[0, 1, 2, 3]])

        def small_beside_large(attr: Any) -> Any:
            found = getattr(attr, method)(lambda x: x.sum(1)).attribute(x.clone(), feature_mask=mask)
            return found[:, :3]

        assert_same(small_beside_large, dtypes=False)

    def test_token_ids(self, method: str):
        words = nn.Embedding(10, 4)

        def model(ids: Tensor) -> Tensor:
            return torch.sin(words(ids).sum(1)).cumsum(1)

        same(method, model, torch.tensor([[4, 2, 7], [1, 3, 5]]), baselines=9, target=2)

    def test_inputs_equal_to_their_baselines_in_parts(self, method: str):
        same(method, products, X, baselines=torch.tensor([[1.0, 0, 0], [3.0, 0, 0]]))

    def test_one_example(self, method: str):
        same(method, several, X[:1])
        same(method, products, X[:1], perturbations_per_eval=2)

    def test_gradients_asked_for(self, method: str):
        same(method, products, X.clone().requires_grad_())


OUTPUTS = {
    "(B,)": products,
    "(B, 1)": lambda x: products(x)[:, None],
    "(B, K)": several,
    "(B, K, L)": lambda x: several(x)[:, :, None] * x[:, None, :],
    "scalar": lambda x: products(x).sum(),
    "(1,)": lambda x: products(x).sum().reshape(1),
    "(1, 1)": lambda x: products(x).sum().reshape(1, 1),
    "number": lambda x: float(products(x).sum()),
    "integer": lambda x: int(products(x).sum() * 10),
}


@BOTH
class TestOutputs:
    @pytest.mark.parametrize("model", OUTPUTS.values(), ids=OUTPUTS)
    def test_shapes(self, method: str, model: Any):
        same(method, model, X)
        same(method, model, X, feature_mask=torch.tensor([[0, 2, 2]]), baselines=X.flip(0) / 3)

    @pytest.mark.parametrize("name", ["(B,)", "(B, 1)", "(B, K)", "(B, K, L)"])
    def test_shapes_of_several_evaluations_at_once(self, method: str, name: str):
        same(method, OUTPUTS[name], X, perturbations_per_eval=3)

    @pytest.mark.parametrize("name", ["(B,)", "(B, 1)", "(B, K)", "(B, K, L)"])
    def test_shapes_of_each_examples_own_features(self, method: str, name: str):
        same(method, OUTPUTS[name], X, feature_mask=MASKS["each example its own"])

    def test_inputs_of_more_dimensions(self, method: str):
        x = torch.linspace(-1, 1, 24).view(2, 3, 2, 2)
        model = nn.Sequential(nn.Conv2d(3, 2, 2), nn.Flatten())
        same(method, model, x, feature_mask=torch.tensor([0, 3, 1]).repeat_interleave(4).view(1, 3, 2, 2))


def of_two(a: Tensor, b: Tensor) -> Tensor:
    """Two inputs of two and three features that play together."""
    return a[:, 0] * b[:, 1] + (a[:, 1] * b[:, 0]).sin() + b[:, 2] * a[:, 0]


A = X[:, :2] + 0.5


@BOTH
class TestTwoInputs:
    @pytest.mark.parametrize(
        "mask",
        [
            None,
            (torch.tensor([[0, 1]]), torch.tensor([[2, 3, 4]])),
            (torch.tensor([[0, 1]]), torch.tensor([[1, 0, 2]])),
            (torch.tensor([[0, 0]]), torch.tensor([[0, 0, 0]])),
            (torch.tensor([[6, 1]]), torch.tensor([[1, 4, 1]])),
            (torch.tensor([[0, 1], [1, 1]]), torch.tensor([[2, 0, 1], [0, 3, 3]])),
            (torch.tensor([[0, 1], [1, 1]]), torch.tensor([[2, 0, 1]])),
            (torch.tensor([[2, 3]]), torch.tensor([[0, 1, 1]])),
        ],
        ids=["none", "apart", "shared", "one", "shared, gaps", "each its own", "one each its own", "second first"],
    )
    def test_masks(self, method: str, mask: Any):
        if mask is not None and max(int(each.max()) for each in mask) > 5 and method == EXACT:
            mask = (mask[0].clamp(max=5), mask[1])  # Captum walks through 7! orders of the numbers up to 6
        same(method, of_two, (A, X), feature_mask=mask)

    @pytest.mark.parametrize(
        "baselines",
        [(1, 0.5), (torch.ones(1, 2), 2), (A.flip(0), X.flip(0)), (0, X.flip(0))],
        ids=["numbers", "a tensor and a number", "one each", "a number and a tensor"],
    )
    def test_baselines(self, method: str, baselines: Any):
        same(method, of_two, (A, X), baselines=baselines, perturbations_per_eval=2)

    def test_several_values(self, method: str):
        same(method, lambda a, b: several(b) * a, (A, X))

    def test_a_tuple_of_one(self, method: str):
        same(method, products, (X,))


@pytest.mark.parametrize("samples", [1, 2, 25, 40])
def test_numbers_of_samples(samples: int):
    same(SAMPLING, products, X, n_samples=samples)


def test_as_many_samples_as_by_default():
    same(SAMPLING, several, X)


@pytest.mark.parametrize("seed", range(5))
def test_seeds(seed: int):
    same(SAMPLING, several, X, n_samples=2, seed=seed)


def test_a_model_that_draws_before_and_after():
    def call(attr: Any) -> Any:
        start = torch.rand(2, 3)
        found = attr.ShapleyValueSampling(products).attribute(X + start, n_samples=4)
        return found, attr.ShapleyValueSampling(products).attribute(X + torch.rand(2, 3), n_samples=4)

    assert_same(call, dtypes=False)


def combination(seed: int) -> tuple[str, Example, dict[str, Any]]:
    """A call at random."""
    pick = random.Random(seed)
    name = pick.choice([*ARCHITECTURES])
    case = example(name, seed, dtype=pick.choice([torch.float32, torch.float64]))
    method = pick.choice([SAMPLING, SAMPLING, EXACT])
    generator = torch.Generator().manual_seed(seed)
    most = 5 if method == EXACT else pick.choice([3, 8, 20])
    masks = tuple(
        torch.randint(pick.choice([1, most]), (pick.choice([1, 4]), *x.shape[1:]), generator=generator)
        for x in case.tensors
    )
    mask = masks if len(masks) > 1 else masks[0]
    baselines = pick.choice([None, case.draw(1), case.draw(4)])
    arguments = case.explained | {
        "feature_mask": None if method == SAMPLING and pick.random() < 0.2 else mask,
        "baselines": baselines,
        "perturbations_per_eval": pick.choice([1, 2, 3, 10]),
    }
    if pick.random() < 0.3:
        arguments["target"] = None
    if method == SAMPLING:
        arguments["n_samples"] = pick.randint(1, 6)
    return method, case, arguments


@pytest.mark.parametrize(
    "seed", [*range(24), *(pytest.param(seed, marks=pytest.mark.large) for seed in range(24, 300))]
)
def test_combinations(seed: int):
    method, case, arguments = combination(seed)
    same(method, case.model, case.inputs, seed=seed, rounding=rounding(case), **arguments)


def test_a_mask_of_no_dimensions():
    same(SAMPLING, several, X, feature_mask=torch.tensor(0))


def test_inputs_of_another_number_of_examples():
    same(SAMPLING, lambda a, b: a.sum(1) + b.sum(1), (X, X[:1]))
    same(EXACT, lambda a, b: a.sum(1) + b.sum(1), (X, X[:1]))
