"""Where models fitted around an input, and futures, differ. Each docstring is a line of `docs/differences.md`."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import captum._utils.models.linear_model as their_models
import captum.attr
import pytest
import torch
from torch import Tensor, nn
from torch.futures import Future
from torch.utils.data import DataLoader, TensorDataset

import pellucid.attr
import pellucid.models.linear as our_models
from beside_captum.different.compare import assert_answered, assert_named, both
from beside_captum.same.compare import assert_close, on_captum, on_pellucid, value_of
from beside_captum.same.surrogates import Fit, objective, products, recording, several
from laws.counting import calls_of
from pellucid.errors import InvalidArgument, NotSupported, PellucidWarning

X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
W = torch.tensor([2.0, -1.0, 4.0])
on_each = pytest.mark.parametrize("method", ["Lime", "KernelShap"])
FUTURES = ["FeatureAblation", "FeaturePermutation", "ShapleyValueSampling", "ShapleyValues"]


def linear(x: Tensor) -> Tensor:
    """The model whose Shapley values are known, x * W."""
    return (x * W.to(x.dtype)).sum(1) if x.is_floating_point() else (x * W).sum(1)


def explain(
    method: str, model: Any, inputs: Any = X, parts: dict[str, Any] | None = None, **arguments: Any
) -> Callable[[Any], Any]:
    """A call on fresh copies of the inputs."""

    def call(attr: Any) -> Any:
        given = tuple(x.clone() for x in inputs) if isinstance(inputs, tuple) else inputs.clone()
        return getattr(attr, method)(model, **(parts or {})).attribute(given, **arguments)

    return call


def calls(method: str, model: Any, **arguments: Any) -> tuple[list[int], list[int]]:
    """On how many rows each library calls the model, forward by forward."""
    found = []
    for library in (on_captum, on_pellucid):
        seen: list[int] = []

        def counting(x: Tensor, seen: list[int] = seen) -> Tensor:
            seen.append(len(x))
            return model(x)

        value_of(library(explain(method, counting, **arguments)))
        found.append(seen)
    return found[0], found[1]


@on_each
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_dtypes_are_kept(method: str, dtype: torch.dtype):
    """Floating outputs of another precision: Captum's coefficients are float32; the output's dtype is kept."""
    captums, ours = both(explain(method, linear, X.to(dtype), n_samples=60))
    assert captums.dtype == torch.float32
    assert ours.dtype == dtype
    torch.testing.assert_close(ours.float(), captums, rtol=0.02, atol=0.02)


@on_each
def test_numbers_are_kept(method: str):
    """A model that returns a Python number: Captum's coefficients are float32; float64, as the number."""
    captums, ours = both(explain(method, lambda x: linear(x).sum().item(), n_samples=60))
    assert (captums.dtype, ours.dtype) == (torch.float32, torch.float64)
    assert_close(ours, captums, dtypes=False, tolerance=1e-3)


def test_shapley_values_of_float64():
    """KernelShap of float64: Captum's values are off by 1e-7, as float32 is; exact to 1e-13."""
    x = X.double() / 3
    captums, ours = both(explain("KernelShap", linear, x, n_samples=60))
    assert (captums - x * W).abs().max() > 1e-9
    assert (ours - x * W).abs().max() < 1e-13


@pytest.mark.parametrize("samples", [10, 50, 200])
def test_shapley_values_add_up(samples: int):
    """KernelShap: Captum's sum is off, as its condition is but a weight; it is F(inputs) - F(baselines) exactly."""
    x = X.double()
    captums, ours = both(explain("KernelShap", products, x, n_samples=samples))
    change = products(x) - products(0 * x)
    assert (captums.double().sum(1) - change).abs().max() > 1e-7
    assert (ours.sum(1) - change).abs().max() < 1e-13


