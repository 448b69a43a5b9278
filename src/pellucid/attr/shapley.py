"""Captum's names for Shapley values."""

from __future__ import annotations

from typing import Any, Literal, overload

import torch
from torch import Future

from pellucid import methods
from pellucid.attr._bases import Attributed, Inputs, PerturbationAttribution, TensorOrTensors
from pellucid.attr._calls import calls, future_of, later
from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES
from pellucid.core.games.features import FeatureMask
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike


class ShapleyValueSampling(PerturbationAttribution):
    """Shapley values by sampled orders: [pellucid.methods.ShapleyValueSampling][]."""

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int | Literal["auto"] = 25,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        return_stderr: Literal[False] = False,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Inputs: ...

    @overload
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int | Literal["auto"] = 25,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        return_stderr: Literal[True],
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> tuple[Inputs, Inputs | None]: ...

    @calls(methods.ShapleyValueSampling, keeps_single=True)
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int | Literal["auto"] = 25,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        return_stderr: bool = False,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The Shapley values of each feature, by `n_samples` orders; (B, 1, ...) for an output (B, 1), as in Captum."""

    attribute_future = future_of(attribute)


class ShapleyValues(ShapleyValueSampling):
    """Exact Shapley values, by all coalitions: [pellucid.methods.ShapleyValues][]."""

    @calls(methods.ShapleyValues, keeps_single=True)
    def attribute(  # type: ignore[override]  # as in Captum, there are no samples
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
    ) -> Inputs:
        """The Shapley values of each feature; (B, 1, ...) for an output (B, 1), as in Captum."""

    def attribute_future(
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        n_samples: int = 25,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
    ) -> Future[Attributed]:
        """The same as a future; as in Captum, it takes `n_samples`, which are of no use."""
        return later(
            self,
            inputs,
            baselines,
            target,
            additional_forward_args,
            feature_mask,
            perturbations_per_eval,
            show_progress,
        )
