"""The names of `captum._utils.progress`: bars of tqdm, and what stands in for a bar that is not wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TextIO, TypeVar, runtime_checkable

from tqdm.auto import tqdm

T = TypeVar("T")
Item = TypeVar("Item", covariant=True)


@runtime_checkable
class BaseProgress(Protocol):
    """A context that is closed at its end."""

    def __enter__(self: T) -> T: ...

    def __exit__(self, exc_type: object, exc_value: object, exc_traceback: object) -> None: ...

    def close(self) -> None:
        """End it."""
        ...


@runtime_checkable
class IterableProgress(BaseProgress, Iterable[Item], Protocol[Item]):
    """Progress through an iterable."""


@runtime_checkable
class Progress(BaseProgress, Protocol):
    """Progress that is told of each step."""

    def update(self, n: float | None = 1) -> bool | None:
        """Tell of steps."""
        ...


class NullProgress(IterableProgress[Item], Progress):
    """Progress that nobody sees.

    Args:
        iterable: What is iterated over, if anything.
        *args: What a bar would take.
        **kwargs: The same.
    """

    def __init__(self, iterable: Iterable[Item] | None = None, *args: Any, **kwargs: Any) -> None:
        self.iterable: Iterable[Item] = iterable if iterable is not None else ()

    def __iter__(self) -> Iterator[Item]:
        return iter(self.iterable)

    def __enter__(self: T) -> T:
        return self

    def __exit__(self, exc_type: object, exc_value: object, exc_traceback: object) -> None: ...

    def update(self, n: float | None = 1) -> bool | None:
        """Nothing."""
        return None

    def close(self) -> None:
        """Nothing."""


def progress(
    iterable: Iterable[Any] | None = None,
    desc: str | None = None,
    total: int | None = None,
    file: TextIO | None = None,
    mininterval: float = 0.5,
    **kwargs: Any,
) -> Any:
    """A bar of tqdm over an iterable, or one that is told of each step by `update`.

    Args:
        iterable: What is iterated over.
        desc: What stands before the bar.
        total: How many steps there are.
        file: Where the bar is drawn; None is stderr.
        mininterval: Seconds between two pictures of it.
        **kwargs: What else tqdm takes.

    Returns:
        The bar.
    """
    return tqdm(iterable, desc=desc, total=total, file=file, mininterval=mininterval, **kwargs)
