"""Summaries say what Captum's say, under the same names, in the same dtypes."""

from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor

import pellucid.attr

ALL = (
    lambda attr: attr.Count(),
    lambda attr: attr.Mean(),
    lambda attr: attr.MSE(),
    lambda attr: attr.Var(),
    lambda attr: attr.Var(order=1),
    lambda attr: attr.Var(order=3),
    lambda attr: attr.StdDev(),
    lambda attr: attr.StdDev(order=1),
    lambda attr: attr.Min(),
    lambda attr: attr.Max(),
    lambda attr: attr.Sum(),
)
DTYPES = [torch.float64, torch.float32, torch.float16, torch.int64, torch.int8]
TOLERANCES = {torch.float16: 5e-3, torch.float32: 2e-6}
"""How far running means of these dtypes may be off, of values up to about one."""


def stream(dtype: torch.dtype, count: int, shape: tuple[int, ...] = (2, 3)) -> list[Tensor]:
    drawn = torch.randn(count, *shape, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    return list((drawn * (1 if dtype.is_floating_point else 5)).to(dtype))


def summaries(observations: list[Any], labels: list[Any] | None = None) -> tuple[Any, Any]:
    """What the summaries of the two libraries say of a stream; with labels, those of classes."""
    said = []
    for attr in (captum.attr, pellucid.attr):
        stats = [stat(attr) for stat in ALL]
        summarizer = attr.Summarizer(stats) if labels is None else attr.ClassSummarizer(stats)
        for index, x in enumerate(observations):
            summarizer.update(x) if labels is None else summarizer.update(x, labels[index])
        said.append(summarizer.summary if labels is None else (summarizer.summary, summarizer.class_summaries))
    return said[0], said[1]


def assert_same(theirs: Any, ours: Any, tolerance: float = 0.0) -> None:
    assert type(ours) is type(theirs)
    if isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(theirs, ours, strict=True):
            assert_same(one, other, tolerance)
    elif isinstance(ours, dict):
        assert set(ours) == set(theirs)
        for name in theirs:
            assert_same(theirs[name], ours[name], tolerance)
    elif isinstance(ours, Tensor):
        assert ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance)
    else:
        assert ours == theirs


@pytest.mark.parametrize("count", [1, 2, 3, 20])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors(dtype: torch.dtype, count: int):
    theirs, ours = summaries(stream(dtype, count))
    assert_same(theirs, ours, TOLERANCES.get(dtype, 1e-12))


def test_the_example_that_users_know():
    _, ours = summaries([torch.tensor(x) for x in ([1.0, 2, 4], [3, 2, 0], [5, 2, 1])])
    assert ours["mean"].tolist() == pytest.approx([3, 2, 5 / 3])
    assert ours["sample_variance"].tolist() == pytest.approx([4, 0, 13 / 3])
    assert ours["mse"].tolist() == pytest.approx([8, 0, 26 / 3])
    assert (ours["min"].tolist(), ours["max"].tolist()) == ([1, 2, 0], [5, 2, 4])


def test_numbers():
    theirs, ours = summaries([0.5, -1.25, 3.0])
    assert_same(theirs, ours, 1e-6)


def test_a_number_after_tensors_stands_for_each_element():
    theirs, ours = summaries([torch.ones(2, 3), 3.0])
    assert_same(theirs, ours, 1e-6)


def test_tuples():
    theirs, ours = summaries([(torch.ones(2), 2.0), (torch.zeros(2), 4.0), (torch.zeros(2),)])
    assert isinstance(ours, list)
    assert [entry["count"] for entry in ours] == [3, 2]
    assert_same(theirs, ours, 1e-6)


def test_dtypes_that_grow_on_the_way():
    for first, second in ((torch.float32, torch.float64), (torch.int64, torch.float32)):
        theirs, ours = summaries([torch.ones(2, dtype=first), torch.full((2,), 2.5, dtype=second)])
        assert_same(theirs, ours, 1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite(value: float):
    theirs, ours = summaries([torch.tensor([1.0, value]), torch.tensor([2.0, 3.0]), torch.tensor([2.0, 1.0])])
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name], equal_nan=True, check_dtype=True)


LABELS = [["a", "b", "a", "c"], "whole", ["one"], 5, ("a", 1), [1, 2, 1, 1]]


@pytest.mark.parametrize("labels", LABELS, ids=str)
@pytest.mark.parametrize("several", [False, True])
def test_classes(labels: Any, several: bool):
    batches = [torch.stack(stream(torch.float32, 4)), torch.ones(4, 2, 3)]
    given = [(batch, batch[:, 0]) for batch in batches] if several else batches
    theirs, ours = summaries(given, [labels, labels])
    assert_same(theirs, ours, 1e-6)


def test_without_labels_a_batch_is_one_observation():
    batch = torch.stack(stream(torch.float32, 4))
    for given in (batch, (batch, batch[:1])):
        theirs, ours = summaries([given, given], [None, None])
        assert_same(theirs, ours, 1e-6)


