"""Layers whose tensors lie as Captum does not expect. Each docstring is a line of `docs/differences.md`."""

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from beside_captum.different.compare import assert_answered, both
from beside_captum.same.compare import assert_close, on_captum, on_pellucid, value_of
from beside_captum.same.layers import LAYER_METHODS, at_layer
from zoo.architectures import Example, example
from zoo.layered import layered

ONE = layered("perceptron")
Pair = namedtuple("Pair", "used other")


class Wrapped(nn.Module):
    """A model whose layer `inside` returns a tensor, wrapped."""

    def __init__(self, wrap: Callable[[Tensor], Any], unwrap: Callable[[Any], Tensor]) -> None:
        super().__init__()

        class Inside(nn.Module):
            def forward(self, x: Tensor) -> Any:
                return wrap(x)

        self.inside, self.head, self.unwrap = Inside(), ONE.model, unwrap

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.unwrap(self.inside(x.sin())))


def wrapped(wrap: Callable[[Tensor], Any], unwrap: Callable[[Any], Tensor]) -> Example:
    """Four examples of such a model."""
    return Example(Wrapped(wrap, unwrap), ONE.given, {"target": 1})


BARE = wrapped(lambda x: x, lambda x: x)


NESTED = {
    "a dict": (lambda x: {"used": x}, lambda d: d["used"], lambda found: found["used"]),
    "a tuple with None": (lambda x: (x, None), lambda pair: pair[0], lambda found: found[0]),
    "a tuple with a number": (lambda x: (2, x), lambda pair: pair[1], lambda found: found[1]),
    "a tuple in a tuple": (lambda x: ((x,), None), lambda nested: nested[0][0], lambda found: found[0][0]),
}


@pytest.mark.parametrize("form", NESTED)
@pytest.mark.parametrize("method", LAYER_METHODS)
def test_layers_that_return_dicts_none_or_nested_tuples(method: str, form: str):
    """Layers that return dicts, None, numbers, nested tuples: Captum raises; attributions lie as the tensors do."""
    wrap, unwrap, used = NESTED[form]
    expected = {"LayerActivation": AttributeError, "LayerIntegratedGradients": AttributeError}
    call = at_layer(method, wrapped(wrap, unwrap), "inside")
    assert_answered(
        lambda attr: used(call(attr)), expected.get(method, AssertionError), at_layer(method, BARE, "inside")
    )


def test_what_has_no_attribution_is_none():
    """What is no floating-point tensor in such a structure has no attribution: None, in its place."""
    case = wrapped(lambda x: {"used": x, "mask": torch.ones(len(x)).bool(), "size": 3}, lambda d: d["used"])
    found = value_of(on_pellucid(at_layer("LayerGradientXActivation", case, "inside")))
    assert found.keys() == {"used", "mask", "size"}
    assert (found["mask"], found["size"]) == (None, None)
    everything = value_of(on_pellucid(at_layer("LayerActivation", case, "inside")))
    assert everything["mask"].all()
    assert everything["size"] == 3


@pytest.mark.parametrize("method", ["LayerActivation", "LayerGradientXActivation", "InternalInfluence"])
def test_layers_that_return_lists_and_named_tuples(method: str):
    """Layers that return lists or named tuples: Captum returns tuples; what the layer returns."""
    for wrap, kind in ((lambda x: [x.sin(), x.cos()], list), (lambda x: Pair(x.sin(), x.cos()), Pair)):
        captums, ours = both(at_layer(method, wrapped(wrap, lambda pair: pair[0] * pair[1]), "inside"))
        assert type(captums) is tuple
        assert type(ours) is kind
        assert_close(tuple(ours), captums)


@pytest.mark.parametrize("method", LAYER_METHODS)
def test_recurrent_layers(method: str):
    """`nn.LSTM` as layer: Captum raises; its outputs and states get their attributions."""
    case = example("recurrent")
    assert on_captum(at_layer(method, case, "cells")).error is not None
    outputs, (hidden, cell) = value_of(on_pellucid(at_layer(method, case, "cells")))
    assert (outputs.shape, hidden.shape, cell.shape) == ((4, 5, 5), (1, 4, 5), (1, 4, 5))
    if method != "LayerActivation":
        # The model reads the last output only, as the layer after it does.
        assert_close(outputs[:, -1], _through_head(method, case))
        assert not outputs[:, :-1].any()
        assert not hidden.any()


def _through_head(method: str, case: Example) -> Tensor:
    """The attributions of what the last layer takes."""
    return value_of(on_captum(at_layer(method, case, "head", of_input=True)))


class Sequences(nn.Module):
    """Sequences, batch first, seen by the layer `inside` with time or with the batch first, or all in one row."""

    def __init__(self, layout: str) -> None:
        super().__init__()
        self.layout, self.inside, self.head = layout, nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        if self.layout == "time first":
            return self.head(self.inside(x.transpose(0, 1)).tanh().sum(0))
        if self.layout == "in one row":
            return self.head(self.inside(x.reshape(-1, 4)).tanh().reshape(*x.shape[:2], 5).sum(1))
        return self.head(self.inside(x).tanh().sum(1))


def sequences(layout: str) -> Example:
    """Four sequences of three tokens."""
    torch.manual_seed(0)
    return Example(Sequences(layout), torch.randn(4, 3, 4), {"target": 1})


LAID_OUT = {
    "time first": lambda batch_first: batch_first.transpose(0, 1),
    "in one row": lambda batch_first: batch_first.flatten(0, 1),
}


@pytest.mark.parametrize("layout", LAID_OUT)
@pytest.mark.parametrize("method", ["LayerGradientShap", "InternalInfluence", "LayerConductance"])
def test_layers_without_the_batch_first(method: str, layout: str):
    """Layers whose tensors have another dimension first: Captum mixes steps and examples, or raises; kept apart."""
    right = LAID_OUT[layout](value_of(on_captum(at_layer(method, sequences("batch first"), "inside"))))
    call = at_layer(method, sequences(layout), "inside")
    theirs, ours = on_captum(call), value_of(on_pellucid(call))
    assert_close(ours, right)
    captum_is_right = theirs.error is None and theirs.value.shape == right.shape and torch.allclose(theirs.value, right)
    assert not captum_is_right
