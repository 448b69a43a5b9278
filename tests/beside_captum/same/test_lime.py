"""Lime: the same coefficients from the same coins, and the same calls of what a user gives."""

import random
from collections.abc import Callable
from typing import Any

import captum._utils.models.linear_model as their_models
import captum.attr
import pytest
import torch
from captum.attr._core.lime import get_exp_kernel_similarity_function as their_similarity
from torch import Tensor, nn

import pellucid.models.linear as our_models
from beside_captum.same.compare import TOLERANCE, on_captum, on_pellucid, value_of
from beside_captum.same.surrogates import (
    FEW,
    MASKS,
    OF_TWO,
    OUTPUTS,
    A,
    X,
    assert_same_fit,
    explained,
    louder,
    objective,
    of_two,
    products,
    recording,
    several,
)
from matrices import in_turn
from pellucid.attr.lime import get_exp_kernel_similarity_function as our_similarity
from zoo.architectures import ARCHITECTURES, SEEDS, Example, Tensors, example

SCIKIT_LEARN = 1e-3
"""How far scikit-learn's lasso is from its optimum at most in these tests, as a share of the largest coefficient."""

Parts = Callable[[Any], dict[str, Any]]
"""What a library's Lime is made of, by the library."""


def explain(model: Any, inputs: Tensor | Tensors, parts: Parts | None = None, **arguments: Any) -> Callable[[Any], Any]:
    """A call on fresh copies of the inputs."""

    def call(attr: Any) -> Any:
        given = tuple(x.clone() for x in inputs) if isinstance(inputs, tuple) else inputs.clone()
        return attr.Lime(model, **(parts(attr) if parts else {})).attribute(given, **arguments)

    return call


def same(
    model: Any,
    inputs: Tensor | Tensors,
    parts: Parts | None = None,
    *,
    seed: int = 0,
    dtypes: bool = True,
    tolerance: float = SCIKIT_LEARN,
    **arguments: Any,
) -> None:
    """The same numbers and draws."""
    call = explain(model, inputs, parts, **arguments)
    assert_same_fit(call, seed=seed, dtypes=dtypes, tolerance=tolerance)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("seed", SEEDS, ids="seed{}".format)
class TestArchitectures:
    def test_masked(self, name: str, seed: int):
        case = example(name, seed)
        mask, baselines = FEW[name], case.draw(4)
        same(
            louder(case),
            case.inputs,
            seed=seed,
            n_samples=60,
            feature_mask=mask,
            baselines=baselines,
            **explained(case),
        )

    def test_in_double_precision(self, name: str, seed: int):
        case = example(name, seed, dtype=torch.float64)
        arguments = {"feature_mask": FEW[name], "n_samples": 60, **explained(case)}
        same(louder(case), case.inputs, seed=seed, dtypes=False, **arguments)

    def test_each_element_at_least_as_well(self, name: str, seed: int):
        """Where samples are few, several answers are about as good, and scikit-learn stops before the best one."""
        case = example(name, seed)
        at_least_as_good(louder(case), case.inputs, seed=seed, n_samples=30, **explained(case))


def at_least_as_good(model: Any, inputs: Tensor | Tensors, *, seed: int = 0, **arguments: Any) -> None:
    """What the lasso minimises is no larger for our coefficients than for Captum's, of the same samples."""
    arguments = {"return_input_shape": False, **arguments}
    fits, parts = recording(lambda: their_models.SkLearnLasso(alpha=0.01))
    theirs = on_captum(explain(model, inputs, parts, **arguments), seed)
    ours = on_pellucid(explain(model, inputs, **arguments), seed)
    expected, found = value_of(theirs).double(), value_of(ours).double()
    assert ours.torch_state == theirs.torch_state
    assert expected.shape == found.shape
    assert len(fits) == len(found)
    for fit, their, our in zip(fits, expected, found, strict=True):
        assert their.any()
        assert objective(fit, our) <= objective(fit, their) * (1 + 1e-6)


