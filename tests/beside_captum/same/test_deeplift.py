"""DeepLIFT, wherever Captum's own attributions add up: elsewhere see the differences."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from beside_captum.same.compare import Call, assert_close, assert_same_exception, on_captum, on_pellucid, value_of
from matrices import in_turn
from zoo.architectures import Architecture, Example, Tensors, made

ALL = ["DeepLift", "DeepLiftShap", "LayerDeepLift", "LayerDeepLiftShap", "NeuronDeepLift", "NeuronDeepLiftShap"]
ACTIVATIONS = {
    "relu": nn.ReLU,
    "elu": lambda: nn.ELU(0.7),
    "leaky relu": lambda: nn.LeakyReLU(0.2),
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": lambda: nn.Softplus(2),
}


class Pair(nn.Module):
    """A picture and a vector, a scale per example, and an option."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.join = nn.Conv1d(2, 3, 2), nn.Linear(4, 6), nn.Linear(12, 5)
        self.one, self.other, self.last, self.head = nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.Linear(5, 3)

    def forward(self, a: Tensor, b: Tensor, scale: Tensor, shift: float) -> Tensor:
        seen = torch.cat([self.one(self.left(a)).flatten(1), self.other(self.right(b))], 1)
        return self.head(self.last(self.join(seen))) * scale[:, None] + shift


def _with_statistics(norm: nn.Module) -> nn.Module:
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2.0)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def _perceptron(activation: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        nn.Linear(6, 8), activation(), nn.Linear(8, 8), activation(), nn.Dropout(0.4), nn.Linear(8, 3)
    )


def _averaging() -> nn.Module:
    first = (nn.Conv2d(2, 4, 3, padding=1), _with_statistics(nn.BatchNorm2d(4)), nn.ReLU(), nn.AvgPool2d(2))
    return nn.Sequential(*first, nn.Conv2d(4, 4, 2), nn.Tanh(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(16, 3))


def _pooling() -> nn.Module:
    first = (nn.Conv2d(2, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 4, 2))
    return nn.Sequential(*first, nn.Flatten(), nn.Softplus(), nn.Linear(16, 3))


def _rectified_and_pooled() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3))


def _sequence() -> nn.Module:
    first = (nn.Conv1d(3, 4, 2), nn.MaxPool1d(2), _with_statistics(nn.BatchNorm1d(4)), nn.LeakyReLU(0.1))
    return nn.Sequential(*first, nn.Dropout(0.3), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(8, 4), nn.Sigmoid())


def _dense() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ELU(), nn.Linear(8, 6), nn.Unflatten(1, (2, 3)))


MODELS = {
    **{
        f"perceptron of {name}": Architecture(_perceptron(each), ((6,),), [0, 2, 1, 0])
        for name, each in ACTIVATIONS.items()
    },
    "averaging": Architecture(_averaging, ((2, 6, 6),), 1),
    "pooling": Architecture(_pooling, ((2, 6, 6),), torch.tensor([2, 0, 0, 1])),
    "sequence": Architecture(_sequence, ((3, 10),), torch.tensor(3)),
    "pair": Architecture(Pair, ((2, 3), (4,)), 2, (torch.tensor([1.0, -2, 0.5, 3]), 0.7)),
    "dense": Architecture(_dense, ((6,),), [(0, 1), (1, 2), (1, 0), (0, 0)]),
}
TIES = ["pooling", "sequence"]
"""Where a pool finds its largest in several places of a constant baseline; see the differences."""
on_each = pytest.mark.parametrize("name", MODELS)


def case(name: str, seed: int = 0, dtype: torch.dtype = torch.float64) -> Example:
    return made(MODELS[name], seed, dtype=dtype)


def explain(method: str, each: Example, baselines: Any = None, made: Any = None, **arguments: Any) -> Call:
    """A call of DeepLift or DeepLiftShap with deltas."""
    given = {"baselines": baselines, "return_convergence_delta": True, **each.explained, **arguments}
    if method == "DeepLiftShap" and baselines is None:
        given["baselines"] = each.draw(3)
    return lambda attr: getattr(attr, method)(each.model, **(made or {})).attribute(each.inputs, **given)


def inside(method: str, each: Example, layer: Any, baselines: Any = None, made: Any = None, **arguments: Any) -> Call:
    """A call of a form for layers or neurons."""
    given = {"baselines": baselines, **each.explained, **arguments}
    if method.startswith("Neuron"):
        given.pop("target")
    else:
        given.setdefault("return_convergence_delta", True)
    if method.endswith("Shap") and baselines is None:
        given["baselines"] = each.draw(3)
    module = each.model.get_submodule(layer)
    return lambda attr: getattr(attr, method)(each.model, module, **(made or {})).attribute(each.inputs, **given)


