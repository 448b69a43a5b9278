"""Exceptions and warnings, whose messages say what to do next.

    PellucidError
    ├── InvalidArgument     (ValueError, AssertionError)   an argument is not what the method expects
    │   ├── OneForBatch     ()                             a value for each example was needed, and there is one for all
    │   ├── OutOfRange      (IndexError)                   a target beyond the output
    │   ├── NotScalar       (RuntimeError)                 a target that leaves several values per example
    │   ├── UnknownName     (KeyError)                     a name that is none of those there are
    │   ├── WrongShape      (RuntimeError)                 a tensor of another shape than those before
    │   └── WrongType       (TypeError)                    an argument that is no number, or no model
    ├── InvalidFile         (ValueError)                   a file is not what it should be: cut, changed, or of others
    ├── NotFound            (AttributeError)               a model has nothing of this name
    ├── NotDifferentiable   (RuntimeError)                 a gradient was needed where there is none
    └── NotSupported        (NotImplementedError)          a method does not support what was requested
        └── NoRule          (TypeError)                    a call or layer without a rule, where one is needed

    PellucidWarning         (UserWarning)                  the result is there, but may not be what was wanted

Each exception can also be caught as the class that Captum raises in its place, in brackets above, so that `except`
clauses survive the migration. Errors are raised with short messages; `located` adds the context, the method and the
shapes of its inputs, once, at the public call.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType, TracebackType
from typing import NoReturn


class PellucidError(Exception):
    """The base of every exception of pellucid."""

    located = False  # whether the message already names the call
    renamed = False  # whether it already names arguments as the caller of a class of Captum's does


class InvalidArgument(PellucidError, ValueError, AssertionError):
    """An argument is not what the method expects; the message names it, what was expected and what was given."""


class OneForBatch(InvalidArgument):
    """A value for each example was needed, and there is one for the batch, or examples depend on each other."""


class OutOfRange(InvalidArgument, IndexError):
    """A target points beyond the output of the model."""


class NotScalar(InvalidArgument, RuntimeError):
    """A target leaves several values per example, where a gradient needs one."""


class UnknownName(InvalidArgument, KeyError):
    """An argument is a name, but none of those there are."""

    __str__ = Exception.__str__  # a KeyError's message is in quotes


class WrongShape(InvalidArgument, RuntimeError):
    """A tensor has another shape than those before it."""


class WrongType(InvalidArgument, TypeError):
    """An argument that must be a number, or a model, is something else."""


class InvalidFile(PellucidError, ValueError):
    """A file is not what it should be; the message names it and what is wrong."""


class NotFound(PellucidError, AttributeError):
    """A model, the library that fits it, or what replaces it has nothing of this name."""


class NotDifferentiable(PellucidError, RuntimeError):
    """A gradient was needed where the model, its output or its inputs have none."""


class NotSupported(PellucidError, NotImplementedError):
    """A method does not support what was requested."""


class NoRule(NotSupported, TypeError):
    """A call or a layer without a rule, where one is needed."""


class PellucidWarning(UserWarning):
    """The result is there, but may not be what was wanted."""


def located(error: Exception, method: str, inputs: str, hint: str = "") -> Exception:
    """The error that a public call raises for an error inside of it: its message names the innermost public call.

    Our own errors are created anew with the context in the message; an exception of the user's model keeps its identity
    and gets the context as a note, which Python 3.11 and later print. Tracebacks of our own errors leave out our own
    frames, unless `PELLUCID_DEBUG=1`; those of the model's errors are complete.

    Args:
        error: What was raised.
        method: The method's name.
        inputs: A description of its inputs.
        hint: A hint for an error of the user's model.

    Returns:
        The error to raise.
    """
    if isinstance(error, PellucidError):
        if error.located:
            return error.with_traceback(_without_own_frames(error.__traceback__))
        located_error = type(error)(f"{method}: {error} [inputs: {inputs}]")
        located_error.located = True
        located_error.__cause__ = error.__cause__
        return located_error.with_traceback(_without_own_frames(error.__traceback__))
    notes: list[str] = error.__dict__.setdefault("__notes__", [])  # as add_note of Python 3.11 does
    if not any("pellucid" in note for note in notes):
        notes.append(f"This happened while pellucid's {method} called the model on inputs {inputs}.")
    index = next(index for index, note in enumerate(notes) if "pellucid" in note)
    if hint and " Hint: " not in notes[index]:  # an outer call may know more, such as the inputs before noise
        notes[index] += f" Hint: {hint}"
    return error


def renamed(error: Exception, names: Mapping[str, str]) -> Exception:
    """One of our errors with its arguments under the names that its caller knows; any other error as it is.

    An argument begins a sentence (`model must`), stands in code (`torch.tensor(baselines)`), or before `=`. What
    follows another word is prose (`the model`), and what is in quotes is the user's own. The innermost call renames.

    Args:
        error: What was raised.
        names: Names of arguments in messages, and what the caller calls them.

    Returns:
        The error to raise.
    """
    if not isinstance(error, PellucidError) or error.renamed:
        return error
    message = str(error)
    for name, callers_name in names.items():
        word = rf"(?<![\w.'\"\[]){re.escape(name)}(?![\w'\"])"
        message = re.sub(rf"(?<!\w ){word}|{word}(?==)", callers_name, message)
    renamed_error = type(error)(message)
    renamed_error.located, renamed_error.renamed = error.located, True
    renamed_error.__cause__ = error.__cause__
    return renamed_error.with_traceback(error.__traceback__)


def _without_own_frames(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without our own frames, unless `PELLUCID_DEBUG` is set."""
    if trace is None or os.environ.get("PELLUCID_DEBUG", "0") != "0":
        return trace
    following = _without_own_frames(trace.tb_next)
    if _is_own(trace.tb_frame):
        return following
    return TracebackType(following, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)


