"""Relevance propagation gives Captum's numbers where calls are modules that Captum has rules for, each used once."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from captum.attr._utils import lrp_rules as captums_rules
from captum.attr._utils.custom_modules import Addition_Module
from torch import Tensor, nn

import pellucid.attr
from beside_captum.same.compare import Call, assert_close, on_captum, on_pellucid, value_of
from pellucid.attr import lrp_rules as our_rules

Rules = Callable[[ModuleType], Any]
"""A rule of either library, made of its module of rules."""

EXAMPLES = 3
RULES: dict[str, Rules] = {
    "epsilon": lambda rules: rules.EpsilonRule(),
    "a large epsilon": lambda rules: rules.EpsilonRule(0.3),
    "gamma": lambda rules: rules.GammaRule(),
    "a large gamma without bias": lambda rules: rules.GammaRule(gamma=1.5, set_bias_to_zero=True),
    "alpha 1 beta 0": lambda rules: rules.Alpha1_Beta0_Rule(),
    "alpha 1 beta 0 without bias": lambda rules: rules.Alpha1_Beta0_Rule(set_bias_to_zero=True),
}
IDENTITY: Rules = lambda rules: rules.IdentityRule()  # noqa: E731


class Net(nn.Module):
    """Two networks, and a reshape between them."""

    def __init__(self, first: nn.Module, last: nn.Module, shape: tuple[int, ...] = (-1,)) -> None:
        super().__init__()
        self.first, self.last, self.shape = first, last, shape

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x).reshape(len(x), *self.shape))


def activation(choice: random.Random) -> nn.Module:
    return choice.choice([nn.ReLU, nn.ReLU, nn.Tanh, lambda: nn.Dropout(0.4), lambda: nn.ReLU(inplace=True)])()


def perceptron(choice: random.Random) -> tuple[nn.Module, tuple[int, ...]]:
    sizes = [choice.randint(3, 9) for _ in range(choice.randint(2, 4))]
    layers: list[nn.Module] = []
    for size, following in itertools.pairwise(sizes):
        layers += [nn.Linear(size, following, bias=choice.random() < 0.8), activation(choice)]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 4)), (sizes[0],)


def pool(choice: random.Random) -> list[nn.Module]:
    return choice.choice(
        [[nn.MaxPool2d(2)], [nn.MaxPool2d(3, 1, padding=1)], [nn.AvgPool2d(2)], [nn.AvgPool2d(3, 2, 1)], []]
    )


def convolution(inputs: int, outputs: int, choice: random.Random) -> nn.Conv2d:
    more = choice.choice([{"groups": 2}, {"dilation": 2, "padding": 1}, {"stride": 2}, {}])
    mode = choice.choice(["zeros", "zeros", "circular"])
    return nn.Conv2d(inputs, outputs, 3, bias=choice.random() < 0.7, padding_mode=mode, **{"padding": 1, **more})


def with_statistics(norm: nn.Module) -> nn.Module:
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2.0)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def convolutional(choice: random.Random) -> tuple[nn.Module, tuple[int, ...]]:
    layers: list[nn.Module] = []
    for inputs, outputs in ((2, 4), (4, 6)):
        layers.append(convolution(inputs, outputs, choice))
        if choice.random() < 0.6:
            layers.append(with_statistics(nn.BatchNorm2d(outputs)))
        layers += [activation(choice), *pool(choice)]
    return Net(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2)), nn.Sequential(nn.Linear(24, 4))), (2, 12, 12)


def pooled_in_1d(choice: random.Random) -> tuple[nn.Module, tuple[int, ...]]:
    first = nn.Sequential(nn.Linear(5, 12), nn.Tanh())
    return Net(first, Net(nn.MaxPool1d(2, stride=1), nn.Linear(9, 4)), (3, 4)), (5,)


def pooled_in_3d(choice: random.Random) -> tuple[nn.Module, tuple[int, ...]]:
    first = nn.Sequential(nn.Linear(5, 32), nn.ReLU())
    return Net(first, Net(nn.MaxPool3d(2), nn.Linear(4, 4)), (1, 4, 4, 2)), (5,)


class Residual(nn.Module):
    """Around a layer, by Captum's module for sums."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.layer, self.add, self.last = (
            nn.Linear(5, 6),
            nn.Linear(6, 6),
            Addition_Module(),
            nn.Linear(6, 4),
        )
        self.one, self.other = nn.ReLU(), nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.one(self.first(x))
        return self.last(self.add(hidden, self.other(self.layer(hidden))))


