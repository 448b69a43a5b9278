"""Places in a model whose tensors can be read or replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from torch import nn


@final
@dataclass(frozen=True)
class Site:
    """A place in a model.

    Args:
        modules: The modules there; none means the model's own inputs (as a source) or output (as a sink).
        side: Which side of the modules is meant.
    """

    modules: tuple[nn.Module, ...] = ()
    side: Literal["input", "output"] = "output"


INPUTS = Site(side="input")
OUTPUT = Site()
