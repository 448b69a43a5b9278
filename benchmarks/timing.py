"""How long calls take beside each other, on a machine that others use too."""

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

THREADS = 2
"""What torch may use, where a case does not say otherwise."""

SAMPLE_SECONDS = 0.2
"""What a sample lasts at least: calls are repeated until it does, and the fastest of them counts.

What other processes do can only add to a call's time, and adds much where threads wait for one of them to get its core.
"""

ROUNDS = (3, 7)
"""How many samples each call gets, at least and at most."""

CASE_SECONDS = 40
"""What the rounds of a case may take together, where that leaves it the least number of them."""


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, and how far they lie apart."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Spread":
        """The spread of these numbers."""
        return cls(statistics.median(numbers), min(numbers), max(numbers))

    @classmethod
    def of_ratios(cls, numbers: Sequence[float], others: Sequence[float]) -> "Spread":
        """The spread of pairwise ratios: what disturbs both halves of a pair alike drops out."""
        return cls.of([number / other for number, other in zip(numbers, others, strict=True)])


def interleaved(*calls: Callable[[], object]) -> list[list[float]]:
    """Seconds of a call, by rounds in which every call has one sample: A B C A B C ...

    Args:
        *calls: What to run. Each has one more sample before, which is thrown away.

    Returns:
        For each call, its samples.
    """
    start = perf_counter()
    for call in calls:
        sample(call)
    least, most = ROUNDS
    rounds = min(max(int(CASE_SECONDS / (perf_counter() - start)), least), most)
    samples = [[sample(call) for call in calls] for _ in range(rounds)]
    return [list(each) for each in zip(*samples, strict=True)]


def sample(call: Callable[[], object]) -> float:
    """Seconds of one call, the fastest of several; garbage of earlier ones is collected before."""
    gc.collect()
    fastest, now = float("inf"), perf_counter()
    end = now + SAMPLE_SECONDS
    while now < end:
        start = now
        call()
        now = perf_counter()
        fastest = min(fastest, now - start)
    return fastest
