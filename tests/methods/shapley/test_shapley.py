"""What Shapley values must be: the axioms, games with known values, and no evaluation that is not needed."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from laws.registry import close
from laws.state import as_found, random_state
from pellucid import attr, methods
from pellucid.core.batching import BLOCK_BYTES
from pellucid.core.model.layers import Layer
from pellucid.core.problem.target import Neuron
from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods import Problem
from zoo.games import Game, model_of_game, numbers, random_table

pytestmark = pytest.mark.usefixtures("without_row_checks")

quickly = settings(max_examples=12, deadline=None, derandomize=True)


def exact(game: Game, players: int) -> Tensor:
    """What the players of a game are worth."""
    return attr.ShapleyValues(game).attribute(torch.ones(1, players, dtype=torch.float64))[0]


def sampled(game: Game, players: int, seed: int = 0, samples: int = 5) -> Tensor:
    x = torch.ones(1, players, dtype=torch.float64)
    return attr.ShapleyValueSampling(game).attribute(x, n_samples=samples, seed=seed)[0]


class Counted:
    """A game that remembers which points were evaluated."""

    def __init__(self, game: Game):
        self.game, self.seen = game, list[Tensor]()

    def __call__(self, x: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        self.seen.append(x.clone())
        return self.game(x)

    @property
    def rows(self) -> int:
        return sum(map(len, self.seen))

    @property
    def points(self) -> Tensor:
        return torch.cat(self.seen)


both = pytest.mark.parametrize("values", [exact, sampled])
random_games = given(players=st.integers(1, 6), seed=st.integers(0, 999))


@both
class TestAxioms:
    @quickly
    @random_games
    def test_efficiency(self, values: Any, players: int, seed: int):
        table = random_table(players, seed)
        close((values(model_of_game(table), players).sum(),), (table[-1] - table[0],))

    @quickly
    @random_games
    def test_who_never_adds_anything_gets_nothing(self, values: Any, players: int, seed: int):
        table = random_table(players, seed)
        dummy = seed % players
        of_others = torch.arange(2**players) & ~(1 << dummy)
        assert values(model_of_game(table[of_others]), players)[dummy] == 0

    @quickly
    @random_games
    def test_who_always_adds_the_same_gets_it(self, values: Any, players: int, seed: int):
        table, one = random_table(players, seed), seed % players
        coalitions = torch.arange(2**players)
        table = table[coalitions & ~(1 << one)] + 3.0 * (coalitions >> one & 1)
        close((values(model_of_game(table), players)[one],), (torch.tensor(3.0, dtype=torch.float64),))

    @quickly
    @given(players=st.integers(1, 6), seeds=st.tuples(st.integers(0, 99), st.integers(100, 199)))
    def test_linearity(self, values: Any, players: int, seeds: tuple[int, int]):
        one, other = (random_table(players, seed) for seed in seeds)
        apart = 2 * values(model_of_game(one), players) - 3 * values(model_of_game(other), players)
        close((values(model_of_game(2 * one - 3 * other), players),), (apart,))


@quickly
@given(players=st.integers(2, 6), seed=st.integers(0, 999))
def test_symmetry(players: int, seed: int):
    """Two that add the same to all get the same; and names do not matter."""
    table = random_table(players, seed)
    coalitions = torch.arange(2**players)
    first, second = coalitions & 1, coalitions >> 1 & 1
    swapped = (coalitions & ~3) | (first << 1) | second
    alike = exact(model_of_game(table + table[swapped]), players)
    close((alike[0],), (alike[1],))
    mine, theirs = exact(model_of_game(table), players), exact(model_of_game(table[swapped]), players)
    close((mine[[1, 0, *range(2, players)]],), (theirs,))


class TestKnownGames:
    @pytest.mark.parametrize("members", [(0,), (1, 3), (0, 2, 4), (0, 1, 2, 3, 4)])
    def test_unanimity(self, members: tuple[int, ...]):
        """One if all members are there: the members share it."""
        worth = torch.zeros(5, dtype=torch.float64)
        worth[[*members]] = 1 / len(members)
        close((exact(lambda x: x[:, [*members]].prod(1), 5),), (worth,))

    def test_gloves(self):
        """One left glove, two right ones: pairs are worth one."""
        values = exact(lambda x: torch.minimum(x[:, 0], x[:, 1] + x[:, 2]), 3)
        close((values,), (torch.tensor([4, 1, 1], dtype=torch.float64) / 6,))

    def test_airport(self):
        """A runway costs what the largest plane needs: each piece is shared by those who use it."""
        costs = torch.tensor([1.0, 2, 3, 7, 10], dtype=torch.float64)
        pieces = costs.diff(prepend=costs.new_zeros(1))
        shares = (pieces / torch.arange(5, 0, -1)).cumsum(0)
        close((exact(lambda x: (x * costs).amax(1), 5),), (shares,))

    @pytest.mark.parametrize("players", [1, 3, 7, 12])
    def test_majority(self, players: int):
        values = exact(lambda x: (2 * x.sum(1) > players).double(), players)
        close((values,), (torch.full((players,), 1 / players, dtype=torch.float64),))

    def test_weighted_majority(self):
        """A quota of 51 of 50, 49 and 1: the small one is worth as much as the second."""
        shares = torch.tensor([50.0, 49, 1], dtype=torch.float64)
        values = exact(lambda x: ((x * shares).sum(1) >= 51).double(), 3)
        close((values,), (torch.tensor([4, 1, 1], dtype=torch.float64) / 6,))

    def test_squared_sum(self):
        """(sum of w)^2 without a baseline: w_i times the sum."""
        weights = torch.tensor([1.0, -2, 0.5, 3], dtype=torch.float64)
        close((exact(lambda x: (x @ weights) ** 2, 4),), (weights * weights.sum(),))

    def test_samples_of_a_sum_are_exact(self):
        weights = torch.arange(1.0, 8, dtype=torch.float64)
        close((sampled(lambda x: x @ weights, 7, samples=1),), (weights,))

    def test_samples_approach_the_values(self):
        table = random_table(5, 3)
        off = (sampled(model_of_game(table), 5, samples=4000) - exact(model_of_game(table), 5)).abs().max()
        assert 0 < off < 0.08


class TestEvaluations:
    @pytest.mark.parametrize("players", [1, 2, 5, 10])
    def test_all_coalitions_once(self, players: int):
        game = Counted(model_of_game(random_table(players, 0)))
        exact(game, players)
        assert sorted(numbers(game.points).tolist()) == list(range(2**players))

    def test_twenty_features(self):
        weights = torch.linspace(-1, 2, 20)
        game = Counted(lambda x: (x @ weights) ** 2)
        values = attr.ShapleyValues(game).attribute(torch.ones(1, 20))
        assert game.rows == 2**20
        torch.testing.assert_close(values[0], weights * weights.sum(), rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("players", [1, 2, 3, 8, 70])
    @pytest.mark.parametrize("samples", [1, 2, 30])
    def test_of_sampled_orders(self, players: int, samples: int):
        """Everyone, nobody, and what lies between; each coalition once, but for more than 62 features."""
        game = Counted(lambda x: x.sum(1))
        sampled(game, players, samples=samples)
        assert game.rows <= 2 + samples * (players - 1)
        if players <= 62:
            assert len(torch.unique(game.points, dim=0)) == game.rows <= 2**players
        ends = game.points.sum(1)
        assert ((ends == 0).sum(), (ends == players).sum()) == (1, 1)

    @pytest.mark.parametrize("players", [61, 62, 63, 64, 100])
    def test_many_features(self, players: int):
        weights = torch.linspace(-1, 2, players, dtype=torch.float64)
        order = torch.randperm(players, generator=torch.Generator().manual_seed(0))
        sums = (weights[order].cumsum(0) ** 2).diff(prepend=torch.zeros(1, dtype=torch.float64))
        expected = torch.empty_like(weights)
        expected[order] = sums
        close((sampled(lambda x: (x @ weights) ** 2, players, samples=1),), (expected,))

    def test_features_equal_to_their_baselines_do_not_play(self):
        x = torch.tensor([[1.0, 2, 3, 4], [1.0, 5, 3, 6]], dtype=torch.float64)
        baselines = torch.tensor([[1.0, 2, 0, 0], [1.0, 2, 3, 0]], dtype=torch.float64)
        game = Counted(lambda x: x.prod(1))
        values = attr.ShapleyValues(game).attribute(x, baselines)
        assert game.rows == 2 * 2**3
        assert values[:, 0].tolist() == [0, 0]
        assert values[0, 1] == values[1, 2] == 0
        close((values.sum(1),), (x.prod(1) - baselines.prod(1),))
        game = Counted(lambda x: x.prod(1))
        sampling = attr.ShapleyValueSampling(game).attribute(x, baselines, n_samples=40, seed=0)
        assert game.rows == 2 * 2**3
        assert sampling[:, 0].tolist() == [0, 0]
        close((sampling.sum(1),), (x.prod(1) - baselines.prod(1),))

    @pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
    def test_inputs_equal_to_their_baselines(self, name: str):
        x = torch.tensor([[1.0, 2], [3.0, 4]])
        with pytest.warns(PellucidWarning, match="baselines are equal to the inputs") as caught:
            values = getattr(attr, name)(lambda x: x.prod(1)).attribute(x, x.clone())
        assert len(caught) == 1
        assert values.tolist() == [[0, 0], [0, 0]]
        with pytest.warns(PellucidWarning) as caught:
            values = getattr(attr, name)(lambda x: x[:, :, None] * x[:, None, :]).attribute(x, x.clone())
        assert len(caught) == 1
        assert values.shape == (2, 2, 2, 2)
        assert not values.any()

    @pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
    def test_the_bar_ends_full(self, name: str, capsys: pytest.CaptureFixture[str]):
        getattr(attr, name)(lambda x: x.prod(1)).attribute(torch.ones(2, 4), show_progress=True)
        assert "100%" in capsys.readouterr().err


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()


X = torch.randn(4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
SHAPLEY = {
    "exact": lambda model, x, **more: attr.ShapleyValues(model).attribute(x, **more),
    "sampled": lambda model, x, **more: attr.ShapleyValueSampling(model).attribute(x, n_samples=6, seed=1, **more),
}
on_each = pytest.mark.parametrize("shapley", SHAPLEY.values(), ids=SHAPLEY)


@on_each
class TestIndependence:
    def test_of_blocks(self, shapley: Any, monkeypatch: pytest.MonkeyPatch):
        expected = shapley(network(), X)
        for most in (1, 1000, 5000):
            monkeypatch.setitem(BLOCK_BYTES, "cpu", most)
            close((shapley(network(), X),), (expected,))

    @pytest.mark.parametrize("most", [1, 2, 3, 7, 1000])
    def test_of_perturbations_per_eval(self, shapley: Any, most: int):
        game = Counted(network())
        close((shapley(game, X, target=1, perturbations_per_eval=most),), (shapley(network(), X, target=1),))
        assert max(map(len, game.seen)) <= most * len(X)

    def test_of_batch_mates(self, shapley: Any):
        baselines, mask = (
            X.flip(0) / 2,
            torch.tensor([[0, 1, 2, 2, 3], [3, 2, 1, 0, 4], [0, 0, 1, 1, 1], [4, 4, 1, 0, 1]]),
        )
        together = shapley(network(), X, baselines=baselines, target=[0, 1, 2, 0], feature_mask=mask)
        for example in range(4):
            some = slice(example, example + 1)
            extended = torch.cat([mask[some], torch.tensor([[0, 1, 2, 3, 4]])])
            alone = shapley(
                network(),
                X[[example, 0]],
                baselines=baselines[[example, 0]],
                target=[[0, 1, 2, 0][example], 0],
                feature_mask=extended,
            )
            close((alone[:1],), (together[some],))

    def test_of_features_that_do_not_play(self, shapley: Any):
        """An example whose feature equals its baseline does not change what a seed gives to the others."""
        baselines = torch.zeros_like(X)
        baselines[0, 2] = X[0, 2]
        close((shapley(network(), X[:1], baselines=baselines[:1]),), (shapley(network(), X, baselines=baselines)[:1],))

    def test_of_the_form_of_a_mask(self, shapley: Any):
        expected = shapley(network(), X)
        close((shapley(network(), X, feature_mask=torch.arange(5)),), (expected,))
        close((shapley(network(), X, feature_mask=torch.arange(5).expand(4, 5)),), (expected,))


class TestSeeds:
    def call(self, **more: Any) -> Tensor:
        return attr.ShapleyValueSampling(network()).attribute(X, target=0, n_samples=3, **more)

    def test_the_same_seed_gives_the_same(self):
        before = random_state()
        one, again, other = self.call(seed=5), self.call(seed=5), self.call(seed=6)
        assert random_state() == before
        assert torch.equal(one, again)
        assert not torch.equal(one, other)

    def test_generators(self):
        before = random_state()
        generator = torch.Generator().manual_seed(5)
        one, other = self.call(generator=generator), self.call(generator=generator)
        again = self.call(generator=torch.Generator().manual_seed(5))
        assert random_state() == before
        assert torch.equal(one, again)
        assert not torch.equal(one, other)

    def test_global_seeds(self):
        torch.manual_seed(3)
        one, other = self.call(), self.call()
        torch.manual_seed(3)
        assert torch.equal(self.call(), one)
        assert not torch.equal(one, other)

    def test_both(self):
        with pytest.raises(InvalidArgument, match="seed and generator exclude each other"):
            self.call(seed=1, generator=torch.Generator())

    def test_numpy_integers(self):
        before = random_state()
        assert torch.equal(self.call(seed=np.int64(5)), self.call(seed=5))
        assert random_state() == before

    @pytest.mark.parametrize("seed", [3.5, "a", [1, 2, 3]])
    def test_what_is_no_seed(self, seed: Any):
        with pytest.raises(InvalidArgument, match="seed"):
            self.call(seed=seed)

    def test_exact_values_draw_nothing(self):
        before = random_state()
        attr.ShapleyValues(network()).attribute(X)
        assert random_state() == before


class Channels(nn.Module):
    """A picture, two channels of it, a neuron for each example, and something after it that must not matter."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.hidden, self.head = nn.Conv2d(1, 3, 2), nn.Linear(12, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.hidden(self.features(x).relu().flatten(1))))


