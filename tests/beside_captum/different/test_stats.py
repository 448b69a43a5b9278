"""Where summaries differ. Each docstring is a line of `docs/differences.md`."""

from types import ModuleType
from typing import Any

import captum.attr
import pytest
import torch
from captum.attr._utils.stat import Stat as CaptumsStat
from torch import Tensor

import pellucid.attr
from pellucid.errors import InvalidArgument, WrongShape


def summary(attr: ModuleType, stats: list[Any], observations: list[Any]) -> Any:
    summarizer = attr.Summarizer(stats)
    for x in observations:
        summarizer.update(x)
    return summarizer.summary


@pytest.mark.parametrize("name", ["Min", "Max", "Sum"])
def test_tensors_that_change_after_an_update(name: str):
    """A tensor that changes after its update: changes the summary; does not."""
    said = []
    for attr in (captum.attr, pellucid.attr):
        x = torch.tensor([1.0, 4.0])
        summarizer = attr.Summarizer([getattr(attr, name)()])
        summarizer.update(x)
        x += 100
        said.append(summarizer.summary[name.lower()].tolist())
    assert said == [[101, 104], [1, 4]]


@pytest.mark.parametrize("name", ["Mean", "Min", "Max", "Sum", "MSE", "Var"])
def test_a_summary_that_changes(name: str):
    """A summary is the user's to change."""
    summarizer = pellucid.attr.Summarizer([getattr(pellucid.attr, name)(name="value")])
    for value in (1.0, 2.0):
        summarizer.update(torch.tensor([value], dtype=torch.float64))
    before = float(summarizer.summary["value"])
    summarizer.summary["value"] += 100
    assert float(summarizer.summary["value"]) == before


@pytest.mark.parametrize(
    "labels", [torch.tensor([1, 2, 1]), list(torch.tensor([1, 2, 1]))], ids=["tensor", "list of tensors"]
)
def test_labels_as_a_tensor(labels: Any):
    """Labels as a tensor: a class for each example; a class for each number."""
    x = torch.tensor([[1.0], [2.0], [5.0]])
    theirs, ours = (attr.ClassSummarizer([attr.Mean()]) for attr in (captum.attr, pellucid.attr))
    for summarizer in (theirs, ours):
        summarizer.update(x, labels)
    assert len(theirs.class_summaries) == 3
    assert {label: float(one["mean"]) for label, (one,) in ours.class_summaries.items()} == {1: 3, 2: 2}


def test_one_label_as_a_tensor():
    """A tensor of one label, without dimensions: `TypeError`; the label of all."""
    x = torch.ones(3, 1)
    with pytest.raises(TypeError):
        captum.attr.ClassSummarizer([captum.attr.Mean()]).update(x, torch.tensor(1))
    ours = pellucid.attr.ClassSummarizer([pellucid.attr.Count()])
    ours.update(x, torch.tensor(1))
    assert ours.class_summaries == {1: [{"count": 3}]}


def last(base: type) -> type:
    class Last(base):  # type: ignore[misc, valid-type]
        def init(self) -> None:
            self.last: Tensor | None = None

        def update(self, x: Tensor) -> None:
            self.last = x

        def get(self) -> Tensor | None:
            return self.last

    return Last


def test_statistics_of_ones_own():
    """A statistic of one's own: `KeyError`; as others."""
    with pytest.raises(KeyError):
        captum.attr.Summarizer([last(CaptumsStat)()])
    assert summary(pellucid.attr, [last(pellucid.attr.Stat)()], [torch.zeros(1), torch.ones(1)]) == {
        "last": torch.ones(1)
    }


def test_subclasses():
    """Subclasses of statistics: `KeyError`; as others."""
    for attr in (captum.attr, pellucid.attr):

        class Doubled(attr.Mean):  # type: ignore[misc, name-defined]
            def get(self) -> Any:
                mean = super().get()
                return None if mean is None else mean * 2

        if attr is captum.attr:
            with pytest.raises(KeyError):
                attr.Summarizer([Doubled()])
        else:
            said = summary(attr, [Doubled(), attr.Mean(), attr.Var()], [torch.ones(1), torch.full((1,), 3.0)])
            assert {name: float(value) for name, value in said.items()} == {"doubled": 4, "mean": 2, "variance": 1}


