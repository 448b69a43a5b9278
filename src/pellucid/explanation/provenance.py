"""Where an explanation comes from: what was asked of which model, by which versions."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias, final

import numpy as np
import torch
from torch import nn

import pellucid
from pellucid.core.model.inspection import root_modules
from pellucid.core.summaries import Summarized, summary

Scalar: TypeAlias = "str | int | float | bool | None"
"""What a file can say of an argument."""


@final
@dataclass(frozen=True, kw_only=True)
class Provenance(Summarized):
    """Where an explanation comes from.

    Args:
        method: The name of the method.
        parameters: Its fields and what else was given, by name; what is no number or text in a few words.
        baselines: What stands for the absence of information, in a few words.
        source: What is attributed to: `inputs`, or a layer.
        target: What was asked for, in a few words.
        seed: The seed of random numbers.
        model: The model's class.
        n_parameters: How many numbers it has learnt.
        device: Where it ran.
        versions: Those of pellucid, torch, numpy and Python.
        created: When, in UTC, as ISO 8601 has it.
        fingerprint: The SHA-256 of the names, shapes and values of its weights when it was saved; "" before.
    """

    method: str
    parameters: Mapping[str, Scalar] = field(default_factory=lambda: MappingProxyType({}))
    baselines: str = ""
    source: str = "inputs"
    target: str = ""
    seed: int | None = None
    model: str = ""
    n_parameters: int = 0
    device: str = "cpu"
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    created: str = ""
    fingerprint: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        values = {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(self).items()}
        return type(self).of_dicts, (values,)

    @classmethod
    def of_dicts(cls, values: Mapping[str, Any]) -> Provenance:
        """The provenance of these fields, whose dicts become read-only.

        Args:
            values: The fields, by name.
        """
        fixed: dict[str, Any] = {
            name: MappingProxyType(dict(value)) if isinstance(value, dict) else value for name, value in values.items()
        }
        return cls(**fixed)


def versions() -> Mapping[str, str]:
    """The versions of what numbers depend on."""
    return MappingProxyType(
        {
            "pellucid": pellucid.__version__,
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
    )


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def as_scalars(arguments: Mapping[str, Any]) -> Mapping[str, Scalar]:
    """Arguments as what a file can say of them.

    Args:
        arguments: The arguments, by name.
    """
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in arguments.items()}
    return MappingProxyType(
        {
            name: value if isinstance(value, str | int | float | bool | None) else summary(value)
            for name, value in plain.items()
        }
    )


def modules_of(model: Any) -> tuple[nn.Module, ...]:
    """The modules that a model is, or holds."""
    return tuple(root_modules(model))


def name_of_model(model: Any) -> str:
    """The class of a model, or the name of a function."""
    modules = modules_of(model)
    named = modules[0] if modules else getattr(model, "__self__", model)
    return str(getattr(named, "__name__", type(named).__name__))
