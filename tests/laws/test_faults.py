"""An exception at any module's call, forward or backward, leaves everything as it was, and reaches the caller."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from laws.counting import noticing
from laws.faults import Fault, Faults, forward_faults
from laws.registry import Case, cases
from laws.state import as_found
from pellucid.core.model import activation_replay
from training import in_training_mode


class Interrupt(BaseException):
    """What goes wrong and is no error: Ctrl-C."""


@contextmanager
def backward_faults(at: int | None = None, fault: type[BaseException] = Fault) -> Iterator[Faults]:
    """Something may happen when the gradient arrives at the output of every module."""
    faults = Faults(at, fault)
    handle = register_module_forward_hook(lambda _, inputs, output: noticing(output, faults.happens))
    try:
        yield faults
    finally:
        handle.remove()


@pytest.fixture(autouse=True)
def without_replays(monkeypatch: pytest.MonkeyPatch):
    """A fault in the check of a replay means that there is none, and not that the call fails: see test_replay."""
    monkeypatch.setattr(activation_replay, "MIN_ROWS_TO_REPLAY", math.inf)


both_directions = pytest.mark.parametrize("faulty", [forward_faults, backward_faults])


def spread(count: int, some: int | None) -> list[int]:
    """Numbers from the first to the last of a count, some of them evenly spread, or all."""
    return sorted({round(step * (count - 1) / (some - 1)) for step in range(some)}) if some else [*range(count)]


def directed(case: Case, faulty) -> bool:
    """Whether the method goes this way."""
    return case.method.gradient or faulty is forward_faults


@in_training_mode
@cases(quick=1)
@both_directions
@pytest.mark.parametrize("training", [False, pytest.param(True, marks=pytest.mark.large)])
@pytest.mark.parametrize("some", [4, pytest.param(None, marks=pytest.mark.large)])
@pytest.mark.parametrize("known", [False, True], ids=["in full", "stopped early"])
def test_at_every_module(case: Case, faulty, training: bool, some: int | None, known: bool):
    """In a first call, which counts those of the modules, and in a later one, which stops early."""
    if not directed(case, faulty) or (known and not case.method.needs):
        return
    inputs = case.specimen.inputs(3)
    given = case.arguments(inputs)
    if case.method.bounded:  # two blocks
        given["internal_batch_size"] = 3 * max(1, case.method.calls[1] // 2)
    for x in inputs[:1]:
        x.requires_grad_()

    def met() -> nn.Module:
        model = case.specimen.model(training=training)
        torch.manual_seed(2)  # coalitions that are drawn twice are evaluated once
        if known:
            case(model, inputs, **given)
            torch.manual_seed(2)
        return model

    model = met()
    with faulty() as faults:
        case(model, inputs, **given)
    if faults.count == 0:
        pytest.skip("no module runs on this way through the model")
    for at in spread(faults.count, some):
        model = met()
        with as_found(model, inputs, given), faulty(at), pytest.raises(Fault) as raised:
            case(model, inputs, **given)
        notes = raised.value.__notes__
        assert len(notes) == 1
        assert "called the model on inputs" in notes[0]


@in_training_mode
@cases(lambda case: case.specimen.name == "cnn")
@both_directions
def test_an_interrupt(case: Case, faulty):
    if not directed(case, faulty):
        return
    model, inputs = case.specimen.model(training=True), case.specimen.inputs(3)
    with as_found(model, inputs), faulty(0, Interrupt), pytest.raises(Interrupt):
        case(model, inputs)


@cases(lambda case: case.method.delta_calls[0] and case.specimen.name == "reused")
def test_while_deltas_are_measured(case: Case):
    inputs = case.specimen.inputs(3)
    with forward_faults() as without:
        case.raw(case.specimen.model(), inputs)
    with forward_faults() as faults:
        case.raw(case.specimen.model(), inputs, return_convergence_delta=True)
    assert faults.count > without.count
    for at in range(without.count, faults.count):
        model = case.specimen.model()
        with as_found(model, inputs), forward_faults(at), pytest.raises(Fault):
            case.raw(model, inputs, return_convergence_delta=True)