def test_long_streams_in_float32():
    """Sums, means and variances of float32: kept in float32; in float64."""
    stream = [torch.tensor([1e6 + (index >= 100)]) for index in range(200)]
    theirs, ours = (
        summary(attr, [attr.Mean(), attr.StdDev(order=1), attr.Sum()], stream) for attr in (captum.attr, pellucid.attr)
    )
    right = torch.cat(stream).double()
    assert float(theirs["mean"]) == 1e6
    assert float(ours["mean"]) == 1e6 + 0.5
    assert float(theirs["sample_std_dev"]) > 1.4 * float(right.std())
    assert float(ours["sample_std_dev"]) == pytest.approx(float(right.std()), rel=1e-9)
    ones = [torch.tensor([2.0**24])] + [torch.ones(1)] * 100
    theirs, ours = (summary(attr, [attr.Sum()], ones) for attr in (captum.attr, pellucid.attr))
    assert float(theirs["sum"]) == 2**24
    assert float(ours["sum"]) == 2**24 + 100


def test_the_name_of_deviations_of_other_orders():
    """The name of a deviation of order 2: `std_dev2)`; `std_dev(2)`."""
    assert captum.attr.StdDev(order=2).name == "std_dev2)"
    assert pellucid.attr.StdDev(order=2).name == "std_dev(2)"


def test_functions_are_part_of_a_statistic():
    """Two `Min` of different functions: one; two, which need names."""
    for attr in (captum.attr, pellucid.attr):
        said = summary(attr, [attr.Min(), attr.Min(name="product", min_fn=torch.mul)], [torch.full((1,), 3.0)] * 2)
        assert len(said) == (1 if attr is captum.attr else 2)


def test_different_statistics_of_one_name():
    """Two statistics of the same name: one is lost; `InvalidArgument`."""
    x = [torch.tensor([1.0])]
    assert len(summary(captum.attr, [captum.attr.Mean(), captum.attr.Max(name="mean")], x)) == 1
    with pytest.raises(InvalidArgument, match=r"stats must have different names: got 'mean' 2 times\. Hint: name="):
        pellucid.attr.Summarizer([pellucid.attr.Mean(), pellucid.attr.Max(name="mean")])


def test_summaries_of_tensors_that_require_grad():
    """Summaries of tensors that require grad: require it and keep all graphs; do not."""
    x = torch.ones(2, requires_grad=True)
    for attr in (captum.attr, pellucid.attr):
        said = summary(attr, [attr.Mean(), attr.Max(), attr.Sum()], [x, x * 2])
        assert [value.requires_grad for value in said.values()] == [attr is captum.attr] * 3


def test_a_later_observation_of_more_elements():
    """A later tensor of more elements, to which the first broadcasts: all grow; `WrongShape`, and nothing changes."""
    stream = [torch.ones(3), torch.full((2, 3), 3.0)]
    assert summary(captum.attr, [captum.attr.Mean()], stream)["mean"].shape == (2, 3)
    summarizer = pellucid.attr.Summarizer(pellucid.attr.CommonStats())
    summarizer.update(stream[0])
    with pytest.raises(WrongShape, match=r"x must have one shape in all updates: expected \(3,\), got \(2, 3\)\."):
        summarizer.update(stream[1])
    assert summarizer.summary["mean"].tolist() == [1, 1, 1]


def test_an_update_that_fails():
    """An update that fails: counts in some statistics; in none."""
    counts = []
    for attr in (captum.attr, pellucid.attr):
        summarizer = attr.Summarizer([attr.Count(), attr.Mean()])
        summarizer.update((torch.ones(2), torch.ones(2)))
        with pytest.raises(RuntimeError):
            summarizer.update((torch.ones(2), torch.ones(3)))
        counts.append([entry["count"] for entry in summarizer.summary])
    assert counts == [[2, 2], [1, 1]]


def test_complex_numbers():
    """Complex numbers: their real parts; `InvalidArgument`."""
    x = [torch.tensor([3 + 1j])]
    with pytest.warns(UserWarning, match="imaginary"):
        assert summary(captum.attr, [captum.attr.Mean()], x)["mean"].tolist() == [3]
    with pytest.raises(InvalidArgument, match="x must be a tensor of real numbers"):
        summary(pellucid.attr, [pellucid.attr.Mean()], x)


def test_booleans():
    """Booleans: `RuntimeError`; means of zeros and ones."""
    x = [torch.tensor([True]), torch.tensor([False])]
    with pytest.raises(RuntimeError):
        summary(captum.attr, [captum.attr.Mean()], x)
    assert summary(pellucid.attr, [pellucid.attr.Mean()], x)["mean"].tolist() == [0.5]
