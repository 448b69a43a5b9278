"""What all of Captum's classes share: base classes to subclass, and the way from their arguments to a method."""

from __future__ import annotations

import copy
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, final

import numpy as np
from torch import Future, Tensor, nn
from torch.nn import functional

from pellucid.attr._internals import ours, overrides_attribute, plain_inside, refuse_what_is_not_called
from pellucid.core.evaluation.completeness import completeness_gap
from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.evaluation.observed import Observed
from pellucid.core.futures import then
from pellucid.core.model.inspection import has_embeddings
from pellucid.core.model.layers import CallLike, Layer
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.problem import GradientFunction, Options, Problem
from pellucid.core.problem.target import Neuron, TargetLike
from pellucid.core.pytree import TensorTree
from pellucid.core.random_streams import Seed, restoring_numpy_state_on_error, stream_seeds
from pellucid.core.tensors import Tensors, as_tensor_tuple, describe, is_floating, times
from pellucid.errors import InvalidArgument, NotFound, NotSupported, located
from pellucid.methods.calling.attribution import run_located

T = TypeVar("T")
TensorOrTensors: TypeAlias = Tensor | Tensors
Attributed: TypeAlias = Any
"""Attributions as the inputs came, a tensor or a tuple of tensors, or as the layer has its tensors; with
`return_convergence_delta`, and the deltas."""


def compute_gradients(
    forward_fn: Callable[..., Any],
    inputs: TensorOrTensors,
    target_ind: TargetLike = None,
    additional_forward_args: Any = None,
) -> Tensors:
    """The gradients of a model's target at its inputs: the default `gradient_func`.

    Args:
        forward_fn: Any callable of tensors.
        inputs: One tensor or a tuple of tensors, examples first.
        target_ind: See [TargetLike][pellucid.methods.TargetLike].
        additional_forward_args: What the model takes after the inputs.

    Returns:
        A tuple of gradients of the shapes of the inputs.
    """
    f = function_of(Problem(forward_fn, inputs, target=target_ind, additional_forward_args=additional_forward_args))
    return f.gradient(f.points).grad


_WRAPPED = {"attribute", "attribute_future", "compute_convergence_delta"}
"""What a subclass may ask for `__wrapped__`."""


class Attribution:
    """The base of all attribution classes.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
    """

    def __init__(self, forward_func: Callable[..., Any]) -> None:
        if not overrides_attribute(type(self)):
            refuse_what_is_not_called(self)
        self.forward_func = forward_func

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in _WRAPPED & vars(cls).keys() if ours(cls) else ():
            plain_inside(vars(cls)[name])

    _in_future = False

    def attribute_future(self, *args: Any, **kwargs: Any) -> Any:
        """Attributions as a future, of a model that returns one; only some methods have it."""
        raise NotSupported(f"{type(self).__name__} has no attribute_future. Hint: call attribute instead.")

    @classmethod
    def get_name(cls) -> str:
        """The class's name in words, `Integrated Gradients`."""
        return re.sub(r"(?<!^)(?=[^a-z])", " ", cls.__name__)

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` can return convergence deltas."""
        return False

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return False


class GradientAttribution(Attribution):
    """The base of attribution classes that take gradients.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
    """

    def __init__(self, forward_func: Callable[..., Any]) -> None:
        super().__init__(forward_func)
        self.gradient_func: GradientFunction = compute_gradients

    def compute_convergence_delta(
        self,
        attributions: TensorOrTensors,
        start_point: Baselines,
        end_point: TensorOrTensors,
        target: TargetLike = None,
        additional_forward_args: Any = None,
    ) -> Tensor:
        """How far attributions are from adding up to the change of the output: sum(a) - (F(end) - F(start)).

        Args:
            attributions: Attributions of each example.
            start_point: Where attribution started; see [Baselines][pellucid.methods.Baselines].
            end_point: The inputs.
            target: See [TargetLike][pellucid.methods.TargetLike].
            additional_forward_args: What the model takes after the inputs.

        Returns:
            One delta per example, (B,).
        """
        try:
            problem = Problem(
                self.forward_func,
                end_point,
                target=target,
                additional_forward_args=additional_forward_args,
                options=Options(reported_as=type(self).__name__),
            )
            values = as_tensor_tuple(attributions, "attributions")
            if values[0].shape[0] != problem.batch_size:
                raise InvalidArgument(
                    "attributions must have as many examples as end_point: "
                    f"expected {problem.batch_size}, got {values[0].shape[0]}."
                )
        except Exception as error:
            raise located(error, type(self).__name__, describe(end_point)) from error.__cause__
        return run_located(self, problem, lambda f: completeness_gap(f, values, f.baselines(start_point)))


class CompleteAttribution(GradientAttribution):
    """The base of classes whose attributions add up to the change of the output, but for a delta."""

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` can return convergence deltas."""
        return True


class MultipliedAttribution(Attribution):
    """The base of classes that end with a factor of x - x', where `multiply_by_inputs`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        multiply_by_inputs: Whether that factor is there.
    """

    def __init__(self, forward_func: Callable[..., Any], multiply_by_inputs: bool = True) -> None:
        super().__init__(forward_func)
        self._multiply_by_inputs = multiply_by_inputs

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs, or activations, themselves are a factor of the attributions."""
        return self._multiply_by_inputs


