"""Users' functions of one sample, mapped over many samples where that is seen to give the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.model.activation_replay import all_close
from pellucid.core.tensors import Tensors
from pellucid.methods.surrogates.stateless import state_read_by

FIRST_CALLS = 64
"""So many samples are evaluated one by one, and again by `torch.vmap`, before others are evaluated by it alone."""

KEEPS_STATE = "they may keep something from one call to the next"

_LOG = logging.getLogger("pellucid")


@final
class Vectorized:
    """A user's function of one sample, for samples that are drawn one after another.

    The function is called with the first samples one by one, each before the next is drawn. If `torch.vmap` then gives
    the same for them together, it evaluates the others. It refuses what is not one computation for all samples:
    branches by their values, numbers that leave torch, random draws. It is not tried on functions that may keep state.

    Args:
        function: From a sample, a tensor or a tuple of tensors, to tensors.
        samples: How many there will be.
        name: What the function is, for the log.
        dependencies: The user's functions and values that it uses, and the function that draws the samples.
    """

    def __init__(
        self, function: Callable[[Any], Tensors], samples: int, name: str, dependencies: tuple[Any, ...]
    ) -> None:
        self._function, self._name, self._dependencies = function, name, dependencies
        self._first_calls: list[tuple[Any, Tensors]] = []
        self._is_mapped: bool | None = False  # None while the first calls are made
        if samples > FIRST_CALLS:
            self._state_read = state_read_by(*dependencies)
            self._is_mapped = self._refuse(KEEPS_STATE) if self._state_read is None else None

    def __call__(self, drawn: Iterator[Any], count: int) -> list[Tensors]:
        """The function's results for the next samples, in blocks of one shape: tuples of tensors (k, ...)."""
        blocks: list[Tensors] = []
        while count and not self._is_mapped:
            sample = next(drawn)
            result = tuple(tensor.clone() for tensor in self._function(sample))  # as it may write to them again
            blocks.append(tuple(tensor.unsqueeze(0) for tensor in result))
            count -= 1
            if self._is_mapped is None:
                self._first_calls.append((sample, result))
                self._is_mapped = self._agrees_with_first_calls() if len(self._first_calls) == FIRST_CALLS else None
        if count:
            blocks += self._map_or_call(list(islice(drawn, count)))
        same_shapes = groupby(blocks, key=lambda block: [tensor.shape[1:] for tensor in block])
        return [tuple(map(torch.cat, zip(*group, strict=True))) for _, group in same_shapes]

    def _agrees_with_first_calls(self) -> bool:
        """Whether `torch.vmap` gives for the first samples what they gave one by one."""
        samples, expected = zip(*self._first_calls, strict=True)
        self._first_calls.clear()
        if state_read_by(*self._dependencies) != self._state_read:
            return self._refuse(KEEPS_STATE)
        try:
            agrees = all_close(self._map(samples), tuple(map(torch.stack, zip(*expected, strict=True))))
        except Exception as error:
            return self._refuse(f"torch.vmap of them gives {type(error).__name__}")
        return agrees or self._refuse("torch.vmap of them gives other numbers")

    def _map_or_call(self, samples: list[Any]) -> list[Tensors]:
        """The results for samples in blocks: by `torch.vmap`, or from single calls once it fails."""
        try:
            return [self._map(samples)]
        except Exception as error:
            self._is_mapped = self._refuse(f"torch.vmap of them gives {type(error).__name__}")
            return self(iter(samples), len(samples))

    def _map(self, samples: Sequence[Any]) -> Tensors:
        is_tensor = isinstance(samples[0], Tensor)
        stacked = torch.stack(tuple(samples)) if is_tensor else tuple(map(torch.stack, zip(*samples, strict=True)))
        results: Tensors = torch.vmap(self._function)(stacked)
        return results

    def _refuse(self, why: str) -> bool:
        """False, after a log entry that says why the function is called sample by sample."""
        _LOG.info(
            "%s: functions are called sample by sample, as %s. "
            "Hint: return tensors, of one computation for all samples, and read only arguments, tensors and numbers",
            self._name,
            why,
        )
        return False
