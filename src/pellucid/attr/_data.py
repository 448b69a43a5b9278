"""Inputs that are no tensors: how a call with mappings, frames, arrays or texts becomes one with tensors."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypedDict, final

from torch import Tensor

from pellucid.attr._bases import Attribution, LayerAttribution, PerturbationAttribution
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
    """A call with tensors in the place of a user's inputs.

    Args:
        attribution: A copy of the object, whose model takes tensors.
        values: The arguments.
        restored: Attributions -> the structure of the user's inputs; None for those of a layer.
        options: Options of the problem.
    """

    attribution: Any
    values: Values
    restored: Callable[[Any], Any] | None
    options: Values


def is_plain(attribution: Attribution, inputs: Any) -> bool:
    """Whether inputs are tensors already, and the model a function of tensors."""
    if not callable(attribution.forward_func):
        return False
    return isinstance(inputs, Tensor) or (type(inputs) is tuple and all(isinstance(value, Tensor) for value in inputs))


def arranged(attribution: Any, values: Values, options: Values) -> Arranged:
    """A call as one with tensors.

    Args:
        attribution: The object of Captum's class.
        values: The arguments of its `attribute`.
        options: Those of [DataOptions][].
    """
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
    changed: Values = {
        "inputs": unwrap_single(arrangement.tensors),
        "additional_forward_args": (*arrangement.followers, *extra, *keywords.values()) or None,
    }
    if "baselines" in values or _takes_baselines(inside):
        changed["baselines"] = arrangement.baselines(values.get("baselines"))
    if values.get("feature_mask") is not None:
        changed["feature_mask"] = arrangement.masks(values["feature_mask"])
    if arrangement.needs_whole_batch:
        changed["whole_batch"] = True
    model = arrangement.adapted_model(tuple(keywords))
    problem = {name: options[name] for name in ("output_selector",) if name in options}
    of_layer = isinstance(attribution if inside is None else inside, LayerAttribution)
    restored = None if of_layer else arrangement.restored
    return Arranged(_with_model(attribution, model), values | changed, restored, problem)


def _takes_baselines(attribution: Any) -> bool:
    return attribution is not None and "baselines" in inspect.signature(attribution.attribute).parameters


def _with_model(attribution: Any, model: Any) -> Any:
    """A copy of an object that attributes to another model, and so does the one inside."""
    copied = copy.copy(attribution)
    copied.forward_func = model
    if hasattr(copied, "attribution_method"):
        copied.attribution_method = _with_model(copied.attribution_method, model)
    return copied
