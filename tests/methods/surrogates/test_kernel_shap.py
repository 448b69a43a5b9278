"""What Kernel SHAP must be: Shapley values where all coalitions are there, and never far from what they promise."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from laws.counting import Counted
from laws.registry import close
from laws.state import as_found
from pellucid import attr, methods
from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods.surrogates.coalition_samplers import CaptumSampler, PairedSampler
from pellucid.methods.surrogates.kernel_shap import ADDITIONAL_SAMPLES
from zoo.games import model_of_game, numbers, random_table

pytestmark = pytest.mark.usefixtures("without_row_checks")

quickly = settings(max_examples=12, deadline=None, derandomize=True)
random_games = given(players=st.integers(1, 8), seed=st.integers(0, 999))
Game = Callable[[Tensor], Tensor]


def worth(game: Game, players: int, samples: int | None = None, sampling: Any = "auto", seed: int = 0) -> Tensor:
    """What the players of a game are worth."""
    problem = methods.Problem(game, torch.ones(1, players, dtype=torch.float64))
    return methods.KernelShap(n_samples=samples, sampling=sampling, seed=seed)(problem).values[0][0]


def exact(game: Game, players: int) -> Tensor:
    return attr.ShapleyValues(game).attribute(torch.ones(1, players, dtype=torch.float64))[0]


def least(players: int) -> int:
    return min(2**players, 2 * players + 2)


class TestAllCoalitions:
    @quickly
    @random_games
    def test_are_shapley_values(self, players: int, seed: int):
        game = model_of_game(random_table(players, seed))
        close((worth(game, players),), (exact(game, players),), rtol=1e-10, atol=1e-10)

    @quickly
    @random_games
    def test_who_never_adds_anything_gets_nothing(self, players: int, seed: int):
        dummy = seed % players
        table = random_table(players, seed)[torch.arange(2**players) & ~(1 << dummy)]
        assert worth(model_of_game(table), players)[dummy].abs() < 1e-12

    @quickly
    @given(players=st.integers(2, 8), seed=st.integers(0, 999))
    def test_two_that_add_the_same_get_the_same(self, players: int, seed: int):
        table, every = random_table(players, seed), torch.arange(2**players)
        swapped = (every & ~3) | ((every & 1) << 1) | (every >> 1 & 1)
        found = worth(model_of_game(table + table[swapped]), players)
        close((found[0],), (found[1],), atol=1e-12)

    @pytest.mark.parametrize("players", [1, 2, 3, 8])
    def test_are_evaluated_once_each_and_never_more(self, players: int):
        seen = []

        def game(x: Tensor) -> Tensor:
            seen.append(x)
            return x.sum(1)

        worth(game, players, samples=100_000)
        assert sorted(numbers(torch.cat(seen)).tolist()) == list(range(2**players))


@pytest.mark.parametrize("sampling", ["auto", "captum"])
class TestSomeCoalitions:
    @quickly
    @random_games
    @pytest.mark.filterwarnings("ignore:n_samples must be larger")
    def test_values_add_up(self, sampling: str, players: int, seed: int):
        table = random_table(players, seed)
        for samples in (least(players), least(players) + 5) if sampling == "auto" else (1, 2, 3, players, 40):
            found = worth(model_of_game(table), players, samples, sampling, seed)
            close((found.sum(),), (table[-1] - table[0],), rtol=1e-10, atol=1e-10)

    @quickly
    @given(players=st.integers(2, 8), seeds=st.tuples(st.integers(0, 99), st.integers(100, 199)))
    @pytest.mark.filterwarnings("ignore:n_samples must be larger")
    def test_linearity(self, sampling: str, players: int, seeds: tuple[int, int]):
        one, other = (random_table(players, seed) for seed in seeds)
        samples = least(players) + 3
        apart = [worth(model_of_game(table), players, samples, sampling) for table in (one, other)]
        together = worth(model_of_game(2 * one - 3 * other), players, samples, sampling)
        close((together,), (2 * apart[0] - 3 * apart[1],), atol=1e-10)

    @pytest.mark.parametrize("outputs", [1, 3])
    def test_of_several_examples_and_outputs_are_those_of_each(self, sampling: str, outputs: int):
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(3, 5, generator=generator, dtype=torch.float64)
        weight = torch.randn(5, outputs, generator=generator, dtype=torch.float64)

        def model(x: Tensor) -> Tensor:
            return (x @ weight).sin() + (x @ weight) ** 2

        def of(model: Game, x: Tensor) -> Tensor:
            return attr.KernelShap(model).attribute(x, n_samples=20, sampling=sampling, seed=1)

        every = of(model, x)
        assert every.shape == (3 * outputs, 5)
        for row, found in enumerate(every):
            example, output = divmod(row, outputs)
            one = slice(example, example + 1)
            close((found[None],), (of(lambda x, output=output: model(x)[:, output], x[one]),))


class TestAdditiveModels:
    @pytest.mark.parametrize("players", [1, 2, 3, 4, 7, 10, 30])
    @pytest.mark.parametrize("more", [0, 1, 2, 7, 100])
    def test_are_exact_with_any_samples_that_are_accepted(self, players: int, more: int):
        weights = torch.linspace(-2, 3, players, dtype=torch.float64)
        found = worth(lambda x: x @ weights, players, least(players) + more, seed=more)
        close((found,), (weights,), atol=1e-12)

    @pytest.mark.parametrize("players", [1, 2, 3, 4, 10])
    def test_too_few_samples_are_refused_and_the_least_number_is_told(self, players: int):
        model = Counted(lambda x: x.sum(1))
        for samples in {1, least(players) - 1}:
            with pytest.raises(InvalidArgument, match=f"n_samples must be at least {least(players)} .* got {samples}"):
                attr.KernelShap(model).attribute(torch.ones(2, players), n_samples=samples, sampling="auto")

    @pytest.mark.parametrize("seed", range(5))
    def test_samples_of_captum_that_do_not_determine_them_are_warned_of(self, seed: int):
        weights = torch.linspace(-2, 3, 10, dtype=torch.float64)
        with pytest.warns(PellucidWarning, match=r"n_samples must be larger .* 6 coalitions .* of 10 features"):
            found = worth(lambda x: x @ weights, 10, 6, "captum", seed)
        close((found.sum(),), (weights.sum(),))
        assert (found - weights).abs().max() > 0.1

    @pytest.mark.parametrize("seed", range(5))
    def test_samples_of_captum_that_determine_them_are_exact(self, seed: int):
        weights = torch.linspace(-2, 3, 6, dtype=torch.float64)
        close((worth(lambda x: x @ weights, 6, 60, "captum", seed),), (weights,), atol=1e-12)


def test_the_error_shrinks_with_samples():
    game = model_of_game(random_table(8, 3))
    values = exact(game, 8)

    def error(samples: int) -> float:
        each = [worth(game, 8, samples, seed=seed) - values for seed in range(20)]
        return torch.stack(each).square().mean().sqrt().item()

    errors = [error(samples) for samples in (20, 60, 180, 256)]
    assert errors[0] > 1.5 * errors[1] > 2 * errors[2] > 0
    assert errors[3] < 1e-12


def kernel(players: int, size: int) -> float:
    """What all coalitions of a size count together, up to a factor for all sizes."""
    return 1 / (size * (players - size))


def coalitions(players: int, samples: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
    """Those but of none and of all, what they count, and their draws."""
    source = PairedSampler(players, generator)
    chosen, weights = source.sample(samples), source.sample_weights
    assert chosen[:2, 0].tolist() == [[False] * players, [True] * players]
    return chosen[2:, 0], weights.values[2:], weights.draws[2:]


class TestChosenCoalitions:
    SIZES = pytest.mark.parametrize(
        ("players", "samples"), [(4, 11), (5, 12), (6, 14), (6, 30), (6, 43), (9, 21), (9, 100), (9, 300), (12, 1000)]
    )

    @SIZES
    @pytest.mark.parametrize("seed", range(3))
    def test_each_comes_with_its_complement(self, players: int, samples: int, seed: int):
        chosen, weights, _ = coalitions(players, samples, torch.Generator().manual_seed(seed))
        assert len(chosen) == len(weights) <= samples - 2

        def counted(some: Tensor) -> dict[tuple[bool, ...], float]:
            found: dict[tuple[bool, ...], float] = {}
            for each, weight in zip(some.tolist(), weights.tolist(), strict=True):
                found[tuple(each)] = found.get(tuple(each), 0) + weight
            return found

        there, gone = counted(chosen), counted(~chosen)
        assert there.keys() == gone.keys()
        assert all(math.isclose(there[each], gone[each], rel_tol=1e-12) for each in there)

    @SIZES
    def test_sizes_count_what_the_kernel_gives_them(self, players: int, samples: int):
        """Where there are at least as many of them as players; fewer count no more than so many would."""
        chosen, weights, _ = coalitions(players, samples, torch.Generator().manual_seed(0))
        sizes = chosen.sum(1)
        for size in range(1, players):
            here = sizes == size
            each = kernel(players, size) / max(int(here.sum()), players)
            close((weights[here],), (torch.full_like(weights[here], each),))

    @pytest.mark.parametrize("players", range(1, 9))
    def test_all_of_them_where_samples_allow(self, players: int):
        chosen, weights, draws = coalitions(players, 2**players, None)
        assert (draws == -1).all()  # none is random
        every = sorted(numbers(chosen.float()).tolist())
        assert every == list(range(1, 2**players - 1))
        for each, weight in zip(chosen, weights, strict=True):
            size = int(each.sum())
            assert math.isclose(weight, kernel(players, size) / math.comb(players, size))

    @pytest.mark.parametrize("samples", [150, 2_168, 9_001])
    def test_there_are_as_many_of_every_size_as_far_as_there_are_so_many(self, samples: int):
        chosen, *_ = coalitions(60, samples, torch.Generator().manual_seed(0))
        counts = chosen.sum(1).bincount(minlength=60)
        assert torch.equal(counts, counts.flip(0).roll(1))
        counts[30] //= 2  # a pair of this size has both
        assert counts[1] == 60
        assert counts[2:31].max() - counts[2:31].min() <= 1

    @pytest.mark.parametrize("columns", [1, 2, 3, 6])
    def test_captum_s_never_hold_none_nor_all(self, columns: int):
        chosen = CaptumSampler(columns, 3, torch.Generator().manual_seed(0)).sample(52)[2:]
        assert chosen.shape == (50, 1, columns)
        sizes = chosen.sum(2)
        assert (sizes < columns).all()
        assert (sizes > 0).all() or columns == 1


class TestFeatures:
    def test_those_at_their_baselines_do_not_play(self):
        x = torch.tensor([[1.0, 2, 3, 4], [1.0, 5, 3, 6]], dtype=torch.float64)
        baselines = torch.tensor([[1.0, 2, 0, 0], [1.0, 2, 3, 0]], dtype=torch.float64)
        model = Counted(lambda x: x.prod(1))
        found = attr.KernelShap(model).attribute(x, baselines, n_samples=50, sampling="auto")
        assert sum(model.rows) == 2 * 2**3
        close((found,), (attr.ShapleyValues(lambda x: x.prod(1)).attribute(x, baselines),), atol=1e-12)

    @pytest.mark.parametrize("sampling", ["auto", "captum"])
    def test_all_at_their_baselines_are_worth_nothing_and_warned_of_once(self, sampling: Any):
        x = torch.tensor([[1.0, 2], [3.0, 4]])
        model = Counted(lambda x: x.prod(1))
        with pytest.warns(PellucidWarning, match="baselines are equal to the inputs") as caught:
            found = attr.KernelShap(model).attribute(x, x.clone(), sampling=sampling, seed=0)
        assert len(caught) == 1
        assert found.tolist() == [[0, 0], [0, 0]]

    def test_numbers_with_gaps_are_features_that_nobody_has(self):
        x, mask = torch.tensor([[1.0, 2, 4]], dtype=torch.float64), torch.tensor([[3, 5, 3]])
        found = methods.KernelShap(per_feature=True)(methods.Problem(lambda x: x.sum(1), x), feature_mask=mask)
        close(found.values, (torch.tensor([[5.0, 0, 2]], dtype=torch.float64),))

    def test_the_default_number_of_samples(self):
        model = Counted(lambda x: x.sum(1))
        problem = methods.Problem(model, torch.ones(1, 15))
        methods.KernelShap(seed=0)(problem)
        assert 0.9 * (30 + ADDITIONAL_SAMPLES) < sum(model.rows) <= 30 + ADDITIONAL_SAMPLES

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
    def test_the_outputs_dtype_is_kept(self, dtype: torch.dtype):
        x = torch.tensor([[1.0, 2, 4]], dtype=dtype)
        found = attr.KernelShap(lambda x: x.sum(1)).attribute(x, seed=0, n_samples=30)
        of_fits = torch.finfo(torch.float64).eps  # a rounding of the largest output, 7, for each of the 30 samples
        torch.testing.assert_close(found, x, rtol=torch.finfo(dtype).eps, atol=30 * 7 * of_fits)

    @pytest.mark.parametrize("sampling", ["auto", "captum"])
    def test_nan_of_one_example_stays_there(self, sampling: Any):
        x = torch.arange(1.0, 13, dtype=torch.float64).view(3, 4)
        spoilt = x.clone()
        spoilt[1, 2] = math.nan

        def of(x: Tensor) -> Tensor:
            return attr.KernelShap(lambda x: x.prod(1)).attribute(x, n_samples=30, sampling=sampling, seed=0)

        with pytest.warns(PellucidWarning, match=r"NaN, carried in by inputs \(examples \[1\]\)"):
            found = of(spoilt)
        assert found[1].isnan().all()
        close((found[[0, 2]],), (of(x)[[0, 2]],))


@pytest.mark.parametrize("sampling", ["auto", "captum"])
def test_a_second_call_with_the_same_seed_gives_the_same_bits(sampling: Any):
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def model(x: Tensor) -> Tensor:
        return x.exp().sum(1) ** 2

    with as_found(torch.nn.Identity(), x):
        first, *others = [
            attr.KernelShap(model).attribute(x, n_samples=25, seed=5, sampling=sampling) for _ in range(12)
        ]
    assert all(torch.equal(each, first) for each in others)
