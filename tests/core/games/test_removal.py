"""A removal of features: any function of inputs and absent elements, in the place of baselines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.futures import Future

from core.games.test_background import GAMES, MASK, OWN_MASKS, X, products
from laws.counting import Counted
from pellucid import attr, methods
from pellucid.errors import InvalidArgument, WrongType
from pellucid.methods import Blur, Gaussian, Lasso, Layer, Options, Problem, Segments, Session

FILL = torch.randn(3, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
LIME = {
    "Lime": methods.Lime(n_samples=20, seed=0),
    "Lime, another similarity": methods.Lime(
        n_samples=20,
        seed=0,
        similarity_func=lambda x, z, sample, **_: 1 + (x - z).abs().sum(),
        interpretable_model=Lasso(alpha=0.0),
    ),
}
every_game = pytest.mark.parametrize("method", [*GAMES.values(), *LIME.values()], ids=[*GAMES, *LIME])


def by(fill: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The removal that is the same as a baseline, (1, ...) for all examples."""
    return lambda x, absent: torch.where(absent, fill.to(x), x)


def of(found: Any) -> Tensor:
    return found.values[0] if isinstance(found.values, tuple) else found.values


@every_game
@pytest.mark.parametrize("most", [None, 1, 5])
def test_of_a_baseline_it_is_the_baseline(method: Any, most: int | None):
    problem = Problem(products, X, options=Options(perturbations_per_eval=most))
    found = of(method(problem, removal=by(FILL[:1])))
    torch.testing.assert_close(found, of(method(problem, baselines=FILL[:1])), rtol=1e-9, atol=1e-12)
    assert found.any()


@every_game
@pytest.mark.parametrize("mask", [MASK, OWN_MASKS], ids=["all alike", "each its own"])
def test_masks(method: Any, mask: Tensor):
    if not isinstance(method, methods.Occlusion | methods.OwenValues | methods.OwenValueSampling):
        found, expected = (
            of(method(Problem(products, X, target=1), feature_mask=mask, **more))
            for more in ({"removal": by(FILL[:1])}, {"baselines": FILL[:1]})
        )
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@every_game
def test_at_a_layer(method: Any):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double(), torch.randn(2, 3).double()
    problem = Problem(model, x, source=Layer(model[1]), target=0)
    found = of(method(problem, removal=by(FILL[:1])))
    torch.testing.assert_close(found, of(method(problem, baselines=FILL[:1])), rtol=1e-9, atol=1e-12)


