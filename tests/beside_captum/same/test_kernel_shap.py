"""Kernel SHAP: the same coalitions, and of samples that determine the answer the same Shapley values."""

import random
from collections.abc import Callable
from typing import Any

import captum._utils.models.linear_model as their_models
import captum.attr
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

import pellucid.models.linear as our_models
from beside_captum.same.compare import TOLERANCE, assert_same_exception, on_captum, on_pellucid, value_of
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
    of_two,
    products,
    recording,
    several,
)
from pellucid.errors import PellucidWarning
from zoo.architectures import ARCHITECTURES, SEEDS, Example, Tensors, example

WEIGHTED = 1e-4
"""How far Captum's values are off, of the largest: two coalitions count a million times, in float32."""


def explain(model: Any, inputs: Tensor | Tensors, name: str = "KernelShap", **arguments: Any) -> Callable[[Any], Any]:
    """A call on fresh copies of the inputs."""

    def call(attr: Any) -> Any:
        given = tuple(x.clone() for x in inputs) if isinstance(inputs, tuple) else inputs.clone()
        return getattr(attr, name)(model).attribute(given, **arguments)

    return call


def same(model: Any, inputs: Tensor | Tensors, *, seed: int = 0, dtypes: bool = True, **arguments: Any) -> None:
    """The same numbers and draws."""
    assert_same_fit(explain(model, inputs, **arguments), seed=seed, dtypes=dtypes, tolerance=WEIGHTED)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("seed", SEEDS, ids="seed{}".format)
class TestArchitectures:
    def test_masked(self, name: str, seed: int):
        case = example(name, seed)
        arguments = {"n_samples": 60, "feature_mask": FEW[name], "baselines": case.draw(4), **explained(case)}
        same(case.model, case.inputs, seed=seed, **arguments)

    def test_in_double_precision(self, name: str, seed: int):
        case = example(name, seed, dtype=torch.float64)
        arguments = {"n_samples": 60, "feature_mask": FEW[name], **explained(case)}
        same(case.model, case.inputs, seed=seed, dtypes=False, **arguments)

    def test_few_samples_fit_equally_well(self, name: str, seed: int):
        """Where samples do not determine the answer, every best answer says the same of the samples themselves."""
        case = example(name, seed)
        equally_good(louder(case), case.inputs, seed=seed, n_samples=6, **explained(case))


def equally_good(model: Any, inputs: Tensor | Tensors, *, seed: int, **arguments: Any) -> None:
    """Our attributions and Captum's give the drawn coalitions the same values, beside what an empty one has."""
    arguments = {"return_input_shape": False, **arguments}
    fits, parts = recording(lambda: their_models.SkLearnLinearRegression())

    def on_theirs(attr: Any) -> Any:
        shap = attr.KernelShap(model)
        shap.interpretable_model = parts(attr)["interpretable_model"]
        return shap.attribute(inputs, **arguments)

    theirs = on_captum(on_theirs, seed)
    with pytest.warns(PellucidWarning, match="n_samples must be larger"):
        ours = value_of(on_pellucid(explain(model, inputs, **arguments), seed))
    expected = value_of(theirs)
    assert len(fits) == len(ours) == len(expected)
    for fit, their, our in zip(fits, expected.double(), ours.double(), strict=True):
        assert fit.present[0].all()
        assert not fit.present[1].any()
        scale = (fit.outputs - fit.outputs[1]).abs().max()
        assert (fit.present @ (our - their)).abs().max() <= WEIGHTED * scale
        torch.testing.assert_close(our.sum(), fit.outputs[0] - fit.outputs[1], rtol=1e-5, atol=1e-5)
        assert our.norm() <= their.norm() * (1 + WEIGHTED)


@pytest.mark.parametrize("samples", [3, 5, 8])
@pytest.mark.parametrize("seed", range(3))
def test_small_numbers_of_samples_fit_equally_well(samples: int, seed: int):
    x = torch.randn(3, 12, generator=torch.Generator().manual_seed(seed))
    equally_good(lambda x: (x * x.roll(1, 1)).sum(1) + x.sum(1).sin(), x, seed=seed, n_samples=samples)


@pytest.mark.parametrize("samples", [20, 25, 50, 200])
@pytest.mark.parametrize("seed", range(4))
def test_numbers_of_samples(samples: int, seed: int):
    same(products, X, seed=seed, n_samples=samples)


def test_as_many_samples_as_by_default():
    same(products, X)


@pytest.mark.parametrize("columns", [2, 3, 5, 8, 12])
@pytest.mark.parametrize("seed", range(2))
def test_numbers_of_features(columns: int, seed: int):
    x = torch.randn(2, columns, generator=torch.Generator().manual_seed(seed))
    same(lambda x: (x * x.roll(1, 1)).sum(1) + x.sum(1).sin(), x, seed=seed, n_samples=120)


