"""Recurrent layers and cells of torch, which are one call, as calls for each step that have rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

States: TypeAlias = tuple[Tensor, ...]
Cell: TypeAlias = Callable[..., States]
"""(input [rows, features], states, weights) -> new states, of which the first is the output."""


def lstm_step(x: Tensor, states: States, w_ih: Tensor, w_hh: Tensor, *more: Tensor) -> States:
    """One step of an LSTM; the last of an odd number of weights projects the hidden state."""
    hidden, memory = states
    biases, projection = more[:2] if len(more) > 1 else (), more[-1:] if len(more) % 2 else ()
    gates = _gate_preactivations(x, hidden, w_ih, w_hh, biases)
    input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=1)
    memory = forget_gate.sigmoid() * memory + input_gate.sigmoid() * candidate.tanh()
    hidden = output_gate.sigmoid() * memory.tanh()
    return functional.linear(hidden, *projection) if projection else hidden, memory


def gru_step(x: Tensor, states: States, w_ih: Tensor, w_hh: Tensor, *biases: Tensor) -> States:
    """One step of a gated recurrent unit."""
    (hidden,) = states
    b_ih, b_hh = biases or (None, None)
    x_reset, x_update, x_candidate = functional.linear(x, w_ih, b_ih).chunk(3, dim=1)
    h_reset, h_update, h_candidate = functional.linear(hidden, w_hh, b_hh).chunk(3, dim=1)
    candidate = (x_candidate + (x_reset + h_reset).sigmoid() * h_candidate).tanh()
    update = (x_update + h_update).sigmoid()
    return (candidate + update * (hidden - candidate),)


def tanh_step(x: Tensor, states: States, w_ih: Tensor, w_hh: Tensor, *biases: Tensor) -> States:
    """One step of a plain recurrent layer with tanh."""
    return (_gate_preactivations(x, states[0], w_ih, w_hh, biases).tanh(),)


def relu_step(x: Tensor, states: States, w_ih: Tensor, w_hh: Tensor, *biases: Tensor) -> States:
    """One step of a plain recurrent layer with relu."""
    return (_gate_preactivations(x, states[0], w_ih, w_hh, biases).relu(),)


def _gate_preactivations(x: Tensor, hidden: Tensor, w_ih: Tensor, w_hh: Tensor, biases: Sequence[Tensor]) -> Tensor:
    b_ih, b_hh = biases or (None, None)
    return functional.linear(x, w_ih, b_ih) + functional.linear(hidden, w_hh, b_hh)


def cell(step: Cell) -> Callable[..., Any]:
    """A cell with the signature of torch's: `torch.lstm_cell(x, (h, c), ...)`, `torch.gru_cell(x, h, ...)`."""

    def run(x: Tensor, states: Any, w_ih: Tensor, w_hh: Tensor, *biases: Tensor | None) -> Any:
        is_tuple = not isinstance(states, Tensor)
        old_states = tuple(states) if is_tuple else (states,)
        new_states = step(x, old_states, w_ih, w_hh, *(bias for bias in biases if bias is not None))
        return new_states if is_tuple else new_states[0]

    return run


def layers(step: Cell) -> Callable[..., Any]:
    """All layers, with torch's signatures: `lstm(x, states, ...)`, or `lstm(data, batch_sizes, states, ...)`."""

    def run(x: Tensor, second: Any, third: Any, *more: Any) -> Any:
        sizes: list[int] | None = None
        batch_first = False
        if isinstance(more[0], list | tuple):
            sizes, states, (weights, _, _, dropout, train, bidirectional) = second.tolist(), third, more
        else:
            states, weights, (_, _, dropout, train, bidirectional, batch_first) = second, third, more
        start = (states,) if isinstance(states, Tensor) else tuple(states)
        steps = list(x.unbind(1 if batch_first else 0) if sizes is None else torch.split(x, sizes))
        count = len(weights) // len(start[0])  # the states of all layers and directions are stacked
        weights_by_layer = [weights[first : first + count] for first in range(0, len(weights), count)]
        outputs, final = _run_layers(step, steps, start, weights_by_layer, bidirectional, dropout if train else 0)
        out = torch.cat(outputs) if sizes is not None else torch.stack(outputs, dim=1 if batch_first else 0)
        return (out, *final)

    return run


def _run_layers(
    step: Cell,
    inputs: list[Tensor],
    states: States,
    weights_by_layer: list[Sequence[Tensor]],
    bidirectional: bool,
    dropout: float,
) -> tuple[list[Tensor], States]:
    """The outputs of the last layer, step by step, and the last states of all layers and directions."""
    directions = 2 if bidirectional else 1
    last_states: list[States] = []
    for first in range(0, len(weights_by_layer), directions):
        if first and dropout:
            inputs = [functional.dropout(x, dropout) for x in inputs]
        outputs: list[list[Tensor]] = []
        for index in range(first, first + directions):
            start = tuple(state[index] for state in states)
            output, last = _run_direction(step, inputs, start, weights_by_layer[index], index > first)
            outputs.append(output)
            last_states.append(last)
        inputs = [torch.cat(pair, dim=1) for pair in zip(*outputs, strict=True)] if bidirectional else outputs[0]
    return inputs, tuple(torch.stack(stacked) for stacked in zip(*last_states, strict=True))


def _run_direction(
    step: Cell, inputs: list[Tensor], start: States, weights: Sequence[Tensor], backwards: bool
) -> tuple[list[Tensor], States]:
    """The outputs of one layer in one direction, step by step, and its last states.

    In packed sequences the batch becomes smaller from step to step, as sequences end.
    """
    outputs: dict[int, Tensor] = {}
    order = range(len(inputs) - 1, -1, -1) if backwards else range(len(inputs))
    states = tuple(state[: len(inputs[order[0]])] for state in start)
    ended: list[States] = []
    for index in order:
        size, previous_size = len(inputs[index]), len(states[0])
        if size < previous_size:
            ended.append(tuple(state[size:] for state in states))
            states = tuple(state[:size] for state in states)
        elif size > previous_size:  # backwards, longer sequences come first
            added = (state[previous_size:size] for state in start)
            states = tuple(torch.cat(rows) for rows in zip(states, added, strict=True))
        states = step(inputs[index], states, *weights)
        outputs[index] = states[0]
    final = tuple(torch.cat(rows) for rows in zip(states, *reversed(ended), strict=True)) if ended else states
    return [outputs[index] for index in range(len(inputs))], final
