"""The tensor that is explained, of what models return: tuples, dicts, outputs of transformers, distributions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

    Returns:
        The tensor and its name; the output itself and "" where no choice is clear.

    Raises:
        InvalidArgument: There is no such entry.
    """
    if callable(selector):
        return selector(output), "output_selector(output)"
    if isinstance(output, Distribution):
        name = "logits" if _is_array(getattr(output, "logits", None)) else "mean"
        return getattr(output, name), f"output.{name}"
    entries = _entries_of(output)
    if selector is not None and selector not in entries:
        raise InvalidArgument(f"output_selector must be one of {format_names(entries)}: got {summary(selector)}.")
    key = _key_of_choice(output, entries, rows) if selector is None else selector
    return (output, "") if key is None else (entries[key], f"output[{key!r}]")


def _key_of_choice(output: Any, entries: dict[Any, Any], rows: int) -> Any:
    """The key of the entry that is meant; None where that is not clear."""
    arrays = {key: value for key, value in entries.items() if _is_array(value)}
    of_rows = [key for key, value in arrays.items() if value.ndim and len(value) == rows]
    if not isinstance(output, tuple | list):
        named = [key for key in PREFERRED if key in arrays]
        alone = next((keys for keys in (list(arrays), of_rows) if len(keys) == 1), [])
        return next(iter(named + alone), None)
    return next(iter(of_rows or (list(arrays) if len(arrays) == 1 else [])), None)


def _entries_of(output: Any) -> dict[Any, Any]:
    """The entries of a mapping, or of a tuple or list by number, and by name; of another object its `logits`."""
    if isinstance(output, Mapping):
        return dict(output)
    if isinstance(output, tuple | list):
        return dict(enumerate(output)) | dict(zip(getattr(output, "_fields", ()), output, strict=False))
    return {"logits": output.logits} if hasattr(output, "logits") else {}


def _is_array(value: object) -> bool:
    return isinstance(value, Tensor | np.ndarray)
