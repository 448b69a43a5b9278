"""Attributions of features that a mask has joined, once for each."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid import attr
from pellucid.errors import InvalidArgument
from pellucid.methods import per_feature

X = torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(1))
MASK = torch.tensor([[[2, 0, 0, 1], [1, 1, 2, 0]]])
EACH = torch.tensor([[[0, 1, 1, 2], [0, 0, 0, 0]], [[1, 1, 1, 1], [2, 2, 2, 2]], [[0, 0, 0, 0], [0, 0, 0, 0]]])


def by_hand(found: Tensor, mask: Tensor) -> Tensor:
    """The values of elements looked up one by one."""
    columns = found.reshape(len(X), -1, *X.shape[1:])
    every, masks = mask.unique().tolist(), mask.expand_as(X)
    values = torch.zeros(len(X), columns.shape[1], len(every), dtype=found.dtype)
    for row, output, place in torch.cartesian_prod(*map(torch.arange, columns.shape[:2]), torch.arange(8)).tolist():
        values[row, output, every.index(masks[row].flatten()[place])] = columns[row, output].flatten()[place]
    return values


def one(x: Tensor) -> Tensor:
    return (x.flatten(1) * torch.arange(8.0)).sum(1) ** 2


def three(x: Tensor) -> Tensor:
    return torch.stack([one(x), one(x**2), one(x + 1)], dim=1)


@pytest.mark.parametrize("mask", [MASK, EACH], ids=["for all", "for each"])
@pytest.mark.parametrize("method", [attr.ShapleyValues, attr.FeatureAblation, attr.KernelShap])
def test_every_feature_has_its_value_once(method: Any, mask: Tensor):
    found = method(one).attribute(X, feature_mask=mask)
    values = per_feature(found, mask)
    assert values.shape == (3, 3)
    assert torch.equal(values, by_hand(found, mask)[:, 0])
    if method is attr.ShapleyValues:
        torch.testing.assert_close(values.sum(1), one(X) - one(X * 0))


def test_numbers_that_no_feature_has_are_left_out():
    found = attr.ShapleyValues(one).attribute(X, feature_mask=MASK)
    assert torch.equal(per_feature(found, 3 * MASK + 2), per_feature(found, MASK))


@pytest.mark.parametrize("mask", [MASK, EACH], ids=["for all", "for each"])
def test_of_several_outputs(mask: Tensor):
    found = attr.ShapleyValues(three).attribute(X, feature_mask=mask)
    assert found.shape == (3, 3, 2, 4)
    values = per_feature(found, mask)
    assert torch.equal(values, by_hand(found, mask))
    torch.testing.assert_close(values.sum(2), three(X) - three(X * 0))


def test_of_a_mask_that_broadcasts():
    mask = torch.tensor([[[0, 0, 1, 1]]])
    found = attr.ShapleyValues(one).attribute(X, feature_mask=mask)
    assert torch.equal(per_feature(found, mask), found[:, 0, ::2])


def test_of_two_inputs_that_share_a_feature():
    masks = torch.tensor([[[0, 0, 0, 0], [1, 1, 1, 1]]]), torch.tensor([[1, 2]])
    two = X, torch.rand(3, 2)
    found = attr.ShapleyValues(lambda x, y: one(x) * y[:, 0] + y[:, 1]).attribute(two, feature_mask=masks)
    values = per_feature(found, masks)
    assert torch.equal(values, torch.stack([found[0][:, 0, 0], found[1][:, 0], found[1][:, 1]], dim=1))


def test_gradients_pass_through():
    found = torch.rand(3, 2, 4).requires_grad_()
    per_feature(found, MASK).sum().backward()
    assert found.grad is not None
    assert found.grad.sum() == 3 * 3


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (torch.zeros(1, 2, 3).long(), "feature_mask must broadcast to inputs"),
        (torch.zeros(1, 1, 2, 4).long(), "feature_mask must broadcast to inputs"),
        (torch.zeros(4).long(), "feature_mask must broadcast to inputs"),
        (torch.zeros(1, 2, 4), "feature_mask must hold integers"),
        ((MASK, MASK), "expected 1, got 2"),
        (None, "feature_mask must be a tensor or a tuple of tensors: got NoneType"),
    ],
)
def test_a_mask_that_does_not_fit(mask: Any, says: str):
    with pytest.raises(InvalidArgument, match=says):
        per_feature(X, mask)
