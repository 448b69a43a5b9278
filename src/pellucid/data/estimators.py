"""Models that are no functions of tensors: those with `predict_proba` or `predict`, as scikit-learn's have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor


def is_estimator(model: object) -> bool:
    """Whether a model predicts by a method, and not by a call; or is such a method of what can be fitted."""
    owner = getattr(model, "__self__", model)
    return not callable(owner) and _predict_of(owner) is not None and (owner is model or hasattr(owner, "fit"))


def as_function_of_arrays(model: Any) -> Callable[..., Tensor]:
    """The predictions of an estimator: probabilities where it has them, else values.

    Args:
        model: An object with `predict_proba` or `predict`, or such a method.
    """
    predict = _predict_of(model) or model

    def predictions(*inputs: Any) -> Tensor:
        arrays = [value.detach().cpu().numpy() if isinstance(value, Tensor) else value for value in inputs]
        return torch.from_numpy(np.require(predict(*arrays), np.float64, ["C", "W"]))

    return predictions


def _predict_of(model: object) -> Callable[..., Any] | None:
    names = ("predict_proba", "predict")
    return next((getattr(model, name) for name in names if hasattr(model, name)), None)