def test_nothing_yet():
    for attr in (captum.attr, pellucid.attr):
        assert attr.Summarizer([attr.Mean()]).summary is None
        assert attr.ClassSummarizer([attr.Mean()]).summary is None
        assert attr.ClassSummarizer([attr.Mean()]).class_summaries == {}
        summarizer = attr.Summarizer([attr.Mean()])
        summarizer.update(())
        assert summarizer.summary is None
        assert attr.SummarizerSingleTensor([attr.Count(), attr.Mean()], [1]).summary == {"mean": None}


def test_names_and_equality():
    for attr in (captum.attr, pellucid.attr):
        assert [stat(attr).name for stat in ALL] == [
            *("count", "mean", "mse", "variance", "sample_variance", "variance(3)", "std_dev", "sample_std_dev"),
            *("min", "max", "sum"),
        ]
        assert attr.Var(name="spread", order=1).name == "spread"
        assert attr.Mean() == attr.Mean(name="other")
        assert hash(attr.Mean()) == hash(attr.Mean(name="other"))
        assert attr.Mean() != attr.Sum()
        assert attr.Var() != attr.Var(order=1)
        assert [type(stat).__name__ for stat in attr.CommonStats()] == ["Mean", "Var", "StdDev", "Min", "Max"]
        assert attr.CommonStats()[0] is not attr.CommonStats()[0]


def test_prerequisites_come_first_and_are_not_shown():
    for attr in (captum.attr, pellucid.attr):
        summarizer = attr.Summarizer([attr.Sum(), attr.StdDev(), attr.Mean(name="average"), attr.Var()])
        summarizer.update(torch.ones(2))
        assert list(summarizer.summary) == ["average", "variance", "std_dev", "sum"]


def test_equal_statistics_are_one_by_one_name():
    for attr in (captum.attr, pellucid.attr):
        summarizer = attr.Summarizer([attr.Mean("first"), attr.Mean("second")])
        summarizer.update(torch.ones(2))
        assert len(summarizer.summary) == 1


def test_users_statistics_stay_as_they_are():
    for attr in (captum.attr, pellucid.attr):
        stats = attr.CommonStats()
        first, second = attr.Summarizer(stats), attr.Summarizer(stats)
        first.update(torch.ones(2))
        assert second.summary is None
        second.update(torch.zeros(2))
        assert first.summary["mean"].tolist() == [1, 1]


def test_the_object_inside():
    for attr in (captum.attr, pellucid.attr):
        count, mean = attr.Count(), attr.Mean()
        summarizer = attr.SummarizerSingleTensor([count, mean], [1])
        summarizer.update(torch.ones(2))
        assert list(summarizer.summary) == ["mean"]
        assert summarizer.get(attr.Mean()) is mean
        assert summarizer.get(attr.Max()) is None
        assert count.get() == 1


def test_functions_of_ones_own():
    for attr in (captum.attr, pellucid.attr):
        stats = [attr.Min(min_fn=lambda a, b: a - b), attr.Max(max_fn=lambda a, b: a * b), attr.Sum(add_fn=torch.sub)]
        summarizer = attr.Summarizer(stats)
        for value in (5.0, 2.0, 1.0):
            summarizer.update(torch.tensor([value]))
        assert [float(summarizer.summary[name]) for name in ("min", "max", "sum")] == [2, 10, 2]


BAD: list[tuple[str, Any, type[Exception]]] = [
    ("an int", lambda attr: attr.Summarizer([attr.Mean()]).update(1), AssertionError),
    ("a list", lambda attr: attr.Summarizer([attr.Mean()]).update([1.0]), AssertionError),
    ("None", lambda attr: attr.Summarizer([attr.Mean()]).update(None), AssertionError),
    (
        "labels missing",
        lambda attr: attr.ClassSummarizer([attr.Mean()]).update(torch.ones(3, 1), [1, 2]),
        AssertionError,
    ),
    ("labels of a number", lambda attr: attr.ClassSummarizer([attr.Mean()]).update(2.5, ["a"]), AssertionError),
    ("alone", lambda attr: attr.Mean().init(), AssertionError),
]


@pytest.mark.parametrize(("call", "error"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_exceptions(call: Any, error: type[Exception]):
    for attr in (captum.attr, pellucid.attr):
        with pytest.raises(error):
            call(attr)


def test_forms_do_not_mix():
    x = torch.ones(3, 1)
    for attr in (captum.attr, pellucid.attr):
        for first, second in (((x,), x), (x, (x,))):
            summarizer = attr.Summarizer([attr.Mean()])
            summarizer.update(first)
            with pytest.raises(AssertionError):
                summarizer.update(second)
        for first_labels, second_labels in ((None, [1, 2, 1]), ([1, 2, 1], None)):
            summarizer = attr.ClassSummarizer([attr.Mean()])
            summarizer.update(x, first_labels)
            with pytest.raises(AssertionError):
                summarizer.update(x, second_labels)


def test_another_shape():
    for attr in (captum.attr, pellucid.attr):
        summarizer = attr.Summarizer([attr.Mean()])
        summarizer.update(torch.ones(2))
        with pytest.raises(RuntimeError):
            summarizer.update(torch.ones(3))
