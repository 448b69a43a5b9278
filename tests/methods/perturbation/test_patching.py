"""Activation patching, beside runs of the model by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods import Background, Layer, Options, Patching, Problem

GENERATOR = torch.Generator().manual_seed(0)
X, OTHER = (torch.randn(3, 4, generator=GENERATOR, dtype=torch.float64) for _ in range(2))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6), nn.GELU(), nn.Linear(6, 2)).double()


def by_hand(model: nn.Sequential, x: Tensor, other: Tensor, depth: int, units: list[int]) -> Tensor:
    """The outputs of a run on x, in which some units after `depth` modules have the values of a run on another."""
    with torch.no_grad():
        hidden, patch = model[:depth](x), model[:depth](other).expand(len(x), -1)
        hidden[:, units] = patch[:, units]
        return model[depth:](hidden)


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("other", [OTHER, OTHER[:1]], ids=["each its own", "one for all"])
def test_each_unit(depth: int, other: Tensor):
    model = network()
    found = Patching()(Problem(model, X, target=1, source=str(depth - 1)), other).values[0]
    for unit in range(found.shape[1]):
        expected = (by_hand(model, X, other, depth, [unit]) - model(X))[:, 1]
        torch.testing.assert_close(found[:, unit], expected.detach())


def test_a_whole_layer_makes_the_whole_change():
    model = network()
    layer = Layer("1", players=1)
    found = Patching(normalized=True)(Problem(model, X, source=layer), OTHER).values[0]
    torch.testing.assert_close(found, torch.ones(6, 5, dtype=torch.float64))  # two outputs of three examples
    change = Patching()(Problem(model, X, target=0, source=layer), OTHER).values[0]
    torch.testing.assert_close(change[:, 0], (model(OTHER) - model(X))[:, 0].detach())


def test_features_and_blocks():
    model, mask = network(), torch.tensor([[0, 0, 1, 1, 1]])
    options = Options(perturbations_per_eval=1)
    found = Patching()(Problem(model, X, target=0, source="0", options=options), OTHER, feature_mask=mask).values[0]
    expected = (by_hand(model, X, OTHER, 1, [2, 3, 4]) - model(X))[:, 0].detach()
    torch.testing.assert_close(found[:, 2:], expected[:, None].expand(3, 3))


def test_ids_of_another_sentence():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    ids, other = torch.randint(9, (2, 2, 4))
    found = Patching()(Problem(model, ids, target=0, source="2"), other).values[0]
    for unit in range(5):
        with torch.no_grad():
            hidden = model[:3](ids)
            hidden[:, unit] = model[:3](other)[:, unit]
            torch.testing.assert_close(found[:, unit], (model[3:](hidden) - model(ids))[:, 0])


def test_ids_themselves():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(12, 2)).double()
    ids, other = torch.randint(9, (2, 2, 4))
    found = Patching()(Problem(model, ids, target=0), other).values[0]
    for step in range(4):
        patched = ids.clone()
        patched[:, step] = other[:, step]
        torch.testing.assert_close(found[:, step], (model(patched) - model(ids))[:, 0].detach())
    shares = Patching(normalized=True)(Problem(model, ids, target=0), other).values[0]
    torch.testing.assert_close(shares, found / (model(other) - model(ids))[:, :1].detach())


def test_counterfactuals_as_a_function_of_the_inputs():
    problem = Problem(network(), X, target=0, source="1")
    turned = Patching()(problem, lambda x: x.flip(1)).values[0]
    torch.testing.assert_close(turned, Patching()(problem, X.flip(1)).values[0], rtol=0, atol=0)


def test_no_change_has_no_shares():
    problem = Problem(lambda x: x.sum(1), torch.tensor([[1.0, 2.0]]))
    with pytest.warns(PellucidWarning) as warned:
        Patching(normalized=True)(problem, torch.tensor([[2.0, 1.0]]))
    assert any("do not change the output" in str(warning.message) for warning in warned)


def test_other_inputs_must_fit():
    problem = Problem(network(), X, target=0, source="0")
    with pytest.raises(
        InvalidArgument, match=r"counterfactuals must broadcast to inputs: expected \(3, 4\), got \(3, 5\)"
    ):
        Patching()(problem, torch.zeros(3, 5))
    with pytest.raises(InvalidArgument, match="counterfactuals must be one for each example: got a Background"):
        Patching()(problem, Background(OTHER))
