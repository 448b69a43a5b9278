import gc

import pytest
import torch
from torch import Tensor, nn

from pellucid.core.model import facts as facts
from pellucid.core.model import forward_kind as kinds
from pellucid.core.model.call_counts import CallCounts
from pellucid.core.model.facts import facts_of

LAYER, OTHER = nn.ReLU(), nn.ReLU()


def forward(x: Tensor) -> Tensor:
    return x


def memory(*arguments, modes: bytes = b"\0", function=forward) -> CallCounts:
    return CallCounts.of(function, arguments, modes)


def test_what_nobody_has_counted_is_not_known():
    assert memory(torch.ones(9, 9)).get(LAYER) is None


def test_a_count_is_remembered_for_its_module():
    memory(torch.ones(2, 3)).remember(LAYER, 4)
    assert memory(torch.zeros(2, 3)).get(LAYER) == 4
    assert memory(torch.zeros(2, 3)).get(OTHER) is None
    assert memory(torch.ones(2, 3)).remember(LAYER, 5)
    assert memory(torch.ones(2, 3)).get(LAYER) == 5
    assert not memory(torch.ones(2, 3)).remember(LAYER, 5)


BASE = {"arguments": (torch.ones(2, 3), 1, "a"), "modes": b"\0"}
OTHERS = {
    "shape": {"arguments": (torch.ones(3, 3), 1, "a")},
    "dtype": {"arguments": (torch.ones(2, 3, dtype=torch.float64), 1, "a")},
    "number": {"arguments": (torch.ones(2, 3), 2, "a")},
    "word": {"arguments": (torch.ones(2, 3), 1, "b")},
    "more": {"arguments": (torch.ones(2, 3), 1, "a", None)},
    "type": {"arguments": (torch.ones(2, 3), object(), "a")},
    "modes": {"modes": b"\1"},
    "function": {"function": lambda x: x},
    "method": {"function": LAYER.forward},
}


@pytest.mark.parametrize("what", OTHERS)
def test_forwards_of_another_kind_are_told_apart(what: str):
    def kind(given: dict) -> CallCounts:
        return memory(*given["arguments"], modes=given["modes"], function=given.get("function", forward))

    kind(BASE).remember(LAYER, 7)
    assert kind(BASE | OTHERS[what]).get(LAYER) is None
    assert kind(BASE).get(LAYER) == 7


def test_methods_of_one_object_are_told_apart():
    memory(1, function=LAYER.forward).remember(OTHER, 2)
    assert memory(1, function=LAYER.forward).get(OTHER) == 2
    assert memory(1, function=LAYER.extra_repr).get(OTHER) is None
    assert memory(1, function=LAYER).get(OTHER) is None
    assert memory(1, function=LAYER.forward, modes=b"\1").get(OTHER) is None


@pytest.mark.parametrize("function", [len, torch.sin, {}.get], ids=["built-in", "torch's", "of a dict"])
def test_a_function_that_cannot_be_remembered_is_counted_again(function):
    known = memory(1, function=function)
    known.remember(LAYER, 3)
    assert known.get(LAYER) in (None, 3)


class Unhashable:
    __hash__ = None

    def __call__(self, x: Tensor) -> Tensor:
        return x


class WithoutReferences:
    __slots__ = ()

    def __call__(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize("function", [Unhashable(), WithoutReferences()], ids=["no hash", "no references"])
def test_an_object_that_cannot_be_remembered_is_counted_again(function):
    known = memory(1, function=function)
    known.remember(LAYER, 3)
    assert known.get(LAYER) is None


def test_forgotten_with_its_function_and_with_its_module():
    gc.collect()  # what other tests have left
    before = len(facts._FACTS)
    function, layer = (lambda x: x), nn.ReLU()
    known = memory(1, function=function)
    known.remember(layer, 1)
    assert len(facts._FACTS) == before + 1
    assert len(facts_of(function).calls) == 1
    del layer
    gc.collect()
    assert len(facts_of(function).calls) == 0
    del known, function
    gc.collect()
    assert len(facts._FACTS) == before


def test_a_memory_is_bounded():
    layer = nn.ReLU()
    for size in range(3 * kinds.MAX_KINDS):
        memory(torch.ones(size)).remember(layer, 1)
        assert memory(torch.ones(size)).get(layer) == 1
    assert sum(map(len, facts_of(forward).calls[layer].known.values())) <= kinds.MAX_KINDS


def test_a_count_that_is_another_for_a_batch_of_another_size_casts_doubt():
    layer = nn.ReLU()
    small, large = memory(torch.ones(2, 3)), memory(torch.ones(9, 3))
    assert not small.remember(layer, 1)
    assert not large.remember(layer, 2)
    assert small.get(layer) is None  # it is counted once more
    assert large.get(layer) == 2
    assert small.remember(layer, 2)  # and was wrong
    assert (small.get(layer), large.get(layer)) == (2, None)


def test_counts_that_depend_on_the_size_of_the_batch_are_doubted_once():
    layer = nn.ReLU()
    for size in (2, 9, 2, 30, 31):
        assert not memory(torch.ones(size, 3)).remember(layer, size // 2)
    for size in (2, 9, 30, 31):
        assert memory(torch.ones(size, 3)).get(layer) == size // 2
    assert memory(torch.ones(2, 3)).remember(layer, 7)
