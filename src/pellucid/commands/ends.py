"""How commands end: exit codes, errors in one line, interrupts, and pipes that nobody reads."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TextIO

import typer
import typer.core

from pellucid.commands.messages import message_of
from pellucid.commands.usage import UsageError
from pellucid.errors import OutOfRange, UnknownName

FAILED, USAGE, DOUBTS = 1, 2, 3
"""Exit codes besides 0: it failed; what was typed cannot be meant; it is done, and something is in doubt."""

INTERRUPTED, UNREAD, TERMINATED = 130, 141, 143
"""Exit codes as shells have them: 128 and the number of the signal."""

SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""What asks a program to end, and must not leave temporary files."""


WITHOUT_UNICODE = str.maketrans({"\N{MINUS SIGN}": "-", "█": "#", "▒": "=", "▏": "|", "±": "+/-", "…": "...", "·": "."})
"""Signs for terminals that cannot show those of tables."""


class Terminated(BaseException):
    """The program was asked to end."""


class Commands(typer.core.TyperGroup):
    """Commands all of which end alike."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed.

        Args:
            ctx: What typer knows of the call.
        """
        with ended():
            return super().invoke(ctx)


@contextmanager
def ended() -> Iterator[None]:
    """Around a command: what it raises becomes an exit code and one line, and all that it printed is written.

    With `PELLUCID_DEBUG=1`, errors are raised as they are.

    Raises:
        typer.Exit: With the exit code.
    """
    with _signals_raise():
        try:
            try:
                yield
            finally:
                write("")
        except BaseException as error:
            if _is_of_typer(error) or (isinstance(error, Exception) and os.environ.get("PELLUCID_DEBUG", "0") != "0"):
                raise
            raise typer.Exit(_code_of(error)) from error


def say(message: str) -> None:
    """Say something to the user, who may have sent the results elsewhere: a line on the standard error.

    Args:
        message: What to say.
    """
    if sys.stderr is not None:  # closed by who called us
        print(f"pellucid: {message}", file=sys.stderr, flush=True)


def is_watched(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; one that is closed is None.

    Args:
        stream: It.
    """
    return stream is not None and stream.isatty()


def write(text: str) -> None:
    """Write to the standard output, at once.

    Args:
        text: What to write, with the ends of its lines.

    Raises:
        OSError: It cannot be written, as of a full disk.
    """
    if sys.stdout is None:  # closed by who called us
        return
    try:
        if text:  # even nothing cannot be written to a full device
            sys.stdout.write(_as_encoded(text))
        sys.stdout.flush()
    except OSError as error:
        _drop_output()
        if isinstance(error, BrokenPipeError):
            raise
        raise OSError(error.errno, error.strerror, "standard output") from error


def _as_encoded(text: str) -> str:
    """A text in the letters that the standard output has."""
    is_unicode = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    return text if is_unicode else text.translate(WITHOUT_UNICODE).encode("ascii", "replace").decode()


def _is_of_typer(error: BaseException) -> bool:
    """Whether typer knows what to do with it, or Python."""
    is_own_exit = isinstance(error, SystemExit) and isinstance(error.code, str)  # of an extra that is not installed
    return is_own_exit or isinstance(error, typer.Abort | GeneratorExit) or hasattr(error, "exit_code")


def _code_of(error: BaseException) -> int:
    """The exit code of what a command raised, which is said, but for a pipe that nobody reads."""
    if isinstance(error, BrokenPipeError):
        return UNREAD
    if isinstance(error, KeyboardInterrupt | Terminated):
        ended_by = "interrupted" if isinstance(error, KeyboardInterrupt) else "terminated"
        say(": ".join(filter(None, (ended_by, message_of(error)))))
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else TERMINATED
    if isinstance(error, SystemExit):
        say("MODEL, or what it imports, ended the program.")
        return FAILED
    say(message_of(error))
    return USAGE if isinstance(error, UsageError | UnknownName | OutOfRange) else FAILED


def _drop_output() -> None:
    """Have nothing more written to the standard output, also not what Python still has of it as it ends."""
    if sys.__stdout__ is not None and sys.stdout is sys.__stdout__:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())


@contextmanager
def _signals_raise() -> Iterator[None]:
    """A `with` statement in which signals that ask to end raise, so that what was begun is cleaned up."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():  # which alone may handle them
        yield
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # not so under nohup
    before = {number: signal.signal(number, terminate) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
