"""Linear models, fitted by scikit-learn or by gradient descent, for explaining a model by a simpler one."""

from __future__ import annotations

import importlib
import inspect
import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, ClassVar, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from pellucid.errors import InvalidArgument, NotFound, WrongType, check_count, warn

Array: TypeAlias = NDArray[Any]
Batch: TypeAlias = tuple[Tensor, Tensor, Tensor | None]
Loss: TypeAlias = Callable[[Tensor, Tensor, Tensor | None], Tensor]


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


def l2_loss(x1: Tensor, x2: Tensor, weights: Tensor | None = None) -> Tensor:
    """Half the squared error, averaged.

        mean((x1 - x2)^2) / 2, with weights sum(w (x1 - x2)^2) / (2 sum |w|)

    Args:
        x1: Predictions, shape (B, O).
        x2: What should have been predicted, shape (B, O).
        weights: Of the examples, shape (B, 1).

    Returns:
        A scalar; zero for a batch whose weights are all zero.
    """
    squares = (x1 - x2) ** 2
    if weights is None:
        return squares.mean() / 2
    total = weights.abs().sum().to(squares.dtype).clamp(min=torch.finfo(squares.dtype).tiny)
    average: Tensor = (squares * weights).sum() / total
    return average / 2


def sgd_train_linear_model(
    model: LinearModel,
    dataloader: Iterable[Any],
    construct_kwargs: dict[str, Any],
    max_epoch: int = 100,
    reduce_lr: bool = True,
    initial_lr: float = 0.01,
    alpha: float = 1.0,
    loss_fn: Loss = l2_loss,
    reg_term: int | None = 1,
    patience: int = 10,
    threshold: float = 1e-4,
    running_loss_window: int | None = None,
    device: str | torch.device | None = None,
    init_scheme: str | None = "zeros",
    debug: bool = False,
) -> dict[str, float]:
    """Fit a linear model by stochastic gradient descent.

        loss = loss_fn(f(x), y, w) + alpha |W|_p

    It ends when the loss, averaged over the last iterations, has not come down by `threshold` below its lowest
    average so far for `patience` iterations, or after `max_epoch` epochs, whichever is first.

    Args:
        model: What is fitted.
        dataloader: Gives batches `(x, y)` or `(x, y, weights)`, in each epoch anew.
        construct_kwargs: `norm_type`, `affine_norm` and `bias` of the model.
        max_epoch: The most epochs.
        reduce_lr: Whether the learning rate is halved where the average stays for more than `patience` iterations.
        initial_lr: The learning rate.
        alpha: The weight of the norm of the coefficients.
        loss_fn: Of predictions (B, O), targets (B, O), and weights (B, 1) or None; a scalar.
        reg_term: p, which norm of the coefficients is added, not squared; None for none. The bias is free.
        patience: How many iterations the average may stay.
        threshold: What counts as coming down, besides a share of 1e-5 of the average.
        running_loss_window: The average is over this number of iterations and the one before them; None takes as many
            as there are examples in an epoch.
        device: Where the model is fitted; None is where the data are.
        init_scheme: What it starts from: "zeros", "xavier" (and a bias of zero), or None for the layers as made.
        debug: Whether to print the loss in each iteration.

    Returns:
        "train_time" in seconds, "train_loss", the last average, "train_iter" and "train_epoch", the iterations and the
        full epochs done.

    Raises:
        InvalidArgument: An argument or the data are not as above.
    """
    start = time.perf_counter()
    check_count("max_epoch", max_epoch)
    if init_scheme not in ("zeros", "xavier", None):
        raise InvalidArgument(f"init_scheme must be 'zeros', 'xavier' or None: got {init_scheme!r}.")
    with torch.enable_grad():
        batches = _epochs(dataloader, device)
        epoch, (x, y, weights) = next(batches)
        model._construct_model_params(in_features=x.shape[1], out_features=_column(y).shape[1], **construct_kwargs)
        linear = model.to(x.device)._fitted()
        _initialise(linear, init_scheme)
        optimizer = torch.optim.SGD(model.parameters(), lr=initial_lr)
        scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=patience, threshold=threshold)
        window = len(x) * len(dataloader) if running_loss_window is None else running_loss_window  # type: ignore[arg-type]
        progress = _Progress(check_count("running_loss_window", window, least=0))
        while epoch < max_epoch:
            loss = loss_fn(model(x), _column(y), None if weights is None else _column(weights))
            if reg_term is not None:
                loss = loss + alpha * torch.norm(linear.weight, p=reg_term)
            progress.add(loss.detach(), threshold)
            if progress.idle >= max(patience, 1):
                break
            if debug:
                rate = optimizer.param_groups[0]["lr"]
                print(f"lr={rate}, Loss={loss}, Aloss={progress.average}, min_avg_loss={progress.lowest}")
            torch.autograd.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            if reduce_lr:
                scheduler.step(progress.average)
            # Also after the last epoch a batch is drawn, as in Captum, and torch's generator goes on as there.
            epoch, (x, y, weights) = next(batches)
    return {
        "train_time": time.perf_counter() - start,
        "train_loss": progress.average,
        "train_iter": progress.iterations,
        "train_epoch": epoch,
    }


