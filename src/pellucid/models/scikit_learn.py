"""Linear models fitted by scikit-learn."""

from __future__ import annotations

import importlib
import inspect
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.core.tensors import array_of
from pellucid.errors import InvalidArgument, NotFound, warn
from pellucid.models.linear_model import Batch, LinearModel, as_batch, as_rows

Array: TypeAlias = NDArray[Any]


def sklearn_train_linear_model(
    model: LinearModel,
    dataloader: Iterable[Any],
    construct_kwargs: dict[str, Any],
    sklearn_trainer: str = "linear_model.Lasso",
    norm_input: bool = False,
    **fit_kwargs: Any,
) -> dict[str, float]:
    """Fit a linear model by scikit-learn, on all data at once in their own dtype; the model itself is in float32.

    Args:
        model: The model to fit.
        dataloader: Gives batches `(x, y)` or `(x, y, weights)`.
        construct_kwargs: Arguments of the class of scikit-learn.
        sklearn_trainer: The path of this class below `sklearn`, such as "linear_model.Lasso".
        norm_input: Whether to subtract the mean from each feature and to divide it by its standard deviation, without
            weights, in the fit and then in the model.
        **fit_kwargs: Arguments of the class's `fit`.

    Returns:
        "train_time", the seconds of the fit.

    Raises:
        InvalidArgument: The data are not as above.
        NotFound: There is no such class, or it fits no linear model.
        ImportError: scikit-learn is not installed.
    """
    estimator = _estimator(sklearn_trainer)(**construct_kwargs)
    batches = [as_batch(batch) for batch in dataloader]
    x, y, weights = _concatenate_batches(batches)
    if weights is not None:
        if "sample_weight" in inspect.signature(estimator.fit).parameters:
            fit_kwargs = {"sample_weight": weights, **fit_kwargs}
        else:
            warn(f"{sklearn_trainer} of scikit-learn takes no weights: the model is fitted without.")
    norm = None
    if norm_input:
        mean, deviation = x.mean(0), x.std(0)
        deviation[deviation == 0] = 1  # a constant feature becomes zero
        x = (x - mean) / deviation
        norm = _Standardise(torch.from_numpy(mean).float(), torch.from_numpy(deviation).float())
    start = time.perf_counter()
    estimator.fit(x, y, **fit_kwargs)
    seconds = time.perf_counter() - start
    if not hasattr(estimator, "coef_"):
        raise NotFound(f"sklearn_module must name a class with linear coefficients: {sklearn_trainer!r} has none.")
    classes = getattr(estimator, "classes_", None)
    model._construct_model_params(
        weight_values=torch.as_tensor(estimator.coef_, dtype=torch.float32),
        # Shape (1,) or (1, O), as in Captum.
        bias_value=torch.as_tensor(estimator.intercept_, dtype=torch.float32).reshape(1, -1).squeeze(1),
        classes=None if classes is None else torch.as_tensor(classes, dtype=torch.int32),
    )
    model.norm = norm
    model.to(batches[0][0].device)
    return {"train_time": seconds}


class _Standardise(nn.Module):
    """Standardisation: features less their means, divided by their standard deviations.

    Args:
        mean: Shape (F,).
        std: Shape (F,).
    """

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


def _estimator(path: str) -> Callable[..., Any]:
    """The class of scikit-learn at a path below `sklearn`."""
    try:
        importlib.import_module("sklearn")
    except ImportError as error:
        raise ImportError("The SkLearn models need scikit-learn: pip install pellucid[linear]") from error
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(f"sklearn.{module}"), name)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        expected = "must name a class below sklearn, as 'linear_model.Lasso' does"
        raise NotFound(f"sklearn_module {expected}: got {path!r}.") from error


def _concatenate_batches(batches: list[Batch]) -> tuple[Array, Array, Array | None]:
    """The features (N, F), targets (N,) or (N, O) and weights (N,) of all batches."""
    if not batches:
        raise InvalidArgument("train_data must give at least one batch: got none.")
    x, y = _to_numpy([x for x, _, _ in batches]), _to_numpy([y for _, y, _ in batches])
    weights = [as_rows(weights) for _, _, weights in batches if weights is not None]
    if len(weights) not in (0, len(batches)):
        raise InvalidArgument(f"train_data must give weights always or never: got {len(weights)} in {len(batches)}.")
    # Targets (N, 1) become (N,): scikit-learn's classifiers warn of a column.
    return x, y[:, 0] if y.shape[1:] == (1,) else y, _to_numpy(weights)[:, 0] if weights else None


def _to_numpy(tensors: list[Tensor]) -> Array:
    """The concatenated tensors as an array."""
    return array_of(torch.cat([tensor.detach() for tensor in tensors]))
