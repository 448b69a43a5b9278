"""Linear models fitted by gradient descent."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from pellucid.core.counts import check_count
from pellucid.errors import InvalidArgument
from pellucid.models.linear_model import Batch, LinearModel, as_batch, as_rows

Loss: TypeAlias = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(predictions (B, O), targets (B, O), weights (B, 1) or None) -> a scalar."""


def l2_loss(x1: Tensor, x2: Tensor, weights: Tensor | None = None) -> Tensor:
    """Half the squared error, averaged.

        mean((x1 - x2)^2) / 2, with weights sum(w (x1 - x2)^2) / (2 sum |w|)

    Args:
        x1: Predictions, shape (B, O).
        x2: Targets, shape (B, O).
        weights: Weights of the examples, shape (B, 1).

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

    Training stops once the running average of the loss has not fallen by `threshold` below its minimum for `patience`
    iterations, and after `max_epoch` epochs at the latest.

    Args:
        model: The model to fit.
        dataloader: Gives batches `(x, y)` or `(x, y, weights)`, and can be iterated over once per epoch.
        construct_kwargs: `norm_type`, `affine_norm` and `bias` of the model.
        max_epoch: The most epochs.
        reduce_lr: Whether the learning rate is halved where the average has not fallen for more than `patience`
            iterations.
        initial_lr: The learning rate.
        alpha: The weight of the norm of the coefficients.
        loss_fn: Maps predictions (B, O), targets (B, O) and weights (B, 1) or None to a scalar.
        reg_term: p, the norm of the coefficients that is added, not squared; None for none. The bias is not penalised.
        patience: The iterations without a fall of the average after which training stops.
        threshold: The least fall of the average that counts, plus 1e-5 of the average itself.
        running_loss_window: The average is over this number of iterations and the one before them; None takes as many
            as there are examples in an epoch.
        device: The device of the fit; None for that of the data.
        init_scheme: The initial parameters: "zeros", "xavier" (with a bias of zero), or None for those of `nn.Linear`.
        debug: Whether to print the loss in each iteration.

    Returns:
        "train_time" in seconds; "train_loss", the last average; "train_iter" and "train_epoch", the number of
        iterations and of full epochs.

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
        model._construct_model_params(in_features=x.shape[1], out_features=as_rows(y).shape[1], **construct_kwargs)
        linear = model.to(x.device)._fitted()
        _initialise(linear, init_scheme)
        optimizer = torch.optim.SGD(model.parameters(), lr=initial_lr)
        scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=patience, threshold=threshold)
        window = len(x) * len(dataloader) if running_loss_window is None else running_loss_window  # type: ignore[arg-type]
        progress = _Progress(check_count("running_loss_window", window, least=0))
        while epoch < max_epoch:
            loss = loss_fn(model(x), as_rows(y), None if weights is None else as_rows(weights))
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
            # After the last epoch, too, a batch is drawn: torch's generator must advance as it does in Captum.
            epoch, (x, y, weights) = next(batches)
    return {
        "train_time": time.perf_counter() - start,
        "train_loss": progress.average,
        "train_iter": progress.iterations,
        "train_epoch": epoch,
    }


class _Progress:
    """The running average of the loss, its minimum, and the iterations since the average has fallen below that.

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
        least_fall = threshold + 1e-5 * abs(self.average)  # rounding must not count as a fall
        self.idle = self.idle + 1 if self.average >= self.lowest - least_fall else 0
        self.lowest = min(self.lowest, self.average)


def _initialise(linear: nn.Linear, scheme: str | None) -> None:
    """Set the initial parameters; see `init_scheme` of `sgd_train_linear_model`."""
    if scheme == "xavier":
        nn.init.xavier_uniform_(linear.weight)
    if scheme == "zeros":
        nn.init.zeros_(linear.weight)
    if scheme is not None and linear.bias is not None:
        nn.init.zeros_(linear.bias)


def _epochs(train_data: Iterable[Any], device: str | torch.device | None) -> Iterator[tuple[int, Batch]]:
    """Endless batches, each with the number of its epoch."""
    for epoch in count():
        batch = None
        for batch in train_data:
            yield epoch, as_batch(batch, device)
        if batch is None:
            raise InvalidArgument(f"train_data must give batches in each epoch anew: got none in epoch {epoch}.")
