"""Ablation and occlusion: the effects of replacing features and windows by their baselines."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import final

from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask, Features, mask_of_points
from pellucid.core.games.game import FeatureSet, ablation_effects, active_features
from pellucid.core.games.imputer import imputer_of
from pellucid.core.games.outcomes import evaluate_present
from pellucid.core.games.outputs import apart
from pellucid.core.games.removal import RemovalLike
from pellucid.core.games.windows import Strides, Windows, WindowShapes
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors
from pellucid.methods.calling.attribution import attribution


@final
@dataclass(frozen=True, kw_only=True)
class FeatureAblation(Summarized):
    """The decrease of the output when a feature is replaced by its baseline.

    a_i = F(x) - F(x with x'_i in the place of x_i)

    The elements of a feature are replaced together, and all get its effect.

    Examples:
        >>> import torch
        >>> from pellucid.methods import FeatureAblation, Problem
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> FeatureAblation()(problem, baselines=1).values
        (tensor([[3., 4.]]),)
    """

    @attribution
    async def __call__(
        self,
        f: ModelFunction,
        /,
        baselines: Baselines = None,
        *,
        feature_mask: FeatureMask = None,
        removal: RemovalLike | None = None,
    ) -> Attributions:
        """The effects of the features.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            baselines: What replaces a feature, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].
            removal: How a feature is taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Attributions of the shapes of the source, one after another for each value of an output: (B * K, ...).
        """
        return await _ablation_attributions(f, Features.of(f.x, mask_of_points(f, feature_mask)), baselines, removal)


@final
@dataclass(frozen=True, kw_only=True)
class Occlusion(Summarized):
    """The decrease of the output when a window is replaced by its baseline, as each element's mean over its windows.

    a_i = mean over the windows w that contain i of F(x) - F(x with x'_w in the place of x_w)

    Zeiler, Fergus, "Visualizing and understanding convolutional networks", 2013, https://arxiv.org/abs/1311.2901.

    Args:
        sliding_window_shapes: See [WindowShapes][pellucid.methods.WindowShapes].
        strides: See [Strides][pellucid.methods.Strides].

    Examples:
        >>> import torch
        >>> from pellucid.methods import Occlusion, Problem
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[1.0, 2.0, 3.0]]))
        >>> Occlusion(sliding_window_shapes=(2,))(problem).values
        (tensor([[3., 4., 5.]]),)
    """

    sliding_window_shapes: WindowShapes
    strides: Strides = None

    @attribution
    async def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, removal: RemovalLike | None = None
    ) -> Attributions:
        """The mean effects of the windows.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            baselines: What replaces a window, at the source; see [Baselines][pellucid.methods.Baselines].
            removal: How a window is taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Attributions of the shapes of the source, one after another for each value of an output: (B * K, ...).
        """
        return await _ablation_attributions(
            f, Windows.of(f.x, self.sliding_window_shapes, self.strides), baselines, removal
        )


async def _ablation_attributions(
    f: ModelFunction, players: FeatureSet, baselines: Baselines, removal: RemovalLike | None
) -> Attributions:
    """The effects of replacing each player by the baselines, or of its removal."""
    imputer = imputer_of(f, baselines, removal)

    def ablate(absent: Tensor) -> Awaitable[Tensor]:
        def present_elements(sample_range: slice, point_range: slice) -> Tensors:
            return tuple(~mask for mask in players.masks_of(absent[sample_range], point_range))

        return evaluate_present(f, len(absent), imputer, present_elements)

    effects = await ablation_effects(players, active_features(players, f.x, imputer), ablate)
    return f.attributions(apart(f, players.spread(effects)), site="source", of_features=True)
