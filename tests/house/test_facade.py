"""Signatures of Captum's names lead to methods: every parameter has one destination, and overloads say the same."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from house.source import SOURCES
from pellucid import attr, methods
from pellucid.attr._calls import calls

ATTRIBUTES = {
    f"{source.name}: {node.name}": [
        part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "attribute"
    ]
    for source in SOURCES
    if source.name.startswith("attr/") and not source.path.name.startswith("_")
    for node in source.nodes(ast.ClassDef)
    if isinstance(node, ast.ClassDef)
}
OVERLOADED = {name: functions for name, functions in ATTRIBUTES.items() if len(functions) > 1}


def parameters(function: ast.FunctionDef) -> dict[str, str | None]:
    """Names and defaults; of flags that overloads decide by, the names alone."""
    arguments = function.args
    defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [
        *zip(arguments.args, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return {
        argument.arg: None if argument.arg.startswith("return_") else default and ast.unparse(default)
        for argument, default in pairs
    }


@pytest.mark.parametrize("name", OVERLOADED)
def test_overloads_have_the_parameters_of_what_runs(name: str):
    *overloads, runs = OVERLOADED[name]
    assert [parameters(overload) for overload in overloads] == [parameters(runs)] * len(overloads)


def test_deltas_and_standard_errors_are_in_the_types():
    for name, functions in ATTRIBUTES.items():
        for function in functions[-1:]:
            flags = {"return_convergence_delta", "return_stderr"} & set(parameters(function))
            kwarg = function.args.kwarg
            of_another = (
                kwarg is not None and kwarg.arg != "data" and bool(flags)
            )  # NoiseTunnel's are those of the inside
            assert len(functions) - 1 == (len(flags) + 1 if flags and not of_another else 0), name


@dataclass(frozen=True, kw_only=True)
class Scaled:
    """A method with a field that has the name of an option, too."""

    factor: float = 1.0
    create_graph: bool = False

    def __call__(self, f: Any, baselines: Any = None) -> methods.Attributions:
        return methods.Attributions((f.x[0] * self.factor,))


def test_a_parameter_that_nobody_takes_is_refused_when_the_class_is_made():
    with pytest.raises(TypeError, match="attribute: factr must have one destination: got \\[\\]"):

        class Misspelt(attr.Attribution):
            @calls(Scaled, create_graph=True)
            def attribute(self, inputs: Tensor, factr: float = 1.0) -> Any:
                """Nothing."""


def test_a_parameter_that_two_take_is_refused_when_the_class_is_made():
    with pytest.raises(TypeError, match=r"create_graph must have one destination: got \['fields', 'options'\]"):

        class Ambiguous(attr.Attribution):
            @calls(Scaled)
            def attribute(self, inputs: Tensor, create_graph: bool = False) -> Any:
                """Nothing."""


def test_a_class_of_ones_own_calls_a_method_of_ones_own():
    class Scale(attr.Attribution):
        @calls(Scaled, create_graph=True)
        def attribute(self, inputs: Tensor, factor: float = 2.0) -> Any:
            """The inputs, times a factor."""

    x = torch.ones(2, 3)
    assert torch.equal(Scale(torch.sum).attribute(x), 2 * x)
    with pytest.raises(TypeError, match="unexpected keyword argument 'factr'"):
        Scale(torch.sum).attribute(x, factr=3.0)