def assert_same_where_right(call: Call, *, least: float = 0.75, tolerance: float = 1e-10) -> None:
    """The examples for which Captum's attributions add up have the same in pellucid, where all add up.

    Args:
        call: Returns attributions and deltas, one or several per example.
        least: The share of examples, at least, that must be so.
        tolerance: How far an attribution, or a delta, may be off, as a share of the example's largest |attribution|.
    """
    theirs, ours = on_captum(call), on_pellucid(call)
    (expected, expected_deltas), (found, deltas) = value_of(theirs), value_of(ours)
    assert (deltas.shape, deltas.dtype) == (expected_deltas.shape, expected_deltas.dtype)
    scale = _largest(expected)
    right = (expected_deltas.abs().reshape(len(scale), -1) < tolerance * scale[:, None]).all(1)
    assert right.double().mean() >= least, f"Captum's deltas: {expected_deltas.tolist()}"
    assert (deltas.abs().reshape(len(scale), -1) < tolerance * _largest(found)[:, None]).all()
    if right.any():
        assert_close(_of(found, right), _of(expected, right), tolerance=tolerance)
    assert (ours.torch_state, ours.numpy_state) == (theirs.torch_state, theirs.numpy_state)


def assert_same(call: Call, *, tolerance: float = 1e-10) -> None:
    """Captum and pellucid return the same attributions."""
    assert_close(value_of(on_pellucid(call)), value_of(on_captum(call)), tolerance=tolerance)


def _largest(attributions: Tensor | Tensors) -> Tensor:
    """The largest |attribution| of each example."""
    given = attributions if isinstance(attributions, tuple) else (attributions,)
    return torch.cat([each.detach().flatten(1) for each in given], 1).abs().amax(1)


def _of(attributions: Tensor | Tensors, examples: Tensor) -> Tensor | Tensors:
    if isinstance(attributions, tuple):
        return tuple(each[examples] for each in attributions)
    return attributions[examples]


@pytest.mark.parametrize("method", ["DeepLift", "DeepLiftShap"])
@on_each
def test_random_models(name: str, method: str, seed: int):
    each = case(name, seed, torch.float64)
    assert_same_where_right(explain(method, each, each.draw(4)), tolerance=1e-10)


@pytest.mark.parametrize("method", ["DeepLift", "DeepLiftShap"])
@on_each
def test_float32(name: str, method: str):
    each = case(name, dtype=torch.float32)
    # Of hundreds of changes some are a thousandth of what they are the difference of; a quotient by these is off by
    # a thousand roundings, for each of the few that such a change is the sum of.
    assert_same_where_right(explain(method, each, each.draw(4)), tolerance=1e-3)


@pytest.mark.parametrize("method", ["DeepLift", "DeepLiftShap"])
@pytest.mark.parametrize("name", MODELS)
def test_multipliers(name: str, method: str, seed: int):
    each = case(name, seed, torch.float64)
    arguments = {"made": {"multiply_by_inputs": False}, "return_convergence_delta": False}
    assert_same(explain(method, each, each.draw(4), **arguments), tolerance=1e-10)


@pytest.mark.parametrize(
    "baselines",
    {
        "none": lambda each: None,
        "an integer": lambda each: 1,
        "a number": lambda each: 0.3,
        "one row": lambda each: each.draw(1),
        "one for each example": lambda each: each.draw(4),
    }.items(),
    ids=lambda each: each[0],
)
@pytest.mark.parametrize("name", [name for name in MODELS if name not in TIES])
def test_every_kind_of_baseline(name: str, baselines: Any, seed: int):
    each = case(name, seed, torch.float64)
    given = baselines[1](each)
    if isinstance(given, int | float) and len(each.tensors) > 1:
        given = (given,) * len(each.tensors)
    assert_same_where_right(explain("DeepLift", each, given), tolerance=1e-10)


def test_every_input_has_its_own_kind_of_baseline():
    each = case("pair", dtype=torch.float64)
    one, four = each.draw(1), each.draw(4)
    for baselines in [(0, 1.5), (0.3, four[1]), (one[0], 2), (one[0], four[1]), (four[0], one[1])]:
        assert_same_where_right(explain("DeepLift", each, baselines), tolerance=1e-10)