@pytest.mark.parametrize("samples", [5, 10, 25, 200])
@pytest.mark.parametrize("seed", range(4))
def test_numbers_of_samples_at_least_as_well(samples: int, seed: int):
    at_least_as_good(products, X, seed=seed, n_samples=samples)
    at_least_as_good(of_two, (A, X), seed=seed, n_samples=samples)


@pytest.mark.parametrize("samples", [25, 50, 200])
def test_numbers_of_samples(samples: int):
    same(products, X, n_samples=samples)


def test_as_many_samples_as_by_default():
    same(products, X)


class TestArguments:
    @pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
    def test_masks(self, mask: Tensor | None):
        same(products, X, feature_mask=mask, n_samples=80)

    @pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
    def test_one_coefficient_for_each_number_of_a_mask(self, mask: Tensor | None):
        same(products, X, feature_mask=mask, n_samples=80, return_input_shape=False)

    @pytest.mark.parametrize(
        "baselines",
        [None, 0.5, 2, torch.full((1, 3), 0.3), X.flip(0), (0.5,), (torch.ones(1, 3),)],
        ids=["none", "number", "integer", "one for all", "one each", "number in a tuple", "tensor in a tuple"],
    )
    def test_baselines(self, baselines: Any):
        same(products, X, baselines=baselines, n_samples=50)

    @pytest.mark.parametrize("target", [0, -1, (1,), [1, 0], torch.tensor([1]), torch.tensor([0, 1]), [(0,), (1,)]])
    def test_targets(self, target: Any):
        same(several, X, target=target, n_samples=50)

    @pytest.mark.parametrize("target", [(1, 0), [(0, 1), (1, 2)]])
    def test_targets_of_two_dimensions(self, target: Any):
        same(lambda x: x[:, :, None] * x[:, None, :].exp(), X, target=target, n_samples=50)

    @pytest.mark.parametrize("each", [1, 2, 7, 100])
    def test_perturbations_per_eval(self, each: int):
        same(products, X, perturbations_per_eval=each, n_samples=50)
        mask = MASKS["each example its own"]
        same(several, X, target=[1, 0], perturbations_per_eval=each, feature_mask=mask, n_samples=50)

    @pytest.mark.parametrize("each", [1, 3])
    def test_additional_arguments(self, each: int):
        extra = (torch.tensor([2.0, -1.0]), 3.0, None, "sinh")

        def model(x: Tensor, scale: Tensor, constant: float, nothing: None, name: str) -> Tensor:
            return getattr(torch, name)(products(x) * scale + constant)

        same(model, X, additional_forward_args=extra, perturbations_per_eval=each, n_samples=50)

    @pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
    def test_integers(self, dtype: torch.dtype):
        x = torch.tensor([[4, 2, 7], [1, 3, 5]], dtype=dtype)
        same(lambda x: products(x.float()), x, n_samples=50)

    def test_integer_outputs(self):
        same(lambda x: x[:, 0] * x[:, 1] + 3 * x[:, 2], torch.tensor([[4, 2, 7], [1, 3, 5]]), n_samples=50)

    def test_token_ids(self):
        torch.manual_seed(0)
        words = nn.Embedding(10, 4)
        ids = torch.tensor([[4, 2, 7], [1, 3, 5]])
        same(lambda ids: torch.sin(words(ids.long()).sum(1)).cumsum(1), ids, baselines=9, target=2, n_samples=50)

    def test_one_example(self):
        same(products, X[:1])
        same(several, X[:1], target=1, perturbations_per_eval=2)

    def test_gradients_asked_for(self):
        same(products, X.clone().requires_grad_())


class TestOutputs:
    @pytest.mark.parametrize("by_element", [True, False])
    @pytest.mark.parametrize("model", OUTPUTS.values(), ids=OUTPUTS)
    def test_shapes(self, model: Any, by_element: bool):
        arguments = {"return_input_shape": by_element, "n_samples": 60, "dtypes": False}
        same(model, X, **arguments)
        same(model, X, feature_mask=torch.tensor([[0, 2, 2]]), baselines=X.flip(0) / 3, **arguments)

    def test_inputs_of_more_dimensions(self):
        x = torch.linspace(-1, 1, 24).view(2, 3, 2, 2)
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 2, 2), nn.Flatten())
        mask = torch.tensor([0, 3, 1]).repeat_interleave(4).view(1, 3, 2, 2)
        same(model, x, target=1, feature_mask=mask, n_samples=100)


