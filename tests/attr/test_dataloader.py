"""Attributions of metrics of data sets, by any method that replaces features, of batches of any form."""

from __future__ import annotations

import copy
import logging
import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from pellucid.attr import (
    DataLoaderAttribution,
    FeatureAblation,
    FeaturePermutation,
    KernelShap,
    LayerFeatureAblation,
    Lime,
    LimeBase,
    Occlusion,
    ProductBaselines,
    Saliency,
    ShapleyValues,
    ShapleyValueSampling,
)
from pellucid.errors import InvalidArgument, NotSupported, PellucidWarning
from pellucid.methods import Blur

GENERATOR = torch.Generator().manual_seed(3)
X = torch.randn(7, 4, generator=GENERATOR, dtype=torch.float64)
Y = torch.randn(7, 2, 3, generator=GENERATOR, dtype=torch.float64)


def product(x: Tensor, y: Tensor | None = None) -> Tensor:
    return x.prod(1) + x[:, 0] + (0 if y is None else y.sum((1, 2)) * x[:, 1])


def whole(model: Any = product, *, y: bool = False) -> Any:
    """The mean over the data set, as a function of the presence of elements."""

    def metric(x: Tensor, *more: Tensor) -> Tensor:
        parts = [(X * x[:, None], *(Y * each[:, None] for each in more))[index] for index in range(1 + y)]
        return torch.stack([model(*row).mean() for row in zip(*parts, strict=True)])

    return metric


