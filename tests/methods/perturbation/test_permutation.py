"""Features that several tensors have are exchanged together; those that cannot be exchanged are skipped, one by one."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid import attr, methods
from pellucid.errors import PellucidWarning

ROWS = torch.arange(6.0).view(6, 1)
SHARED = (torch.tensor([[0, 1]]), torch.tensor([[0, 2]]))


def recorded(points: list[Any]) -> Any:
    """A model of two inputs that remembers which rows stand together in each forward of the batch."""

    def model(x: Tensor, y: Tensor) -> Tensor:
        points.extend(zip(x.split(6), y.split(6), strict=True))
        return (x + y).sum(1)

    return model


@pytest.mark.parametrize("size", [1, 2, None])
@pytest.mark.parametrize("seed", [None, 0])
def test_a_group_of_two_tensors_has_one_permutation(size: int | None, seed: int | None):
    points: list[Any] = []
    pair = (torch.cat([ROWS, ROWS], 1), torch.cat([ROWS, ROWS], 1) * 10)
    attr.FeaturePermutation(recorded(points)).attribute(
        pair, feature_mask=SHARED, perturbations_per_eval=size, seed=seed, whole_batch=False
    )
    together = [(x, y) for x, y in points if not torch.equal(x[:, 0], ROWS[:, 0])]
    assert len(together) == 1
    for x, y in together:
        assert torch.equal(x[:, 0] * 10, y[:, 0])
        assert torch.equal(x[:, 1], ROWS[:, 0])
    apart = [y for x, y in points if not torch.equal(y[:, 1], ROWS[:, 0] * 10)]
    assert len(apart) == 1


def total(*tensors: Tensor) -> Tensor:
    """One value for the batch, which the order of rows changes."""
    return sum(((tensor.T * torch.arange(1, len(tensor) + 1)).sum() for tensor in tensors), torch.zeros(1)).view(1)


def test_a_group_of_tensors_of_different_lengths():
    """Each length has a permutation; tensors of one length share it."""
    seen: list[tuple[Tensor, ...]] = []

    def model(*tensors: Tensor) -> Tensor:
        seen.append(tensors)
        return total(*tensors)

    mask = torch.tensor([[0]])
    attr.FeaturePermutation(model).attribute(
        (ROWS, ROWS[:4], ROWS * 10), feature_mask=(mask, mask, mask), perturbations_per_eval=1, seed=0
    )
    moved = [tensors for tensors in seen if not torch.equal(tensors[0], ROWS)]
    for first, shorter, third in moved:
        assert torch.equal(first * 10, third)
        assert not torch.equal(shorter, ROWS[:4])
        assert sorted(shorter.flatten().tolist()) == [0, 1, 2, 3]
    assert moved


ONE_ROW, NO_ROWS = torch.tensor([[3.0, 4.0]]), torch.zeros(0, 1)


def explained(inputs: tuple[Tensor, ...], masks: Any = None, **arguments: Any) -> tuple[list[Any], list[str]]:
    """Attributions, with what is told of them."""
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PellucidWarning)
        mask = masks and tuple(map(torch.tensor, masks))
        found = attr.FeaturePermutation(total).attribute(inputs, feature_mask=mask, **arguments)
    return [one.tolist() for one in found], [str(warning.message) for warning in caught]


@pytest.mark.parametrize("size", [1, 3, None])
def test_a_tensor_of_one_row_is_skipped_and_told_of(size: int | None):
    (first, second), told = explained((ROWS, ONE_ROW), perturbations_per_eval=size)
    assert first[0][0] != 0
    assert second == [[0, 0]]
    (text,) = told
    assert text == (
        "inputs[1] has one row, which has no other to be exchanged with: attributions of features [1, 2] are zero."
    )


@pytest.mark.parametrize("size", [1, 3, None])
def test_the_first_tensor_may_be_the_short_one(size: int | None):
    (first, second), told = explained((ONE_ROW, ROWS), perturbations_per_eval=size)
    assert first == [[0, 0]]
    assert second[0][0] != 0
    assert len(told) == 1
    assert told[0].startswith("inputs[0] has one row")


def test_a_group_with_a_tensor_of_one_row_is_skipped_whole():
    (first, second), told = explained((torch.cat([ROWS, ROWS], 1), ONE_ROW), ([[4, 7]], [[4, 9]]))
    assert first[0][0] == 0
    assert first[0][1] != 0
    assert second == [[0, 0]]
    assert len(told) == 1
    assert "features [4, 9]" in told[0]


def test_a_group_with_a_tensor_without_rows_is_skipped_whole():
    (first, _), told = explained((ROWS, NO_ROWS), ([[0]], [[0]]))
    assert first == [[0]]
    assert len(told) == 1
    assert told[0].startswith("inputs[1] has no rows to be exchanged: attributions of features [0] ")


def test_nothing_is_told_of_what_is_not_there():
    (first, _), told = explained((ROWS, NO_ROWS), ([[0]], [[1]]))
    assert first[0][0] != 0
    assert told == []
    (first, _), told = explained((ROWS, NO_ROWS))
    assert first[0][0] != 0
    assert told == []


def test_skipped_features_draw_nothing_and_are_not_evaluated():
    calls: list[int] = []

    def model(*tensors: Tensor) -> Tensor:
        calls.append(len(tensors[0]))
        return total(*tensors)

    torch.manual_seed(0)
    with pytest.warns(PellucidWarning, match=r"inputs\[1\] has one row"):
        found = attr.FeaturePermutation(model).attribute((ROWS, ONE_ROW), perturbations_per_eval=1, whole_batch=True)
    after = torch.get_rng_state()
    assert len(calls) == 2
    torch.manual_seed(0)
    alone = attr.FeaturePermutation(total).attribute(ROWS, perturbations_per_eval=1)
    assert torch.equal(found[0], alone)
    assert torch.equal(torch.get_rng_state(), after)


def test_a_function_of_the_users_is_not_asked_for_what_is_skipped():
    asked: list[int] = []

    def rolled(x: Tensor, mask: Tensor) -> Tensor:
        asked.append(len(x))
        return torch.where(mask, x.roll(1, 0), x)

    problem = methods.Problem(total, (ROWS, ONE_ROW))
    with pytest.warns(PellucidWarning, match=r"inputs\[1\] has one row"):
        found = methods.FeaturePermutation(perm_func=rolled)(problem)
    assert set(asked) == {6}
    assert float(found.values[0].abs().max()) > 0


def test_single_examples_are_told_of_as_before():
    with pytest.warns(PellucidWarning, match="inputs hold a single example, which has no other to be exchanged with"):
        found = attr.FeaturePermutation(total).attribute((ONE_ROW, ONE_ROW))
    assert not any(bool(one.any()) for one in found)
