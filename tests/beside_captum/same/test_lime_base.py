"""LimeBase, every part of which a user gives: each is called with the same, and the same is learnt."""

import random
from collections.abc import Callable
from typing import Any

import captum._utils.models.linear_model as their_models
import captum.attr
import numpy as np
import pytest
import torch
from torch import Tensor

import pellucid.models.linear as our_models
from beside_captum.same.compare import assert_same_exception
from beside_captum.same.surrogates import A, X, assert_same_fit, of_two, products, several

ONE = X[:1]


def coins(original: Any, **kwargs: Any) -> Tensor:
    """Interpretable samples of three features."""
    return torch.bernoulli(torch.full((1, 3), kwargs.get("chance", 0.5)))


def tossing(original: Any, **kwargs: Any) -> Any:
    """The same, one by one."""
    while True:
        yield coins(original, **kwargs)


def moved(original: Any, **kwargs: Any) -> Any:
    """Perturbed inputs."""
    return original + torch.randn_like(original) * kwargs.get("width", 0.5)


def moving(original: Any, **kwargs: Any) -> Any:
    """The same, one by one."""
    while True:
        yield moved(original, **kwargs)


def kept(sample: Tensor, original: Tensor, **kwargs: Any) -> Tensor:
    """Inputs where only some features are there."""
    return original * sample + kwargs.get("fill", 0.0) * (1 - sample)


def change(near: Tensor, original: Tensor, **kwargs: Any) -> Tensor:
    """By how much inputs were moved, as interpretable samples."""
    return (near - original).sum(0, keepdim=True)


def close(original: Tensor, near: Tensor, sample: Tensor, **kwargs: Any) -> Tensor:
    """What a perturbed input counts."""
    return torch.exp(-(original - near).square().sum() / kwargs.get("width", 4.0))


IN_SAMPLES = {"perturb": coins, "in_samples": True, "to_inputs": kept, "to_samples": None}
IN_INPUTS = {"perturb": moved, "in_samples": False, "to_inputs": None, "to_samples": change}
both_spaces = pytest.mark.parametrize("space", [IN_SAMPLES, IN_INPUTS], ids=["samples", "inputs"])


def explain(
    model: Any,
    inputs: Any,
    space: dict[str, Any],
    *,
    learner: Callable[[Any], Any] = lambda models: models.SkLearnRidge(alpha=0.1),
    similarity: Any = close,
    **arguments: Any,
) -> Callable[[Any], Any]:
    """A call with each library's own models."""

    def call(attr: Any) -> Any:
        learnt = learner(their_models if attr is captum.attr else our_models)
        parts = (space["perturb"], space["in_samples"], space["to_inputs"], space["to_samples"])
        return attr.LimeBase(model, learnt, similarity, *parts).attribute(inputs, **arguments)

    return call


def same(*args: Any, seed: int = 0, **arguments: Any) -> None:
    """The same is learnt, and the same drawn."""
    assert_same_fit(explain(*args, **arguments), seed=seed)