class TestTwoInputs:
    @pytest.mark.parametrize("mask", [*OF_TWO.values(), (torch.tensor([[0, 0]]), torch.tensor([[0, 0, 0]]))])
    @pytest.mark.parametrize("by_element", [True, False])
    def test_masks(self, mask: Any, by_element: bool):
        same(of_two, (A, X), feature_mask=mask, n_samples=100, return_input_shape=by_element)

    @pytest.mark.parametrize(
        "baselines",
        [(1, 0.5), (torch.ones(1, 2), 2), (A.flip(0), X.flip(0)), (0, X.flip(0))],
        ids=["numbers", "a tensor and a number", "one each", "a number and a tensor"],
    )
    def test_baselines(self, baselines: Any):
        same(of_two, (A, X), baselines=baselines, perturbations_per_eval=2, n_samples=100)

    def test_a_tuple_of_one(self):
        same(products, (X,))


def test_a_model_that_draws_before_and_after():
    def call(attr: Any) -> Any:
        start = torch.rand(2, 3)
        found = attr.Lime(products).attribute(X + start, n_samples=40)
        return found, attr.Lime(products).attribute(X + torch.rand(2, 3), n_samples=40)

    assert_same_fit(call, tolerance=SCIKIT_LEARN)


def models(attr: Any) -> Any:
    """The linear models of a library."""
    return their_models if attr is captum.attr else our_models


def similarity(attr: Any) -> Any:
    """How a library makes kernels."""
    return their_similarity if attr is captum.attr else our_similarity


FITTED = {
    "SkLearnLasso": {"alpha": 0.02},
    "SkLearnRidge": {"alpha": 0.5},
    "SkLearnLinearRegression": {},
    "SGDLasso": {},
    "SGDRidge": {},
    "SGDLinearRegression": {},
}


@pytest.mark.parametrize(("name", "whose"), in_turn(FITTED, ["its own", "Captum's", "pellucid's"], quick=1))
class TestModelsOfTheUsers:
    def parts(self, name: str, whose: str) -> Parts:
        library = {"its own": models, "Captum's": lambda _: their_models, "pellucid's": lambda _: our_models}[whose]
        return lambda attr: {"interpretable_model": getattr(library(attr), name)(**FITTED[name])}

    def test_one_model_per_example(self, name: str, whose: str):
        same(products, X, self.parts(name, whose), tolerance=TOLERANCE, n_samples=20)

    def test_one_model_for_the_batch(self, name: str, whose: str):
        arguments = {"n_samples": 20, "return_input_shape": False}
        same(lambda x: products(x).sum(), X, self.parts(name, whose), tolerance=TOLERANCE, **arguments)