class TestArguments:
    @pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
    @pytest.mark.parametrize("by_element", [True, False])
    def test_masks(self, mask: Tensor | None, by_element: bool):
        same(products, X, feature_mask=mask, n_samples=80, return_input_shape=by_element)

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
        extra = (torch.tensor([2.0, -1.0]), 3.0, None, "tanh")

        def model(x: Tensor, scale: Tensor, constant: float, nothing: None, name: str) -> Tensor:
            return getattr(torch, name)(products(x) * scale + constant)

        same(model, X, additional_forward_args=extra, perturbations_per_eval=each, n_samples=50)

    @pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
    def test_integers(self, dtype: torch.dtype):
        same(lambda x: products(x.float()), torch.tensor([[4, 2, 7], [1, 3, 5]], dtype=dtype), n_samples=50)

    def test_token_ids(self):
        torch.manual_seed(0)
        words = nn.Embedding(10, 4)
        ids = torch.tensor([[4, 2, 7], [1, 3, 5]])
        same(lambda ids: torch.sin(words(ids.long()).sum(1)).cumsum(1), ids, baselines=9, target=2, n_samples=50)

    def test_one_example(self):
        same(products, X[:1])
        same(several, X[:1], target=1, perturbations_per_eval=2)

    def test_a_tuple_of_one(self):
        same(products, (X,))

    def test_gradients_asked_for(self):
        same(products, X.clone().requires_grad_())


@pytest.mark.parametrize("by_element", [True, False])
@pytest.mark.parametrize("model", OUTPUTS.values(), ids=OUTPUTS)
def test_shapes_of_outputs(model: Any, by_element: bool):
    arguments = {"return_input_shape": by_element, "n_samples": 60, "dtypes": False}
    same(model, X, **arguments)
    same(model, X, feature_mask=torch.tensor([[0, 2, 2]]), baselines=X.flip(0) / 3, **arguments)


@pytest.mark.parametrize("by_element", [True, False])
@pytest.mark.parametrize("mask", OF_TWO.values(), ids=OF_TWO)
def test_masks_of_two_inputs(mask: Any, by_element: bool):
    same(of_two, (A, X), feature_mask=mask, n_samples=100, return_input_shape=by_element)


@pytest.mark.parametrize(
    "baselines",
    [(1, 0.5), (torch.ones(1, 2), 2), (A.flip(0), X.flip(0)), (0, X.flip(0))],
    ids=["numbers", "a tensor and a number", "one each", "a number and a tensor"],
)
def test_baselines_of_two_inputs(baselines: Any):
    same(of_two, (A, X), baselines=baselines, perturbations_per_eval=2, n_samples=100)


def test_a_model_that_draws_before_and_after():
    def call(attr: Any) -> Any:
        start = torch.rand(2, 3)
        found = attr.KernelShap(products).attribute(X + start, n_samples=40)
        return found, attr.KernelShap(products).attribute(X + torch.rand(2, 3), n_samples=40)

    assert_same_fit(call, tolerance=WEIGHTED)


def sizes(columns: int) -> Categorical:
    """How large a coalition is, as Captum's generator needs to be told."""
    some = torch.arange(1, columns)
    return Categorical(torch.cat([torch.zeros(1), (columns - 1) / (some * (columns - some))]))


class TestItsParts:
    @pytest.mark.parametrize("columns", [2, 3, 7, 20])
    @pytest.mark.parametrize("seed", range(3))
    def test_the_generator_of_coalitions(self, columns: int, seed: int):
        def call(attr: Any) -> Any:
            kwargs = {"num_select_distribution": sizes(columns), "num_interp_features": columns}
            drawn = attr.KernelShap(products).kernel_shap_perturb_generator(X[:1], **kwargs)
            return torch.cat([next(drawn) for _ in range(30)])

        theirs, ours = on_captum(call, seed), on_pellucid(call, seed)
        torch.testing.assert_close(value_of(ours), value_of(theirs), rtol=0, atol=0, check_dtype=False)
        assert ours.torch_state == theirs.torch_state

    @pytest.mark.parametrize("sample", [[1.0, 1, 1], [0.0, 0, 0], [1.0, 0, 1]])
    def test_what_a_coalition_counts(self, sample: list[float]):
        def call(attr: Any) -> Any:
            kernel = attr.KernelShap(products).kernel_shap_similarity_kernel
            return kernel(X, X, torch.tensor([sample]), num_interp_features=3)

        torch.testing.assert_close(value_of(on_pellucid(call)), value_of(on_captum(call)), rtol=0, atol=0)

    def test_put_together_by_hand(self):
        """As the parts of a LimeBase, with a model that is fitted alike."""

        def call(attr: Any) -> Any:
            shap = attr.KernelShap(products)
            library = their_models if attr is captum.attr else our_models
            base = attr.LimeBase(
                products,
                library.SkLearnLinearRegression(),
                shap.kernel_shap_similarity_kernel,
                shap.kernel_shap_perturb_generator,
                True,
                lambda sample, original, **kwargs: original * sample,
                None,
            )
            kwargs = {"num_select_distribution": sizes(3), "num_interp_features": 3}
            return base.attribute(X[:1], n_samples=40, **kwargs)

        assert_same_fit(call, tolerance=TOLERANCE)

    def test_in_a_lime_of_ones_own(self):
        """A subclass that gives Lime the parts that it inherits."""

        def call(attr: Any) -> Any:
            library = their_models if attr is captum.attr else our_models

            class Own(attr.KernelShap):
                def attribute(self, inputs: Tensor, **arguments: Any) -> Any:
                    def perturb(original: Tensor, **kwargs: Any) -> Any:
                        kwargs["num_select_distribution"] = sizes(kwargs["num_interp_features"])
                        yield from self.kernel_shap_perturb_generator(original, **kwargs)

                    parts = (library.SkLearnRidge(alpha=0.1), self.kernel_shap_similarity_kernel, perturb)
                    return attr.Lime(self.forward_func, *parts).attribute(inputs, **arguments)

            return Own(products).attribute(X, n_samples=40, feature_mask=torch.tensor([[0, 2, 1]]))

        assert_same_fit(call, tolerance=TOLERANCE)

    def test_the_weight_of_the_ends(self):
        def call(attr: Any) -> Any:
            return attr.KernelShap(products).inf_weight

        assert value_of(on_pellucid(call)) == value_of(on_captum(call))


