"""Captum's names for expected gradients: of inputs, of layers and of neurons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

import torch
from torch import Tensor

from pellucid import methods
from pellucid.attr._bases import (
    Attributed,
    CompleteAttribution,
    GradientAttribution,
    Inputs,
    LayerAttribution,
    MultipliedAttribution,
    MultipliedInternalAttribution,
    NeuronAttribution,
    TensorOrTensors,
    layer_after_ids,
    resolved,
)
from pellucid.attr._calls import Conversion, calls
from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES
from pellucid.core.problem.target import TargetLike
from pellucid.core.random_streams import Seed

DISTRIBUTION: dict[str, Conversion] = {"baselines": resolved}


class GradientShap(MultipliedAttribution, CompleteAttribution):
    """Expected gradients over a distribution of baselines: [pellucid.methods.GradientShap][]."""

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        return_convergence_delta: Literal[True],
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> tuple[Inputs, Tensor]: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
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
        return_stderr: Literal[True],
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> tuple[Any, ...]: ...

    @calls(methods.GradientShap, convert=DISTRIBUTION)
    def attribute(
        self,
        inputs: Inputs,
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
        max_samples: int = MOST_SAMPLES,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The expected gradients of `target`, by `n_samples` draws of baseline, noise and point between."""


class LayerGradientShap(MultipliedInternalAttribution, LayerAttribution, CompleteAttribution):
    """Expected gradients at a layer: [pellucid.methods.GradientShap][], read there.

    Points lie between the inputs and the baselines; of token ids, which have no points between, at the layer.
    """

    @overload
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: Literal[False] = False,
        attribute_to_layer_input: bool = False,
        *,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        replay: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Attributed: ...

    @overload
    def attribute(
        self,
        inputs: TensorOrTensors,
        baselines: TensorOrTensors | Callable[..., TensorOrTensors],
        n_samples: int | Literal["auto"] = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        return_convergence_delta: Literal[True],
        attribute_to_layer_input: bool = False,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        show_progress: bool = False,
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        replay: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> tuple[Attributed, Tensor]: ...

    @overload
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
        return_stderr: Literal[True],
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        replay: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> tuple[Any, ...]: ...

    @calls(methods.GradientShap, layer=layer_after_ids, convert=DISTRIBUTION)
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
        max_samples: int = MOST_SAMPLES,
        replay: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The expected gradients of `target` there, by `n_samples` draws of baseline, noise and point between."""


class NeuronGradientShap(MultipliedInternalAttribution, NeuronAttribution, GradientAttribution):
    """Expected gradients of a neuron over a distribution of baselines: [pellucid.methods.GradientShap][] of it."""

    @overload
    def attribute(
        self,
        inputs: Inputs,
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
        return_stderr: Literal[False] = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        early_exit: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
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
        return_stderr: Literal[True],
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        early_exit: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> tuple[Inputs, Inputs | None]: ...

    @calls(methods.GradientShap, convert=DISTRIBUTION)
    def attribute(
        self,
        inputs: Inputs,
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
        max_samples: int = MOST_SAMPLES,
        early_exit: bool = True,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The expected gradients of the selected neuron, by `n_samples` draws of baseline, noise and point between."""
