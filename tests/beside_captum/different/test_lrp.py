"""Where relevance propagation differs. Each docstring is a line of `docs/differences.md`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from captum.attr._utils import lrp_rules as captums_rules
from captum.attr._utils.custom_modules import Addition_Module
from torch import Tensor, nn
from torch.nn import functional

import pellucid.attr
from beside_captum.same.compare import Call, Outcome, on_captum, on_pellucid, value_of
from pellucid.attr import lrp_rules as our_rules
from pellucid.errors import NoRule, PellucidWarning
from training import in_training_mode

RUNS = (on_captum, on_pellucid)


def drawn(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X = drawn(3, 4)


class Net(nn.Module):
    """Modules and a function of them."""

    def __init__(self, run: Callable[..., Tensor], **modules: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.run = run
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for name, made in modules.items():
                setattr(self, name, made())
        self.double().eval()

    def forward(self, *inputs: Any) -> Tensor:
        return self.run(self, *inputs)


def around(run: Callable[..., Tensor], *, bias: bool = True, **modules: Callable[[], nn.Module]) -> Net:
    """Something between two layers."""
    return Net(
        lambda net, x: net.last(run(net, net.first(x))),
        first=lambda: nn.Linear(4, 6, bias=bias),
        last=lambda: nn.Linear(6, 2, bias=bias),
        **modules,
    )


def plain() -> Net:
    return around(lambda net, x: net.act(x), act=nn.ReLU)


def library(attr: ModuleType) -> ModuleType:
    return our_rules if attr is pellucid.attr else captums_rules


def explain(model: Any, x: Any = X, **arguments: Any) -> Call:
    """A call on fresh copies of the inputs."""
    given = {"target": 1, **arguments}

    def call(attr: ModuleType) -> Any:
        inputs = tuple(each.clone() for each in x) if isinstance(x, tuple) else x.clone()
        return attr.LRP(model).attribute(inputs, **given)

    return call


def ruled(layer: nn.Module, rule: Callable[[ModuleType], Any], call: Call) -> Call:
    """A call after a layer was given a rule of either library."""

    def run(attr: ModuleType) -> Any:
        layer.rule = rule(library(attr))
        return call(attr)

    return run


def gamma(rules: ModuleType) -> Any:
    return rules.GammaRule(gamma=0.5)


def both(call: Call) -> tuple[Tensor, Tensor]:
    theirs, ours = (value_of(run(call)) for run in RUNS)
    return theirs.detach(), ours


def same(found: Tensor, expected: Tensor, tolerance: float = 1e-7) -> None:
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def gradient(model: nn.Module, x: Tensor = X) -> Tensor:
    return pellucid.attr.Saliency(model).attribute(x, target=1, abs=False)


def error_of(outcome: Outcome) -> Exception:
    """What a call raised."""
    assert outcome.error is not None, "no error"
    return outcome.error


def assert_refused(model: Any, expected: type[Exception], **arguments: Any) -> None:
    """By Captum, which then leaves rules of its own on modules: here, on those of a copy."""
    assert type(error_of(on_captum(explain(copy.deepcopy(model), **arguments)))) is expected


def kept(model: nn.Module, x: Tensor = X) -> tuple[float, float]:
    """How much of the output is lost, at most, by Captum and by pellucid."""
    found = (value_of(run(explain(model, x, return_convergence_delta=True)))[1] for run in RUNS)
    theirs, ours = (float(each.detach().abs().max()) for each in found)
    return theirs, ours


# What is left behind.


@pytest.mark.parametrize("name", ["LRP", "LayerLRP"])
def test_rules_stay(name: str):
    """`module.rule` after a call: Captum deletes it, so that a second call goes by other rules; as it was."""
    for run, stays in zip(RUNS, (False, True), strict=True):
        model = plain()

        def call(attr: ModuleType, model: Net = model) -> Tensor:
            method = attr.LRP(model) if name == "LRP" else attr.LayerLRP(model, model.first)
            first = method.attribute(X.clone(), target=1).detach()
            assert hasattr(model.last, "rule") is (attr is pellucid.attr)
            return (method.attribute(X.clone(), target=1).detach() - first).abs().max()

        changed = value_of(run(ruled(model.last, gamma, call)))
        assert (float(changed) == 0) is stays


def test_nothing_is_left_on_modules():
    """Attributes of modules after a call: Captum leaves `activations`; as they were."""
    for run, left in zip(RUNS, (True, False), strict=True):
        model = plain()
        value_of(run(explain(model)))
        assert hasattr(model.first, "activations") is left


def test_nothing_is_left_on_modules_after_an_error():
    """Attributes of modules after an error: Captum leaves `activations` and its own `rule`; as they were."""
    for run, left in zip(RUNS, (True, False), strict=True):
        model = around(lambda net, x: net.act(x), act=nn.GELU)
        before = {name: set(vars(each)) for name, each in model.named_modules()}
        assert run(explain(model, target=7)).error is not None
        after = {name: set(vars(each)) for name, each in model.named_modules()}
        assert (before != after) is left


def test_weights_stay_where_they_are():
    """The memory of weights that a rule changes: Captum puts other tensors in their place; untouched."""
    for run, stays in zip(RUNS, (False, True), strict=True):
        model = plain()
        place = model.first.weight.data_ptr()
        value_of(run(ruled(model.first, gamma, explain(model))))
        assert (model.first.weight.data_ptr() == place) is stays


def test_rules_that_write_into_weights():
    """A user's rule that changes weights in place, `weight.mul_(2)`: they stay changed in Captum; as they were."""

    def rule(rules: ModuleType) -> Any:
        class Doubled(rules.PropagationRule):
            def _manipulate_weights(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
                module.weight.data.mul_(2)

        return Doubled()

    for run, stays in zip(RUNS, (False, True), strict=True):
        model = plain()
        before = model.first.weight.detach().clone()
        value_of(run(ruled(model.first, rule, explain(model))))
        assert torch.equal(model.first.weight, before) is stays


@in_training_mode
def test_statistics_of_batch_norm():
    """Batch norm's statistics in training mode: changed twice by Captum; as they were."""
    model = around(lambda net, x: net.norm(x[:, :, None, None])[:, :, 0, 0], norm=lambda: nn.BatchNorm2d(6)).train()
    for run, stays in zip(RUNS, (False, True), strict=True):
        before = copy.deepcopy(model.norm.state_dict())
        value_of(run(explain(model)))
        after = model.norm.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before) is stays


