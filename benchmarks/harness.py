"""A case claims something about a call, and measures whether it is so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import captum.attr
import numpy as np
import torch
from torch import Tensor

import pellucid.attr
from benchmarks.calls import Call, Work
from benchmarks.floor import fastest_loop
from benchmarks.memory import peak_bytes
from benchmarks.models import Stage
from benchmarks.timing import THREADS, Spread, interleaved

PEAKS = 3
"""How many processes measure each peak."""

MIB = 2**20

SAME = 1e-3
"""How far the attributions of both libraries may lie apart, relative to the largest; else comparing times is idle."""


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What is claimed, as upper limits on ratios; where there is no limit, nothing is claimed."""

    time: float | None = None  # of Captum's
    floor: float | None = None  # of the floor's time
    memory: float | None = None  # of Captum's peak
    growth: float | None = None  # of pellucid's own peak at less work
    mebibytes: float | None = None  # pellucid's own peak

    def __str__(self) -> str:
        limits = {"time": self.time, "floor": self.floor, "memory": self.memory, "growth": self.growth}
        limits["MiB"] = self.mebibytes
        return ", ".join(f"{name} ≤ {limit}" for name, limit in limits.items() if limit is not None)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a case has measured: seconds or bytes, and ratios of them."""

    name: str
    aim: Aim
    seconds: tuple[float, float] | None = None  # pellucid's and Captum's medians
    peaks: tuple[float, float] | None = None  # pellucid's and the other's medians
    time: Spread | None = None
    floor: Spread | None = None
    memory: Spread | None = None
    growth: Spread | None = None
    difference: float | None = None  # between the attributions, relative to the largest

    @property
    def same(self) -> bool:
        """Whether the attributions are the same, where that is claimed."""
        return self.difference is None or self.difference <= SAME

    @property
    def met(self) -> bool:
        """Whether every limit is kept, by the median, and both libraries found the same."""
        limits = (self.aim.time, self.aim.floor, self.aim.memory, self.aim.growth)
        found = (self.time, self.floor, self.memory, self.growth)
        kept = (ratio.median <= limit for ratio, limit in zip(found, limits, strict=True) if ratio and limit)
        small = not (self.peaks and self.aim.mebibytes) or self.peaks[0] <= self.aim.mebibytes * MIB
        return all(kept) and small and self.same


class Case(Protocol):
    """A claim and how to measure it."""

    @property
    def name(self) -> str:
        """What to select it by."""
        ...

    def measure(self) -> Result:
        """Measure it."""
        ...


@dataclass(frozen=True, kw_only=True)
class BesideCaptum:
    """The same call with both libraries, in turn.

    Args:
        name: What to select it by.
        aim: What it claims; memory is measured only where something is claimed of it.
        stage: Sets the model and the inputs.
        call: What to call.
        work: What it needs of the model, for the floor; None where the floor is not measured.
        threads: What torch may use.
        same: Whether both say the same; where Captum is known to be wrong, they do not.
    """

    name: str
    aim: Aim
    stage: Stage
    call: Call
    work: Work | None = None
    threads: int = THREADS
    same: bool = True

    def measure(self) -> Result:
        """Time both libraries and the floor, and look at both peaks."""
        torch.set_num_threads(self.threads)
        scene = self.stage()
        ours, theirs = (partial(self.call, attr, *scene) for attr in (pellucid.attr, captum.attr))
        apart = difference(_seeded(ours), _seeded(theirs)) if self.same else None
        floors = (fastest_loop(scene, self.work),) if self.work else ()
        own, other, *floor = interleaved(ours, theirs, *floors)
        peaks = self._peaks() if self.aim.memory else None
        return Result(
            name=self.name,
            aim=self.aim,
            seconds=medians(own, other),
            peaks=medians(*peaks) if peaks else None,
            time=Spread.of_ratios(own, other),
            floor=Spread.of_ratios(own, *floor) if floor else None,
            memory=Spread.of_ratios(*peaks) if peaks else None,
            difference=apart,
        )

    def _peaks(self) -> tuple[list[int], list[int]]:
        ours = [peak_bytes("pellucid", self.stage, self.call) for _ in range(PEAKS)]
        return ours, [peak_bytes("captum", self.stage, self.call) for _ in range(PEAKS)]


@dataclass(frozen=True, kw_only=True)
class Bounded:
    """How much pellucid's peak grows with the work.

    Args:
        name: What to select it by.
        aim: What it claims.
        more: Sets the model and the inputs, and what to call.
        less: The same for less work.
    """

    name: str
    aim: Aim
    more: tuple[Stage, Call]
    less: tuple[Stage, Call]

    def measure(self) -> Result:
        """Look at both peaks."""
        more, less = ([peak_bytes("pellucid", *side) for _ in range(PEAKS)] for side in (self.more, self.less))
        return Result(name=self.name, aim=self.aim, peaks=medians(more, less), growth=Spread.of_ratios(more, less))


@dataclass(frozen=True, kw_only=True)
class Held:
    """The peak of a call, with both libraries.

    Args:
        name: What to select it by.
        aim: What it claims.
        stage: Sets the model and the inputs.
        call: What to call.
    """

    name: str
    aim: Aim
    stage: Stage
    call: Call

    def measure(self) -> Result:
        """Look at both peaks."""
        ours, theirs = (
            [peak_bytes(library, self.stage, self.call) for _ in range(PEAKS)] for library in ("pellucid", "captum")
        )
        return Result(name=self.name, aim=self.aim, peaks=medians(ours, theirs), memory=Spread.of_ratios(ours, theirs))


def medians(own: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """The medians of both."""
    return Spread.of(own).median, Spread.of(other).median


def _seeded(call: Callable[[], object]) -> object:
    torch.manual_seed(0)
    np.random.seed(0)
    return call()


def difference(ours: object, theirs: object) -> float:
    """Between two tensors, or two pairs of attributions and deltas, of which the attributions are compared."""
    own, other = (found[0] if isinstance(found, tuple) else found for found in (ours, theirs))
    if not (isinstance(own, Tensor) and isinstance(other, Tensor)):
        raise TypeError(f"expected tensors of attributions: got {type(own).__name__} and {type(other).__name__}")
    return ((own - other).abs().max() / other.abs().max()).item()