def _is_own(frame: FrameType) -> bool:
    """Whether a frame runs code of pellucid."""
    return frame.f_code.co_filename.startswith(_HOME)


_HOME = os.path.dirname(__file__) + os.sep


_COLLECTED: ContextVar[list[str] | None] = ContextVar("collected", default=None)
"""Where the messages of this thread's warnings are put in place of being issued."""


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Around calls whose warnings are told with their result: the list that their messages are put into."""
    messages: list[str] = []
    token = _COLLECTED.set(messages)
    try:
        yield messages
    finally:
        _COLLECTED.reset(token)


def warn(message: str) -> None:
    """Issue a `PellucidWarning` at the line of the user's code that called pellucid."""
    collected = _COLLECTED.get()
    if collected is not None:
        collected.append(message)
        return
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_own(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, PellucidWarning, stacklevel=level)


def not_to_be_overridden(what: object, names: tuple[str, ...], hint: str) -> None:
    """Refuse a class, or an object, that overrides what the engine does not call.

    Args:
        what: The class or object.
        names: The methods that must not be overridden.
        hint: What to do instead.

    Raises:
        NotSupported: It defines one of them.
    """
    for name in names:
        if name in vars(what):
            owner = what if isinstance(what, type) else type(what)
            raise NotSupported(f"{owner.__name__}.{name} would have no effect: pellucid does not call it. Hint: {hint}")


ABSENT = {
    "attr": (
        "LLMAttribution LLMAttributionResult LLMGradientAttribution "
        "RemoteLLMAttribution RemoteLLMProvider VLLMProvider InterpretableInput TextTemplateInput TextTokenInput "
        "ImageMaskInput"
    ),
    "concept": "TCAV CAV Concept ConceptInterpreter Classifier DefaultClassifier",
    "influence": (
        "DataInfluence SimilarityInfluence NaiveInfluenceFunction TracInCP TracInCPBase TracInCPFast "
        "TracInCPFastRandProj"
    ),
}
"""For each of Captum's packages, the public names that pellucid does not have yet; docs/captum.md lists them too."""

AROUND_ITS_OWN = ("LLMAttribution", "LLMGradientAttribution", "RemoteLLMAttribution")
"""Classes that wrap an attribution method, which then must be Captum's."""


def absent(path: str) -> ImportError:
    """The error for importing what pellucid does not have yet, such as `concept` or `attr.LLMAttribution`."""
    return ImportError(_absence_message(path), name=f"pellucid.{path}")


def missing(package: str, name: str) -> NoReturn:
    """Raise the error of a package's `__getattr__`, for a name that it does not have.

    Raises:
        ImportError: The name is one of Captum's that is not here yet, and is imported.
        AttributeError: Otherwise, so that `hasattr` is false.
    """
    if name not in ABSENT[package].split():
        raise AttributeError(f"module 'pellucid.{package}' has no attribute {name!r}")
    if sys._getframe(2).f_code.co_name == "_handle_fromlist":  # the function that imports names from packages
        raise absent(f"{package}.{name}")
    raise AttributeError(_absence_message(f"{package}.{name}"))


def _absence_message(path: str) -> str:
    package, _, name = path.rpartition(".")
    statement = f"from captum.{package} import {name}" if package else f"import captum.{name}"
    around = ", around Captum's own methods" if name in AROUND_ITS_OWN else ""
    return f"pellucid.{path} is not here yet. Hint: {statement}, which works beside pellucid{around}."
