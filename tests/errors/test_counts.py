"""A count that is too small, or none, is refused under the name of its own field, by every method."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest
import torch

from errors.table import ROWS, deep
from pellucid import methods
from pellucid.errors import PellucidError
from pellucid.methods import Options, Problem

NO_COUNTS = {"order", "seed", "token"}
"""Fields that are integers and count nothing."""

REQUIRED: dict[str, dict[str, Any]] = {
    "LimeBase": {
        "interpretable_model": methods.Lasso(),
        "similarity_func": lambda *args, **kwargs: 1.0,
        "perturb_func": lambda original, **kwargs: original,
        "perturb_interpretable_space": False,
        "to_interp_rep_transform": lambda sample, original, **kwargs: sample,
    },
    "NeuronConductance": {"selector": 0},
    "NoiseTunnel": {"attribution_method": methods.Saliency()},
    "OwenValueSampling": {"groups": torch.zeros(1, 4, dtype=torch.int64)},
}
"""Fields without a default."""

AT_A_LAYER = {"Conductance", "InternalInfluence", "NeuronConductance"}

METHODS = {
    name: method
    for name, method in vars(methods).items()
    if dataclasses.is_dataclass(method) and "f" in inspect.signature(vars(method).get("__call__", len)).parameters
}
COUNTS = [
    (name, field.name)
    for name, method in METHODS.items()
    for field in dataclasses.fields(method)
    if str(field.type).startswith("int") and field.name not in NO_COUNTS
]


def message_of(method: Any, problem: Problem, *arguments: Any) -> str:
    with pytest.raises(PellucidError) as raised:
        method(problem, *arguments)
    return str(raised.value)


@pytest.mark.parametrize("count", [0, -1, 2.5])
@pytest.mark.parametrize(("name", "field"), COUNTS)
def test_of_a_method(name: str, field: str, count: Any):
    fields = REQUIRED.get(name, {}) | {field: count}
    if field.startswith("max_"):  # which is looked at with "auto" alone
        fields |= {each.name: "auto" for each in dataclasses.fields(METHODS[name]) if "auto" in str(each.type)}
    problem = Problem(deep, ROWS, target=0, **({"gradient_at": "encoder"} if name in AT_A_LAYER else {}))
    message = message_of(METHODS[name](**fields), problem, *([ROWS] if name == "GradientShap" else []))
    assert message.startswith(f"{name}: {field} must be an integer of at least ")
    assert f": got {count}. " in message


@pytest.mark.parametrize("option", ["internal_batch_size", "perturbations_per_eval"])
def test_of_an_option(option: str):
    message = message_of(methods.FeatureAblation(), Problem(deep, ROWS, target=0, options=Options(**{option: 0})))
    assert message.startswith(f"FeatureAblation: {option} must be an integer of at least 1: got 0. ")


def test_counts_are_found():
    assert {name for name, _ in COUNTS} >= {"IntegratedGradients", "BanzhafValueSampling", "LimeBase", *REQUIRED}
    assert {field for _, field in COUNTS} >= {"n_steps", "n_samples", "nt_samples", "max_samples", "max_steps"}
