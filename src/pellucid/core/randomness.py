"""Where random numbers come from.

With a seed or a generator, every example has its own independent stream, so that its result depends neither on its
batch mates nor on chunks nor on the device. With neither, draws come from the global generators of torch and NumPy in
the order in which Captum 0.9 takes them, so that the same global seeds give the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.tensors import Tensors, floating
from pellucid.errors import InvalidArgument


class Draws(Protocol):
    """Random numbers for several samples of each of n examples."""

    def normal(self, x: Tensor, samples: int, stdev: float) -> Tensor:
        """Gaussian noise of the shape of each example of `x`, (n, samples, ...), in float32."""
        ...

    def choice(self, count: int, examples: int, samples: int) -> Tensor:
        """Whole numbers below `count`, int64 [examples, samples]."""
        ...

    def uniform(self, examples: int, samples: int) -> Tensor:
        """Numbers in [0, 1), float64 [examples, samples]."""
        ...


@contextmanager
def drawing(seed: int | None, generator: torch.Generator | None, examples: int) -> Iterator[Draws]:
    """The draws for a batch; an exception puts the global generators back.

    Args:
        seed: Seeds the examples' streams.
        generator: Gives the seed, and moves on by one draw.
        examples: The number of examples.

    Raises:
        InvalidArgument: Both are given.
    """
    if seed is not None and generator is not None:
        raise InvalidArgument("seed and generator exclude each other: got both.")
    if generator is not None:
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    if seed is not None:
        yield _Streams(seed, examples)
        return
    draws = _Global()
    try:
        yield draws
    except BaseException:
        draws.undo()
        raise


@final
class _Global:
    def __init__(self) -> None:
        self._before: dict[str, Any] | None = None

    def normal(self, x: Tensor, samples: int, stdev: float) -> Tensor:
        return torch.normal(0, torch.full((x.shape[0], samples, *x.shape[1:]), float(stdev), device=x.device))

    def choice(self, count: int, examples: int, samples: int) -> Tensor:
        self._remember()
        return torch.from_numpy(np.random.choice(count, examples * samples)).view(examples, samples)

    def uniform(self, examples: int, samples: int) -> Tensor:
        self._remember()
        return torch.from_numpy(np.random.uniform(0, 1, examples * samples)).view(examples, samples)

    def undo(self) -> None:
        """Put NumPy's generator back; torch's is kept for every method, as models draw from it too."""
        if self._before is not None:
            np.random.set_state(self._before)

    def _remember(self) -> None:
        if self._before is None:
            self._before = np.random.get_state(legacy=False)  # slow, so only where it is drawn from


@final
class _Streams:
    def __init__(self, seed: int, examples: int) -> None:
        self.streams = [np.random.default_rng((abs(seed), int(seed < 0), example)) for example in range(examples)]

    def normal(self, x: Tensor, samples: int, stdev: float) -> Tensor:
        noise = np.stack([stream.standard_normal((samples, *x.shape[1:]), np.float32) for stream in self.streams])
        return torch.from_numpy(noise).to(x.device) * stdev

    def choice(self, count: int, examples: int, samples: int) -> Tensor:
        return torch.from_numpy(np.stack([stream.integers(count, size=samples) for stream in self.streams]))

    def uniform(self, examples: int, samples: int) -> Tensor:
        return torch.from_numpy(np.stack([stream.random(samples) for stream in self.streams]))


def noisy(x: Tensors, noise: Tensors) -> Tensors:
    """Copies with noise (n, samples, ...) of each example, in the floating dtypes of `x` (integers as floats)."""
    return tuple((each.unsqueeze(1) + e).to(each.dtype) for each, e in zip(floating(x), noise, strict=True))


def drawn_from(distributions: Tensors, draws: Draws, examples: int, samples: int) -> Tensors:
    """Baselines (examples, samples, ...) drawn from distributions (n_baselines, ...)."""
    chosen = [draws.choice(each.shape[0], examples, samples) for each in distributions]
    return tuple(each[choice.to(each.device)] for each, choice in zip(distributions, chosen, strict=True))


def spreads(stdevs: float | tuple[float, ...], tensors: int) -> tuple[float, ...]:
    """One standard deviation for each input tensor.

    Raises:
        InvalidArgument: Another number of them, or one below zero.
    """
    each = stdevs if isinstance(stdevs, tuple) else (stdevs,) * tensors
    if len(each) != tensors:
        raise InvalidArgument(f"stdevs must be one number, or one for each input: expected {tensors}, got {len(each)}.")
    if any(stdev < 0 for stdev in each):
        raise InvalidArgument(f"stdevs must not be negative: got {stdevs}.")
    return each
