"""Means and variances of a stream of tensors, which parts of a stream can be merged into.

Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4, 1962; Chan, Golub,
LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.attr.stats import Count, Stat, widened


class Mean(Stat):
    """The mean, in the dtype of the observations; float64 for integers.

    Args:
        name: The key in a summary; None for `mean`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Mean, Summarizer
        >>> summarizer = Summarizer([Mean()])
        >>> for x in ([1.0, 2.0], [3.0, 2.0]):
        ...     summarizer.update(torch.tensor(x))
        >>> summarizer.summary
        {'mean': tensor([2., 2.])}
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)

    def init(self) -> None:
        """Begin a stream."""
        self.count = self._get_stat(Count())
        self.wide = torch.zeros((), device="cpu")
        self.dtype: torch.dtype | None = None

    def update(self, x: Tensor) -> None:
        """Move towards an observation, which is counted already."""
        self.wide = self.wide + (widened(x) - self.wide) / self.count.n
        dtype = x.dtype if x.is_floating_point() else torch.float64
        self.dtype = dtype if self.dtype is None else torch.promote_types(self.dtype, dtype)

    def get(self) -> Tensor | None:
        """The mean so far."""
        return None if self.dtype is None else self.wide.to(self.dtype, copy=True)

    def merge(self, stat: Mean) -> None:
        """Move towards another's, before the counts are merged."""
        share = stat.count.n / (self.count.n + stat.count.n)
        self.wide = self.wide + (stat.wide.to(self.wide.device) - self.wide) * share
        self.dtype = self.dtype and stat.dtype and torch.promote_types(self.dtype, stat.dtype)


class MSE(Stat):
    """The sum of squared distances from the mean, not divided by their number; in the dtype of the mean.

    Args:
        name: The key in a summary; None for `mse`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import MSE, Summarizer
        >>> summarizer = Summarizer([MSE()])
        >>> for x in ([1.0, 2.0], [3.0, 2.0]):
        ...     summarizer.update(torch.tensor(x))
        >>> summarizer.summary
        {'mse': tensor([2., 0.])}
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)

    def init(self) -> None:
        """Begin a stream."""
        self.mean = self._get_stat(Mean())
        self.wide = torch.zeros((), device="cpu")
        self._mean_before = torch.zeros((), device="cpu")

    def update(self, x: Tensor) -> None:
        """Add the squared distance of an observation, which is in the mean already."""
        mean, wide = self.mean.wide, widened(x)
        if self.mean.count.n == 1:
            self.wide = torch.zeros_like(mean)
        else:
            self.wide = self.wide + (wide - self._mean_before) * (wide - mean)
        self._mean_before = mean

    def get(self) -> Tensor | None:
        """The sum so far."""
        return None if self.mean.dtype is None else self.wide.to(self.mean.dtype, copy=True)

    def merge(self, stat: MSE) -> None:
        """Add another's, and what the distance of the means adds, before these are merged."""
        device, ours, theirs = self.wide.device, self.mean.count.n, stat.mean.count.n
        distance = stat.mean.wide.to(device) - self.mean.wide
        self.wide = self.wide + stat.wide.to(device) + distance * distance * (ours * theirs / (ours + theirs))
        self._mean_before = self.mean.wide + distance * (theirs / (ours + theirs))


class Var(Stat):
    """The variance, in float64; zero, in the dtype of the mean, up to `order` observations.

    Args:
        name: The key in a summary; None for `variance`, `sample_variance` of order 1, `variance(k)` of another order k.
        order: What is subtracted from the number of observations before the sum of squared distances is divided by it.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Summarizer, Var
        >>> summarizer = Summarizer([Var(order=1)])
        >>> for x in ([1.0, 2.0], [3.0, 2.0]):
        ...     summarizer.update(torch.tensor(x))
        >>> summarizer.summary
        {'sample_variance': tensor([2., 0.], dtype=torch.float64)}
    """

    def __init__(self, name: str | None = None, order: int = 0) -> None:
        super().__init__(name, order=order)
        self.order = order

    @property
    def _default_name(self) -> str:
        return _name_of_order("variance", self.order)

    def init(self) -> None:
        """Begin a stream."""
        self.mse = self._get_stat(MSE())
        self.count = self._get_stat(Count())

    def update(self, x: Tensor) -> None:
        """Nothing: all is in the sum of squared distances."""

    def get(self) -> Tensor | None:
        """The variance so far."""
        if self.count.n == 0:
            return None
        if self.count.n <= self.order:
            return torch.zeros_like(self.mse.wide, dtype=self.mse.mean.dtype)
        return self.mse.wide / (self.count.n - self.order)

    def merge(self, stat: Var) -> None:
        """Nothing: all is in the sum of squared distances."""


class StdDev(Stat):
    """The standard deviation, the root of the [variance][pellucid.attr.Var].

    Args:
        name: The key in a summary; None for `std_dev`, `sample_std_dev` of order 1, `std_dev(k)` of another order k.
        order: That of the variance.

    Examples:
        >>> import torch
        >>> from pellucid.attr import StdDev, Summarizer
        >>> summarizer = Summarizer([StdDev()])
        >>> for x in ([1.0, 2.0], [3.0, 2.0]):
        ...     summarizer.update(torch.tensor(x))
        >>> summarizer.summary
        {'std_dev': tensor([1., 0.], dtype=torch.float64)}
    """

    def __init__(self, name: str | None = None, order: int = 0) -> None:
        super().__init__(name, order=order)
        self.order = order

    @property
    def _default_name(self) -> str:
        return _name_of_order("std_dev", self.order)

    def init(self) -> None:
        """Begin a stream."""
        self.variance = self._get_stat(Var(order=self.order))

    def update(self, x: Tensor) -> None:
        """Nothing: all is in the variance."""

    def get(self) -> Tensor | None:
        """The standard deviation so far."""
        variance = self.variance.get()
        return None if variance is None else variance.sqrt()

    def merge(self, stat: StdDev) -> None:
        """Nothing: all is in the variance."""


def _name_of_order(name: str, order: int) -> str:
    """Of the population, of a sample, or of another order."""
    return {0: name, 1: f"sample_{name}"}.get(order, f"{name}({order})")
