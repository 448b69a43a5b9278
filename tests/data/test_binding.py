"""How models are called: names that are also pellucid's own, and keywords that complete a call."""

from __future__ import annotations

import torch
from torch import nn

from pellucid import attr

X, Y = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([[2.0, 0.5], [1.0, 1.0]])


def test_any_names():
    def product(inputs, model, *, arguments=1.0, keywords=1.0):
        return (inputs * model * arguments * keywords).sum(1)

    more = {"keywords": 3.0, "arguments": Y}
    found = attr.InputXGradient(product).attribute({"inputs": X, "model": Y}, additional_forward_kwargs=more)
    torch.testing.assert_close((found["inputs"], found["model"]), (3 * X * Y * Y,) * 2)


def test_keywords_that_the_model_needs():
    def product(x, y, *, scale):
        return (x * y).sum(1) * scale

    expected = attr.InputXGradient(lambda x, y: product(x, y, scale=2.0)).attribute((X, Y))
    for inputs in ({"x": X, "y": Y}, [X, Y]):
        found = attr.InputXGradient(product).attribute(inputs, additional_forward_kwargs={"scale": 2.0})
        torch.testing.assert_close(tuple(found.values() if isinstance(found, dict) else found), expected)
    alone = attr.InputXGradient(product).attribute({"x": X}, additional_forward_kwargs={"y": Y, "scale": 2.0})
    torch.testing.assert_close(alone["x"], expected[0])


class OfADict(nn.Module):
    def forward(self, batch):
        return (batch["x"] * batch["y"]).sum(1)


def test_compiled_modules_are_called_as_what_they_are_of():
    found = attr.FeatureAblation(torch.compile(OfADict(), backend="eager")).attribute({"x": X, "y": Y})
    torch.testing.assert_close((found["x"], found["y"]), (X * Y, X * Y))


class Cache:
    """What models add to in a forward, as to the cache of a language model."""

    def __init__(self):
        self.values: list[torch.Tensor] = []

    def get_seq_length(self) -> int:
        return len(self.values)


def test_no_forward_adds_to_a_users_cache():
    def model(x, past_key_values):
        past_key_values.values.append(x.detach())
        return x.sum(1) * past_key_values.get_seq_length()

    cache = Cache()
    for explainer in (attr.IntegratedGradients, attr.FeatureAblation):
        found = explainer(model).attribute({"x": X, "past_key_values": cache}, internal_batch_size=2)
        torch.testing.assert_close(found["x"], X)
    assert cache.get_seq_length() == 0