@pytest.mark.parametrize("samples", [1, 2, 4])
def test_shapley_values_that_are_not_determined(samples: int):
    """KernelShap, too few samples: Captum says nothing; a warning, and the smallest attributions that fit."""
    x = torch.linspace(1, 2, 12).view(1, 12)
    weights = torch.linspace(-1, 1, 12) ** 2
    call = explain("KernelShap", lambda x: (x * weights).sum(1), x, n_samples=samples, return_input_shape=False)
    theirs = on_captum(call)
    with pytest.warns(PellucidWarning, match="n_samples must be larger"):
        ours = value_of(on_pellucid(call))
    torch.testing.assert_close(ours.sum(), (x * weights).sum())
    assert ours.norm() <= (x * weights).norm()
    if samples == 1:
        assert not value_of(theirs).any()
    if samples == 2:
        torch.testing.assert_close(ours, ours.mean().expand_as(ours))


@pytest.mark.parametrize("mask", [None, torch.tensor([[0]])])
def test_shapley_values_of_one_feature(mask: Tensor | None):
    """KernelShap of one feature: an error in Captum; it is worth all of the change."""
    x = X[:, :1] if mask is None else X
    call = explain("KernelShap", lambda x: x.sum(1) ** 2, x, feature_mask=mask)
    assert isinstance(on_captum(call).error, ValueError | RuntimeError)  # as its distributions check their arguments
    torch.testing.assert_close(value_of(on_pellucid(call)), (x.sum(1, keepdim=True) ** 2).expand_as(x))


@on_each
def test_several_values_per_example(method: str):
    """Outputs (B, K): an error in Captum; one attribution for each value, as in FeatureAblation."""
    call = explain(method, several, n_samples=60, **seeded())
    assert type(on_captum(explain(method, several, n_samples=60)).error) is AssertionError
    ours = value_of(on_pellucid(call))
    assert ours.shape == (4, 3)
    for target in range(2):
        alone = value_of(on_pellucid(explain(method, several, n_samples=60, target=target, **seeded())))
        torch.testing.assert_close(ours[target::2], alone, rtol=1e-5, atol=1e-6)


def seeded() -> dict[str, Any]:
    """A seed, so that all examples and calls share their samples."""
    return {"seed": 1}


def violation(fit: Fit, coefficients: Tensor, alpha: float = 0.01) -> float:
    """By how much the conditions of a lasso's optimum do not hold, as a share of the penalty."""
    share = (fit.weights / fit.weights.sum())[:, None]
    z = fit.present - (share * fit.present).sum(0)
    y = fit.outputs - (share[:, 0] * fit.outputs).sum()
    slack = z.mT @ (share[:, 0] * (y - z @ coefficients))
    there = (slack - alpha * coefficients.sign()).abs()
    absent = (slack.abs() - alpha).clamp(min=0)
    return float(torch.where(coefficients != 0, there, absent).max()) / alpha


@pytest.mark.parametrize("samples", [10, 25, 100])
def test_lassos_are_at_their_optimum(samples: int):
    """Lime: scikit-learn stops before the optimum (the coefficients are 8e-6 to 3e-4 off); solved exactly."""

    def whole(x: Tensor) -> Tensor:  # outputs and weights that float32 holds
        return 3 * x[:, 0] * x[:, 1] + 2 * x[:, 2] * x[:, 3] - x[:, 4] + 5 * x[:, 0] * x[:, 4]

    x = torch.tensor([[1.0, 2, 3, -1, 2], [2.0, 1, -1, 4, 1]], dtype=torch.float64)
    fits, parts = recording(lambda: their_models.SkLearnLasso(alpha=0.01))
    equally = {"similarity_func": lambda *args, **kwargs: 1.0}
    arguments = {"n_samples": samples, "return_input_shape": False}
    captums = value_of(on_captum(explain("Lime", whole, x, parts(None) | equally, **arguments)))
    ours = value_of(on_pellucid(explain("Lime", whole, x, equally, **arguments)))
    for fit, their, our in zip(fits, captums.double(), ours, strict=True):
        assert violation(fit, their) > 1e-6
        assert violation(fit, our) < 1e-9
        assert objective(fit, our) < objective(fit, their)