def test_results_do_not_require_grad():
    """Attributions and deltas: they require grad in Captum, though nothing can be differentiated; they do not."""
    for run, requires in zip(RUNS, (True, False), strict=True):
        found = value_of(run(explain(plain(), return_convergence_delta=True)))
        assert all(each.requires_grad is requires for each in found)


# Which models can be explained.


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "F.relu": functional.relu,
    "torch.relu": torch.relu,
    "x.relu()": Tensor.relu,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rectifiers_that_are_functions(name: str):
    """`F.relu` and other functions: Captum takes their gradients; as of a module."""
    model, by_module = around(lambda net, x: FUNCTIONS[name](x) + 1), around(lambda net, x: net.act(x) + 1, act=nn.ReLU)
    theirs, ours = both(ruled(model.first, gamma, explain(model)))
    same(ours, value_of(on_captum(ruled(by_module.first, gamma, explain(by_module)))).detach())
    assert (theirs - ours).abs().max() > 0.01


@pytest.mark.parametrize("function", [torch.tanh, functional.gelu, torch.sigmoid, lambda x: x**2, lambda x: x + 1])
def test_other_functions_of_numbers(function: Callable[[Tensor], Tensor]):
    """`torch.tanh`, `F.gelu`, powers: some of the output is lost in Captum; only what biases contribute."""
    theirs, ours = kept(around(lambda net, x: function(x), bias=False))
    assert ours < 1e-6
    assert theirs > 0.01 or function(torch.zeros(1)) != 0


def test_residual_connections():
    """`x + layer(x)`: in Captum, more comes out than goes in; the output, in parts by what both contribute."""
    model = Net(lambda net, x: (x + net.first(x)).sum(1, keepdim=True), first=lambda: nn.Linear(4, 4, bias=False))
    calls = [run(lambda attr: attr.LRP(model).attribute(X.clone(), return_convergence_delta=True)) for run in RUNS]
    (_, theirs), (found, ours) = map(value_of, calls)
    assert theirs.abs().max() > 0.1
    assert ours.abs().max() < 1e-6
    same(found, gradient_times_input(model))


