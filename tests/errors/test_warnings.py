"""What may not be what was wanted is warned of once, at the line of the user's call."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from laws.registry import METHODS, Method, flat
from pellucid import attr
from pellucid.errors import PellucidWarning
from pellucid.methods import Problem, Saliency
from zoo.specimens import Between, Inside

NAN = float("nan")
TESTS = Path(__file__).parents[1]
# All that attribute: a layer where the model starts, a neuron where it ends.
ATTRIBUTING = [method for method in METHODS if method.gradient and method.at != "neuron" and not method.spatial]
every_method = pytest.mark.parametrize("method", ATTRIBUTING, ids=lambda method: method.name)
every_method_for_inputs = pytest.mark.parametrize(
    "method", [method for method in METHODS if not (method.needs or method.spatial)], ids=lambda method: method.name
)
PLACES = {"layer": Inside("start"), "neuron": Inside("end", neuron=0)}


def told(call: Callable[[], Any]) -> tuple[Any, list[str]]:
    """The result of a call and the warnings it gave, all of them at a line of the tests."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    assert all(issubclass(each.category, PellucidWarning) for each in caught)
    assert all(Path(each.filename).is_relative_to(TESTS) for each in caught)
    return result, [str(each.message) for each in caught]


def attributions(method: Method, model: Callable[..., Tensor], *inputs: Tensor, **more: Any) -> Any:
    baselines = {"baselines": method.baselines(inputs)} if method.baselines else {}
    seed = {"seed": 0} if method.stochastic else {}
    players = method.players(tuple(tuple(x.shape[1:]) for x in inputs)) if method.players else {}
    places = {name: PLACES[name] for name in method.needs}
    between = Between(model) if places else model
    return flat(method.call(between, inputs, **(baselines | seed | players | places | more)))


def with_nan(*rows: int) -> Tensor:
    x = torch.ones(5, 4)
    x[list(rows), 0] = NAN
    return x


def quadratic(x: Tensor, *extra: Tensor) -> Tensor:
    return sum(((x * each) ** 2 for each in extra), x**2).sum(1)


@every_method_for_inputs
def test_nan_in_the_inputs_is_traced_to_the_input_and_its_examples(method: Method):
    def model(one: Tensor, other: Tensor) -> Tensor:
        return quadratic(one) + quadratic(other)

    given = {"baselines": (torch.zeros(5, 4), torch.zeros(5, 4))} if method.baselines else {}
    _, messages = told(lambda: attributions(method, model, torch.ones(5, 4), with_nan(1, 3), **given))
    assert messages == ["attributions contain NaN, carried in by inputs[1] (examples [1, 3])."]


@every_method
def test_nan_in_the_only_input(method: Method):
    given = {"baselines": torch.zeros(5, 4)} if method.baselines else {}
    _, messages = told(lambda: attributions(method, quadratic, with_nan(4), **given))
    assert messages == ["attributions contain NaN, carried in by inputs (examples [4])."]


@every_method
def test_nan_in_an_additional_argument(method: Method):
    extra = (torch.ones(5, 4), with_nan(2))
    _, messages = told(lambda: attributions(method, quadratic, torch.ones(5, 4), additional_forward_args=extra))
    assert messages == ["attributions contain NaN, carried in by additional_forward_args[1] (examples [2])."]


def test_nan_in_the_baselines():
    gradients = attr.IntegratedGradients(quadratic)
    _, messages = told(lambda: gradients.attribute(torch.ones(5, 4), with_nan(0)))
    assert messages == ["attributions contain NaN, carried in by baselines (examples [0])."]
    both = (torch.ones(5, 4), torch.ones(5, 4))
    _, messages = told(lambda: gradients.attribute(both, (0, with_nan(0, 2))))
    assert messages == ["attributions contain NaN, carried in by baselines[1] (examples [0, 2])."]


@every_method
def test_nan_that_the_model_makes(method: Method):
    _, messages = told(lambda: attributions(method, lambda x: (x.abs() + 1).neg().sqrt().sum(1), torch.ones(5, 4)))
    assert messages == ["attributions contain NaN, made by the model: no argument carries it."]


@every_method
@pytest.mark.parametrize("value", [0.0, float("inf")])
def test_what_is_not_nan_is_not_called_so(method: Method, value: float):
    """Infinities of both signs add up to NaN, which is no NaN among them."""
    weight = torch.tensor([value, -value, 1.0, 1.0])
    finite = (
        method.baselines is None and method.shaped and not ("LRP" in method.name or "InputXGradient" in method.name)
    )
    found, messages = told(lambda: attributions(method, lambda x: (x * weight).sum(1), torch.ones(5, 4)))
    if finite or value == 0:
        assert not found[0].isnan().any()
        assert messages == []


