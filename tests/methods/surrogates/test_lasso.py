"""The lasso is solved exactly: its conditions of an optimum hold, and scikit-learn finds the same."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso as TheirLasso
from torch import Tensor

from laws.registry import close
from pellucid.errors import InvalidArgument
from pellucid.methods import Lasso

SEEDS = range(2)
SIZES = [(30, 5), (5, 5), (4, 9), (12, 40), (60, 20), (2, 3)]
sizes = pytest.mark.parametrize(("samples", "columns"), SIZES, ids=str)
alphas = pytest.mark.parametrize("alpha", [1e-4, 0.01, 0.1, 1.0])


def data(samples: int, columns: int, seed: int, games: int = 3, outputs: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Random coins, outputs and weights."""
    generator = torch.Generator().manual_seed(seed)
    present = torch.rand(games, samples, columns, generator=generator) < 0.5
    effects = torch.randn(games, columns, outputs, generator=generator, dtype=torch.float64)
    noise = torch.randn(games, samples, outputs, generator=generator, dtype=torch.float64)
    weights = torch.rand(games, samples, generator=generator, dtype=torch.float64)
    return present, present.double() @ effects + 0.3 * noise, weights


def check_optimal(found: Tensor, present: Tensor, outputs: Tensor, weights: Tensor, alpha: float) -> None:
    """The gradient of the error is `alpha` against the sign of each coefficient, and within it where it is zero."""
    share = (weights / weights.sum(1, keepdim=True)).double().unsqueeze(2)
    z, y = (each.double() - (share * each.double()).sum(1, keepdim=True) for each in (present, outputs))
    slope = z.mT @ (share * (y - z @ found))
    assert slope.abs().max() <= alpha + 1e-8
    at_work = found != 0
    torch.testing.assert_close(slope[at_work], alpha * found.sign()[at_work], rtol=0, atol=1e-8)


@sizes
@alphas
@pytest.mark.parametrize("seed", SEEDS)
def test_the_conditions_of_an_optimum(samples: int, columns: int, alpha: float, seed: int):
    given = data(samples, columns, seed)
    found = Lasso(alpha=alpha).coefficients(*given)
    assert (found.shape, found.dtype) == ((3, columns, 2), torch.float64)
    check_optimal(found, *given, alpha)


@sizes
@alphas
def test_scikit_learn_finds_the_same(samples: int, columns: int, alpha: float):
    present, outputs, weights = data(samples, columns, 7)
    found = Lasso(alpha=alpha).coefficients(present, outputs, weights)
    for game in range(3):
        for output in range(2):
            theirs = TheirLasso(alpha=alpha, tol=1e-12, max_iter=1_000_000)
            theirs.fit(present[game].double(), outputs[game, :, output], sample_weight=weights[game].double())
            mine = found[game, :, output].numpy()
            if samples > 2 * columns:
                np.testing.assert_allclose(mine, theirs.coef_, rtol=0, atol=1e-6)
            assert value(mine, game, output, present, outputs, weights, alpha) <= (
                value(theirs.coef_, game, output, present, outputs, weights, alpha) + 1e-9
            )


def value(coefficients, game: int, output: int, present, outputs, weights, alpha: float) -> float:
    """What is minimised, with the best intercept."""
    share = (weights[game] / weights[game].sum()).double().numpy()
    rest = outputs[game, :, output].numpy() - present[game].double().numpy() @ coefficients
    rest = rest - share @ rest
    return float(share @ rest**2 / 2 + alpha * np.abs(coefficients).sum())


@alphas
@pytest.mark.parametrize("seed", SEEDS)
def test_equal_columns(alpha: float, seed: int):
    """Any share of a coefficient is as good: together they have what one column would have, and each the same."""
    present, outputs, weights = data(30, 4, seed)
    twice = torch.cat([present, present[:, :, :1]], dim=2)
    found = Lasso(alpha=alpha).coefficients(twice, outputs, weights)
    check_optimal(found, twice, outputs, weights, alpha)
    once = Lasso(alpha=alpha).coefficients(present, outputs, weights)
    torch.testing.assert_close(found[:, 0] + found[:, 4], once[:, 0], rtol=0, atol=1e-8)
    torch.testing.assert_close(found[:, 0], found[:, 4], rtol=0, atol=1e-8)


