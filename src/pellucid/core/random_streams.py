"""Where random numbers come from.

With a seed or a generator, every example has its own independent stream, so that its result depends neither on its
batch mates nor on chunks nor on the device. With neither, draws come from the global generators of torch and NumPy in
the order in which Captum 0.9 takes them, so that the same global seeds give the same numbers.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, SupportsFloat, TypeAlias, final

import numpy as np
import numpy.random  # which NumPy puts off until somebody draws
import torch
from torch import Tensor

from pellucid.core.problem.baselines import not_a_distribution
from pellucid.core.tensors import Tensors, as_floating
from pellucid.errors import InvalidArgument, WrongType

PointIds: TypeAlias = list[list[int]]
"""What tells points apart: the example's position in the batch, and of a noisy copy also its number."""

Seed: TypeAlias = "int | Sequence[int] | None"
"""A seed for the batch, whose examples get streams by their position in it; or one for each example."""


class RandomSource(Protocol):
    """Random numbers for several samples of each of n points.

    Where they are seeded, each variable, one per input tensor and kind of draw, has a stream of its own: more samples
    go on where it stopped.
    """

    seeded: bool

    def normal(self, x: Tensor, samples: int, stdev: float, variable: int) -> Tensor:
        """Gaussian noise of the shape of each point of `x`, (n, samples, ...), in float32."""
        ...

    def choice(self, count: int, points: int, samples: int, variable: int) -> Tensor:
        """Whole numbers below `count`, int64 [n, samples]."""
        ...

    def uniform(self, points: int, samples: int) -> Tensor:
        """Numbers in [0, 1), float64 [n, samples]."""
        ...

    def among(self, which: Tensor) -> RandomSource:
        """The same for some of the points, int64 [k]."""
        ...


@contextmanager
def random_source(seed: Seed, ids: Tensor) -> Iterator[RandomSource]:
    """The draws for some points; an exception puts the global generators back.

    Args:
        seed: Seeds the points' streams; None draws from the global generators.
        ids: What tells the points apart, int64 [n, k].

    Raises:
        InvalidArgument: The seeds are no integers, or another number than examples.
    """
    if seed is not None:
        yield _PerExampleStreams(stream_seeds(seed, ids.tolist()))
        return
    draws = _GlobalGenerators()
    try:
        yield draws
    except BaseException:
        draws.undo()
        raise


def resolve_seed(seed: Seed, generator: torch.Generator | None) -> Seed:
    """The seed that a user's choice of either means; a generator moves on by one draw.

    Raises:
        InvalidArgument: Both are given.
    """
    if seed is not None and generator is not None:
        raise InvalidArgument("seed and generator exclude each other: got both.")
    if generator is None:
        return seed
    return int(torch.randint(2**62, (), generator=generator, device=generator.device))


def shared_generator(seed: int | None, generator: torch.Generator | None) -> torch.Generator | None:
    """Where draws come from that all examples share, such as orders of features; None is torch's global generator.

    Raises:
        InvalidArgument: The seed is no integer, or both are given.
    """
    number = resolve_seed(seed, generator)
    if number is None:
        return None
    try:
        return torch.Generator(device="cpu").manual_seed(operator.index(number) % 2**63)  # type: ignore[arg-type]  # tried here
    except TypeError:
        raise WrongType(f"seed must be an integer, as all examples share the draws: got {number!r}.") from None


def stream_seeds(seed: int | Sequence[int], keys: PointIds, examples: int | None = None) -> list[tuple[int, ...]]:
    """What each point's streams are seeded with: the seed and what tells the point apart.

    Args:
        seed: One number, or one for each example.
        keys: What tells the points apart.
        examples: How many examples there are; None where the last is among the points.

    Raises:
        InvalidArgument: The seeds are no integers, or another number than examples.
    """
    of_example = _as_integers(seed)
    if isinstance(of_example, int):
        return [(*_natural(of_example), *key) for key in keys]
    examples = 1 + max(example for example, *_ in keys) if examples is None else examples
    if len(of_example) != examples:
        raise InvalidArgument(
            f"seed must be one number, or one per example: expected {examples}, got {len(of_example)}."
        )
    return [(*_natural(of_example[example]), *copy) for example, *copy in keys]


def _as_integers(seed: Any) -> int | list[int]:
    try:
        return operator.index(seed)
    except TypeError:  # not one, so one for each example
        try:
            return [operator.index(each) for each in seed]
        except TypeError:
            raise WrongType(f"seed must be an integer, or one per example: got {seed!r}.") from None


def _natural(seed: int) -> tuple[int, int]:
    """A number of any sign as numbers that are not negative, which NumPy's streams are seeded with."""
    return abs(seed), int(seed < 0)


@contextmanager
def restoring_numpy_state_on_error() -> Iterator[None]:
    """Put NumPy's global generator back after an exception; torch's is kept for every method."""
    before = np.random.get_state(legacy=False)
    try:
        yield
    except BaseException:
        np.random.set_state(before)
        raise


