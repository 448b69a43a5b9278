"""Classes of Captum of which released clients override the inside: it is called here, and not in `pellucid.attr`.

Each is pellucid's own, unless a subclass or an object has another inside.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from pellucid import attr, methods
from pellucid.attr._internals import OverriddenPart, refuse_what_is_not_called
from pellucid.attr.lime import PARTS
from pellucid.compat.private.baselines import _format_input_baseline
from pellucid.compat.private.batching import _batch_attribution
from pellucid.compat.private.tuples import _format_output
from pellucid.core.tensors import Tensors

T = TypeVar("T")


def as_in(function: T) -> Callable[[Callable[..., Any]], T]:
    """Have a function pass for another: with its signature, its types and its docstring."""
    return cast("Callable[[Callable[..., Any]], T]", functools.wraps(cast("Callable[..., Any]", function)))


def arguments_by_name(function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The arguments of a method's call, without the object: all of Captum's, and of ours those that are given."""
    signature = inspect.signature(function)
    bound = signature.bind(*args, **kwargs)
    given = {name for name in bound.arguments if name != "self"}
    bound.apply_defaults()
    captums = {
        name for name, parameter in signature.parameters.items() if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    }
    return {name: bound.arguments[name] for name in signature.parameters if name in given | captums - {"self"}}


class IntegratedGradients(attr.IntegratedGradients):
    """`pellucid.attr.IntegratedGradients`, which calls the `_attribute` of a subclass as Captum does."""

    FOLLOWED = ("_attribute",)

    @as_in(attr.IntegratedGradients.attribute)
    def attribute(self, *args: Any, **kwargs: Any) -> Any:
        """See `pellucid.attr.IntegratedGradients`."""
        if type(self)._attribute is IntegratedGradients._attribute:
            return super().attribute(*args, **kwargs)
        return self._follow(**arguments_by_name(attr.IntegratedGradients.attribute, self, *args, **kwargs))

    def _attribute(self, inputs: Tensors, baselines: Any, *args: Any, **kwargs: Any) -> Tensors:
        """The attributions, for a subclass that changes them."""
        return attr.IntegratedGradients.attribute(self, inputs, baselines, *args, **kwargs)

    def _follow(
        self,
        inputs: Tensor | Tensors,
        baselines: Any,
        *,
        internal_batch_size: int | None,
        return_convergence_delta: bool,
        **asked: Any,
    ) -> Any:
        """What a subclass's `_attribute` gives, in all steps at once or in some after others."""
        x, references = _format_input_baseline(inputs, baselines)
        if internal_batch_size is None:
            attributions = self._attribute(inputs=x, baselines=references, **asked)
        else:
            attributions = _batch_attribution(
                self, len(x[0]), internal_batch_size, inputs=x, baselines=references, **asked
            )
        shaped = _format_output(isinstance(inputs, tuple), attributions)
        if not return_convergence_delta:
            return shaped
        explained = {name: asked[name] for name in ("target", "additional_forward_args")}
        return shaped, self.compute_convergence_delta(attributions, references, x, **explained)


class Represented:
    """A surrogate whose representation is several tensors, shown to pellucid as the first of them: the coefficients.

    Args:
        surrogate: It.
    """

    def __init__(self, surrogate: Any) -> None:
        self._surrogate = surrogate

    def fit(self, samples: Any, **kwargs: Any) -> Any:
        """Fit it."""
        return self._surrogate.fit(samples, **kwargs)

    def representation(self) -> Tensor:
        """The coefficients."""
        self.whole: Tensor | Tensors = self._surrogate.representation()
        return self.whole[0] if isinstance(self.whole, tuple) else self.whole


class LimeBase(attr.LimeBase):
    """`pellucid.attr.LimeBase`, which returns a surrogate's representation if it is more than a tensor."""

    @as_in(attr.LimeBase.attribute)
    def attribute(self, *args: Any, **kwargs: Any) -> Any:
        """See `pellucid.attr.LimeBase`."""
        parts = {name: getattr(self, name) for name in PARTS}
        if not hasattr(parts["interpretable_model"], "representation"):
            return attr.LimeBase.attribute(self, *args, **kwargs)
        refuse_what_is_not_called(self)
        surrogate = Represented(parts["interpretable_model"])
        explainer = attr.LimeBase(self.forward_func, **{**parts, "interpretable_model": surrogate})
        attributions = explainer.attribute(*args, **kwargs)
        return surrogate.whole if isinstance(surrogate.whole, tuple) else attributions


class Lime(attr.Lime):
    """`pellucid.attr.Lime`, which calls the `_attribute_kwargs` of a subclass as Captum does."""

    FOLLOWED = ("_attribute_kwargs",)

    @as_in(attr.Lime.attribute)
    def attribute(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """See `pellucid.attr.Lime`."""
        if type(self)._attribute_kwargs is Lime._attribute_kwargs:
            return self._fit(*args, **kwargs)
        return self._attribute_kwargs(**arguments_by_name(attr.Lime.attribute, self, *args, **kwargs))

    def _attribute_kwargs(self, inputs: Tensor | Tensors, *args: Any, **kwargs: Any) -> Any:
        """The attributions, for a subclass that changes them."""
        return self._fit(inputs, *args, **kwargs)

    def _fit(self, *args: Any, **kwargs: Any) -> Any:
        """The attributions."""
        return attr.Lime.attribute(self, *args, **kwargs)

    def _convert_output_shape(
        self, formatted_inp: Tensors, feature_mask: Tensors, coefs: Any, num_interp_features: int, is_inputs_tuple: bool
    ) -> Tensor | Tensors:
        """The coefficients of features at the elements of the inputs, in float32 as in Captum."""
        values = torch.as_tensor(coefs, dtype=torch.float32).flatten()[:num_interp_features]
        spread = tuple(
            values.to(x.device)[mask.expand_as(x)] for x, mask in zip(formatted_inp, feature_mask, strict=True)
        )
        return _format_output(is_inputs_tuple, spread)


class FollowedPart(OverriddenPart[T]):
    """A part of an attribution that is there to be read, and in whose place another is followed."""

    def __get__(self, attribution: object, owner: type | None = None) -> T:
        return vars(attribution)[self._name] if self._name in vars(attribution) else self._of(attribution)

    def __set__(self, attribution: object, value: object) -> None:
        vars(attribution)[self._name] = value


class KernelShap(attr.KernelShap, Lime):
    """`pellucid.attr.KernelShap`, which is a `Lime` of its parts where one of them is set to another."""

    interpretable_model = FollowedPart(lambda self: methods.Lasso(alpha=0), "")
    similarity_func = FollowedPart(lambda self: self.kernel_shap_similarity_kernel, "")
    perturb_func = FollowedPart(lambda self: self.kernel_shap_perturb_generator, "")

    attribute = as_in(attr.KernelShap.attribute)(Lime.attribute)

    def _fit(self, *args: Any, **kwargs: Any) -> Any:
        parts = ("interpretable_model", "similarity_func", "perturb_func")
        if vars(self).keys().isdisjoint(parts):
            return attr.KernelShap.attribute(self, *args, **kwargs)
        refuse_what_is_not_called(self)
        explainer = attr.Lime(self.forward_func, **{name: getattr(self, name) for name in parts})
        return explainer.attribute(*args, **kwargs)


CLASSES: dict[str, type] = {cls.__name__: cls for cls in (IntegratedGradients, LimeBase, Lime, KernelShap)}
