"""An explanation that charts are drawn of in tests: plain fields."""

from __future__ import annotations

import math
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


@dataclass(frozen=True)
class StandInFeatures:
    names: tuple[str, ...]
    values: Array
    stderr: Array | None
    numbers: Array
    texts: tuple[tuple[str, ...], ...]


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

    @property
    def features(self) -> StandInFeatures:
        return StandInFeatures(
            self.feature_names, self.feature_values, self.feature_stderr, self.feature_numbers, self.feature_texts
        )

    def __len__(self) -> int:
        return len(self.features.values)


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


def of_part(part: StandInInput, **fields: Any) -> StandIn:
    """An explanation of one input that is no table, whose elements are its features."""
    examples = len(part.values)
    flat = part.values.reshape(examples, math.prod(part.values.shape[1:]))
    defaults: dict[str, Any] = {
        "feature_names": tuple(f"{index}" for index in range(flat.shape[1])),
        "feature_values": flat,
        "feature_numbers": np.full(flat.shape, np.nan),
        "feature_texts": (("",) * flat.shape[1],) * examples,
        "prediction": np.linspace(0.9, 0.4, examples),
        "baseline_prediction": np.full(examples, np.nan),
        "remainder": np.zeros(examples),
        "target_names": ("tabby cat",) * examples,
        "parts": (part,),
    }
    return StandIn(**defaults | fields)


def blobs(examples: int = 1, height: int = 64, width: int = 64, channels: int = 3, seed: int = 0) -> Array:
    """Maps with a region that is positive and one that is negative, (B, C, H, W)."""
    rows, columns = np.mgrid[0 : 1 : complex(0, height), 0 : 1 : complex(0, width)]
    bumps = [
        np.exp(-40 * ((rows - 0.4) ** 2 + (columns - 0.35 - 0.05 * index) ** 2))
        - 0.6 * np.exp(-60 * ((rows - 0.7) ** 2 + (columns - 0.7) ** 2))
        for index in range(examples)
    ]
    noise = np.random.default_rng(seed).normal(size=(examples, channels, height, width)) * 0.02
    return np.stack(bumps)[:, None] / channels * 0.05 + noise * 0.05


def images(examples: int = 1, height: int = 64, width: int = 64, channels: int = 3, **fields: Any) -> StandIn:
    """Images of levels from 0 to 1, with attributions of their size."""
    inputs = np.random.default_rng(1).random((examples, channels, height, width))
    return of_part(StandInInput("image", blobs(examples, height, width, channels), inputs), **fields)


def texts(tokens: tuple[tuple[str, ...], ...], values: Array | None = None, **fields: Any) -> StandIn:
    """Texts, with attributions of their tokens."""
    longest = max(map(len, tokens), default=0)
    if values is None:
        values = np.random.default_rng(2).normal(size=(len(tokens), longest)) * 0.4
    return of_part(StandInInput("tokens", values, None, tokens), **fields)


def series(examples: int = 1, steps: int = 120, channels: int = 3, **fields: Any) -> StandIn:
    """Time series, (B, T, C), with attributions in the middle of each."""
    times = np.arange(steps)[None, :, None]
    phases = np.arange(channels)[None, None, :]
    inputs = np.sin(times / 9 + phases) * (1 + phases) + np.zeros((examples, 1, 1))
    values = inputs * np.exp(-(((times - steps / 2) / (steps / 8 + 1)) ** 2)) * 0.1
    return of_part(StandInInput("series", values, inputs), **fields)
