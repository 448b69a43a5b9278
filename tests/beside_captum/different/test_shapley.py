"""Where Shapley values differ. Each docstring is a line of `docs/differences.md`."""

import math
from collections.abc import Callable
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from beside_captum.different.compare import assert_answered, assert_named, both
from beside_captum.same.compare import assert_close, on_captum, on_pellucid, value_of
from pellucid.errors import InvalidArgument
from training import in_training_mode

X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
W = torch.tensor([2.0, -1.0, 4.0])
SAMPLING, EXACT = "ShapleyValueSampling", "ShapleyValues"
on_each = pytest.mark.parametrize("method", [SAMPLING, EXACT])


def linear(x: Tensor) -> Tensor:
    """The model whose attributions are known, x * W."""
    return (x * W.to(x.dtype)).sum(1) if x.is_floating_point() else (x * W).sum(1)


def of_two(a: Tensor, b: Tensor) -> Tensor:
    return linear(a) * linear(b)


def explain(method: str, model: Callable[..., Any], inputs: Any = X, **arguments: Any) -> Callable[[Any], Any]:
    """A call on fresh copies of the inputs."""

    def call(attr: Any) -> Any:
        given = tuple(x.clone() for x in inputs) if isinstance(inputs, tuple) else inputs.clone()
        return getattr(attr, method)(model).attribute(given, **arguments)

    return call


def rows(method: str, model: Callable[..., Any], inputs: Tensor, **arguments: Any) -> tuple[int, int]:
    """On how many rows each of the libraries calls the model."""
    counts = []
    for library in (on_captum, on_pellucid):
        seen: list[int] = []

        def counting(x: Tensor, seen: list[int] = seen) -> Tensor:
            seen.append(len(x))
            return model(x)

        value_of(library(explain(method, counting, inputs, **arguments)))
        counts.append(sum(seen))
    return counts[0], counts[1]


@on_each
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_dtypes_are_kept(method: str, dtype: torch.dtype):
    """Floating outputs of another precision: Captum's Shapley values are float32; the output's dtype is kept."""
    captums, ours = both(explain(method, linear, X.to(dtype)))
    assert captums.dtype == torch.float32
    assert ours.dtype == dtype
    torch.testing.assert_close(ours.float(), X * W, rtol=0.02, atol=0)


@on_each
def test_numbers_are_kept(method: str):
    """A model that returns a Python number: Captum's Shapley values are float32; float64, as the number."""
    captums, ours = both(explain(method, lambda x: linear(x).sum().item()))
    assert (captums.dtype, ours.dtype) == (torch.float32, torch.float64)
    assert_close(ours, captums, dtypes=False)


@on_each
def test_accuracy_in_float64(method: str):
    """Shapley values of float64 inputs: Captum adds up in float32 (1e-7); exact to 1e-14."""
    x = X.double() / 3
    captums, ours = both(explain(method, linear, x))
    assert 1e-9 < (captums - x * W).abs().max() < 1e-6
    assert (ours - x * W).abs().max() < 1e-14


@on_each
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8], ids=str)
def test_fractions_as_baselines_of_integers(method: str, dtype: torch.dtype):
    """Integer inputs and baselines of .5: Captum truncates these; they are kept."""
    x = torch.tensor([[4, 2, 7]], dtype=dtype)
    captums, ours = both(explain(method, linear, x, baselines=0.5))
    torch.testing.assert_close(captums, x * W)
    torch.testing.assert_close(ours, (x - 0.5) * W)


@on_each
def test_fractions_as_baselines_of_booleans(method: str):
    """Boolean inputs and a baseline of .5: to Captum it is True; it is kept."""
    x = torch.tensor([[True, False, True]])
    captums, ours = both(explain(method, lambda x: linear(x.float()), x, baselines=0.5))
    torch.testing.assert_close(captums, (x.float() - 1) * W)
    torch.testing.assert_close(ours, (x.float() - 0.5) * W)


@pytest.mark.usefixtures("without_row_checks")
def test_repeated_coalitions_are_evaluated_once():
    """Sampled orders: Captum evaluates every coalition of every order anew; each is evaluated once."""
    captums, ours = rows(SAMPLING, linear, X, n_samples=25)
    assert captums == 2 * (1 + 25 * 3)
    assert ours == 2 * 2**3
    captums, ours = rows(SAMPLING, lambda x: x.sum(1), torch.ones(2, 40), n_samples=3)
    assert captums == 2 * (1 + 3 * 40)
    assert ours <= 2 * (2 + 3 * 39)


