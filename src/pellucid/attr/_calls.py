"""How the signatures of Captum's names become calls of methods."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast, final

from torch import Future

from pellucid.attr._bases import Attributed, Attribution, TensorOrTensors, compute_gradients
from pellucid.attr._data import PLAIN, Values, arranged, is_plain
from pellucid.attr._internals import refuse_what_is_not_called
from pellucid.attr._routes import Route, callers_names, read_from_object, values_for
from pellucid.core.evaluation.model_function import function_of
from pellucid.core.evaluation.observed import Observed
from pellucid.core.futures import then
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.problem import Options, Problem
from pellucid.core.problem.target_resolution import one_of
from pellucid.core.tensors import Tensors, describe
from pellucid.data import DATA_OPTIONS
from pellucid.errors import located, renamed

P = ParamSpec("P")
R = TypeVar("R")
Method: TypeAlias = "Callable[..., Attributions | Future[Attributions]]"
Conversion: TypeAlias = Callable[[Any, TensorOrTensors], Any]
"""What a method is given for an argument, a function of the argument and of the inputs."""
LayerRole: TypeAlias = Callable[[Any, TensorOrTensors, bool], dict[str, Any]]
"""What a layer is to a problem, a function of the object, the inputs, and whether what the layer takes is meant."""

CONVERSIONS: dict[str, Conversion] = {"return_input_shape": lambda value, inputs: not value}
"""What is done to arguments wherever they occur."""


@final
@dataclasses.dataclass(frozen=True)
class MethodCall:
    """A method, the problem it is called with besides model and inputs, and how its result is to be shown.

    Args:
        method: The method.
        problem: What the problem is given.
        options: Its options.
        arguments: What the method is called with.
        show_progress: Whether there is a progress bar.
        return_stderr: Whether standard errors are returned, None where there are none.
        keeps_single: Whether attributions are (B, 1, ...) for an output (B, 1), as Captum has them in some methods.
    """

    method: Method
    problem: Mapping[str, Any]
    options: Mapping[str, Any]
    arguments: Mapping[str, Any]
    show_progress: bool = False
    return_stderr: bool = False
    keeps_single: bool = False


def calls(
    method: type,
    *,
    layer: LayerRole | None = None,
    convert: Mapping[str, Conversion] = MappingProxyType({}),
    keywords: str | None = None,
    keeps_single: bool = False,
    **fixed: Any,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have an `attribute` that is a signature and a docstring call a method.

    Each parameter goes where its name, or what [RENAMED][] has for it, is a field of the method, an argument of the
    method's call, an argument of the [Problem][pellucid.methods.Problem] or one of its options. Fields that are no
    parameters are what the object holds of them, see [HELD][], or have their defaults.

    Args:
        method: The method's class.
        layer: What the layer is to the problem, where there is one.
        convert: What is done to arguments on their way, by name.
        keywords: The field that all other keyword arguments go to; without one they are dropped, as Captum drops them.
        keeps_single: Whether attributions are (B, 1, ...) for an output (B, 1).
        **fixed: Fields of the method that are the same in all calls.

    Raises:
        TypeError: A parameter has no destination, or several; told when the class is made.
    """
    conversions = CONVERSIONS | dict(convert)

    def decorate(signature: Callable[P, R]) -> Callable[P, R]:
        route = Route.between(signature, method, {*fixed, keywords or ""})
        converted = [name for name in route.names if name in conversions]
        takes_data = "data" in inspect.signature(signature).parameters
        known = {*route.names, *DATA_OPTIONS}

        def call_of(attribution: Any, values: dict[str, Any]) -> MethodCall:
            inputs = values["inputs"]
            for name in converted:
                values[name] = conversions[name](values[name], inputs)
            fields = values_for(route.fields, values) | fixed
            fields |= read_from_object(attribution, route.held)
            if keywords is not None:
                fields[keywords] = {name: value for name, value in values.items() if name not in route.names}
            of_input = values.get("attribute_to_layer_input", values.get("attribute_to_neuron_input", False))
            problem = values_for(route.problem, values)
            if "targets" in values:
                problem["target"] = one_of(values["target"], values["targets"])
            if layer is not None:
                problem |= layer(attribution, inputs, of_input)
            if route.selects_neuron:
                problem["target"] = attribution._neuron(values["neuron_selector"], of_input)
            return MethodCall(
                method(**fields),
                problem,
                values_for(route.options, values),
                values_for(route.arguments, values),
                show_progress=values.get("show_progress", False),
                return_stderr=values.get("return_stderr", False),
                keeps_single=keeps_single,
            )

        @functools.wraps(signature)
        def attribute(self: Any, *args: Any, **kwargs: Any) -> Any:
            signature(self, *args, **kwargs)  # which does nothing, and raises Python's own errors of arguments
            if not kwargs.keys() <= known and takes_data:
                unknown = min(kwargs.keys() - known)
                raise TypeError(f"{signature.__qualname__}() got an unexpected keyword argument {unknown!r}")
            return run_call(self, {**route.defaults, **dict(zip(route.names, args, strict=False)), **kwargs}, call_of)

        return cast("Callable[P, R]", attribute)

    return decorate


