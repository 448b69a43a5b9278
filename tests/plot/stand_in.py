"""An explanation that charts are drawn of in tests: plain fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.plot.arrays import Array
from pellucid.plot.explained import Kind


@dataclass(frozen=True)
class StandInInput:
    kind: Kind
    values: Array
    inputs: Array | None = None
    tokens: tuple[tuple[str, ...], ...] = ()
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """See `pellucid.plot.explained.Explained`."""

    feature_names: tuple[str, ...]
    feature_values: Array
    feature_numbers: Array
    feature_texts: tuple[tuple[str, ...], ...]
    prediction: Array
    baseline_prediction: Array
    remainder: Array
    target_names: tuple[str, ...]
    feature_stderr: Array | None = None
    unit: str = "logit"
    method: str = "integrated_gradients"
    interactions: Array | None = None
    rounds: tuple[tuple[float, float], ...] = ()
    parts: tuple[StandInInput, ...] = ()

    def __len__(self) -> int:
        return len(self.feature_values)


def table(examples: int = 40, features: int = 6, seed: int = 0, **fields: Any) -> StandIn:
    """A linear model of named features, whose attributions are known."""
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(examples, features)).round(3)
    weights = np.linspace(2, -1, features)
    values = numbers * weights
    defaults: dict[str, Any] = {
        "feature_names": tuple(["age", "fare", "sex", "class", "embarked", "siblings"][:features])
        + tuple(f"feature {number}" for number in range(6, features)),
        "feature_values": values,
        "feature_numbers": numbers,
        "feature_texts": tuple(tuple(f"{number:g}" for number in row) for row in numbers),
        "prediction": values.sum(1) + 0.5,
        "baseline_prediction": np.full(examples, 0.5),
        "remainder": np.zeros(examples),
        "target_names": ("survived",) * examples,
        "parts": (StandInInput("table", values, numbers),),
    }
    return StandIn(**defaults | fields)
