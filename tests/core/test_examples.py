from collections import OrderedDict
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from pellucid.core.examples import select_examples

ROWS = torch.tensor([2, 0, 2])
THREE = torch.tensor([10.0, 11.0, 12.0])
PICKED = [12.0, 10.0, 12.0]


class Pair(NamedTuple):
    first: Tensor
    second: object


def test_tensors_of_as_many_rows_as_examples_are_picked():
    assert select_examples(THREE, ROWS, 3).tolist() == PICKED
    assert select_examples(THREE[:, None, None], ROWS, 3).shape == (3, 1, 1)


def test_also_those_inside_tuples_lists_dicts_and_named_tuples():
    picked = select_examples((THREE, [THREE, {"key": THREE}], Pair(THREE, "word")), ROWS, 3)
    assert picked[0].tolist() == picked[1][0].tolist() == picked[1][1]["key"].tolist() == PICKED
    assert isinstance(picked[2], Pair)
    assert picked[2].first.tolist() == PICKED
    assert picked[2].second == "word"


@pytest.mark.parametrize(
    "value",
    [torch.tensor(5.0), torch.ones(4, 3), 7, 0.5, None, "abc", b"abc", {1, 2}, object(), print],
    ids=lambda value: type(value).__name__,
)
def test_everything_else_passes_as_it_is(value: object):
    assert select_examples(value, ROWS, 3) is value


def test_what_is_picked_is_a_copy():
    before = THREE.clone()
    select_examples(THREE, torch.arange(3), 3).zero_()
    assert torch.equal(THREE, before)


def test_dicts_of_every_kind_are_looked_into():
    picked = select_examples(OrderedDict(three=THREE), ROWS, 3)
    assert type(picked) is OrderedDict
    assert picked["three"].tolist() == PICKED
