"""What Banzhaf and Owen values and interactions must be: axioms, known games, no evaluation that is not needed."""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from laws.counting import Counted
from laws.registry import close
from pellucid import methods
from pellucid.errors import InvalidArgument, PellucidWarning, WrongType
from pellucid.methods import Problem
from pellucid.methods.shapley.interactions import walecki_paths
from zoo.games import model_of_game, numbers, random_table

pytestmark = pytest.mark.usefixtures("without_row_checks")

quickly = settings(max_examples=12, deadline=None, derandomize=True)
random_games = given(players=st.integers(1, 6), seed=st.integers(0, 999))
Model = Callable[[Tensor], Tensor]


def path_of(model: Model, players: int) -> Problem:
    return Problem(model, torch.ones(1, players, dtype=torch.float64))


def pairs(players: int) -> Tensor:
    """Two players a group."""
    return torch.arange(players)[None] // 2


def banzhaf(model: Model, players: int) -> Tensor:
    return methods.BanzhafValues()(path_of(model, players)).values[0][0]


def owen(model: Model, players: int) -> Tensor:
    return methods.OwenValues(groups=pairs(players))(path_of(model, players)).values[0][0]


def owen_sampled(model: Model, players: int) -> Tensor:
    return methods.OwenValueSampling(groups=pairs(players), n_samples=4, seed=1)(path_of(model, players)).values[0][0]


def interactions(model: Model, players: int, index: Any = "k-SII") -> Tensor:
    return methods.ShapleyInteractions(index=index)(path_of(model, players)).values[0]


def banzhaf_sampled(model: Model, players: int) -> Tensor:
    return methods.BanzhafValueSampling(n_samples=9, seed=1)(path_of(model, players)).values[0][0]


