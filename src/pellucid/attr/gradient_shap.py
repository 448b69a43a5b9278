"""Captum's names for expected gradients: of inputs, of layers and of neurons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch

from pellucid import methods
from pellucid.attr._facade import (
    Attributed,
    CompleteAttribution,
    GradientAttribution,
    LayerAttribution,
    MultipliedAttribution,
    MultipliedInternalAttribution,
    NeuronAttribution,
    TensorOrTensors,
    explained,
    resolved,
)
from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES
from pellucid.core.problem.target import TargetLike
from pellucid.core.random_streams import Seed


class GradientShap(MultipliedAttribution, CompleteAttribution):
    """Expected gradients over a distribution of baselines: [pellucid.methods.GradientShap][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        tolerance: float = 0.01,
        relative: bool = False,
        most_samples: int = MOST_SAMPLES,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The expected gradients of `target`, by `n_samples` draws of baseline, noise and point between."""
        return explained(
            self,
            methods.GradientShap(
                samples=n_samples,
                tolerance=tolerance,
                relative=relative,
                most_samples=most_samples,
                stdevs=stdevs,
                multiply_by_inputs=self._multiply_by_inputs,
                stderr=return_stderr,
                seed=seed,
                generator=generator,
            ),
            inputs,
            {
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "whole_batch": whole_batch,
                "create_graph": create_graph,
                "show_progress": show_progress,
                "return_stderr": return_stderr,
            },
            baselines=resolved(baselines, inputs),
            delta=return_convergence_delta,
        )


class LayerGradientShap(MultipliedInternalAttribution, LayerAttribution, CompleteAttribution):
    """Expected gradients at a layer: [pellucid.methods.GradientShap][], read there.

    Points lie between the inputs and the baselines; of token ids, which have no points between, at the layer.
    """

    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        tolerance: float = 0.01,
        relative: bool = False,
        most_samples: int = MOST_SAMPLES,
        replay: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The expected gradients of `target` there, by `n_samples` draws of baseline, noise and point between."""
        return explained(
            self,
            methods.GradientShap(
                samples=n_samples,
                tolerance=tolerance,
                relative=relative,
                most_samples=most_samples,
                stdevs=stdevs,
                multiply_by_inputs=self._multiply_by_inputs,
                stderr=return_stderr,
                seed=seed,
                generator=generator,
            ),
            inputs,
            {
                **self._sites(inputs, attribute_to_layer_input),
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "whole_batch": whole_batch,
                "create_graph": create_graph,
                "show_progress": show_progress,
                "return_stderr": return_stderr,
                "replay": replay,
            },
            baselines=resolved(baselines, inputs),
            delta=return_convergence_delta,
        )


class NeuronGradientShap(MultipliedInternalAttribution, NeuronAttribution, GradientAttribution):
    """Expected gradients of a neuron over a distribution of baselines: [pellucid.methods.GradientShap][] of it."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        neuron_selector: TargetLike,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: bool = False,
        tolerance: float = 0.01,
        relative: bool = False,
        most_samples: int = MOST_SAMPLES,
        early_exit: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The expected gradients of the selected neuron, by `n_samples` draws of baseline, noise and point between."""
        return explained(
            self,
            methods.GradientShap(
                samples=n_samples,
                tolerance=tolerance,
                relative=relative,
                most_samples=most_samples,
                stdevs=stdevs,
                multiply_by_inputs=self._multiply_by_inputs,
                stderr=return_stderr,
                seed=seed,
                generator=generator,
            ),
            inputs,
            {
                "target": self._neuron(neuron_selector, attribute_to_neuron_input),
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "whole_batch": whole_batch,
                "create_graph": create_graph,
                "show_progress": show_progress,
                "return_stderr": return_stderr,
                "early_exit": early_exit,
            },
            baselines=resolved(baselines, inputs),
        )
