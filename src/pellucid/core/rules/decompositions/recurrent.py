"""Recurrent layers of torch, which are one call, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

States: TypeAlias = tuple[Tensor, ...]
Cell: TypeAlias = Callable[..., States]
"""(input [rows, features], states, weights) -> states, the output first."""


def lstm_step(x: Tensor, states: States, w_ih: Tensor, w_hh: Tensor, *more: Tensor) -> States:
    """One step of long short-term memory; with a fifth weight, or a third without biases, h is projected."""
    hidden, memory = states
    biases, projection = more[:2] if len(more) > 1 else (), more[-1:] if len(more) % 2 else ()
    gates = _gate_preactivations(x, hidden, w_ih, w_hh, biases)
    take, forget, new, give = gates.chunk(4, dim=1)
    memory = forget.sigmoid() * memory + take.sigmoid() * new.tanh()
    hidden = give.sigmoid() * memory.tanh()
    return functional.linear(hidden, *projection) if projection else hidden, memory


def gru_step(x: Tensor, states: States, w_ih: Tensor, w_hh: Tensor, *biases: Tensor) -> States:
    """One step of a gated recurrent unit."""
    (hidden,) = states
    b_ih, b_hh = biases or (None, None)
    reset, update, new = functional.linear(x, w_ih, b_ih).chunk(3, dim=1)
    own_reset, own_update, own = functional.linear(hidden, w_hh, b_hh).chunk(3, dim=1)
    candidate = (new + (reset + own_reset).sigmoid() * own).tanh()
    keep = (update + own_update).sigmoid()
    return (candidate + keep * (hidden - candidate),)


def tanh_step(x: Tensor, states: States, w_ih: Tensor, w_hh: Tensor, *biases: Tensor) -> States:
    """One step of a plain recurrent layer."""
    return (_gate_preactivations(x, states[0], w_ih, w_hh, biases).tanh(),)


def relu_step(x: Tensor, states: States, w_ih: Tensor, w_hh: Tensor, *biases: Tensor) -> States:
    """The same with another activation."""
    return (_gate_preactivations(x, states[0], w_ih, w_hh, biases).relu(),)


def _gate_preactivations(x: Tensor, hidden: Tensor, w_ih: Tensor, w_hh: Tensor, biases: Sequence[Tensor]) -> Tensor:
    b_ih, b_hh = biases or (None, None)
    return functional.linear(x, w_ih, b_ih) + functional.linear(hidden, w_hh, b_hh)


def cell(step: Cell) -> Callable[..., Any]:
    """A cell, as torch calls it: `torch.lstm_cell(x, (h, c), ...)`, `torch.gru_cell(x, h, ...)`."""

    def called(x: Tensor, states: Any, w_ih: Tensor, w_hh: Tensor, *biases: Tensor | None) -> Any:
        several = not isinstance(states, Tensor)
        given = tuple(states) if several else (states,)
        found = step(x, given, w_ih, w_hh, *(bias for bias in biases if bias is not None))
        return found if several else found[0]

    return called


def layers(step: Cell) -> Callable[..., Any]:
    """All layers, as torch calls them: `lstm(x, states, ...)`, or `lstm(data, batch_sizes, states, ...)`."""

    def called(x: Tensor, second: Any, third: Any, *more: Any) -> Any:
        sizes: list[int] | None = None
        batch_first = False
        if isinstance(more[0], list | tuple):
            sizes, states, (weights, _, _, dropout, train, both) = second.tolist(), third, more
        else:
            states, weights, (_, _, dropout, train, both, batch_first) = second, third, more
        several = not isinstance(states, Tensor)
        given = tuple(states) if several else (states,)
        steps = list(x.unbind(1 if batch_first else 0) if sizes is None else torch.split(x, sizes))
        each = len(weights) // len(given[0])  # the states of all layers and directions are stacked
        own = [weights[first : first + each] for first in range(0, len(weights), each)]
        outputs, final = _run_layers(step, steps, given, own, both, dropout if train else 0)
        out = torch.cat(outputs) if sizes is not None else torch.stack(outputs, dim=1 if batch_first else 0)
        return (out, *final)

    return called


def _run_layers(
    step: Cell, steps: list[Tensor], states: States, weights: list[Sequence[Tensor]], both: bool, dropout: float
) -> tuple[list[Tensor], States]:
    """The outputs of the last layer, step by step, and the last states of all layers."""
    directions = 2 if both else 1
    last: list[States] = []
    for layer, own in enumerate(weights):
        if layer % directions == 0:
            taken = [functional.dropout(each, dropout) for each in steps] if layer and dropout else steps
            found: list[list[Tensor]] = []
        outputs, final = _run_direction(
            step, taken, tuple(each[layer] for each in states), own, layer % directions == 1
        )
        found.append(outputs)
        last.append(final)
        if layer % directions == directions - 1:
            steps = [torch.cat(each, dim=1) for each in zip(*found, strict=True)] if both else found[0]
    return steps, tuple(torch.stack(each) for each in zip(*last, strict=True))


def _run_direction(
    step: Cell, steps: list[Tensor], start: States, weights: Sequence[Tensor], backwards: bool
) -> tuple[list[Tensor], States]:
    """One layer in one direction; the batch of a step may be smaller than that before it, as sequences end."""
    outputs: dict[int, Tensor] = {}
    order = range(len(steps) - 1, -1, -1) if backwards else range(len(steps))
    states = tuple(each[: len(steps[order[0]])] for each in start)
    ended: list[States] = []
    for number in order:
        size, have = len(steps[number]), len(states[0])
        if size < have:
            ended.append(tuple(each[size:] for each in states))
            states = tuple(each[:size] for each in states)
        elif size > have:
            states = tuple(torch.cat([each, first[have:size]]) for each, first in zip(states, start, strict=True))
        states = step(steps[number], states, *weights)
        outputs[number] = states[0]
    final = tuple(torch.cat(each) for each in zip(states, *reversed(ended), strict=True)) if ended else states
    return [outputs[number] for number in range(len(steps))], final
