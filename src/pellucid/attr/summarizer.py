"""Summaries: statistics of a stream of tensors, of a whole stream and by class; those of parts can be merged."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from pellucid.attr.stats import Count, Max, Min, Stat
from pellucid.attr.variances import MSE, Mean, StdDev, Var
from pellucid.core.summaries import summary, summary_of_call
from pellucid.core.tensors import Tensors, conversion_hint
from pellucid.errors import InvalidArgument, WrongShape, WrongType

T = TypeVar("T", bound="Summarizer")
C = TypeVar("C", bound="ClassSummarizer")
Summary = dict[str, Any]
"""The values of statistics by their names."""

_FIRST = (Count, Mean, MSE, Var, StdDev)
"""What comes first in a summary, in this order."""


def CommonStats() -> list[Stat]:  # noqa: N802  # Captum's name
    """The statistics that are usually wanted: mean, sample variance and deviation, minimum, maximum.

    Examples:
        >>> from pellucid.attr import CommonStats
        >>> CommonStats()
        [Mean(), Var(order=1), StdDev(order=1), Min(), Max()]
    """
    return [Mean(), Var(order=1), StdDev(order=1), Min(), Max()]


class SummarizerSingleTensor:
    """The statistics of a stream of tensors of one shape: what is inside a [Summarizer][pellucid.attr.Summarizer].

    Args:
        stats: The statistics, each after those that it is computed from; they are used as they are, not copied.
        summary_stats_indices: Which of them are shown.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Count, Mean, SummarizerSingleTensor
        >>> summarizer = SummarizerSingleTensor([Count(), Mean()], [1])
        >>> summarizer.update(torch.tensor([1.0, 2.0]))
        >>> summarizer.summary
        {'mean': tensor([1., 2.])}
    """

    def __init__(self, stats: list[Stat], summary_stats_indices: list[int]) -> None:
        self._stats = stats
        self._shown = [stats[index] for index in summary_stats_indices]
        self._by_value = {stat: stat for stat in reversed(stats)}
        self._shape: torch.Size | None = None
        for stat in stats:
            stat._other_stats = self
            stat.init()

    def get(self, stat: Stat) -> Stat | None:
        """The statistic that equals another; None where there is none."""
        return self._by_value.get(stat)

    def update(self, x: Tensor) -> None:
        """Take one observation.

        Args:
            x: A tensor of the shape of the first, or one that broadcasts to it.

        Raises:
            WrongShape: It has another shape.
        """
        observation = self._in_shape(x)
        for stat in self._stats:
            stat.update(observation)
        self._shape = observation.shape

    def merge(self, summarizer: SummarizerSingleTensor) -> None:
        """Take the observations of another one of the same statistics.

        Raises:
            WrongShape: They have another shape.
        """
        if summarizer._shape is None:
            return
        if self._shape is None:
            vars(self).update(vars(copy.deepcopy(summarizer)))
            for stat in self._stats:
                stat._other_stats = self
            return
        self._check_shape(summarizer)
        for stat in reversed(self._stats):  # before what it is computed from
            stat.merge(summarizer.get(stat))

    @property
    def summary(self) -> Summary:
        """The values so far of the statistics that are shown."""
        return {stat.name: stat.get() for stat in self._shown}

    def _check_shape(self, summarizer: SummarizerSingleTensor) -> None:
        """Refuse one of another shape."""
        ours, theirs = self._shape, summarizer._shape
        if ours is not None and theirs is not None and ours != theirs:
            raise WrongShape(f"summarizer must be of the same shape: expected {tuple(ours)}, got {tuple(theirs)}.")

    def _in_shape(self, x: Tensor) -> Tensor:
        """An observation in the shape of the first."""
        if self._shape is None or x.shape == self._shape:
            return x
        try:
            return x.broadcast_to(self._shape)
        except RuntimeError:
            expected, came = tuple(self._shape), tuple(x.shape)
            raise WrongShape(f"x must have one shape in all updates: expected {expected}, got {came}.") from None


class Summarizer:
    """Statistics of a stream of tensors, such as attributions, element by element and in one pass.

    One update is one observation, whatever its shape. Summaries of parts of a stream, such as those of several workers,
    are merged by `+` or `merge` and say what a summary of the whole stream would.

    Args:
        stats: The statistics that are wanted; what they are computed from is added, and not shown. Equal ones are one,
            by one of their names.

    Raises:
        WrongType: They are not statistics.
        InvalidArgument: Two different ones have the same name.

    Examples:
        >>> import torch
        >>> from pellucid.attr import Max, Mean, Summarizer
        >>> first, second = Summarizer([Mean(), Max()]), Summarizer([Mean(), Max()])
        >>> first.update(torch.tensor([1.0, 2.0]))
        >>> second.update(torch.tensor([3.0, 0.0]))
        >>> (first + second).summary
        {'mean': tensor([2., 1.]), 'max': tensor([3., 2.])}
    """

    def __init__(self, stats: list[Stat]) -> None:
        self._given = _validated(stats)
        self._summarizers: list[SummarizerSingleTensor] = []
        self._takes_tuples: bool | None = None

    def update(self, x: float | Tensor | tuple[float | Tensor, ...]) -> None:
        """Take one observation.

        Args:
            x: A tensor or a Python float, or a tuple of these, which are summed up each by itself; one form in all
                updates.

        Raises:
            InvalidArgument: It is something else, or of the other form.
            WrongShape: It has another shape than before.
        """
        self._check_form(isinstance(x, tuple))
        observations = [_as_observation(entry) for entry in (x if isinstance(x, tuple) else (x,))]
        self._have(len(observations))
        pairs = list(zip(self._summarizers, observations, strict=False))
        for summarizer, observation in pairs:
            summarizer._in_shape(observation)  # all of them, before any is updated
        for summarizer, observation in pairs:
            summarizer.update(observation)
        self._takes_tuples = isinstance(x, tuple)

    def merge(self: T, summarizer: T) -> None:
        """Take the observations of another one of the same statistics, which stays as it is.

        Raises:
            InvalidArgument: It has other statistics, or its observations are of the other form.
            WrongShape: They have another shape.
        """
        if not isinstance(summarizer, type(self)) or set(summarizer._given) != set(self._given):
            raise InvalidArgument(
                f"summarizer must be a {type(self).__name__} of {self._given}: got {summary(summarizer)}."
            )
        if summarizer._takes_tuples is None:
            return
        self._check_form(summarizer._takes_tuples)
        self._have(len(summarizer._summarizers))
        pairs = list(zip(self._summarizers, summarizer._summarizers, strict=False))
        for ours, theirs in pairs:
            ours._check_shape(theirs)  # all of them, before any is merged
        for ours, theirs in pairs:
            ours.merge(theirs)
        self._takes_tuples = summarizer._takes_tuples

    def __add__(self: T, other: T) -> T:
        merged = copy.deepcopy(self)
        merged.merge(other)
        return merged

    @property
    def summary(self) -> Summary | list[Summary] | None:
        """The statistics by their names, a list of such where observations are tuples; None before the first update."""
        if not self._summarizers:
            return None
        summaries = [summarizer.summary for summarizer in self._summarizers]
        return summaries if self._takes_tuples else summaries[0]

    def __repr__(self) -> str:
        return summary_of_call(type(self).__name__, [("", self._given, None)])

    def _have(self, count: int) -> None:
        """Have at least as many summarizers, one for each tensor of an observation."""
        while len(self._summarizers) < count:
            stats = _with_prerequisites(copy.deepcopy(self._given))
            shown = [index for index, stat in enumerate(stats) if stat in self._given]
            self._summarizers.append(SummarizerSingleTensor(stats, shown))

    def _check_form(self, is_tuple: bool) -> None:
        """Refuse a tuple after what is none, or the other way round."""
        if self._takes_tuples not in (None, is_tuple):
            forms = {True: "a tuple", False: "a tensor or a number"}
            raise InvalidArgument(
                f"x must have one form in all updates: expected {forms[not is_tuple]}, got {forms[is_tuple]}. "
                "Hint: updates of a ClassSummarizer with labels are of tuples."
            )


class ClassSummarizer(Summarizer):
    """Statistics of a stream of batches, of all examples and of those of each class.

    With labels, every example is one observation. Without, a whole batch is, as in a Summarizer.

    Args:
        stats: The statistics that are wanted.

    Examples:
        >>> import torch
        >>> from pellucid.attr import ClassSummarizer, Mean
        >>> summarizer = ClassSummarizer([Mean()])
        >>> summarizer.update(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 1, 0]))
        >>> summarizer.summary
        [{'mean': tensor([3.])}]
        >>> summarizer.class_summaries
        {0: [{'mean': tensor([3.])}], 1: [{'mean': tensor([3.])}]}
    """

    def __init__(self, stats: list[Stat]) -> None:
        super().__init__(stats)
        self._by_label: dict[Any, Summarizer] = {}

    def update(self, x: float | Tensor | tuple[float | Tensor, ...], labels: Any = None) -> None:
        """Take the examples of a batch.

        Args:
            x: A tensor (B, ...), or a tuple of such; without labels, as in a Summarizer.
            labels: One for each example, as a list, a tensor or an array; or one for all, anything else that can be the
                key of a dict, or the only entry of a list. None takes the batch as one observation.

        Raises:
            InvalidArgument: There is another number of labels than of examples.
        """
        if labels is None:
            super().update(x)
            return
        batch = _as_batch(x)
        self._check_form(True)
        labels_of_examples = _labels_of(labels, len(batch[0]))
        for label, *example in zip(labels_of_examples, *batch, strict=True):
            super().update(tuple(example))
            self._by_label.setdefault(label, Summarizer(self._given)).update(tuple(example))

    def merge(self: C, summarizer: C) -> None:
        """Take the observations of another one of the same statistics, which stays as it is.

        Raises:
            InvalidArgument: It has other statistics, or its observations are of the other form.
            WrongShape: They have another shape.
        """
        super().merge(summarizer)
        for label, of_class in summarizer._by_label.items():
            self._by_label.setdefault(label, Summarizer(self._given)).merge(of_class)

    @property
    def class_summaries(self) -> dict[Any, Summary | list[Summary] | None]:
        """The summary of each class, by its label."""
        return {label: summarizer.summary for label, summarizer in self._by_label.items()}


class _Prerequisites:
    """The statistics that others ask for: those of the user where they are equal, each after what it asks for."""

    def __init__(self, stats: Iterable[Stat]) -> None:
        self._given = {stat: stat for stat in stats}
        self.ordered: dict[Stat, Stat] = {}

    def get(self, stat: Stat) -> Stat:
        """The one that equals a statistic, added after its own prerequisites where it is new."""
        if stat not in self.ordered:
            added = self._given.get(stat, stat)
            added._other_stats = self
            added.init()
            self.ordered[added] = added
        return self.ordered[stat]


def _with_prerequisites(stats: list[Stat]) -> list[Stat]:
    """Statistics with all that they are computed from, in the order of their updates."""
    prerequisites = _Prerequisites(stats)
    for stat in sorted(stats, key=_rank):
        prerequisites.get(stat)
    return list(prerequisites.ordered)


def _rank(stat: Stat) -> int:
    return next((rank for rank, cls in enumerate(_FIRST) if isinstance(stat, cls)), len(_FIRST))


def _validated(stats: Any) -> list[Stat]:
    """The statistics without repetitions, as copies."""
    listed = list(stats) if isinstance(stats, Iterable) else []
    if not isinstance(stats, Iterable) or not all(isinstance(stat, Stat) for stat in listed):
        raise WrongType(f"stats must be a list of statistics: got {summary(stats)}. Hint: [Mean(), Max()].")
    different = list(dict.fromkeys(listed))
    for name, count in Counter(stat.name for stat in different).items():
        if count > 1:
            raise InvalidArgument(f"stats must have different names: got {name!r} {count} times. Hint: name='...'.")
    return copy.deepcopy(different)


def _as_observation(x: Any) -> Tensor:
    """A number as a tensor."""
    if isinstance(x, Tensor) and not x.is_complex():
        return x
    if isinstance(x, float):
        return torch.tensor(x)
    hint = (
        " Hint: float(x)."
        if isinstance(x, int)
        else " Hint: x.abs()."
        if isinstance(x, Tensor)
        else conversion_hint(x, "x")
    )
    raise InvalidArgument(f"x must be a tensor of real numbers, a float, or a tuple of these: got {summary(x)}.{hint}")


def _as_batch(x: Any) -> Tensors:
    """A tensor, or a tuple of tensors, as a tuple of as many examples each."""
    batch = tuple(map(_as_observation, x if isinstance(x, tuple) else (x,)))
    if not batch or any(tensor.ndim == 0 for tensor in batch) or len({len(tensor) for tensor in batch}) > 1:
        raise InvalidArgument(f"x must have examples first where there are labels, as many in each: got {summary(x)}.")
    return batch


def _labels_of(labels: Any, examples: int) -> list[Hashable]:
    """The label of each example, tensors of one number as this number, as others are equal only to themselves."""
    if isinstance(labels, Tensor | np.ndarray):
        labels = labels.tolist()
    listed = labels if isinstance(labels, list) else [labels]
    listed = [label.item() if isinstance(label, Tensor | np.generic) else label for label in listed]
    if len(listed) not in (1, examples):
        raise InvalidArgument(f"labels must be one for each of {examples} examples, or one for all: got {len(listed)}.")
    return listed * (examples if len(listed) == 1 else 1)