@pytest.mark.parametrize("method", [methods.ShapleyValues(), methods.ShapleyValueSampling(n_samples=50, seed=0)])
def test_from_the_channels_of_a_layer_to_a_neuron(method: Any):
    torch.manual_seed(0)
    model = Channels().double()
    x = torch.randn(2, 1, 3, 3, dtype=torch.float64)
    problem = Problem(model, x, source=Layer("features"), target=Neuron(Layer("hidden"), 3))
    values = method(problem, feature_mask=torch.tensor([0, 1, 2]).view(1, 3, 1, 1)).values[0]
    assert values.shape == (2, 3, 2, 2)
    features = model.features(x)
    # A sum over channels behind the ReLU: each is worth what it adds, whoever is there.
    each = torch.einsum("bchw,chw->bc", features.relu(), model.hidden.weight[3].view(3, 2, 2))
    close((values,), (each[:, :, None, None].expand(2, 3, 2, 2).detach(),))


class Failing(nn.Module):
    """It fails in its third call."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.calls = nn.Linear(5, 1), itertools.count(1)

    def forward(self, x: Tensor) -> Tensor:
        if next(self.calls) == 3:
            raise RuntimeError("out of order")
        return self.inside(x)


@pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
class TestAsFound:
    @pytest.mark.parametrize("training", [False, True])
    def test_the_model_and_the_arguments(self, name: str, training: bool):
        model, x, baselines = network().train(training), X.clone().requires_grad_(), torch.rand(1, 5).requires_grad_()
        mask, more = torch.tensor([[0, 1, 1, 2, 0]]), {} if name == "ShapleyValues" else {"seed": 1}
        with as_found(model, x, baselines, mask):
            values = getattr(attr, name)(model).attribute(x, baselines, 0, feature_mask=mask, **more)
        assert not values.requires_grad

    def test_after_an_exception(self, name: str):
        model, x = Failing(), torch.randn(2, 5).requires_grad_()
        with as_found(model, x), pytest.raises(RuntimeError, match="out of order"):
            getattr(attr, name)(model).attribute(x, perturbations_per_eval=1)

    def test_a_model_that_writes_into_its_input(self, name: str):
        x = X.clone()
        values = getattr(attr, name)(lambda x: x.mul_(2).sum(1)).attribute(x)
        close((values, x), (2 * X, X))

    def test_no_gradients_wherever_they_come_from(self, name: str):
        with torch.enable_grad():
            getattr(attr, name)(Counted(lambda x: x.sum(1))).attribute(X.clone().requires_grad_())


@pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
class TestNaN:
    def test_of_a_baseline_does_not_reach_other_examples(self, name: str):
        baselines = torch.zeros_like(X)
        baselines[2, 1] = math.nan
        with pytest.warns(PellucidWarning, match=r"carried in by baselines \(examples \[2\]\)"):
            values = getattr(attr, name)(lambda x: x.prod(1)).attribute(X, baselines)
        expected = getattr(attr, name)(lambda x: x.prod(1)).attribute(X)
        assert values[[0, 1, 3]].isfinite().all()
        close((values[[0, 1, 3]].sum(1),), (expected[[0, 1, 3]].sum(1),))

    def test_that_the_model_takes_care_of(self, name: str):
        values = getattr(attr, name)(lambda x: x.nan_to_num(7.0).sum(1)).attribute(X, math.nan)
        close((values,), (X - 7,))


class TestRefused:
    @pytest.mark.parametrize("features", [26, 40])
    def test_too_many_features_for_exact_values(self, features: int):
        game = Counted(lambda x: x.sum(1))
        with pytest.raises(InvalidArgument, match=f"at most 25 features.*got {features}.*Hint: .*ShapleyValueSampling"):
            attr.ShapleyValues(game).attribute(torch.ones(1, features))
        assert game.rows == 0

    def test_many_features_of_which_few_play(self):
        x = torch.zeros(1, 40)
        x[0, [3, 30]] = torch.tensor([2.0, 5.0])
        assert torch.equal(attr.ShapleyValues(lambda x: x.sum(1)).attribute(x), x)

    @pytest.mark.parametrize("samples", [0, -1])
    def test_no_samples(self, samples: int):
        with pytest.raises(InvalidArgument, match="n_samples must be an integer of at least 1"):
            attr.ShapleyValueSampling(lambda x: x.sum(1)).attribute(torch.ones(1, 3), n_samples=samples)

    def test_a_part_of_a_sample(self):
        with pytest.raises(TypeError, match="n_samples must be an integer"):
            attr.ShapleyValueSampling(lambda x: x.sum(1)).attribute(torch.ones(1, 3), n_samples=1.5)

    @pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
    def test_no_perturbations_per_eval(self, name: str):
        with pytest.raises(InvalidArgument, match="perturbations_per_eval"):
            getattr(attr, name)(lambda x: x.sum(1)).attribute(torch.ones(1, 3), perturbations_per_eval=0)

    @pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
    @pytest.mark.parametrize(
        "mask",
        [torch.tensor([[0, -1, 2]]), torch.tensor([[0.0, 1, 2]]), torch.zeros(1, 4).long(), (torch.arange(3),) * 2],
        ids=["negative", "floating", "other shape", "one too many"],
    )
    def test_masks(self, name: str, mask: Any):
        with pytest.raises(InvalidArgument, match="feature_mask must"):
            getattr(attr, name)(lambda x: x.sum(1)).attribute(torch.ones(1, 3), feature_mask=mask)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
def test_the_outputs_dtype_is_kept(name: str, dtype: torch.dtype):
    values = getattr(attr, name)(lambda x: x.sum(1)).attribute(torch.tensor([[1.0, 2, 4]], dtype=dtype))
    atol = 8 * 7 * torch.finfo(torch.float64).eps  # sums are float64: of eight coalitions, worth 7 at most
    expected = torch.tensor([[1.0, 2, 4]], dtype=dtype)
    torch.testing.assert_close(values, expected, rtol=torch.finfo(dtype).eps, atol=atol)


def test_half_precision_sums_many_coalitions():
    values = attr.ShapleyValues(lambda x: (2 * x.sum(1) > 17).half()).attribute(torch.ones(1, 17))
    assert values.dtype == torch.float16
    torch.testing.assert_close(values, torch.full((1, 17), 1 / 17).half(), rtol=1e-3, atol=0)


class TestErrors:
    """Errors say which call it was, and what to do."""

    @pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
    def test_outputs_of_other_sizes(self, name: str):
        calls = itertools.count(1)
        with pytest.raises(InvalidArgument, match=f"{name}: forward_func must return outputs of one size.*inputs: "):
            getattr(attr, name)(lambda x: x[:, : next(calls)]).attribute(X, perturbations_per_eval=1)

    @pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
    def test_outputs_that_are_no_tensors(self, name: str):
        with pytest.raises(InvalidArgument, match=f"{name}: forward_func must return a tensor: got NoneType. Hint"):
            getattr(attr, name)(lambda x: None).attribute(X)

    @pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
    def test_targets_beyond_the_output(self, name: str):
        with pytest.raises(IndexError, match=f"{name}: target"):
            getattr(attr, name)(network()).attribute(X, target=3)

    @pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
    def test_baselines_that_do_not_fit(self, name: str):
        with pytest.raises(InvalidArgument, match=f"{name}: baselines must broadcast to inputs"):
            getattr(attr, name)(network()).attribute(X, torch.ones(3, 5))

    def test_the_numbers_of_features_are_too_high_to_draw_their_orders(self):
        with pytest.raises(InvalidArgument, match=r"feature_mask must number features.*Hint: number them from zero"):
            attr.ShapleyValueSampling(network()).attribute(X, feature_mask=torch.tensor([[0, 1, 2, 3, 2**41]]))
        mask = torch.tensor([[0, 1, 2, 3, 2**41]])
        close((attr.ShapleyValues(network()).attribute(X, feature_mask=mask),), (SHAPLEY["exact"](network(), X),))

    @on_each
    def test_forwards_that_run_out_of_memory_are_halved(self, shapley: Any):
        def small(x: Tensor) -> Tensor:
            if len(x) > 5:
                raise torch.OutOfMemoryError("too large")
            return x.prod(1)

        close((shapley(small, X),), (shapley(lambda x: x.prod(1), X),))
