"""How methods are asked of a known model, and how what they answer becomes one number per feature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pellucid.errors import InvalidArgument, WrongType
from pellucid.methods import Interactions, Problem
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.listed import LISTED, ListedMethod


@dataclass(frozen=True)
class Answer:
    """What a method has answered.

    Args:
        attributions: One number per feature, of the shape of the model's importance.
        values: As the method returned them; of interactions without the diagonal.
        stderr: Standard errors of the values, where it gives them.
    """

    attributions: Tensor
    values: Tensor
    stderr: Tensor | None = None


def not_applicable(method: ListedMethod, known: KnownModel) -> str | None:
    """Why a method cannot be asked of a model, if so."""
    lacks = {
        "maps": known.layer is None and "the model has no maps of channels",
        "attention": known.token is None and "the model does not attend",
        "activations": known.source is None and "the question is not about a layer",
        "layer": known.source is None and "the question is not about a layer",
        "neuron": known.neuron is None and "no single neuron decides",
    }
    return lacks.get(method.needs) or None


def ask(method: ListedMethod, known: KnownModel) -> Answer:
    """The attributions of one of our methods.

    Args:
        method: The method, which the model has all for that it needs.
        known: The model.
    """
    known, made = known.copied(), method.method(known)
    parameters = _parameters(made)
    arguments: dict[str, Any] = {}
    if "baselines" in parameters:
        games_of_a_layer = method.needs == "values" and known.source is not None
        arguments["baselines"] = known.source_baselines if games_of_a_layer else known.baselines
    if "feature_mask" in parameters and known.feature_mask is not None:
        arguments["feature_mask"] = known.feature_mask
    result = made(_problem(method, known), **arguments)
    if isinstance(result, Interactions):
        return _of_interactions(result, known)
    (values,) = result.values
    stderr = None if result.stderr is None else result.stderr[0]
    return Answer(per_feature(values, known, maps=method.needs == "maps"), values, stderr)


def _problem(method: ListedMethod, known: KnownModel) -> Problem:
    """What the method is called with."""
    match method.needs:
        case "maps":
            places = {"gradient_at": known.layer}
        case "layer":
            places = {"gradient_at": known.source}
        case "neuron":
            places = {"gradient_at": known.neuron and known.neuron[0]}
        case "gradients":
            places = {"source": known.source or known.embedding}
        case _:
            places = {"source": known.source}
    return Problem(
        known.model,
        known.inputs,
        target=known.target,
        **{name: place for name, place in places.items() if place is not None},
    )


def _of_interactions(result: Interactions, known: KnownModel) -> Answer:
    """The share of each feature: its main effect and half of its interactions, by their sizes."""
    main = torch.diag_embed(result.values.diagonal(dim1=-2, dim2=-1))
    pairs = result.values - main
    shares = (main.abs() + pairs.abs() / 2).sum(-1)
    mask = known.feature_mask
    if mask is None:
        attributions = shares.reshape(known.importance.shape)
    else:
        numbers = torch.searchsorted(result.features, mask.expand_as(known.inputs).contiguous())
        attributions = shares.gather(1, numbers.flatten(1)).reshape(known.inputs.shape)
    off_diagonal = None if result.stderr is None else result.stderr - torch.diag_embed(result.stderr.diagonal(dim1=-2, dim2=-1))
    return Answer(per_feature(attributions, known), pairs, off_diagonal)


def per_feature(values: Any, known: KnownModel, *, maps: bool = False) -> Tensor:
    """One number per feature: sums over dimensions that features do not have, maps at the size of the inputs.

    Args:
        values: What a method returned.
        known: The model.
        maps: Whether smaller maps are enlarged.

    Raises:
        WrongType: If it is no tensor of numbers, or of a shape that says nothing of the features.
        InvalidArgument: If some of it is NaN.
    """
    expected = known.importance.shape
    if isinstance(values, (tuple, list)) and len(values) == 1:
        (values,) = values
    if not isinstance(values, Tensor):
        raise WrongType(f"attributions must be a tensor: got {type(values).__name__}.")
    if maps and values.ndim == len(expected) and values.shape != expected:
        values = interpolate(values, expected[2:], mode="nearest")
    if values.shape[: len(expected)] != expected:
        raise WrongType(f"attributions must have the shape {tuple(expected)}: got {tuple(values.shape)}.")
    if not values.isfinite().all():
        raise InvalidArgument("attributions must be numbers: got NaN or infinity.")
    values = values.detach().float()
    return values.flatten(len(expected)).sum(-1) if values.ndim > len(expected) else values


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The names of a function's parameters; none of one that does not tell."""
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return dict()


def listed_like(method: Callable[..., Any], name: str) -> ListedMethod | None:
    """A user's method as one of the list, if it is called with a [Problem][pellucid.methods.Problem] as ours are."""
    if next(iter(_parameters(method)), None) not in {"f", "problem"}:
        return None
    alike = [entry for entry in LISTED if entry.name == type(method).__name__]
    needs, computes = (alike[0].needs, alike[0].computes) if alike else ("values", None)
    return ListedMethod(name=name, method=lambda _: method, needs=needs, computes=computes)


def not_applicable_to_users(method: Callable[..., Any], known: KnownModel) -> str | None:
    """Why a user's method cannot be asked of a model, if so."""
    about_layers = "layer" in _parameters(method)
    if about_layers and known.source is None and known.layer is None:
        return "the model has no layer to ask about"
    return "the question is about a layer" if known.source is not None and not about_layers else None


def ask_users(method: Callable[..., Any], known: KnownModel) -> Answer:
    """The attributions of a user's function of (model, inputs), or of a class of Captum's kind.

    It is given copies, which it may write into. A class is made with the model and has `attribute`. What else there are parameters for is passed by name: `baselines`,
    `target`, `feature_mask`, and `layer`.
    """
    known = known.copied()
    layer = known.source or known.layer
    offered = {
        "baselines": known.baselines,
        "target": known.target,
        "feature_mask": known.feature_mask,
        "layer": known.model.get_submodule(layer) if layer else None,
    }

    def call(function: Callable[..., Any], *args: Any) -> Any:
        return function(*args, **{name: value for name, value in offered.items() if name in _parameters(function)})

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if inspect.isclass(method):
            values = call(call(method, known.model).attribute, known.inputs)
        else:
            values = call(method, known.model, known.inputs)
    attributions = per_feature(values, known, maps=True)
    return Answer(attributions, attributions)