def test_equal_columns_share_their_coefficient():
    """Lime, features that are only there together: Captum gives it all to the first; they share it."""

    def together(original: Tensor, **kwargs: Any) -> Tensor:
        first, last = torch.bernoulli(torch.tensor([0.5, 0.5]))
        return torch.stack([first, first, last])[None]

    call = explain("Lime", linear, torch.ones(1, 3), {"perturb_func": together}, n_samples=40)
    captums, ours = (found[0] for found in both(call))
    assert captums[0] > 0.9
    assert captums[1].abs() < 1e-5
    torch.testing.assert_close(ours[0], ours[1])
    torch.testing.assert_close(ours[:2].sum(), captums[:2].sum(), rtol=1e-3, atol=0)


@on_each
@pytest.mark.parametrize("each", [2, 10])
def test_one_value_for_the_batch_and_several_perturbations_at_once(method: str, each: int):
    """`perturbations_per_eval` of a model of one value for the batch: Captum raises; one evaluation per forward."""

    def call(**arguments: Any) -> Callable[[Any], Any]:
        return explain(method, lambda x: linear(x).sum(), n_samples=60, **arguments)

    assert type(on_captum(call(perturbations_per_eval=each)).error) is AssertionError
    ours = value_of(on_pellucid(call(perturbations_per_eval=each)))
    assert_close(ours, value_of(on_captum(call())), tolerance=1e-3)


def test_many_samples_of_lime_base():
    """LimeBase, more than 64 samples: Captum calls the functions for each; those after the first 64 are mapped."""

    def weight(original: Tensor, near: Tensor, sample: Tensor, **kwargs: Any) -> Tensor:
        return torch.exp(-(original - near).square().sum())

    def coins(original: Tensor, **kwargs: Any) -> Tensor:
        return torch.bernoulli(torch.full((1, 3), 0.5))

    def call(attr: Any) -> Any:
        library = their_models if attr is captum.attr else our_models
        model = library.SkLearnRidge(alpha=0.1)
        base = attr.LimeBase(linear, model, weight, coins, True, lambda sample, x, **kwargs: x * sample, None)
        return base.attribute(X[:1], n_samples=200)

    with calls_of(weight) as theirs:
        expected = value_of(on_captum(call))
    with calls_of(weight) as ours:
        assert_close(value_of(on_pellucid(call)), expected)
    assert theirs + ours == [200, 64 + 2]


def test_nan_as_a_baseline():
    """KernelShap, a baseline of NaN for a model that replaces it: Captum's stays; it is replaced."""
    captums, ours = both(explain("KernelShap", lambda x: x.nan_to_num(7.0).sum(1), baselines=math.nan, n_samples=50))
    assert captums.abs().max() < 1e-5
    torch.testing.assert_close(ours, X - 7)


def test_nan_as_a_baseline_of_lime():
    """Lime, a baseline of NaN: an error of scikit-learn in Captum; NaN, as no distance is known, and a warning."""
    call = explain("Lime", lambda x: x.nan_to_num(7.0).sum(1), baselines=math.nan)
    assert type(on_captum(call).error) is ValueError
    with pytest.warns(PellucidWarning, match="carried in by baselines"):
        assert value_of(on_pellucid(call)).isnan().all()


@on_each
def test_nan_in_one_example(method: str):
    """NaN in one example: an error in Captum; the others have their attributions, and a warning names it."""
    x = X.clone()
    x[1, 1] = math.nan
    call = explain(method, products, x, n_samples=60)
    assert type(on_captum(call).error) is ValueError
    with pytest.warns(PellucidWarning, match=r"inputs \(examples \[1\]\)"):
        ours = value_of(on_pellucid(call))
    right = value_of(on_captum(explain(method, products, x[:1], n_samples=60)))
    assert_close(ours[:1], right, tolerance=1e-3)
    assert ours[1].isnan().all()


@on_each
def test_several_examples(method: str):
    """Several examples: Captum warns that it takes them one by one; they are explained together, no warning."""
    with pytest.warns(UserWarning, match="multiple inputs"):
        explain(method, linear, n_samples=60)(captum.attr)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(method, linear, n_samples=60)(pellucid.attr)


@on_each
def test_forwards(method: str):
    """Forwards: Captum has one for each sample of each example; all examples and samples share them."""
    captums, ours = calls(method, linear, inputs=X.repeat(4, 1), n_samples=60)
    assert len(captums) == 1 + 8 * 60
    assert len(ours) <= 4