def test_a_tuple_of_one_input_comes_back_as_one():
    each = case("dense")
    for method, baselines in [("DeepLift", (each.draw(4),)), ("DeepLift", None), ("DeepLiftShap", (each.draw(2),))]:
        given = {"baselines": baselines, "return_convergence_delta": True, **each.explained}
        assert_same_where_right(
            lambda attr, given=given, method=method: getattr(attr, method)(each.model).attribute(
                (each.inputs,), **given
            )
        )


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("name", MODELS)
def test_any_number_of_baselines(name: str, count: int, seed: int):
    each = case(name, seed, torch.float64)
    assert_same_where_right(explain("DeepLiftShap", each, each.draw(count)), tolerance=1e-10)


@pytest.mark.parametrize("name", ["perceptron of elu", "pair"])
def test_baselines_may_be_a_function_of_nothing_or_of_the_inputs(name: str):
    each = case(name)

    def half(*inputs: Any) -> Tensor | Tensors:
        given = inputs[0] if isinstance(inputs[0], tuple) else inputs
        halves = tuple(x[:3] * 0.5 for x in given)
        return halves if len(halves) > 1 else halves[0]

    def of_inputs(inputs: Any) -> Tensor | Tensors:
        return half(inputs)

    for baselines in (lambda: each.draw(3), of_inputs):
        assert_same_where_right(explain("DeepLiftShap", each, baselines))


@pytest.mark.parametrize("method", ["DeepLift", "DeepLiftShap"])
@pytest.mark.parametrize("target", [0, -1, torch.tensor(1), torch.tensor([2, 1, 0, 0]), [1, 0, 2, 2]], ids=repr)
def test_every_kind_of_target(method: str, target: Any):
    each = case("perceptron of tanh")
    assert_same_where_right(explain(method, each, each.draw(4), target=target))


@pytest.mark.parametrize("method", ["DeepLift", "DeepLiftShap"])
@pytest.mark.parametrize("target", [(1, 2), [(0, 1), (1, 2), (1, 0), (0, 0)]], ids=repr)
def test_every_kind_of_target_of_several_dimensions(method: str, target: Any):
    each = case("dense")
    assert_same_where_right(explain(method, each, each.draw(4), target=target))


@pytest.mark.parametrize("method", ["DeepLift", "DeepLiftShap"])
def test_an_output_of_one_value_per_example_needs_no_target(method: str):
    for tail in ([], [nn.Flatten(0)]):
        model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1), *tail).double()
        each = case("dense")
        one = Example(model, each.given, {})
        assert_same_where_right(explain(method, one, one.draw(4)))


@pytest.mark.filterwarnings("ignore:attributions do not add up")
@pytest.mark.parametrize("eps", [1e-10, 1e-4, 0.1, 1.0])
@pytest.mark.parametrize("name", [name for name in MODELS if "perceptron" in name] + ["averaging", "pair"])
def test_small_changes_are_none(name: str, eps: float):
    each = case(name, dtype=torch.float64)
    call = explain("DeepLift", each, each.draw(4), made={"eps": eps}, return_convergence_delta=False)
    assert_same(call, tolerance=1e-10)


@pytest.mark.parametrize("name", [name for name in MODELS if "perceptron" in name] + ["averaging", "dense"])
def test_inputs_that_equal_their_baselines_in_part(name: str):
    each = case(name, dtype=torch.float64)
    baselines = torch.where(torch.arange(6) % 2 == 0, each.tensors[0], each.draw(4))
    assert_same_where_right(explain("DeepLift", each, baselines), tolerance=1e-10)
    assert_same(
        explain("DeepLift", each, baselines, made={"multiply_by_inputs": False}, return_convergence_delta=False),
        tolerance=1e-10,
    )


def gradients_alone(multipliers: Tensors) -> Tensors:
    return tuple(each * 2 for each in multipliers)


def with_inputs(multipliers: Tensors, inputs: Tensors) -> Tensors:
    return tuple(m * x for m, x in zip(multipliers, inputs, strict=True))


def with_baselines(multipliers: Tensors, inputs: Tensors, baselines: Tensors) -> Tensors:
    return tuple(m * (x - b) ** 2 for m, x, b in zip(multipliers, inputs, baselines, strict=True))


CUSTOM = [gradients_alone, with_inputs, with_baselines]


