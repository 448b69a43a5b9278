"""What users say of inputs and outputs that are more than tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from pellucid.core.model.layers import SiteLike
from pellucid.core.problem.output import OutputSelector
from pellucid.data.arrangement import BatchDimension


class DataOptions(TypedDict, total=False):
    """What every `attribute` takes besides, of inputs that are more than tensors and of models that return more.

    Args:
        additional_forward_kwargs: Keyword arguments of the model, as `additional_forward_args`.
        batch_dim: Which dimension of an input counts its examples; see
            [BatchDimension][pellucid.data.arrangement.BatchDimension].
        class_names: The names of the classes in their order, by which targets may be given; None asks the model.
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
    class_names: Sequence[str] | None
    output_selector: OutputSelector
    embedding: SiteLike | None
    keep_embedding: bool
    tokenizer: Any
    processor: Any


DATA_OPTIONS = DataOptions.__annotations__.keys()
"""Their names."""