@on_each
def test_repeated_coalitions_are_evaluated_once(method: str):
    """Coalitions that come up again: Captum evaluates them every time; once for each example."""
    captums, ours = calls(method, linear, inputs=X[:1], n_samples=60)
    assert sum(captums) == 60
    assert sum(ours) <= 3 + 2**3  # the first look at whether rows meet takes one example and two others


@on_each
def test_numpy_draws_nothing(method: str):
    """NumPy's global generator: scikit-learn's lasso moves it in Captum; it stays."""
    start = on_pellucid(lambda attr: None).numpy_state
    assert on_pellucid(explain(method, linear, n_samples=60)).numpy_state == start
    moved = on_captum(explain(method, linear, n_samples=60)).numpy_state != start
    assert moved == (method == "Lime")


@on_each
def test_tensors_of_no_dimension_beside_several_examples(method: str):
    """A target or an extra tensor of no dimension, several examples: an error in Captum; one for all."""
    call = explain(method, several, target=torch.tensor(1), n_samples=60)
    assert type(on_captum(call).error) is TypeError
    right = explain(method, several, target=1, n_samples=60)
    assert_close(value_of(on_pellucid(call)), value_of(on_captum(right)), tolerance=1e-3)
    call = explain(method, lambda x, s: products(x) * s, additional_forward_args=torch.tensor(2.0), n_samples=60)
    assert type(on_captum(call).error) is TypeError
    right = explain(method, lambda x, s: products(x) * s, additional_forward_args=(2.0,), n_samples=60)
    assert_close(value_of(on_pellucid(call)), value_of(on_captum(right)), tolerance=1e-3)


@on_each
def test_extra_tensors_of_another_size(method: str):
    """Extra tensors that are not the batch's: Captum takes them apart; they pass as they are."""
    call = explain(method, lambda x, w: x @ w, additional_forward_args=W, n_samples=60)
    assert type(on_captum(call).error) is TypeError
    right = explain(method, linear, n_samples=60)
    assert_close(value_of(on_pellucid(call)), value_of(on_captum(right)), tolerance=1e-3)


@on_each
@pytest.mark.parametrize("each", [0, "a"])
def test_no_perturbations_per_eval(method: str, each: Any):
    """`perturbations_per_eval` below 1: Captum takes it for 1; an error."""
    assert_named(explain(method, linear, perturbations_per_eval=each, n_samples=60), None, "perturbations_per_eval")


@on_each
@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (torch.tensor([[0, -1, 1]]), None),
        (torch.tensor([[0.0, 1, 2]]), IndexError),
        (torch.tensor([[0, 1]]), RuntimeError),
        ((torch.tensor([[0, 1, 2]]),) * 2, None),
    ],
    ids=["negative numbers", "floats", "another shape", "too many"],
)
def test_masks_that_do_not_fit(method: str, mask: Any, expected: type[Exception] | None):
    """Masks that do not fit: Captum takes some, others trip somewhere; an error that names the argument."""
    assert_named(explain(method, linear, feature_mask=mask, n_samples=60), expected, "feature_mask")


@on_each
@pytest.mark.parametrize(
    ("model", "inputs", "baselines", "expected"),
    [
        (linear, X, torch.ones(4, 3), {"Lime": RuntimeError, "KernelShap": AssertionError}),
        (lambda a, b: linear(a) * linear(b), (X, X), 0, {"Lime": IndexError, "KernelShap": IndexError}),
    ],
    ids=["another shape", "one for two inputs"],
)
def test_baselines_that_do_not_fit(method: str, model: Any, inputs: Any, baselines: Any, expected: dict[str, Any]):
    """Baselines that do not fit: whatever trips in Captum; an error that names the argument."""
    assert_named(explain(method, model, inputs, baselines=baselines, n_samples=60), expected[method], "baselines")


@on_each
@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (X[:0], {"Lime": IndexError, "KernelShap": IndexError}),
        (X[:, :0], {"Lime": ValueError, "KernelShap": IndexError}),
    ],
    ids=["no examples", "no features"],
)
def test_inputs_of_nothing(method: str, inputs: Tensor, expected: dict[str, Any]):
    """Inputs without examples or features: whatever trips in Captum; an error that names them."""
    assert_named(explain(method, lambda x: x.sum(1), inputs), expected[method], "inputs")


