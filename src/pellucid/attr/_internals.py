"""What programs written for Captum reach for inside its classes: what there is of it, and what they are told."""

from __future__ import annotations

import functools
import itertools
from collections import UserDict
from collections.abc import Callable, Hashable
from types import FunctionType
from typing import Any, Generic, TypeVar, cast

from pellucid.errors import NotSupported, not_to_be_overridden

T = TypeVar("T")

_HINT = "override attribute, and change what super().attribute takes or returns."
OF_RULES = "pellucid follows calls of torch, not modules; docs/rules.md says how, and how to write a rule."
_OF_LIME = "LimeBase has every part to choose; its functions can be functools.partial of what they need."
_OF_KERNEL_SHAP = "give Lime a similarity_func and a perturb_func."

NOT_CALLED: dict[str, tuple[str, str]] = {
    "IntegratedGradients": ("_attribute", _HINT),
    "LayerIntegratedGradients": ("_make_gradient_func", _HINT),
    "InternalInfluence": ("_attribute", _HINT),
    "LayerConductance": ("_attribute", _HINT),
    "NeuronConductance": ("_attribute", _HINT),
    "NoiseTunnel": (
        "_add_noise_to_input _add_noise_to_inputs _apply_checks_and_return_attributions _compute_partial_attribution "
        "_compute_smoothing _expand_partial _update_partial_attribution_and_delta _update_sum_attribution_and_sq",
        "override attribute, and average what the method inside says of inputs of your own.",
    ),
    "FeatureAblation": (
        "_attribute_progress_setup _attribute_with_cross_tensor_feature_masks "
        "_attribute_with_cross_tensor_feature_masks_future _construct_ablated_input_across_tensors "
        "_eval_fut_to_ablated_out_fut_cross_tensor _fut_tuple_to_accumulate_fut_list_cross_tensor "
        "_generate_async_result_cross_tensor _get_feature_idx_to_tensor_idx "
        "_initial_eval_to_processed_initial_eval_fut _process_ablated_out_full _should_skip_inputs_and_warn",
        _HINT,
    ),
    "Occlusion": ("_get_accumulated_shift_count_products _occlusion_mask", _HINT),
    "LayerFeatureAblation": ("attributor", _HINT),
    "LayerFeaturePermutation": ("attributor", _HINT),
    "ShapleyValueSampling": (
        "_construct_selected_mask _eval_fut_to_prev_results_tuple _get_n_evaluations "
        "_initial_eval_to_prev_results_tuple _perturbation_generator _prev_result_tuple_to_formatted_attr "
        "_set_prev_results_to_initial_eval _strict_run_forward _strict_run_forward_future _update_current_tensors "
        "permutation_generator",
        _HINT,
    ),
    "DataLoaderAttribution": ("_forward_with_dataloader", _HINT),
    "LimeBase": ("_evaluate_batch _get_perturb_generator_func", _HINT),
    "Lime": ("_attribute_kwargs _convert_output_shape", _OF_LIME),
    "KernelShap": ("kernel_shap_similarity_kernel kernel_shap_perturb_generator", _OF_KERNEL_SHAP),
    "DeepLift": (
        "_backward_hook _can_register_hook _construct_forward_func _forward_hook _forward_pre_hook "
        "_forward_pre_hook_ref _hook_main_model _is_non_linear _register_hooks _remove_hooks",
        OF_RULES,
    ),
    "DeepLiftShap": ("_compute_mean_across_baselines _expand_inputs_baselines_targets", _HINT),
    "GuidedBackprop": ("_backward_hook _register_hooks _remove_hooks", OF_RULES),
    "Deconvolution": ("_backward_hook _register_hooks _remove_hooks", OF_RULES),
    "LRP": (
        "_check_and_attach_rules _check_rules _clear_properties _compute_output_and_change_weights "
        "_forward_fn_wrapper _get_layers _original_state_dict _register_forward_hooks _register_pre_hooks "
        "_register_weight_hooks _remove_backward_hooks _remove_forward_hooks _remove_rules _restore_model "
        "_restore_state",
        OF_RULES,
    ),
    "LayerLRP": ("_convert_list_to_tuple _get_output_relevance _get_single_output_relevance", OF_RULES),
}
"""By class: what Captum calls inside it and pellucid does not, and what those can do who override it."""


def ours(cls: type) -> bool:
    """Whether a class is pellucid's own, and not a user's."""
    return cls.__module__.partition(".")[0] == "pellucid"


def our_base(attribution: object) -> type:
    """The class of ours that an object's class is, or is a subclass of."""
    return next(filter(ours, type(attribution).__mro__))


def overrides_attribute(cls: type) -> bool:
    """Whether a user's class has an `attribute` of its own, which may call its other methods by itself."""
    return not ours(next(base for base in cls.__mro__ if "attribute" in vars(base) or base is object))


def refuse_what_is_not_called(attribution: object) -> None:
    """Refuse an object whose class, or which itself, overrides what Captum calls and pellucid does not.

    Raises:
        NotSupported: It does.
    """
    for names, hint in _not_called(cast(Hashable, type(attribution))):
        not_to_be_overridden(attribution, names, hint)


@functools.lru_cache
def _not_called(cls: type) -> list[tuple[tuple[str, ...], str]]:
    """What objects of a class must not override either, and what to do instead."""
    known = [NOT_CALLED[base.__name__] for base in filter(ours, cls.__mro__) if base.__name__ in NOT_CALLED]
    followed = getattr(cls, "FOLLOWED", ())
    refused = [(tuple(name for name in names.split() if name not in followed), hint) for names, hint in known]
    for names, hint in refused:
        for base in itertools.filterfalse(ours, cls.__mro__[:-1]):
            not_to_be_overridden(base, names, hint)
    return refused


def plain_inside(function: FunctionType) -> None:
    """Have a function hold its own copy as `__wrapped__`, which subclasses written for Captum call."""
    copy = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(copy, function)
    copy.__dict__ = dict(vars(function))  # what is inside the function is inside the copy, which is not around it
    vars(function)["__wrapped__"] = copy


class Unread(UserDict[Any, Any]):
    """A table that Captum looks into and pellucid does not: it is empty, and who adds to it is told what to do instead.

    Args:
        name: What it is called.
        hint: What to do.
    """

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self._name, self._hint = name, hint

    def __setitem__(self, key: Any, item: Any) -> None:
        raise NotSupported(f"{self._name} would have no effect: pellucid does not look there. Hint: {self._hint}")


class OverriddenPart(Generic[T]):
    """A part of an attribution that is there to be read; who puts another in its place is told what to do instead.

    Args:
        of: Makes it, given the attribution.
        hint: What to do.
    """

    def __init__(self, of: Callable[[Any], T], hint: str) -> None:
        self._of, self._hint = of, hint

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, attribution: object, owner: type | None = None) -> T:
        return self._of(attribution)

    def __set__(self, attribution: object, value: object) -> None:
        raise NotSupported(f"{type(attribution).__name__}.{self._name} would have no effect. Hint: {self._hint}")
