"""Pixels and patches as features, beside counting squares one by one."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from pellucid.errors import InvalidArgument
from pellucid.methods import FeatureAblation, Problem
from pellucid.metrics import patches, pixels


@pytest.mark.parametrize("space", [(4, 6), (5, 7), (1, 3), (6,), (3, 4, 5)])
@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_squares_are_counted_row_by_row(space: tuple[int, ...], size: int):
    mask = patches(torch.rand(2, 3, *space), size)
    assert (mask.shape, mask.dtype) == ((1, 1, *space), torch.int64)
    squares = sorted({tuple(place // size for place in places) for places in itertools.product(*map(range, space))})
    for places in itertools.product(*map(range, space)):
        assert int(mask[0, 0][places]) == squares.index(tuple(place // size for place in places))


@pytest.mark.parametrize("make", [pixels, lambda x: patches(x, 1)])
def test_pixels_are_squares_of_one(make: Any):
    assert torch.equal(make(torch.rand(4, 3, 2, 5)), torch.arange(10).view(1, 1, 2, 5))


@pytest.mark.parametrize("size", [1, 3])
def test_elements_of_tables_are_features_whatever_the_size(size: int):
    assert torch.equal(patches(torch.rand(4, 5), size), torch.arange(5)[None])
    assert torch.equal(patches(torch.rand(4), size), torch.zeros(1, dtype=torch.int64))


def test_several_inputs_have_features_of_their_own():
    image, table, series = patches((torch.rand(2, 3, 4, 4), torch.rand(2, 3), torch.rand(2, 1, 5)), 2)
    assert image.unique().tolist() == [0, 1, 2, 3]
    assert table.tolist() == [[4, 5, 6]]
    assert series.tolist() == [[[7, 7, 8, 8, 9]]]


def test_a_missing_input_has_no_features():
    empty, table = patches((torch.rand(0, 1, 0, 4), torch.rand(2, 3)), 2)
    assert empty.numel() == 0
    assert table.tolist() == [[0, 1, 2]]


def test_methods_take_them():
    images = torch.rand(2, 3, 4, 4)
    found = FeatureAblation()(Problem(lambda x: x.sum((1, 2, 3)), images), feature_mask=patches(images, 2)).values[0]
    torch.testing.assert_close(found[:, 0, 0, 0], images[:, :, :2, :2].sum((1, 2, 3)))


@pytest.mark.parametrize("size", [0, -1, 1.5])
def test_sizes_are_counts(size: Any):
    with pytest.raises(InvalidArgument, match="size must be an integer of at least 1"):
        patches(torch.rand(1, 1, 4, 4), size)


def test_inputs_are_tensors():
    with pytest.raises(InvalidArgument, match="inputs must be a tensor"):
        pixels([[1.0]])  # type: ignore[arg-type]