@final
class _GlobalGenerators:
    seeded = False

    def __init__(self) -> None:
        self._before: dict[str, Any] | None = None

    def normal(self, x: Tensor, samples: int, stdev: float, variable: int) -> Tensor:
        return torch.normal(0, torch.full((x.shape[0], samples, *x.shape[1:]), float(stdev), device=x.device))

    def choice(self, count: int, points: int, samples: int, variable: int) -> Tensor:
        self._remember()
        return torch.from_numpy(np.random.choice(count, points * samples)).view(points, samples)

    def uniform(self, points: int, samples: int) -> Tensor:
        self._remember()
        return torch.from_numpy(np.random.uniform(0, 1, points * samples)).view(points, samples)

    def among(self, which: Tensor) -> RandomSource:
        return self

    def undo(self) -> None:
        """Put NumPy's generator back; torch's is kept for every method, as models draw from it too."""
        if self._before is not None:
            np.random.set_state(self._before)

    def _remember(self) -> None:
        if self._before is None:
            self._before = np.random.get_state(legacy=False)  # slow, so only where it is drawn from


@final
class _PerExampleStreams:
    seeded = True

    def __init__(self, seeds: list[tuple[int, ...]]) -> None:
        self._seeds, self._places = seeds, list(range(len(seeds)))
        self._streams: dict[tuple[int, int], list[np.random.Generator]] = {}

    def among(self, which: Tensor) -> RandomSource:
        part = copy.copy(self)
        part._places = [self._places[place] for place in which.tolist()]
        return part

    def normal(self, x: Tensor, samples: int, stdev: float, variable: int) -> Tensor:
        shape = (len(self._places), samples, *x.shape[1:])
        if not stdev:
            return torch.zeros((), dtype=torch.float32, device=x.device).expand(shape)
        noise = np.empty(shape, np.float32)
        for point, stream in zip(noise, self._of(0, variable), strict=True):
            stream.standard_normal(dtype=np.float32, out=point)
        return torch.from_numpy(noise).to(x.device).mul_(float(stdev))

    def choice(self, count: int, points: int, samples: int, variable: int) -> Tensor:
        return torch.from_numpy(np.stack([stream.integers(count, size=samples) for stream in self._of(1, variable)]))

    def uniform(self, points: int, samples: int) -> Tensor:
        return torch.from_numpy(np.stack([stream.random(samples) for stream in self._of(2, 0)]))

    def _of(self, kind: int, variable: int) -> list[np.random.Generator]:
        if (kind, variable) not in self._streams:
            self._streams[kind, variable] = [np.random.default_rng((*seed, kind, variable)) for seed in self._seeds]
        return [self._streams[kind, variable][place] for place in self._places]


def add_gaussian_noise(x: Tensors, draws: RandomSource, samples: int, stdevs: tuple[float, ...]) -> Tensors:
    """Noisy copies (n, samples, ...) of each point, in the floating dtypes of `x` (integers as floats)."""
    noise = [
        draws.normal(each, samples, stdev, index) for index, (each, stdev) in enumerate(zip(x, stdevs, strict=True))
    ]
    return tuple((each.unsqueeze(1) + e).to(each.dtype) for each, e in zip(as_floating(x), noise, strict=True))


def sample_baselines(
    distributions: tuple[Tensor | float, ...], like: Tensors, draws: RandomSource, points: int, samples: int
) -> tuple[Tensor | float, ...]:
    """Baselines (n, samples, ...) of n points, one for each input; numbers stay as they are and need no draw.

    Its arguments are those of [sample_rows][pellucid.core.random_streams.sample_rows].
    """
    chosen = sample_rows(distributions, like, draws, points, samples)
    return tuple(
        each if choice is None or not isinstance(each, Tensor) else each.to(x)[choice.to(x.device)]
        for each, x, choice in zip(distributions, like, chosen, strict=True)
    )


def sample_rows(
    distributions: tuple[Tensor | float, ...], like: Tensors, draws: RandomSource, points: int, samples: int
) -> tuple[Tensor | None, ...]:
    """Which of the baselines each sample of n points gets, int64 [n, samples], for each input; None where one has none.

    Args:
        distributions: Tensors (n_baselines, ...) to draw from, or numbers.
        like: The inputs, whose shapes, dtypes and devices baselines must have.
        draws: Where random numbers come from.
        points: How many points there are.
        samples: Samples per point.

    Raises:
        InvalidArgument: They are not one for each input, or do not have its shape.
    """
    fits = len(distributions) == len(like) and all(
        d.shape[1:] == x.shape[1:] and d.ndim > 0 if isinstance(d, Tensor) else isinstance(d, int | float)
        for d, x in zip(distributions, like, strict=True)
    )
    if not fits:
        raise not_a_distribution(distributions, like)

    return tuple(
        draws.choice(each.shape[0], points, samples, variable) if isinstance(each, Tensor) else None
        for variable, each in enumerate(distributions)
    )


def stdev_per_input(stdevs: float | tuple[float, ...], tensors: int) -> tuple[float, ...]:
    """One standard deviation for each input tensor.

    Raises:
        InvalidArgument: Something else, another number of them, or one below zero.
    """
    each = stdevs if isinstance(stdevs, tuple) else (stdevs,) * tensors
    if not all(isinstance(stdev, SupportsFloat) for stdev in each):
        raise InvalidArgument(f"stdevs must be a number or a tuple of numbers: got {stdevs!r}.")
    if len(each) != tensors:
        raise InvalidArgument(f"stdevs must be one number, or one for each input: expected {tensors}, got {len(each)}.")
    if any(stdev < 0 for stdev in each):
        raise InvalidArgument(f"stdevs must not be negative: got {stdevs}.")
    return each
