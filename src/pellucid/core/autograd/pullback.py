"""Vector-Jacobian products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.autograd.graph import _engine_run_backward

from pellucid.core.tensors import Tensors


def pullback(
    outputs: Tensors,
    gradients: Tensors,
    at: Tensors,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = True,
    **_: Any,
) -> Sequence[Tensor | None]:
    """The vector-Jacobian product of outputs with gradients, at the tensors `at`.

    Equal to `torch.autograd.grad` with `grad_outputs`, without its comparison of shapes by sympy: that takes a second
    to import in the first call, and in every other one longer than the backward of small tensors.

    Args:
        outputs: The tensors to differentiate.
        gradients: The gradients at the outputs, of the same shapes.
        at: The tensors at which gradients are taken.
        create_graph: Whether the result can be differentiated.
        retain_graph: Whether the graph is kept for another backward; None for the value of `create_graph`.
        allow_unused: Whether some of the tensors `at` may not have been used for the outputs.
        **_: Other arguments of `torch.autograd.grad`, ignored.

    Returns:
        A gradient for each tensor of `at`; None for those that were not used.
    """
    keep = create_graph if retain_graph is None else retain_graph
    products: Sequence[Tensor | None] = _engine_run_backward(
        outputs, gradients, keep, create_graph, at, allow_unused, accumulate_grad=False
    )
    return products