def gradient_times_input(model: nn.Module) -> Tensor:
    return pellucid.attr.InputXGradient(model).attribute(X)


def test_residual_connections_after_an_activation():
    """`layer(relu(x)) + relu(x)` after layers: not all of the output is passed back in Captum; all of it."""

    def run(net: Net, x: Tensor) -> Tensor:
        hidden = net.act(x)
        return net.middle(hidden) + hidden

    theirs, ours = kept(around(run, bias=False, act=nn.ReLU, middle=lambda: nn.Linear(6, 6, bias=False)))
    assert theirs > 0.01
    assert ours < 1e-6


def test_what_skips_an_activation():
    """What goes to `nn.ReLU` and to a layer beside it: the layer's part is lost in Captum; the sum of both."""

    def run(net: Net, x: Tensor) -> Tensor:
        hidden = net.first(x)
        return net.add(net.last(net.act(hidden)), net.beside(hidden))

    to_two = {name: (lambda: nn.Linear(6, 2, bias=False)) for name in ("last", "beside")}
    first = {"first": lambda: nn.Linear(4, 6, bias=False)}
    theirs, ours = kept(Net(run, **first, **to_two, act=nn.ReLU, add=Addition_Module))
    assert theirs > 0.01
    assert ours < 1e-6


def wide(x: Tensor) -> Tensor:
    """Six features as two channels of three."""
    return x.reshape(-1, 2, 3)