def residual(choice: random.Random) -> tuple[nn.Module, tuple[int, ...]]:
    return Residual(), (5,)


FAMILIES = {each.__name__: each for each in (perceptron, convolutional, pooled_in_1d, pooled_in_3d, residual)}
on_each_family = pytest.mark.parametrize("family", FAMILIES)


def made(family: str, seed: int) -> tuple[nn.Module, Tensor]:
    """A random model of four outputs, and examples; the first where all outputs depend on all examples."""
    for number in itertools.count(seed, 1000):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            model, shape = FAMILIES[family](random.Random(number))
            model, x = model.double().eval(), torch.randn(EXAMPLES, *shape, dtype=torch.float64)
        slopes = torch.autograd.functional.jacobian(lambda x, model=model: model(1 * x).sum(0), x)
        if slopes.flatten(2).any(-1).all():
            return model, x
    raise AssertionError


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that Captum has rules for, other than activations."""
    leaves = {name: each for name, each in model.named_modules() if not list(each.children())}
    return {name: each for name, each in leaves.items() if not isinstance(each, nn.ReLU | nn.Tanh | nn.Dropout)}


def chosen(model: nn.Module, seed: int) -> dict[str, Rules]:
    """A random rule for some layers."""
    choice, found = random.Random(seed), {}
    for name in layers_of(model):
        if choice.random() < 0.7:
            found[name] = choice.choice(list(RULES.values()))
    return found


def ruled(model: nn.Module, rules: dict[str, Rules], call: Call) -> Call:
    """A call while layers have rules, of either library."""

    def run(attr: ModuleType) -> Any:
        library = our_rules if attr is pellucid.attr else captums_rules
        layers = {name: model.get_submodule(name) for name in rules}
        for name, layer in layers.items():
            layer.rule = rules[name](library)
        try:
            return call(attr)
        finally:
            for layer in layers.values():
                vars(layer).pop("rule", None)

    return run


def target_of(kind: str, seed: int) -> Any:
    row = random.Random(seed).choices(range(4), k=EXAMPLES)
    kinds = {"number": row[0], "list": row, "tensor": torch.tensor(row), "tuple": (row[0],), "last": -1}
    return kinds[kind]


def explained(model: nn.Module, x: Any, target: Any = 1, **arguments: Any) -> Call:
    given = {"target": target, "return_convergence_delta": True, **arguments}

    def call(attr: ModuleType) -> Any:
        inputs = tuple(each.clone() for each in x) if isinstance(x, tuple) else x.clone()
        return attr.LRP(model).attribute(inputs, **given)

    return call


def in_layers(model: nn.Module, names: Any, x: Tensor, **arguments: Any) -> Call:
    given = {"target": 1, "return_convergence_delta": True, **arguments}

    def call(attr: ModuleType) -> Any:
        modules = (
            [model.get_submodule(name) for name in names] if isinstance(names, list) else model.get_submodule(names)
        )
        return attr.LayerLRP(model, modules).attribute(x.clone(), **given)

    return call


def assert_as_captums(*calls: Call) -> None:
    """The same attributions and deltas; a network that a rule makes dead may be among several."""
    alive = 0
    for call in calls:
        theirs, ours = (value_of(run(call)) for run in (on_captum, on_pellucid))
        (theirs, their_deltas), (ours, our_deltas) = detached(theirs), ours
        scale = max(float(each.abs().max()) for each in tensors(theirs))
        if scale > 0:
            alive += 1
            assert_close(ours, theirs)
        assert len(our_deltas) == len(their_deltas)
        for our, their in zip(our_deltas, their_deltas, strict=True):  # of each layer of a list, or of each example
            assert our.shape == their.shape
            assert (our - their).abs().max() <= 1e-5 * max(scale, 1e-12)
    assert alive >= len(calls) / 2, f"of {len(calls)} networks, only {alive} are alive"


def detached(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else type(value)(map(detached, value))


def tensors(value: Any) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else [tensor for each in value for tensor in tensors(each)]


@on_each_family
@pytest.mark.parametrize("kind", ["number", "list", "tensor", "tuple", "last"])
def test_without_rules(family: str, kind: str, seed: int):
    models = [made(family, 10 * seed + more) for more in range(3)]
    assert_as_captums(*(explained(model, x, target_of(kind, seed)) for model, x in models))


@on_each_family
def test_rules_on_random_layers(family: str, seed: int):
    models = [made(family, 20 * seed + more) for more in range(8)]
    assert_as_captums(*(ruled(model, chosen(model, seed), explained(model, x)) for model, x in models))


@pytest.mark.parametrize("rule", RULES)
@on_each_family
def test_one_rule_on_all_layers(family: str, rule: str, seed: int):
    models = [made(family, 30 * seed + more) for more in range(3)]
    rules = [dict.fromkeys(layers_of(model), RULES[rule]) for model, _ in models]
    calls = zip(models, rules, strict=True)
    assert_as_captums(*(ruled(model, each, explained(model, x)) for (model, x), each in calls))


def sequence(*layers: nn.Module, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A network with random weights, and examples with five features."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in layers:
            getattr(layer, "reset_parameters", int)()
        return nn.Sequential(*layers).double().eval(), torch.randn(EXAMPLES, 5, dtype=torch.float64)


def test_a_layer_that_passes_all_on(seed: int):
    """Where it comes after a module that is no activation; see the differences."""
    layers = (nn.Linear(5, 6), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 4))
    model, x = sequence(*layers, seed=seed)
    assert_as_captums(ruled(model, {"1": IDENTITY}, explained(model, x)))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("activation", ["1", "3"])
def test_rules_of_activations_are_ignored(rule: str, activation: str):
    model, x = sequence(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 4))
    assert_as_captums(ruled(model, {activation: RULES[rule]}, explained(model, x)))


OTHERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "a convolution in 1d": (lambda: nn.Conv1d(2, 3, 2), (2, 3)),
    "transposed": (lambda: nn.ConvTranspose1d(2, 2, 3), (2, 3)),
    "average pool in 1d": (lambda: nn.AvgPool1d(2), (2, 3)),
    "sigmoid": (nn.Sigmoid, (6,)),
    "GELU": (nn.GELU, (6,)),
    "leaky ReLU": (nn.LeakyReLU, (6,)),
    "batch norm in 1d": (lambda: with_statistics(nn.BatchNorm1d(6)), (6,)),
}


@pytest.mark.parametrize("rule", ["epsilon", "a large epsilon", "gamma", "alpha 1 beta 0 without bias"])
@pytest.mark.parametrize("name", OTHERS)
def test_modules_that_have_a_rule_of_the_user(name: str, rule: str):
    """Captum needs one for them."""
    make, shape = OTHERS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        module, x = make(), torch.randn(EXAMPLES, 5, dtype=torch.float64)
        size = module.eval()(torch.zeros(1, *shape)).numel()
        model = Net(nn.Linear(5, 6), Net(module, nn.Linear(size, 4)), shape).double().eval()
    assert_as_captums(ruled(model, {"last.first": RULES[rule]}, explained(model, x)))


PASSING = {"GELU": nn.GELU, "softmax": lambda: nn.Softmax(1), "layer norm": lambda: nn.LayerNorm(6), "ELU": nn.ELU}


@pytest.mark.parametrize("name", PASSING)
def test_modules_that_pass_all_on(name: str):
    """Whatever they do."""
    model, x = sequence(nn.Linear(5, 6), PASSING[name](), nn.Linear(6, 4))
    assert_as_captums(ruled(model, {"1": IDENTITY}, explained(model, x)))


def own_rule(how: str) -> Rules:
    """A rule of the user's own, a subclass of either library's base."""

    def made(rules: ModuleType) -> Any:
        class Own(rules.PropagationRule):
            STABILITY_FACTOR = 0.3 if how == "a large stabiliser" else 1e-9

            def _manipulate_weights(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
                CHANGES[how](module, inputs, outputs)

        return Own()

    return made


def square(module: nn.Module, inputs: Any, outputs: Any) -> None:
    module.weight.data = module.weight.data**2


def replace(module: nn.Module, inputs: Any, outputs: Any) -> None:
    module.weight = nn.Parameter(module.weight.abs())
    module.bias = nn.Parameter(torch.zeros_like(module.bias))


def zero_bias(module: nn.Module, inputs: Any, outputs: Any) -> None:
    module.bias.data = torch.zeros_like(module.bias.data)


def by_values(module: nn.Module, inputs: Any, outputs: Any) -> None:
    """The inputs are a tuple, and the outputs a tensor."""
    (x,) = inputs
    module.weight.data = module.weight.data * x.mean() + outputs.abs().max()


CHANGES: dict[str, Callable[[nn.Module, Any, Any], None]] = {
    "square": square,
    "replace": replace,
    "zero bias": zero_bias,
    "by values": by_values,
    "a large stabiliser": zero_bias,
}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("places", [["0"], ["2"], ["0", "2", "4"]], ids=str)
def test_rules_of_users(how: str, places: list[str]):
    model, x = sequence(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 4), seed=2)
    before = [each.clone() for each in model.parameters()]
    assert_as_captums(ruled(model, dict.fromkeys(places, own_rule(how)), explained(model, x)))
    assert all(map(torch.equal, before, model.parameters()))


@pytest.mark.parametrize("epsilon", [1e-9, 1e-3, 0.5, 10.0])
def test_epsilon(epsilon: float):
    model, x = sequence(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4))
    rule: Rules = lambda rules: rules.EpsilonRule(epsilon)  # noqa: E731
    assert_as_captums(ruled(model, {"0": rule, "2": rule}, explained(model, x)))


def test_rules_that_are_shared():
    """One instance on two layers."""
    model, x = sequence(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4))
    made: dict[Any, Any] = {}
    rule: Rules = lambda rules: made.setdefault(rules, rules.GammaRule(0.7))  # noqa: E731
    assert_as_captums(ruled(model, {"0": rule, "2": rule}, explained(model, x)))


class Pair(nn.Module):
    """Two inputs, a factor and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.add = nn.Linear(4, 6), nn.Linear(5, 6), Addition_Module()
        self.one, self.other, self.last, self.head = nn.ReLU(), nn.Tanh(), nn.ReLU(), nn.Linear(6, 4)

    def forward(self, a: Tensor, b: Tensor, power: int = 1, switch: float = 1.0) -> Tensor:
        hidden = self.add(self.one(self.left(a)), self.other(self.right(b)))
        return self.head(self.last(hidden) if power + switch > 2 else hidden)


