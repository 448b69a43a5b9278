import numpy as np
import pytest
import torch
from torch import Tensor

from laws.state import random_state
from pellucid.core.random_streams import (
    RandomSource,
    Seed,
    add_gaussian_noise,
    random_source,
    resolve_seed,
    sample_baselines,
    stdev_per_input,
)

X = torch.zeros(5, 2, 3)


def ids(examples: int) -> Tensor:
    return torch.arange(examples)[:, None]


def all_draws(draws: RandomSource, examples: int = 5, samples: int = 4) -> list[Tensor]:
    return [
        draws.normal(X[:examples], samples, 0.5, 0),
        draws.choice(7, examples, samples, 0),
        draws.uniform(examples, samples),
    ]


def draw(seed: Seed = None, generator: torch.Generator | None = None, examples: int = 5) -> list[Tensor]:
    with random_source(resolve_seed(seed, generator), ids(examples)) as draws:
        return all_draws(draws, examples)


def equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(map(torch.equal, one, other))


@pytest.mark.parametrize("seed", [None, 0], ids=["global", "streams"])
def test_draws_have_their_shapes_dtypes_and_ranges(seed: int | None):
    normal, choice, uniform = draw(seed)
    assert (normal.shape, normal.dtype) == ((5, 4, 2, 3), torch.float32)
    assert (choice.shape, choice.dtype) == ((5, 4), torch.int64)
    assert (uniform.shape, uniform.dtype) == ((5, 4), torch.float64)
    assert 0 <= choice.min() <= choice.max() < 7
    assert 0 <= uniform.min() <= uniform.max() < 1


@pytest.mark.parametrize("seed", [None, 0], ids=["global", "streams"])
def test_draws_are_distributed_as_they_should_be(seed: int | None):
    torch.manual_seed(0)
    np.random.seed(0)
    count = 20_000
    with random_source(seed, ids(1)) as draws:
        normal = draws.normal(torch.zeros(1), count, 0.5, 0)
        choice, uniform = draws.choice(7, 1, count, 0), draws.uniform(1, count)
    assert normal.mean().item() == pytest.approx(0, abs=0.015)
    assert normal.std().item() == pytest.approx(0.5, rel=0.02)
    assert (
        choice.bincount(minlength=7) if choice.ndim == 1 else choice[0].bincount(minlength=7)
    ).min() > 0.9 * count / 7
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.01)
    assert uniform.var().item() == pytest.approx(1 / 12, rel=0.03)


def test_every_example_has_its_own_stream():
    alone, among_others = draw(seed=3, examples=2), draw(seed=3, examples=5)
    assert equal(alone, [each[:2] for each in among_others])
    for each in among_others:
        assert not torch.equal(each[0], each[1])


def test_every_variable_has_its_own_stream_which_goes_on():
    with random_source(3, ids(5)) as draws:
        whole, other = draws.normal(X, 6, 1, 0), draws.normal(X, 6, 1, 1)
    with random_source(3, ids(5)) as draws:
        first = draws.normal(X, 4, 1, 0)
        draws.choice(7, 5, 3, 0)
        draws.uniform(5, 3)
        draws.normal(X, 1, 1, 1)
        second = draws.normal(X, 2, 1, 0)
    assert torch.equal(torch.cat([first, second], 1), whole)
    assert not torch.equal(other, whole)


def test_one_seed_for_each_example_goes_with_the_example():
    seeds = [5, -5, 2**70, 0, 7]
    forwards, backwards = draw(seeds), draw(seeds[::-1])
    assert equal(forwards, [each.flip(0) for each in backwards])
    assert all(len(each.flatten(1).unique(dim=0)) == 5 for each in forwards)


def test_seeds_of_any_sign_and_size_differ():
    results = [draw(seed) for seed in (0, 1, -1, 2**40, 2**80)]
    assert not any(equal(one, other) for i, one in enumerate(results) for other in results[:i])
    assert equal(draw(-1), results[2])


def test_a_generator_gives_the_seed_and_moves_on():
    generator = torch.Generator().manual_seed(1)
    first, second = draw(generator=generator), draw(generator=generator)
    assert equal(first, draw(generator=torch.Generator().manual_seed(1)))
    assert not equal(first, second)


def test_streams_leave_the_global_generators_alone():
    before = random_state()
    draw(seed=0)
    draw(generator=torch.Generator())
    assert random_state() == before


def test_an_exception_puts_numpy_s_generator_back():
    before = random_state()

    def fail() -> None:
        with random_source(None, ids(5)) as draws:
            draws.choice(7, 5, 4, 0)
            draws.uniform(5, 4)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert random_state() == before


def test_noise_is_added_in_the_dtype_of_the_inputs():
    x = (torch.ones(5, 2, dtype=torch.float16), torch.ones(5, 3, dtype=torch.int64))
    with random_source(0, ids(5)) as draws:
        halves, floats = add_gaussian_noise(x, draws, 4, (0.25, 0.0))
    assert (halves.shape, halves.dtype) == ((5, 4, 2), torch.float16)
    assert 0 < (halves - 1).abs().max() < 1.5
    assert (floats.shape, floats.dtype, floats.unique().tolist()) == ((5, 4, 3), torch.float32, [1.0])


def test_baselines_are_drawn_row_by_row():
    distribution = torch.arange(6.0).reshape(3, 2)
    with random_source(0, ids(5)) as draws:
        drawn, number = sample_baselines((distribution, 0.5), (torch.zeros(5, 2), torch.zeros(5, 3)), draws, 5, 40)
    assert drawn.shape == (5, 40, 2)
    assert {tuple(row) for row in drawn.reshape(-1, 2).tolist()} == {(0, 1), (2, 3), (4, 5)}
    assert number == 0.5


def test_one_spread_for_all_inputs_or_one_for_each():
    assert stdev_per_input(0.5, 2) == (0.5, 0.5)
    assert stdev_per_input((0.5, 0.1), 2) == (0.5, 0.1)
