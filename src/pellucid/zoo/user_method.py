"""A method of the user's, which may be a function, a class of Captum's kind, or a method of problems."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from pellucid.errors import WrongType
from pellucid.zoo.answer import Answer, answer_of_interactions, per_feature, tensor_of
from pellucid.zoo.formulas import linear
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.listed import LISTED
from pellucid.zoo.listed_method import ListedMethod
from pellucid.zoo.quantity import Quantity, check_quantity


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
        takes_layers = "layer" in _free_parameters(self.method)
        if takes_layers and not (known.source or known.layer):
            return "the model has no layer to ask about"
        return "the question is about a layer" if known.source and not takes_layers else None

    def ask(self, known: KnownModel) -> Answer:
        """The attributions of a model that lacks nothing."""
        layer = known.source or known.layer
        offered = {
            "baselines": known.baselines,
            "target": known.target,
            "feature_mask": known.feature_mask,
            "layer": known.model.get_submodule(layer) if layer else None,
        }

        def call(function: Callable[..., Any], *args: Any) -> Any:
            parameters = _free_parameters(function)
            return function(*args, **{name: value for name, value in offered.items() if name in parameters})

        if inspect.isclass(_unbound(self.method)):
            values = call(call(self.method, known.model).attribute, known.inputs)
        else:
            values = call(self.method, known.model, known.inputs)
        if self.computes == "Shapley interactions":
            return answer_of_interactions(values, known)
        return Answer(per_feature(values, known), tensor_of(values))


def method_of_user(
    method: Callable[..., Any], name: str | None, computes: Quantity | None
) -> UserMethod | ListedMethod:
    """A user's method as what can be evaluated.

    Args:
        method: What the user has given; if its one positional parameter is `problem` or `f`, it is called with a
            [Problem][pellucid.methods.Problem], as pellucid's methods are.
        name: What it is called; its own name unless given.
        computes: What it computes by its definition, if that is said; of a method that is in the list, also if not.

    Raises:
        WrongType: If it cannot be called, or is a class without `attribute`.
        InvalidArgument: If `computes` is no quantity.
    """
    if computes is not None:
        check_quantity("computes", computes)
    unbound = _unbound(method)
    if not callable(method) or (inspect.isclass(unbound) and not hasattr(unbound, "attribute")):
        raise _no_method(unbound)
    name = name or str(getattr(unbound, "__name__", type(unbound).__name__))
    if inspect.isclass(unbound) or not _is_of_problems(method):
        return UserMethod(name=name, method=method, computes=computes)
    return _of_problems(method, name, computes)


def _no_method(given: Any) -> WrongType:
    """The error of what cannot be called, or not as a method."""
    if inspect.isclass(given):
        got, hint = f"the class {given.__name__}", f"{given.__name__}(...), if it is called with a Problem."
    elif hasattr(given, "attribute"):
        kind = type(given).__name__
        got, hint = f"an object of {kind}", f"{kind}, the class: it is made with every model."
    else:
        got, hint = type(given).__name__, "zoo.evaluate(lambda model, inputs, target: ...)."
    return WrongType(
        "method must be a function of (model, inputs), a class with attribute, or a method of pellucid.methods: "
        f"got {got}. Hint: {hint}"
    )


def _of_problems(method: Callable[..., Any], name: str, computes: Quantity | None) -> ListedMethod:
    """A method of problems, which needs what methods of its class in the list need."""
    known = linear()
    alike = [entry for entry in LISTED if type(entry.method(known)) is type(method)]
    same = next((entry for entry in alike if entry.method(known) == method), None)
    return ListedMethod(
        name=name,
        method=lambda _: method,
        needs=alike[0].needs if alike else "values",
        computes=computes or (same.computes if same else None),
    )


def _unbound(method: Any) -> Any:
    """What `functools.partial` was applied to, if it was."""
    return method.func if isinstance(method, partial) else method


def _is_of_problems(method: Callable[..., Any]) -> bool:
    """Whether the parameter that it needs is a problem, and nothing else is."""
    needed = [
        parameter.name
        for parameter in _signature(method).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    ]
    return needed in (["f"], ["problem"])


def _free_parameters(function: Callable[..., Any]) -> Collection[str]:
    """The names of the parameters that a function takes, but those that a `functools.partial` has given."""
    bound = function.keywords if isinstance(function, partial) else {}
    return _signature(function).parameters.keys() - bound.keys()


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function; an empty one of a built-in function that does not tell."""
    try:
        return inspect.signature(function)
    except ValueError:
        return inspect.Signature()
