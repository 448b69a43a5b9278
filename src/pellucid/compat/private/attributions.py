"""What Captum's methods do around what they compute: custom rules, deltas, sums over steps, windows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor

from pellucid.compat.private.tuples import _format_output
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument


def _call_custom_attribution_func(
    custom_attribution_func: Callable[..., Tensors], multipliers: Tensors, inputs: Tensors, baselines: Tensors
) -> Tensors:
    """What a function says of multipliers, and of inputs and baselines if it takes them.

    Raises:
        InvalidArgument: It takes nothing, or more.
    """
    count = len(inspect.signature(custom_attribution_func).parameters)
    if count not in (1, 2, 3):
        raise InvalidArgument(f"custom_attribution_func must take one to three arguments: got one that takes {count}.")
    return custom_attribution_func(*(multipliers, inputs, baselines)[:count])


def _compute_conv_delta_and_format_attrs(
    attr_algo: Any,
    return_convergence_delta: bool,
    attributions: Tensors,
    start_point: Any,
    end_point: Tensor | Tensors,
    additional_forward_args: Any,
    target: Any,
    is_inputs_tuple: bool = False,
) -> Any:
    """Attributions as the inputs came, and with them convergence deltas where they are asked for."""
    formatted = _format_output(is_inputs_tuple, attributions)
    if not return_convergence_delta:
        return formatted
    delta = attr_algo.compute_convergence_delta(
        attributions, start_point, end_point, additional_forward_args=additional_forward_args, target=target
    )
    return formatted, delta


def _reshape_and_sum(tensor_input: Tensor, num_steps: int, num_examples: int, layer_size: tuple[int, ...]) -> Tensor:
    """The sum over steps of a tensor (steps * B, ...), in which each step has all examples."""
    return tensor_input.reshape(num_steps, num_examples, *layer_size).sum(0)


def _sum_rows(input: Tensor) -> Tensor:
    """The sum of each example, (B,)."""
    return input.reshape(input.shape[0], -1).sum(1)