@both_spaces
class TestBothSpaces:
    @pytest.mark.parametrize("samples", [1, 5, 30, 200])
    @pytest.mark.parametrize("seed", range(3))
    def test_numbers_of_samples(self, space: dict[str, Any], samples: int, seed: int):
        ends = {"learner": lambda models: models.SkLearnRidge(fit_intercept=False)}  # of one sample, too
        same(lambda x: products(x) + 1, ONE, space, seed=seed, n_samples=samples, **ends)

    def test_as_many_samples_as_by_default(self, space: dict[str, Any]):
        same(products, ONE, space)

    @pytest.mark.parametrize("each", [1, 2, 7, 100])
    def test_perturbations_per_eval(self, space: dict[str, Any], each: int):
        same(products, ONE, space, perturbations_per_eval=each)

    @pytest.mark.parametrize("name", ["SkLearnLasso", "SkLearnLinearRegression", "SGDLasso", "SGDLinearRegression"])
    def test_models(self, space: dict[str, Any], name: str):
        arguments = {"alpha": 0.02} if name == "SkLearnLasso" else {}
        same(products, ONE, space, learner=lambda models: getattr(models, name)(**arguments))

    @pytest.mark.parametrize("target", [0, -1, (1,), [1], torch.tensor(1), torch.tensor([0])])
    def test_targets(self, space: dict[str, Any], target: Any):
        same(several, ONE, space, target=target)

    @pytest.mark.parametrize("each", [1, 4])
    def test_additional_arguments(self, space: dict[str, Any], each: int):
        extra = (torch.tensor([2.0]), 3.0, "tanh")

        def model(x: Tensor, scale: Tensor, constant: float, name: str) -> Tensor:
            return getattr(torch, name)(products(x) * scale + constant)

        same(model, ONE, space, additional_forward_args=extra, perturbations_per_eval=each)

    @pytest.mark.parametrize(
        "model",
        [
            lambda x: products(x)[:, None],
            lambda x: products(x).sum(),
            lambda x: products(x).sum().reshape(1),
            lambda x: float(products(x).sum()),
        ],
        ids=["(1, 1)", "scalar", "(1,)", "number"],
    )
    def test_outputs(self, space: dict[str, Any], model: Any):
        same(model, ONE, space)

    @pytest.mark.parametrize("output", [lambda y: y.sum(), lambda y: y.sum().reshape(1), lambda y: float(y.sum())])
    def test_one_value_for_several_examples(self, space: dict[str, Any], output: Any):
        same(lambda x: output(products(x)), X, space)

    @pytest.mark.parametrize("returns", [float, lambda weight: weight, lambda weight: weight[None]])
    def test_similarities(self, space: dict[str, Any], returns: Any):
        same(products, ONE, space, similarity=lambda *args, **kwargs: returns(close(*args, **kwargs)))

    def test_further_arguments_go_to_all_functions(self, space: dict[str, Any]):
        seen: dict[Any, list[Any]] = {}

        def call(attr: Any) -> Any:
            calls = seen.setdefault(attr, [])

            def watched(name: str, function: Any) -> Any:
                def wrapper(*args: Any, **kwargs: Any) -> Any:
                    calls.append((name, [each.clone() for each in args], kwargs))
                    return function(*args, **kwargs)

                return function and wrapper

            watching = {name: watched(name, each) if callable(each) else each for name, each in space.items()}
            arguments = {"n_samples": 20, "width": 2.0, "fill": 0.3, "chance": 0.7}
            return explain(products, ONE, watching, similarity=watched("similarity", close), **arguments)(attr)

        assert_same_fit(call)
        theirs, ours = [sorted(calls, key=lambda call: call[0]) for calls in seen.values()]
        assert len(theirs) == len(ours) == 3 * 20
        for their, our in zip(theirs, ours, strict=True):
            assert our[0] == their[0]
            torch.testing.assert_close(our[1], their[1])
            assert our[2] == their[2] == {"width": 2.0, "fill": 0.3, "chance": 0.7}

    def test_generators(self, space: dict[str, Any]):
        drawing = tossing if space["in_samples"] else moving
        same(products, ONE, space | {"perturb": drawing}, n_samples=30, chance=0.6)


class TestTwoInputs:
    def test_in_samples(self):
        def to_inputs(sample: Tensor, original: Any, **kwargs: Any) -> Any:
            a, b = original
            return a * sample[:, :2], b * sample[:, [0, 2, 1]]

        def similarity(original: Any, near: Any, sample: Tensor, **kwargs: Any) -> float:
            return 1.0 + float(sample.sum() + near[0].sum() - original[1].sum()) ** 2

        space = IN_SAMPLES | {"to_inputs": to_inputs}
        same(of_two, (A[:1], ONE), space, similarity=similarity)
        same(lambda a, b: of_two(a, b).sum(), (A, X), space, similarity=similarity)

    def test_in_inputs(self):
        def perturb(original: Any, **kwargs: Any) -> Any:
            return tuple(each * torch.rand_like(each) for each in original)

        def to_samples(near: Any, original: Any, **kwargs: Any) -> Tensor:
            return torch.cat([each.sum(0, keepdim=True) for each in near], dim=1)

        space = IN_INPUTS | {"perturb": perturb, "to_samples": to_samples}
        same(of_two, (A[:1], ONE), space, similarity=lambda *args, **kwargs: 1.0, perturbations_per_eval=3)


