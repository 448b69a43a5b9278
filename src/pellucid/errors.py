"""What can go wrong, said so that the reader knows what to do next.

    PellucidError
    ├── InvalidArgument     (ValueError, AssertionError)   an argument is not what the method expects
    │   ├── OutOfRange      (IndexError)                   a target beyond the output
    │   ├── NotScalar       (RuntimeError)                 a target that leaves several values per example
    │   └── WrongType       (TypeError)                    a number, or a model, that is none
    ├── NotFound            (AttributeError)               a model has nothing of this name
    ├── NotDifferentiable   (RuntimeError)                 a gradient was needed where there is none
    └── NotSupported        (NotImplementedError)          a method does not have what was asked of it
        └── NoRule          (TypeError)                    nobody has said how something passes back

    PellucidWarning         (UserWarning)                  the result is there, but may not be what was wanted

Each exception can also be caught as the class that Captum raises in its place, in brackets above, so that `except`
clauses survive the migration. Errors are raised in few words where they are found and get their context, the method
and the shapes of its inputs, once at the public edge.
"""

from __future__ import annotations

import operator
import os
import re
import sys
import warnings
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import NoReturn, SupportsIndex


class PellucidError(Exception):
    """The base of every exception of pellucid."""

    located = False  # whether the edge has already said in which call it happened


class InvalidArgument(PellucidError, ValueError, AssertionError):
    """An argument is not what the method expects; the message names it, what was expected and what came."""


class OutOfRange(InvalidArgument, IndexError):
    """A target points beyond the output of the model."""


class NotScalar(InvalidArgument, RuntimeError):
    """A target leaves several values per example, where a gradient needs one."""


class WrongType(InvalidArgument, TypeError):
    """An argument that must be a number, or a model, is none."""


class NotFound(PellucidError, AttributeError):
    """A model, the library that fits it, or what is given in its place has nothing of this name."""


class NotDifferentiable(PellucidError, RuntimeError):
    """A gradient was needed where the model, its output or its inputs have none."""


class NotSupported(PellucidError, NotImplementedError):
    """A method does not have what was asked of it."""


class NoRule(NotSupported, TypeError):
    """A call or a layer without a rule, where one is needed."""


class PellucidWarning(UserWarning):
    """The result is there, but may not be what was wanted."""


def located(error: Exception, method: str, inputs: str, hint: str = "") -> Exception:
    """The error to raise at the public edge: it tells in which call it happened, once, at the first edge it passes.

    Our own errors are made anew with their context; an exception of the user's model keeps its identity and gets the
    context as a note (which Python 3.11 and later print). Tracebacks of our own errors leave out our own frames, which
    `PELLUCID_DEBUG=1` shows; those of the model's errors are whole.

    Args:
        error: What was raised.
        method: The method's name.
        inputs: Its inputs, described.
        hint: What may help when it is the user's model that failed.
    """
    if isinstance(error, PellucidError):
        if error.located:
            return error.with_traceback(_of_others(error.__traceback__))
        placed = type(error)(f"{method}: {error} [inputs: {inputs}]")
        placed.located = True
        placed.__cause__ = error.__cause__
        return placed.with_traceback(_of_others(error.__traceback__))
    note = f"This happened while pellucid's {method} called the model on inputs {inputs}."
    notes: list[str] = error.__dict__.setdefault("__notes__", [])  # what add_note of Python 3.11 does
    if not any("pellucid" in each for each in notes):
        notes.append(note)
    place = next(place for place, each in enumerate(notes) if "pellucid" in each)
    if hint and " Hint: " not in notes[place]:  # an edge further out may know more: the inputs before noise
        notes[place] += f" Hint: {hint}"
    return error


def renamed(error: Exception, names: Mapping[str, str]) -> Exception:
    """One of our errors in the caller's words; any other as it is.

    Args:
        error: What was raised.
        names: What the caller has under another name: what messages say, and what is to be said.
    """
    message = text = str(error)
    for name, callers in names.items():
        if isinstance(error, PellucidError) and name != callers:
            text = re.sub(rf"(?<!the )\b{name}\b(?= must|=|: )", callers, text)
    if text == message:
        return error
    again = type(error)(text)
    vars(again).update(vars(error))
    again.__cause__ = error.__cause__
    return again.with_traceback(error.__traceback__)


