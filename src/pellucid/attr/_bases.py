"""What all of Captum's classes share: base classes to subclass, and the way from their arguments to a method."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias, TypeVar

from torch import Tensor
from torch.nn import functional

from pellucid.attr._internals import ours, overrides_attribute, plain_inside, refuse_what_is_not_called
from pellucid.attr._routes import arguments_held_by, callers_names
from pellucid.core.evaluation.completeness import completeness_gap
from pellucid.core.evaluation.model_function import function_of
from pellucid.core.games.features import FeatureMask
from pellucid.core.model.inspection import has_embeddings
from pellucid.core.model.layers import CallLike, Layer, Site, SiteLike, module_label
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.problem import GradientFunction, Options, Problem
from pellucid.core.problem.target import Neuron, TargetLike
from pellucid.core.summaries import summary_of_call
from pellucid.core.tensors import Tensors, as_tensor_tuple, describe, is_floating, times
from pellucid.errors import InvalidArgument, NotSupported, located, renamed
from pellucid.methods.calling.attribution import run_located

T = TypeVar("T")
TensorOrTensors: TypeAlias = Tensor | Tensors
Inputs = TypeVar("Inputs")
"""A tensor, a tuple of tensors, or a structure of whatever a model takes, as which attributions of inputs come back."""
Data: TypeAlias = Any
"""The same, of a method whose attributions lie in another structure: that of a layer."""
Attributed: TypeAlias = Any
"""Attributions at a layer, as it has its tensors: one, or tuples, lists and dicts of them, which only a run tells."""


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

    def __repr__(self) -> str:
        model: Any = getattr(self, "forward_func", None)  # which subclasses need not have
        return summary_of_call(type(self).__name__, arguments_held_by(self), partial(module_label, model=model))

    _in_future = False
    _rows_per_forward: int | None = None  # where no argument says it

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
            return run_located(self, problem, lambda f: completeness_gap(f, values, f.baselines(start_point)))
        except Exception as error:
            names = callers_names(self) | {"baselines": "start_point", "inputs": "end_point"}
            raise renamed(located(error, type(self).__name__, describe(end_point)), names) from error.__cause__


class CompleteAttribution(GradientAttribution):
    """The base of classes whose attributions add up to the change of the output, but for a delta."""

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` can return convergence deltas."""
        return True


class MultipliedAttribution(Attribution):
    """The base of classes that end with a factor of x - x', where `multiply_by_inputs`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        multiply_by_inputs: Whether to multiply by x - x', or by the inputs (global attribution), or not (local).
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
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: SiteLike,
        device_ids: list[int] | None = None,
        *,
        call: CallLike = None,
    ) -> None:
        super().__init__(forward_func)
        self.layer = layer
        self.device_ids = device_ids
        self.call = call

    def _layer(self, of_input: bool) -> Layer | Site:
        """What the layer takes or returns."""
        if isinstance(self.layer, Layer | Site):
            return dataclasses.replace(self.layer, side="input") if of_input else self.layer
        return Layer(self.layer, "input" if of_input else "output", self.call)

    def _neuron(self, selector: TargetLike, of_input: bool) -> Neuron:
        """A neuron of what the layer takes or returns, in one of its calls."""
        return Neuron(self._layer(of_input), selector)


def layer_as_source(attribution: Any, inputs: TensorOrTensors, of_input: bool) -> dict[str, Layer | Site]:
    """Points are fed at the layer."""
    return {"source": attribution._layer(of_input)}


def layer_of_gradients(attribution: Any, inputs: TensorOrTensors, of_input: bool) -> dict[str, Layer | Site]:
    """Points are fed at the inputs, and gradients taken at the layer."""
    return {"gradient_at": attribution._layer(of_input)}


def layer_after_ids(attribution: Any, inputs: TensorOrTensors, of_input: bool) -> dict[str, Layer | Site]:
    """Points are fed at the inputs; at the layer where any input is ids, which have no points between them."""
    return {"source" if _embeds(attribution, inputs, any) else "gradient_at": attribution._layer(of_input)}


def layer_after_ids_alone(attribution: Any, inputs: TensorOrTensors, of_input: bool) -> dict[str, Layer | Site]:
    """The same where only two ends are fed: at the layer where all inputs are ids, as some may stand beside floats."""
    return {"source" if _embeds(attribution, inputs, all) else "gradient_at": attribution._layer(of_input)}


def _embeds(attribution: Any, inputs: TensorOrTensors, quantifier: Callable[[Iterable[bool]], bool]) -> bool:
    """Whether any, or all, of the inputs are ids, in a model that embeds them."""
    tensors = as_tensor_tuple(inputs, "inputs")
    return quantifier(not is_floating(tensor) for tensor in tensors) and has_embeddings(attribution.forward_func)


class MultipliedInternalAttribution(InternalAttribution):
    """The same for classes that look into a model.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum.
        multiply_by_inputs: Whether to multiply by y - y', or by the activations y (global attribution), or not (local).
        call: Which of the layer's calls in a forward; see [CallLike][pellucid.methods.CallLike].
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: SiteLike,
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


def value_or_default(value: T | None, default: T) -> T:
    """What is given, or the default."""
    return default if value is None else value


def masks_of_examples(feature_mask: FeatureMask, inputs: TensorOrTensors) -> FeatureMask:
    """Masks as Captum's surrogates take them: (B, height, width) is one for each of B images, not for each channel."""

    def mask_of(mask: Any, x: Any) -> Any:
        lacks = isinstance(mask, Tensor) and isinstance(x, Tensor) and 1 < mask.ndim < x.ndim
        if not lacks or not len(mask) == len(x) > 1:
            return mask
        return mask.view(len(mask), *[1] * (x.ndim - mask.ndim), *mask.shape[1:])

    masks = feature_mask if isinstance(feature_mask, tuple) else (feature_mask,)
    tensors = inputs if isinstance(inputs, tuple) else (inputs,)
    if feature_mask is None or len(masks) != len(tensors):
        return feature_mask
    return tuple(map(mask_of, masks, tensors))


def multiply_if(gradients: Tensors, activations: Tensors, really: bool) -> Tensors:
    """Gradients times activations, or the gradients alone."""
    return times(gradients, activations) if really else gradients
