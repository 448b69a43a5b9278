"""A forward ends after the last call that matters, once calls have been counted; numbers and models do not notice."""

import gc
import itertools
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from laws.problems import problem_of
from laws.registry import CASES, Case, close
from laws.state import as_found
from pellucid import attr
from pellucid.core.model import facts as model_facts
from pellucid.core.model import forward_kind as kinds
from pellucid.core.model.facts import facts_of
from pellucid.methods import InputXGradient, Layer, Neuron, Problem, Saliency

pytestmark = pytest.mark.usefixtures("without_row_checks")


def seeded(make: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        return make().double().eval()


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Steps(nn.Module):
    """Three layers, the middle one called three times."""

    def __init__(self):
        super().__init__()
        self.first, self.again, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.first(x))
        for _ in range(3):
            x = torch.tanh(self.again(x))
        return self.last(x)


ALL = {"first": 1, "again": 3, "last": 1}
X = numbers(3, 4)


@contextmanager
def counted(model: nn.Module) -> Iterator[Counter[str]]:
    """How often the children of a model are called."""
    count: Counter[str] = Counter()
    handles = [
        module.register_forward_pre_hook(lambda *_, name=name: count.update([name]))
        for name, module in model.named_children()
    ]
    yield count
    for handle in handles:
        handle.remove()


def calls_of(model: nn.Module, call: Any) -> dict[str, int]:
    with counted(model) as count:
        call()
    return dict(count)


WAYS: dict[str, Any] = {
    "LayerActivation": lambda model, layer, **more: attr.LayerActivation(model, layer).attribute(X, **more),
    "NeuronGradient": lambda model, layer, **more: attr.NeuronGradient(model, layer).attribute(X, 1, **more),
    "NeuronIntegratedGradients": lambda model, layer, **more: attr.NeuronIntegratedGradients(model, layer).attribute(
        X, 1, n_steps=3, **more
    ),
    "NeuronGradientShap": lambda model, layer, **more: attr.NeuronGradientShap(model, layer).attribute(
        X, 1, torch.zeros(1, 4), seed=0, **more
    ),
    "from layer to neuron": lambda model, layer, **more: InputXGradient()(
        problem_of(model, X, source="first", target=Neuron(layer, 1), **more)
    ).values[0],
}
every_way = pytest.mark.parametrize("way", WAYS)
STOPPED = {"first": {"first": 1}, "again": {"first": 1, "again": 3}, "last": ALL}


@every_way
@pytest.mark.parametrize("layer", STOPPED)
def test_the_first_call_runs_in_full_and_the_second_stops(way: str, layer: str):
    model = seeded(Steps)
    in_full, then, later = (calls_of(model, lambda: WAYS[way](model, layer)) for _ in range(3))
    assert in_full == ALL
    assert then == later == STOPPED[layer]


@every_way
@pytest.mark.parametrize("layer", STOPPED)
def test_without_early_exit_every_call_runs_in_full(way: str, layer: str):
    model = seeded(Steps)
    for _ in range(3):
        assert calls_of(model, lambda: WAYS[way](model, layer, early_exit=False)) == ALL


