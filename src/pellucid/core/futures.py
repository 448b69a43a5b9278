"""Models that answer later: methods that wait for them, in one place, are coroutines."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast, final

import torch
from torch import Future
from torch.futures import collect_all

T = TypeVar("T")
U = TypeVar("U")
P = ParamSpec("P")

Awaiting = Coroutine["Future[Any]", None, T]
"""A computation that waits for futures on its way."""


@final
@dataclass(frozen=True)
class AllDone:
    """What `await` needs for all of these futures to be there; an error of one is found where its value is taken.

    Args:
        futures: The futures.
    """

    futures: Sequence[Future[Any]]

    def __await__(self) -> Generator[Future[Any], None, None]:
        futures: list[Any] = list(self.futures)  # what `then` returns is none of torch.futures, and fits all the same
        yield collect_all(futures)


def to_completion(call: Callable[P, Awaiting[T]]) -> Callable[P, T]:
    """A coroutine that meets no future, as a function."""

    def complete(*args: P.args, **kwargs: P.kwargs) -> T:
        waits = call(*args, **kwargs)
        try:
            waits.send(None)
        except StopIteration as done:
            return cast(T, done.value)
        raise RuntimeError("a future was waited for where none is expected")

    return complete


def as_future(waits: Awaiting[T], failure: Callable[[Exception], Exception]) -> Future[T]:
    """The result of a coroutine once the futures on its way have come, continued by whoever completes them.

    Up to the first of them it runs, and raises, here.

    Args:
        waits: The coroutine.
        failure: What is to be raised in place of an exception that it raises later.
    """
    later: Future[T] = Future([])
    results: list[T] = []
    steps = _into(results, waits).__await__()

    def run_on() -> None:
        with torch.no_grad():
            awaited = next(steps, None)
        if awaited is None:
            later.set_result(results[0])
        else:
            awaited.add_done_callback(continued)

    def continued(_: Future[Any]) -> None:
        try:
            run_on()
        except Exception as error:
            return _fail(later, failure(error))

    run_on()
    return later


def then(future: Future[T], change: Callable[[T], U]) -> Future[U]:
    """A future of what is made of a future's value; unlike torch's own it keeps the class of an exception."""
    later: Future[U] = Future([])

    def changed(done: Future[T]) -> None:
        try:
            later.set_result(change(done.value()))
        except Exception as error:
            return _fail(later, error)

    future.add_done_callback(changed)
    return later


async def _into(results: list[T], waits: Awaiting[T]) -> None:
    results.append(await waits)


def _fail(future: Future[Any], error: Exception) -> None:
    """What `torch.futures.Future` does in `set_exception`, which plain futures have not."""

    def raised(_: Any) -> None:
        raise error

    future._set_unwrap_func(raised)
    future.set_result(None)