def test_a_model_of_the_users_own_is_fitted_to_the_same_data():
    seen: dict[Any, list[list[Tensor]]] = {}

    class Means:
        def __init__(self, attr: Any) -> None:
            self.fits = seen.setdefault(attr, [])

        def fit(self, data: Any, **kwargs: Any) -> None:
            assert not kwargs
            self.fits += data

        def representation(self) -> Tensor:
            present, outputs, weights = self.fits[-1]
            return (present * (outputs * weights)[:, None]).mean(0, keepdim=True)

    same(products, X, lambda attr: {"interpretable_model": Means(attr)}, tolerance=TOLERANCE, n_samples=20)
    theirs, ours = seen.values()
    assert len(theirs) == len(ours) == 2
    for their, our in zip(theirs, ours, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mode", ["cosine", "euclidean"])
@pytest.mark.parametrize("width", [0.4, 1.0, 3])
class TestKernels:
    def test_of_either_library(self, mode: Any, width: float):
        same(products, X, lambda attr: {"similarity_func": similarity(attr)(mode, width)}, n_samples=60)
        same(of_two, (A, X), lambda attr: {"similarity_func": similarity(attr)(mode, kernel_width=width)}, n_samples=99)

    def test_of_captum_in_both(self, mode: Any, width: float):
        same(products, X, lambda _: {"similarity_func": their_similarity(mode, width)}, n_samples=60)

    def test_of_pellucid_in_both(self, mode: Any, width: float):
        same(of_two, (A, X), lambda _: {"similarity_func": our_similarity(mode, width)}, n_samples=99)

    def test_called(self, mode: Any, width: float):
        near = X * torch.tensor([1.0, 0, 1])
        for original, perturbed in ((X[:1], near[:1]), ((X[:1], A[:1]), (near[:1], 0 * A[:1])), (X, near)):
            expected = float(their_similarity(mode, width)(original, perturbed, None, num_interp_features=3))
            found = float(our_similarity(mode, width)(original, perturbed, None, num_interp_features=3))
            assert found == pytest.approx(expected, rel=1e-6)


def coins(original: Any, **kwargs: Any) -> Tensor:
    """Samples in which three of four features are there."""
    return torch.bernoulli(torch.full((1, kwargs["num_interp_features"]), 0.75))


def tossing(original: Any, **kwargs: Any) -> Any:
    """The same, one by one."""
    while True:
        yield coins(original, **kwargs)


class TestFunctionsOfTheUsers:
    @pytest.mark.parametrize("perturb", [coins, tossing])
    @pytest.mark.parametrize("by_element", [True, False])
    def test_perturbations(self, perturb: Any, by_element: bool):
        parts = {"perturb_func": perturb}
        arguments = {"n_samples": 60, "return_input_shape": by_element}
        same(products, X, lambda _: parts, **arguments)
        same(of_two, (A, X), lambda _: parts, perturbations_per_eval=7, **arguments)

    @pytest.mark.parametrize("perturb", [coins, tossing])
    def test_perturbations_of_one_model_for_the_batch(self, perturb: Any):
        same(lambda x: products(x).sum(), X, lambda _: {"perturb_func": perturb}, n_samples=60)

    @pytest.mark.parametrize("returns", [float, lambda weight: weight, lambda weight: weight[None]])
    def test_similarities(self, returns: Any):
        def counts(original: Tensor, near: Tensor, sample: Tensor, **kwargs: Any) -> Any:
            return returns(sample.sum() + (original - near).abs().sum())

        same(products, X, lambda _: {"similarity_func": counts}, n_samples=60)

    def test_all_at_once(self):
        def parts(attr: Any) -> dict[str, Any]:
            model, kernel = models(attr).SkLearnRidge(alpha=0.1), similarity(attr)("euclidean", 2.0)
            return {"interpretable_model": model, "similarity_func": kernel, "perturb_func": tossing}

        same(several, X, parts, target=[1, 0], tolerance=TOLERANCE, n_samples=40)

    @pytest.mark.parametrize("mask", [None, torch.tensor([[3, 3, 5]]), torch.tensor([[0, 1, 2], [2, 2, 0]])])
    @pytest.mark.parametrize("baselines", [None, 0.5, X.flip(0)])
    def test_are_called_with_the_same(self, mask: Any, baselines: Any):
        seen: dict[Any, list[Any]] = {}

        def parts(attr: Any) -> dict[str, Any]:
            calls = seen.setdefault(attr, [])

            def perturb(original: Tensor, **kwargs: Any) -> Tensor:
                calls.append(("perturb", original, *given(original, kwargs)))
                return coins(original, **kwargs)

            def similar(original: Tensor, near: Tensor, sample: Tensor, **kwargs: Any) -> float:
                calls.append(("similar", original, near, sample, *given(original, kwargs)))
                return 1.0

            return {"perturb_func": perturb, "similarity_func": similar}

        def given(original: Tensor, kwargs: dict[str, Any]) -> list[Any]:
            fill = torch.as_tensor(kwargs["baselines"], dtype=original.dtype).expand_as(original)
            mask = kwargs["feature_mask"].expand_as(original)
            return [fill, mask, kwargs["num_interp_features"], sorted(kwargs)]

        same(products, X, parts, baselines=baselines, feature_mask=mask, n_samples=25)
        theirs, ours = seen.values()
        assert len(ours) == len(theirs) == 2 * 2 * 25
        for our, their in zip(sorted(ours, key=first), sorted(theirs, key=first), strict=True):
            torch.testing.assert_close(our[1:-1], their[1:-1])
            assert (our[0], our[-1]) == (their[0], their[-1])

    @pytest.mark.parametrize("baselines", [None, 0, 0.5, True, (0.5, 2), (A, 0.5), (1, X[:1])], ids=repr)
    @pytest.mark.parametrize("output", [lambda values: values, torch.sum], ids=["each", "of the batch"])
    def test_are_called_with_numbers_as_they_are(self, output: Any, baselines: Any):
        seen: dict[Any, list[tuple[Any, ...]]] = {}

        def parts(attr: Any) -> dict[str, Any]:
            def perturb(original: Any, *, baselines: Any, **kwargs: Any) -> Tensor:
                seen.setdefault(attr, []).append(("perturb", baselines))
                return coins(original, **kwargs)

            def similar(original: Any, near: Any, sample: Tensor, *, baselines: Any, **kwargs: Any) -> float:
                seen[attr].append(("similar", baselines))
                return 1.0

            return {"perturb_func": perturb, "similarity_func": similar}

        inputs = (A, X) if isinstance(baselines, tuple) else X
        same(lambda *x: output(sum(each.sum(1) for each in x)), inputs, parts, baselines=baselines, n_samples=60)
        last = min(map(len, seen.values()))  # one value for the batch is noticed here, and the call begins again
        theirs, ours = (sorted(each[-last:], key=first) for each in seen.values())
        assert list(map(kinds, ours)) == list(map(kinds, theirs))
        for our, their in zip(ours, theirs, strict=True):
            torch.testing.assert_close(our[1], their[1])


def kinds(call: Any) -> Any:
    """Which types it was called with."""
    return tuple(map(kinds, call)) if isinstance(call, tuple) else type(call)


def first(call: tuple[Any, ...]) -> str:
    """What was called."""
    return call[0]


def test_a_generator_that_ends_early():
    def ending(original: Any, **kwargs: Any) -> Any:
        for _ in range(15):
            yield coins(original, **kwargs)

    def call(attr: Any) -> Any:
        lime = attr.Lime(products, perturb_func=ending)
        if attr is captum.attr:
            return lime.attribute(X, n_samples=40)
        with pytest.warns(UserWarning, match=r"perturb_func.*expected 40, got 15"):
            return lime.attribute(X, n_samples=40)

    assert_same_fit(call, tolerance=SCIKIT_LEARN)


def combination(seed: int) -> tuple[Example, Parts | None, dict[str, Any]]:
    """A call at random, of few features and enough samples."""
    pick = random.Random(seed)
    name = pick.choice([*ARCHITECTURES])
    case = example(name, seed, dtype=pick.choice([torch.float32, torch.float64]))
    generator = torch.Generator().manual_seed(seed)
    most = pick.choice([2, 3, 6])
    masks = tuple(
        torch.randint(pick.choice([1, most]), (pick.choice([1, 4]), *x.shape[1:]), generator=generator) + 2
        for x in case.tensors
    )
    arguments = explained(case) | {
        "feature_mask": masks if len(masks) > 1 else masks[0],
        "baselines": pick.choice([None, case.draw(1), case.draw(4)]),
        "perturbations_per_eval": pick.choice([1, 2, 3, 10]),
        "n_samples": pick.choice([80, 120, 200]),
        "return_input_shape": pick.random() < 0.7,
    }
    mode, width = pick.choice([("cosine", 1.0), ("cosine", 5.0), ("euclidean", 5.0), ("euclidean", 20.0)])
    kernel = pick.choice([None, lambda attr: {"similarity_func": similarity(attr)(mode, width)}])
    return case, kernel, arguments


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.large) for seed in range(6, 150))])
def test_combinations(seed: int):
    case, parts, arguments = combination(seed)
    same(louder(case), case.inputs, parts, seed=seed, dtypes=False, **arguments)