@every_way
@pytest.mark.parametrize("layer", STOPPED)
def test_the_numbers_are_the_same(way: str, layer: str):
    model = seeded(Steps)
    first, second = (WAYS[way](model, layer) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(first, WAYS[way](seeded(Steps), layer, early_exit=False))


FACADES = [case for case in CASES if case.method.name.startswith("Neuron") or case.method.name == "LayerActivation"]


@pytest.mark.parametrize("case", FACADES, ids=lambda case: f"{case.method.name}-{case.specimen.name}")
def test_on_every_model_the_numbers_are_the_same(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    first, second = (case(model, inputs, **case.seed()) for _ in range(2))
    close(first, second, rtol=0, atol=0)
    if "Conductance" not in case.method.name:  # which explains the output, so it has no early exit
        close(first, case(case.specimen.model(), inputs, **case.seed(), early_exit=False), rtol=0, atol=0)


@pytest.mark.parametrize("call", [0, 1, 2])
def test_a_call_that_is_named_needs_no_counting(call: int):
    model, place = seeded(Steps), Layer("again", call=call)
    for _ in range(2):
        found = calls_of(model, lambda: Saliency()(Problem(model, X, target=Neuron(place, 1))))
        assert found == {"first": 1, "again": call + 1}


def test_what_a_layer_takes_is_read_before_it_runs():
    model = seeded(Steps)
    neurons = attr.NeuronGradient(model, "last")
    ran = []
    model.last.register_forward_hook(lambda *_: ran.append(1))
    for _ in range(3):
        neurons.attribute(X, 1, attribute_to_neuron_input=True)
    assert len(ran) == 1


def test_the_outputs_that_a_target_chooses_from_are_always_reached():
    model = seeded(Steps)
    for _ in range(3):
        assert calls_of(model, lambda: attr.LayerGradientXActivation(model, "first").attribute(X, 1)) == ALL
        assert calls_of(model, lambda: attr.NeuronConductance(model, "first").attribute(X, 1, target=0)) == ALL


def test_captures_at_a_layer_stop_and_the_line_does_not():
    model = seeded(Steps)
    at_layer = attr.LayerIntegratedGradients(model, "first")
    in_full, then = (calls_of(model, lambda: at_layer.attribute(X, target=1, n_steps=3)) for _ in range(2))
    assert in_full in ({"first": 3, "again": 9, "last": 3}, {"first": 3, "again": 6, "last": 2})
    assert then == {"first": 3, "again": 3, "last": 1}


class Shy(nn.Module):
    """Calls its layer as often as its batch, its modes and its option say."""

    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, times: int = 1) -> Tensor:
        for _ in range(times + (x.shape[0] > 3) + self.training + self.last.training):
            x = torch.tanh(self.layer(x))
        return self.last(x)


@pytest.mark.parametrize("reading", ["activation", "neuron"])
def test_counts_are_remembered_for_shapes_modes_and_arguments(reading: str):
    model = seeded(Shy)
    inputs = {"small": numbers(2, 4), "large": numbers(5, 4), "double": numbers(2, 4, seed=1)}
    kinds = list(itertools.product(inputs, (1, 2), (False, True), (False, True)))
    for name, times, training, training_inside in [*kinds, *kinds[::-1]]:
        model.train(training)
        model.last.train(training_inside)
        x = inputs[name]
        if reading == "activation":
            found = attr.LayerActivation(model, "layer").attribute(x, times)
        else:
            found = attr.NeuronGradient(model, "layer").attribute(x, 1, times)
        fresh = seeded(Shy).train(training)
        fresh.last.train(training_inside)
        if reading == "activation":
            expected = attr.LayerActivation(fresh, "layer").attribute(x, times, early_exit=False)
        else:
            expected = attr.NeuronGradient(fresh, "layer").attribute(x, 1, times, early_exit=False)
        assert torch.equal(found, expected)


def test_counts_are_remembered_for_each_dtype():
    class ByDtype(Shy):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.double(), 1 + (x.dtype == torch.float32))

    model = seeded(ByDtype)
    for dtype in (torch.float64, torch.float32, torch.float64, torch.float32):
        found = attr.LayerActivation(model, "layer").attribute(X.to(dtype))
        expected = attr.LayerActivation(seeded(ByDtype), "layer").attribute(X.to(dtype))
        assert torch.equal(found, expected)


def test_counts_are_remembered_for_each_model_that_shares_a_layer():
    class Once(Steps):
        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.again(self.first(x)))

    model, other = seeded(Steps), seeded(Once)
    other.again = model.again
    for _ in range(2):
        assert WAYS["NeuronGradient"](model, model.again).shape == X.shape
        assert calls_of(other, lambda: WAYS["NeuronGradient"](other, model.again))["again"] == 1
    assert calls_of(model, lambda: WAYS["NeuronGradient"](model, model.again)) == STOPPED["again"]


