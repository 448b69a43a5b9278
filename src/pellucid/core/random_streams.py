"""Sources of random numbers.

With a seed or a generator, every example has an independent stream of its own, so that its result depends neither on
the other examples of the batch nor on the sizes of blocks nor on the device. With neither, draws come from the global
generators of torch and NumPy in the order of Captum 0.9, so that the same global seeds give the same numbers.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, SupportsFloat, TypeAlias, final

import numpy as np
import numpy.random  # which NumPy imports only at the first draw
import torch
from torch import Tensor

from pellucid.core.problem.baselines import not_a_distribution
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors, as_floating
from pellucid.errors import InvalidArgument, WrongType

PointIds: TypeAlias = list[list[int]]
"""What identifies each point: the example's position in the batch, and for a noisy copy also the number of the copy."""

Seed: TypeAlias = "int | Sequence[int] | None"
"""A seed for the batch, whose examples get streams by their positions in it, or a seed for each example."""


class RandomSource(Protocol):
    """Random numbers for several samples of each of n points.

    With seeds, each variable (an input tensor) has one stream per point and kind of draw: further samples continue it.
    """

    seeded: bool

    def normal(self, x: Tensor, samples: int, stdev: float, variable: int) -> Tensor:
        """Gaussian noise of standard deviation `stdev` for the points `x` (n, ...): (n, samples, ...), float32."""
        ...

    def choice(self, count: int, points: int, samples: int, variable: int) -> Tensor:
        """Uniform integers in [0, count), int64 [n, samples]."""
        ...

    def uniform(self, points: int, samples: int) -> Tensor:
        """Uniform numbers in [0, 1), float64 [n, samples]."""
        ...

    def select(self, which: Tensor) -> RandomSource:
        """The source for the points `which`, int64 [k]."""
        ...


@contextmanager
def random_source(seed: Seed, ids: Tensor) -> Iterator[RandomSource]:
    """The source of random numbers for some points; an exception restores NumPy's global generator.

    Args:
        seed: Seeds the points' streams; None draws from the global generators.
        ids: What identifies each point, int64 [n, k].

    Raises:
        InvalidArgument: The seeds are not integers, or not one per example.
    """
    if seed is not None:
        yield _PerExampleStreams(stream_seeds(seed, ids.tolist()))
        return
    generators = _GlobalGenerators()
    try:
        yield generators
    except BaseException:
        generators.undo()
        raise


def resolve_seed(seed: Seed, generator: torch.Generator | None) -> Seed:
    """The seed that the user gave, or one drawn from the user's generator.

    Raises:
        InvalidArgument: Both are given.
    """
    if seed is not None and generator is not None:
        raise InvalidArgument("seed and generator exclude each other: got both.")
    if generator is None:
        return seed
    return int(torch.randint(2**62, (), generator=generator, device=generator.device))


def shared_generator(seed: int | None, generator: torch.Generator | None) -> torch.Generator | None:
    """A generator for draws that all examples share, such as permutations of features; None is torch's global one.

    Raises:
        InvalidArgument: The seed is not an integer, or both are given.
    """
    resolved = resolve_seed(seed, generator)
    if resolved is None:
        return None
    try:
        return torch.Generator(device="cpu").manual_seed(operator.index(resolved) % 2**63)  # type: ignore[arg-type]  # tried here
    except TypeError:
        raise WrongType(f"seed must be an integer, as all examples share the draws: got {summary(resolved)}.") from None


def stream_seeds(seed: int | Sequence[int], keys: PointIds, examples: int | None = None) -> list[tuple[int, ...]]:
    """The seed of each point's streams: the user's seed and what identifies the point.

    Args:
        seed: One number, or one for each example.
        keys: What identifies each point.
        examples: The number of examples; None where the last one is among the points.

    Raises:
        InvalidArgument: The seeds are not integers, or not one per example.
    """
    seeds = _as_integers(seed)
    if isinstance(seeds, int):
        return [(*_non_negative(seeds), *key) for key in keys]
    examples = 1 + max(example for example, *_ in keys) if examples is None else examples
    if len(seeds) != examples:
        raise InvalidArgument(f"seed must be one number, or one per example: expected {examples}, got {len(seeds)}.")
    return [(*_non_negative(seeds[example]), *copy_number) for example, *copy_number in keys]


def _as_integers(seed: Any) -> int | list[int]:
    try:
        return operator.index(seed)
    except TypeError:  # not one integer, so one for each example
        try:
            return [operator.index(number) for number in seed]
        except TypeError:
            raise WrongType(f"seed must be an integer, or one per example: got {summary(seed)}.") from None


def _non_negative(seed: int) -> tuple[int, int]:
    """An integer as its absolute value and sign, as NumPy's seeds must not be negative."""
    return abs(seed), int(seed < 0)


@contextmanager
def restoring_numpy_state_on_error() -> Iterator[None]:
    """Restore NumPy's global generator after an exception; torch's is restored for every method."""
    state = np.random.get_state(legacy=False)
    try:
        yield
    except BaseException:
        np.random.set_state(state)
        raise


@final
class _GlobalGenerators:
    """Draws from the global generators of torch and NumPy."""

    seeded = False

    def __init__(self) -> None:
        self._numpy_state: dict[str, Any] | None = None

    def normal(self, x: Tensor, samples: int, stdev: float, variable: int) -> Tensor:
        return torch.normal(0, torch.full((x.shape[0], samples, *x.shape[1:]), float(stdev), device=x.device))

    def choice(self, count: int, points: int, samples: int, variable: int) -> Tensor:
        self._remember_state()
        return torch.from_numpy(np.random.choice(count, points * samples)).view(points, samples)

    def uniform(self, points: int, samples: int) -> Tensor:
        self._remember_state()
        return torch.from_numpy(np.random.uniform(0, 1, points * samples)).view(points, samples)

    def select(self, which: Tensor) -> RandomSource:
        return self

    def undo(self) -> None:
        """Restore NumPy's generator; torch's is restored for every method, as models draw from it too."""
        if self._numpy_state is not None:
            np.random.set_state(self._numpy_state)

    def _remember_state(self) -> None:
        if self._numpy_state is None:
            self._numpy_state = np.random.get_state(legacy=False)  # slow, so only before the first draw


