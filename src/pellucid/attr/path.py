"""Captum's names for the methods that follow a path from a baseline to the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from pellucid import methods
from pellucid.attr._facade import (
    Attributed,
    GradientAttribution,
    LayerAttribution,
    NeuronAttribution,
    TensorOrTensors,
    explained,
    resolved,
)
from pellucid.core.baselines import Baselines
from pellucid.core.quadrature import Quadrature
from pellucid.core.randomness import Seed
from pellucid.core.sink import TargetLike


class _PathAttribution(GradientAttribution):
    """The base of methods that end with a factor of x - x', where `multiply_by_inputs`."""

    def __init__(self, forward_func: Callable[..., Any], multiply_by_inputs: bool = True) -> None:
        super().__init__(forward_func)
        self._multiply_by_inputs = multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` can return convergence deltas."""
        return True

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return self._multiply_by_inputs


class IntegratedGradients(_PathAttribution):
    """Gradients integrated from baseline to input: [pellucid.methods.IntegratedGradients][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The integrated gradients of `target`, by `n_steps` points of the quadrature `method`."""
        return explained(
            self,
            methods.IntegratedGradients(steps=n_steps, rule=method, multiply_by_inputs=self._multiply_by_inputs),
            inputs,
            {
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
            baselines=baselines,
            delta=return_convergence_delta,
        )


class GradientShap(_PathAttribution):
    """Expected gradients over a distribution of baselines: [pellucid.methods.GradientShap][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        seed: Seed = None,
        generator: torch.Generator | None = None,
    ) -> Attributed:
        """The expected gradients of `target`, by `n_samples` draws of baseline, noise and point between."""
        return explained(
            self,
            methods.GradientShap(
                samples=n_samples,
                stdevs=stdevs,
                multiply_by_inputs=self._multiply_by_inputs,
                stderr=False,
                seed=seed,
                generator=generator,
            ),
            inputs,
            {
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
            baselines=resolved(baselines, inputs),
            delta=return_convergence_delta,
        )


class LayerIntegratedGradients(LayerAttribution, GradientAttribution):
    """Gradients integrated from baseline to input at a layer: [pellucid.methods.IntegratedGradients][] from there."""

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        multiply_by_inputs: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self._multiply_by_inputs = multiply_by_inputs

    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The integrated gradients of `target` between what the layer says of `baselines` and of `inputs`."""
        return explained(
            self,
            methods.IntegratedGradients(steps=n_steps, rule=method, multiply_by_inputs=self._multiply_by_inputs),
            inputs,
            {
                "source": self._layer(attribute_to_layer_input),
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "grad_kwargs": grad_kwargs,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
            baselines=baselines,
            delta=return_convergence_delta,
        )

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` can return convergence deltas."""
        return True

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the activations themselves are a factor of the attributions."""
        return self._multiply_by_inputs


class LayerGradientShap(LayerAttribution, GradientAttribution):
    """Expected gradients at a layer: [pellucid.methods.GradientShap][], read there.

    Points lie between the inputs and the baselines; of token ids, which have no points between, at the layer.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        multiply_by_inputs: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self._multiply_by_inputs = multiply_by_inputs

    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        seed: Seed = None,
        generator: torch.Generator | None = None,
    ) -> Attributed:
        """The expected gradients of `target` there, by `n_samples` draws of baseline, noise and point between."""
        return explained(
            self,
            methods.GradientShap(
                samples=n_samples,
                stdevs=stdevs,
                multiply_by_inputs=self._multiply_by_inputs,
                stderr=False,
                seed=seed,
                generator=generator,
            ),
            inputs,
            {
                **self._sites(inputs, attribute_to_layer_input),
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
            baselines=resolved(baselines, inputs),
            delta=return_convergence_delta,
        )

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` can return convergence deltas."""
        return True

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the activations themselves are a factor of the attributions."""
        return self._multiply_by_inputs


class InternalInfluence(LayerAttribution, GradientAttribution):
    """The mean gradient at a layer between baseline and input: [pellucid.methods.InternalInfluence][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        attribute_to_layer_input: bool = False,
        grad_kwargs: dict[str, Any] | None = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The mean gradients of `target` at the layer, by `n_steps` points of the quadrature `method`."""
        return explained(
            self,
            methods.InternalInfluence(steps=n_steps, rule=method),
            inputs,
            {
                "read": self._layer(attribute_to_layer_input),
                "target": target,
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "grad_kwargs": grad_kwargs,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
            baselines=baselines,
        )


class NeuronIntegratedGradients(NeuronAttribution, GradientAttribution):
    """Gradients of a neuron integrated from baseline to input: [pellucid.methods.IntegratedGradients][] of it."""

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        multiply_by_inputs: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self._multiply_by_inputs = multiply_by_inputs

    def attribute(
        self,
        inputs: TensorOrTensors,
        neuron_selector: TargetLike,
        baselines: Baselines = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Quadrature = "gausslegendre",
        internal_batch_size: int | None = None,
        attribute_to_neuron_input: bool = False,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
    ) -> Attributed:
        """The integrated gradients of the selected neuron, by `n_steps` points of the quadrature `method`."""
        return explained(
            self,
            methods.IntegratedGradients(steps=n_steps, rule=method, multiply_by_inputs=self._multiply_by_inputs),
            inputs,
            {
                "sink": self._neuron(neuron_selector, attribute_to_neuron_input),
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "create_graph": create_graph,
                "show_progress": show_progress,
                "early_exit": early_exit,
            },
            baselines=baselines,
        )

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return self._multiply_by_inputs


class NeuronGradientShap(NeuronAttribution, GradientAttribution):
    """Expected gradients of a neuron over a distribution of baselines: [pellucid.methods.GradientShap][] of it."""

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
        multiply_by_inputs: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self._multiply_by_inputs = multiply_by_inputs

    def attribute(
        self,
        inputs: TensorOrTensors,
        neuron_selector: TargetLike,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        early_exit: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
    ) -> Attributed:
        """The expected gradients of the selected neuron, by `n_samples` draws of baseline, noise and point between."""
        return explained(
            self,
            methods.GradientShap(
                samples=n_samples,
                stdevs=stdevs,
                multiply_by_inputs=self._multiply_by_inputs,
                stderr=False,
                seed=seed,
                generator=generator,
            ),
            inputs,
            {
                "sink": self._neuron(neuron_selector, attribute_to_neuron_input),
                "additional_forward_args": additional_forward_args,
                "internal_batch_size": internal_batch_size,
                "create_graph": create_graph,
                "show_progress": show_progress,
                "early_exit": early_exit,
            },
            baselines=resolved(baselines, inputs),
        )

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return self._multiply_by_inputs
