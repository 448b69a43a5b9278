"""Statistics of parts of a stream are merged into those of the whole; they are exact where float32 is not."""

from __future__ import annotations

import copy
import functools
import operator
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pellucid.attr import (
    MSE,
    ClassSummarizer,
    CommonStats,
    Count,
    Max,
    Mean,
    Min,
    Stat,
    StdDev,
    Sum,
    Summarizer,
    SummarizerSingleTensor,
    Var,
)
from pellucid.errors import InvalidArgument, NotSupported, WrongShape


def stats() -> list[Stat]:
    return [Count(), Mean(), MSE(), Var(), Var(order=1), StdDev(order=1), Min(), Max(), Sum()]


def summarizer_of(observations: Any) -> Summarizer:
    summarizer = Summarizer(stats())
    for x in observations:
        summarizer.update(x)
    return summarizer


def assert_equal(one: Any, other: Any, tolerance: float = 1e-9) -> None:
    if isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            assert_equal(one[name], other[name], tolerance)
    elif isinstance(one, list):
        for entry, others_entry in zip(one, other, strict=True):
            assert_equal(entry, others_entry, tolerance)
    else:
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5), st.sampled_from([torch.float64, torch.int64]))
def test_parts_of_a_stream_are_merged(sizes: list[int], dtype: torch.dtype):
    drawn = torch.randn(sum(sizes), 3, generator=torch.Generator().manual_seed(len(sizes)), dtype=torch.float64)
    observations = (drawn * 10 + 5).to(dtype)
    parts = [summarizer_of(part) for part in observations.split(sizes)]
    merged = functools.reduce(operator.add, parts)
    assert_equal(merged.summary, summarizer_of(observations).summary)


def test_a_stream_goes_on_after_a_merge():
    x = torch.randn(9, 2, dtype=torch.float64)
    first, empty = summarizer_of(x[:3]), summarizer_of(())
    first.merge(summarizer_of(x[3:6]))
    empty.merge(first)
    for merged in (first, empty):
        for observation in x[6:]:
            merged.update(observation)
        assert_equal(merged.summary, summarizer_of(x).summary)


def test_merging_leaves_both_parts_as_they_are():
    x = torch.randn(6, 2)
    first, second = summarizer_of(x[:3]), summarizer_of(x[3:])
    before = copy.deepcopy((first.summary, second.summary))
    merged = first + second
    empty = summarizer_of(())
    empty.merge(second)
    for other in (merged, empty):
        other.update(torch.full((2,), 100.0))
    assert_equal([first.summary, second.summary], list(before), 0)


def test_workers_send_their_parts():
    x = torch.randn(8, 2, dtype=torch.float64)
    parts = [pickle.loads(pickle.dumps(summarizer_of(part))) for part in x.split(3)]
    assert_equal(functools.reduce(operator.add, parts).summary, summarizer_of(x).summary)


def test_tuples_are_merged():
    x = torch.randn(6, 2, dtype=torch.float64)
    pairs = [(row, row[:1]) for row in x]
    assert_equal((summarizer_of(pairs[:2]) + summarizer_of(pairs[2:])).summary, summarizer_of(pairs).summary)


def test_classes_are_merged():
    x, labels = torch.randn(6, 2, dtype=torch.float64), torch.tensor([0, 1, 0, 2, 0, 1])
    whole, first, second = (ClassSummarizer(stats()) for _ in range(3))
    whole.update(x, labels)
    first.update(x[:3], labels[:3])
    second.update(x[3:], labels[3:])
    merged = first + second
    assert isinstance(merged, ClassSummarizer)
    assert_equal(merged.summary, whole.summary)
    assert list(merged.class_summaries) == [0, 1, 2]
    assert_equal(merged.class_summaries, whole.class_summaries)
    assert list(first.class_summaries) == [0, 1]


def test_what_cannot_be_merged():
    x = torch.ones(3)
    with pytest.raises(
        InvalidArgument, match=r"summarizer must be a Summarizer of \[Mean\(\)\]: got Summarizer\(\[Max\(\)\]"
    ):
        Summarizer([Mean()]).merge(Summarizer([Max()]))
    with pytest.raises(InvalidArgument, match="one form"):
        summarizer_of([x]).merge(summarizer_of([(x,)]))
    with pytest.raises(WrongShape, match=r"expected \(3,\), got \(2,\)"):
        summarizer_of([x]).merge(summarizer_of([x[:2]]))
    with pytest.raises(InvalidArgument, match="summarizer must be a ClassSummarizer"):
        ClassSummarizer(stats()).merge(summarizer_of([x]))  # type: ignore[arg-type]


def test_a_merge_that_fails_merges_nothing():
    first, second = summarizer_of([(torch.ones(2), torch.ones(2))]), summarizer_of([(torch.ones(2), torch.ones(3))])
    with pytest.raises(WrongShape):
        first.merge(second)
    assert [said["count"] for said in first.summary] == [1, 1]


