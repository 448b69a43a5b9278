"""Attributions over many passengers, summarised by mean, mean absolute value and standard deviation."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from pellucid.plot import signed


@dataclass(frozen=True)
class Summary:
    """The attributions of one feature, or of one neuron, over the test passengers."""

    name: str
    mean: float
    mean_absolute: float  # the mean of the absolute values
    standard_deviation: float

    def __str__(self) -> str:
        return f"{self.name} ({signed(self.mean)})"


def summaries(names: Iterable[str], attributions: Tensor) -> list[Summary]:
    """Summarise each column of `[passengers, names]`, from the most in favour of survival to the most against."""
    columns = [
        Summary(name, values.mean().item(), values.abs().mean().item(), values.std().item())
        for name, values in zip(names, attributions.T, strict=True)
    ]
    return sorted(columns, key=lambda summary: summary.mean, reverse=True)
