"""Every public name of Captum 0.9's `attr` is here, with its signature; what is new can only be named."""

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from inspect import Parameter
from types import FunctionType, ModuleType
from typing import Any

import captum.attr
import pytest
from captum.attr._utils import lrp_rules
from torch import nn

import pellucid.attr
import pellucid.attr.lrp_rules
from pellucid.attr._internals import OverriddenPart

MODULES: dict[str, tuple[ModuleType, ModuleType]] = {
    "attr": (pellucid.attr, captum.attr),
    "attr.visualization": (pellucid.attr.visualization, captum.attr.visualization),
    "attr.lrp_rules": (pellucid.attr.lrp_rules, lrp_rules),
}
COUNTS = {"attr": 75, "attr.visualization": 14, "attr.lrp_rules": 5}
OF_LANGUAGE_MODELS = {
    "ImageMaskInput",
    "InterpretableInput",
    "LLMAttribution",
    "LLMAttributionResult",
    "LLMGradientAttribution",
    "RemoteLLMAttribution",
    "RemoteLLMProvider",
    "TextTemplateInput",
    "TextTokenInput",
    "VLLMProvider",
}
"""Attributions of language models, and the inputs that only these take: not here yet."""
ON_ATTRIBUTIONS = {"DataLoaderAttribution", "NoiseTunnel"}
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
AUTOMATIC = {"perm_func", "perturbations_per_eval"}
"""Parameters whose default is None, which chooses; see the differences."""
TAKES_MORE = {"DataLoaderAttribution.attribute"}
"""What has `**kwargs` that Captum's has not, as has every `attribute_future` that only refuses."""
HOOKS = {"backward_hook_activation", "forward_hook", "forward_hook_weights", "forward_pre_hook_activations"}
"""Methods of Captum's rules, which set them on modules; pellucid sets none, and refuses a rule that overrides one."""


def public(package: str) -> list[str]:
    """The names that a module of Captum's lists, or else those that it defines."""
    module = MODULES[package][1]
    defined = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    return sorted(getattr(module, "__all__", [name for name in defined if not name.startswith("_")]))


NAMES = [(package, name) for package in MODULES for name in public(package) if name not in OF_LANGUAGE_MODELS]
API = [name for package, name in NAMES if package == "attr" and inspect.isclass(getattr(captum.attr, name))]
ON_MODELS = [name for name in API if hasattr(getattr(captum.attr, name), "get_name") and name not in ON_ATTRIBUTIONS]
"""Attributions of a model, and not of another attribution."""


def test_no_name_of_captums_is_left_out():
    assert {package: len(public(package)) for package in MODULES} == COUNTS
    assert set(public("attr")) >= OF_LANGUAGE_MODELS
    assert not [name for name in OF_LANGUAGE_MODELS if hasattr(pellucid.attr, name)]
    assert pellucid.attr.visualization.__all__ == public("attr.visualization")
    assert pellucid.attr.lrp_rules.__all__ == public("attr.lrp_rules")


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_what_a_name_stands_for_is_the_same(package: str, name: str):
    ours, theirs = (getattr(module, name) for module in MODULES[package])
    if inspect.ismodule(theirs):
        assert inspect.ismodule(ours)
    elif inspect.isfunction(theirs):
        assert_takes_the_same(ours, theirs, name)
    elif not inspect.isclass(theirs):
        assert typing.get_args(ours) == typing.get_args(theirs)
    elif issubclass(theirs, Enum):
        assert [(member.name, member.value) for member in ours] == [(member.name, member.value) for member in theirs]
    else:
        for member in members(theirs):
            assert kind(ours, member) is kind(theirs, member), member
            if kind(theirs, member) is not property:
                assert_takes_the_same(getattr(ours, member), getattr(theirs, member), f"{name}.{member}")


def members(cls: type) -> Iterator[str]:
    """The constructor, and the public functions and properties that Captum defines in a class and its bases."""
    yield "__init__"
    for base in cls.__mro__:
        for name in vars(base) if base.__module__.startswith("captum.") else ():
            if (not name.startswith("_") or name == "__call__") and name not in HOOKS and kind(cls, name):
                yield name


def kind(cls: type, member: str) -> type | None:
    """How a class has a function or property; nothing for other values."""
    found = inspect.getattr_static(cls, member)
    kinds = {OverriddenPart: property} | {each: each for each in (property, classmethod, staticmethod, FunctionType)}
    return kinds.get(type(found))


def assert_takes_the_same(ours: Callable[..., Any], theirs: Callable[..., Any], name: str) -> None:
    """By position as by name, with the same defaults; what is new can only be given by name, or left out."""
    expected = list(inspect.signature(theirs).parameters.values())
    found = list(inspect.signature(ours).parameters.values())
    if (name.endswith(".attribute_future") and len(expected) == 1) or name in TAKES_MORE:
        found = [each for each in found if each.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)]
    new = [each for each in found if each.kind is Parameter.KEYWORD_ONLY]
    if (
        found and found[-1].kind is Parameter.VAR_KEYWORD and found[-1].name == "data"
    ):  # what is said of inputs that are no tensors
        found = found[:-1]
    assert [taken(each) for each in found if each not in new] == [
        (kind, each, "None" if each in AUTOMATIC else default) for kind, each, default in map(taken, expected)
    ]
    assert all(each.default is not Parameter.empty for each in new)


def taken(parameter: Parameter) -> tuple[Any, str, str]:
    """How a parameter is given, its name and its default, in a text that does not change from run to run."""
    return parameter.kind, parameter.name, re.sub(r" at 0x\w+", "", repr(parameter.default))


@pytest.mark.parametrize("name", API)
def test_bases_and_names_are_the_same(name: str):
    ours, theirs = getattr(pellucid.attr, name), getattr(captum.attr, name)
    assert [base.__name__ for base in ours.__mro__ if base.__name__ in API] == [
        base.__name__ for base in theirs.__mro__ if base.__name__ in API
    ]
    if hasattr(theirs, "get_name"):
        assert ours.get_name() == theirs.get_name()


@pytest.mark.parametrize("multiply_by_inputs", [True, False])
@pytest.mark.parametrize("name", ON_MODELS)
def test_what_objects_say_of_themselves_is_the_same(name: str, multiply_by_inputs: bool):
    def said(attr: Any) -> list[Any]:
        taken = inspect.signature(getattr(captum.attr, name)).parameters
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