@pytest.mark.parametrize("custom", CUSTOM, ids=lambda each: each.__name__)
@pytest.mark.parametrize("method", ["DeepLift", "DeepLiftShap"])
@pytest.mark.parametrize("name", ["perceptron of softplus", "averaging", "pair"])
def test_attributions_of_ones_own(name: str, method: str, custom: Callable[..., Any]):
    each = case(name, dtype=torch.float64)
    arguments = {"custom_attribution_func": custom, "return_convergence_delta": False}
    assert_same(explain(method, each, each.draw(4), **arguments), tolerance=1e-10)


@pytest.mark.parametrize("method", ["DeepLift", "DeepLiftShap"])
@pytest.mark.parametrize("custom", CUSTOM, ids=lambda each: each.__name__)
def test_deltas_of_attributions_of_ones_own(method: str, custom: Callable[..., Any]):
    each = case("perceptron of tanh", dtype=torch.float64)
    call = explain(method, each, each.draw(3 if "Shap" in method else 4), custom_attribution_func=custom)
    theirs, ours = value_of(on_captum(call)), value_of(on_pellucid(call))
    assert_close(ours[0], theirs[0], tolerance=1e-10)
    if method == "DeepLift":
        torch.testing.assert_close(ours[1], theirs[1], rtol=1e-10, atol=1e-10)


def test_a_pool_after_an_activation_for_constant_baselines(seed: int):
    each = made(Architecture(_rectified_and_pooled, ((2, 6, 6),), 1), seed, dtype=torch.float64)
    for baselines in (None, 0.0, 0.5):
        assert_same_where_right(explain("DeepLift", each, baselines), tolerance=1e-10, least=0.25)


def _layers() -> list[Any]:
    built = {name: MODELS[name].build() for name in MODELS}
    return [(name, layer) for name in MODELS for layer, _ in built[name].named_modules() if layer]


LAYERS = _layers()


@pytest.mark.parametrize(
    ("name", "layer", "method", "of_input"),
    in_turn(LAYERS, itertools.product(["LayerDeepLift", "LayerDeepLiftShap"], [False, True]), quick=2),
)
def test_every_layer(name: str, layer: str, method: str, of_input: bool, seed: int):
    each = case(name, seed, torch.float64)
    if of_input and type(each.model.get_submodule(layer)).__name__ in HAVE_RULES:
        pytest.skip("Captum does not apply the rule of the layer itself; see the differences")
    call = inside(method, each, layer, each.draw(4), attribute_to_layer_input=of_input)
    if name == "pair" and layer in BRANCHES:
        assert_same(inside(method, each, layer, each.draw(4), return_convergence_delta=False), tolerance=1e-10)
        deltas = [value_of(library(call))[1] for library in (on_captum, on_pellucid)]
        torch.testing.assert_close(*deltas, rtol=1e-10, atol=1e-10)
    else:
        assert_same_where_right(call, tolerance=1e-10)


HAVE_RULES = {"ReLU", "ELU", "LeakyReLU", "Sigmoid", "Tanh", "Softplus", "MaxPool1d", "MaxPool2d"}
BRANCHES = {"left", "right", "one", "other"}
"""Layers that make a part of the change alone, so that nothing adds up there."""


@pytest.mark.parametrize(
    ("name", "layer", "method", "of_input"),
    in_turn(
        [each for each in LAYERS if each[0] != "pair"],
        itertools.product(["NeuronDeepLift", "NeuronDeepLiftShap"], [False, True]),
        quick=2,
    ),
)
def test_every_neuron(name: str, layer: str, method: str, of_input: bool, seed: int):
    each = case(name, seed, torch.float64)
    baselines, found = each.draw(4), []
    handle = each.model.get_submodule(layer).register_forward_hook(
        lambda module, given, out: found.append((given[0] if of_input else out).clone())
    )
    each.model(each.inputs), each.model(baselines)
    handle.remove()
    changes = (found[0][:, None] - found[1]) if "Shap" in method else (found[0] - found[1])[:, None]
    mean = changes.mean(1)
    neuron = tuple(int(index) for index in torch.unravel_index(mean.abs().amin(0).argmax(), mean.shape[1:]))
    call = inside(method, each, layer, baselines, neuron_selector=neuron, attribute_to_neuron_input=of_input)
    expected, ours = value_of(on_captum(call)), value_of(on_pellucid(call))
    change = mean[(slice(None), *neuron)]
    right = (expected.flatten(1).sum(1) - change).abs() < 1e-10 * _largest(expected)
    assert right.all()
    torch.testing.assert_close(ours.flatten(1).sum(1), change, rtol=1e-10, atol=1e-12)
    assert_close(ours, expected, tolerance=1e-10)