@pytest.mark.parametrize("features", [2, 3, 5])
@pytest.mark.usefixtures("without_row_checks")
def test_exact_values_by_coalitions(features: int):
    """ShapleyValues: Captum walks through all n! orders; the 2^n coalitions are evaluated once each."""
    x = torch.linspace(1, 2, features).expand(2, features).contiguous()
    captums, ours = rows(EXACT, lambda x: x.prod(1), x)
    assert captums == 2 * (1 + features * math.factorial(features))
    assert ours == 2 * 2**features


@on_each
@pytest.mark.usefixtures("without_row_checks")
def test_numbers_that_no_feature_has(method: str):
    """Gaps between the numbers of a mask: Captum evaluates them too, and warns; they cost nothing."""
    mask = torch.tensor([[0, 3, 3]])
    captums, ours = rows(method, linear, X, feature_mask=mask)
    assert captums == 2 * (1 + 4 * (25 if method == SAMPLING else math.factorial(4)))
    assert ours == 2 * 2**2
    with pytest.warns(UserWarning, match="missing some integers"):
        explain(method, linear, feature_mask=mask)(captum.attr)


@on_each
@pytest.mark.usefixtures("without_row_checks")
def test_inputs_equal_to_their_baselines(method: str):
    """Features that equal their baselines: Captum evaluates them too; they cost nothing."""
    x = torch.tensor([[1.0, 0, 0], [3.0, 0, 0]])
    captums, ours = rows(method, linear, x)
    assert captums == 2 * (1 + 3 * (25 if method == SAMPLING else math.factorial(3)))
    assert ours == 2 * 2


@on_each
def test_negative_numbers_in_a_mask(method: str):
    """Negative numbers in a mask: Captum leaves those elements at their baselines; an error."""
    call = explain(method, linear, feature_mask=torch.tensor([[0, -1, 1]]))
    torch.testing.assert_close(value_of(on_captum(call)), X * W * torch.tensor([1.0, 0, 1]))
    assert_named(call, None, "feature_mask")


@on_each
def test_fractions_in_a_mask(method: str):
    """Masks of floats: Captum takes them, and elements at .5 stay at their baselines; an error."""
    call = explain(method, linear, feature_mask=torch.tensor([[0, 0.5, 1]]))
    torch.testing.assert_close(value_of(on_captum(call)), X * W * torch.tensor([1.0, 0, 1]))
    assert_named(call, None, "feature_mask")


@on_each
def test_too_few_masks(method: str):
    """A mask for one of two inputs: Captum's attributions are all zero; an error."""
    call = explain(method, of_two, (X, X), feature_mask=(torch.tensor([[0, 1, 2]]),))
    assert not any(each.any() for each in value_of(on_captum(call)))
    assert_named(call, None, "feature_mask")


@on_each
def test_nan_as_a_baseline(method: str):
    """A baseline of NaN for a model that replaces it: Captum never puts the inputs in its place; it does not stay."""
    captums, ours = both(explain(method, lambda x: x.nan_to_num(7.0).sum(1), baselines=math.nan))
    assert not captums.any()
    torch.testing.assert_close(ours, X - 7)


@on_each
def test_a_model_that_writes_into_its_input(method: str):
    """A model that changes its input in place: Captum goes on from the changed one; the model gets copies."""
    captums, ours = both(explain(method, lambda x: linear(x.mul_(2))))
    assert (captums - 2 * X * W).abs().max() > 0.1
    torch.testing.assert_close(ours, 2 * X * W)


@on_each
def test_one_value_for_the_batch_and_several_perturbations_at_once(method: str):
    """`perturbations_per_eval` of a model of one value for the batch: Captum raises; one evaluation per forward."""
    call = explain(method, lambda x: linear(x).sum(), perturbations_per_eval=3)
    assert_answered(call, AssertionError, explain(method, lambda x: linear(x).sum()))


@on_each
def test_extra_tensors_of_another_size(method: str):
    """Extra tensors that are not the batch's, several perturbations: Captum repeats them; they pass as they are."""
    arguments = {"additional_forward_args": W}
    call = explain(method, lambda x, w: x @ w, perturbations_per_eval=2, **arguments)
    assert_answered(call, RuntimeError, explain(method, lambda x, w: x @ w, **arguments))


@on_each
def test_booleans_as_outputs(method: str):
    """A model that returns booleans: Captum cannot subtract them; they count as zero and one."""
    call = explain(method, lambda x: linear(x) > 0)
    assert_answered(call, RuntimeError, explain(method, lambda x: (linear(x) > 0).float()))


@on_each
def test_outputs_that_are_no_tensors(method: str):
    """A model that returns a dictionary, and a function as target: an error in Captum; answered."""
    call = explain(method, lambda x: {"logits": linear(x)}, target=lambda output: output["logits"])
    assert_answered(call, AttributeError, explain(method, linear))


