"""Futures: models that return one, and methods that await their outputs as coroutines."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast, final

import torch
from torch import Future
from torch.futures import collect_all

from pellucid.core.summaries import Summarized

T = TypeVar("T")
U = TypeVar("U")
P = ParamSpec("P")

Awaiting = Coroutine["Future[Any]", None, T]
"""A coroutine that awaits futures."""


@final
@dataclass(frozen=True)
class AllDone(Summarized):
    """Awaits all of several futures; an error of one is raised where its value is taken.

    Args:
        futures: The futures.
    """

    futures: Sequence[Future[Any]]

    def __await__(self) -> Generator[Future[Any], None, None]:
        futures: list[Any] = list(self.futures)  # a plain torch.Future is no torch.futures.Future, but works too
        yield collect_all(futures)


def to_completion(call: Callable[P, Awaiting[T]]) -> Callable[P, T]:
    """A function from a coroutine function that awaits no future when it is called."""

    def complete(*args: P.args, **kwargs: P.kwargs) -> T:
        coroutine = call(*args, **kwargs)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return cast(T, stop.value)
        raise RuntimeError("a future was waited for where none is expected")

    return complete


def as_future(coroutine: Awaiting[T], failure: Callable[[Exception], Exception]) -> Future[T]:
    """A future of the result of a coroutine, which is resumed by the thread that completes the future it awaits.

    Up to its first `await` it runs, and raises, in this call.

    Args:
        coroutine: The coroutine.
        failure: Maps an exception that it raises later to the one that the future gets.
    """
    future: Future[T] = Future([])
    results: list[T] = []
    steps = _into(results, coroutine).__await__()

    def resume() -> None:
        with torch.no_grad():
            awaited = next(steps, None)
        if awaited is None:
            future.set_result(results[0])
        else:
            awaited.add_done_callback(resume_later)

    def resume_later(_: Future[Any]) -> None:
        try:
            resume()
        except Exception as error:
            return _fail(future, failure(error))

    resume()
    return future


def then(future: Future[T], change: Callable[[T], U]) -> Future[U]:
    """A future of `change` of a future's value; unlike torch's own `then` it keeps the class of an exception."""
    changed: Future[U] = Future([])

    def complete(done: Future[T]) -> None:
        try:
            changed.set_result(change(done.value()))
        except Exception as error:
            return _fail(changed, error)

    future.add_done_callback(complete)
    return changed


async def _into(results: list[T], coroutine: Awaiting[T]) -> None:
    """Append the result of a coroutine to a list."""
    results.append(await coroutine)


def _fail(future: Future[Any], error: Exception) -> None:
    """Complete a future with an exception, as `set_exception` of `torch.futures.Future` does: plain ones lack it."""

    def reraise(_: Any) -> None:
        raise error

    future._set_unwrap_func(reraise)
    future.set_result(None)
