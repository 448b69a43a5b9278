"""Inputs of any structure: the numbers of a wrapper that people write by hand, in the structure they came in.

Rows 3 and 21 of what users met elsewhere.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.errors import InvalidArgument, NotDifferentiable
from pellucid.methods import Lasso

GENERATOR = torch.Generator().manual_seed(0)
B = 3
DENSE, OTHER = torch.randn(B, 4, generator=GENERATOR), torch.randn(B, 2, generator=GENERATOR)
GROUP = torch.tensor([[0], [1], [1]])


@dataclass
class Batch:
    dense: Tensor
    other: Tensor
    group: Tensor
    scale: float = 2.0


Pair = namedtuple("Pair", "dense other group scale")


class Net(nn.Module):
    """A model of a dense and another input, ids of groups and a number."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.groups = nn.Linear(4, 5), nn.Linear(2, 5), nn.Embedding(2, 5)
        self.last = nn.Linear(5, 3)

    def forward(self, dense, other, group, scale=1.0, shift=None):
        hidden = torch.tanh(self.first(dense) + self.second(other) + self.groups(group)[:, 0]) * scale
        return self.last(hidden) + (0 if shift is None else shift)


class OfOne(nn.Module):
    """The same, of one argument that holds all."""

    def __init__(self, read: Callable[[Any], dict[str, Any]]):
        super().__init__()
        self.net, self.read = Net(), read

    def forward(self, batch):
        return self.net(**self.read(batch))


CLASSES: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "Saliency": lambda model: attr.Saliency(model).attribute,
    "InputXGradient": lambda model: attr.InputXGradient(model).attribute,
    "IntegratedGradients": lambda model: attr.IntegratedGradients(model).attribute,
    "DeepLift": lambda model: attr.DeepLift(model).attribute,
    "LRP": lambda model: attr.LRP(model).attribute,
    "GuidedBackprop": lambda model: attr.GuidedBackprop(model).attribute,
    "NoiseTunnel": lambda model: lambda *a, **k: attr.NoiseTunnel(attr.Saliency(model)).attribute(*a, seed=0, **k),
    "FeatureAblation": lambda model: attr.FeatureAblation(model).attribute,
    "ShapleyValueSampling": lambda model: lambda *a, **k: attr.ShapleyValueSampling(model).attribute(*a, seed=0, **k),
    "KernelShap": lambda model: lambda *a, **k: attr.KernelShap(model).attribute(*a, seed=0, **k),
    "Lime": lambda model: lambda *a, **k: attr.Lime(model, Lasso(alpha=1e-3)).attribute(*a, seed=0, **k),
}
every_class = pytest.mark.parametrize("explain", CLASSES.values(), ids=CLASSES)


def tensors() -> dict[str, Any]:
    return {"dense": DENSE, "other": OTHER, "group": GROUP, "scale": 2.0}


STRUCTURES: dict[str, tuple[Callable[[], Any], Any, Callable[[Any], Any]]] = {
    "keywords": (Net, tensors(), lambda found: [found[name] for name in ("dense", "other", "group", "scale")]),
    "a dict": (
        lambda: OfOne(lambda batch: batch),
        tensors(),
        lambda found: [found[name] for name in ("dense", "other", "group", "scale")],
    ),
    "arguments that are no tensors": (Net, (DENSE, OTHER, GROUP, 2.0), list),
    "a list": (lambda: OfOne(lambda batch: dict(zip(tensors(), batch, strict=True))), [DENSE, OTHER, GROUP, 2.0], list),
    "a list of arguments": (Net, [DENSE, OTHER, GROUP, 2.0], list),
    "a named tuple": (lambda: OfOne(lambda batch: batch._asdict()), Pair(DENSE, OTHER, GROUP, 2.0), list),
    "a dataclass": (
        lambda: OfOne(vars),
        Batch(DENSE, OTHER, GROUP),
        lambda found: [found.dense, found.other, found.group, found.scale],
    ),
    "nested": (
        lambda: OfOne(lambda batch: {"dense": batch["x"][0], "other": batch["x"][1], **batch["rest"]}),
        {"x": (DENSE, OTHER), "rest": {"group": GROUP, "scale": 2.0}},
        lambda found: [*found["x"], *found["rest"].values()],
    ),
}


