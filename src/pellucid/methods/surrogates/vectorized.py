"""Functions of one sample, called with many at once where that is seen to give the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.model.activation_replay import all_close
from pellucid.core.tensors import Tensors
from pellucid.methods.surrogates.stateless import read_by

FIRST_CALLS = 64
"""So many samples are taken one by one, and then once more together, before others are taken together."""

KEEPING = "they may keep something from one call to the next"

_LOG = logging.getLogger("pellucid")


@final
class Vectorized:
    """A user's function of one sample, for samples that are drawn one after another.

    The first samples are taken one by one, each before the next is drawn. If `torch.vmap` then makes the same of them
    together, it takes the others. It refuses what is not one computation for all samples: branches by their values,
    numbers that leave torch, random draws. What may keep something from one call to the next is not tried.

    Args:
        function: From a sample, a tensor or a tuple of tensors, to tensors.
        samples: How many there will be.
        name: What the function is, for the log.
        parts: The user's functions and values that it is made of, and that which draws the samples.
    """

    def __init__(self, function: Callable[[Any], Tensors], samples: int, name: str, parts: tuple[Any, ...]) -> None:
        self._function, self._name, self._parts = function, name, parts
        self._known: list[tuple[Any, Tensors]] = []
        self._at_once: bool | None = False
        if samples > FIRST_CALLS:
            self._read = read_by(*parts)
            self._at_once = self._refused(KEEPING) if self._read is None else None

    def __call__(self, drawn: Iterator[Any], count: int) -> list[Tensors]:
        """What the function makes of the next samples, in blocks of one size: tuples of tensors (k, ...)."""
        blocks: list[Tensors] = []
        while count and not self._at_once:
            sample = next(drawn)
            found = tuple(each.clone() for each in self._function(sample))  # whose memory may be written again
            blocks.append(tuple(each.unsqueeze(0) for each in found))
            count -= 1
            if self._at_once is None:
                self._known.append((sample, found))
                self._at_once = self._same_together() if len(self._known) == FIRST_CALLS else None
        if count:
            blocks += self._fit_batched(list(islice(drawn, count)))
        every = groupby(blocks, key=lambda block: [each.shape[1:] for each in block])
        return [tuple(map(torch.cat, zip(*block, strict=True))) for _, block in every]

    def _same_together(self) -> bool:
        """Whether the first samples give together what they gave one by one."""
        samples, expected = zip(*self._known, strict=True)
        self._known.clear()
        if read_by(*self._parts) != self._read:
            return self._refused(KEEPING)
        try:
            same = all_close(self._mapped(samples), tuple(map(torch.stack, zip(*expected, strict=True))))
        except Exception as error:
            return self._refused(f"torch.vmap of them gives {type(error).__name__}")
        return same or self._refused("torch.vmap of them gives other numbers")

    def _fit_batched(self, samples: list[Any]) -> list[Tensors]:
        try:
            return [self._mapped(samples)]
        except Exception as error:
            self._at_once = self._refused(f"torch.vmap of them gives {type(error).__name__}")
            return self(iter(samples), len(samples))

    def _mapped(self, samples: Sequence[Any]) -> Tensors:
        one = isinstance(samples[0], Tensor)
        stacked = torch.stack(tuple(samples)) if one else tuple(map(torch.stack, zip(*samples, strict=True)))
        found: Tensors = torch.vmap(self._function)(stacked)
        return found

    def _refused(self, why: str) -> bool:
        """That samples are taken one by one, which is logged."""
        _LOG.info(
            "%s: functions are called sample by sample, as %s. "
            "Hint: return tensors, of one computation for all samples, and read only arguments, tensors and numbers",
            self._name,
            why,
        )
        return False