@pytest.mark.parametrize("more", [None, 1, (2, 0.5)])
@pytest.mark.parametrize("rule", [None, *RULES])
def test_several_inputs_and_more_arguments(more: Any, rule: str | None, seed: int):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, a, b = Pair().double(), torch.randn(EXAMPLES, 4).double(), torch.randn(EXAMPLES, 5).double()
    rules = {} if rule is None else {"left": RULES[rule], "head": RULES[rule], "add": RULES["a large epsilon"]}
    call = explained(model, (a, b), [0, 3, 1], additional_forward_args=more)
    assert_as_captums(ruled(model, rules, call))


def test_a_tuple_of_one():
    model, x = sequence(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4))
    assert_as_captums(explained(model, (x,)))


@pytest.mark.parametrize("shape", [(EXAMPLES,), (EXAMPLES, 1)])
def test_one_output(shape: tuple[int, ...]):
    """Without a target."""
    first = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 1)).double()
    model, x = Net(first, nn.Sequential(), shape[1:]), torch.randn(EXAMPLES, 5).double()
    model.last = nn.Sequential(nn.ReLU())
    assert_as_captums(explained(model, x.abs(), None))


on_both_sides = pytest.mark.parametrize("to_input", [False, True], ids=["output", "input"])


@on_both_sides
@on_each_family
def test_layers(family: str, to_input: bool, seed: int):
    """Each by itself, where one of the others has a rule."""
    model, x = made(family, seed)
    names, calls = [name for name in layers_of(model) if name != "add"], []
    for name in names:
        rule = {names[seed % len(names)]: list(RULES.values())[seed % len(RULES)]}
        calls.append(ruled(model, rule, in_layers(model, name, x, attribute_to_layer_input=to_input)))
    assert_as_captums(*calls)


@on_both_sides
@on_each_family
def test_lists_of_layers(family: str, to_input: bool, seed: int):
    """Also of one layer: a list of attributions, and a delta for each layer."""
    model, x = made(family, seed)
    names = [name for name in layers_of(model) if name != "add"]
    lists = [names, names[::-1], names[:1], [names[-1], names[0]]]
    assert_as_captums(*(in_layers(model, some, x, attribute_to_layer_input=to_input) for some in lists))


def test_convergence_deltas(seed: int):
    model, x = made("perceptron", seed)

    def call(attr: ModuleType, of: Any = None) -> tuple[Tensor, ...]:
        method, output = attr.LRP(model), model(x)[:, 1].detach()
        found = method.attribute(x.clone(), target=1)
        several = method.compute_convergence_delta((found, found / 2), output)
        return (
            method.compute_convergence_delta(found, output),
            several,
            method.compute_convergence_delta(found, output[:, None]),
        )

    theirs, ours = (value_of(run(call)) for run in (on_captum, on_pellucid))
    torch.testing.assert_close(ours, detached(theirs), rtol=1e-8, atol=1e-8)


def test_single_precision(seed: int):
    model, x = made("convolutional", seed)
    assert_as_captums(explained(model.float(), x.float()))
