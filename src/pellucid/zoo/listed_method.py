"""A method of pellucid's: how it is asked of a known model, and what it computes by its definition."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pellucid.methods import Attributions, Interactions, Problem
from pellucid.zoo.answer import Answer, answer_of_interactions, per_feature, tensor_of
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.quantity import Quantity

Needs = Literal["values", "windows", "gradients", "maps", "attention", "activations", "layer", "neuron"]
"""What a method asks of a model: its values, values without windows, gradients, maps of channels, attention, the
activations of a layer, gradients at one, or a neuron in it."""


@dataclass(frozen=True, kw_only=True)
class ListedMethod:
    """A method that is called with a [Problem][pellucid.methods.Problem].

    Args:
        name: What it is called.
        method: The method for a model, as some have parameters that depend on its inputs.
        needs: What it asks of the model.
        computes: What it computes by its definition; None where that is nothing that models have in closed form.
    """

    name: str
    method: Callable[[KnownModel], Callable[..., Any]]
    needs: Needs = "gradients"
    computes: Quantity | None = None

    def lacks(self, known: KnownModel) -> str | None:
        """Why it cannot be asked of a model, if so."""
        lacking = {
            "windows": "" if known.window else "no window covers a feature",
            "maps": "" if known.layer else "the model has no maps of channels",
            "attention": "the model does not attend" if known.token is None else "",
            "activations": "" if known.source else "the question is not about a layer",
            "layer": "" if known.source else "the question is not about a layer",
            "neuron": "" if known.neuron else "no single neuron decides",
        }
        return lacking.get(self.needs) or None

    def ask(self, known: KnownModel) -> Answer:
        """The attributions of a model that lacks nothing."""
        method = self.method(known)
        parameters = inspect.signature(method).parameters
        arguments: dict[str, Any] = {}
        if "baselines" in parameters:
            is_game_of_layer = self.needs in {"values", "windows"} and known.source is not None
            arguments["baselines"] = known.source_baselines if is_game_of_layer else known.baselines
        if "feature_mask" in parameters and known.feature_mask is not None:
            arguments["feature_mask"] = known.feature_mask
        result = method(self._problem(known), **arguments)
        if isinstance(result, Interactions):
            return answer_of_interactions(result.values, known, result.stderr)
        attributions = per_feature(result, known)
        stderr = result.stderr[0] if isinstance(result, Attributions) and result.stderr else None
        return Answer(attributions, tensor_of(result), stderr)

    def _problem(self, known: KnownModel) -> Problem:
        """What the method is called with."""
        model, inputs, target = known.model, known.inputs, known.target
        if self.needs == "neuron" and known.neuron:
            return Problem(model, inputs, target=target, gradient_at=known.neuron[0])
        gradient_at = {"maps": known.layer, "layer": known.source}.get(self.needs)
        if gradient_at:
            return Problem(model, inputs, target=target, gradient_at=gradient_at)
        source = known.source or (known.embedding if self.needs == "gradients" else None)
        return Problem(model, inputs, target=target, source=source) if source else Problem(model, inputs, target=target)
