from collections import OrderedDict
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from pellucid.core.pytree import TensorTree, map_tensors

ONE, TWO = torch.ones(2), torch.zeros(3)
IDS = torch.tensor([1, 2])


class Pair(NamedTuple):
    first: Tensor
    second: object


VALUES = {
    "a tensor": (ONE, (ONE,)),
    "a tuple": ((ONE, TWO), (ONE, TWO)),
    "a list": ([TWO, ONE], (TWO, ONE)),
    "a dict": ({"b": ONE, "a": TWO}, (ONE, TWO)),
    "an ordered dict": (OrderedDict(b=ONE, a=TWO), (ONE, TWO)),
    "a named tuple": (Pair(ONE, "word"), (ONE,)),
    "all of them": ({"deep": [(ONE, None), Pair(TWO, 3)]}, (ONE, TWO)),
    "a tuple of one": ((ONE,), (ONE,)),
    "none": (None, ()),
    "no tensor": ({"size": 3}, ()),
}
every_value = pytest.mark.parametrize("name", VALUES)


@every_value
def test_tensors_are_taken_apart_in_order(name: str):
    value, tensors = VALUES[name]
    found, _ = TensorTree.of(value)
    assert len(found) == len(tensors)
    assert all(one is other for one, other in zip(found, tensors, strict=True))


@every_value
def test_other_tensors_go_where_those_were(name: str):
    value, tensors = VALUES[name]
    found, structure = TensorTree.of(value)
    changed = structure.filled(tuple(tensor + 1 for tensor in found))
    assert type(changed) is type(value)
    again, _ = TensorTree.of(changed)
    assert [each.tolist() for each in again] == [(tensor + 1).tolist() for tensor in tensors]


def test_what_lies_beside_stays():
    _, structure = TensorTree.of({"deep": [(ONE, None), Pair(TWO, 3)], "ids": IDS})
    changed = structure.filled((TWO, ONE))
    assert changed["deep"][0][0] is TWO
    assert changed["deep"][0][1] is None
    assert changed["deep"][1] == Pair(ONE, 3)
    assert changed["ids"] is IDS


def test_a_bare_structure_has_none_beside_the_tensors():
    _, structure = TensorTree.of((ONE, IDS, "word", 3))
    assert structure.without_constants().filled((TWO,)) == (TWO, None, None, None)
    _, alone = TensorTree.of(ONE)
    assert alone.without_constants().filled((TWO,)) is TWO


def test_integers_are_chosen_only_where_wanted():
    assert TensorTree.of((ONE, IDS))[0] == (ONE,)
    assert TensorTree.of(IDS)[0] == ()
    found, structure = TensorTree.of((ONE, IDS), lambda tensor: True)
    assert len(found) == 2
    assert structure.filled((TWO, ONE)) == (TWO, ONE)


def test_a_structure_takes_neither_more_nor_fewer_tensors():
    _, structure = TensorTree.of((ONE, TWO))
    for tensors in ((ONE,), (ONE, TWO, ONE)):
        with pytest.raises(ValueError, match="zip"):
            structure.filled(tensors)


def test_a_structure_keeps_no_tensor_that_was_taken_apart():
    _, structure = TensorTree.of((ONE, TWO))
    assert structure.leaves == (None, None)


@every_value
def test_each_tensor_is_changed(name: str):
    value, tensors = VALUES[name]
    found, _ = TensorTree.of(map_tensors(value, lambda tensor: tensor + 2))
    assert [each.tolist() for each in found] == [(tensor + 2).tolist() for tensor in tensors]