def test_of_several_inputs_it_is_a_function_of_tuples():
    def remove(x: tuple[Tensor, ...], absent: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        assert all(mask.dtype == torch.bool for mask in absent)
        return x[0] * ~absent[0], torch.where(absent[1], 2.0, x[1])

    problem = Problem(lambda one, two: (one * two).sum(1) + one[:, 0] ** 2, (X[:, :2], X[:, 2:]))
    found = methods.ShapleyValues()(problem, removal=remove).values
    torch.testing.assert_close(found, methods.ShapleyValues()(problem, baselines=(0, 2)).values)


def test_what_it_writes_into_its_arguments_stays_there():
    def write(x: Tensor, absent: Tensor) -> Tensor:
        x[absent] = 7.0
        absent[:] = True
        return x

    x = X.clone()
    found = of(methods.FeatureAblation()(Problem(products, x, target=0), removal=write))
    torch.testing.assert_close(found, of(methods.FeatureAblation()(Problem(products, X, target=0), baselines=7)))
    assert torch.equal(x, X)


def test_it_sees_whole_features_and_the_model_as_many_forwards_as_coalitions():
    seen = []

    def remove(x: Tensor, absent: Tensor) -> Tensor:
        seen.append(absent)
        return x.masked_fill(absent, 0)

    model = Counted(products)
    options = Options(perturbations_per_eval=1)
    methods.FeatureAblation()(Problem(model, X, options=options), feature_mask=MASK, removal=remove)
    assert len(model.rows) == len(seen) == 4
    assert [mask[0].tolist() for mask in seen] == [[False] * 4, *((MASK[0] == number).tolist() for number in (0, 1, 4))]


def test_a_session_keeps_the_values_of_a_removal_apart():
    model = Counted(products)
    zero, two = by(torch.zeros(1, 4)), by(torch.full((1, 4), 2.0))
    with Session(Problem(model, X, target=0)) as session:
        once = methods.ShapleyValues()(session.problem, removal=zero)
        forwards = list(model.rows)
        again = methods.ShapleyValues()(session.problem, removal=zero)
        assert model.rows == forwards
        other = methods.ShapleyValues()(session.problem, removal=two)
    torch.testing.assert_close(once.values, again.values, rtol=0, atol=0)
    torch.testing.assert_close(
        other.values, methods.ShapleyValues()(Problem(products, X, target=0), baselines=2).values
    )


@pytest.mark.parametrize("removal", [Blur(1.0), Segments(2), Segments()], ids=["blur", "patches", "all that is absent"])
def test_a_replacement_is_what_the_removal_is_as_a_function(removal: Any):
    problem = Problem(lambda x: (x**2).sum(1), X)
    found = of(methods.ShapleyValues()(problem, removal=removal))
    torch.testing.assert_close(
        found, of(methods.ShapleyValues()(problem, removal=lambda x, absent: removal(x, absent)))
    )
    assert found.any()


@pytest.mark.parametrize("removal", [Blur(1.0), Gaussian(1.0)], ids=["values", "no values"])
def test_lime_tells_users_functions_what_takes_the_place_of_features(removal: Any):
    given = []

    def similarity(x: Tensor, perturbed: Tensor, present: Tensor, *, baselines: Any, **_: Any) -> Tensor:
        given.append(baselines)
        return torch.tensor(1.0)

    methods.Lime(n_samples=2, seed=0, similarity_func=similarity)(Problem(products, X[:1]), removal=removal)
    for baselines in given:
        replaced = removal.replacement(X[:1])
        assert baselines is None if replaced is None else torch.equal(baselines, replaced)


def test_captums_names_take_it():
    def model(x: Tensor) -> Tensor:
        return products(x)[:, 0]

    remove = by(torch.full((1, 4), 2.0))
    for explainer, more in (
        (attr.FeatureAblation, {}),
        (attr.Occlusion, {"sliding_window_shapes": (2,)}),
        (attr.ShapleyValues, {}),
        (attr.ShapleyValueSampling, {"seed": 0}),
        (attr.KernelShap, {"seed": 0}),
        (attr.Lime, {"seed": 0}),
    ):
        found = explainer(model).attribute(X, removal=remove, **more)
        torch.testing.assert_close(found, explainer(model).attribute(X, baselines=2, **more))


def test_futures():
    def later(x: Tensor) -> Any:
        future: Any = Future()
        future.set_result(products(x)[:, 0])
        return future

    found = attr.FeatureAblation(later).attribute_future(X, removal=by(FILL[:1])).wait()
    expected = attr.FeatureAblation(lambda x: products(x)[:, 0]).attribute(X, baselines=FILL[:1])
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"removal": Blur(1.0), "baselines": 0}, "baselines must be None where removal says .* got both"),
        ({"removal": "blur"}, "removal must be a function .* got 'blur'"),
        ({"removal": Blur}, r"removal must be a function .* Hint: Blur\(...\)"),
        (
            {"removal": lambda x, absent: x[:1]},
            r"removal must return .* expected \(6, 4\), got \(1, 4\)",
        ),
        ({"removal": lambda x, absent: None}, "removal must return .* got None"),
    ],
    ids=["both", "no function", "a class", "another shape", "nothing"],
)
def test_errors(arguments: dict[str, Any], message: str):
    options = Options(perturbations_per_eval=2)
    with pytest.raises((InvalidArgument, WrongType), match=message):
        methods.FeatureAblation()(Problem(products, X, target=0, options=options), **arguments)


def test_of_ids_it_must_be_a_function_of_ones_own():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2))
    ids = torch.tensor([[1, 2], [3, 4]])
    with pytest.raises(InvalidArgument, match="inputs must be floats for Blur: got int64"):
        attr.FeatureAblation(model).attribute(ids, target=0, removal=Blur(1.0))
    found = attr.FeatureAblation(model).attribute(ids, target=0, removal=lambda x, absent: x.masked_fill(absent, 0))
    torch.testing.assert_close(found, attr.FeatureAblation(model).attribute(ids, target=0))


@pytest.mark.parametrize("removal", [Blur(1.0), Gaussian(1.0), by(FILL[:1])], ids=["values", "a mask", "a function"])
def test_autocast_is_of_the_model_alone(removal: Any):
    x, asked = X.float(), []

    def plain(x: Tensor) -> Tensor:
        asked.append(x)
        return x.sum(1)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = attr.FeatureAblation(plain).attribute(x, removal=removal)
    assert all(points.dtype == torch.float32 for points in asked)
    torch.testing.assert_close(found, attr.FeatureAblation(plain).attribute(x, removal=removal))