@on_each
def test_masks_that_are_expanded(method: str):
    """Masks with strides of zero: an error in Captum with one target per example; answered."""
    mask = torch.tensor([0, 1, 1]).expand(1, 2, 3)
    x = torch.stack([X, X + 1], 1)

    def model(x: Tensor) -> Tensor:
        return torch.stack([linear(x.sum(1)), linear(x[:, 0])], 1)

    right = explain(method, model, x, target=[0, 1], feature_mask=mask.contiguous())
    assert_close(
        value_of(on_pellucid(explain(method, model, x, target=[0, 1], feature_mask=mask))), value_of(on_captum(right))
    )


def test_a_mask_of_no_dimensions():
    """A mask of no dimensions: an error in Captum's ShapleyValues; all is one feature."""
    call = explain(EXACT, linear, feature_mask=torch.tensor(0))
    assert_answered(call, TypeError, explain(EXACT, linear, feature_mask=torch.tensor([[0, 0, 0]])))


@on_each
def test_none_among_baselines(method: str):
    """None among baselines: an error in Captum; it is zero."""
    call = explain(method, of_two, (X, X), baselines=(None, 1))
    assert_answered(call, AssertionError, explain(method, of_two, (X, X), baselines=(0, 1)))


@on_each
def test_inputs_without_features(method: str):
    """Inputs without features: an error in Captum; attributions without elements."""
    call = explain(method, lambda x: x.sum(1), torch.ones(2, 0))
    assert type(on_captum(call).error) is ValueError
    assert value_of(on_pellucid(call)).shape == (2, 0)


@pytest.mark.parametrize("samples", [0, -1])
def test_no_samples(samples: int):
    """`n_samples=0`: Captum returns NaN; an error."""
    call = explain(SAMPLING, linear, n_samples=samples)
    assert value_of(on_captum(call)).isnan().all()
    assert_named(call, None, "n_samples")


def test_too_many_features_for_exact_values():
    """ShapleyValues of many features: Captum warns from 10 on and walks through n! orders; an error above 25."""
    error = on_pellucid(explain(EXACT, lambda x: x.sum(1), torch.ones(1, 26))).error
    assert isinstance(error, InvalidArgument)
    x = torch.arange(1.0, 13)[None]
    torch.testing.assert_close(value_of(on_pellucid(explain(EXACT, lambda x: x.sum(1), x))), x)

    def stop(x: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="at least 10 features"), pytest.raises(KeyboardInterrupt):
        captum.attr.ShapleyValues(stop).attribute(x)


@on_each
@pytest.mark.parametrize(
    ("arguments", "expected", "name"),
    [
        ({"baselines": torch.ones(4, 3)}, RuntimeError, "baselines"),
        ({"feature_mask": torch.zeros(1, 4).long()}, AssertionError, "feature_mask"),
        ({"perturbations_per_eval": 0}, AssertionError, "perturbations_per_eval"),
        ({"target": 5}, AssertionError, "target"),
    ],
    ids=["baselines", "mask", "perturbations", "target"],
)
def test_errors_name_the_argument(method: str, arguments: dict[str, Any], expected: type[Exception], name: str):
    """Arguments that do not fit: Captum's errors speak of shapes; those of pellucid name the argument."""
    call = explain(method, linear, **arguments)
    assert_named(call, expected, name)


@on_each
def test_masks_of_each_example_for_one_value(method: str):
    """A mask for each example and one value for the batch: an error in both, which names the mask here."""
    mask = torch.tensor([[0, 1, 2], [2, 2, 0]])
    assert_named(explain(method, lambda x: linear(x).sum(), feature_mask=mask), AssertionError, "feature_mask")


@in_training_mode
@on_each
def test_batch_norm_in_training_mode(method: str):
    """BatchNorm in training mode, several perturbations: Captum's share its statistics; each has a forward."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1)).train()
    right = value_of(on_captum(explain(method, model)))
    captums, ours = both(explain(method, model, perturbations_per_eval=2))
    assert (captums - right).abs().max() > 0.01
    torch.testing.assert_close(ours, right)
    torch.testing.assert_close(value_of(on_pellucid(explain(method, model))), right)


@on_each
def test_a_model_whose_examples_meet(method: str):
    """Examples that meet in other ways: the batch alone, as by Captum's default, whatever is asked for."""

    def model(x: Tensor) -> Tensor:
        return linear(x) - linear(x).mean()

    captums, ours = both(explain(method, model))
    torch.testing.assert_close(ours, captums)
    torch.testing.assert_close(value_of(on_pellucid(explain(method, model, perturbations_per_eval=4))), captums)