@on_each
def test_masks_of_each_example_for_one_value(method: str):
    """A mask for each example and one value for the batch: Captum adds up over examples; an error that names it."""
    mask = torch.tensor([[0, 1, 2], [2, 2, 0]])
    assert_named(explain(method, lambda x: linear(x).sum(), feature_mask=mask, n_samples=60), None, "feature_mask")


@on_each
def test_masks_that_do_not_start_at_zero(method: str):
    """Masks that do not start at zero: Captum warns; nothing to say."""
    call = explain(method, linear, X[:1], feature_mask=torch.tensor([[3, 4, 5]]), n_samples=60)
    with pytest.warns(UserWarning, match="shifting indices"):
        call(captum.attr)
    captums, ours = both(call)
    assert_close(ours, captums, tolerance=1e-3)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [(torch.full((1, 3), 0.5), None), (torch.ones(3), IndexError), (torch.ones(2, 3), AssertionError)],
    ids=["fractions", "one dimension", "two samples"],
)
def test_samples_that_are_none(sample: Tensor, expected: type[Exception] | None):
    """Lime, samples other than zeros and ones: Captum rounds them, or trips; an error that names the function."""
    call = explain("Lime", linear, X[:1], {"perturb_func": lambda *args, **kwargs: sample})
    assert_named(call, expected, "perturb_func")


def test_generators_of_any_kind():
    """A function that returns an iterator: Captum knows only generator functions; it gives the samples, too."""

    def coins() -> Tensor:
        return torch.bernoulli(torch.full((1, 3), 0.5))

    call = explain(
        "Lime", linear, X[:1], {"perturb_func": lambda *args, **kwargs: (coins() for _ in range(60))}, n_samples=60
    )
    assert type(on_captum(call).error) is TypeError
    right = explain("Lime", linear, X[:1], {"perturb_func": lambda *args, **kwargs: coins()}, n_samples=60)
    assert_close(value_of(on_pellucid(call)), value_of(on_captum(right)), tolerance=1e-3)


def test_memory_that_is_written_again():
    """Lime, a `perturb_func` that returns memory which it writes again: in Captum all samples are the last; right."""
    memory = torch.empty(1, 3)

    def coins(*args: Any, **kwargs: Any) -> Tensor:
        return torch.bernoulli(torch.full((1, 3), 0.5))

    def call(perturb: Any) -> Any:
        return explain("Lime", linear, X[:1], {"perturb_func": perturb}, n_samples=60)

    theirs, ours = both(call(lambda *args, **kwargs: memory.copy_(coins())))
    right = value_of(on_captum(call(coins)))
    assert_close(ours, right, tolerance=1e-3)
    assert (theirs - right).abs().max() > 1


def test_samples_that_all_count_nothing():
    """Lime, samples that all count nothing: an error of scikit-learn in Captum; one that names the function."""
    call = explain("Lime", linear, X, {"similarity_func": lambda *args, **kwargs: 0.0})
    assert_named(call, ValueError, "similarity_func")


def test_similarities_that_are_several():
    """Lime, a similarity of several numbers: an error in both, which names the function here."""
    assert_named(
        explain("Lime", linear, X, {"similarity_func": lambda *args, **kwargs: torch.ones(2)}),
        AssertionError,
        "similarity_func",
    )


def test_unknown_distances():
    """An unknown distance of a kernel: Captum finds out when it is called; when it is made."""
    theirs = captum.attr._core.lime.get_exp_kernel_similarity_function("manhattan")
    with pytest.raises(ValueError, match="distance_mode"):
        theirs(X, X, None)
    with pytest.raises(InvalidArgument, match="distance_mode"):
        pellucid.attr.lime.get_exp_kernel_similarity_function("manhattan")


def test_representations_that_are_no_tensors():
    """LimeBase, a representation that is no tensor: returned by Captum; an error."""

    class Words:
        def fit(self, data: Any) -> None:
            list(data)

        def representation(self) -> str:
            return "large"

    def call(attr: Any) -> Any:
        base = attr.LimeBase(
            linear,
            Words(),
            lambda *args: 1.0,
            lambda original: torch.ones(1, 3),
            True,
            lambda sample, original: original * sample,
            None,
        )
        return base.attribute(X[:1])

    assert value_of(on_captum(call)) == "large"
    assert_named(call, None, "representation")


