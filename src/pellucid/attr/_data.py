"""Inputs that are no tensors: how a call with mappings, frames, arrays or texts becomes one with tensors."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypedDict, final

from torch import Tensor

from pellucid.attr._bases import Attribution, LayerAttribution, PerturbationAttribution
from pellucid.core.model.inspection import check_model
from pellucid.core.model.layers import SiteLike
from pellucid.core.problem.output import OutputSelector
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import unwrap_single
from pellucid.data import Arrangement, Reading, is_estimator
from pellucid.data.arrangement import BatchDimension
from pellucid.errors import NotDifferentiable

Values: TypeAlias = dict[str, Any]
"""Arguments of an `attribute`, by name."""


class DataOptions(TypedDict, total=False):
    """What every `attribute` takes besides, of inputs that are more than tensors and of models that return more.

    Args:
        additional_forward_kwargs: Keyword arguments of the model, as `additional_forward_args`.
        batch_dim: Which dimension of an input counts its examples; see
            [BatchDimension][pellucid.data.arrangement.BatchDimension].
        output_selector: Which tensor a model's output is; see [OutputSelector][pellucid.methods.OutputSelector].
        embedding: The module that embeds `input_ids`, or its name; None asks the model.
        keep_embedding: Whether tokens have an attribution for each number of their vectors, and not the sum of these.
        tokenizer: Makes ids of texts, and says what stands for absent tokens and which are special, where inputs and
            model do not.
        processor: Makes tensors of images: a processor of transformers, or a function of one image; None asks the
            model.
    """

    additional_forward_kwargs: Mapping[str, Any] | None
    batch_dim: BatchDimension
    output_selector: OutputSelector
    embedding: SiteLike | None
    keep_embedding: bool
    tokenizer: Any
    processor: Any


DATA_OPTIONS = DataOptions.__annotations__.keys()
READ = {"batch_dim", "embedding", "keep_embedding", "processor", "tokenizer"}
"""Those that say how inputs are to be read."""


@final
@dataclass(frozen=True)
class Arranged(Summarized):
    """What becomes of a call's results, and which of the model's outputs is meant.

    Args:
        restored: Attributions of inputs -> the structure of the user's own; None for tensors, and at layers.
        output_selector: See [OutputSelector][pellucid.methods.OutputSelector].
    """

    restored: Callable[[Sequence[Tensor]], Any] | None = None
    output_selector: OutputSelector = None


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
        values: The arguments of its `attribute`, with those of [DataOptions][].

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
    extra = arguments.get("additional_forward_args")
    reading = Reading(
        embeds=embeds,
        arguments=() if extra is None else extra if isinstance(extra, tuple) else (extra,),
        keywords=options.get("additional_forward_kwargs") or {},
        **{name: options[name] for name in READ & options.keys()},
    )
    arrangement = Arrangement.of(values["inputs"], attribution.forward_func, reading)
    changed = _arguments_of_tensors(arrangement, arguments, _takes_baselines(method))
    restored = None if isinstance(method, LayerAttribution) else arrangement.restored
    return (
        _with_model(attribution, arrangement.adapted_model()),
        changed,
        Arranged(restored, options.get("output_selector")),
    )


def _arguments_of_tensors(arrangement: Arrangement, arguments: Values, takes_baselines: bool) -> Values:
    """The arguments of a call, with tensors in the place of inputs and of what lies as these do."""
    changed = arguments | {
        "inputs": unwrap_single(arrangement.tensors),
        "additional_forward_args": arrangement.additional_forward_args or None,
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


def _takes_baselines(method: Any) -> bool:
    return "baselines" in inspect.signature(method.attribute).parameters


def _with_model(attribution: Any, model: Any) -> Any:
    """A copy of an object that attributes to another model, and so does the one inside."""
    copied = copy.copy(attribution)
    copied.forward_func = model
    if hasattr(copied, "attribution_method"):
        copied.attribution_method = _with_model(copied.attribution_method, model)
    return copied