class PerturbationAttribution(Attribution):
    """The base of attribution classes that perturb inputs."""

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return True


class InternalAttribution(Attribution):
    """The base of attribution classes that look into a model.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, or a list of these.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        *,
        call: CallLike = None,
    ) -> None:
        super().__init__(forward_func)
        self.layer = layer
        self.device_ids = device_ids
        self.call = call

    def _layer(self, of_input: bool) -> Layer:
        """What the layer takes or returns."""
        return Layer(self.layer, "input" if of_input else "output", self.call)

    def _neuron(self, selector: TargetLike, of_input: bool) -> Neuron:
        """A neuron of what the layer takes or returns, in one of its calls."""
        return Neuron(self._layer(of_input), selector)

    def _sites(self, inputs: TensorOrTensors, of_input: bool, *, between: bool = True) -> dict[str, Layer]:
        """Where points are fed: at the inputs; at the layer where there are ids, which have no points between them.

        Args:
            inputs: The inputs.
            of_input: Whether what the layer takes is meant.
            between: Whether there are points between inputs and baselines; of those alone, ids may stand beside floats.
        """
        ids = [not is_floating(each) for each in as_tensor_tuple(inputs, "inputs")]
        feeds = (any(ids) if between else all(ids)) and has_embeddings(self.forward_func)
        return {"source" if feeds else "gradient_at": self._layer(of_input)}


class MultipliedInternalAttribution(InternalAttribution):
    """The same for classes that look into a model.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, or a list of these.
        device_ids: As in Captum.
        multiply_by_inputs: Whether the factor is there.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        multiply_by_inputs: bool = True,
        *,
        call: CallLike = None,
    ) -> None:
        super().__init__(forward_func, layer, device_ids, call=call)
        self._multiply_by_inputs = multiply_by_inputs

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs, or activations, themselves are a factor of the attributions."""
        return self._multiply_by_inputs


class LayerAttribution(InternalAttribution):
    """The base of attribution classes that attribute to a layer."""

    @staticmethod
    def interpolate(
        layer_attribution: Tensor, interpolate_dims: int | tuple[int, ...], interpolate_mode: str = "nearest"
    ) -> Tensor:
        """Attributions of a layer, resized to the spatial dimensions of the inputs.

        Args:
            layer_attribution: Attributions (B, C, ...) of one to three spatial dimensions.
            interpolate_dims: The sizes wanted, one for all dimensions or one for each.
            interpolate_mode: As in `torch.nn.functional.interpolate`.

        Returns:
            Attributions (B, C, *interpolate_dims).
        """
        return functional.interpolate(layer_attribution, interpolate_dims, mode=interpolate_mode)


class NeuronAttribution(InternalAttribution):
    """The base of attribution classes that explain a neuron."""


def later(attribution: Attribution, *args: Any, **kwargs: Any) -> Future[Attributed]:
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
        return later(self, *args, **kwargs)

    attribute_future.__name__ = "attribute_future"
    attribute_future.__doc__ = "The same as a future, of a `forward_func` that returns a `torch.futures.Future`."
    return attribute_future


def explained(
    attribution: Attribution,
    method: Callable[..., Attributions | Future[Attributions]],
    inputs: TensorOrTensors,
    problem: dict[str, Any],
    /,
    **arguments: Any,
) -> Attributed:
    """Call a method as Captum's users do.

    Args:
        attribution: The facade's object.
        method: The method.
        inputs: One tensor or a tuple of tensors, examples first.
        problem: What a [Problem][pellucid.methods.Problem] and its options take besides model and inputs, and
            whether to `show_progress`, to `return_stderr`, and to attribute (B, 1, ...) for an output (B, 1):
            `keeps_single`.
        **arguments: What the method takes besides the problem.

    Returns:
        Attributions as the inputs came, a tensor or a tuple, or as the layer has its tensors; where deltas or standard
        errors were asked for, a tuple of these.
    """
    return_stderr, keeps_single = problem.pop("return_stderr", False), problem.pop("keeps_single", False)
    show_progress = problem.pop("show_progress", False)
    try:
        refuse_what_is_not_called(attribution)
        own = getattr(attribution, "gradient_func", compute_gradients)
        options = Options(
            gradient_function=None if own is compute_gradients else own,
            progress=f"{attribution.get_name()} attribution" if show_progress else None,
            reported_as=type(attribution).__name__,
            returns_futures=attribution._in_future,
            **{name: problem.pop(name) for name in _OPTIONS if name in problem},
        )
        f = function_of(Problem(attribution.forward_func, inputs, options=options, **problem))
        result = method(f, **arguments)
    except Exception as error:
        raise located(error, type(attribution).__name__, describe(inputs)) from error.__cause__
    observed = f.session.observed if keeps_single else None
    as_given = functools.partial(_as_given, inputs, observed, return_stderr=return_stderr)
    return then(result, as_given) if isinstance(result, Future) else as_given(result)


_OPTIONS = (
    "create_graph",
    "early_exit",
    "grad_kwargs",
    "internal_batch_size",
    "perturbations_per_eval",
    "replay",
    "whole_batch",
)
"""Which of a user's arguments are options of the problem."""


