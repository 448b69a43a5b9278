"""Baselines, masks and dimensions of structures: each of its own input, or told that there is none."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.errors import InvalidArgument, NotSupported
from pellucid.methods import Background

GENERATOR = torch.Generator().manual_seed(0)
X, Y = torch.randn(3, 2, generator=GENERATOR), torch.randn(3, 2, generator=GENERATOR)
ROWS = torch.randn(5, 2, generator=GENERATOR), torch.randn(5, 2, generator=GENERATOR)
IDS = torch.tensor([[5, 6], [7, 8]])


@dataclass
class Both:
    x: Any
    y: Any


Pair = namedtuple("Pair", "x y")


def product(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum(1)


def of_both(both: Any) -> Tensor:
    return product(both.x, both.y)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(20, 4)

    def forward(self, input_ids):
        return torch.tanh(self.words(input_ids)).sum(1).prod(1)


CASES: dict[str, tuple[Any, Any, Any]] = {
    "a dataclass": (of_both, Both(X, Y), Both(0.5, None)),
    "a dict for a dataclass": (of_both, Both(X, Y), {"x": 0.5}),
    "a named tuple": (of_both, Pair(X, Y), Pair(0.5, None)),
    "a list of numbers": (product, [X, Y], [0.5, 0.0]),
    "a tuple, beside what is no tensor": (lambda x, y, more: product(x, y), (X, Y, "text"), (0.5, 0.0)),
    "nested": (lambda x: product(x["x"], x["y"]), {"x": {"x": X, "y": Y}}, {"x": {"x": 0.5}}),
}


@pytest.mark.parametrize("name", CASES)
def test_baselines_lie_as_inputs_do(name: str):
    model, inputs, baselines = CASES[name]
    found = attr.IntegratedGradients(model).attribute(inputs, baselines=baselines)
    expected = attr.IntegratedGradients(product).attribute((X, Y), baselines=(0.5, 0.0))
    while isinstance(found, dict):
        found = list(found.values()) if len(found) > 1 else found["x"]
    of_inputs = [found.x, found.y] if isinstance(found, Both) else list(found)[:2]
    torch.testing.assert_close(of_inputs, list(expected))


@pytest.mark.parametrize(
    ("inputs", "arguments", "message"),
    [
        ({"x": X, "y": Y}, {"baselines": {"z": 1.0}}, "baselines must be of the inputs 'x', 'y', or one .*: got 'z'"),
        ([X, Y], {"baselines": [1.0, 2.0, 3.0]}, "baselines must be of the inputs 0, 1, or one for all: got 2"),
        ({"x": X, "y": Y}, {"feature_mask": {"x": torch.tensor([[0, 1]])}}, r"expected feature_mask\['y'\], too"),
        ({"x": X, "y": Y}, {"batch_dim": {"z": None}}, "batch_dim must be of the inputs 'x', 'y', or one .*: got 'z'"),
        ((X, Y), {"batch_dim": (0, 0, None)}, "batch_dim must be of the inputs 0, 1, or one .*: got 2"),
    ],
)  # fmt: skip
def test_what_is_of_no_input_is_told(inputs: Any, arguments: Any, message: str):
    with pytest.raises(InvalidArgument, match=message):
        attr.FeatureAblation(product).attribute(inputs, **arguments)


@pytest.mark.parametrize("value", [0.5, "[PAD]", float("nan"), float("inf")])
def test_baselines_of_ids_are_ids(value: Any):
    with pytest.raises(InvalidArgument, match="baselines of token ids must be ids, or vectors"):
        attr.IntegratedGradients(Words()).attribute({"input_ids": IDS}, baselines={"input_ids": value})


def test_a_background_of_structures():
    explain = attr.ShapleyValues(product).attribute
    found = explain({"x": X, "y": Y}, Background(ROWS))
    torch.testing.assert_close((found["x"], found["y"]), explain((X, Y), Background(ROWS)))
    of_one = attr.ShapleyValues(lambda x: x.prod(1)).attribute
    for background in (Background(ROWS[0]), {"x": Background(ROWS[0])}):
        torch.testing.assert_close(of_one({"x": X}, background)["x"], of_one(X, Background(ROWS[0])))
    ids, words = torch.tensor([[1, 2], [3, 4], [9, 9]]), Words()
    for background in (Background(ids), {"input_ids": Background(ids)}):
        found = attr.ShapleyValues(words).attribute({"input_ids": IDS}, background)["input_ids"]
        torch.testing.assert_close(found, attr.ShapleyValues(words).attribute(IDS, Background(ids)))
        embedded = attr.GradientShap(words).attribute({"input_ids": IDS}, background, seed=0)["input_ids"]
        expected = attr.GradientShap(words).attribute({"input_ids": IDS}, {"input_ids": ids}, seed=0)["input_ids"]
        torch.testing.assert_close(embedded, expected)


def test_a_tunnel_of_inputs_without_examples():
    x = X[0]
    found = attr.NoiseTunnel(attr.Saliency(torch.sum)).attribute(x, batch_dim=None, nt_samples=3, seed=0)
    assert found.tolist() == [1.0, 1.0]


def test_inputs_with_and_without_examples_together():
    table = torch.randn(7, 2, generator=GENERATOR)

    def scores(x, table):
        return (x @ table.T).sum(1)

    inputs = {"x": X, "table": table}
    for in_order in (inputs, dict(reversed(inputs.items()))):
        found = attr.IntegratedGradients(scores).attribute(in_order, batch_dim={"table": None})
        torch.testing.assert_close(found["x"], X * table.sum(0) / 2)
        torch.testing.assert_close(found["table"], table * X.sum(0) / 2)
        for explainer in (attr.FeatureAblation(scores), attr.Lime(scores), attr.NoiseTunnel(attr.Saliency(scores))):
            with pytest.raises(NotSupported, match="batch_dim must be None for all inputs or for none"):
                explainer.attribute(in_order, batch_dim={"table": None})