DRAWING = {
    "no random numbers": lambda x: x,
    "torch's": lambda x: x * torch.rand(()),
    "torch's, as large": lambda x: x + 0.1 * torch.randn_like(x),
    "NumPy's": lambda x: x * float(np.random.rand()),
    "Python's": lambda x: x * random.random(),
}


@both_spaces
@pytest.mark.parametrize("change", DRAWING.values(), ids=DRAWING)
def test_many_samples(space: dict[str, Any], change: Any):
    """What draws random numbers draws the same, sample by sample; all else may take many at once."""

    def changed(near: Tensor, original: Tensor, **kwargs: Any) -> Tensor:
        return change(transform(near, original, **kwargs))

    def call(attr: Any) -> Any:
        random.seed(0)
        return explain(products, ONE, space | {name: changed}, n_samples=150)(attr)

    name = "to_inputs" if space["in_samples"] else "to_samples"
    transform = space[name]
    assert_same_fit(call)


class Best:
    """Learns the sample of the largest output."""

    def fit(self, data: Any) -> None:
        ((self.samples, self.outputs, self.weights),) = data

    def representation(self) -> Tensor:
        return self.samples[self.outputs.argmax()]


@both_spaces
def test_what_is_learnt_is_returned_as_it_is(space: dict[str, Any]):
    same(products, ONE, space, learner=lambda models: Best())


def test_more_columns_than_elements():
    def perturb(original: Tensor, **kwargs: Any) -> Tensor:
        return torch.bernoulli(torch.full((1, 12), 0.5))

    def to_inputs(sample: Tensor, original: Tensor, **kwargs: Any) -> Tensor:
        return original * sample.view(4, 3).mean(0, keepdim=True)

    same(products, ONE, IN_SAMPLES | {"perturb": perturb, "to_inputs": to_inputs}, n_samples=100)


def test_a_generator_that_ends_early():
    def ending(original: Tensor, **kwargs: Any) -> Any:
        for _ in range(12):
            yield coins(original)

    def call(attr: Any) -> Any:
        lime = explain(products, ONE, IN_SAMPLES | {"perturb": ending}, n_samples=30)
        if attr is captum.attr:
            return lime(attr)
        with pytest.warns(UserWarning, match=r"perturb_func.*expected 30, got 12"):
            return lime(attr)

    assert_same_fit(call)


REFUSED = {  # what a user does: the class of Captum's exception, and the call
    "no way to inputs": (AssertionError, explain(products, ONE, IN_SAMPLES | {"to_inputs": None})),
    "no way to samples": (AssertionError, explain(products, ONE, IN_INPUTS | {"to_samples": None})),
    "several examples": (AssertionError, explain(products, X, IN_SAMPLES)),
    "several values": (AssertionError, explain(several, ONE, IN_SAMPLES)),
    "a target out of range": (IndexError, explain(several, ONE, IN_SAMPLES, target=2)),
    "no samples": (ValueError, explain(products, ONE, IN_SAMPLES, n_samples=0)),
    "half a sample": (TypeError, explain(products, ONE, IN_SAMPLES, n_samples=1.5)),
    "a similarity of several numbers": (
        AssertionError,
        explain(products, ONE, IN_SAMPLES, similarity=lambda *args: torch.ones(2)),
    ),
    "samples of one dimension": (
        AssertionError,
        explain(products, ONE, IN_SAMPLES | {"perturb": lambda original: torch.ones(3)}),
    ),
    "samples of several rows": (
        AssertionError,
        explain(products, ONE, IN_SAMPLES | {"perturb": lambda original: torch.ones(2, 3)}),
    ),
    "an argument that a function does not take": (
        TypeError,
        explain(products, ONE, IN_SAMPLES | {"perturb": lambda original: torch.ones(1, 3)}, chance=0.5),
    ),
}


@pytest.mark.parametrize(("expected", "call"), REFUSED.values(), ids=REFUSED)
def test_what_captum_refuses_can_be_caught_by_the_same_clause(expected: type[Exception], call: Any):
    assert_same_exception(call, expected)