@every_class
@pytest.mark.parametrize("structure", STRUCTURES)
def test_structures(explain: Any, structure: str):
    make, inputs, parts = STRUCTURES[structure]
    found = explain(make())(inputs, target=1)
    assert type(found) is type(inputs)
    dense, other, *rest = parts(found)
    assert rest == [None, None]
    expected = explain(Net())((DENSE, OTHER), target=1, additional_forward_args=(GROUP, 2.0))
    torch.testing.assert_close((dense, other), expected, rtol=1e-5, atol=1e-6)


def test_layers_and_neurons():
    found = attr.LayerConductance(Net(), "last").attribute(tensors(), target=1)
    expected = attr.LayerConductance(Net(), "last").attribute(
        (DENSE, OTHER), target=1, additional_forward_args=(GROUP, 2.0)
    )
    torch.testing.assert_close(found, expected)
    neuron = attr.NeuronGradient(Net(), "last").attribute(tensors(), 2)
    expected = attr.NeuronGradient(Net(), "last").attribute((DENSE, OTHER), 2, additional_forward_args=(GROUP, 2.0))
    torch.testing.assert_close((neuron["dense"], neuron["other"]), expected)


@pytest.mark.parametrize("name", ["IntegratedGradients", "DeepLift", "FeatureAblation", "ShapleyValueSampling", "Lime"])
def test_baselines_come_in_the_same_structure(name: str):
    explain, of_other = CLASSES[name](Net()), OTHER.mean(0, keepdim=True)
    found = explain(tensors(), baselines={"dense": 0.5, "other": of_other}, target=1)
    expected = explain((DENSE, OTHER), baselines=(0.5, of_other), target=1, additional_forward_args=(GROUP, 2.0))
    torch.testing.assert_close((found["dense"], found["other"]), expected, rtol=1e-5, atol=1e-6)


def test_masks_and_deltas():
    mask = {"dense": torch.tensor([[0, 0, 1, 1]]), "other": torch.tensor([[1, 2]])}
    found = attr.FeatureAblation(Net()).attribute(tensors(), target=0, feature_mask=mask)
    expected = attr.FeatureAblation(Net()).attribute(
        (DENSE, OTHER), target=0, feature_mask=tuple(mask.values()), additional_forward_args=(GROUP, 2.0)
    )
    torch.testing.assert_close((found["dense"], found["other"]), expected)
    values, delta = attr.IntegratedGradients(Net()).attribute(tensors(), target=0, return_convergence_delta=True)
    assert values.keys() == tensors().keys()
    assert delta.shape == (B,)


def test_keywords_beside_inputs():
    net, shift = Net(), torch.randn(B, 3, generator=torch.Generator().manual_seed(1))
    more = {"scale": 2.0, "shift": shift}
    found = attr.ShapleyValues(net).attribute(
        (DENSE, OTHER), target=1, additional_forward_args=(GROUP,), additional_forward_kwargs=more
    )
    expected = attr.ShapleyValues(net).attribute((DENSE, OTHER), target=1, additional_forward_args=(GROUP, 2.0, shift))
    torch.testing.assert_close(found, expected)


def test_keywords_beside_a_mapping():
    net, keywords = Net(), {"group": GROUP, "scale": 2.0}
    inputs = {"dense": DENSE, "other": OTHER}
    found = attr.ShapleyValues(net).attribute(inputs, target=1, additional_forward_kwargs=keywords)
    expected = attr.ShapleyValues(net).attribute((DENSE, OTHER), target=1, additional_forward_args=(GROUP, 2.0))
    torch.testing.assert_close((found["dense"], found["other"]), expected)


def test_further_arguments_tell_one_list_from_several_arguments():
    def of_list(values: list[Tensor], gain: float) -> Tensor:
        return (values[0] * values[1]).sum(1) * gain

    def of_two(one: Tensor, two: Tensor, gain: float) -> Tensor:
        return of_list([one, two], gain)

    expected = [2.0 * DENSE.flip(0), 2.0 * DENSE]
    for model in (of_list, of_two):
        for more in ({"additional_forward_args": (2.0,)}, {"additional_forward_kwargs": {"gain": 2.0}}):
            found = attr.Saliency(model).attribute([DENSE, DENSE.flip(0)], abs=False, **more)
            torch.testing.assert_close(found, expected)