METHODS: dict[str, tuple[type, dict[str, Any]]] = {
    "FeatureAblation": (FeatureAblation, {}),
    "Occlusion": (Occlusion, {"sliding_window_shapes": (2,)}),
    "ShapleyValues": (ShapleyValues, {}),
    "ShapleyValueSampling": (ShapleyValueSampling, {"n_samples": 5, "seed": 0}),
    "KernelShap": (KernelShap, {"n_samples": 60, "seed": 0}),
    "Lime": (Lime, {"n_samples": 60, "seed": 0}),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("per_pass", [1, 4, 1000])
def test_methods_find_what_they_find_for_the_whole_data_set(name: str, per_pass: int):
    method, arguments = METHODS[name]
    ones = torch.ones(1, 4, dtype=torch.float64)
    expected = method(whole()).attribute(ones, baselines=0, **arguments)
    data = DataLoaderAttribution(method(product))
    found = data.attribute(X.split(3), to_metric=torch.mean, perturbations_per_pass=per_pass, **arguments)
    torch.testing.assert_close(found, expected)


def test_shapley_values_add_up():
    method = DataLoaderAttribution(ShapleyValues(product))
    found = method.attribute(list(zip(X.split(2), Y.split(2), strict=True)), to_metric=torch.mean)
    assert [tuple(part.shape) for part in found] == [(1, 4), (1, 2, 3)]
    torch.testing.assert_close(sum(part.sum() for part in found), product(X, Y).mean())


def test_standard_errors():
    method = DataLoaderAttribution(ShapleyValueSampling(product))
    loader = [{"x": batch} for batch in X.split(3)]
    found, stderr = method.attribute(loader, to_metric=torch.mean, n_samples=20, seed=0, return_stderr=True)
    assert found["x"].shape == stderr["x"].shape == (1, 4)
    assert bool((stderr["x"] > 0).any())


def loaders() -> dict[str, Any]:
    pairs = list(zip(X.split(2), Y.split(2), strict=True))
    return {
        "tuple": pairs,
        "list": [list(pair) for pair in pairs],
        "dict": [{"x": x, "y": y} for x, y in pairs],
        "loader": DataLoader(TensorDataset(X, Y), batch_size=2),
    }


@pytest.mark.parametrize("form", loaders())
@pytest.mark.parametrize("roles", [None, (0, 1), (1, 0)])
def test_forms_of_batches(form: str, roles: Any):
    found = DataLoaderAttribution(FeatureAblation(product)).attribute(loaders()[form], roles)
    expected = FeatureAblation(product).attribute((X, Y))
    names = [name for name, role in zip("xy", roles or (0, 0), strict=True) if role == 0]
    if form == "dict":
        assert list(found) == names
        found = tuple(found.values())
    assert isinstance(found, tuple)
    rows = tuple(part for part, name in zip(expected, "xy", strict=True) if name in names)
    torch.testing.assert_close(found, rows)  # the metric is each example's output


def test_what_is_said_by_key():
    loader = [{"x": x, "y": y, "label": "text"} for x, y in zip(X.split(2), Y.split(2), strict=True)]
    arguments: dict[str, Any] = {
        "input_roles": {"x": 0, "y": 1},
        "baselines": {"x": 2.0},
        "feature_mask": {"x": torch.tensor([[0, 0, 3, 1]])},
    }
    method = DataLoaderAttribution(FeatureAblation(product))
    found = method.attribute(loader, **arguments, return_input_shape=False)
    mask = arguments["feature_mask"]["x"]
    expected = FeatureAblation(product).attribute(X, 2.0, additional_forward_args=Y, feature_mask=mask)
    torch.testing.assert_close(found[:, [0, 3, 1]], expected[:, 1:])
    assert not found[:, 2].any()


def test_groups_that_span_parts():
    masks = (torch.tensor([[0, 1, 1, 2]]), torch.tensor([2]).expand(1, 2, 3))
    found = DataLoaderAttribution(FeatureAblation(product)).attribute(loaders()["tuple"], feature_mask=masks)
    expected = FeatureAblation(product).attribute((X, Y), feature_mask=masks)
    torch.testing.assert_close(found, expected)


def test_passes_are_said_in_the_log(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "pellucid"):
        DataLoaderAttribution(FeatureAblation(product)).attribute(X.split(3), perturbations_per_pass=2)
    (line,) = [record.getMessage() for record in caplog.records if "data loader" in record.getMessage()]
    assert "several times: once for its first batch, and once for every 2 evaluations of FeatureAblation" in line
    assert "read several times" in str(DataLoaderAttribution.__doc__)
    assert "read several" in str(DataLoaderAttribution.attribute.__doc__)


def test_shuffled_data_are_warned_of():
    loader = DataLoader(TensorDataset(X), batch_size=2, shuffle=True)
    method = DataLoaderAttribution(FeatureAblation(product))
    with pytest.warns(PellucidWarning, match=r"dataloader shuffles its examples.*Hint: shuffle=False"):
        method.attribute(loader)

    def total(accumulated: Any, output: Tensor, batch: Any) -> Tensor:
        return output.sum() + (0 if accumulated is None else accumulated)

    torch.testing.assert_close(
        method.attribute(loader, reduce=total), method.attribute(loaders()["list"], (0, 2), reduce=total)
    )


@pytest.mark.parametrize(
    "method", [FeaturePermutation(product), Saliency(product), LayerFeatureAblation(nn.ReLU(), ""), product]
)
def test_methods_that_replace_nothing(method: Any):
    with pytest.raises(InvalidArgument, match=r"attr_method must be a method of pellucid\.attr that replaces features"):
        DataLoaderAttribution(method)


def test_a_surrogate_with_parts_to_choose():
    parts = Lime(product)
    functions = (parts.interpretable_model, parts.similarity_func, parts.perturb_func)
    method = LimeBase(product, *functions, True, lambda sample, x: x * sample, None)
    with pytest.raises(InvalidArgument, match="attr_method must be"):
        DataLoaderAttribution(method)


BAD: list[tuple[Any, dict[str, Any], str]] = [
    (3, {}, "dataloader must be a DataLoader, or another collection of batches: got 3"),
    (X, {}, r"Hint: \[batch\] of a single batch"),
    (iter([X]), {}, r"can be read several times: got list_iterator.*Hint: list\(dataloader\)"),
    ([3], {}, r"dataloader must be tensors, or tuples, lists or dicts of them: got 3\. Hint: the collate_fn"),
    ([[X, "a"]], {}, r"where attributions are wanted: got 'a' at 1\. Hint: input_roles=... has 1 for"),
    ([{"x": X, "y": Y}, {"x": X}], {}, r"batches must have the same parts: expected \['x', 'y'\], got"),
    ([[X, Y], [X]], {}, r"batches must have the same parts: expected \[0, 1\], got"),
    ([{"x": X}], {"input_roles": {"z": 0}}, r"input_roles must be one for each part of a batch, \['x'\]: got"),
    ([{"x": X}], {"baselines": {"z": 0}}, r"baselines must have the keys \['x'\]: got \['z'\]"),
    ([{"x": X, "y": Y}], {"feature_mask": {"x": X.long()[:1] * 0}}, r"feature_mask must have the keys \['x', 'y'\]"),
    ([X], {"baselines": X[:2]}, r"baselines must be the same for all examples: expected \(1, 4\), got \(2, 4\)"),
    ([X], {"reduce": lambda *_: 3.0}, r"reduce must return a tensor: got 3\.0"),
    ([X], {"to_metric": lambda outputs: outputs.tolist()}, r"to_metric must return a tensor: got \["),
]


@pytest.mark.parametrize(("loader", "arguments", "message"), BAD, ids=range(len(BAD)))
def test_bad_input(loader: Any, arguments: dict[str, Any], message: str):
    with pytest.raises(InvalidArgument, match=message):
        DataLoaderAttribution(FeatureAblation(product)).attribute(loader, **arguments)


def test_outputs_that_have_no_rows():
    method = DataLoaderAttribution(FeatureAblation(lambda x: x.sum()))
    with pytest.raises(
        InvalidArgument, match=r"forward_func must return a tensor with a value for each.*Hint: reduce="
    ):
        method.attribute([X])
    expected = method.attribute([X], reduce=lambda accumulated, output, batch: output)
    torch.testing.assert_close(expected, X.sum(0)[None])


def test_models_and_data_stay_as_they_were():
    class Writing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(4, dtype=torch.float64)

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            y += 1
            x *= 2
            return self.norm(x).sum(1) * y.sum((1, 2))

    model = Writing().train()
    before, x, y = copy.deepcopy(model.state_dict()), X.clone(), Y.clone()
    method = DataLoaderAttribution(FeatureAblation(model))
    with pytest.warns(PellucidWarning, match="training mode"):
        method.attribute([[x, y], [x[:3], y[:3]]], (0, 1))
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert model.training
    assert torch.equal(x, X)
    assert torch.equal(y, Y)


def test_an_error_of_the_model_names_the_call():
    def broken(x: Tensor) -> Tensor:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        DataLoaderAttribution(FeatureAblation(broken)).attribute([X])
    assert any("FeatureAblation" in note for note in getattr(caught.value, "__notes__", []))


def test_baselines_of_a_seed_leave_pythons_generator():
    values = {"x": list(range(100)), ("y", "z"): [(index, -index) for index in range(100)]}
    random.seed(0)
    before = random.getstate()
    first, second = (ProductBaselines(values, seed=5) for _ in range(2))
    assert [first() for _ in range(4)] == [second() for _ in range(4)]
    assert random.getstate() == before
    assert repr(ProductBaselines([["a"], [1, 2]])) == "ProductBaselines([['a'], [1, 2]])"


def test_a_removal_is_refused():
    loader = DataLoader(TensorDataset(torch.ones(4, 2)), batch_size=2)
    explainer = DataLoaderAttribution(FeatureAblation(lambda x: x.sum(1)))
    with pytest.raises(NotSupported, match=r"removal is of inputs, not of a data set. Hint: baselines"):
        explainer.attribute(loader, removal=Blur(1.0))
