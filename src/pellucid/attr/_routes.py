"""Where the arguments of Captum's signatures go: one table, looked through when a class is made."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any, final

from pellucid.attr._internals import our_base
from pellucid.core.problem.problem import Options
from pellucid.core.summaries import Argument

RENAMED = {
    "layer_baselines": "baselines",
    "layer_mask": "feature_mask",
    "neuron_selector": "selector",
    "return_input_shape": "per_feature",
}
"""Arguments that methods have under another name."""

RENAMED_IN_MESSAGES = {
    "gradient_at": "layer",
    "gradient_function": "gradient_func",
    "model": "forward_func",
    "Options(returns_futures=False)": "attribute",
    "Options(returns_futures=True)": "attribute_future",
    "source": "layer",
}
"""What messages of the engine say, and what of Captum's signatures is meant."""

HELD = {
    "eps": "eps",
    "from_interp_rep_transform": "from_interp_rep_transform",
    "interpretable_model": "interpretable_model",
    "multiply_by_inputs": "multiplies_by_inputs",
    "perm_func": "perm_func",
    "perturb_func": "perturb_func",
    "perturb_interpretable_space": "perturb_interpretable_space",
    "similarity_func": "similarity_func",
    "to_interp_rep_transform": "to_interp_rep_transform",
}
"""Fields of methods that Captum's constructors take, and the attributes that hold them."""

NOT_ROUTED = {
    "attribute_to_layer_input",
    "attribute_to_neuron_input",
    "inputs",
    "neuron_selector",
    "return_stderr",
    "show_progress",
    "targets",
}
"""Arguments that say which tensors of a layer are meant, which neuron or targets, and in which form results come."""

PROBLEM = {"target", "additional_forward_args"}
_NONE = inspect.Parameter.empty
OPTIONS = {option.name for option in dataclasses.fields(Options)}


@final
@dataclasses.dataclass(frozen=True)
class Route:
    """Where the arguments of a signature go; each mapping is from the parameter's name to the name there.

    Args:
        fields: Fields of the method.
        arguments: Arguments of the method's call.
        problem: Arguments of the problem.
        options: Options of the problem.
        held: Fields of the method that the object holds.
        defaults: Of the signature.
        names: The parameters after `self`.
        selects_neuron: Whether the target is a neuron.
    """

    fields: Mapping[str, str]
    arguments: Mapping[str, str]
    problem: Mapping[str, str]
    options: Mapping[str, str]
    held: frozenset[str]
    defaults: Mapping[str, Any]
    names: tuple[str, ...]
    selects_neuron: bool

    @classmethod
    def between(cls, signature: Callable[..., Any], method: type, fixed_elsewhere: set[str]) -> Route:
        """The route from a signature to a method, of whose fields some are fixed elsewhere.

        Raises:
            TypeError: A parameter has no destination, or several.
        """
        parameters = list(inspect.signature(signature).parameters.values())[1:]
        named = {parameter.name: parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}
        homes = {
            "fields": {field.name for field in dataclasses.fields(method)} - fixed_elsewhere,
            "arguments": set(inspect.signature(method.__call__).parameters) - {"self", "f"},
            "problem": PROBLEM,
            "options": OPTIONS,
        }
        new_names = {name: RENAMED.get(name, name) for name in named}
        routes = {
            home: {name: new_name for name, new_name in new_names.items() if new_name in names}
            for home, names in homes.items()
        }
        _check_destinations(signature, new_names.keys() - NOT_ROUTED, routes)
        return cls(
            fields=routes["fields"],
            arguments=routes["arguments"],
            problem=routes["problem"],
            options=routes["options"],
            held=frozenset((homes["fields"] & HELD.keys()) - set(routes["fields"].values())),
            defaults={name: parameter.default for name, parameter in named.items() if parameter.default is not _NONE},
            names=tuple(named),
            selects_neuron="neuron_selector" in named.keys() - routes["fields"].keys(),
        )


def _check_destinations(
    signature: Callable[..., Any], parameters_to_route: Set[str], routes: Mapping[str, Mapping[str, str]]
) -> None:
    for name in itertools.chain(*routes.values(), parameters_to_route):
        destinations = [home for home, names in routes.items() if name in names]
        if len(destinations) != 1:
            raise TypeError(f"{signature.__qualname__}: {name} must have one destination: got {destinations}.")


def callers_names(attribution: object) -> dict[str, str]:
    """What the caller of an object of Captum's class has under another name than messages of the engine say."""
    cls = our_base(attribution)  # a user's subclass may take what it likes
    taken = {*inspect.signature(cls).parameters, *inspect.signature(getattr(cls, "attribute", cls)).parameters}
    renamed = {argument: name for name, argument in RENAMED.items() if name in taken}
    return {said: name for said, name in (RENAMED_IN_MESSAGES | renamed).items() if said not in taken}


def values_for(names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of parameters, by the names they have where they go."""
    return {argument: values[name] for name, argument in names.items()}


def arguments_held_by(attribution: object) -> Iterator[Argument]:
    """What an object of Captum's class was given when it was made, as far as it holds that."""
    holder = getattr(attribution, "grad_cam", attribution)  # GuidedGradCam holds another, as Captum's does
    model, *settings = inspect.signature(our_base(holder)).parameters.values()
    yield "", getattr(holder, model.name, getattr(holder, "forward_func", None)), _NONE
    for parameter in settings:
        value = getattr(holder, HELD.get(parameter.name, parameter.name), parameter.default)
        yield parameter.name, value, parameter.default


def read_from_object(attribution: object, fields: Iterable[str]) -> dict[str, Any]:
    """The fields of a method that an object of Captum's class holds."""
    return {field: getattr(attribution, HELD[field]) for field in fields}
