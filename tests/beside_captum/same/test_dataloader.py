"""Attributions of metrics of data sets are Captum's, in as many passes over the data."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import captum.attr
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import pellucid.attr
from beside_captum.same.compare import assert_close, assert_same, assert_same_exception, on_captum, value_of

X = torch.arange(12.0).view(6, 2)
LABELS = torch.arange(6)


class Loader:
    """Batches of two examples, which counts how often it is read."""

    def __init__(self, *tensors: Any) -> None:
        self.batches = [[tensor[start : start + 2] for tensor in tensors] for start in range(0, 6, 2)]
        self.passes = 0

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        return iter(self.batches)


def rows(x: Tensor, *more: Tensor) -> Tensor:
    return x.sum(1) + sum(tensor.flatten(1).sum(1) * (index + 2) for index, tensor in enumerate(more))


def total(accumulated: Tensor | None, output: Tensor, batch: Any) -> Tensor:
    return output.sum().view(1) if accumulated is None else accumulated + output.sum()


def explain(attr: ModuleType, *tensors: Tensor, model: Any = rows, **arguments: Any) -> Any:
    return attr.DataLoaderAttribution(attr.FeatureAblation(model)).attribute(Loader(*tensors), **arguments)


CASES: list[dict[str, Any]] = [
    {},
    {"baselines": 1},
    {"baselines": (1,)},
    {"baselines": torch.tensor([[1.0, -2.0]])},
    {"feature_mask": torch.tensor([[0, 0]])},
    {"feature_mask": (torch.tensor([[3, 1]]),)},
    {"feature_mask": torch.tensor([[0, 2]]), "return_input_shape": False},
    {"return_input_shape": False},
    {"perturbations_per_pass": 2},
    {"perturbations_per_pass": 20},
]


@pytest.mark.parametrize("arguments", CASES, ids=str)
@pytest.mark.parametrize("form", ["rows", "total", "scalar", "table"])
def test_feature_ablation(arguments: dict[str, Any], form: str):
    forms: dict[str, dict[str, Any]] = {
        "rows": {},
        "total": {"reduce": total},
        "scalar": {"to_metric": lambda outputs: outputs.mean()},
        "table": {"to_metric": lambda outputs: outputs.view(2, 3) ** 2},
    }
    assert_same(lambda attr: explain(attr, X, **arguments, **forms[form]))


def test_the_example_that_users_know():
    found = explain(pellucid.attr, X, reduce=total)
    assert isinstance(found, tuple)
    assert [one.tolist() for one in found] == [[[30, 36]]]


@pytest.mark.parametrize("roles", [(0, 0, 0), (0, 0, 1), (1, 0, 2), [0, 2, 2], (2, 2, 0), (0, 1, 0)])
@pytest.mark.parametrize("per_pass", [1, 3])
def test_roles(roles: Any, per_pass: int):
    pictures = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0))
    for more in ({}, {"reduce": total}, {"return_input_shape": False, "reduce": total}):
        call = {"input_roles": roles, "perturbations_per_pass": per_pass, **more}
        assert_same(lambda attr, call=call: explain(attr, X, X.cos(), pictures[:, 0], **call))


def test_groups_across_inputs():
    masks = (torch.tensor([[0, 1]]), torch.tensor([[1, 0]]))
    for more in ({}, {"return_input_shape": False}):
        assert_same(lambda attr, more=more: explain(attr, X, X + 1, feature_mask=masks, reduce=total, **more))
    assert_same(lambda attr: explain(attr, X, X + 1, baselines=(1, torch.ones(1, 2) * 3), reduce=total))


def test_the_batch_that_is_reduced():
    """Labels are there, and what is perturbed is, perturbed."""

    def loss(accumulated: Any, output: Tensor, batch: Any) -> Any:
        assert isinstance(batch, tuple)
        x, labels = batch
        assert labels.dtype == torch.int64
        added = ((output - labels) ** 2).sum() + x.sum()
        return added if accumulated is None else accumulated + added

    assert_same(lambda attr: explain(attr, X, LABELS, input_roles=(0, 2), reduce=loss))


@pytest.mark.parametrize("per_pass", [1, 2, 3, 20])
def test_passes_over_the_data(per_pass: int):
    counts = []
    x = torch.randn(6, 4)
    for attr in (captum.attr, pellucid.attr):
        calls: list[int] = []

        def model(x: Tensor, calls: list[int] = calls) -> Tensor:
            calls.append(len(x))
            return x.sum(1)

        loader = Loader(x)
        attr.DataLoaderAttribution(attr.FeatureAblation(model)).attribute(loader, perturbations_per_pass=per_pass)
        counts.append((loader.passes, len(calls)))
    (captums, captums_calls), (ours, our_calls) = counts
    assert our_calls == captums_calls == 3 * (1 + 4)
    assert ours == 1 + -(-(1 + 4) // per_pass)
    assert ours <= captums


def test_mean_loss_of_a_network_on_breast_cancer():
    """Real data, through torch's loader: which measurements of a tumour the mean loss of a classifier depends on."""
    data = load_breast_cancer()
    x = torch.tensor(data.data, dtype=torch.float32)
    x, y = (x - x.mean(0)) / x.std(0), torch.tensor(data.target)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    model.eval()
    loader = DataLoader(TensorDataset(x, y), batch_size=100)

    def losses(accumulated: Any, output: Tensor, batch: Any) -> Any:
        added = torch.stack([functional.cross_entropy(output, batch[1], reduction="sum"), torch.tensor(len(output))])
        return added if accumulated is None else accumulated + added

    def call(attr: ModuleType) -> Any:
        return attr.DataLoaderAttribution(attr.FeatureAblation(model)).attribute(
            loader,
            input_roles=(0, 2),
            reduce=losses,
            to_metric=lambda sums: sums[0] / sums[1],
            perturbations_per_pass=16,
        )

    (theirs,), (ours,) = value_of(on_captum(call)), call(pellucid.attr)
    assert ours.shape == (1, 30)
    assert float(theirs.abs().max()) > 0.01
    assert_close(ours, theirs, rounding=1e-7)
    with torch.no_grad():
        whole = functional.cross_entropy(model(x), y)
        without = [functional.cross_entropy(model(x * (torch.arange(30) != index)), y) for index in range(30)]
    torch.testing.assert_close(ours[0], torch.stack([whole - one for one in without]), rtol=1e-4, atol=1e-7)