def test_a_subclass_that_hands_on_what_it_gets():
    def call(attr: Any) -> Any:
        class Own(attr.KernelShap):
            def attribute(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Any:
                return 2 * super().attribute(inputs, *args, **kwargs)

        return Own(several).attribute(X, 0.5, 1, n_samples=40)

    assert_same_fit(call, tolerance=WEIGHTED)


def raising(x: Tensor) -> Tensor:
    """A model that fails in a way of its own."""
    raise LookupError("of the model")


REFUSED = {  # what a user does: the class of Captum's exception, and the call but for the method
    "a list of baselines": (AssertionError, products, X, {"baselines": [0]}),
    "a word as baselines": (AssertionError, products, X, {"baselines": "zero"}),
    "a list with an element missing as target": (AssertionError, several, X, {"target": [1]}),
    "a target of an output without dimensions": (AssertionError, products, X, {"target": 1}),
    "a word as target": (AssertionError, several, X, {"target": "one"}),
    "a target out of range": (IndexError, several, X, {"target": 2}),
    "a negative target out of range": (IndexError, several, X, {"target": -3}),
    "no samples": (ValueError, products, X, {"n_samples": 0}),
    "half a sample": (TypeError, products, X, {"n_samples": 2.5}),
    "an unknown argument": (TypeError, products, X, {"unknown": 1}),
    "a model that cannot be called": (TypeError, "model", X, {}),
    "a model that fails": (LookupError, raising, X, {}),
    "a model of another number of arguments": (TypeError, of_two, X, {}),
}


@pytest.mark.parametrize("method", ["Lime", "KernelShap"])
@pytest.mark.parametrize(("expected", "model", "inputs", "arguments"), REFUSED.values(), ids=REFUSED)
def test_what_captum_refuses_can_be_caught_by_the_same_clause(
    method: str, expected: type[Exception], model: Any, inputs: Any, arguments: dict[str, Any]
):
    assert_same_exception(lambda attr: getattr(attr, method)(model).attribute(inputs, **arguments), expected)


def combination(seed: int) -> tuple[Example, dict[str, Any]]:
    """A call at random, of few features and enough samples."""
    pick = random.Random(seed)
    name = pick.choice([*ARCHITECTURES])
    case = example(name, seed, dtype=pick.choice([torch.float32, torch.float64]))
    generator = torch.Generator().manual_seed(seed)
    most = pick.choice([2, 3, 6])
    masks = tuple(torch.randint(most, (pick.choice([1, 4]), *x.shape[1:]), generator=generator) for x in case.tensors)
    masks[0].view(-1)[:2] = torch.tensor([0, most - 1])
    return case, explained(case) | {
        "feature_mask": tuple(mask + 2 for mask in masks) if len(masks) > 1 else masks[0] + 2,
        "baselines": pick.choice([None, case.draw(1), case.draw(4)]),
        "perturbations_per_eval": pick.choice([1, 2, 3, 10]),
        "n_samples": pick.choice([80, 120, 200]),
        "return_input_shape": pick.random() < 0.7,
    }


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.large) for seed in range(6, 150))])
def test_combinations(seed: int):
    case, arguments = combination(seed)
    same(case.model, case.inputs, seed=seed, dtypes=False, **arguments)


@pytest.mark.parametrize("name", ["KernelShap", "Lime"])
@pytest.mark.parametrize("examples", [2, 3])
def test_a_mask_without_channels_has_one_for_each_example(name: str, examples: int):
    images = torch.rand(examples, 3, 2, 2)
    weights = torch.randn(3, 2, 2)
    masks = torch.stack([torch.tensor([[0, number], [2, 1]]) for number in range(examples)])
    call = explain(lambda x: (x * weights).sum((1, 2, 3)) * 5, images, name, feature_mask=masks, n_samples=60)
    assert_same_fit(call, tolerance=WEIGHTED)