def _of_others(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without our own frames, unless they are asked for."""
    if trace is None or os.environ.get("PELLUCID_DEBUG", "0") != "0":
        return trace
    rest = _of_others(trace.tb_next)
    return rest if _ours(trace.tb_frame) else TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)


def _ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_HOME)


_HOME = os.path.dirname(__file__) + os.sep


def warn(message: str) -> None:
    """Warn of something at the line of the user's code that called pellucid."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _ours(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, PellucidWarning, stacklevel=level)


def not_to_be_overridden(what: object, names: tuple[str, ...], hint: str) -> None:
    """Refuse a class, or an object, that would change what the engine does by itself.

    Raises:
        NotSupported: It does.
    """
    for name in names:
        if name in vars(what):
            owner = what if isinstance(what, type) else type(what)
            raise NotSupported(f"{owner.__name__}.{name} would have no effect: pellucid does not call it. Hint: {hint}")


def check_count(name: str, count: int, least: int = 1) -> int:
    """A number of samples, steps or rows.

    Raises:
        InvalidArgument: It is below the least one there can be, or not an integer.
    """
    message = f"{name} must be an integer of at least {least}: got {count!r}."
    if not isinstance(count, SupportsIndex):
        raise WrongType(message)
    if operator.index(count) < least:
        raise InvalidArgument(message)
    return operator.index(count)


ABSENT = {
    "attr": (
        "visualization TokenReferenceBase InterpretableEmbeddingBase configure_interpretable_embedding_layer "
        "remove_interpretable_embedding_layer LLMAttribution LLMAttributionResult LLMGradientAttribution "
        "RemoteLLMAttribution RemoteLLMProvider VLLMProvider InterpretableInput TextTemplateInput TextTokenInput "
        "ImageMaskInput ProductBaselines DataLoaderAttribution Summarizer SummarizerSingleTensor CommonStats "
        "ClassSummarizer StatValue Mean StdDev Var MSE Min Max Sum Count"
    ),
    "metrics": "infidelity infidelity_perturb_func_decorator sensitivity_max",
    "concept": "TCAV CAV Concept ConceptInterpreter Classifier DefaultClassifier",
    "influence": (
        "DataInfluence SimilarityInfluence NaiveInfluenceFunction TracInCP TracInCPBase TracInCPFast "
        "TracInCPFastRandProj"
    ),
    "robust": "FGSM PGD Perturbation AttackComparator MinParamPerturbation",
    "module": "BinaryConcreteStochasticGates GaussianStochasticGates StochasticGatesBase",
}
"""By Captum's package: its public names that pellucid does not have yet, which README lists too."""

AROUND_ITS_OWN = ("DataLoaderAttribution", "LLMAttribution", "LLMGradientAttribution", "RemoteLLMAttribution")
"""Those that go around an attribution method, which must be Captum's."""


def absent(path: str) -> ImportError:
    """The error of an import of something that is not here yet, such as `metrics` or `attr.LLMAttribution`."""
    return ImportError(_said(path), name=f"pellucid.{path}")


def missing(package: str, name: str) -> NoReturn:
    """What the `__getattr__` of a package does, for names that it does not have.

    Whoever only asks whether they are there, as `hasattr` does, is to hear no.

    Raises:
        ImportError: It is one of Captum's that is not here yet, and imported.
        AttributeError: It is not there.
    """
    if name not in ABSENT[package].split():
        raise AttributeError(f"module 'pellucid.{package}' has no attribute {name!r}")
    if sys._getframe(2).f_code.co_name == "_handle_fromlist":  # by which Python imports names from packages
        raise absent(f"{package}.{name}")
    raise AttributeError(_said(f"{package}.{name}"))


def _said(path: str) -> str:
    package, _, name = path.rpartition(".")
    typed = f"from captum.{package} import {name}" if package else f"import captum.{name}"
    around = ", around Captum's own methods" if name in AROUND_ITS_OWN else ""
    return f"pellucid.{path} is not here yet. Hint: {typed}, which works beside pellucid{around}."
