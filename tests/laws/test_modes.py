"""Neither flags of the parameters, nor modes of modules and of torch, nor compilation changes the numbers."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeAlias

import pytest
import torch
from torch import nn

from laws.registry import CASES, Case, cases, close, damped
from pellucid import attr
from pellucid.core.model.inspection import ModelInfo
from pellucid.errors import NotDifferentiable
from training import in_training_mode
from zoo.specimens import SPECIMENS

Change: TypeAlias = Callable[[Any], Any]

WITHOUT_MODES = ("reused", "functional", "in-place", "lstm", "two-inputs")


def freeze_all(model: nn.Module) -> None:
    model.requires_grad_(False)


def freeze_some(model: nn.Module) -> None:
    next(model.parameters()).requires_grad_(False)


@cases(quick=1)
@pytest.mark.parametrize("freeze", [pytest.param(freeze_all, marks=pytest.mark.large), freeze_some])
def test_frozen_parameters(case: Case, freeze):
    model, frozen, inputs = case.specimen.model(), case.specimen.model(), case.specimen.inputs(3)
    freeze(frozen)
    close(case(frozen, inputs, **case.seed()), case(model, inputs, **case.seed()))


@cases(lambda case: case.specimen.name in WITHOUT_MODES, quick=1)
def test_training_mode_of_modules_that_have_none(case: Case):
    inputs = case.specimen.inputs(3)
    training, evaluating = (case(case.specimen.model(training=mode), inputs, **case.seed()) for mode in (True, False))
    close(training, evaluating, **damped(case))


@in_training_mode
@cases(lambda case: case.specimen.name not in WITHOUT_MODES, quick=1)
def test_training_mode_with_dropout_repeats_under_a_global_seed(case: Case):
    model, inputs = case.specimen.model(training=True), case.specimen.inputs(3)
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(case(model, inputs, **case.seed()))
    close(results[0], results[1])
    if case.method.of_output:  # the dropout may lie behind the neuron
        assert not torch.equal(results[0][0], results[2][0])


@cases(quick=1)
@pytest.mark.parametrize(
    "mode", [torch.no_grad, torch.inference_mode, pytest.param(torch.enable_grad, marks=pytest.mark.large)]
)
def test_under_a_mode_of_torch(case: Case, mode):
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    expected = case(model, inputs, **case.seed())
    with mode():
        found = case(model, inputs, **case.seed())
    close(found, expected)
    assert not any(each.is_inference() for each in found)


@cases(quick=1)
def test_under_another_default_device(case: Case):
    """Nothing is made where torch would make it by default, nor kept from then; on "meta" it would have no numbers."""
    model, inputs = case.specimen.model(), case.specimen.inputs(6)
    given = case.arguments(inputs) | case.seed()
    with torch.device("meta"):
        under = case(model, inputs, **given)
    close(under, case(model, inputs, **given))


@cases(quick=1)
def test_autocast_reaches_the_model_and_nothing_else(case: Case):
    model, inputs = case.specimen.model(torch.float32), case.specimen.inputs(3, torch.float32)

    def casting(*inputs):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model(*inputs)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = case(model, inputs, **case.seed())
    close(found, case(casting, inputs, **case.seed()), rtol=1e-5, atol=1e-6)


@cases(quick=1)
@pytest.mark.parametrize("still_inside", [True, False])
def test_inputs_made_in_inference_mode(case: Case, still_inside: bool):
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    expected = case(model, inputs, **case.seed())
    with torch.inference_mode():
        inside = tuple(x.clone() for x in inputs)
        given = case.arguments(inside)
    with torch.inference_mode() if still_inside else nullcontext():
        found = case(model, inside, **case.seed(), **given)
    close(found, expected)


# Behind both layers of "two-inputs" there are no parameters.
@cases(lambda case: case.method.gradient and (case.specimen.name != "two-inputs" or case.method.calls[0] == 1), quick=1)
@pytest.mark.parametrize("training", [False, pytest.param(True, marks=pytest.mark.large)])
def test_parameters_made_in_inference_mode(case: Case, training: bool):
    with torch.inference_mode():
        model = case.specimen.model(training=training)
    with pytest.raises(NotDifferentiable, match=r"the model holds tensors made under torch\.inference_mode.*Hint: "):
        case(model, case.specimen.inputs(3), **case.seed())


@pytest.mark.parametrize(
    ("backend", "name"),
    [("eager", "reused"), ("eager", "two-inputs")]
    + [pytest.param("aot_eager", name, marks=pytest.mark.large) for name in SPECIMENS],
)
@pytest.mark.filterwarnings(
    "ignore:The .grad attribute"
)  # torch's compiler hides it, which makes no difference to errors
def test_compiled_modules(backend: str, name: str):
    specimen = SPECIMENS[name]
    model, inputs = specimen.model(), specimen.inputs(3)
    compiled = torch.compile(model, backend=backend)
    for case in [case for case in CASES if case.specimen is specimen]:
        close(case(compiled, inputs, **case.seed()), case(model, inputs, **case.seed()))
    torch.compiler.reset()


class Helped(nn.Module):
    """A module that holds functions of its own."""

    def __init__(self, changed: Change = lambda function: function):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(4, 6).double(), nn.Linear(6, 3).double()
        self.between = changed(lambda x: torch.relu(self.first(x)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.between(x))


def with_forward(compiled: Change) -> nn.Module:
    class Compiled(Helped):
        forward = compiled(Helped.forward)

    return Compiled()


COMPILED: dict[str, Callable[[nn.Module, Change], Any]] = {
    "a function": lambda model, compiled: compiled(lambda x: model(x)),
    "a method": lambda model, compiled: compiled(model.forward),
    "part of a function": lambda model, compiled: partial(compiled(lambda scale, x: scale * model(x)), 1),
    "called by a function": lambda model, compiled: (lambda inner: lambda x: inner(x))(compiled(lambda x: model(x))),
    "held by a module": lambda model, compiled: Helped(compiled),
    "the forward of a class": lambda model, compiled: with_forward(compiled),
}


@pytest.mark.parametrize("way", COMPILED)
@pytest.mark.parametrize("name", ["DeepLift", "LRP"])
def test_compiled_functions_run_their_python(name: str, way: str):
    """Nothing is compiled anew to be looked at, which takes seconds."""
    graphs: list[Any] = []
    x = torch.randn(2, 4, dtype=torch.float64)
    expected = getattr(attr, name)(Helped()).attribute(x, target=1)

    def compiled(function: Any) -> Any:
        return torch.compile(function, backend=lambda graph, inputs: (graphs.append(graph), graph.forward)[1])

    model = COMPILED[way](Helped(), compiled)
    plain = model(x)
    before = len(graphs)
    assert before > 0
    method = getattr(attr, name)(model)
    close((method.attribute(x, target=1),), (expected,))
    assert len(graphs) == before
    close((model(x),), (plain,))
    torch.compiler.reset()


def test_what_is_not_to_be_compiled_is_no_compiled_function():
    assert not ModelInfo.of(torch.compiler.disable(lambda x: x.sin())).compiled
    assert ModelInfo.of(torch.compile(lambda x: x.sin(), backend="eager")).compiled