def test_the_order_of_statistics_does_not_matter():
    first, second = Summarizer([Max(), Min(), Mean()]), Summarizer([Mean(), Min(), Max()])
    first.update(1.0)
    second.update(3.0)
    assert {name: float(value) for name, value in (first + second).summary.items()} == {"mean": 2, "max": 3, "min": 1}


class Range(Stat):
    """Of what is asked for in `init`."""

    def init(self) -> None:
        self.least, self.most = self._get_stat(Min()), self._get_stat(Max())

    def update(self, x: Tensor) -> None:
        """Nothing."""

    def get(self) -> Tensor | None:
        least, most = self.least.get(), self.most.get()
        return None if least is None or most is None else most - least


class MergedRange(Range):
    def merge(self, other: MergedRange) -> None:
        """Nothing."""


def test_a_statistic_of_ones_own_gets_what_it_asks_for():
    summarizer = Summarizer([Range(), MergedRange(name="merged"), Max()])
    for value in (1.0, 4.0, 2.0):
        summarizer.update(torch.tensor([value]))
    assert {name: float(value) for name, value in summarizer.summary.items()} == {"range": 3, "merged": 3, "max": 4}


def test_a_statistic_of_ones_own_is_merged_where_it_says_how():
    for cls in (Range, MergedRange):
        first, second = Summarizer([cls()]), Summarizer([cls()])
        first.update(1.0)
        second.update(5.0)
        if cls is Range:
            with pytest.raises(NotSupported, match=r"Range\.merge must be defined\. Hint: def merge\(self, stat\)"):
                first.merge(second)
        else:
            assert float((first + second).summary["mergedrange"]) == 4


def test_a_statistic_that_says_nothing():
    summarizer = Summarizer([Stat()])
    with pytest.raises(NotSupported, match=r"Stat\.update must be defined"):
        summarizer.update(1.0)
    with pytest.raises(NotImplementedError, match=r"Stat\.get must be defined"):
        Stat().get()


def test_what_is_no_statistic():
    for given_stats in (Mean(), [Mean], ["mean"]):
        with pytest.raises(InvalidArgument, match=r"stats must be a list of statistics: got .*\. Hint: \[Mean"):
            Summarizer(given_stats)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=r"stats must hold Count\(\) before Mean\(\)\. Hint: Summarizer"):
        SummarizerSingleTensor([Mean()], [0])


def test_what_is_no_observation():
    summarizer = Summarizer([Mean()])
    with pytest.raises(InvalidArgument, match=r"got 3\. Hint: float\(x\)\."):
        summarizer.update(3)
    with pytest.raises(InvalidArgument, match=r"Hint: torch\.tensor\(x\)\."):
        summarizer.update([1.0])  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="examples first where there are labels, as many in each"):
        ClassSummarizer([Mean()]).update((torch.ones(3), torch.ones(2)), ["a", "b", "a"])
    with pytest.raises(InvalidArgument, match="labels must be one for each of 3 examples, or one for all: got 0"):
        ClassSummarizer([Mean()]).update(torch.ones(3), [])


def test_objects_are_shown_in_a_line():
    assert repr(Summarizer(CommonStats())) == "Summarizer([Mean(), Var(order=1), StdDev(order=1), Min(), Max()])"
    assert repr(Var(name="spread", order=2)) == "Var(name='spread', order=2)"
    assert repr(Min(min_fn=torch.minimum)) == "Min(min_fn=minimum)"


def long_stream(summarizer: Summarizer, count: int) -> tuple[float, float]:
    """Values about a large mean, which drifts; and the exact mean and variance of what float32 makes of them."""
    values = 4096 + torch.rand(count, generator=torch.Generator().manual_seed(0)) + torch.linspace(0, 4, count)
    for value in values:
        summarizer.update(value)
    exact = values.double()
    return float(exact.mean()), float(exact.var())


@pytest.mark.parametrize("count", [20_000, pytest.param(10**6, marks=pytest.mark.large)])
def test_long_streams_of_float32(count: int):
    summarizer = Summarizer([Mean(), Var(order=1), Sum()])
    mean, variance = long_stream(summarizer, count)
    said = summarizer.summary
    assert said["mean"].dtype == said["sum"].dtype == torch.float32
    assert float(said["mean"]) == pytest.approx(mean, rel=1e-7)
    assert float(said["sample_variance"]) == pytest.approx(variance, rel=1e-8)
    assert float(said["sum"]) == pytest.approx(mean * count, rel=1e-7)


def test_many_merges_of_float32():
    """As many observations as a worker each of a large cluster has: a stream of two, merged with itself 23 times."""
    summarizer = summarizer_of([torch.tensor([4096.0]), torch.tensor([4097.0])])
    for _ in range(23):
        summarizer.merge(copy.deepcopy(summarizer))
    said = summarizer.summary
    assert said["count"] == 2**24
    assert float(said["mean"]) == 4096.5
    assert float(said["variance"]) == 0.25
    assert float(said["sum"]) == 4096.5 * 2**24


def test_constants_have_no_variance():
    summarizer = summarizer_of([torch.tensor([0.1])] * 1000)
    assert float(summarizer.summary["variance"]) == 0
    assert float(summarizer.summary["mean"]) == float(torch.tensor(0.1))