MODULES: dict[str, tuple[Callable[..., Tensor], Callable[[], nn.Module]]] = {
    "GELU": (lambda net, x: net.new(x), nn.GELU),
    "SiLU": (lambda net, x: net.new(x), nn.SiLU),
    "Sigmoid": (lambda net, x: net.new(x), nn.Sigmoid),
    "LeakyReLU": (lambda net, x: net.new(x), nn.LeakyReLU),
    "ELU": (lambda net, x: net.new(x), nn.ELU),
    "Softmax": (lambda net, x: net.new(x), lambda: nn.Softmax(1)),
    "LayerNorm": (lambda net, x: net.new(x), lambda: nn.LayerNorm(6)),
    "RMSNorm": (lambda net, x: net.new(x), lambda: nn.RMSNorm(6)),
    "GroupNorm": (lambda net, x: net.new(x), lambda: nn.GroupNorm(2, 6)),
    "BatchNorm1d": (lambda net, x: net.new(x), lambda: nn.BatchNorm1d(6)),
    "Identity": (lambda net, x: net.new(x), nn.Identity),
    "Flatten": (lambda net, x: net.new(wide(x)), nn.Flatten),
    "Unflatten": (lambda net, x: net.new(x).flatten(1), lambda: nn.Unflatten(1, (2, 3))),
    "Conv1d": (lambda net, x: net.new(wide(x)).flatten(1), lambda: nn.Conv1d(2, 2, 3, padding=1)),
    "ConvTranspose1d": (lambda net, x: net.new(wide(x)).flatten(1), lambda: nn.ConvTranspose1d(2, 2, 3, padding=1)),
    "AvgPool1d": (lambda net, x: net.new(wide(x)).flatten(1).repeat(1, 3), lambda: nn.AvgPool1d(3)),
    "AdaptiveMaxPool1d": (lambda net, x: net.new(wide(x)).flatten(1).repeat(1, 3), lambda: nn.AdaptiveMaxPool1d(1)),
    "Upsample": (lambda net, x: net.new(wide(x)[:, :1]).flatten(1), lambda: nn.Upsample(6)),
    "Dropout1d": (lambda net, x: net.new(wide(x)).flatten(1), nn.Dropout1d),
    "MultiheadAttention": (
        lambda net, x: (lambda y: net.new(y, y, y)[0].flatten(1))(x.reshape(-1, 3, 2)),
        lambda: nn.MultiheadAttention(2, 1, batch_first=True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_modules_without_a_rule_in_captum(name: str):
    """GELU, Sigmoid, LayerNorm, Conv1d, Flatten, attention and most other modules: an error in Captum; explained."""
    run, made = MODULES[name]
    model = around(run, new=made)
    assert_refused(model, TypeError)
    found = value_of(on_pellucid(explain(model, strict=True)))
    assert found.abs().max() > 1e-5
    assert found.isfinite().all()


def test_a_module_that_is_used_twice():
    """A layer that is called twice: an error in Captum; as if there were two of the same weights."""

    def model(again: str) -> Net:
        net = around(
            lambda net, x: getattr(net, again)(net.one(x).relu()),
            one=lambda: nn.Linear(6, 6),
            other=lambda: nn.Linear(6, 6),
        )
        net.other.load_state_dict(net.one.state_dict())
        return net

    assert_refused(model("one"), RuntimeError)
    same(*(value_of(on_pellucid(explain(model(again)))) for again in ("one", "other")), tolerance=1e-12)


class MyLinear(nn.Linear):
    """A subclass that changes nothing."""


def test_subclasses_of_layers():
    """A subclass of `nn.Linear`: an error in Captum; a layer like any other."""
    one, other = (around(lambda net, x: net.new(x), new=lambda kind=kind: kind(6, 6)) for kind in (MyLinear, nn.Linear))
    assert_refused(one, TypeError)
    same(value_of(on_pellucid(explain(one))), value_of(on_captum(explain(other))).detach())


def test_functions_as_models():
    """A function as a model: an error in Captum; explained."""
    model = plain()
    call = explain(lambda x: model(x))
    assert type(error_of(on_captum(call))) is AttributeError
    same(value_of(on_pellucid(call)), value_of(on_captum(explain(model))).detach())


def test_a_layer_as_a_model():
    """A model that is a single layer: Captum takes the gradient times the output; its rule."""
    model = Net(lambda net, x: net.only(x), only=lambda: nn.Linear(4, 2, bias=False))
    theirs, ours = both(explain(model.only))
    same(theirs, model.only.weight[1].detach() * model(X)[:, 1:].detach())
    same(ours, X * model.only.weight[1].detach())


def test_weights_that_functions_use():
    """`F.linear` with weights: Captum takes the gradient; a layer like any other."""
    model = around(
        lambda net, x: functional.linear(x.relu(), net.new.weight, net.new.bias), new=lambda: nn.Linear(6, 6)
    )
    by_module = around(lambda net, x: net.new(net.act(x)), new=lambda: nn.Linear(6, 6), act=nn.ReLU)
    theirs, ours = both(explain(model))
    same(ours, value_of(on_captum(explain(by_module))).detach())
    assert (theirs - ours).abs().max() > 0.001


def test_inplace_rectifiers_that_come_first():
    """`nn.ReLU(inplace=True)` right after the inputs: an error in Captum; explained."""

    def model(inplace: bool) -> Net:
        return Net(lambda net, x: net.last(net.act(x)), act=lambda: nn.ReLU(inplace), last=lambda: nn.Linear(4, 2))

    assert type(error_of(on_captum(explain(model(inplace=True))))) is RuntimeError
    same(
        value_of(on_pellucid(explain(model(inplace=True)))), value_of(on_captum(explain(model(inplace=False)))).detach()
    )


def test_arguments_that_are_no_numbers():
    """A string among `additional_forward_args`: an error in Captum; passed as it is."""
    model = Net(lambda net, x, how: net.last(getattr(torch, how)(net.first(x))), **LAYERS)
    call = explain(model, additional_forward_args="tanh")
    assert_refused(model, TypeError, additional_forward_args="tanh")
    by_module = around(lambda net, x: net.act(x), act=nn.Tanh)
    same(value_of(on_pellucid(call)), value_of(on_captum(explain(by_module))).detach())


LAYERS: dict[str, Callable[[], nn.Module]] = {"first": lambda: nn.Linear(4, 6), "last": lambda: nn.Linear(6, 2)}


def test_layers_that_are_called_by_keywords():
    """`layer(input=x)`: an error in Captum; a layer like any other."""
    model = Net(lambda net, x: net.last(net.first(input=x)), **LAYERS)
    assert_refused(model, IndexError)
    same(value_of(on_pellucid(explain(model))), value_of(on_captum(explain(around(lambda net, x: x)))).detach())


# Rules.


def test_rules_of_containers():
    """A rule on a container: ignored by both, and kept by both; name its layers in a composite."""
    theirs, ours = {}, {}
    for run, found in zip(RUNS, (theirs, ours), strict=True):
        inner = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)).double()
        inner.load_state_dict(plain_state())
        model = nn.Sequential(inner)
        found["without"] = value_of(run(explain(model))).detach()
        found["with"] = value_of(run(ruled(inner, gamma, explain(model)))).detach()
        assert hasattr(inner, "rule")
        same(found["with"], found["without"], tolerance=0)
    same(ours["with"], theirs["with"])


def plain_state() -> dict[str, Tensor]:
    names = {"first.weight": "0.weight", "first.bias": "0.bias", "last.weight": "2.weight", "last.bias": "2.bias"}
    return {names[name]: each for name, each in plain().state_dict().items()}


def test_rules_of_parametrized_layers():
    """A rule on a layer whose weights are parametrized: an error in Captum; it goes by the weights that are used."""
    model, bare = plain(), plain()
    nn.utils.parametrizations.weight_norm(model.first)
    assert type(error_of(on_captum(ruled(model.first, gamma, explain(model))))) is TypeError
    bare.first.rule = model.first.rule = our_rules.GammaRule(0.5)
    same(*(value_of(on_pellucid(explain(each))) for each in (model, bare)), tolerance=1e-12)


@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh])
def test_layers_that_pass_all_on_after_an_activation(act: Callable[[], nn.Module]):
    """`IdentityRule` on a layer right after an activation: Captum passes something else on; R = R."""
    modules = {"one": act, "middle": lambda: nn.Linear(6, 6)}
    model = around(lambda net, x: net.middle(net.one(x)), **modules)
    theirs, ours = both(ruled(model.middle, lambda rules: rules.IdentityRule(), explain(model)))
    h = model.middle(model.one(model.first(X))).detach()
    received = model.last.weight[1].detach() * h
    z = model.first(X).detach()
    same(ours, X * ((received / (z + 1e-9 * z.sign())) @ model.first.weight.detach()))
    assert (theirs - ours).abs().max() > 0.01


