"""A background of many rows: a game is worth the mean over them, whoever plays it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.futures import Future

from laws.counting import Counted
from matrices import in_turn
from pellucid import attr, methods
from pellucid.core.games import outcomes
from pellucid.errors import InvalidArgument
from pellucid.methods import Background, Layer, Options, Problem

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(3, 4, generator=GENERATOR, dtype=torch.float64)
ROWS = torch.randn(7, 4, generator=GENERATOR, dtype=torch.float64)
W = torch.randn(4, 2, generator=GENERATOR, dtype=torch.float64)
MASK = torch.tensor([[0, 1, 1, 4]])
OWN_MASKS = torch.tensor([[0, 1, 1, 2], [0, 0, 1, 2], [2, 1, 1, 1]])
GROUPS = torch.tensor([[0, 0, 1, 1]])

GAMES = {
    "FeatureAblation": methods.FeatureAblation(),
    "Occlusion": methods.Occlusion(sliding_window_shapes=(2,)),
    "ShapleyValues": methods.ShapleyValues(),
    "ShapleyValueSampling": methods.ShapleyValueSampling(n_samples=6, seed=0),
    "BanzhafValues": methods.BanzhafValues(),
    "BanzhafValueSampling": methods.BanzhafValueSampling(n_samples=12, seed=0),
    "OwenValues": methods.OwenValues(groups=GROUPS),
    "OwenValueSampling": methods.OwenValueSampling(groups=GROUPS, n_samples=6, seed=0),
    "ShapleyInteractions": methods.ShapleyInteractions(),
    "ShapleyInteractionSampling": methods.ShapleyInteractionSampling(n_samples=6, seed=0),
    "KernelShapIQ": methods.KernelShapIQ(),
    "KernelShap": methods.KernelShap(n_samples=12, seed=0),
    "KernelShap, captum": methods.KernelShap(n_samples=40, sampling="captum", seed=0),
}
every_game = pytest.mark.parametrize("method", GAMES.values(), ids=GAMES)


def products(x: Tensor) -> Tensor:
    """Two values for each example."""
    return (x[:, :2] * x[:, 2:]) @ W[:2].to(x) + torch.tanh(x @ W.to(x))


def of(found: Any) -> Tensor:
    """The values of a result of one tensor."""
    return found.values[0] if isinstance(found.values, tuple) else found.values


def loop(method: Any, problem: Callable[[], Problem], rows: Tensor = ROWS, **arguments: Any) -> Tensor:
    """The slow way: one row after another, and the mean."""
    return torch.stack([of(method(problem(), baselines=row[None], **arguments)) for row in rows]).mean(0)


def same(method: Any, problem: Callable[[], Problem], rows: Tensor = ROWS, **arguments: Any) -> None:
    found = of(method(problem(), baselines=Background(rows), **arguments))
    torch.testing.assert_close(found, loop(method, problem, rows, **arguments), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "most"), in_turn(GAMES, [None, 1, 2, 5, 7, 10, 16], quick=3))
def test_a_game_is_the_mean_over_the_rows(name: str, most: int | None):
    method = GAMES[name]
    same(method, lambda: Problem(products, X, options=Options(perturbations_per_eval=most)))
    same(method, lambda: Problem(products, X[:1], target=1, options=Options(internal_batch_size=most)))


@every_game
@pytest.mark.parametrize("most", [1, 2, 4])
def test_blocks_below_the_batch(method: Any, most: int):
    same(method, lambda: Problem(products, X, options=Options(internal_batch_size=most)))


@pytest.mark.parametrize("mask", [MASK, OWN_MASKS], ids=["all alike", "each its own"])
@pytest.mark.parametrize("name", [name for name in GAMES if name != "Occlusion" and "Owen" not in name])
def test_masks(name: str, mask: Tensor):
    same(GAMES[name], lambda: Problem(products, X), feature_mask=mask)


@every_game
def test_one_value_for_the_batch(method: Any):
    same(method, lambda: Problem(lambda x: products(x).sum(), X))


@every_game
def test_rows_that_meet(method: Any):
    same(method, lambda: Problem(lambda x: products(x - x.mean(0)), X))


@every_game
def test_from_a_layer(method: Any):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x = torch.randn(2, 3, dtype=torch.float64)
    same(method, lambda: Problem(model, x, source=Layer(model[1]), target=0))


@every_game
@pytest.mark.filterwarnings("ignore:baselines are equal")
def test_a_row_of_its_own_inputs(method: Any):
    """What equals one row and not another plays; what equals all rows does not."""
    rows = ROWS[:2].clone()
    rows[:, 1] = X[0, 1]
    rows[0, 2] = X[0, 2]
    if "Sampling" not in type(method).__name__ and "captum" not in str(method):  # draws are of those who play
        same(method, lambda: Problem(products, X[:1]), rows)
    assert not of(method(Problem(products, X[:1], target=0), baselines=Background(X[:1].repeat(2, 1)))).any()


def test_several_inputs():
    def both(one: Tensor, other: Tensor) -> Tensor:
        return (one * other).sum(1) + one[:, 0] ** 2

    problem, rows = lambda: Problem(both, (X[:, :2], X[:, 2:])), (ROWS[:, :2], ROWS[:, 2:])
    found = methods.ShapleyValues()(problem(), baselines=Background(rows)).values
    for index in range(2):
        each = [
            methods.ShapleyValues()(problem(), baselines=(rows[0][r : r + 1], rows[1][r : r + 1])).values
            for r in range(7)
        ]
        torch.testing.assert_close(found[index], torch.stack([e[index] for e in each]).mean(0))


def test_integers_and_their_fractions():
    x, rows = torch.tensor([[4, 2, 7]]), torch.tensor([[0, 1, 2], [3, 0, 0]])
    found = methods.ShapleyValues()(Problem(lambda x: x[:, 0] * x[:, 1] + x[:, 2], x), baselines=Background(rows))
    assert found.values[0].dtype == torch.float32
    assert found.values[0].sum() == 15 - (2 + 0) / 2
    half = methods.FeatureAblation()(Problem(lambda x: x.sum(1), x), baselines=Background(rows + 0.5)).values[0]
    torch.testing.assert_close(half, x - rows.double().mean(0, keepdim=True).to(half) - 0.5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_kept(dtype: torch.dtype):
    problem = Problem(lambda x: products(x.double()).to(x.dtype), X.to(dtype), target=0)
    for method in (methods.ShapleyValues(), methods.FeatureAblation()):
        found = of(method(problem, baselines=Background(ROWS.to(dtype))))
        assert found.dtype == dtype
        expected = loop(method, lambda: Problem(products, X, target=0))
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=0.1)


def test_standard_errors_are_of_the_mean_game():
    spread = methods.ShapleyValueSampling(n_samples=40, seed=0)
    found = spread(Problem(products, X, target=0), baselines=Background(ROWS)).stderr[0]
    assert (found > 0).all()
    additive = spread(Problem(lambda x: x.sum(1), X), baselines=Background(ROWS)).stderr[0]
    torch.testing.assert_close(additive, torch.zeros_like(additive))


def test_as_exact_as_wanted():
    method = methods.ShapleyValueSampling(n_samples="auto", tolerance=0.05, seed=0)
    found = method(Problem(products, X, target=0), baselines=Background(ROWS))
    expected = methods.ShapleyValues()(Problem(products, X, target=0), baselines=Background(ROWS))
    assert found.converged.all()
    torch.testing.assert_close(of(found), of(expected), rtol=0, atol=0.15)


def test_a_coalition_takes_an_evaluation_for_each_row():
    model = Counted(products)
    methods.ShapleyValues()(Problem(model, X, target=0, options=Options(whole_batch=False)), baselines=Background(ROWS))
    assert sum(model.rows) == 2**4 * 7 * 3


def test_few_values_are_kept_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outcomes, "MOST_AVERAGED", 15)  # two coalitions
    same(methods.ShapleyValues(), lambda: Problem(products, X))


def test_futures():
    def later(x: Tensor) -> Future[Tensor]:
        answer: Future[Tensor] = Future()
        answer.set_result(products(x))
        return answer

    found = attr.ShapleyValues(later).attribute_future(X, Background(ROWS), target=0).wait()
    torch.testing.assert_close(found, loop(methods.ShapleyValues(), lambda: Problem(products, X, target=0)))


@pytest.mark.parametrize("name", ["FeatureAblation", "ShapleyValues", "ShapleyValueSampling", "KernelShap"])
def test_under_captums_names(name: str):
    torch.manual_seed(0)
    arguments = {"n_samples": 40} if name == "KernelShap" else {}
    found = getattr(attr, name)(products).attribute(X, baselines=Background(ROWS), target=0, **arguments)
    if name in ("FeatureAblation", "ShapleyValues"):
        torch.testing.assert_close(found, loop(GAMES[name], lambda: Problem(products, X, target=0)))
    else:
        torch.testing.assert_close(found.sum(1), products(X)[:, 0] - products(ROWS)[:, 0].mean())


@pytest.mark.parametrize(
    "method",
    [methods.IntegratedGradients(), methods.DeepLift(), methods.Conductance()],
    ids=lambda method: type(method).__name__,
)
def test_methods_of_gradients_refuse_it(method: Any):
    model = nn.Sequential(nn.Linear(4, 2), nn.ReLU()).double()
    problem = Problem(model, X, target=0, gradient_at=model[1] if isinstance(method, methods.Conductance) else None)
    with pytest.raises(
        InvalidArgument, match=r"(?s)baselines .*Background of \(7, 4\).*Hint: GradientShap and DeepLift"
    ):
        method(problem, baselines=Background(ROWS))


def test_lime_refuses_it():
    with pytest.raises(InvalidArgument, match=r"(?s)Background of \(7, 4\).*Hint: KernelShap"):
        methods.Lime()(Problem(products, X, target=0), baselines=Background(ROWS))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS[0], r"Background of \(rows, 4\): got \(4,\)"),
        (ROWS[:, :3], r"Background of \(rows, 4\): got \(7, 3\)"),
        ((ROWS, ROWS), r"Background of \(rows, 4\): got \(7, 4\)"),
    ],
)
def test_rows_must_be_like_the_inputs(rows: Any, said: str):
    with pytest.raises(InvalidArgument, match=said):
        methods.ShapleyValues()(Problem(products, X, target=0), baselines=Background(rows))


@pytest.mark.parametrize("rows", [ROWS[:0], torch.tensor(1.0), (ROWS, ROWS[:2]), [1.0, 2.0], ()])
def test_rows_must_be_rows(rows: Any):
    with pytest.raises(InvalidArgument, match="rows must"):
        Background(rows)
