"""Arguments repeated for several copies of the examples."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.compat.private.baselines import Baseline, _format_baseline, _validate_baselines
from pellucid.compat.private.tuples import _format_additional_forward_args
from pellucid.core.tensors import Tensors
from pellucid.errors import NotSupported


class ExpansionTypes(Enum):
    """How copies lie: all examples again and again, or the copies of each together."""

    repeat = 1
    repeat_interleave = 2


def _repeated(value: Any, times: int, kind: ExpansionTypes) -> Any:
    """A tensor or list of examples, repeated."""
    if kind not in (ExpansionTypes.repeat, ExpansionTypes.repeat_interleave):
        raise NotSupported(f"expansion_type must be one of ExpansionTypes: got {kind!r}.")
    if isinstance(value, list):
        return value * times if kind is ExpansionTypes.repeat else [item for item in value for _ in range(times)]
    if kind is ExpansionTypes.repeat:
        return torch.cat([value] * times)
    return value.repeat_interleave(times, dim=0)


def _expand_additional_forward_args(
    additional_forward_args: Any, n_steps: int, expansion_type: ExpansionTypes = ExpansionTypes.repeat
) -> tuple[Any, ...] | None:
    """Arguments of which the tensors with a dimension are repeated."""
    if additional_forward_args is None:
        return None
    return tuple(
        _repeated(value, n_steps, expansion_type) if isinstance(value, Tensor) and value.dim() else value
        for value in additional_forward_args
    )


def _expand_target(target: Any, n_steps: int, expansion_type: ExpansionTypes = ExpansionTypes.repeat) -> Any:
    """A target of which there is one for each example, repeated; any other as it is."""
    per_example = isinstance(target, list) or (isinstance(target, Tensor) and target.numel() > 1)
    return _repeated(target, n_steps, expansion_type) if per_example else target


def _expand_feature_mask(feature_mask: Tensor | Tensors, n_samples: int) -> Tensor | Tensors:
    """Masks of which there is one for each example, repeated; one for all as it is."""
    if isinstance(feature_mask, tuple):
        return tuple(map(_expand_feature_mask, feature_mask, (n_samples,) * len(feature_mask)))  # type: ignore[arg-type]
    return feature_mask.repeat_interleave(n_samples, dim=0) if feature_mask.shape[0] > 1 else feature_mask


def _expand_and_update_additional_forward_args(n_samples: int, kwargs: dict[str, Any]) -> None:
    """Have keyword arguments hold the additional arguments of several copies of each example."""
    if kwargs.get("additional_forward_args") is not None:
        formatted = _format_additional_forward_args(kwargs["additional_forward_args"])
        kwargs["additional_forward_args"] = _expand_additional_forward_args(
            formatted, n_samples, ExpansionTypes.repeat_interleave
        )


def _expand_and_update_target(n_samples: int, kwargs: dict[str, Any]) -> None:
    """The same for the target."""
    if "target" in kwargs:
        kwargs["target"] = _expand_target(kwargs["target"], n_samples, ExpansionTypes.repeat_interleave)


def _expand_and_update_feature_mask(n_samples: int, kwargs: dict[str, Any]) -> None:
    """The same for the feature mask."""
    if kwargs.get("feature_mask") is not None:
        kwargs["feature_mask"] = _expand_feature_mask(kwargs["feature_mask"], n_samples)


def _expand_and_update_baselines(
    inputs: Tensors, n_samples: int, kwargs: dict[str, Any], draw_baseline_from_distrib: bool = False
) -> None:
    """The same for the baselines, or as many drawn from them, with replacement, by the global generator of NumPy."""
    if "baselines" not in kwargs:
        return
    baselines = _format_baseline(kwargs["baselines"], inputs)
    _validate_baselines(inputs, baselines, draw_baseline_from_distrib)

    def expanded(tensor: Tensor, baseline: Baseline) -> Baseline:
        if not isinstance(baseline, Tensor):
            return baseline
        if draw_baseline_from_distrib:
            return baseline[np.random.choice(baseline.shape[0], tensor.shape[0] * n_samples)]
        per_example = baseline.shape[0] == tensor.shape[0] > 1
        return baseline.repeat_interleave(n_samples, dim=0) if per_example else baseline

    kwargs["baselines"] = tuple(map(expanded, inputs, baselines))