def test_sums_that_pass_all_on():
    """`IdentityRule` on a sum of two: Captum gives all of it to each; half to each."""

    def run(net: Net, x: Tensor) -> Tensor:
        return net.add(net.one(x), net.two(x))

    layers = {name: (lambda: nn.Linear(6, 6, bias=False)) for name in ("one", "two")}
    model = around(run, bias=False, add=Addition_Module, **layers)
    call = ruled(model.add, lambda rules: rules.IdentityRule(), explain(model, return_convergence_delta=True))
    (_, theirs), (_, ours) = (value_of(each(call)) for each in RUNS)
    output = model(X)[:, 1].detach()
    same(theirs.detach(), -output, tolerance=1e-5)
    same(ours, torch.zeros_like(output), tolerance=1e-5)


@pytest.mark.parametrize("rule", ["gamma", 0.5, our_rules.GammaRule])
def test_what_is_no_rule(rule: Any):
    """Something else as a rule: refused by both, by Captum when it is told of the model; when it is needed."""
    model = plain()
    model.first.rule = rule
    assert type(error_of(on_captum(lambda attr: attr.LRP(model)))) is TypeError
    assert on_pellucid(lambda attr: attr.LRP(model)).error is None
    assert isinstance(error_of(on_pellucid(explain(model))), NoRule)


def test_none_as_a_rule():
    """`module.rule = None`: an error in Captum; no rule of its own."""
    model = plain()
    expected = value_of(on_pellucid(explain(model)))
    model.first.rule = None
    assert_refused(model, AttributeError)
    same(value_of(on_pellucid(explain(model))), expected, tolerance=0)


def test_rules_of_captum():
    """A rule of Captum's own on a module: pellucid refuses it, and says where its own are."""
    model = plain()
    model.first.rule = captums_rules.GammaRule()
    error = error_of(on_pellucid(explain(model)))
    assert isinstance(error, TypeError)
    assert "pellucid.attr.lrp_rules" in str(error)


# Calls without a rule.


def test_calls_without_a_rule():
    """`torch.cumprod` and other calls without a rule: Captum takes gradients in silence; a warning."""
    model = around(lambda net, x: x.cumprod(1))
    value_of(on_captum(explain(model)))
    with pytest.warns(PellucidWarning, match="no rule for cumprod"):
        found = value_of(on_pellucid(explain(model)))
    assert found.isfinite().all()


