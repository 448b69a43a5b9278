"""Statistics of a stream of tensors, element by element, in one pass: their base, counts, extremes and sums.

A [Summarizer][pellucid.attr.Summarizer] takes them, and those of `attr/variances.py`. Sums are kept in float64, so that
neither many observations nor a large mean cost digits of float32.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar

import torch
from torch import Tensor

from pellucid.core.summaries import summary_of_call
from pellucid.errors import InvalidArgument, NotSupported

StatValue: TypeAlias = Tensor | int | float
"""What a statistic says."""

S = TypeVar("S", bound="Stat")


class _Stats(Protocol):
    """Who has the statistics that others are computed from."""

    def get(self, stat: Any) -> Any:
        """The one that equals a statistic; None where there is none."""


class Stat:
    """The base of statistics, to be subclassed.

    A subclass defines `init`, which begins a stream; `update`, which takes the next observation; `get`, which returns
    the value so far; and `merge`, where parts of a stream are to be merged. What it is computed from it asks for in
    `init`: `self._get_stat(Mean())` is the mean of the same stream, which is updated before. Two statistics of
    one class and of equal parameters are one, whatever their names.

    Args:
        name: The key in a summary; None for the class's name in lower case, with the parameters in brackets.
        **kwargs: Parameters of the subclass.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Stat, Summarizer
        >>> class Last(Stat):
        ...     def init(self):
        ...         self.last = None
        ...     def update(self, x):
        ...         self.last = x.clone()
        ...     def get(self):
        ...         return self.last
        >>> summarizer = Summarizer([Last()])
        >>> summarizer.update(torch.tensor([1.0, 2.0]))
        >>> summarizer.summary
        {'last': tensor([1., 2.])}
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        self.params = kwargs
        self._name = name
        self._other_stats: _Stats | None = None

    def init(self) -> None:
        """Begin a stream."""

    def update(self, x: Tensor) -> None:
        """Take the next observation.

        Raises:
            NotSupported: The subclass does not say how.
        """
        raise NotSupported(f"{type(self).__name__}.update must be defined.")

    def get(self) -> StatValue | None:
        """The value so far; None before the first observation.

        Raises:
            NotSupported: The subclass does not say it.
        """
        raise NotSupported(f"{type(self).__name__}.get must be defined.")

    def merge(self, stat: Any) -> None:
        """Take the observations of another statistic like this one; what it is computed from is not merged yet.

        Raises:
            NotSupported: The subclass does not say how.
        """
        name = type(self).__name__
        raise NotSupported(f"{name}.merge must be defined. Hint: def merge(self, stat), for another {name}.")

    @property
    def name(self) -> str:
        """The key in a summary."""
        return self._default_name if self._name is None else self._name

    @property
    def _default_name(self) -> str:
        return type(self).__name__.lower() + (f"({self.params})" if self.params else "")

    def _get_stat(self, stat: S) -> S:
        """The statistic of the same stream that equals another, to be called in `init`.

        Raises:
            InvalidArgument: There is none.
        """
        prerequisite: S | None = None if self._other_stats is None else self._other_stats.get(stat)
        if prerequisite is None:
            raise InvalidArgument(f"stats must hold {stat!r} before {self!r}. Hint: Summarizer(stats) adds it.")
        return prerequisite

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Stat) and self.params == other.params

    def __hash__(self) -> int:
        return hash((type(self), *self.params))

    def __repr__(self) -> str:
        taken = inspect.signature(type(self)).parameters
        arguments = [
            (name, value, taken[name].default if name in taken else None) for name, value in self.params.items()
        ]
        return summary_of_call(type(self).__name__, [("name", self._name, None), *arguments])


class Count(Stat):
    """The number of observations.

    Args:
        name: The key in a summary; None for `count`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Count, Summarizer
        >>> summarizer = Summarizer([Count()])
        >>> summarizer.update(torch.ones(8, 3))
        >>> summarizer.summary
        {'count': 1}
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)

    def init(self) -> None:
        """Begin a stream."""
        self.n = 0

    def update(self, x: Tensor) -> None:
        """Count one."""
        self.n += 1

    def get(self) -> int | None:
        """The number so far."""
        return self.n or None

    def merge(self, stat: Count) -> None:
        """Add another's."""
        self.n += stat.n


