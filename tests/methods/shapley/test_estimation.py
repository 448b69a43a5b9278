"""Standard errors of sampled games: 95 % intervals hold the known answer as often as they say."""

from typing import Any

import pytest
import torch
from torch import Tensor

from laws.problems import f_of
from methods.shapley.unanimity import PLAYERS, REPETITIONS, game, shapley_values
from pellucid import attr
from pellucid.core.games.game import Game
from pellucid.methods import BanzhafValues, BanzhafValueSampling, KernelShap, Lasso, Lime, Problem, ShapleyValueSampling
from pellucid.methods.surrogates.similarity import ExponentialKernel


def banzhaf_values() -> Tensor:
    """What a player adds to a random coalition: every set's worth, where all the others of it are there."""
    return BanzhafValues()(Problem(game, torch.ones(1, PLAYERS).double())).values[0][0]


def lime_coefficients() -> Tensor:
    """The model that all coalitions, each as often as the others, would give."""
    every = (torch.arange(2**PLAYERS)[:, None] >> torch.arange(PLAYERS)) & 1 == 1
    weights = EVEN.weights_of_coalitions(_game(), every[:, None], apart=False)
    return PLAIN.coefficients(every[None], game(every.double())[None, :, None], weights)[0, :, 0]


def _game() -> Game:
    return Game(f_of(game, torch.ones(1, PLAYERS).double()), None, None)


EVEN, PLAIN = ExponentialKernel("euclidean", 3.0), Lasso(alpha=0)
LIME = {"interpretable_model": PLAIN, "similarity_func": EVEN}


def sampled(name: str, samples: int, seed: int) -> Any:
    if name == "Lime":
        return Lime(n_samples=samples, seed=seed, **LIME)
    return BanzhafValueSampling(n_samples=samples, seed=seed)


def known(name: str) -> Tensor:
    return lime_coefficients() if name == "Lime" else banzhaf_values()


def coverage(method: Any, answer: Tensor | None = None, repetitions: int = REPETITIONS) -> float:
    """How often the interval of two standard errors holds the value."""
    answer = shapley_values() if answer is None else answer
    problem = Problem(game, torch.ones(1, PLAYERS).double())
    inside = []
    for seed in range(repetitions):
        found = method(seed)(problem)
        inside.append((found.values[0][0] - answer).abs() <= 1.96 * found.stderr[0][0])
    return torch.stack(inside).double().mean().item()


@pytest.mark.large
@pytest.mark.parametrize(("sampling", "samples"), [("captum", 120), ("auto", 160)])
def test_kernel_shap_s_intervals_hold_the_answer(sampling: str, samples: int):
    assert 0.93 <= coverage(lambda seed: KernelShap(n_samples=samples, sampling=sampling, seed=seed)) <= 0.97


@pytest.mark.parametrize(("sampling", "samples"), [pytest.param("captum", 120, marks=pytest.mark.large), ("auto", 160)])
def test_kernel_shap_s_errors_are_as_large_as_they_say(sampling: str, samples: int):
    problem = Problem(game, torch.ones(1, PLAYERS).double())
    found = [KernelShap(n_samples=samples, sampling=sampling, seed=seed)(problem) for seed in range(200)]
    values = torch.stack([each.values[0][0] for each in found])
    errors = torch.stack([each.stderr[0][0] for each in found])
    torch.testing.assert_close(errors.square().mean(0).sqrt(), values.std(0), rtol=0.25, atol=0)


@pytest.mark.large
@pytest.mark.parametrize("orders", ["random", "antithetic", "stratified"])
def test_shapley_value_sampling_s_intervals_hold_the_answer(orders: str):
    assert 0.93 <= coverage(lambda seed: ShapleyValueSampling(n_samples=640, permutations=orders, seed=seed)) <= 0.97


@pytest.mark.parametrize("orders", [pytest.param("random", marks=pytest.mark.large), "antithetic", "stratified"])
def test_shapley_value_sampling_s_errors_are_as_large_as_they_say(orders: str):
    problem = Problem(game, torch.ones(1, PLAYERS).double())
    found = [ShapleyValueSampling(n_samples=160, permutations=orders, seed=seed)(problem) for seed in range(200)]
    values = torch.stack([each.values[0][0] for each in found])
    errors = torch.stack([each.stderr[0][0] for each in found])
    torch.testing.assert_close(errors.square().mean(0).sqrt(), values.std(0), rtol=0.25, atol=0)
    torch.testing.assert_close(values.sum(1), shapley_values().sum().expand(200))


@pytest.mark.parametrize("orders", ["antithetic", "stratified"])
def test_orders_that_belong_together_leave_smaller_errors(orders: str):
    problem = Problem(game, torch.ones(1, PLAYERS).double())

    def off(orders: str) -> float:
        found = [
            ShapleyValueSampling(n_samples=64, permutations=orders, seed=seed)(problem).values[0][0]
            for seed in range(100)
        ]
        return (torch.stack(found) - shapley_values()).square().mean().item()

    assert off(orders) < 0.7 * off("random")


