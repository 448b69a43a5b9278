"""The decorator of every method: it opens a session, adds context to errors, and traces NaN to its origin."""

from __future__ import annotations

import cmath
import functools
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.futures import Awaiting, as_future, then, to_completion
from pellucid.core.problem.problem import Problem
from pellucid.core.tensors import Tensors, describe, is_floating
from pellucid.errors import NotScalar, PellucidError, WrongType, located, warn
from pellucid.methods.calling.hints import hint
from pellucid.methods.calling.training import warn_of_training_mode


class HasValues(Protocol):
    """A result of a method."""

    @property
    def values(self) -> Tensor | Tensors:
        """The values, which should not be NaN."""
        ...


P = ParamSpec("P")
T = TypeVar("T")
Method = TypeVar("Method")
Result = TypeVar("Result", bound=HasValues)


def attribution(
    call: Callable[Concatenate[Method, ModelFunction, P], Result | Awaiting[Result]],
) -> Callable[Concatenate[Method, Problem | ModelFunction, P], Result]:
    """Make a method of a function into one that is called with a problem, or with its function.

    The call gets a session, or joins the one that is open; see
    [Session.run][pellucid.core.evaluation.session.Session.run]. Errors say which method and inputs they are of, and NaN
    among the attributions is warned of. A coroutine is run to its end; if the model returns futures, the result is a
    future of the attributions.
    """
    is_coroutine = inspect.iscoroutinefunction(call)
    coroutine = cast("Callable[Concatenate[Method, ModelFunction, P], Awaiting[Result]]", call)
    function = cast("Callable[Concatenate[Method, ModelFunction, P], Result]", call)
    evaluate = to_completion(coroutine) if is_coroutine else function

    @functools.wraps(call)
    def attribute(method: Method, problem: Problem | ModelFunction, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        f = problem if isinstance(problem, ModelFunction) else _function(method, problem)
        session, outermost = f.session, f.session.is_outermost

        def finish(result: Result) -> Result:
            if outermost:
                warn_of_training_mode(f)
                _warn_of_nan(result, f, {"baselines": args} | kwargs)
                _warn_of_saturation(f)
            return result

        fail = functools.partial(_located, type(method).__name__, f, args[0] if args else kwargs.get("baselines"))
        try:
            if not (is_coroutine and f.problem.options.returns_futures):
                return finish(session.run(evaluate, method, f, *args, **kwargs))
            future = session.run(lambda: as_future(coroutine(method, f, *args, **kwargs), fail))
            return cast(Result, then(future, finish))
        except Exception as error:
            raise fail(error) from error.__cause__

    return attribute


def run_located(method: object, problem: Problem | ModelFunction, call: Callable[[ModelFunction], T]) -> T:
    """Call something with the function of a problem, in a session; errors say which method and inputs they are of.

    Args:
        method: The method, for its name.
        problem: The problem, or its function.
        call: What to call.
    """
    f = problem if isinstance(problem, ModelFunction) else _function(method, problem)
    try:
        return f.session.run(call, f)
    except Exception as error:
        raise _located(type(method).__name__, f, None, error) from error.__cause__


def _function(method: object, problem: object) -> ModelFunction:
    """The function of a problem, for a method that is called with it."""
    name = type(method).__name__
    if not isinstance(problem, Problem):
        raise WrongType(
            f"{name} must be called with a Problem: got {type(problem).__name__}. "
            f"Hint: {name}(...)(Problem(model, inputs, target=...))."
        )
    try:
        return function_of(problem)
    except Exception as error:
        raise located(error, problem.options.reported_as or name, describe(problem.inputs)) from error.__cause__


def _located(name: str, f: ModelFunction, baselines: object, error: Exception) -> Exception:
    """An error that says which method and inputs it is of; one of the model's, also what may help."""
    options, inputs = f.problem.options, describe(f.problem.inputs)
    name = options.reported_as or name
    if not isinstance(error, PellucidError):
        return located(error, name, f.session.observed.failed_on or inputs, hint(error, f))
    if isinstance(error, NotScalar) and type(baselines) is int and not error.located:
        error = NotScalar(f"{error} baselines is {baselines}: did you mean target={baselines}?")
    return located(error, name, inputs)


def _warn_of_nan(result: HasValues, f: ModelFunction, arguments: dict[str, Any]) -> None:
    """Warn of NaN in a result, and name the arguments that hold NaN."""
    values = (result.values,) if isinstance(result.values, Tensor) else result.values
    if any(cmath.isnan(value.sum().item()) and value.isnan().any() for value in values):
        of_problem = {"inputs": f.problem.inputs, "additional_forward_args": f.problem.additional_forward_args}
        carriers = [carrier for name, value in (of_problem | arguments).items() for carrier in _with_nan(name, value)]
        origin = f"carried in by {', '.join(carriers)}" if carriers else "made by the model: no argument carries it"
        warn(f"attributions contain NaN, {origin}.")


def _warn_of_saturation(f: ModelFunction) -> None:
    """Warn of gradients that are zero because a softmax, a sigmoid or the like is saturated."""
    slopes = f.session.observed.slopes
    if slopes is not None and not slopes[f.examples].all():
        flat = f.examples[~slopes[f.examples]].tolist()
        warn(
            f"all gradients are zero for examples {flat}: the output has levelled off, as a softmax or a sigmoid of "
            "large numbers does. Hint: explain the logits, what it is made of."
        )


def _with_nan(name: str, value: Any) -> Iterator[str]:
    """The parts of an argument that hold NaN, as a reader writes them: `inputs[1] (examples [0])`."""
    if isinstance(value, tuple):
        for index, entry in enumerate(value):
            yield from _with_nan(f"{name}[{index}]" if len(value) > 1 else name, entry)
    elif isinstance(value, float) and math.isnan(value):
        yield name
    elif isinstance(value, Tensor) and is_floating(value) and value.isnan().any():
        examples = value.isnan().reshape(len(value), -1).any(1).nonzero().flatten().tolist() if value.ndim else []
        yield f"{name} (examples {examples})"
