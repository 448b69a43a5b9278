"""A method of the user's, which may be a function, a class of Captum's kind, or a method of problems."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from pellucid.errors import WrongType
from pellucid.zoo.answer import Answer, per_feature
from pellucid.zoo.known_model import KnownModel, Quantity
from pellucid.zoo.listed import LISTED
from pellucid.zoo.listed_method import ListedMethod


@dataclass(frozen=True, kw_only=True)
class UserMethod:
    """A function of (model, inputs), or a class that is made with the model and has `attribute`.

    Args:
        name: What it is called.
        method: The function or class. Of `baselines`, `target`, `feature_mask` and `layer` it gets, by name, those
            that it has parameters for.
        computes: What it computes by its definition, if that is said.
    """

    name: str
    method: Callable[..., Any]
    computes: Quantity | None = None

    def lacks(self, known: KnownModel) -> str | None:
        """Why it cannot be asked of a model, if so."""
        takes_layers = "layer" in _parameters(self.method)
        if takes_layers and not (known.source or known.layer):
            return "the model has no layer to ask about"
        return "the question is about a layer" if known.source and not takes_layers else None

    def ask(self, known: KnownModel) -> Answer:
        """The attributions, with draws from the global generator that are the same each time."""
        layer = known.source or known.layer
        offered = {
            "baselines": known.baselines,
            "target": known.target,
            "feature_mask": known.feature_mask,
            "layer": known.model.get_submodule(layer) if layer else None,
        }

        def call(function: Callable[..., Any], *args: Any) -> Any:
            parameters = _parameters(function)
            return function(*args, **{name: value for name, value in offered.items() if name in parameters})

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            if inspect.isclass(self.method):
                values = call(call(self.method, known.model).attribute, known.inputs)
            else:
                values = call(self.method, known.model, known.inputs)
        attributions = per_feature(values, known)
        return Answer(attributions, attributions)


def method_of_user(
    method: Callable[..., Any], name: str | None, computes: Quantity | None
) -> UserMethod | ListedMethod:
    """A user's method as what can be evaluated.

    Args:
        method: What the user has given; with a first parameter `problem` or `f`, it is called with a
            [Problem][pellucid.methods.Problem], as pellucid's methods are.
        name: What it is called; its own name unless given.
        computes: What it computes by its definition, if that is said; what is known of pellucid's unless given.

    Raises:
        WrongType: If it cannot be called.
    """
    if not callable(method):
        raise WrongType(
            "method must be a function of (model, inputs), a class with attribute, or a method of pellucid.methods: "
            f"got {type(method).__name__}. Hint: zoo.evaluate(lambda model, inputs, target: ...)."
        )
    own_name = getattr(method, "__name__", type(method).__name__)
    name = name or own_name
    if next(iter(_parameters(method)), None) not in {"f", "problem"}:
        return UserMethod(name=name, method=method, computes=computes)
    alike = next((entry for entry in LISTED if entry.name == own_name), None)
    return ListedMethod(
        name=name,
        method=lambda _: method,
        needs=alike.needs if alike else "values",
        computes=computes or (alike.computes if alike else None),
    )


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function; none of one that does not tell."""
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return _no_parameters()


def _no_parameters() -> Mapping[str, inspect.Parameter]:
    """What built-in functions tell of theirs."""
    return {}