@pytest.mark.parametrize("method", ["NeuronDeepLift", "NeuronDeepLiftShap"])
@pytest.mark.parametrize("layer", ["join", "last", "head"])
def test_neurons_of_two_inputs(layer: str, method: str):
    each = case("pair", dtype=torch.float64)
    assert_same(inside(method, each, layer, each.draw(4), neuron_selector=2), tolerance=1e-10)


@pytest.mark.parametrize("method", ["NeuronDeepLift", "NeuronDeepLiftShap"])
@pytest.mark.parametrize(
    "selector",
    [3, (3,), slice(1, 4), (slice(0, 3),), lambda out: out.sum(1)],
    ids=["3", "(3,)", "slice", "slices", "f"],
)
def test_every_kind_of_selector(method: str, selector: Any):
    each = case("perceptron of sigmoid", dtype=torch.float64)
    selector = (selector,) if isinstance(selector, slice) else selector
    assert_same(inside(method, each, "2", each.draw(4), neuron_selector=selector), tolerance=1e-10)


@pytest.mark.parametrize("method", ALL[2:])
def test_multipliers_and_attributions_of_ones_own_inside(method: str):
    each = case("averaging", dtype=torch.float64)
    more = {"neuron_selector": (1, 0, 1)} if "Neuron" in method else {"return_convergence_delta": False}
    assert_same(inside(method, each, "3", each.draw(4), made={"multiply_by_inputs": False}, **more), tolerance=1e-10)
    for custom in CUSTOM:
        assert_same(inside(method, each, "3", each.draw(4), custom_attribution_func=custom, **more), tolerance=1e-10)


@pytest.mark.parametrize("baselines", [None, 0, 0.5, "one row"])
@pytest.mark.parametrize("method", ["LayerDeepLift", "NeuronDeepLift"])
def test_every_kind_of_baseline_inside(method: str, baselines: Any):
    each = case("perceptron of elu", dtype=torch.float64)
    given = each.draw(1) if baselines == "one row" else baselines
    if method == "NeuronDeepLift":
        assert_same(inside(method, each, "2", given, neuron_selector=1), tolerance=1e-10)
    else:
        assert_same_where_right(inside(method, each, "2", given), tolerance=1e-10)


@pytest.mark.parametrize("method", ["LayerDeepLiftShap", "NeuronDeepLiftShap"])
def test_baselines_inside_may_be_a_function(method: str):
    each = case("perceptron of elu", dtype=torch.float64)
    if method == "NeuronDeepLiftShap":
        for given in (lambda: each.draw(3), lambda inputs: inputs[:3] * 0.5):
            assert_same(inside(method, each, "2", given, neuron_selector=1), tolerance=1e-10)
    else:  # of the inputs: see the differences
        assert_same_where_right(inside(method, each, "2", lambda: each.draw(3)), tolerance=1e-10)


def test_grad_kwargs_of_a_layer():
    each = case("averaging", dtype=torch.float64)
    given = {"grad_kwargs": {"retain_graph": True, "allow_unused": True}}
    assert_same_where_right(inside("LayerDeepLift", each, "3", each.draw(4), **given), tolerance=1e-10)


X = torch.linspace(-1, 1, 24).reshape(4, 6)
ONE, TWO = case("perceptron of relu", dtype=torch.float32), case("pair", dtype=torch.float32)


def single(method: str = "DeepLift", inputs: Any = None, model: Any = ONE.model, **arguments: Any) -> Call:
    """A call on one input, good unless an argument says otherwise."""
    given = {"target": 0, **arguments}
    if method.endswith("Shap"):
        given = {"baselines": ONE.draw(3), **given}
    return lambda attr: getattr(attr, method)(model).attribute(ONE.inputs if inputs is None else inputs, **given)


def double(method: str, baselines: Any) -> Call:
    """A call on two inputs."""
    return lambda attr: getattr(attr, method)(TWO.model).attribute(TWO.inputs, baselines, **TWO.explained)


def layered(method: str, **arguments: Any) -> Call:
    """A call for a layer or a neuron, good unless an argument says otherwise."""
    arguments = {"neuron_selector" if method.startswith("Neuron") else "target": 0, **arguments}
    if method.endswith("Shap"):
        arguments = {"baselines": ONE.draw(3), **arguments}
    return lambda attr: getattr(attr, method)(ONE.model, ONE.model[2]).attribute(ONE.inputs, **arguments)


