"""What is wrong with a call is shown at the user's line; what is wrong in the model, with all that led there."""

import traceback
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pellucid
from errors.table import ROWS, TABLE, Call, model
from pellucid import attr, methods
from pellucid.errors import InvalidArgument, NotDifferentiable, PellucidError

HOME = Path(pellucid.__file__).parent


def frames(error: BaseException) -> list[str]:
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


def ours(error: BaseException) -> int:
    return sum(Path(name).is_relative_to(HOME) for name in frames(error))


@pytest.mark.parametrize("call", TABLE.values(), ids=TABLE.keys())
def test_two_frames_of_ours_follow_the_users_line(call: Call):
    with pytest.raises(PellucidError) as raised:
        call.method(call.model).attribute(call.inputs, **call.arguments)
    assert frames(raised.value)[0] == __file__
    assert ours(raised.value) == 2
    assert raised.value.__suppress_context__


def test_methods_as_dataclasses_and_futures_show_little_too():
    problem = methods.Problem(model, ROWS, target=9)
    with pytest.raises(InvalidArgument) as raised:
        methods.Saliency()(problem)
    assert ours(raised.value) == 1
    with pytest.raises(InvalidArgument) as raised:
        attr.FeatureAblation(model).attribute_future(ROWS, target=9)
    assert ours(raised.value) <= 4
    with pytest.raises(InvalidArgument) as raised:
        attr.NoiseTunnel(attr.Saliency(model)).attribute(ROWS, target=9)
    assert ours(raised.value) == 2


def test_all_frames_can_be_had(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PELLUCID_DEBUG", "1")
    with pytest.raises(InvalidArgument) as raised:
        attr.Saliency(model).attribute(ROWS, target=9)
    assert ours(raised.value) > 10
    monkeypatch.setenv("PELLUCID_DEBUG", "0")
    with pytest.raises(InvalidArgument) as raised:
        attr.Saliency(model).attribute(ROWS, target=9)
    assert ours(raised.value) == 2


def test_the_models_own_errors_show_where_in_the_model():
    def broken(x: Tensor) -> Tensor:
        return x @ torch.ones(7, 7)

    with pytest.raises(RuntimeError, match="cannot be multiplied") as raised:
        attr.IntegratedGradients(broken).attribute(ROWS)
    assert frames(raised.value)[0] == frames(raised.value)[-1] == __file__


def test_errors_that_follow_from_the_models_show_them():
    with torch.inference_mode():
        made_there = nn.Linear(4, 3)
    with pytest.raises(NotDifferentiable, match="inference_mode") as raised:
        attr.Saliency(made_there).attribute(ROWS, target=0)
    assert ours(raised.value) == 2
    assert "linear.py" in frames(raised.value.__cause__)[-1]


def test_errors_in_a_users_function_show_it():
    def chosen(output: Tensor) -> Tensor:
        return attr.Saliency(model).attribute(output, target=9)

    with pytest.raises(InvalidArgument) as raised:
        attr.Saliency(lambda x: x).attribute(ROWS, target=chosen)
    assert [name for name in frames(raised.value) if name == __file__] == [__file__] * 2