def test_calls_without_a_rule_refused():
    """The same with `strict=True`: an error, which is a TypeError like Captum's of modules without a rule."""
    error = error_of(on_pellucid(explain(around(lambda net, x: x.cumprod(1)), strict=True)))
    assert isinstance(error, NoRule)
    assert isinstance(error, TypeError)
    assert "cumprod" in str(error)


# Layers.


def in_layer(model: nn.Module, layer: Any, **arguments: Any) -> Call:
    return lambda attr: attr.LayerLRP(model, layer).attribute(X.clone(), target=1, **arguments)


@pytest.mark.parametrize("to_input", [False, True])
def test_activations_as_layers(to_input: bool):
    """Relevance of an activation's inputs or outputs: an error in Captum; that of the layers around it."""
    model = plain()
    call = in_layer(model, model.act, attribute_to_layer_input=to_input)
    assert type(error_of(on_captum(call))) is AttributeError
    expected = value_of(on_captum(in_layer(model, model.last, attribute_to_layer_input=True))).detach()
    same(value_of(on_pellucid(call)), expected)


def test_containers_as_layers():
    """Relevance of a container: an error in Captum; that of the first or last layer in it."""
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 6), nn.ReLU()), nn.Linear(6, 2)).double()
    assert type(error_of(on_captum(in_layer(model, model[0])))) is AttributeError
    expected = value_of(on_captum(in_layer(model, model[1], attribute_to_layer_input=True))).detach()
    same(value_of(on_pellucid(in_layer(model, model[0]))), expected)


def test_inputs_of_layers_that_pass_all_on():
    """Relevance of the inputs of a layer with `IdentityRule`: an error in Captum; that of its outputs."""
    model = around(lambda net, x: net.middle(x), middle=lambda: nn.Linear(6, 6))
    call = in_layer(model, model.middle, attribute_to_layer_input=True)

    def identity(rules: ModuleType) -> Any:
        return rules.IdentityRule()

    assert type(error_of(on_captum(ruled(model.middle, identity, call)))) is AssertionError
    expected = value_of(on_pellucid(ruled(model.middle, identity, in_layer(model, model.middle))))
    same(value_of(on_pellucid(ruled(model.middle, identity, call))), expected)


def test_inputs_of_a_sum():
    """Relevance of the two inputs of `Addition_Module`: Captum gives them as its backward goes; in order."""
    layers = {name: (lambda: nn.Linear(6, 6)) for name in ("one", "two")}
    model = around(lambda net, x: net.add(net.one(x), net.two(x)), add=Addition_Module, **layers)
    theirs, ours = (value_of(run(in_layer(model, model.add, attribute_to_layer_input=True))) for run in RUNS)
    for our, their, name in zip(ours, reversed(theirs), ("one", "two"), strict=True):
        same(our, their.detach())
        same(our, value_of(on_captum(in_layer(model, getattr(model, name)))).detach())
    assert (theirs[0] - theirs[1]).abs().max() > 0.01


def test_deltas_of_several_layers():
    """Deltas of a list of layers: a list in Captum; a tensor, (layers, B), that is indexed in the same way."""
    model = plain()
    call = in_layer(model, [model.last, model.first], return_convergence_delta=True)
    (_, theirs), (found, ours) = (value_of(run(call)) for run in RUNS)
    assert isinstance(theirs, list)
    assert isinstance(found, list)
    assert ours.shape == (2, 3)
    for place, delta in enumerate(theirs):
        same(ours[place], delta.detach())


def test_attributions_can_be_differentiated():
    """A gradient through attributions: an error in Captum; with `create_graph`, as by finite differences."""
    model = around(lambda net, x: net.act(x), act=nn.Tanh)

    def squared(attr: ModuleType, x: Tensor, **more: Any) -> Tensor:
        return attr.LRP(model).attribute(x, target=1, **more).square().sum()

    def slope(attr: ModuleType, **more: Any) -> Tensor:
        x = X.clone().requires_grad_()
        return torch.autograd.grad(squared(attr, x, **more), x)[0]

    assert type(error_of(on_captum(slope))) is RuntimeError
    found, step = slope(pellucid.attr, create_graph=True), 1e-6 * drawn(3, 4, seed=8)
    ends = [float(squared(pellucid.attr, X + sign * step)) for sign in (1, -1)]
    assert float((found * step).sum()) == pytest.approx((ends[0] - ends[1]) / 2, rel=1e-4)