def test_kernel_shap_with_other_coalitions():
    """KernelShap with coalitions or weights of one's own: Captum's are overridden; an error, which says to use Lime."""

    def weighing(attr: Any) -> Any:
        class Own(attr.KernelShap):
            def kernel_shap_similarity_kernel(self, _: Any, __: Any, sample: Tensor, **kwargs: Any) -> Tensor:
                return 1 + sample.sum(1)

        return Own(products).attribute(X, n_samples=40)

    def drawing(attr: Any) -> Any:
        class Own(attr.KernelShap):
            def kernel_shap_perturb_generator(self, original_inp: Any, **kwargs: Any) -> Any:
                while True:
                    yield torch.bernoulli(torch.full((1, kwargs["num_interp_features"]), 0.5))

        return Own(products).attribute(X, n_samples=40)

    for call in (weighing, drawing):
        plain = value_of(on_captum(explain("KernelShap", products, n_samples=40)))
        assert (value_of(on_captum(call)) - plain).abs().max() > 0.01
        error = on_pellucid(call).error
        assert error is not None
        assert "Lime" in str(error)


def test_another_weight_of_the_ends():
    """`inf_weight` of a KernelShap: can be set in Captum; cannot, as the ends hold exactly."""

    def call(attr: Any) -> Any:
        shap = attr.KernelShap(products)
        shap.inf_weight = 3.0
        return shap.attribute(X, n_samples=40)

    plain = value_of(on_captum(explain("KernelShap", products, n_samples=40)))
    assert (value_of(on_captum(call)) - plain).abs().max() > 0.01
    error = on_pellucid(call).error
    assert isinstance(error, NotImplementedError)
    assert "Lime" in str(error)


def completed(value: Any) -> Future[Any]:
    """A future that is there."""
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def failed(error: Exception) -> Future[Any]:
    """A future whose answer is an error."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


@pytest.mark.parametrize("method", FUTURES)
def test_errors_of_futures(method: str):
    """The error of a future: a RuntimeError with its text in Captum; the error itself."""

    def call(attr: Any) -> Any:
        return getattr(attr, method)(lambda x: failed(KeyError("of the model"))).attribute_future(X).wait()

    assert type(on_captum(call).error) is RuntimeError
    assert type(on_pellucid(call).error) is KeyError


@pytest.mark.parametrize("method", FUTURES)
def test_futures_of_inputs_without_features(method: str):
    """Futures, inputs without features: an error in Captum; attributions without elements."""

    def call(attr: Any) -> Any:
        return getattr(attr, method)(lambda x: completed(x.sum(1))).attribute_future(torch.ones(2, 0)).wait()

    assert type(on_captum(call).error) in (RuntimeError, ValueError)
    assert value_of(on_pellucid(call)).shape == (2, 0)


@pytest.mark.parametrize("method", FUTURES[:2])
def test_futures_of_numbers(method: str):
    """Futures of Python numbers: an error in Captum's ablation; answered."""

    def call(attr: Any) -> Any:
        return getattr(attr, method)(lambda x: completed(products(x).sum().item())).attribute_future(X).wait()

    right = explain(method, lambda x: products(x).sum())
    assert_answered(call, RuntimeError, right)


