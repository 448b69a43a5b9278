"""What every method returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from torch import Tensor

from pellucid.core.pytree import TensorTree
from pellucid.core.tensors import Tensors


@final
@dataclass(frozen=True, eq=False)
class Attributions:
    """What a method found.

    Args:
        values: Attributions of the shapes and dtypes of the inputs (integers as floats).
        delta: How far they are from adding up to the change of the output; only where asked for.
        stderr: Standard errors of the values, for methods that sample at least twice.
        structure: How the values lie in what the layer takes or returns; None at the inputs.
        n_evaluations: How often each example was evaluated, int64 [B]; only where that was to be found out.
        converged: Whether an example is as exact as was wanted, bool [B]; likewise.
    """

    values: Tensors
    delta: Tensor | None = None
    stderr: Tensors | None = None
    structure: TensorTree | None = None
    n_evaluations: Tensor | None = None
    converged: Tensor | None = None

    @property
    def as_layer_output(self) -> Any:
        """The values as the layer has its tensors: in tuples, lists and dicts, None for what has no attribution."""
        return self.arrange(self.values)

    def arrange(self, values: Tensors) -> Any:
        """Values, or what else there is of each, as the layer has its tensors."""
        return values if self.structure is None else self.structure.filled(values)
