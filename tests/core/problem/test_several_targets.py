"""Several targets, contrasts and names of classes."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.errors import InvalidArgument, OutOfRange, PellucidWarning, WrongType
from pellucid.methods import (
    LRP,
    Contrast,
    FeatureAblation,
    KernelShap,
    Neuron,
    NeuronConductance,
    Options,
    Problem,
    Saliency,
    Session,
    Several,
    ShapleyValues,
)
from pellucid.targets import Position, TokenClass

X = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
NAMES = ("cat", "dog", "tiger cat")


class Animals(nn.Module):
    """Three classes, which its configuration names as Hugging Face's do."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(id2label=dict(enumerate(NAMES)))
        self.head = nn.Linear(2, 3)
        self.head.weight.data = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x)


MODEL = Animals()
GRADIENTS = MODEL.head.weight.detach()


def gradients(target: Any, model: Any = MODEL, **options: Any) -> Tensor:
    problem = Problem(model, X, target=target, options=Options(**options))
    return Saliency(abs=False)(problem).values[0]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Several([2, 0]), GRADIENTS[[2, 0]].expand(2, 2, 2)),
        (Several(torch.tensor([2, 0])), GRADIENTS[[2, 0]].expand(2, 2, 2)),
        (Several(range(3)), GRADIENTS.expand(2, 3, 2)),
        (Several("all"), GRADIENTS.expand(2, 3, 2)),
        (Several([1]), GRADIENTS[[1]].expand(2, 1, 2)),
        (Several([[0, 1], -1]), GRADIENTS[torch.tensor([[0, 2], [1, 2]])]),
        (Contrast(2, 0), (GRADIENTS[2] - GRADIENTS[0]).expand(2, 2)),
        (Contrast([0, 1], lambda output: output[:, 2]), GRADIENTS[:2] - GRADIENTS[2]),
        (Several([Contrast(2, 0), (1,)]), torch.stack([GRADIENTS[2] - GRADIENTS[0], GRADIENTS[1]]).expand(2, 2, 2)),
        ("dog", GRADIENTS[1].expand(2, 2)),
        (["tiger cat", "cat"], GRADIENTS[[2, 0]]),
        (Contrast("dog", "cat"), (GRADIENTS[1] - GRADIENTS[0]).expand(2, 2)),
        (Several(["dog", 0]), GRADIENTS[:2].flip(0).expand(2, 2, 2)),
    ],
)
def test_gradients(target: Any, expected: Tensor):
    assert torch.equal(gradients(target), expected)


def test_names_that_are_given_or_those_of_a_module_inside():
    assert torch.equal(gradients("c", lambda x: MODEL(x), class_names=["a", "b", "c"]), GRADIENTS[2].expand(2, 2))
    assert torch.equal(gradients("dog", nn.Sequential(MODEL, nn.Identity())), GRADIENTS[1].expand(2, 2))


def test_the_name_of_a_class_in_a_ready_made_target():
    def words(x: Tensor) -> Tensor:
        return MODEL(x)[:, None]

    words.id2label = MODEL.config.id2label
    assert torch.equal(gradients(TokenClass(0, "dog"), words), GRADIENTS[1].expand(2, 2))


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"target": "cta"}, InvalidArgument, "must be the name of one of 3 classes: got 'cta'. Hint: 'cat'."),
        ({"target": "bus"}, InvalidArgument, "Hint: 'cat' or 'dog' or 'tiger cat'."),
        ({"targets": []}, InvalidArgument, 'targets must be at least one: got none. Hint: targets="all".'),
        ({"targets": "cat"}, WrongType, "targets must be a list of targets, or \"all\": got 'cat'."),
        ({"targets": 0}, WrongType, 'targets must be a list of targets, or "all": got 0.'),
        ({"targets": [0], "target": 0}, InvalidArgument, "target and targets exclude each other: got both."),
        ({"targets": [0, 3]}, OutOfRange, "target 3 is beyond the output's 3 values per example (0 to 2)."),
        ({"targets": [Several([0])]}, InvalidArgument, "must be a single one within another: got Several("),
        ({"targets": [Neuron("head", 0)]}, InvalidArgument, "Hint: Neuron(layer, Several([...]))."),
        ({"targets": [None]}, InvalidArgument, "target must leave one value per example: the output holds (3,)"),
        ({"target": Position([0, 1, 2])}, InvalidArgument, "must be one, or one per example: expected 2, got 3."),
        ({"target": Position(3)}, OutOfRange, "position 3 is beyond the output's 3 values (0 to 2), of (2, 3)"),
    ],
)
def test_errors(given: dict[str, Any], error: type[Exception], says: str):
    with pytest.raises(error) as caught:
        attr.Saliency(MODEL).attribute(X, **given)
    assert says in str(caught.value)


def test_all_of_an_output_of_more_dimensions_says_what_to_write():
    with pytest.raises(InvalidArgument, match=r"got \(2, 1, 3\). Hint: list them, \[\(0, 0\), \(0, 1\)\]."):
        attr.Saliency(lambda x: MODEL(x)[:, None]).attribute(X, targets="all")