def run_call(attribution: Attribution, values: Values, call_of: Callable[[Any, Values], MethodCall]) -> Attributed:
    """Call a method as Captum's users do.

    Args:
        attribution: The object of Captum's class.
        values: The arguments of its `attribute`, and those of [DataOptions][pellucid.data.DataOptions].
        call_of: (the object, or a copy whose model takes tensors; arguments, with tensors as inputs) -> the call.

    Returns:
        Attributions as the inputs came, or as the layer has its tensors; where deltas or standard errors were asked
        for, a tuple of these.
    """
    name, caller, arrangement = type(attribution).__name__, attribution, PLAIN
    inputs = values["inputs"]
    try:
        refuse_what_is_not_called(attribution)
        if not is_plain(attribution, values):
            attribution, values, arrangement = arranged(attribution, values)
            inputs = values["inputs"]
        made = call_of(attribution, values)
        gradient_function = getattr(attribution, "gradient_func", compute_gradients)
        options = Options(
            gradient_function=None if gradient_function is compute_gradients else gradient_function,
            progress=f"{attribution.get_name()} attribution" if made.show_progress else None,
            reported_as=name,
            returns_futures=attribution._in_future,
            **{"internal_batch_size": attribution._rows_per_forward, **made.options, **arrangement.options},
        )
        f = function_of(Problem(attribution.forward_func, inputs, options=options, **made.problem))
        result = made.method(f, **made.arguments)
    except Exception as error:
        raise renamed(located(error, name, describe(inputs)), callers_names(caller)) from error.__cause__
    observed = f.session.observed if made.keeps_single and not f.evaluator.target.several else None
    restored = None if getattr(made.method, "per_feature", False) else arrangement.restored
    arrange = functools.partial(_arrange_result, inputs, observed, restored, return_stderr=made.return_stderr)
    return then(result, arrange) if isinstance(result, Future) else arrange(result)


def _arrange_result(
    inputs: TensorOrTensors,
    single: Observed | None,
    restored: Callable[..., Any] | None,
    result: Attributions,
    *,
    return_stderr: bool,
) -> Attributed:
    """Attributions, deltas where there are any, and standard errors where asked for: None where nobody can tell."""

    def arranged(values: Tensors, **kind: bool) -> Any:
        if single is not None and single.output_shape == (1,):
            values = tuple(attribution.unsqueeze(1) for attribution in values)
        if restored is not None:
            return restored(values, **kind)
        alone = result.structure is None and not isinstance(inputs, tuple) and len(values) == 1
        return values[0] if alone else result.arrange(values)

    results = [arranged(result.values)]
    results += [] if result.delta is None else [result.delta]
    if return_stderr:
        results.append(None if result.stderr is None else arranged(result.stderr, are_errors=True))
    return results[0] if len(results) == 1 else tuple(results)


def call_in_future(attribution: Attribution, *args: Any, **kwargs: Any) -> Future[Attributed]:
    """What `attribute` returns, as a future, of a `forward_func` that returns futures.

    All calls of it are made before the first answer is waited for; whoever completes the last answer computes the
    attributions.
    """
    in_future: Any = copy.copy(attribution)
    in_future._in_future = True
    future: Future[Attributed] = in_future.attribute(*args, **kwargs)
    return future


def future_of(attribute: Callable[..., Attributed]) -> Callable[..., Future[Attributed]]:
    """The `attribute_future` of a class, which takes what its `attribute` takes."""

    @functools.wraps(attribute)
    def attribute_future(self: Attribution, *args: Any, **kwargs: Any) -> Future[Attributed]:
        return call_in_future(self, *args, **kwargs)

    attribute_future.__name__ = "attribute_future"
    attribute_future.__doc__ = "The same as a future, of a `forward_func` that returns a `torch.futures.Future`."
    return attribute_future
