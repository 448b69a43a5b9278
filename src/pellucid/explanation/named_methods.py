"""Methods by name, and where the parameters go that users give."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from pellucid.core.summaries import Summarized, summary
from pellucid.data import DATA_OPTIONS
from pellucid.errors import InvalidArgument, UnknownName, WrongType
from pellucid.explanation.auto import Auto
from pellucid.methods import LimeBase, MethodFacts, table
from pellucid.methods.table import name_of_method

OWN_OPTIONS = frozenset(
    {"progress", "internal_batch_size", "perturbations_per_eval", "whole_batch", "early_exit", "replay", "grad_kwargs"}
)
"""Options of a problem that are parameters."""

OF_PROBLEMS = frozenset({"additional_forward_args", "gradient_at"})
"""What else of a problem is a parameter."""

OF_DATA = frozenset(DATA_OPTIONS) - {"keep_embedding", "class_names"}
"""What says how inputs and outputs are to be read."""

OF_CALLS = frozenset({"removal", "counterfactuals"})
"""What methods are called with besides baselines and feature masks."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {"gradient_shap": {"n_samples": 200}}
"""Fields that are other than the method's own where users name the method."""


@final
@dataclass(frozen=True, eq=False)
class MethodChoice(Summarized):
    """A method, and where the other parameters go.

    Args:
        name: What it is called.
        method: The method, or what chooses one.
        facts: What is known of it; None of what chooses one, and of a user's own.
        call: What it is called with.
        problem: What its problem is given.
        options: The options of that.
        reading: How inputs and outputs are to be read.
    """

    name: str
    method: Any
    facts: MethodFacts | None
    call: Mapping[str, Any]
    problem: Mapping[str, Any]
    options: Mapping[str, Any]
    reading: Mapping[str, Any]

    @property
    def takes_gradients(self) -> bool:
        """Whether it goes backwards through the model, as a method of users' own may."""
        return not isinstance(self.method, LimeBase) if self.facts is None else self.facts.takes_gradients

    @property
    def takes(self) -> frozenset[str]:
        """What it can be called with."""
        inner = getattr(self.method, "attribution_method", None)
        of_inner = () if inner is None else inspect.signature(inner).parameters
        return frozenset([*inspect.signature(self.method).parameters, *of_inner])


def chosen_method(method: Any, parameters: Mapping[str, Any], seed: int | None) -> MethodChoice:
    """A method of what users give: a name, "auto", or a method; and the parameters.

    Args:
        method: What users give.
        parameters: All other keyword arguments.
        seed: The seed of methods that draw random numbers, unless a parameter says otherwise.

    Raises:
        UnknownName: There is no such method, or no such parameter.
        WrongType: It is no method.
        InvalidArgument: A parameter that the method needs is missing.
    """
    facts, kind, fields = _method_of(method)
    own = {field.name for field in dataclasses.fields(kind)}
    calls = _names_of(method) - own
    _check_names(_name(kind), parameters, own | calls)
    fields |= {name: value for name, value in parameters.items() if name in own}
    if "seed" in own and fields.get("seed") is None and fields.get("generator") is None:
        fields["seed"] = seed

    def those(names: frozenset[str] | set[str]) -> dict[str, Any]:
        return {name: value for name, value in parameters.items() if name in names}

    options = those(OWN_OPTIONS - own)
    if options.get("progress") is True:
        options["progress"] = _name(kind)
    return MethodChoice(
        name=_name(kind),
        method=_made(kind, fields),
        facts=facts,
        call=those(calls),
        problem=those(OF_PROBLEMS),
        options=options,
        reading=those(OF_DATA),
    )


def parameters_of(method: Any, methods: Sequence[Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of one of several methods that are compared: all but those that only others have.

    Args:
        method: The method.
        methods: All of them.
        parameters: What users give for all.
    """
    own = _names_of(method)
    of_others = set().union(*map(_names_of, methods)) - own
    return {name: value for name, value in parameters.items() if name not in of_others}


def _names_of(method: Any) -> set[str]:
    """What a method has fields for, or can be called with."""
    _, kind, _ = _method_of(method)
    calls = OF_CALLS if kind is Auto else OF_CALLS & inspect.signature(kind.__call__).parameters.keys()
    return {field.name for field in dataclasses.fields(kind)} | calls


def _name(kind: type[Any]) -> str:
    return "auto" if kind is Auto else name_of_method(kind)


def _method_of(method: Any) -> tuple[MethodFacts | None, type[Any], dict[str, Any]]:
    """The facts, the class and the fields of a method."""
    if isinstance(method, str):
        if method == "auto":
            return None, Auto, {}
        facts = _facts_by_name(method)
        return facts, facts.method, dict(DEFAULTS.get(facts.name, {}))
    kind = method if inspect.isclass(method) else type(method)
    known = {facts.method: facts for facts in table()}
    is_method = kind in known or kind in (Auto, LimeBase) or (dataclasses.is_dataclass(kind) and callable(method))
    if not is_method or hasattr(kind, "attribute"):
        hint = "method='integrated_gradients', or pellucid.methods.IntegratedGradients(n_steps=100)"
        raise WrongType(f"method must be a name, or a method of pellucid.methods: got {summary(method)}. Hint: {hint}.")
    given = (
        {}
        if inspect.isclass(method)
        else {field.name: getattr(method, field.name) for field in dataclasses.fields(method)}
    )
    return known.get(kind), kind, given


def _facts_by_name(name: str) -> MethodFacts:
    """The facts of a method whose name users write in whatever case, with or without underscores.

    Raises:
        UnknownName: There is none.
    """
    by_letters = {_letters(facts.name): facts for facts in table()}
    if _letters(name) in by_letters:
        return by_letters[_letters(name)]
    likely = difflib.get_close_matches(_letters(name), by_letters, 3)
    hint = " or ".join(repr(by_letters[letters].name) for letters in likely) or "pellucid.methods.table()"
    names = ", ".join(facts.name for facts in table())
    raise UnknownName(f"method must be 'auto' or one of {names}: got {name!r}. Hint: {hint}.")


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def _check_names(method: str, parameters: Mapping[str, Any], own: set[str]) -> None:
    """Check that there are parameters of these names.

    Raises:
        UnknownName: There is none of one of them.
    """
    of_all = OWN_OPTIONS | OF_PROBLEMS | OF_DATA
    for name in parameters:
        if name not in own and name not in of_all:
            likely = difflib.get_close_matches(name, [*own, *of_all], 1)
            hint = f" Hint: {likely[0]}=..." if likely else " Hint: pellucid.methods.table()."
            raise UnknownName(
                f"{name} is no parameter of {method}, which has {', '.join(sorted(own)) or 'none'}; "
                f"of all methods, there are {', '.join(sorted(of_all))}.{hint}"
            )


def _made(kind: type[Any], fields: Mapping[str, Any]) -> Any:
    """A method with these fields.

    Raises:
        InvalidArgument: One that it needs is missing.
    """
    missing = [
        field.name
        for field in dataclasses.fields(kind)
        if field.name not in fields
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise InvalidArgument(
            f"{_name(kind)} needs {', '.join(missing)}: got none. Hint: {missing[0]}={HINTS.get(missing[0], '...')}."
        )
    return kind(**fields)


HINTS = {
    "sliding_window_shapes": "(3, 8, 8), the window without the batch",
    "attribution_method": "pellucid.methods.Saliency(abs=False)",
    "groups": "torch.tensor([[0, 0, 1]]), the group of each element",
    "selector": "0, a unit of gradient_at",
}
