"""The tensor that is explained, of what models return: tuples, dicts, outputs of transformers, distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor
from torch.distributions import Distribution

from pellucid.core.summaries import summary
from pellucid.core.tensors import format_names
from pellucid.errors import InvalidArgument

OutputSelector: TypeAlias = "str | int | Callable[[Any], Any] | None"
"""Which tensor a model's output is, where it returns more than one.

* `None`: `logits` or the like by name, of dicts and the outputs of transformers; the first tensor with a row for each
  example, of tuples and lists; the logits or the mean, of distributions. What was chosen is logged.
* a `str` or an `int`: the entry of this name or number.
* a function of the output.
"""

PREFERRED = ("logits", "prediction_logits", "out", "output", "outputs", "predictions", "scores", "probabilities")
"""Names of the tensor that is meant, the first that there is."""


def chosen_output(output: Any, rows: int, selector: OutputSelector = None) -> tuple[Any, str]:
    """The tensor, or array, that is explained of a model's output, and its name, `output['logits']`.

    Args:
        output: What the model returned.
        rows: How many rows it was given.
        selector: The user's choice.

    Raises:
        InvalidArgument: There is no such entry; or no choice is clear.
    """
    if callable(selector):
        return selector(output), "output_selector(output)"
    entries = dict(_entries(output))
    if selector is not None:
        if selector not in entries:
            raise InvalidArgument(f"output_selector must be one of {format_names(entries)}: got {summary(selector)}.")
        return entries[selector], f"output[{selector!r}]"
    if isinstance(output, Distribution):
        name = "logits" if _is_array(getattr(output, "logits", None)) else "mean"
        return getattr(output, name), f"output.{name}"
    arrays = {name: value for name, value in entries.items() if _is_array(value)}
    of_rows = [name for name, value in arrays.items() if value.ndim and len(value) == rows]
    is_mapping = isinstance(output, Mapping)
    candidates = [name for name in PREFERRED if name in arrays] if is_mapping else of_rows
    if not candidates and len(arrays) == 1:
        candidates = list(arrays)
    if not candidates and is_mapping and len(of_rows) == 1:
        candidates = of_rows
    if not candidates:
        return output, ""
    return arrays[candidates[0]], f"output[{candidates[0]!r}]"


def _entries(output: Any) -> Iterable[tuple[Any, Any]]:
    """The entries of a mapping, or of a tuple or list by number."""
    if isinstance(output, Mapping):
        return output.items()
    if isinstance(output, tuple | list):
        fields = getattr(output, "_fields", ())
        return [*enumerate(output), *zip(fields, output, strict=False)]
    return ()


def _is_array(value: object) -> bool:
    return isinstance(value, Tensor | np.ndarray)
