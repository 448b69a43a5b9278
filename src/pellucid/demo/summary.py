"""Attributions over many passengers, told in three numbers."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from pellucid.plot import signed


@dataclass(frozen=True)
class Summary:
    """The attributions of one feature, or of one neuron, over the test passengers."""

    name: str
    mean: float
    mean_size: float  # of the attributions without their signs
    spread: float  # their standard deviation

    def __str__(self) -> str:
        return f"{self.name} ({signed(self.mean)})"


def summaries(names: Iterable[str], attributions: Tensor) -> list[Summary]:
    """Summarise each column of `[passengers, names]`, from the most in favour of survival to the most against."""
    found = [
        Summary(name, values.mean().item(), values.abs().mean().item(), values.std().item())
        for name, values in zip(names, attributions.T, strict=True)
    ]
    return sorted(found, key=lambda summary: summary.mean, reverse=True)
