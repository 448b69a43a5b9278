"""Inputs by name, in a dict, as a frame, outputs with names: the numbers of a plain call, in the user's structure."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas
import pytest
import torch
from torch import Tensor, nn

from laws.registry import Case, cases, close, damped, flat
from pellucid import attr
from zoo.specimens import Tensors

B = 3
LIKE_INPUTS = ("baselines", "feature_mask")
"""The arguments that lie as inputs do."""


class Output(OrderedDict):
    """What models of transformers return."""


@dataclass(frozen=True)
class Structure:
    """A way to hold inputs.

    Args:
        of: (names of the model's arguments, one value for each input) -> what a user has.
        back: What a user has -> the values.
        forward: The model's own `forward` -> one that takes inputs so, or returns outputs so.
        by_name: Whether further arguments come by name.
    """

    of: Callable[[list[str], tuple[Any, ...]], Any]
    back: Callable[[Any], tuple[Any, ...]]
    forward: Callable[[Any], Any] = lambda forward: forward
    by_name: bool = False


def as_frame(names: list[str], values: tuple[Any, ...]) -> Any:
    (value,) = values
    if not isinstance(value, Tensor):
        return value
    return pandas.DataFrame(value.numpy(), columns=list("abcd"), index=[f"row {row}" for row in range(len(value))])


def of_one_argument(forward: Any) -> Any:
    return lambda self, batch, *extra: forward(self, *batch["values"].values(), *extra)


def with_names(forward: Any) -> Any:
    def named(self: nn.Module, *given: Any) -> Output:
        output = forward(self, *given)
        return Output(output if isinstance(output, dict) else {"loss": output.sum(), "logits": output})

    return named


STRUCTURES = {
    "keywords": Structure(
        lambda names, values: dict(zip(names, values, strict=True)),
        lambda found: tuple(found.values()),
        by_name=True,
    ),
    "one argument": Structure(
        lambda names, values: {"rest": [None, "text"], "values": dict(zip(names, values, strict=True))},
        lambda found: tuple(found["values"].values()),
        of_one_argument,
    ),
    "outputs": Structure(
        lambda names, values: values if len(values) > 1 else values[0],
        lambda found: found if isinstance(found, tuple) else (found,),
        with_names,
    ),
    "a frame": Structure(as_frame, lambda found: (torch.tensor(found.to_numpy()),)),
}


def is_captums(case: Case) -> bool:
    return case.method.name.partition("-")[0] in attr.__all__


def model_in(case: Case, structure: Structure) -> tuple[nn.Module, list[str]]:
    """The specimen's model, taking its inputs in a structure, and the names of its arguments."""
    model = case.specimen.model()
    kind = type(model)
    names = [*inspect.signature(kind.forward).parameters][1:]

    model.__class__ = type(kind.__name__, (kind,), {"forward": structure.forward(kind.forward)})
    return model, names


def arguments_in(case: Case, inputs: Tensors, structure: Structure, names: list[str]) -> dict[str, Any]:
    """The arguments of a case in a structure."""
    arguments, count = case.arguments(inputs), len(inputs)
    for name in set(LIKE_INPUTS) & arguments.keys():
        value = arguments[name]
        arguments[name] = structure.of(names[:count], value if isinstance(value, tuple) else (value,))
    extra = arguments["additional_forward_args"]
    if structure.by_name and extra is not None:
        del arguments["additional_forward_args"]
        arguments["additional_forward_kwargs"] = dict(zip(names[count:], extra, strict=True))
    return arguments


def check(case: Case, structure: Structure) -> None:
    inputs = case.specimen.inputs(B)
    model, names = model_in(case, structure)
    given = structure.of(names[: len(inputs)], inputs)
    found = case.method.call(model, given, **arguments_in(case, inputs, structure, names), **case.places, **case.seed())
    expected = case(case.specimen.model(), inputs, **case.seed())
    if case.method.at == "inputs":
        assert type(found) is type(given)
        found = structure.back(found)
    close(flat(found), expected, **damped(case))


@pytest.mark.parametrize("structure", ["keywords", "one argument"])
@cases(is_captums, quick=1)
def test_mappings(case: Case, structure: str):
    check(case, STRUCTURES[structure])


@cases(lambda case: is_captums(case) and case.specimen.target(B) is not None, quick=1)
def test_outputs_with_names(case: Case):
    check(case, STRUCTURES["outputs"])


@cases(lambda case: is_captums(case) and case.specimen.shapes == ((4,),), quick=1)
def test_frames(case: Case):
    check(case, STRUCTURES["a frame"])
