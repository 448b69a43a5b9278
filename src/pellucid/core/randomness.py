"""Where random numbers come from.

With a seed or a generator, every example has its own independent stream, so that its result depends neither on its
batch mates nor on chunks nor on the device. With neither, draws come from the global generators of torch and NumPy in
the order in which Captum 0.9 takes them, so that the same global seeds give the same numbers.
"""

from __future__ import annotations

from typing import Protocol, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.tensors import Tensors, at, floating, widened
from pellucid.errors import InvalidArgument


class Draws(Protocol):
    """Random numbers for `samples` samples of each of n examples; those of one example lie together."""

    def normal(self, x: Tensor, samples: int, stdev: float) -> Tensor:
        """Gaussian noise of the shape of each example of `x`, (n * samples, ...), in float32 or wider."""
        ...

    def choice(self, count: int, examples: int, samples: int) -> Tensor:
        """Whole numbers below `count`, int64 [examples * samples]."""
        ...

    def uniform(self, examples: int, samples: int) -> Tensor:
        """Numbers in [0, 1), float64 [examples * samples]."""
        ...


def draws_from(seed: int | None, generator: torch.Generator | None, examples: int) -> Draws:
    """The draws for a batch.

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
    return _Global() if seed is None else _Streams(seed, examples)


@final
class _Global:
    def normal(self, x: Tensor, samples: int, stdev: float) -> Tensor:
        return torch.normal(0, torch.full((len(x) * samples, *x.shape[1:]), float(stdev), device=x.device))

    def choice(self, count: int, examples: int, samples: int) -> Tensor:
        return torch.from_numpy(np.random.choice(count, examples * samples))

    def uniform(self, examples: int, samples: int) -> Tensor:
        return torch.from_numpy(np.random.uniform(0, 1, examples * samples))


@final
class _Streams:
    def __init__(self, seed: int, examples: int) -> None:
        self.streams = [np.random.default_rng((abs(seed), int(seed < 0), example)) for example in range(examples)]

    def normal(self, x: Tensor, samples: int, stdev: float) -> Tensor:
        noise = np.stack([stream.standard_normal((samples, *x.shape[1:]), np.float32) for stream in self.streams])
        return torch.from_numpy(noise).flatten(0, 1).to(x.device) * stdev

    def choice(self, count: int, examples: int, samples: int) -> Tensor:
        return torch.from_numpy(np.concatenate([stream.integers(count, size=samples) for stream in self.streams]))

    def uniform(self, examples: int, samples: int) -> Tensor:
        return torch.from_numpy(np.concatenate([stream.random(samples) for stream in self.streams]))


def noisy(x: Tensors, places: Tensor, noise: Tensors, copies: Tensor) -> Tensors:
    """`x` at these places with these copies of the noise added, in its floating dtypes (integers as floats)."""
    added = zip(floating(at(x, places)), at(noise, copies), strict=True)
    return tuple((widened(point) + each).to(point.dtype) for point, each in added)


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