class Inspections(TorchDispatchMode):
    """Counts how often anything is searched for NaN."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten.isnan.default or function is torch.ops.aten.ne.Tensor
        return function(*args, **(kwargs or {}))


@every_method
def test_without_nan_no_argument_is_searched_for_it(method: Method):
    with Inspections() as inspections:
        attributions(method, quadratic, torch.ones(5, 4))
    assert inspections.count == 0
    with Inspections() as inspections:
        torch.ones(2).isnan()
    assert inspections.count == 1


@pytest.mark.parametrize(
    "method", [method for method in METHODS if method.gradient and not method.needs], ids=lambda method: method.name
)
@pytest.mark.parametrize("frozen", [False, True])
def test_an_input_that_the_output_does_not_depend_on_gets_zeros_and_one_warning(method: Method, frozen: bool):
    layer = nn.Linear(4, 1).requires_grad_(not frozen)

    def model(one: Tensor, other: Tensor) -> Tensor:
        return layer(one)

    bound = {"internal_batch_size": 2} if method.bounded else {}
    found, messages = told(lambda: attributions(method, model, torch.rand(5, 4), torch.rand(5, 3), **bound))
    assert found[0].any()
    assert not found[1].any()
    assert len(messages) == 1
    assert messages[0].startswith(
        "no gradient reaches inputs[1]: its attributions are zero. The output does not depend"
    )


@every_method
def test_the_only_input_without_effect_gets_zeros_and_one_warning(method: Method):
    weight = nn.Parameter(torch.ones(()))
    found, messages = told(lambda: attributions(method, lambda x: weight.expand(len(x)), torch.rand(5, 4)))
    assert not found[0].any()
    assert len(messages) == 1
    which = "inputs" if method.at == "inputs" else "layer"
    assert messages[0].startswith(f"no gradient reaches {which}: its attributions are zero. The output does not depend")


class Drops(nn.Module):
    """A module that drops paths, as those of other libraries do."""

    def __init__(self):
        super().__init__()
        self.drop_prob = 0.1

    def forward(self, x: Tensor) -> Tensor:
        return x


DRAWING = {
    "Dropout": nn.Dropout(0.5),
    "AlphaDropout": nn.AlphaDropout(0.5),
    "RReLU": nn.RReLU(),
    "Drops": Drops(),
    "LSTM": nn.Sequential(nn.Flatten(), nn.LSTM(4, 4, num_layers=2, dropout=0.5)),
}
CALM = {
    "Dropout of nothing": nn.Dropout(0.0),
    "batch norm of many rows": nn.BatchNorm1d(4),
    "layers": nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.LayerNorm(4)),
}
ANY = {
    "Saliency": attr.Saliency,
    "IntegratedGradients": attr.IntegratedGradients,
    "FeatureAblation": attr.FeatureAblation,
    "KernelShap": attr.KernelShap,
    "NoiseTunnel": lambda model: attr.NoiseTunnel(attr.Saliency(model)),
}
DRAWS = "1 module in training mode (Dropout): every call draws other numbers. Hint: model.eval()."


def first_of(value: Any) -> Tensor:
    return value[0] if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", ANY)
def test_dropout_in_training_mode_is_told_of_once_per_model(name: str):
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    calls = [lambda: ANY[name](model).attribute(torch.rand(2, 4), target=0)] * 3
    found = [[message for message in told(call)[1] if "training" in message] for call in calls]
    assert found == [[DRAWS], [], []]


@pytest.mark.parametrize("name", DRAWING)
def test_modules_that_draw_in_training_mode_are_told_of(name: str):
    module = DRAWING[name]
    _, messages = told(lambda: attr.Saliency(lambda x: first_of(module(x))).attribute(torch.rand(20, 4), target=0))
    assert messages == [DRAWS.replace("Dropout", name)]
    module.eval()
    assert told(lambda: attr.Saliency(lambda x: first_of(module(x))).attribute(torch.rand(20, 4), target=0))[1] == []


def test_several_modules_are_told_of_together():
    encoder = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True)
    _, messages = told(lambda: attr.Saliency(lambda x: encoder(x).sum((1, 2))).attribute(torch.rand(2, 3, 4)))
    assert messages == [
        "4 modules in training mode (Dropout, MultiheadAttention): every call draws other numbers. Hint: model.eval()."
    ]


@pytest.mark.parametrize("rows", [2, 15, 16])
def test_batch_norm_on_few_rows_in_training_mode_is_told_of_once(rows: int):
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.BatchNorm1d(8))
    calls = [lambda: attr.Saliency(model).attribute(torch.rand(rows, 4), target=0)] * 2
    few = (
        f"2 modules in training mode (BatchNorm1d): statistics of {rows} rows take the place of those learnt. "
        "Hint: model.eval()."
    )
    assert [told(call)[1] for call in calls] == [[few] if rows < 16 else [], []]


def test_a_model_that_is_put_into_training_mode_later_and_gets_fewer_rows_is_told_of_then():
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8)).eval()

    def kinds(rows: int) -> list[str]:
        _, messages = told(lambda: attr.Saliency(model).attribute(torch.rand(rows, 4), target=0))
        return [message.partition("(")[2].partition(")")[0] for message in messages]

    assert kinds(4) == []
    model.train()
    assert [kinds(20), kinds(20), kinds(4), kinds(20), kinds(4)] == [["Dropout"], [], ["BatchNorm1d"], [], []]


@pytest.mark.parametrize("name", CALM)
def test_training_mode_without_consequences_is_not_told_of(name: str):
    assert told(lambda: attr.Saliency(CALM[name]).attribute(torch.rand(20, 4), target=0))[1] == []


def test_evaluation_mode_and_batch_norm_without_statistics_are_not_told_of():
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8, track_running_stats=False)).eval()
    assert told(lambda: attr.Saliency(model).attribute(torch.rand(4, 4), target=0))[1] == []


def test_a_model_that_is_trained_with_its_attributions_is_not_told_of():
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 3))
    gradients = attr.Saliency(model)
    assert told(lambda: gradients.attribute(torch.rand(4, 4), target=0, create_graph=True))[1] == []


def test_every_call_on_a_pathway_warns():
    problem = Problem(lambda one, other: one.sum(1), (torch.ones(3, 4), with_nan(0)))
    for _ in range(2):
        _, messages = told(lambda: Saliency()(problem))
        assert len(messages) == 1
