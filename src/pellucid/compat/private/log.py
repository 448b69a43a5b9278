"""The names of `captum.log`, for hooking in a log; as in Captum as it is published, they log nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

__all__ = ["TimedLog", "disable_detailed_logging", "log", "log_usage", "patch_methods", "set_environment"]

P = ParamSpec("P")
R = TypeVar("R")


def log(*args: Any, **kwargs: Any) -> None:
    """Nothing."""


def log_usage(*log_args: Any, **log_kwargs: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator that wraps a function in one that calls it, and holds it as `__wrapped__`."""

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            return function(*args, **kwargs)

        return wrapper

    return wrap


class TimedLog:
    """A context that logs nothing, and lets exceptions pass, which Captum's swallows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __enter__(self) -> TimedLog:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def set_environment(env: list[str] | str | None) -> None:
    """Nothing."""


def disable_detailed_logging() -> None:
    """Nothing."""


def patch_methods(_: Any, patch_log: bool = True) -> None:
    """Nothing."""
