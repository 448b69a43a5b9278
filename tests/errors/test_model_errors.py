"""An exception of the user's model stays what it is, and gets one note that says where it happened."""

import pytest
import torch
from torch import Tensor

from errors.table import FAILURES, Call
from laws.baselines import distribution
from laws.registry import METHODS, Method
from matrices import in_turn
from zoo.specimens import Between, Inside


class Failure(Exception):
    """The user's own exception, which takes more than a message."""

    def __init__(self, code: int, reason: str):
        super().__init__(code, reason)
        self.code = code


ERRORS = [Failure(7, "reason"), RuntimeError("mat1 and mat2"), KeyError("logits"), ValueError("bad"), AssertionError()]


@pytest.mark.parametrize(
    ("method", "error"),
    in_turn(METHODS, ERRORS, quick=1),
    ids=lambda value: value.name if isinstance(value, Method) else type(value).__name__,
)
def test_it_stays_what_it_is_and_gets_one_note(method: Method, error: Exception):
    def model(x: Tensor) -> Tensor:
        raise error

    error.__dict__.pop("__notes__", None)
    inside = {"layer": Inside("start"), "neuron": Inside("end", neuron=0)}
    places = {name: inside[name] for name in method.needs}
    x = torch.ones(5, 4, dtype=torch.float64)
    given = {"baselines": distribution((x,))[0]} if method.baselines else {}
    given |= method.players(((4,),)) if method.players else {}
    with pytest.raises(type(error)) as raised:
        method.call(Between(model) if places else model, x, **given, **places)
    assert raised.value is error
    (note,) = error.__notes__
    assert "pellucid" in note
    assert method.name.removeprefix("methods.").split("-")[0] in note or "NoiseTunnel" in method.name
    assert note.count("float64") == 1


def test_a_note_of_another_call_does_not_count():
    """A model that catches, keeps and raises again the same exception."""
    from pellucid import attr

    kept = RuntimeError("the same")

    def model(x: Tensor) -> Tensor:
        raise kept

    for _ in range(3):
        with pytest.raises(RuntimeError, match="the same"):
            attr.Saliency(model).attribute(torch.ones(2, 3))
    assert len(kept.__notes__) == 1


@pytest.mark.parametrize("call", FAILURES.values(), ids=FAILURES.keys())
def test_the_note_says_what_to_try(call: Call):
    with pytest.raises(call.error) as raised:
        call.method(call.model).attribute(call.inputs, **call.arguments)
    (note,) = raised.value.__notes__
    (hint,) = call.says
    assert not isinstance(raised.value, Warning)
    assert note.partition(" Hint: ")[2] == hint
