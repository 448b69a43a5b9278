"""The decorator of every method: a session is opened, errors get their context, NaN is traced."""

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
from pellucid.methods.calling.names import in_own_names
from pellucid.methods.calling.training import tell_of_training


class HasValues(Protocol):
    """What a method returns."""

    @property
    def values(self) -> Tensor | Tensors:
        """The numbers, which should not be NaN."""
        ...


P = ParamSpec("P")
T = TypeVar("T")
Method = TypeVar("Method")
Result = TypeVar("Result", bound=HasValues)


def attribution(
    call: Callable[Concatenate[Method, ModelFunction, P], Result | Awaiting[Result]],
) -> Callable[Concatenate[Method, Problem | ModelFunction, P], Result]:
    """Have a method be called with a problem, and evaluate its function.

    The call gets a session, or joins the one that is open; see
    [Session.run][pellucid.core.evaluation.session.Session.run]. What fails says where, and NaN among the values is
    warned of. A method that is a coroutine is run to its end; where the model answers with futures, a future is
    returned in place of the attributions.
    """
    asynchronous = inspect.iscoroutinefunction(call)
    waits = cast("Callable[Concatenate[Method, ModelFunction, P], Awaiting[Result]]", call)
    plain = cast("Callable[Concatenate[Method, ModelFunction, P], Result]", call)
    complete = to_completion(waits) if asynchronous else plain

    @functools.wraps(call)
    def attribute(method: Method, problem: Problem | ModelFunction, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        f = problem if isinstance(problem, ModelFunction) else _function(method, problem)
        session, outermost = f.session, f.session.is_outermost

        def finish(result: Result) -> Result:
            if outermost:
                tell_of_training(f)
                _warn_of_nan(result, f, {"baselines": args} | kwargs)
                _warn_of_saturation(f)
            return result

        fail = functools.partial(_located, type(method).__name__, f, args[0] if args else kwargs.get("baselines"))
        try:
            if not (asynchronous and f.problem.options.returns_futures):
                return finish(session.run(complete, method, f, *args, **kwargs))
            future = session.run(lambda: as_future(waits(method, f, *args, **kwargs), fail))
            return cast(Result, then(future, finish))
        except Exception as error:
            raise fail(error) from error.__cause__

    return attribute


def run_located(method: object, problem: Problem | ModelFunction, call: Callable[[ModelFunction], T]) -> T:
    """What a call returns that evaluates the function of a problem, in a session; what fails says where.

    Args:
        method: Whose call it is, for errors.
        problem: The problem, or its function.
        call: What to do.
    """
    f = problem if isinstance(problem, ModelFunction) else _function(method, problem)
    try:
        return f.session.run(call, f)
    except Exception as error:
        raise _located(type(method).__name__, f, None, error) from error.__cause__


def _function(method: object, problem: object) -> ModelFunction:
    """What a method evaluates that is called with a problem."""
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
    """An error with the method and the inputs it is of; one of ours in the names that the caller has used."""
    options, inputs = f.problem.options, describe(f.problem.inputs)
    name = options.reported_as or name
    if not isinstance(error, PellucidError):
        return located(error, name, f.session.observed.failed_on or inputs, hint(error, f))
    if isinstance(error, NotScalar) and type(baselines) is int and not error.located:
        error = NotScalar(f"{error} baselines is {baselines}: did you mean target={baselines}?")
    if options.reported_as is None and not error.located:
        error.args = (in_own_names(str(error)),)
    return located(error, name, inputs)


def _warn_of_nan(result: HasValues, f: ModelFunction, arguments: dict[str, Any]) -> None:
    """Trace NaN in a result to what carried it."""
    values = (result.values,) if isinstance(result.values, Tensor) else result.values
    if any(cmath.isnan(value.sum().item()) and value.isnan().any() for value in values):
        given = {"inputs": f.problem.inputs, "additional_forward_args": f.problem.additional_forward_args} | arguments
        carriers = [carrier for name, value in given.items() for carrier in _with_nan(name, value)]
        origin = f"carried in by {', '.join(carriers)}" if carriers else "made by the model: no argument carries it"
        warn(f"attributions contain NaN, {origin}.")


def _warn_of_saturation(f: ModelFunction) -> None:
    """Tell of gradients that are zero because a softmax, a sigmoid or their like has levelled off."""
    slopes = f.session.observed.slopes
    if slopes is not None and not slopes[f.examples].all():
        flat = f.examples[~slopes[f.examples]].tolist()
        warn(
            f"all gradients are zero for examples {flat}: the output has levelled off, as a softmax or a sigmoid of "
            "large numbers does. Hint: explain the logits, what it is made of."
        )


def _with_nan(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, tuple):
        for index, entry in enumerate(value):
            yield from _with_nan(f"{name}[{index}]" if len(value) > 1 else name, entry)
    elif isinstance(value, float) and math.isnan(value):
        yield name
    elif isinstance(value, Tensor) and is_floating(value) and value.isnan().any():
        examples = value.isnan().reshape(len(value), -1).any(1).nonzero().flatten().tolist() if value.ndim else []
        yield f"{name} (examples {examples})"
