"""Captum's defaults hold under Captum's names, and pellucid's under pellucid's."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.compat import attributions
from pellucid.errors import NotSupported

OTHERS = {name for name in attr.__all__ if getattr(attributions, name) is not getattr(attr, name)}
DIFFERING = OTHERS - {"IntegratedGradients"}  # which is another, but has no default that differs
CLASSES = sorted(name for name in attr.__all__ if hasattr(getattr(attr, name), "attribute"))


def parameter(function: Any) -> inspect.Parameter:
    return inspect.signature(function).parameters["perturbations_per_eval"]


def test_eleven_classes_differ():
    assert {
        name
        for name in CLASSES
        if "perturbations_per_eval" in inspect.signature(getattr(captum.attr, name).attribute).parameters
    } == DIFFERING
    assert len(DIFFERING) == 11


@pytest.mark.parametrize("name", CLASSES)
def test_defaults_are_captums(name: str):
    ours = inspect.signature(getattr(attributions, name).attribute).parameters
    theirs = inspect.signature(getattr(captum.attr, name).attribute).parameters
    differing = {each for each in theirs if each in ours and ours[each].default != theirs[each].default}
    assert differing <= {"perm_func"}


@pytest.mark.parametrize("name", sorted(DIFFERING))
def test_a_class_stands_where_pellucids_does(name: str):
    changed, cls = getattr(attributions, name), getattr(attr, name)
    assert (changed.__name__, changed.__qualname__) == (name, name)
    assert pickle.loads(pickle.dumps(changed)) is changed
    assert parameter(changed.attribute).default == parameter(changed.attribute.__wrapped__).default == 1
    assert parameter(cls.attribute).default is None
    assert issubclass(changed, cls)
    for other in captum.attr.__all__:
        theirs = getattr(captum.attr, other)
        if isinstance(theirs, type) and issubclass(getattr(captum.attr, name), theirs):
            assert issubclass(changed, getattr(attributions, other))


class Rows(nn.Module):
    """Remembers how many rows it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.rows = nn.Linear(4, 2), []

    def forward(self, x: Tensor) -> Tensor:
        self.rows.append(len(x))
        return self.layer(x).relu()


CALLS: dict[str, dict[str, Any]] = {
    "FeatureAblation": {},
    "Occlusion": {"sliding_window_shapes": (1,)},
    "ShapleyValueSampling": {"n_samples": 2},
    "ShapleyValues": {},
    "KernelShap": {"n_samples": 30},
    "Lime": {"n_samples": 30},
}


@pytest.mark.parametrize("name", CALLS)
def test_each_perturbation_has_its_forward(name: str):
    torch.manual_seed(0)
    x, model = torch.rand(1, 4), Rows()
    getattr(attributions, name)(model).attribute(x, target=0, **CALLS[name])
    assert set(model.rows) == {1}
    assert len(model.rows) > 4
    model.rows.clear()
    getattr(attributions, name)(model).attribute(x, target=0, perturbations_per_eval=3, **CALLS[name])
    assert 1 < max(model.rows) <= 3
    model.rows.clear()
    getattr(attr, name)(model).attribute(x, target=0, **CALLS[name])
    assert max(model.rows) > 3


def test_the_default_can_be_given_by_its_position():
    x, model = torch.rand(1, 4), Rows()
    attributions.FeatureAblation(model).attribute(x, None, 0, None, None, 2)
    assert max(model.rows) > 1


def test_classes_can_be_subclassed():
    class Half(attributions.FeatureAblation):  # type: ignore[misc, name-defined]
        def attribute(self, inputs: Tensor, **kwargs: Any) -> Tensor:
            return super().attribute.__wrapped__(self, inputs, **kwargs) / 2

    x, model = torch.rand(1, 4), Rows()
    assert torch.equal(Half(model).attribute(x, target=0), attr.FeatureAblation(model).attribute(x, target=0) / 2)
    assert isinstance(Half(model), attr.FeatureAblation)


def test_overridden_internals_are_told():
    class Other(attributions.FeatureAblation):  # type: ignore[misc, name-defined]
        def _construct_ablated_input_across_tensors(self) -> None: ...

    with pytest.raises(NotSupported, match="pellucid does not call it"):
        Other(Rows())


def test_futures_have_the_default_too():
    rows = []

    def later(x: Tensor) -> torch.futures.Future[Tensor]:
        rows.append(len(x))
        future: torch.futures.Future[Tensor] = torch.futures.Future()
        future.set_result(x.sum(1))
        return future

    result = attributions.FeatureAblation(later).attribute_future(torch.ones(1, 4)).wait()
    assert torch.equal(result, torch.ones(1, 4))
    assert set(rows) == {1}