def some(*values: Callable[..., Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("values", values, ids=lambda each: each.__name__)


sii = functools.wraps(interactions)(functools.partial(interactions, index="SII"))


class TestAxioms:
    @some(owen, owen_sampled)
    @quickly
    @random_games
    def test_efficiency(self, values: Any, players: int, seed: int):
        table = random_table(players, seed)
        close((values(model_of_game(table), players).sum(),), (table[-1] - table[0],))

    @quickly
    @random_games
    def test_features_and_pairs_add_up(self, players: int, seed: int):
        table = random_table(players, seed)
        close((interactions(model_of_game(table), players).triu().sum(),), (table[-1] - table[0],))

    @quickly
    @given(players=st.integers(2, 6), seed=st.integers(0, 999))
    def test_two_that_become_one_are_worth_what_both_are_in_banzhaf_values(self, players: int, seed: int):
        model = model_of_game(random_table(players, seed))
        apart, mask = banzhaf(model, players), torch.arange(players)[None].clamp(min=1)
        joined = methods.BanzhafValues()(path_of(model, players), feature_mask=mask).values[0][0]
        close((joined[0],), (apart[:2].sum(),))

    @some(banzhaf, owen, owen_sampled, interactions, sii)
    @quickly
    @random_games
    def test_who_never_adds_anything_gets_nothing(self, values: Any, players: int, seed: int):
        table, dummy = random_table(players, seed), seed % players
        found = values(model_of_game(table[torch.arange(2**players) & ~(1 << dummy)]), players)
        assert found[dummy].abs().max() < 1e-13  # 64 coalitions, each worth 4 or so, and rounded

    @some(banzhaf, owen, interactions, sii)
    @quickly
    @given(players=st.integers(2, 6), seed=st.integers(0, 999))
    def test_two_that_add_the_same_get_the_same(self, values: Any, players: int, seed: int):
        """In Owen values those of one group, which the first two are."""
        table, every = random_table(players, seed), torch.arange(2**players)
        swapped = (every & ~3) | (every & 1) << 1 | every >> 1 & 1
        order = [1, 0, *range(2, players)]
        alike = values(model_of_game(table + table[swapped]), players)
        close((alike[order] if alike.ndim == 1 else alike[order][:, order],), (alike,))

    @some(banzhaf, banzhaf_sampled, owen, owen_sampled, interactions, sii)
    @quickly
    @given(players=st.integers(1, 6), seeds=st.tuples(st.integers(0, 99), st.integers(100, 199)))
    def test_linearity(self, values: Any, players: int, seeds: tuple[int, int]):
        one, other = (random_table(players, seed) for seed in seeds)
        apart = 2 * values(model_of_game(one), players) - 3 * values(model_of_game(other), players)
        close((values(model_of_game(2 * one - 3 * other), players),), (apart,), atol=1e-10)


class TestOwen:
    @quickly
    @random_games
    def test_one_group_and_each_its_own_are_shapley_values(self, players: int, seed: int):
        problem = path_of(model_of_game(random_table(players, seed)), players)
        expected = methods.ShapleyValues()(problem).values
        for groups in (torch.zeros(1, players).long(), torch.arange(players)[None] * 3, None):
            close(methods.OwenValues(groups=groups)(problem).values, expected)

    @quickly
    @random_games
    def test_a_group_is_worth_what_it_is_as_one_feature(self, players: int, seed: int):
        problem = path_of(model_of_game(random_table(players, seed)), players)
        groups = torch.arange(players)[None] % 3
        worth = methods.OwenValues(groups=groups)(problem).values[0]
        totals = torch.zeros(1, 3, dtype=torch.float64).scatter_add(1, groups, worth).gather(1, groups)
        close((totals,), methods.ShapleyValues()(problem, feature_mask=groups).values)

    def test_only_coalitions_that_break_up_one_group_are_evaluated_each_once(self):
        model = Counted(model_of_game(random_table(6, 0)))
        seen: list[Tensor] = []
        methods.OwenValues(groups=torch.tensor([[0, 1, 1, 2, 2, 2]]))(
            path_of(lambda x: seen.append(numbers(x)) or model(x), 6)
        )
        codes = torch.cat(seen).tolist()
        assert len(codes) == len(set(codes)) == 2**3 + 4 * (2**2 - 2) + 4 * (2**3 - 2)

    def test_more_features_than_exact_shapley_values_could_have(self):
        weights = torch.linspace(-1, 2, 32, dtype=torch.float64)
        found = methods.OwenValues(groups=torch.arange(32)[None] // 4)(path_of(lambda x: (x @ weights) ** 2, 32))
        close(found.values, (weights[None] * weights.sum(),))

    def test_samples_approach_the_values(self):
        problem = path_of(model_of_game(random_table(5, 3)), 5)
        groups = torch.tensor([[0, 0, 1, 1, 1]])
        sampled = methods.OwenValueSampling(groups=groups, n_samples=4000, seed=0)(problem).values[0]
        off = (sampled - methods.OwenValues(groups=groups)(problem).values[0]).abs().max()
        assert 0 < off < 0.08

    @pytest.mark.parametrize("make", [methods.OwenValues, methods.OwenValueSampling])
    @pytest.mark.parametrize(
        ("groups", "says"),
        [
            (torch.tensor([[0, 1, 1, 1]]), "one group: got several for feature 5"),
            (torch.zeros(1, 3).long(), r"groups must broadcast to inputs: expected \(2, 4\), got \(1, 3\)"),
            (torch.zeros(1, 4), "groups must hold integers"),
            (torch.tensor([[0, 0, -1, 1]]), "groups must hold natural numbers: got -1"),
            ((torch.zeros(1, 4).long(),) * 2, "groups must have one entry for each input: expected 1, got 2"),
        ],
    )
    def test_groups_that_do_not_fit(self, make: Any, groups: Any, says: str):
        model = Counted(lambda x: x.sum(1))
        with pytest.raises(InvalidArgument, match=f"{make.__name__}: .*{says}"):
            make(groups=groups)(Problem(model, torch.ones(2, 4)), feature_mask=torch.tensor([[5, 5, 6, 7]]))
        assert not model.rows

    def test_a_group_of_each_example_tears_features(self):
        groups = torch.tensor([[0, 0, 1], [0, 1, 1]])
        with pytest.raises(InvalidArgument, match="one group: got several for feature 1"):
            methods.OwenValues(groups=groups)(Problem(lambda x: x.sum(1), torch.ones(2, 3)))

    @pytest.mark.parametrize(
        ("groups", "says"),
        [
            (torch.zeros(1, 30).long(), "1 groups of up to 30 features"),
            (torch.arange(30)[None], "30 groups of up to 1 features"),
            (torch.arange(150)[None] // 10, "15 groups of up to 10 features"),
            (torch.arange(100_000)[None], "100000 groups of up to 1 features"),
        ],
    )
    def test_too_many_coalitions(self, groups: Tensor, says: str):
        model = Counted(lambda x: x.sum(1))
        with pytest.raises(InvalidArgument, match=rf"groups must leave at most 2\^25 .*{says}. Hint: .*OwenValueSampl"):
            methods.OwenValues(groups=groups)(Problem(model, torch.ones(1, groups.shape[1])))
        assert not model.rows


class TestBanzhaf:
    def test_majority(self):
        """Of five, each is decisive in 6 of 16 coalitions of the others."""
        close((banzhaf(lambda x: (2 * x.sum(1) > 5).double(), 5),), (torch.full((5,), 6 / 16, dtype=torch.float64),))

    def test_samples_approach_the_values(self):
        problem = path_of(model_of_game(random_table(5, 3)), 5)
        sampled = methods.BanzhafValueSampling(n_samples=20_000, seed=0)(problem).values[0]
        off = (sampled - methods.BanzhafValues()(problem).values[0]).abs().max()
        assert 0 < off < 0.05

    @pytest.mark.parametrize("samples", [2, 3, 6])
    def test_samples_have_no_bias(self, samples: int):
        problem = path_of(model_of_game(random_table(3, 3)), 3)
        drawn = [methods.BanzhafValueSampling(n_samples=samples, seed=seed)(problem).values[0] for seed in range(600)]
        found, expected = torch.cat(drawn), methods.BanzhafValues()(problem).values[0][0]
        assert ((found.mean(0) - expected) / (found.std(0) / 600**0.5)).abs().max() < 3.5

    def test_few_samples_are_of_every_feature_though_it_may_not_play(self):
        x = torch.ones(1, 400, dtype=torch.float64)
        x[0, :50] = 0
        values = methods.BanzhafValueSampling(n_samples=2, seed=0)(Problem(lambda x: x.sum(1), x)).values[0]
        assert values.isfinite().all()
        assert not values[0, :50].any()

    def test_who_plays_does_not_change_what_others_are_worth(self):
        x = torch.ones(2, 4, dtype=torch.float64)
        x[0, 2] = 0
        method = methods.BanzhafValueSampling(n_samples=7, seed=0)
        both = method(Problem(lambda x: x.prod(1) + x[:, 0], x)).values[0]
        alone = method(Problem(lambda x: x.prod(1) + x[:, 0], x[:1])).values[0]
        close((alone[:, [0, 1, 3]],), (both[:1, [0, 1, 3]],))

    @pytest.mark.parametrize(("samples", "error"), [(1, InvalidArgument), (0, InvalidArgument), (2.5, WrongType)])
    def test_too_few_samples(self, samples: Any, error: type[Exception]):
        with pytest.raises(error, match=r"^BanzhafValueSampling: n_samples must be an integer of at least 2: got "):
            methods.BanzhafValueSampling(n_samples=samples)(path_of(lambda x: x.sum(1), 3))


def sampled_interactions(model: Model, players: int, samples: int, seed: int, index: Any = "k-SII") -> Any:
    return methods.ShapleyInteractionSampling(n_samples=samples, index=index, seed=seed)(path_of(model, players))


def test_who_makes_no_difference_in_an_example_has_no_banzhaf_value_there_whoever_plays_elsewhere():
    torch.manual_seed(0)
    weights, x = torch.randn(6, 4).double(), torch.randn(2, 6).double()
    x[0, 3] = 0

    def model(x: Tensor) -> Tensor:
        return (x @ weights).tanh().prod(1)

    both, alone = (methods.BanzhafValueSampling(n_samples=60, seed=0)(Problem(model, some)) for some in (x, x[:1]))
    close((both.values[0][:1],), (alone.values[0],))
    close((both.stderr[0][:1],), (alone.stderr[0],))
    assert both.values[0][0, 3] == both.stderr[0][0, 3] == 0


class TestSampledInteractions:
    @pytest.mark.parametrize("players", range(2, 10))
    def test_every_two_are_neighbours_equally_often(self, players: int):
        orders = walecki_paths(players)
        assert (orders.sort(1).values == torch.arange(players)).all()
        beside = torch.zeros(players, players, dtype=torch.int64)
        for order in orders.tolist():
            for one, other in itertools.pairwise(order):
                beside[one, other] += 1
                beside[other, one] += 1
        assert (beside[~torch.eye(players, dtype=torch.bool)] == (2 if players % 2 else 1)).all()

    @quickly
    @given(players=st.integers(1, 6), seed=st.integers(0, 999))
    def test_of_games_of_pairs_are_exact(self, players: int, seed: int):
        """Where no three players do anything together, every order tells the same of two."""
        generator = torch.Generator().manual_seed(seed)
        weights = torch.randn(players, players, generator=generator, dtype=torch.float64)

        def game(x: Tensor) -> Tensor:
            return ((x @ weights) * x).sum(1)

        found = sampled_interactions(game, players, 1, seed, "SII").values[0]
        exact = interactions(game, players, "SII")
        apart = ~torch.eye(players, dtype=torch.bool)
        close((found[apart],), (exact[apart],), atol=1e-12)

    @pytest.mark.parametrize("index", ["k-SII", "SII"])
    @pytest.mark.parametrize("players", [2, 5, 6])
    def test_come_close_and_their_errors_say_how_close(self, players: int, index: str):
        game = model_of_game(random_table(players, 3))
        exact = interactions(game, players, index)
        found = [sampled_interactions(game, players, 20 * players, seed, index) for seed in range(100)]
        values, errors = (torch.stack([getattr(each, of)[0] for each in found]) for of in ("values", "stderr"))
        spread = values.std(0)
        assert ((values.mean(0) - exact).abs() <= 5 * spread / 10 + 1e-12).all()
        close((errors.square().mean(0).sqrt(),), (spread,), rtol=0.3, atol=1e-12)

    def test_add_up(self):
        table = random_table(5, 0)
        found = sampled_interactions(model_of_game(table), 5, 1, 0).values[0]
        total = found.diagonal().sum() + found.triu(1).sum()
        close((total,), (table[-1] - table[0],))
        close((found,), (found.mT,))

    def test_go_on_until_they_are_exact_enough(self):
        method = methods.ShapleyInteractionSampling(n_samples="auto", tolerance=0.05, seed=0)
        torch.manual_seed(0)
        weights = torch.randn(6, dtype=torch.float64)
        x = torch.ones(3, 6).double() * torch.tensor([[0.0], [0.5], [1.0]]).double()
        problem = Problem(lambda x: (x @ weights).exp(), x)
        found, exact = method(problem), methods.ShapleyInteractions()(problem)
        assert found.converged.all()
        assert found.n_evaluations[0] < found.n_evaluations[-1]
        assert 1.96 * found.stderr.max() <= 0.05
        assert (found.values - exact.values).abs().max() <= 0.1

    def test_of_nobody_and_of_features_at_their_baselines(self):
        with pytest.warns(PellucidWarning, match="baselines are equal to the inputs"):
            found = methods.ShapleyInteractionSampling()(Problem(lambda x: x.sum(1), torch.zeros(2, 3)))
        assert not found.values.any()
        x = torch.tensor([[2.0, 0.0, 3.0]])
        found = methods.ShapleyInteractionSampling(seed=0)(Problem(lambda x: (x + 1).prod(1), x))
        assert found.values[0, [0, 1, 0], [2, 1, 1]].tolist() == [6, 0, 0]
        assert not found.values[0, 1].any()


class TestInteractions:
    def test_are_of_the_features_of_a_mask(self):
        x = torch.tensor([[2.0, 3, 4, 5], [1, 2, 0, 1]], dtype=torch.float64)
        mask = torch.tensor([[9, 4, 4, 6]])
        found = methods.ShapleyInteractions()(Problem(lambda x: x[:, 0] * (x[:, 1] + x[:, 2]), x), feature_mask=mask)
        assert found.features.tolist() == [4, 6, 9]
        expected = torch.zeros(2, 3, 3, dtype=torch.float64)
        expected[:, 0, 2] = expected[:, 2, 0] = torch.tensor([14.0, 2])
        close((found.values,), (expected,))

    def test_are_in_the_order_of_the_numbers(self):
        x = torch.tensor([[2.0, 3]]), torch.tensor([[5.0]])
        masks = torch.tensor([[3, 8]]), torch.tensor([[1]])
        found = methods.ShapleyInteractions()(Problem(lambda x, y: x[:, 0] * y[:, 0] + x[:, 1], x), feature_mask=masks)
        assert found.features.tolist() == [1, 3, 8]
        close((found.values,), (torch.tensor([[[0.0, 10, 0], [10, 0, 0], [0, 0, 3]]]),))

    def test_are_symmetric_to_the_last_bit(self):
        values = interactions(model_of_game(random_table(6, 0)), 6)
        assert torch.equal(values, values.T)

    def test_of_several_outputs(self):
        x = torch.rand(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        weights = torch.rand(4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        found = methods.ShapleyInteractions()(Problem(lambda x: (x @ weights).exp(), x)).values
        assert found.shape == (3, 5, 4, 4)
        for output in range(5):
            one = methods.ShapleyInteractions()(Problem(lambda x: (x @ weights).exp(), x, target=output)).values
            close((found[:, output],), (one,))

    def test_of_who_does_not_play_are_zero(self):
        x = torch.tensor([[0.0, 2, 0, 3, 5]], dtype=torch.float64)
        found = methods.ShapleyInteractions(index="SII")(Problem(lambda x: x.sum(1) ** 2, x)).values[0]
        assert not found[[0, 2]].any()
        close((found[[1, 3, 4]][:, [1, 3, 4]],), (torch.tensor([[20.0, 12, 20], [12, 30, 30], [20, 30, 50]]).double(),))

    def test_of_nobody(self):
        with pytest.warns(PellucidWarning, match="baselines are equal"):
            found = methods.ShapleyInteractions()(Problem(lambda x: x.sum(1), torch.zeros(2, 3)))
        assert found.values.shape == (2, 3, 3)
        assert not found.values.any()

    def test_of_one_value_for_the_batch(self):
        x = torch.tensor([[1.0, 2], [3, 4]], dtype=torch.float64)
        found = methods.ShapleyInteractions()(Problem(lambda x: x[:, 0] @ x[:, 1], x)).values
        close((found,), (torch.tensor([[[0.0, 14], [14, 0]]]).double(),))

    def test_nan_is_warned_of(self):
        with pytest.warns(PellucidWarning, match="NaN, made by the model"):
            methods.ShapleyInteractions()(path_of(lambda x: x.sum(1).log() * torch.nan, 3))

    @pytest.mark.parametrize(
        ("given", "says"), [({"order": 3}, "order must be 2.*got 3"), ({"index": "STII"}, "index must be .*got 'STII'")]
    )
    def test_others_are_refused(self, given: dict[str, Any], says: str):
        with pytest.raises(InvalidArgument, match=says):
            methods.ShapleyInteractions(**given)(path_of(lambda x: x.sum(1), 3))

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
    def test_the_output_s_dtype_is_kept(self, dtype: torch.dtype):
        found = methods.ShapleyInteractions()(Problem(lambda x: x.prod(1), torch.ones(1, 2, dtype=dtype)))
        assert found.values.dtype == dtype


@pytest.mark.parametrize("make", [methods.BanzhafValues, methods.ShapleyInteractions])
def test_too_many_features(make: Any):
    model = Counted(lambda x: x.sum(1))
    with pytest.raises(InvalidArgument, match=r"feature_mask must leave at most 25 features.*got 26\. Hint"):
        make()(Problem(model, torch.ones(1, 26)))
    assert not model.rows