@alphas
@pytest.mark.parametrize("there", [False, True])
def test_constant_columns_explain_nothing(alpha: float, there: bool):
    present, outputs, weights = data(30, 4, 0)
    present[:, :, 2] = there
    found = Lasso(alpha=alpha).coefficients(present, outputs, weights)
    assert not found[:, 2].any()
    check_optimal(found, present, outputs, weights, alpha)


def test_one_sample_explains_nothing():
    present, outputs, weights = data(1, 4, 0)
    assert not Lasso().coefficients(present, outputs, weights).any()


def test_constant_outputs_need_no_explanation():
    present, _, weights = data(20, 4, 0)
    assert not Lasso(alpha=1e-6).coefficients(present, torch.full((3, 20, 1), 7.0), weights).any()


def test_a_large_penalty_leaves_nothing():
    present, outputs, weights = data(20, 6, 0)
    assert not Lasso(alpha=100.0).coefficients(present, outputs, weights).any()


def test_samples_of_no_weight_do_not_count():
    present, outputs, weights = data(30, 5, 0)
    weights[:, ::3] = 0
    some = [each[:, [i for i in range(30) if i % 3]] for each in (present, outputs, weights)]
    close((Lasso().coefficients(present, outputs, weights),), (Lasso().coefficients(*some),))


def test_the_scale_of_the_weights_does_not_matter():
    present, outputs, weights = data(30, 5, 0)
    close((Lasso().coefficients(present, outputs, 1000 * weights),), (Lasso().coefficients(present, outputs, weights),))


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_the_scale_of_the_outputs_and_of_the_penalty_is_that_of_the_coefficients(size: float):
    present, outputs, weights = data(30, 5, 0)
    expected = size * Lasso(alpha=0.1).coefficients(present, outputs, weights)
    close((Lasso(alpha=0.1 * size).coefficients(present, size * outputs, weights),), (expected,), atol=1e-11 * size)


@pytest.mark.parametrize("samples", [3, 30])
@pytest.mark.parametrize("where", ["outputs", "weights"])
def test_nan_in_one_game_spoils_that_game_only(samples: int, where: str):
    given = dict(zip(("present", "outputs", "weights"), data(samples, 6, 1), strict=True))
    expected = Lasso().coefficients(**given)
    given[where][1, 2] = math.nan
    found = Lasso().coefficients(**given)
    assert found[1].isnan().all()
    close((found[[0, 2]],), (expected[[0, 2]],), rtol=1e-8)  # all games stop together, within 1e-9 of their moments


def test_nan_in_one_output_spoils_that_output_only():
    present, outputs, weights = data(30, 6, 1)
    expected = Lasso().coefficients(present, outputs, weights)
    outputs[0, 3, 1] = math.nan
    found = Lasso().coefficients(present, outputs, weights)
    assert found[0, :, 1].isnan().all()
    close((found[0, :, 0], found[1:]), (expected[0, :, 0], expected[1:]))


@pytest.mark.parametrize("samples", [4, 30])
def test_games_are_solved_as_if_each_were_alone(samples: int, monkeypatch: pytest.MonkeyPatch):
    present, outputs, weights = data(samples, 6, 2, games=5)
    together = Lasso().coefficients(present, outputs, weights)
    alone = [Lasso().coefficients(*(each[i : i + 1] for each in (present, outputs, weights))) for i in range(5)]
    monkeypatch.setattr("pellucid.methods.surrogates.lasso.CHUNK_NUMBERS", 2 * samples * 6)
    in_parts = Lasso().coefficients(present, outputs, weights)
    for found in (torch.cat(alone), in_parts):
        if samples > 6:
            close((found,), (together,))
        else:  # columns are alike, so there are several answers, between which roundings decide
            check_optimal(found, present, outputs, weights, Lasso().alpha)


def test_least_squares_without_a_penalty():
    present, outputs, weights = data(40, 5, 3)
    root = weights.double().sqrt().unsqueeze(2)
    design = torch.cat([present.double(), torch.ones(3, 40, 1, dtype=torch.float64)], dim=2)
    solved = torch.linalg.lstsq(design * root, outputs * root).solution[:, :5]
    close((Lasso(alpha=0.0).coefficients(present, outputs, weights),), (solved,), atol=1e-8)


def test_weights_that_are_all_zero_are_refused():
    present, outputs, weights = data(10, 3, 0)
    with pytest.raises(InvalidArgument, match="similarity_func must count some samples"):
        Lasso().coefficients(present, outputs, 0 * weights)
