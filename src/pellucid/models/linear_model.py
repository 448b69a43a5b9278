"""A linear model without a way of fitting it, and the batches that it is fitted to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from pellucid.errors import InvalidArgument, NotFound, WrongType

Batch: TypeAlias = tuple[Tensor, Tensor, Tensor | None]
"""The features (B, F), the targets (B,) or (B, O), and the weights of the examples, (B,) or (B, 1), or None."""


class Model(ABC):
    """A model that can be fitted to data, called, and represented by a tensor."""

    @abstractmethod
    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model to batches `(x, y)` or `(x, y, weights)`."""

    @abstractmethod
    def representation(self) -> Tensor:
        """The parameters that were learnt, as one tensor."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Any:
        """Predict."""


class LinearModel(nn.Module, Model):
    """A linear model and the function that fits it.

        f(x) = W norm(x) + b, W of shape (O, F) for F features and O outputs

    Args:
        train_fn: Fits the model, called as `train_fn(model, dataloader=..., construct_kwargs=..., **kwargs)`:
            `sgd_train_linear_model`, `sklearn_train_linear_model`, or a function that makes the layers by
            `model._construct_model_params(**construct_kwargs, ...)`.
        **kwargs: Passed to `train_fn` as `construct_kwargs`.
    """

    SUPPORTED_NORMS: ClassVar[list[str | None]] = [None, "batch_norm", "layer_norm"]

    def __init__(self, train_fn: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__()
        self.norm: nn.Module | None = None
        self.linear: nn.Linear | None = None
        self.train_fn = train_fn
        self.construct_kwargs = kwargs

    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model anew, by `train_fn`.

        Args:
            train_data: Gives batches `(x, y)` or `(x, y, weights)`, as a DataLoader does: x of shape (B, F), y (B,) or
                (B, O), weights (B,) or (B, 1).
            **kwargs: Further arguments of `train_fn`.

        Returns:
            The result of `train_fn`: a dict with "train_time" in seconds, and more.
        """
        return self.train_fn(self, dataloader=train_data, construct_kwargs=self.construct_kwargs, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        """Predict.

        Args:
            x: Shape (B, F).

        Returns:
            Shape (B, O).

        Raises:
            InvalidArgument: The model is not fitted.
        """
        linear = self._fitted()
        predictions: Tensor = linear(x if self.norm is None else self.norm(x))
        return predictions

    def representation(self) -> Tensor:
        """The coefficients W, without the bias.

        Returns:
            Shape (O, F); of normalised features, where there is a norm.

        Raises:
            InvalidArgument: The model is not fitted.
        """
        weight: Tensor = self._fitted().weight
        return weight.detach()

    def bias(self) -> Tensor | None:
        """The bias b; None if the model has none, or is not fitted.

        Returns:
            Shape (O,), after a fit by scikit-learn (1, O) if O > 1.
        """
        bias = None if self.linear is None else self.linear.bias
        return None if bias is None else bias.detach()

    def classes(self) -> Tensor | None:
        """The classes of a classifier; None before it is fitted.

        Returns:
            Shape (C,), integers.

        Raises:
            NotFound: The model is a regression.
        """
        if self.linear is None:
            return None
        classes: Tensor | None = getattr(self.linear, "classes", None)
        if classes is None:
            raise NotFound("a regression has no classes.")
        return classes

    def _fitted(self) -> nn.Linear:
        if self.linear is None:
            raise InvalidArgument(f"{type(self).__name__} must be fitted first: call fit.")
        return self.linear

    def _construct_model_params(
        self,
        in_features: int | None = None,
        out_features: int | None = None,
        norm_type: str | None = None,
        affine_norm: bool = False,
        bias: bool = True,
        weight_values: Tensor | None = None,
        bias_value: Tensor | None = None,
        classes: Tensor | None = None,
    ) -> None:
        """Make the layers; called by a `train_fn`.

        Args:
            in_features: F; may be left out if there are `weight_values`.
            out_features: O; may be left out if there are `weight_values`.
            norm_type: How inputs are normalised: one of `SUPPORTED_NORMS`.
            affine_norm: Whether the norm learns a scale and a shift.
            bias: Whether there is a bias.
            weight_values: The coefficients, shape (O, F) or (F,).
            bias_value: The bias, any shape that broadcasts to (O,).
            classes: The classes of a classifier, shape (C,).

        Raises:
            InvalidArgument: The norm or the shape is unknown, or there is a bias value although `bias` is False.
        """
        if norm_type not in self.SUPPORTED_NORMS:
            raise InvalidArgument(f"norm_type must be one of {self.SUPPORTED_NORMS}: got {norm_type!r}.")
        if bias_value is not None and not bias:
            raise InvalidArgument("bias_value must be None where bias is False: got a tensor.")
        if weight_values is not None:
            weight_values = weight_values if weight_values.ndim == 2 else weight_values[None]
            out_features, in_features = weight_values.shape
        if in_features is None or out_features is None:
            got = f"got {in_features} and {out_features}"
            raise InvalidArgument(f"in_features and out_features must be given, or weight_values: {got}.")
        self.norm = None
        if norm_type == "batch_norm":
            self.norm = nn.BatchNorm1d(in_features, eps=1e-8, affine=affine_norm)
        if norm_type == "layer_norm":
            self.norm = nn.LayerNorm(in_features, eps=1e-8, elementwise_affine=affine_norm)
        # The layer draws its parameters even if values replace them: torch's generator must advance as in Captum.
        linear = nn.Linear(in_features, out_features, bias=bias)
        if weight_values is not None:
            linear.weight = nn.Parameter(weight_values.detach().clone())
        if bias_value is not None:
            linear.bias = nn.Parameter(bias_value.detach().clone())
        linear.register_buffer("classes", classes, persistent=False)
        self.linear = linear


EXPECTED_BATCH = "train_data must give batches (x, y) or (x, y, weights) of tensors"


def as_batch(batch: Any, device: str | torch.device | None = None) -> Batch:
    """A user's batch as features, targets and weights, on a device; None leaves them where they are.

    Raises:
        WrongType: It is not a tuple or list of two or three tensors; weights may be None.
        InvalidArgument: The shapes are not those of a `Batch`.
    """
    x, y, weights = tensors = _as_tensors(batch)
    if x.ndim != 2 or y.ndim not in (1, 2) or len(y) != len(x) or (weights is not None and weights.numel() != len(x)):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors if tensor is not None)
        raise InvalidArgument(f"{EXPECTED_BATCH} of shapes (B, F), (B,) or (B, O), and (B,) or (B, 1): got {shapes}.")
    if device is None:
        return tensors
    return x.to(device), y.to(device), None if weights is None else weights.to(device)


def _as_tensors(batch: Any) -> Batch:
    entries = batch if isinstance(batch, tuple | list) else (batch,)
    match entries:
        case [Tensor() as x, Tensor() as y]:
            return x, y, None
        case [Tensor() as x, Tensor() as y, (Tensor() | None) as weights]:
            return x, y, weights
        case _:
            raise WrongType(f"{EXPECTED_BATCH}: got ({', '.join(type(entry).__name__ for entry in entries)}).")


def as_rows(tensor: Tensor) -> Tensor:
    """A tensor (B,) or (B, O) as (B, O)."""
    return tensor.reshape(len(tensor), -1)