def test_removal_instead_of_baselines():
    def removed(x: Any, absent: Any) -> Any:
        return tuple(value.masked_fill(gone, 0.3) for value, gone in zip(x, absent, strict=True))

    found = attr.FeatureAblation(Net()).attribute(tensors(), target=1, removal=removed)
    expected = attr.FeatureAblation(Net()).attribute(
        (DENSE, OTHER), target=1, removal=removed, additional_forward_args=(GROUP, 2.0)
    )
    torch.testing.assert_close((found["dense"], found["other"]), expected)


def test_tensors_whose_first_dimension_is_not_the_batchs_pass_through():
    weights = torch.randn(7, 4)

    def model(x, table, nothing):
        assert table.shape == (7, 4)
        assert nothing is None
        return (x @ table.T).sum(1)

    found = attr.IntegratedGradients(model).attribute({"x": DENSE, "table": weights, "nothing": None})
    torch.testing.assert_close(found["x"], DENSE * weights.sum(0))
    assert found["table"] is found["nothing"] is None


def test_an_input_without_examples_is_whole_in_every_forward():
    def one(x):
        assert x.shape == (4,)
        return torch.stack([x.sum(), (x**2).sum()])

    x = DENSE[0]
    for explainer in (attr.IntegratedGradients, attr.FeatureAblation, attr.ShapleyValues, attr.DeepLift):
        found = explainer(one).attribute(x, target=1, batch_dim=None)
        torch.testing.assert_close(found, x**2, rtol=1e-3, atol=1e-4)

    edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])

    def graph(nodes, weights, edges):
        hidden = nodes.index_add(0, edges[1], nodes[edges[0]] * weights[:, None])
        return torch.tanh(hidden).sum(0)

    nodes, weights = torch.randn(4, 3), torch.rand(4)
    inputs = {"nodes": nodes, "weights": weights, "edges": edges}
    found = attr.IntegratedGradients(graph).attribute(
        inputs, target=0, batch_dim={"nodes": None, "weights": None, "edges": None}, n_steps=300
    )
    assert found["nodes"].shape == (4, 3)
    assert found["weights"].shape == (4,)
    total = found["nodes"].sum() + found["weights"].sum()
    torch.testing.assert_close(
        total, graph(**inputs)[0] - graph(nodes * 0, weights * 0, edges)[0], rtol=1e-3, atol=1e-4
    )


def test_arrays_and_lists_of_numbers():
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    expected = attr.IntegratedGradients(net).attribute(DENSE, target=1)
    found = attr.IntegratedGradients(net).attribute(DENSE.double().numpy(), target=1)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    torch.testing.assert_close(attr.IntegratedGradients(net).attribute(DENSE.tolist(), target=1), expected)
    both = attr.Saliency(lambda x, y: net(x) + net(y)).attribute((DENSE.numpy(), DENSE), target=0)
    assert [type(value) for value in both] == [np.ndarray, Tensor]


def test_outputs_of_any_structure():
    net = nn.Linear(4, 3)
    expected = attr.Saliency(net).attribute(DENSE, target=1, abs=False)
    models = {
        "tuple": lambda x: (net(x),),
        "loss first": lambda x: (net(x).sum(), net(x)),
        "dict": lambda x: {"loss": net(x).sum(), "logits": net(x)},
        "list": lambda x: [net(x), x],
        "named": lambda x: {"anything": net(x)},
    }
    for model in models.values():
        torch.testing.assert_close(attr.Saliency(model).attribute(DENSE, target=1, abs=False), expected)
        by_games = attr.FeatureAblation(model).attribute(DENSE, target=1)
        torch.testing.assert_close(by_games, attr.FeatureAblation(net).attribute(DENSE, target=1))
    chosen = attr.Saliency(lambda x: {"a": x, "b": net(x)}).attribute(DENSE, target=1, abs=False, output_selector="b")
    torch.testing.assert_close(chosen, expected)
    by_number = attr.Saliency(lambda x: (x, net(x))).attribute(DENSE, target=1, abs=False, output_selector=1)
    torch.testing.assert_close(by_number, expected)
    function = attr.Saliency(lambda x: (x, net(x))).attribute(
        DENSE, target=1, abs=False, output_selector=lambda y: y[1]
    )
    torch.testing.assert_close(function, expected)
    distribution = attr.Saliency(lambda x: torch.distributions.Bernoulli(logits=net(x))).attribute(DENSE, 1, False)
    torch.testing.assert_close(distribution, expected)