class _Progress:
    """The loss averaged over the last iterations, the lowest average, and for how many iterations there was no lower.

    Args:
        window: The average is over this number of iterations and the one before them.
    """

    def __init__(self, window: int) -> None:
        self.losses: deque[Tensor] = deque(maxlen=window + 1)
        self.average = self.lowest = math.inf
        self.idle = self.iterations = 0

    def add(self, loss: Tensor, threshold: float) -> None:
        self.losses.append(loss)
        self.iterations += 1
        self.average = float(torch.stack(list(self.losses)).mean())
        least = threshold + 1e-5 * abs(self.average)  # what rounding may bring counts for nothing
        self.idle = self.idle + 1 if self.average >= self.lowest - least else 0
        self.lowest = min(self.lowest, self.average)


def _initialise(linear: nn.Linear, scheme: str | None) -> None:
    """Set what gradient descent starts from."""
    if scheme == "xavier":
        nn.init.xavier_uniform_(linear.weight)
    if scheme == "zeros":
        nn.init.zeros_(linear.weight)
    if scheme is not None and linear.bias is not None:
        nn.init.zeros_(linear.bias)


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
        model: What is fitted.
        dataloader: Gives batches `(x, y)` or `(x, y, weights)`.
        construct_kwargs: Arguments of the class of scikit-learn.
        sklearn_trainer: Where this class is below `sklearn`, as in "linear_model.Lasso".
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
    batches = [_batch(batch) for batch in dataloader]
    x, y, weights = _gathered(batches)
    if weights is not None:
        if "sample_weight" in inspect.signature(estimator.fit).parameters:
            fit_kwargs = {"sample_weight": weights, **fit_kwargs}
        else:
            warn(f"{sklearn_trainer} of scikit-learn takes no weights: the model is fitted without.")
    norm = None
    if norm_input:
        mean, deviation = x.mean(0), x.std(0)
        deviation[deviation == 0] = 1  # a feature that is constant becomes zero
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
        # One number, or one row, which are the shapes of Captum's biases.
        bias_value=torch.as_tensor(estimator.intercept_, dtype=torch.float32).reshape(1, -1).squeeze(1),
        classes=None if classes is None else torch.as_tensor(classes, dtype=torch.int32),
    )
    model.norm = norm
    model.to(batches[0][0].device)
    return {"train_time": seconds}


class _Standardise(nn.Module):
    """Features less their means, divided by their standard deviations.

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


def _gathered(batches: list[Batch]) -> tuple[Array, Array, Array | None]:
    """The features (N, F), targets (N,) or (N, O) and weights (N,) of all batches."""
    if not batches:
        raise InvalidArgument("train_data must give at least one batch: got none.")
    x, y = _joined([x for x, _, _ in batches]), _joined([y for _, y, _ in batches])
    weights = [_column(weights) for _, _, weights in batches if weights is not None]
    if len(weights) not in (0, len(batches)):
        raise InvalidArgument(f"train_data must give weights always or never: got {len(weights)} in {len(batches)}.")
    # scikit-learn's classifiers warn of a column, and want their classes in a row.
    return x, y[:, 0] if y.shape[1:] == (1,) else y, _joined(weights)[:, 0] if weights else None


def _joined(tensors: list[Tensor]) -> Array:
    """Tensors one after another, in NumPy, which has no bfloat16."""
    whole = torch.cat([tensor.detach() for tensor in tensors]).cpu()
    return (whole.float() if whole.dtype is torch.bfloat16 else whole).numpy()


def _epochs(train_data: Iterable[Any], device: str | torch.device | None) -> Iterator[tuple[int, Batch]]:
    """Batch after batch with the number of its epoch, without end."""
    for epoch in count():
        given = None
        for given in train_data:
            yield epoch, _batch(given, device)
        if given is None:
            raise InvalidArgument(f"train_data must give batches in each epoch anew: got none in epoch {epoch}.")


def _batch(given: Any, device: str | torch.device | None = None) -> Batch:
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


def _column(tensor: Tensor) -> Tensor:
    """What has one value or one row per example, as rows."""
    return tensor.reshape(len(tensor), -1)


class SGDLinearModel(LinearModel):
    """A linear model fitted by stochastic gradient descent, `sgd_train_linear_model`.

    Args:
        **kwargs: `norm_type` (None, "batch_norm" or "layer_norm"), `affine_norm` (False: the norm learns no scale and
            shift) and `bias` (True: there is one).

    Examples:
        >>> import torch
        >>> from pellucid.models.linear import SGDLinearModel
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
        >>> model = SGDLinearModel(bias=False)
        >>> fitted = model.fit([(x, x @ torch.tensor([2.0, -1.0]))], reg_term=None, initial_lr=1.0, max_epoch=1000)
        >>> model.representation().round(decimals=1)
        tensor([[ 2., -1.]])
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(sgd_train_linear_model, **kwargs)