def test_names_where_there_are_none():
    with pytest.raises(WrongType, match=r"got str 'cat'. Hint: forward_func.id2label = \{0: 'cat', ...\} names"):
        attr.Saliency(nn.Linear(2, 3)).attribute(X, target="cat")


def test_what_does_not_take_several_says_so():
    problem = Problem(MODEL, X, target=Several([0, 1]), gradient_at="head")
    with pytest.raises(InvalidArgument, match="target must be a single one for several neurons"):
        NeuronConductance(selector=Several([0, 1]))(problem)
    with pytest.raises(InvalidArgument, match="a single one for a table of conservation"):
        LRP().conservation(Problem(MODEL, X, target=Several([0, 1])))


@pytest.mark.parametrize(
    "name", ["NeuronGradient", "NeuronIntegratedGradients", "NeuronDeepLift", "NeuronFeatureAblation"]
)
def test_a_whole_layer_in_one_call(name: str):
    model = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))
    attribution = getattr(attr, name)(model, model[1])
    found = attribution.attribute(X, Several("all"))
    expected = torch.stack([attribution.attribute(X, neuron) for neuron in range(5)], 1)
    torch.testing.assert_close(found, expected)


def test_conductances_of_a_whole_layer():
    model = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))
    conductance = attr.NeuronConductance(model, model[1])
    found = conductance.attribute(X, Several("all"), target=2)
    expected = torch.stack([conductance.attribute(X, neuron, target=2) for neuron in range(5)], 1)
    torch.testing.assert_close(found, expected)


def test_a_model_with_one_value_for_the_batch():
    def loss(x: Tensor) -> Tensor:
        return x.square().sum()

    targets = [lambda value: value, lambda value: 3 * value]
    values, deltas = attr.IntegratedGradients(loss).attribute(X, targets=targets, return_convergence_delta=True)
    torch.testing.assert_close(values, torch.stack([X**2, 3 * X**2], 1))
    assert deltas.shape == (1, 2)
    ablated = attr.FeatureAblation(loss).attribute(X, targets=targets)
    torch.testing.assert_close(ablated, torch.stack([(X**2).sum(0), 3 * (X**2).sum(0)])[None])


def test_a_saturated_output_is_warned_of():
    model = nn.Sequential(nn.Linear(2, 3), nn.Softmax(1))
    model[0].weight.data *= 1e6
    for several in ({"targets": [0, 1]}, {"targets": "all"}):
        with pytest.warns(PellucidWarning, match=r"all gradients are zero for examples \[0, 1\]"):
            attr.Saliency(model).attribute(X, **several)


def test_methods_of_a_session_share_the_values_of_all_targets():
    calls: list[int] = []

    def model(x: Tensor) -> Tensor:
        calls.append(len(x))
        return MODEL(x)

    with Session(Problem(model, X, target=Several("all"))) as session:
        exact = ShapleyValues()(session.problem)
        before = len(calls)
        estimated = KernelShap()(session.problem)
    assert len(calls) == before
    torch.testing.assert_close(exact.values, estimated.values)


def test_a_gradient_function_is_called_for_each():
    def gradient(model: Any, inputs: Any, target: Any, extra: Any) -> tuple[Tensor, ...]:
        return torch.autograd.grad(model(*inputs)[:, target].sum(), inputs)

    saliency = attr.Saliency(MODEL)
    saliency.gradient_func = gradient
    assert torch.equal(saliency.attribute(X, targets=[2, 0], abs=False), GRADIENTS[[2, 0]].expand(2, 2, 2))
    with pytest.raises(InvalidArgument, match='gradient_func must be given a list of targets: got "all"'):
        saliency.attribute(X, targets="all")


def test_steps_until_every_target_adds_up():
    def model(x: Tensor) -> Tensor:
        return torch.stack([x.sum(1), (3 * x).sin().prod(1)], 1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, deltas = attr.IntegratedGradients(model).attribute(
            X, targets="all", n_steps="auto", tolerance=1e-4, return_convergence_delta=True
        )
    assert found.shape == (2, 2, 2)
    assert deltas.abs().max() < 1e-3


def test_ablation_keeps_targets_apart_where_values_of_an_output_follow_each_other():
    assert FeatureAblation()(Problem(MODEL, X)).values[0].shape == (6, 2)
    apart = FeatureAblation()(Problem(MODEL, X, target=Several("all"))).values[0]
    assert torch.equal(apart, FeatureAblation()(Problem(MODEL, X)).values[0].view(2, 3, 2))


def test_a_problem_shows_its_targets():
    shown = repr(Problem(MODEL, X, target=Several([1, Contrast("cat", 2)])))
    assert "target=Several(targets=[1, Contrast(target=0, rather_than=2)])" in shown


@pytest.mark.parametrize("name", ["FeatureAblation", "ShapleyValueSampling", "ShapleyValues"])
def test_models_that_answer_later(name: str):
    def later(x: Tensor) -> torch.futures.Future[Tensor]:
        future: torch.futures.Future[Tensor] = torch.futures.Future()
        future.set_result(MODEL(x))
        return future

    found = getattr(attr, name)(later).attribute_future(X, targets=[2, 0]).wait()
    torch.testing.assert_close(found, GRADIENTS[[2, 0]] * X[:, None])
