"""Inputs that are no tensors: how a call with mappings, frames, arrays or texts becomes one with tensors."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any, TypeAlias, TypedDict

from torch import Tensor

from pellucid.attr._bases import Attribution, LayerAttribution, PerturbationAttribution
from pellucid.attr._routes import callers_names
from pellucid.core.model.layers import SiteLike
from pellucid.core.problem.output import OutputSelector
from pellucid.core.tensors import describe, unwrap_single
from pellucid.data import Arrangement, Reading, is_estimator
from pellucid.data.arrangement import BatchDimension
from pellucid.errors import NotDifferentiable, PellucidError, located, renamed

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


def is_plain(attribution: Attribution, values: Values) -> bool:
    """Whether inputs are tensors already, the model is a function of tensors, and nothing more is asked."""
    inputs = values["inputs"]
    if not (isinstance(inputs, Tensor) or (type(inputs) is tuple and all(isinstance(x, Tensor) for x in inputs))):
        return False
    return callable(attribution.forward_func) and DATA_OPTIONS.isdisjoint(values)


def arranged(attribution: Any, values: Values) -> tuple[Any, Values, Values]:
    """A call as one with tensors.

    Args:
        attribution: The object of Captum's class.
        values: The arguments of its `attribute`, with those of [DataOptions][].

    Returns:
        A copy of the object, whose model takes tensors; its arguments; and what `run_call` is told besides.

    Raises:
        PellucidError: The inputs cannot be made tensors, or the method cannot do with them.
    """
    try:
        return _arranged(attribution, values)
    except PellucidError as error:
        described = describe(values["inputs"])
        raise renamed(located(error, type(attribution).__name__, described), callers_names(attribution)) from None


def _arranged(attribution: Any, values: Values) -> tuple[Any, Values, Values]:
    options = {name: value for name, value in values.items() if name in DATA_OPTIONS}
    values = {name: value for name, value in values.items() if name not in DATA_OPTIONS}
    inside = getattr(attribution, "attribution_method", None)
    if is_estimator(attribution.forward_func) and not isinstance(inside or attribution, PerturbationAttribution):
        raise NotDifferentiable(
            f"forward_func predicts without gradients: got {type(attribution.forward_func).__name__}. "
            "Hint: KernelShap, ShapleyValues, FeatureAblation or another method that takes features away."
        )
    embeds = inside is not None or not isinstance(attribution, PerturbationAttribution | LayerAttribution)
    reading = Reading(embeds=embeds, **{name: options[name] for name in READ & options.keys()})
    arrangement = Arrangement.of(values["inputs"], attribution.forward_func, reading)
    keywords = options.get("additional_forward_kwargs") or {}
    extra = values.get("additional_forward_args")
    extra = () if extra is None else extra if isinstance(extra, tuple) else (extra,)
    values["inputs"] = unwrap_single(arrangement.tensors)
    values["additional_forward_args"] = (*arrangement.followers, *extra, *keywords.values()) or None
    if "baselines" in values or _takes_baselines(inside):
        values["baselines"] = arrangement.baselines(values.get("baselines"))
    if values.get("feature_mask") is not None:
        values["feature_mask"] = arrangement.masks(values["feature_mask"])
    if arrangement.needs_whole_batch:
        values["whole_batch"] = True
    more: Values = {"output_selector": options.get("output_selector")}
    if not isinstance(inside or attribution, LayerAttribution):
        more["restored"] = arrangement.restored
    return _with_model(attribution, arrangement.adapted_model(tuple(keywords))), values, more


def _takes_baselines(attribution: Any) -> bool:
    return attribution is not None and "baselines" in inspect.signature(attribution.attribute).parameters


def _with_model(attribution: Any, model: Any) -> Any:
    """A copy of an object that attributes to another model, and so does the one inside."""
    copied = copy.copy(attribution)
    copied.forward_func = model
    if hasattr(copied, "attribution_method"):
        copied.attribution_method = _with_model(copied.attribution_method, model)
    return copied
