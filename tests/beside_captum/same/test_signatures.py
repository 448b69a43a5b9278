"""Names, order and defaults are Captum 0.9's, as `captum-0.9-api.json` lists them; what is new can only be named."""

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import captum.attr
import pytest
from torch import nn

import pellucid.attr
from pellucid.attr._internals import OverriddenPart

LISTED = json.loads(Path(__file__).with_name("captum-0.9-api.json").read_text())
API = {name: described for name, described in LISTED.items() if "init" in described}
FUNCTIONS = {name: described["function"] for name, described in LISTED.items() if "function" in described}
METHODS = [
    (name, method, parameters)
    for name, described in API.items()
    for method, parameters in described["methods"].items()
    if parameters != "property"
]
ON_ATTRIBUTIONS = {"DataLoaderAttribution", "NoiseTunnel"}
ON_MODELS = [name for name in API if "get_name" in API[name]["methods"] and name not in ON_ATTRIBUTIONS]
"""Attributions of a model, and not of another attribution."""
MODEL, LAYER = nn.Identity(), nn.Identity()
THEIR_OWN = {
    "backward_handles",
    "backward_hooks",
    "call",
    "deconv",
    "eps",
    "forward_handles",
    "guided_backprop",
    "memory_efficient",
    "use_relu_grad_output",
    "use_weights",
    "permutation_generator",
}
"""Attributes that only one of the libraries has, for its own use."""
AUTOMATIC = {"perturbations_per_eval", "perm_func"}
"""Parameters with a default of None, which chooses; see the differences."""

STARRED = {inspect.Parameter.VAR_POSITIONAL: "*args", inspect.Parameter.VAR_KEYWORD: "**kwargs"}

TAKES_MORE = {"DataLoaderAttribution.attribute"}
"""What has `**kwargs` that Captum's has not."""


def of_pellucid(parameters: list[dict[str, str]]) -> list[dict[str, str]]:
    """What Captum lists, as pellucid has it."""
    return [each | ({"default": "None"} if each["name"] in AUTOMATIC else {}) for each in parameters]


def listed(function: Callable[..., Any], *, skip: int) -> tuple[list[dict[str, str]], list[str]]:
    """A function's parameters as the list has them, and the names of those that can only be given by name."""
    parameters, by_name = [], []
    for parameter in list(inspect.signature(function).parameters.values())[skip:]:
        if parameter.kind is parameter.KEYWORD_ONLY:
            by_name.append(parameter.name)
            continue
        if parameter.kind is parameter.VAR_KEYWORD and function.__qualname__ in TAKES_MORE:
            continue
        entry = {"name": parameter.name}
        if parameter.kind in STARRED:
            entry["kind"] = STARRED[parameter.kind]
        if parameter.default is not parameter.empty:
            entry["default"] = repr(parameter.default)
        parameters.append(entry)
    return parameters, by_name


@pytest.mark.parametrize("name", API)
def test_the_constructor_takes_the_same_parameters(name: str):
    parameters, _ = listed(getattr(pellucid.attr, name).__init__, skip=1)
    assert list(map(without_address, parameters)) == of_pellucid(API[name]["init"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_the_same_parameters(name: str):
    for attr in (pellucid.attr, captum.attr):
        assert listed(getattr(attr, name), skip=0) == (FUNCTIONS[name], [])


@pytest.mark.parametrize(("name", "method", "expected"), METHODS, ids=lambda value: value if type(value) is str else "")
def test_methods_take_the_same_parameters(name: str, method: str, expected: list[dict[str, str]]):
    function = getattr(getattr(pellucid.attr, name), method)
    static = isinstance(inspect.getattr_static(getattr(pellucid.attr, name), method), staticmethod)
    parameters, by_name = listed(function, skip=0 if static or inspect.ismethod(function) else 1)
    assert parameters == of_pellucid(expected)
    assert not set(by_name) & {each["name"] for each in expected}
    defaults = inspect.signature(function).parameters
    assert all(defaults[each].default is not inspect.Parameter.empty for each in by_name)


@pytest.mark.parametrize("name", API)
def test_bases_names_and_properties_are_the_same(name: str):
    ours, theirs = getattr(pellucid.attr, name), getattr(captum.attr, name)
    assert [base.__name__ for base in ours.__mro__[1:] if base.__name__ in API] == [
        base for base in API[name]["bases"] if base in API
    ]
    for method, parameters in API[name]["methods"].items():
        assert isinstance(inspect.getattr_static(ours, method), property) == (parameters == "property")
    if "get_name" in API[name]["methods"]:
        assert ours.get_name() == theirs.get_name()


@pytest.mark.parametrize("multiply_by_inputs", [True, False])
@pytest.mark.parametrize("name", ON_MODELS)
def test_what_objects_say_of_themselves_is_the_same(name: str, multiply_by_inputs: bool):
    def said(attr: Any) -> list[Any]:
        taken = {each["name"] for each in API[name]["init"]}
        parts = {"interpretable_model": None, "similarity_func": max, "perturb_func": min}
        space = {"perturb_interpretable_space": True, "from_interp_rep_transform": abs, "to_interp_rep_transform": None}
        arguments = {"layer": LAYER, "multiply_by_inputs": multiply_by_inputs, **parts, **space}
        method = getattr(attr, name)(MODEL, **{each: arguments[each] for each in arguments if each in taken})
        both = (method, attr.NoiseTunnel(method))
        return [
            (each.has_convergence_delta(), each.multiplies_by_inputs, each.forward_func, attributes(each))
            for each in both
        ]

    def attributes(method: Any) -> list[str]:
        parts = {
            name
            for base in type(method).__mro__
            for name, each in vars(base).items()
            if isinstance(each, OverriddenPart)
        }
        found = vars(method).keys() | parts - {"attributor"}  # which Captum's classes have, not their objects
        return sorted(each for each in found - THEIR_OWN if not each.startswith("_"))

    assert said(pellucid.attr) == said(captum.attr)


def test_the_list_is_of_the_captum_that_is_installed():
    for name, described in API.items():
        parameters, _ = listed(getattr(captum.attr, name).__init__, skip=1)
        assert [without_address(each) for each in parameters] == described["init"]


def without_address(parameter: dict[str, str]) -> dict[str, str]:
    """A parameter whose default's text does not change from run to run."""
    return {name: re.sub(r" at 0x\w+", "", text) for name, text in parameter.items()}