@pytest.mark.large
@pytest.mark.parametrize(("name", "samples"), [("Lime", 400), ("BanzhafValueSampling", 400)])
def test_intervals_of_other_samples_hold_the_answer(name: str, samples: int):
    assert 0.93 <= coverage(lambda seed: sampled(name, samples, seed), known(name)) <= 0.97


@pytest.mark.parametrize("name", ["Lime", "BanzhafValueSampling"])
def test_errors_of_other_samples_are_as_large_as_they_say(name: str):
    problem = Problem(game, torch.ones(1, PLAYERS).double())
    found = [sampled(name, 200, seed)(problem) for seed in range(200)]
    values = torch.stack([each.values[0][0] for each in found])
    errors = torch.stack([each.stderr[0][0] for each in found])
    torch.testing.assert_close(errors.square().mean(0).sqrt(), values.std(0), rtol=0.25, atol=0)
    assert ((values.mean(0) - known(name)).abs() < 5 * values.std(0) / 200**0.5).all()


def test_a_coefficient_that_the_lasso_leaves_at_zero_is_not_said_to_be_certain():
    problem = Problem(game, torch.ones(1, PLAYERS).double())
    found = [Lime(n_samples=100, interpretable_model=Lasso(alpha=0.1), seed=seed)(problem) for seed in range(20)]
    values, errors = (torch.stack([getattr(each, of)[0][0] for each in found]) for of in ("values", "stderr"))
    unsure = (values == 0).any(0) & (values != 0).any(0)
    assert unsure.any()
    assert (errors[:, unsure][values[:, unsure] == 0] > 0).double().mean() > 0.5


def test_a_user_s_own_model_has_no_error_to_tell():
    class Means:
        def fit(self, data: Any) -> None:
            self.learnt = next(iter(data))[0].mean(0, keepdim=True)

        def representation(self) -> Tensor:
            return self.learnt

    problem = Problem(game, torch.ones(2, PLAYERS).double())
    assert Lime(interpretable_model=Means())(problem).stderr is None
    _, errors = attr.Lime(game, Means()).attribute(torch.ones(2, PLAYERS).double(), return_stderr=True)
    assert errors is None


def test_a_similarity_of_one_s_own_does_not_stand_in_the_way_of_errors():
    problem = Problem(game, torch.ones(2, PLAYERS).double())
    found = Lime(similarity_func=lambda *_, **__: 1.0, n_samples=60)(problem)
    assert found.stderr[0].shape == (2, PLAYERS)


def test_everyone_comes_at_every_place_of_stratified_orders():
    """What a player adds to as many others as it meets: with one draw, exact where only their number counts."""
    problem = Problem(lambda x: (x > 0).sum(1).double() ** 2, torch.ones(1, PLAYERS).double())
    found = ShapleyValueSampling(n_samples=PLAYERS, permutations="stratified", seed=0)(problem)
    torch.testing.assert_close(found.values[0], torch.full((1, PLAYERS), float(PLAYERS)).double())


def test_all_coalitions_leave_no_error():
    found = KernelShap()(Problem(game, torch.ones(1, PLAYERS).double()))
    assert not found.stderr[0].any()
    torch.testing.assert_close(found.values[0][0], shapley_values())


def test_an_undetermined_sample_has_no_error_to_tell():
    with pytest.warns(match="n_samples must be larger"):
        found = KernelShap(n_samples=5, sampling="captum", seed=0)(Problem(game, torch.ones(1, PLAYERS).double()))
    assert found.stderr is None


def test_errors_lie_as_the_attributions_do():
    x, mask = (torch.randn(3, 4), torch.randn(3, 2)), (torch.tensor([[0, 0, 1, 2]]), torch.tensor([[2, 3]]))
    values, errors = attr.KernelShap(lambda a, b: (a.sum(1) * b.sum(1)).tanh()).attribute(
        x, feature_mask=mask, n_samples=12, seed=0, return_stderr=True
    )
    assert [each.shape for each in errors] == [each.shape for each in values] == [(3, 4), (3, 2)]
    assert torch.equal(errors[0][:, 0], errors[0][:, 1])
    assert torch.equal(errors[0][:, 3], errors[1][:, 0])


@pytest.mark.parametrize("name", ["GradientShap", "NoiseTunnel", "KernelShap", "Lime", "ShapleyValueSampling"])
def test_under_captum_s_names_they_come_after_the_attributions(name: str):
    x = torch.randn(3, 4)
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2)).eval()
    arguments: dict[str, Any] = {"target": 1, "seed": 0}
    if name == "GradientShap":
        arguments["baselines"] = torch.randn(4, 4)
    method = attr.NoiseTunnel(attr.Saliency(model)) if name == "NoiseTunnel" else getattr(attr, name)(model)
    values, errors = method.attribute(x, **arguments, return_stderr=True)
    torch.testing.assert_close(values, method.attribute(x, **arguments))
    assert values.shape == errors.shape
    assert (errors >= 0).all()