@pytest.mark.parametrize("kind", ["module", "bound method", "function", "object"])
def test_nothing_is_kept_alive(kind: str):
    class Callable:
        def __init__(self, model: nn.Module):
            self.model = model

        def __call__(self, x: Tensor) -> Tensor:
            return self.model(x)

    gc.collect()
    before = len(model_facts._FACTS)
    model = seeded(Steps)
    forward: Any = {
        "module": model, "bound method": model.forward, "function": lambda x, model=model: model(x),
        "object": Callable(model),
    }[kind]  # fmt: skip
    x = X.clone()
    for _ in range(2):
        attr.NeuronGradient(forward, model.again).attribute(x, 1)
    assert len(model_facts._FACTS) == before + 1
    kept = [weakref.ref(each) for each in (model, x, model.again.weight)]
    del model, forward, x
    gc.collect()
    assert [each() for each in kept] == [None] * 3
    assert len(model_facts._FACTS) == before


def test_the_memory_of_a_module_does_not_grow_without_end():
    model = seeded(Steps)
    for examples in range(1, 2 * kinds.MAX_KINDS + 5):
        attr.LayerActivation(model, "first").attribute(numbers(examples, 4))
    assert sum(map(len, facts_of(model).calls[model.first].known.values())) <= kinds.MAX_KINDS


class Careful(nn.Module):
    """Tries its first layer, and has another way if that fails."""

    def __init__(self, caught: type[BaseException]):
        super().__init__()
        self.first, self.other, self.last, self.caught = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2), caught
        self.failures = 0

    def forward(self, x: Tensor) -> Tensor:
        try:
            hidden = torch.tanh(self.first(x))
        except self.caught:
            self.failures += 1
            hidden = self.other(x)
        return self.last(hidden)


@every_way
def test_code_that_catches_exceptions_is_not_disturbed(way: str):
    model = seeded(lambda: Careful(Exception))
    found = [WAYS[way](model, "first") for _ in range(3)]
    assert model.failures == 0
    for each in found:
        assert torch.equal(each, WAYS[way](seeded(lambda: Careful(Exception)), "first", early_exit=False))


@every_way
def test_code_that_catches_everything_gets_the_right_answer_still(way: str):
    model = seeded(lambda: Careful(BaseException))
    found = [WAYS[way](model, "first") for _ in range(4)]
    for each in found:
        assert torch.equal(each, WAYS[way](seeded(lambda: Careful(BaseException)), "first", early_exit=False))


def test_an_attribution_inside_a_model_stops_itself_and_not_the_one_around_it():
    class Explaining(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside, self.layer, self.last = seeded(Steps), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            found = attr.LayerActivation(self.inside, "first").attribute(x.detach())
            return self.last(self.layer(x) + found)

    model = seeded(Explaining)
    for _ in range(3):
        count = calls_of(model, lambda: attr.NeuronGradient(model, "layer").attribute(X, 1))
    assert count == {"inside": 1, "layer": 1}
    close((attr.NeuronGradient(model, "layer").attribute(X, 1),), (model.layer.weight[1].detach().expand(3, 4),))


@every_way
def test_a_forward_that_stops_leaves_all_as_found(way: str):
    model = seeded(Steps)
    WAYS[way](model, "first")
    with as_found(model, X):
        WAYS[way](model, "first")
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())


def test_errors_are_no_counts():
    """A forward that failed has not been counted."""
    model = seeded(Steps)
    handle = model.last.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        attr.NeuronGradient(model, "again").attribute(X, 1)
    handle.remove()
    in_full, then = (calls_of(model, lambda: WAYS["NeuronGradient"](model, "again")) for _ in range(2))
    assert in_full == ALL
    assert then == STOPPED["again"]