def _as_given(
    inputs: TensorOrTensors, single: Observed | None, result: Attributions, *, return_stderr: bool
) -> Attributed:
    """Attributions, deltas where there are any, and standard errors where asked for: None where nobody can tell."""

    def arranged(values: Tensors) -> Any:
        if single is not None and single.output == (1,):
            values = tuple(each.unsqueeze(1) for each in values)
        alone = result.structure is None and not isinstance(inputs, tuple) and len(values) == 1
        return values[0] if alone else result.arrange(values)

    found = [arranged(result.values)]
    found += [] if result.delta is None else [result.delta]
    if return_stderr:
        found.append(None if result.stderr is None else arranged(result.stderr))
    return found[0] if len(found) == 1 else tuple(found)


def chosen(value: T | None, default: T) -> T:
    """What is given, or the default."""
    return default if value is None else value


def resolved(baselines: TensorOrTensors | Callable[..., TensorOrTensors], inputs: TensorOrTensors) -> TensorOrTensors:
    """A distribution of baselines: as given, or what a function of nothing or of the inputs returns."""
    if not callable(baselines) or isinstance(baselines, Tensor):
        return baselines
    return baselines(inputs) if inspect.signature(baselines).parameters else baselines()


def method_inside(attribution: Any) -> Any:
    """The object that a NoiseTunnel averages.

    Raises:
        NotFound: It holds no model: it is one itself, or a class.
    """
    if not hasattr(attribution, "forward_func"):
        found = f"the class {attribution.__name__}" if isinstance(attribution, type) else type(attribution).__name__
        raise NotFound(
            f"attribution_method must attribute to a model: got {found}. Hint: NoiseTunnel(Saliency(model))."
        )
    return attribution


def multiplied(gradients: Tensors, activations: Tensors, really: bool) -> Tensors:
    """Gradients times activations, or the gradients alone."""
    return times(gradients, activations) if really else gradients


@final
@dataclass(frozen=True)
class Inside:
    """Any object with an `attribute` of its own, ours or a user's, as a method.

    Args:
        attribution: The object.
        tuples: Whether it is given its inputs as a tuple.
    """

    attribution: Any
    tuples: bool

    def __call__(self, f: ModelFunction, **kwargs: Any) -> Attributions:
        """What `attribute` says of the points of the pathway, with those of `kwargs` that follow rows picked."""
        following = {name: f.session.pick(kwargs[name], f.examples) for name in _FOLLOWING if name in kwargs}
        if "target" in kwargs:
            following["target"] = f.evaluator.target.argument(f.examples)
        inputs = f.x if self.tuples else f.x[0]
        with nullcontext() if ours(type(self.attribution)) else restoring_numpy_state_on_error():
            found = self.attribution.attribute(inputs, **(self._seeds(f) | kwargs | following))
        found, delta = found if kwargs.get("return_convergence_delta") else (found, None)
        values, structure = TensorTree.of(found)
        return Attributions(values, delta, structure=structure)

    def _seeds(self, f: ModelFunction) -> dict[str, Any]:
        """A seed of its own for each copy, for an `attribute` that takes them; one for all where they share draws."""
        seed = f.seed
        if seed is None:
            return {}
        takes = inspect.signature(self.attribution.attribute).parameters.get("seed")
        if takes is None or takes.annotation not in ("Seed", Seed):
            return {} if takes is None else {"seed": seed}
        keys = stream_seeds(seed, f.ids.tolist(), f.problem.batch_size)
        states = (np.random.SeedSequence(key).generate_state(1, np.uint64) for key in keys)
        return {"seed": [int(state[0]) for state in states]}


_FOLLOWING = ("additional_forward_args", "baselines", "feature_mask")
