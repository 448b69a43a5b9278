"""Gradients passed back."""

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
    """What gradients at some tensors are at those that they were computed from; None where nothing was.

    This is `torch.autograd.grad` with `grad_outputs`, which compares their shapes by sympy: its first call imports half
    a thousand modules in a second, and every other takes longer for that than small tensors take to go back.

    Args:
        outputs: The tensors.
        gradients: The gradients there, of the same shapes.
        at: Where they are passed back to.
        create_graph: Whether what comes of it can be differentiated.
        retain_graph: Whether it can be passed back once more; None for where it can be differentiated.
        allow_unused: Whether there may be tensors that the outputs were not computed from.
        **_: What else `torch.autograd.grad` takes and is of no concern here.
    """
    keep = create_graph if retain_graph is None else retain_graph
    found: Sequence[Tensor | None] = _engine_run_backward(
        outputs, gradients, keep, create_graph, at, allow_unused, accumulate_grad=False
    )
    return found