BAD: dict[str, tuple[Any, type[Exception]]] = {
    "another method": (lambda attr: attr.DataLoaderAttribution(attr.Saliency(rows)), AssertionError),
    "no method": (lambda attr: attr.DataLoaderAttribution(rows), AssertionError),
    "another number of roles": (lambda attr: explain(attr, X, LABELS, input_roles=(0,)), AssertionError),
    "nothing to attribute to": (lambda attr: explain(attr, X, LABELS, input_roles=(1, 2)), AssertionError),
    "another number of baselines": (lambda attr: explain(attr, X, X, baselines=(1,)), AssertionError),
    "baselines by example": (lambda attr: explain(attr, X, baselines=torch.zeros(2, 2)), AssertionError),
    "masks by example": (lambda attr: explain(attr, X, feature_mask=torch.zeros(2, 2).long()), AssertionError),
    "a metric that is a number": (lambda attr: explain(attr, X, to_metric=lambda outputs: 3.0), AssertionError),
    "no perturbations": (lambda attr: explain(attr, X, perturbations_per_pass=0), AssertionError),
    "a future": (
        lambda attr: attr.DataLoaderAttribution(attr.FeatureAblation(rows)).attribute_future(),
        NotImplementedError,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_exceptions(name: str):
    assert_same_exception(*BAD[name])


def test_what_it_says_of_itself():
    for attr in (captum.attr, pellucid.attr):
        inside = attr.FeatureAblation(rows)
        method = attr.DataLoaderAttribution(inside)
        assert method.get_name() == "Data Loader Attribution"
        assert not method.has_convergence_delta()
        assert method.forward_func is rows
        assert method.attr_method is not inside
        method.attribute(Loader(X))
        assert inside.forward_func is rows