@final
class _PerExampleStreams:
    """Draws from streams of their own for every point, kind of draw and variable.

    Args:
        seeds: Those of the points.
    """

    seeded = True

    def __init__(self, seeds: list[tuple[int, ...]]) -> None:
        self._seeds, self._indices = seeds, list(range(len(seeds)))
        self._streams: dict[tuple[int, int], list[np.random.Generator]] = {}

    def select(self, which: Tensor) -> RandomSource:
        selected = copy.copy(self)  # the streams are shared, so that they continue
        selected._indices = [self._indices[index] for index in which.tolist()]
        return selected

    def normal(self, x: Tensor, samples: int, stdev: float, variable: int) -> Tensor:
        shape = (len(self._indices), samples, *x.shape[1:])
        if not stdev:
            return torch.zeros((), dtype=torch.float32, device=x.device).expand(shape)
        noise = np.empty(shape, np.float32)
        for point_noise, stream in zip(noise, self._streams_of(0, variable), strict=True):
            stream.standard_normal(dtype=np.float32, out=point_noise)
        return torch.from_numpy(noise).to(x.device).mul_(float(stdev))

    def choice(self, count: int, points: int, samples: int, variable: int) -> Tensor:
        streams = self._streams_of(1, variable)
        return torch.from_numpy(np.stack([stream.integers(count, size=samples) for stream in streams]))

    def uniform(self, points: int, samples: int) -> Tensor:
        return torch.from_numpy(np.stack([stream.random(samples) for stream in self._streams_of(2, 0)]))

    def _streams_of(self, kind: int, variable: int) -> list[np.random.Generator]:
        """The points' streams for a kind of draw (0 normal, 1 choice, 2 uniform) and a variable."""
        if (kind, variable) not in self._streams:
            self._streams[kind, variable] = [np.random.default_rng((*seed, kind, variable)) for seed in self._seeds]
        return [self._streams[kind, variable][index] for index in self._indices]


def add_gaussian_noise(x: Tensors, draws: RandomSource, samples: int, stdevs: tuple[float, ...]) -> Tensors:
    """Noisy copies (n, samples, ...) of each point, in the floating dtypes of `x` (integers as floats)."""
    noises = [
        draws.normal(tensor, samples, stdev, variable)
        for variable, (tensor, stdev) in enumerate(zip(x, stdevs, strict=True))
    ]
    return tuple(
        (tensor.unsqueeze(1) + noise).to(tensor.dtype) for tensor, noise in zip(as_floating(x), noises, strict=True)
    )


def sample_baselines(
    distributions: tuple[Tensor | float, ...], like: Tensors, draws: RandomSource, points: int, samples: int
) -> tuple[Tensor | float, ...]:
    """Baselines (n, samples, ...) of n points, one for each input; numbers are returned unchanged, without a draw.

    The arguments are those of [sample_rows][pellucid.core.random_streams.sample_rows].
    """
    sampled_rows = sample_rows(distributions, like, draws, points, samples)
    return tuple(
        distribution if rows is None or not isinstance(distribution, Tensor) else distribution.to(x)[rows.to(x.device)]
        for distribution, x, rows in zip(distributions, like, sampled_rows, strict=True)
    )


def sample_rows(
    distributions: tuple[Tensor | float, ...], like: Tensors, draws: RandomSource, points: int, samples: int
) -> tuple[Tensor | None, ...]:
    """Draw a row of each distribution of baselines for every sample of n points.

    Args:
        distributions: For each input a tensor (n_baselines, ...) to draw from, or a number.
        like: The inputs, whose shapes, dtypes and devices baselines must have.
        draws: The source of random numbers.
        points: The number of points.
        samples: Samples per point.

    Returns:
        For each input the indices of rows, int64 [n, samples]; None for a number.

    Raises:
        InvalidArgument: The distributions are not one for each input, or do not have its shape.
    """
    fits = len(distributions) == len(like) and all(
        baseline.shape[1:] == x.shape[1:] and baseline.ndim > 0
        if isinstance(baseline, Tensor)
        else isinstance(baseline, int | float)
        for baseline, x in zip(distributions, like, strict=True)
    )
    if not fits:
        raise not_a_distribution(distributions, like)

    return tuple(
        draws.choice(baseline.shape[0], points, samples, variable) if isinstance(baseline, Tensor) else None
        for variable, baseline in enumerate(distributions)
    )


def stdev_per_input(stdevs: float | tuple[float, ...], tensors: int) -> tuple[float, ...]:
    """One standard deviation for each input tensor.

    Raises:
        InvalidArgument: They are not numbers, not one for each input, or one is negative.
    """
    per_input = stdevs if isinstance(stdevs, tuple) else (stdevs,) * tensors
    if not all(isinstance(stdev, SupportsFloat) for stdev in per_input):
        raise InvalidArgument(f"stdevs must be a number or a tuple of numbers: got {summary(stdevs)}.")
    if len(per_input) != tensors:
        raise InvalidArgument(
            f"stdevs must be one number, or one for each input: expected {tensors}, got {len(per_input)}."
        )
    if any(stdev < 0 for stdev in per_input):
        raise InvalidArgument(f"stdevs must not be negative: got {summary(stdevs)}.")
    return per_input
