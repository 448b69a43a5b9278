"""The same seed gives the same result, and with `seed=` the global generators are not touched."""

import random

import numpy as np
import torch

from laws.registry import Case, cases
from laws.state import random_state
from zoo.specimens import Tensors

stochastic = cases(lambda case: case.method.stochastic, quick=2)


def same(one: Tensors, other: Tensors) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def apart(one: Tensors, other: Tensors) -> bool:
    """Further than roundings, a billion times smaller, take them."""
    return any((a - b).abs().max() > 1e-6 * a.abs().max() for a, b in zip(one, other, strict=True))


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@stochastic
def test_global_seeds(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    results = []
    for seed in (1, 1, 2):
        seed_everything(seed)
        results.append(case(model, inputs))
    assert same(results[0], results[1])
    assert apart(results[0], results[2])


@stochastic
def test_one_seed(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    first, again, other, negative = (case(model, inputs, seed=seed) for seed in (4, 4, 5, -4))
    assert same(first, again)
    assert apart(first, other)
    assert apart(first, negative)


@stochastic
def test_a_generator(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    generator = torch.Generator().manual_seed(6)
    first, next_one = (case(model, inputs, generator=generator) for _ in range(2))
    again = case(model, inputs, generator=torch.Generator().manual_seed(6))
    assert same(first, again)
    assert apart(first, next_one)


@cases(quick=1)
def test_the_global_generators_are_left_alone(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    generators = [{"seed": 0}, {"generator": torch.Generator().manual_seed(0)}] if case.method.stochastic else [{}]
    for given in generators:
        before = random_state()
        case(model, inputs, **given)
        assert random_state() == before


@stochastic
def test_seeds_of_numpy_and_torch_are_seeds(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(2)
    results = [case(model, inputs, seed=seed) for seed in (5, np.int64(5), torch.tensor(5))]
    assert same(results[0], results[1])
    assert same(results[0], results[2])


@cases(lambda case: case.method.stochastic and not case.method.mixes and not case.method.shared, quick=2)
def test_one_seed_for_each_example_goes_with_the_example(case: Case):
    model, inputs, seeds = case.specimen.model(), case.specimen.inputs(4), [7, -1, 0, 7]
    given = case.arguments(inputs)
    others = case(model, tuple(x[:1].expand_as(x) for x in inputs), **given, seed=seeds)
    alone = case(model, tuple(x[:1] for x in inputs), **case.arguments(tuple(x[:1] for x in inputs)), seed=[7])
    for each, one in zip(others, alone, strict=True):
        torch.testing.assert_close(each[:1], one)