class Fold(Stat):
    """The base of statistics that a function of two values makes: the value so far and the next observation.

    Args:
        name: The key in a summary; None for the class's name in lower case.
        **kwargs: The function, under the name that the subclass has for it.
    """

    def __init__(self, name: str | None = None, **kwargs: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__(name, **kwargs)
        (self.fn,) = kwargs.values()

    @property
    def _default_name(self) -> str:
        return type(self).__name__.lower()

    def init(self) -> None:
        """Begin a stream."""
        self.result: Tensor | None = None

    def update(self, x: Tensor) -> None:
        """Take the first observation, or apply the function to the value so far and the next."""
        # A copy, as both the caller and the function may write to the same memory again.
        self.result = (x if self.result is None else self.fn(self.result, x)).detach().clone()

    def get(self) -> Tensor | None:
        """The value so far."""
        return None if self.result is None else self.result.clone()

    def merge(self, stat: Any) -> None:
        """Apply the function to both values."""
        if stat.result is not None:
            self.update(stat.result if self.result is None else stat.result.to(self.result.device))


class Min(Fold):
    """The smallest value of each element.

    Args:
        name: The key in a summary; None for `min`.
        min_fn: The smaller of two.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Min, Summarizer
        >>> summarizer = Summarizer([Min()])
        >>> for x in ([1.0, 2.0], [3.0, 0.0]):
        ...     summarizer.update(torch.tensor(x))
        >>> summarizer.summary
        {'min': tensor([1., 0.])}
    """

    def __init__(self, name: str | None = None, min_fn: Callable[[Tensor, Tensor], Tensor] = torch.min) -> None:
        super().__init__(name, min_fn=min_fn)


class Max(Fold):
    """The largest value of each element.

    Args:
        name: The key in a summary; None for `max`.
        max_fn: The larger of two.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Max, Summarizer
        >>> summarizer = Summarizer([Max()])
        >>> for x in ([1.0, 2.0], [3.0, 0.0]):
        ...     summarizer.update(torch.tensor(x))
        >>> summarizer.summary
        {'max': tensor([3., 2.])}
    """

    def __init__(self, name: str | None = None, max_fn: Callable[[Tensor, Tensor], Tensor] = torch.max) -> None:
        super().__init__(name, max_fn=max_fn)


class Sum(Fold):
    """The sum of each element, in the dtype of the observations.

    Args:
        name: The key in a summary; None for `sum`.
        add_fn: The sum of two.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Sum, Summarizer
        >>> summarizer = Summarizer([Sum()])
        >>> for x in ([1.0, 2.0], [3.0, 0.0]):
        ...     summarizer.update(torch.tensor(x))
        >>> summarizer.summary
        {'sum': tensor([4., 2.])}
    """

    def __init__(self, name: str | None = None, add_fn: Callable[[Tensor, Tensor], Tensor] = torch.add) -> None:
        super().__init__(name, add_fn=add_fn)

    def init(self) -> None:
        """Begin a stream."""
        super().init()
        self.dtype: torch.dtype | None = None

    def update(self, x: Tensor) -> None:
        """Add an observation; torch's own sum is kept in float64."""
        self.dtype = x.dtype if self.dtype is None else torch.promote_types(self.dtype, x.dtype)
        super().update(widened(x) if self.fn is torch.add and x.is_floating_point() else x)

    def get(self) -> Tensor | None:
        """The sum so far."""
        result = super().get()
        return result if result is None or self.fn is not torch.add else result.to(self.dtype)

    def merge(self, stat: Sum) -> None:
        """Add another's."""
        dtypes = [dtype for dtype in (self.dtype, stat.dtype) if dtype is not None]
        super().merge(stat)
        self.dtype = functools.reduce(torch.promote_types, dtypes) if dtypes else None


def widened(x: Tensor) -> Tensor:
    """In float64, in which sums keep what float32 loses; in float32 on devices that have no other."""
    return x.detach().to(torch.float32 if x.device.type == "mps" else torch.float64)
