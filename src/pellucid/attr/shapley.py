"""Captum's names for Shapley values."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Future

from pellucid import methods
from pellucid.attr._facade import Attributed, PerturbationAttribution, TensorOrTensors, explained, future_of, later
from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES
from pellucid.core.games.features import FeatureMask
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.target import TargetLike


class ShapleyValueSampling(PerturbationAttribution):
    """Shapley values by sampled orders: [pellucid.methods.ShapleyValueSampling][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
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
        most_samples: int = MOST_SAMPLES,
        return_stderr: bool = False,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The Shapley values of each feature, by `n_samples` orders; (B, 1, ...) for an output (B, 1), as in Captum."""
        return explained(
            self,
            methods.ShapleyValueSampling(
                samples=n_samples,
                tolerance=tolerance,
                relative=relative,
                most_samples=most_samples,
                seed=seed,
                generator=generator,
            ),
            inputs,
            {
                "target": target,
                "additional_forward_args": additional_forward_args,
                "perturbations_per_eval": perturbations_per_eval,
                "whole_batch": whole_batch,
                "show_progress": show_progress,
                "keeps_single": True,
                "return_stderr": return_stderr,
            },
            baselines=baselines,
            feature_mask=feature_mask,
        )

    attribute_future = future_of(attribute)


class ShapleyValues(ShapleyValueSampling):
    """Exact Shapley values, by all coalitions: [pellucid.methods.ShapleyValues][]."""

    def attribute(  # type: ignore[override]  # as in Captum, there are no samples
        self,
        inputs: TensorOrTensors,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        feature_mask: FeatureMask = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        *,
        whole_batch: bool | None = None,
    ) -> Attributed:
        """The Shapley values of each feature; (B, 1, ...) for an output (B, 1), as in Captum."""
        return explained(
            self,
            methods.ShapleyValues(),
            inputs,
            {
                "target": target,
                "additional_forward_args": additional_forward_args,
                "perturbations_per_eval": perturbations_per_eval,
                "whole_batch": whole_batch,
                "show_progress": show_progress,
                "keeps_single": True,
            },
            baselines=baselines,
            feature_mask=feature_mask,
        )

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
