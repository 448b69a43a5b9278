"""Attributions: what every method returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

from torch import Tensor

from pellucid.core.pytree import TensorTree
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors


@final
@dataclass(frozen=True, eq=False)
class Attributions(Summarized):
    """The attributions of a batch.

    Args:
        values: Attributions of the shapes and dtypes of the inputs or activations (integers as floats), (B, ...); those
            of K targets are (B, K, ...).
        delta: The convergence delta [B], or [B, K]: the sum of an example's attributions less the change of its output;
            only where requested.
        stderr: Standard errors of the values, for methods that sample at least twice.
        structure: The structure of the layer's input or output; None at the inputs.
        n_evaluations: How often each example was evaluated, int64 [B]; only where the method chooses that itself.
        converged: Whether each example has reached the tolerance, bool [B]; only with `n_evaluations`.
        of_features: Whether each element has the value of its feature, of a `feature_mask`.
        output: Which tensor of the model's output is explained, `output['logits']`; "" where it is the output.
        rounds: With "auto", how many evaluations an example had taken after each round, and the largest error then.
    """

    values: Tensors
    delta: Tensor | None = None
    stderr: Tensors | None = None
    structure: TensorTree | None = None
    n_evaluations: Tensor | None = None
    converged: Tensor | None = None
    output: str = ""
    of_features: bool = False
    rounds: tuple[tuple[int, float], ...] = field(default=(), repr=False)

    @property
    def as_layer_output(self) -> Any:
        """The values in the structure of the layer's output, with None for leaves without attributions."""
        return self.arrange(self.values)

    def arrange(self, values: Tensors) -> Any:
        """Tensors that belong to the values, such as `stderr`, in the structure of the layer's output."""
        return values if self.structure is None else self.structure.filled(values)
