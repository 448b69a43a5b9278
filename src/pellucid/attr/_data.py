"""Inputs that are no tensors: how a call with mappings, frames, arrays or texts becomes one with tensors."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

from torch import Tensor

from pellucid.attr._bases import Attribution, LayerAttribution, PerturbationAttribution
from pellucid.core.model.inspection import check_model
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import unwrap_single
from pellucid.data import DATA_OPTIONS, Arrangement, Reading, is_estimator
from pellucid.errors import NotDifferentiable, NotSupported

Values: TypeAlias = dict[str, Any]
"""Arguments of an `attribute`, by name."""

READ = {"batch_dim", "embedding", "keep_embedding", "processor", "tokenizer"}
"""Those that say how inputs are to be read."""
OF_OUTPUTS = {"class_names", "output_selector"}
"""Those that say what the model's outputs are."""


@final
@dataclass(frozen=True)
class Arranged(Summarized):
    """What becomes of a call's results, and what is said of the model's outputs.

    Args:
        restored: (attributions of inputs, or standard errors) -> the structure of the user's own; None for tensors, and
            at layers.
        options: Options of the problem.
    """

    restored: Callable[..., Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


PLAIN = Arranged()


def is_plain(attribution: Attribution, values: Values) -> bool:
    """Whether inputs are tensors already, the model is a function of tensors, and nothing more is asked."""
    inputs = values["inputs"]
    if not (isinstance(inputs, Tensor) or (type(inputs) is tuple and all(isinstance(x, Tensor) for x in inputs))):
        return False
    return callable(attribution.forward_func) and DATA_OPTIONS.isdisjoint(values)


def arranged(attribution: Any, values: Values) -> tuple[Any, Values, Arranged]:
    """A call as one with tensors.

    Args:
        attribution: The object of Captum's class.
        values: The arguments of its `attribute`, with those of [DataOptions][pellucid.data.DataOptions].

    Returns:
        A copy of the object, whose model takes tensors; its arguments; and what becomes of the results.

    Raises:
        PellucidError: The inputs cannot be made tensors, or the method cannot do with them.
    """
    options = {name: value for name, value in values.items() if name in DATA_OPTIONS}
    arguments = {name: value for name, value in values.items() if name not in DATA_OPTIONS}
    method = getattr(attribution, "attribution_method", attribution)
    _check_model(attribution.forward_func, method)
    embeds = method is not attribution or not isinstance(method, PerturbationAttribution | LayerAttribution)
    reading = Reading(embeds=embeds, **{name: options[name] for name in READ & options.keys()})
    further, keywords = arguments.get("additional_forward_args"), options.get("additional_forward_kwargs") or {}
    arrangement = Arrangement.of(values["inputs"], attribution.forward_func, reading, _as_tuple(further), keywords)
    _check_takes_both(attribution, arrangement)
    changed = _arguments_of_tensors(arrangement, arguments, _takes_baselines(method))
    restored = None if isinstance(method, LayerAttribution) else arrangement.restored
    return (
        _with_model(attribution, arrangement.adapted_model()),
        changed,
        Arranged(restored, {name: options[name] for name in OF_OUTPUTS & options.keys()}),
    )


def _as_tuple(further: Any) -> tuple[Any, ...]:
    """Further arguments of a model, of which a single one may stand by itself."""
    return () if further is None else further if isinstance(further, tuple) else (further,)


def _arguments_of_tensors(arrangement: Arrangement, arguments: Values, takes_baselines: bool) -> Values:
    """The arguments of a call, with tensors in the place of inputs and of what lies as these do."""
    further = (*arrangement.followers, *arrangement.arguments, *arrangement.keywords.values())
    changed = arguments | {
        "inputs": unwrap_single(arrangement.tensors),
        "additional_forward_args": further or None,
    }
    if takes_baselines and arguments.get("removal") is None:
        changed["baselines"] = arrangement.baselines(arguments.get("baselines"))
    if arguments.get("feature_mask") is not None:
        changed["feature_mask"] = arrangement.masks(arguments["feature_mask"])
    return changed | ({"whole_batch": True} if arrangement.needs_whole_batch else {})


def _check_model(model: Any, method: Any) -> None:
    """Check that a model is a function, or that the method can do with its predictions.

    Raises:
        WrongType: It is neither a function nor an estimator.
        NotDifferentiable: It is an estimator, and the method takes gradients.
    """
    if not is_estimator(model):
        check_model(model)
    elif not isinstance(method, PerturbationAttribution):
        raise NotDifferentiable(
            f"forward_func predicts without gradients: got {getattr(model, '__name__', type(model).__name__)}. "
            "Hint: KernelShap, ShapleyValues, FeatureAblation or another method that takes features away."
        )


def _check_takes_both(attribution: Any, arrangement: Arrangement) -> None:
    """Check that a method takes inputs with and without examples together, if there are, whose rows are not as many.

    Raises:
        NotSupported: It perturbs them, example by example.
    """
    has_both = arrangement.needs_whole_batch and not arrangement.is_one_example
    perturbs = isinstance(attribution, PerturbationAttribution) or hasattr(attribution, "attribution_method")
    if has_both and perturbs:
        raise NotSupported(
            "batch_dim must be None for all inputs or for none: got both, of which no features are taken away, and to "
            "which no noise is added, example by example. Hint: Saliency, IntegratedGradients, DeepLift or LRP."
        )


def _takes_baselines(method: Any) -> bool:
    return "baselines" in inspect.signature(method.attribute).parameters


def _with_model(attribution: Any, model: Any) -> Any:
    """A copy of an object that attributes to another model, and so does the one inside."""
    copied = copy.copy(attribution)
    copied.forward_func = model
    if hasattr(copied, "attribution_method"):
        copied.attribution_method = _with_model(copied.attribution_method, model)
    return copied