REFUSED = {  # what a user does: the class of Captum's exception, and the call
    "no target": (AssertionError, single(target=None)),
    "a target out of range": (IndexError, single(target=3)),
    "a list of targets of another length": (AssertionError, single(target=[0, 1])),
    "baselines of another shape": (AssertionError, single(baselines=X[:, :2])),
    "baselines of another number of examples": (AssertionError, single(baselines=X[:2])),
    "a list of baselines": (AssertionError, single(baselines=[X])),
    "a word as baselines": (AssertionError, single(baselines="zero")),
    "two baselines for one input": (AssertionError, single(baselines=(0, 0))),
    "one baseline for two inputs": (AssertionError, double("DeepLift", 0)),
    "three baselines for two inputs": (AssertionError, double("DeepLift", (0, 0, 0))),
    "an unknown argument": (TypeError, single(unknown=1)),
    "no inputs": (TypeError, lambda attr: attr.DeepLift(ONE.model).attribute()),
    "inputs of another dtype than the model": (RuntimeError, single(inputs=X.double())),
    "no baselines of shap": (
        TypeError,
        lambda attr: attr.DeepLiftShap(ONE.model).attribute(ONE.inputs, target=0),
    ),
    "no distribution": (AssertionError, single("DeepLiftShap", baselines=None)),
    "a number as distribution": (AssertionError, single("DeepLiftShap", baselines=0)),
    "a distribution of one": (AssertionError, single("DeepLiftShap", baselines=X[:1])),
    "a list as distribution": (AssertionError, single("DeepLiftShap", baselines=[X])),
    "a distribution of another shape": (AssertionError, single("DeepLiftShap", baselines=X[:, :2])),
    "a distribution of one dimension": (AssertionError, single("DeepLiftShap", baselines=X[0])),
    "a distribution for one of two inputs": (AssertionError, double("DeepLiftShap", (TWO.draw(3)[0],))),
    "a distribution alone for two inputs": (AssertionError, double("DeepLiftShap", TWO.draw(3)[0])),
    "two distributions for one input": (AssertionError, single("DeepLiftShap", baselines=(X, X))),
    "distributions of different sizes": (AssertionError, double("DeepLiftShap", TWO.draw(3, 2))),
    "no target of shap": (AssertionError, single("DeepLiftShap", target=None)),
    "a target out of range of shap": (IndexError, single("DeepLiftShap", target=3)),
    **{
        f"{what}, {method}": (expected, layered(method, **arguments))
        for method in ALL[2:]
        for what, expected, arguments in [
            ("baselines of another shape", AssertionError, {"baselines": X[:, :2]}),
            ("an unknown argument", TypeError, {"unknown": 1}),
            ("two baselines for one input", AssertionError, {"baselines": (X, X)}),
        ]
    },
    **{
        f"{what}, {method}": (expected, layered(method, **arguments))
        for method in ALL[2:4]
        for what, expected, arguments in [
            ("no target", AssertionError, {"target": None}),
            ("a target out of range", IndexError, {"target": 3}),
        ]
    },
    **{
        f"{what}, {method}": (expected, layered(method, **arguments))
        for method in ("LayerDeepLiftShap", "NeuronDeepLiftShap")
        for what, expected, arguments in [
            ("a distribution of one", AssertionError, {"baselines": X[:1]}),
            ("a number as distribution", AssertionError, {"baselines": 0}),
        ]
    },
    **{
        f"a selector of too many dimensions, {method}": (AssertionError, layered(method, neuron_selector=(1, 2)))
        for method in ALL[4:]
    },
    **{f"a selector out of range, {method}": (IndexError, layered(method, neuron_selector=9)) for method in ALL[4:]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_captum_refuses_can_be_caught_by_the_same_clause(name: str):
    expected, call = REFUSED[name]
    assert_same_exception(call, expected)


@pytest.mark.parametrize("method", ALL)
def test_properties(method: str):
    def read(attr: Any) -> Any:
        given = (ONE.model,) if method.startswith("DeepLift") else (ONE.model, ONE.model[2])
        made = [getattr(attr, method)(*given, multiply_by_inputs=each) for each in (True, False)]
        return [(each.multiplies_by_inputs, getattr(each, "has_convergence_delta", lambda: None)()) for each in made]

    assert value_of(on_pellucid(read)) == value_of(on_captum(read))
