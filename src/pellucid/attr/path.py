"""Captum's names for the methods that follow a path from a baseline to the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pellucid import methods
from pellucid.attr._facade import Attributed, GradientAttribution, TensorOrTensors, explained, resolved
from pellucid.core.pathway import Baselines
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