def test_futures_of_a_layer():
    """`LayerFeaturePermutation.attribute_future`: Captum permutes the inputs; the layer."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))

    class InFuture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Future[Tensor]:
            return completed(self.model(x))

    captums, ours = both(lambda attr: attr.LayerFeaturePermutation(InFuture(), model[0]).attribute_future(X).wait())
    assert_close(captums, value_of(on_captum(lambda attr: attr.FeaturePermutation(model).attribute(X))))
    right = value_of(on_captum(lambda attr: attr.LayerFeaturePermutation(model, model[0]).attribute(X)))
    assert ours.shape == (2, 4)
    assert_close(ours, right)


@pytest.mark.parametrize("method", ["LayerFeatureAblation", "NeuronFeatureAblation"])
def test_futures_of_classes_that_have_none(method: str):
    """`attribute_future` of the classes for layers and neurons: `AttributeError`; `NotImplementedError`."""

    def call(attr: Any) -> Any:
        return getattr(attr, method)(linear, nn.Identity()).attribute_future(X)

    assert type(on_captum(call).error) is AttributeError
    assert isinstance(on_pellucid(call).error, NotSupported)


def data(*, narrow: float = 1.0) -> tuple[Tensor, Tensor]:
    """Thirty examples of three features, one of them narrow, and what is to be predicted."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 3, generator=generator) * 3 + 1
    y = linear(x) + 0.1 * torch.randn(30, generator=generator)
    x[:, 0] *= narrow
    return x, y


def fitted(models: Any, name: str, *tensors: Tensor, batch_size: int = 30, **arguments: Any) -> Any:
    """A model of a library, fitted to these data; Captum's warnings are its own business."""
    torch.manual_seed(0)
    model = getattr(models, name)()
    with warnings.catch_warnings():
        if models is their_models:
            warnings.simplefilter("ignore")
        model.fit(DataLoader(TensorDataset(*tensors), batch_size), **arguments)
    return model


@pytest.mark.parametrize("name", ["SkLearnLasso", "SkLearnRidge", "SkLearnLinearRegression"])
def test_normalising_a_constant_feature(name: str):
    """`norm_input` with a constant feature: an error of scikit-learn in Captum, for NaN; its coefficient is zero."""
    x, y = data()
    x[:, 1] = 2.0
    with pytest.raises(ValueError, match="NaN"):
        fitted(their_models, name, x, y, norm_input=True)
    ours = fitted(our_models, name, x, y, norm_input=True)
    rest = fitted(their_models, name, x[:, [0, 2]], y, norm_input=True)
    torch.testing.assert_close(ours.representation()[:, [0, 2]], rest.representation(), rtol=1e-4, atol=1e-4)
    assert ours.representation()[0, 1] == 0


def test_predictions_of_a_normalised_narrow_feature():
    """`norm_input`: Captum adds 1e-8 to the deviation where it predicts; it divides as in the fit."""
    x, y = data(narrow=1e-7)
    captums, ours = (
        fitted(models, "SkLearnLinearRegression", x, y, norm_input=True) for models in (their_models, our_models)
    )
    torch.testing.assert_close(ours.representation(), captums.representation())
    assert (ours(x)[:, 0] - y).abs().max() < 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (captums(x)[:, 0] - y).abs().max() > 0.5


def test_weights_that_a_model_starts_from():
    """`weight_values` of a model: Captum trains the user's tensor; a copy."""
    changed = []
    for models in (their_models, our_models):
        values = torch.zeros(1, 3)
        model = models.SGDLinearRegression()
        model._construct_model_params(in_features=3, out_features=1, weight_values=values)
        with torch.no_grad():
            model.linear.weight.add_(1)
        assert torch.equal(model.representation(), torch.ones(1, 3))
        changed.append(bool(values.any()))
    assert changed == [True, False]


@pytest.mark.parametrize("name", ["SGDLasso", "SGDRidge", "SGDLinearRegression"])
def test_a_batch_that_counts_nothing(name: str):
    """A batch of only zero weights: Captum's coefficients are NaN from there; it does not count."""
    x, y = data()
    weights = torch.cat([torch.zeros(10), torch.ones(20)])
    captums, ours = (
        fitted(models, name, x, y, weights, batch_size=10, max_epoch=3) for models in (their_models, our_models)
    )
    assert captums.representation().isnan().all()
    assert ours.representation().isfinite().all()
    assert ours.representation().any()


@pytest.mark.parametrize("epochs", [0, -1])
def test_no_epochs(epochs: int):
    """`max_epoch` below 1: whatever trips in Captum; an error that names it."""
    x, y = data()
    with pytest.raises(RuntimeError, match="non-empty"):
        fitted(their_models, "SGDLasso", x, y, max_epoch=epochs)
    with pytest.raises(InvalidArgument, match="max_epoch"):
        fitted(our_models, "SGDLasso", x, y, max_epoch=epochs)