class SGDLasso(SGDLinearModel):
    """A linear model fitted by gradient descent on the squared error and the coefficients' absolute values.

        mean((f(x) - y)^2) / 2 + alpha sum |W|

    Unlike scikit-learn's, it seldom makes coefficients exactly zero.

    Args:
        **kwargs: As of `SGDLinearModel`.
    """

    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model: arguments and results as of `sgd_train_linear_model`, without `loss_fn` and `reg_term`."""
        return super().fit(train_data, loss_fn=l2_loss, reg_term=1, **kwargs)


class SGDRidge(SGDLinearModel):
    """A linear model fitted by gradient descent on the squared error and the length of the coefficients.

        mean((f(x) - y)^2) / 2 + alpha sqrt(sum W^2)

    The length is not squared, as it is in what ridge regression usually means.

    Args:
        **kwargs: As of `SGDLinearModel`.
    """

    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model: arguments and results as of `sgd_train_linear_model`, without `loss_fn` and `reg_term`."""
        return super().fit(train_data, loss_fn=l2_loss, reg_term=2, **kwargs)


class SGDLinearRegression(SGDLinearModel):
    """A linear model fitted by gradient descent on the squared error, mean((f(x) - y)^2) / 2.

    Args:
        **kwargs: As of `SGDLinearModel`.
    """

    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model: arguments and results as of `sgd_train_linear_model`, without `loss_fn` and `reg_term`."""
        return super().fit(train_data, loss_fn=l2_loss, reg_term=None, **kwargs)


class SkLearnLinearModel(LinearModel):
    """A linear model fitted by any class of scikit-learn that has coefficients: `pip install pellucid[linear]`.

    Args:
        sklearn_module: Where the class is below `sklearn`, as in "linear_model.Lasso".
        **kwargs: Arguments of the class.

    Examples:
        >>> import torch
        >>> from pellucid.models.linear import SkLearnLinearModel
        >>> model = SkLearnLinearModel("linear_model.LogisticRegression")
        >>> fitted = model.fit([(torch.tensor([[-1.0], [1.0]]), torch.tensor([3, 7]))])
        >>> model.classes()
        tensor([3, 7], dtype=torch.int32)
    """

    def __init__(self, sklearn_module: str, **kwargs: Any) -> None:
        super().__init__(sklearn_train_linear_model, **kwargs)
        self.sklearn_module = sklearn_module

    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model.

        Args:
            train_data: Gives batches `(x, y)` or `(x, y, weights)`: x of shape (B, F), y (B,) or (B, O), weights (B,)
                or (B, 1).
            **kwargs: `norm_input=True` normalises the features; the rest goes to the `fit` of the class.

        Returns:
            "train_time", the seconds of the fit.

        Raises:
            InvalidArgument: The data are not as above.
            NotFound: There is no such class, or it fits no linear model.
            ImportError: scikit-learn is not installed.
        """
        return super().fit(train_data, sklearn_trainer=self.sklearn_module, **kwargs)


class SkLearnLasso(SkLearnLinearModel):
    """A linear model fitted by scikit-learn's Lasso.

        mean((f(x) - y)^2) / 2 + alpha sum |W|

    Args:
        **kwargs: Arguments of `sklearn.linear_model.Lasso`, as `alpha` (1.0).

    Examples:
        >>> import torch
        >>> from pellucid.models.linear import SkLearnLasso
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
        >>> model = SkLearnLasso(alpha=0.1)
        >>> fitted = model.fit([(x, x @ torch.tensor([2.0, 0.1]))])
        >>> model.representation()
        tensor([[1.8000, 0.0000]])
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("linear_model.Lasso", **kwargs)


class SkLearnRidge(SkLearnLinearModel):
    """A linear model fitted by scikit-learn's Ridge.

        sum (f(x) - y)^2 + alpha sum W^2

    Args:
        **kwargs: Arguments of `sklearn.linear_model.Ridge`, as `alpha` (1.0).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("linear_model.Ridge", **kwargs)


class SkLearnLinearRegression(SkLearnLinearModel):
    """A linear model fitted by scikit-learn's LinearRegression: least squares.

    Args:
        **kwargs: Arguments of `sklearn.linear_model.LinearRegression`, as `fit_intercept` (True).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("linear_model.LinearRegression", **kwargs)
