"""Captum's names for the methods that take features away: of inputs, of layers and of neurons."""

from __future__ import annotations

from typing import Any

import torch
from torch import Future

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    Attribution,
    Inputs,
    LayerAttribution,
    NeuronAttribution,
    PerturbationAttribution,
    TensorOrTensors,
    layer_as_source,
)
from pellucid.attr._calls import calls, future_of, later
from pellucid.attr._internals import OverriddenPart
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.windows import Strides, WindowShapes
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike
from pellucid.methods.perturbation.permutation import Permutation


class FeatureAblation(PerturbationAttribution):
    """How much the output falls without each feature: [pellucid.methods.FeatureAblation][]."""

    @calls(methods.FeatureAblation)
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        whole_batch: bool | None = None,
        **kwargs: Any,
    ) -> Inputs:
        """The effects of replacing each feature by its baseline; Captum, too, takes other `kwargs` and drops them."""

    attribute_future = future_of(attribute)


class Occlusion(FeatureAblation):
    """How much the output falls without each window: [pellucid.methods.Occlusion][]."""

    @calls(methods.Occlusion)
    def attribute(  # type: ignore[override]  # as in Captum, the window comes second
        self,
        inputs: Inputs,
        sliding_window_shapes: WindowShapes,
        strides: Strides = None,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        whole_batch: bool | None = None,
    ) -> Inputs:
        """The mean effects of the windows over each element."""

    attribute_future = Attribution.attribute_future


class FeaturePermutation(FeatureAblation):
    """How much the output falls with each feature exchanged: [pellucid.methods.FeaturePermutation][]."""

    def __init__(self, forward_func: Any, perm_func: Permutation | None = None) -> None:
        super().__init__(forward_func)
        self.perm_func = perm_func

    @calls(methods.FeaturePermutation)
    def attribute(  # type: ignore[override]  # as in Captum, there are no baselines
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **kwargs: Any,
    ) -> Inputs:
        """The effects of permuting each feature; Captum, too, takes other `kwargs` and drops them."""

    attribute_future = future_of(attribute)


class LayerFeatureAblation(LayerAttribution, PerturbationAttribution):
    """How much the output falls without each feature of a layer: [pellucid.methods.FeatureAblation][] from there."""

    attributor = OverriddenPart(lambda self: FeatureAblation, "override attribute.")

    @calls(methods.FeatureAblation, layer=layer_as_source)
    def attribute(
        self,
        inputs: TensorOrTensors,
        layer_baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        layer_mask: FeatureMask = None,
        attribute_to_layer_input: bool = False,
        perturbations_per_eval: int | None = None,
        *,
        show_progress: bool = False,
        replay: bool = True,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The effects of replacing each feature of the layer by its baseline."""


class LayerFeaturePermutation(LayerAttribution, FeaturePermutation):
    """How much the output falls with each feature of a layer exchanged: [pellucid.methods.FeaturePermutation][]."""

    perm_func = None
    attributor = OverriddenPart(lambda self: FeaturePermutation, "override attribute.")

    @calls(methods.FeaturePermutation, layer=layer_as_source)
    def attribute(  # type: ignore[override]  # as in Captum, the mask has another name
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        layer_mask: FeatureMask = None,
        perturbations_per_eval: int | None = None,
        *,
        show_progress: bool = False,
        replay: bool = True,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The effects of permuting each feature of the layer."""

    def attribute_future(
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        **kwargs: Any,
    ) -> Future[Attributed]:
        """The same as a future; as in Captum, the mask has the inputs' name here, but it is the layer's."""
        return later(
            self,
            inputs,
            target,
            additional_forward_args,
            feature_mask,
            perturbations_per_eval,
            show_progress=show_progress,
        )


class NeuronFeatureAblation(NeuronAttribution, PerturbationAttribution):
    """How much a neuron falls without each feature: [pellucid.methods.FeatureAblation][] of it."""

    @calls(methods.FeatureAblation)
    def attribute(
        self,
        inputs: Inputs,
        neuron_selector: TargetLike,
        baselines: Baselines = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        attribute_to_neuron_input: bool = False,
        perturbations_per_eval: int | None = None,
        *,
        show_progress: bool = False,
        early_exit: bool = True,
        whole_batch: bool | None = None,
    ) -> Inputs:
        """The effects of replacing each feature by its baseline on the selected neuron."""