def test_arrays_out_of_a_model_in_games():
    weight = np.arange(8.0).reshape(4, 2)
    found = attr.ShapleyValues(lambda x: x.numpy() @ weight).attribute(DENSE.double(), target=1)
    torch.testing.assert_close(found, DENSE.double() * torch.from_numpy(weight[:, 1]))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a": "text"}, "inputs must hold at least one tensor: got dict"),
        ({}, "inputs must hold at least one tensor: got dict"),
        ([[1.0, 2.0], [1.0]], "inputs must be lists of one length: got ragged ones"),
        (np.array(["a"]), "inputs must hold numbers: got an array of <U1"),
        ("a sentence", "inputs must be tensors: got text. Hint: tokenizer="),
        (["one", "two"], "inputs must be tensors: got text. Hint: tokenizer="),
    ],
)
def test_bad_input(inputs: Any, message: str):
    with pytest.raises(InvalidArgument, match=message):
        attr.Saliency(nn.Linear(2, 2)).attribute(inputs, target=0)


def test_bad_selectors_and_dimensions():
    with pytest.raises(InvalidArgument, match="output_selector must be one of 'a', 'b': got 'c'"):
        attr.Saliency(lambda x: {"a": x, "b": x}).attribute(DENSE, target=0, output_selector="c")
    with pytest.raises(InvalidArgument, match=r"Hint: choose one of 'a', 'b' .* or output_selector='a'"):
        attr.Saliency(lambda x: {"a": x, "b": x}).attribute(DENSE, target=0)
    with pytest.raises(InvalidArgument, match="batch_dim must be 0 or None: got 1"):
        attr.Saliency(nn.Linear(4, 2)).attribute(DENSE, target=0, batch_dim=1)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        attr.Saliency(nn.Linear(4, 2)).attribute(DENSE, target=0, output_select="b")


def test_estimators():
    linear_model = pytest.importorskip("sklearn.linear_model")
    x = DENSE.double().numpy()
    estimator = linear_model.LogisticRegression().fit(x, [0, 1, 1])
    found = attr.ShapleyValues(estimator).attribute(x, target=1)
    expected = attr.ShapleyValues(lambda x: torch.from_numpy(estimator.predict_proba(x.numpy()))).attribute(
        torch.from_numpy(x), target=1
    )
    np.testing.assert_allclose(found, expected)
    regression = linear_model.LinearRegression().fit(x, [0.0, 1.0, 3.0])
    ablation = attr.FeatureAblation(regression).attribute(torch.from_numpy(x))
    torch.testing.assert_close(ablation, torch.from_numpy(x * regression.coef_))
    with pytest.raises(
        NotDifferentiable, match=r"predicts without gradients: got LogisticRegression. Hint: KernelShap"
    ):
        attr.IntegratedGradients(estimator).attribute(x, target=1)


@pytest.mark.parametrize(
    ("inputs", "hint"),
    [
        ({"a": DENSE}, "Hint: tuple(inputs.values()), as the model has no parameters a, and is called with one dict."),
        ([DENSE, DENSE], "Hint: tuple(inputs), as the model is called with one list."),
    ],
    ids=["a dict", "a list"],
)
def test_a_model_that_does_not_take_them(inputs: Any, hint: str):
    with pytest.raises(TypeError, match="must be Tensor") as raised:
        attr.Saliency(nn.Linear(4, 2)).attribute(inputs, target=0)
    assert any(hint in note for note in raised.value.__notes__)


def test_names_of_classes_may_be_given():
    model, names = nn.Linear(4, 2), ["cat", "dog"]
    found = attr.Saliency(model).attribute(DENSE, target="dog", class_names=names)
    assert torch.equal(found, attr.Saliency(model).attribute(DENSE, target=1))
    with pytest.raises(InvalidArgument, match=r"'dgo'.*'dog'"):
        attr.Saliency(model).attribute(DENSE, target="dgo", class_names=names)
