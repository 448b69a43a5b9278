"""Random baselines are those of Captum for the same seed of Python's generator."""

import random
from typing import Any

import captum.attr
import pytest

import pellucid.attr

VALUES: list[Any] = [
    [["a", "b"], ["c", "d", "e"]],
    [("ab", "cd"), "xyz"],
    {"x": [1, 2], ("y", "z"): [(1, 2), (3, 4), (5, 6)], "w": ["only"]},
    {},
    [],
]


@pytest.mark.parametrize("values", VALUES, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_draws(values: Any, seed: int):
    drawn = []
    for attr in (captum.attr, pellucid.attr):
        baselines = attr.ProductBaselines(values)
        random.seed(seed)
        drawn.append(([baselines() for _ in range(5)], baselines.sample(), random.random()))
        assert baselines.dict_keys == (list(values) if isinstance(values, dict) else [])
        assert baselines.baseline_values == list(values.values() if isinstance(values, dict) else values)
    assert drawn[0] == drawn[1]


def test_the_example_that_users_know():
    random.seed(0)
    baselines = pellucid.attr.ProductBaselines([["a", "b"], ["c", "d", "e"]])
    assert [baselines() for _ in range(3)] == [["b", "d"], ["a", "d"], ["b", "d"]]


def test_parts_without_values():
    for attr in (captum.attr, pellucid.attr):
        baselines = attr.ProductBaselines([["a"], []])
        with pytest.raises(IndexError):
            baselines()
