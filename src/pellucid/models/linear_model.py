"""A linear model, whoever fits it, and the data to which it is fitted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from pellucid.errors import InvalidArgument, NotFound, WrongType

Batch: TypeAlias = tuple[Tensor, Tensor, Tensor | None]


class Model(ABC):
    """What can be fitted to data, called, and represented by a tensor."""

    @abstractmethod
    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model to batches `(x, y)` or `(x, y, weights)`."""

    @abstractmethod
    def representation(self) -> Tensor:
        """What was learnt."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Any:
        """Predict."""


class LinearModel(nn.Module, Model):
    """A linear model and the function that fits it.

        f(x) = W norm(x) + b, W of shape (O, F) for F features and O outputs

    Args:
        train_fn: Fits the model, called as `train_fn(model, dataloader=..., construct_kwargs=..., **kwargs)`:
            `sgd_train_linear_model`, `sklearn_train_linear_model` or one's own, which makes the layers by
            `model._construct_model_params(**construct_kwargs, ...)`.
        **kwargs: What `train_fn` gets as `construct_kwargs`.
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
            **kwargs: More arguments of `train_fn`.

        Returns:
            What `train_fn` returns: "train_time" in seconds, and more.
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
        """The bias b, None where there is none or the model is not fitted.

        Returns:
            Shape (O,), after a fit by scikit-learn (1, O) if O > 1.
        """
        bias = None if self.linear is None else self.linear.bias
        return None if bias is None else bias.detach()

    def classes(self) -> Tensor | None:
        """The classes that a classifier tells apart, None before it is fitted.

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
        """Make the layers, as a `train_fn` does.

        Args:
            in_features: F; `weight_values` say it too.
            out_features: O; `weight_values` say it too.
            norm_type: How inputs are normalised: one of `SUPPORTED_NORMS`.
            affine_norm: Whether the norm learns a scale and a shift.
            bias: Whether there is a bias.
            weight_values: The coefficients, shape (O, F) or (F,).
            bias_value: The bias, any shape that broadcasts to (O,).
            classes: The classes of a classifier, shape (C,).

        Raises:
            InvalidArgument: The norm is unknown, the shape is not known, or there is a bias and must be none.
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
        # The layer draws its parameters also where values replace them: torch's generator goes on as in Captum.
        linear = nn.Linear(in_features, out_features, bias=bias)
        if weight_values is not None:
            linear.weight = nn.Parameter(weight_values.detach().clone())
        if bias_value is not None:
            linear.bias = nn.Parameter(bias_value.detach().clone())
        linear.register_buffer("classes", classes, persistent=False)
        self.linear = linear


def batch_of(given: Any, device: str | torch.device | None = None) -> Batch:
    """The features (B, F), the targets (B,) or (B, O), and the weights, if any, (B,) or (B, 1), of a batch."""
    expected = "train_data must give batches (x, y) or (x, y, weights) of tensors"
    parts = given if isinstance(given, tuple | list) else (given,)
    tensors = [isinstance(each, Tensor) or (place == 2 and each is None) for place, each in enumerate(parts)]
    if len(parts) not in (2, 3) or not all(tensors):
        raise WrongType(f"{expected}: got ({', '.join(type(each).__name__ for each in parts)}).")
    x, y, weights = (*parts, None)[:3]
    if x.ndim != 2 or y.ndim not in (1, 2) or len(y) != len(x) or (weights is not None and weights.numel() != len(x)):
        found = ", ".join(str(tuple(each.shape)) for each in parts if each is not None)
        raise InvalidArgument(f"{expected} of shapes (B, F), (B,) or (B, O), and (B,) or (B, 1): got {found}.")
    if device is None:
        return x, y, weights
    return x.to(device), y.to(device), None if weights is None else weights.to(device)


def rows_of(tensor: Tensor) -> Tensor:
    """What has one value or one row per example, as rows."""
    return tensor.reshape(len(tensor), -1)
