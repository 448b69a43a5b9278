"""Activation patching: what changes when activations of one input are put into the run of another."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import final

from torch import Tensor

from pellucid.core.evaluation.completeness import as_single_sample
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.point_samplers import precomputed_points
from pellucid.core.games.features import FeatureMask, Features, mask_of_points
from pellucid.core.games.fill import Fill
from pellucid.core.games.game import ablation_effects, active_features
from pellucid.core.games.outcomes import evaluate_present, evaluate_samples
from pellucid.core.games.outputs import apart
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument, renamed, warn
from pellucid.methods.calling.attribution import attribution


@final
@dataclass(frozen=True, kw_only=True)
class Patching(Summarized):
    """The change of the output when activations of a layer are replaced by those of a counterfactual input.

    a_i = F(x with h_i(x') in the place of h_i(x)) - F(x)

    for the activations h of the layer and the counterfactual x'. Where x is corrupted and x' clean, what has a large
    effect suffices to restore the output; the other way round, it is necessary for it.

    Vig et al., "Investigating gender bias in language models using causal mediation analysis", NeurIPS 2020,
    https://arxiv.org/abs/2004.12265;
    Meng et al., "Locating and editing factual associations in GPT", NeurIPS 2022, https://arxiv.org/abs/2202.05262.

    Args:
        normalized: Whether effects are shares of the change that the whole counterfactual makes, F(x') - F(x): 1 for
            what makes all of it.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import Patching, Problem
        >>> model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
        >>> for linear in (model[0], model[2]):
        ...     _ = nn.init.constant_(linear.weight, 1.0)
        >>> problem = Problem(model, torch.tensor([[1.0, 2.0]]), source="1")
        >>> Patching()(problem, torch.tensor([[4.0, 2.0]])).values
        (tensor([[3., 3.]]),)
    """

    normalized: bool = False

    @attribution
    async def __call__(
        self, f: ModelFunction, /, counterfactuals: Baselines, *, feature_mask: FeatureMask = None
    ) -> Attributions:
        """The effects of the patches.

        Args:
            f: A function of points at a layer or the inputs, with any number of values per example.
            counterfactuals: Other inputs of the model, whose activations are put in: as
                [Baselines][pellucid.methods.Baselines] of the inputs.
            feature_mask: What is put in together; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Attributions of the shapes of the source, one after another for each value of an output: (B * K, ...).

        Raises:
            InvalidArgument: The counterfactuals do not fit the inputs.
        """
        inputs = _other_inputs(f, counterfactuals)
        patch = Fill(tuple(tensor.unsqueeze(0) for tensor in f.to_source(inputs)))
        features = Features.of(f.x, mask_of_points(f, feature_mask))

        def patched(replaced: Tensor) -> Awaitable[Tensor]:
            def present_elements(sample_range: slice, point_range: slice) -> Tensors:
                return tuple(~mask for mask in features.masks_of(replaced[sample_range], point_range))

            return evaluate_present(f, len(replaced), patch, present_elements)

        effects = -await ablation_effects(features, active_features(features, f.x, patch), patched)
        if self.normalized:
            effects = effects / await _whole_change(f.from_inputs(), inputs)
        return f.attributions(apart(f, features.spread(effects)), site="source", of_features=True)


def _other_inputs(f: ModelFunction, counterfactuals: Baselines) -> Tensors:
    """The counterfactuals as inputs of the model, one for each of a function's own points; ids stay ids.

    Raises:
        InvalidArgument: They do not fit the inputs.
    """
    try:
        return f.baselines(counterfactuals, like=f.problem.inputs if f.evaluator.source.modules else f.x)
    except InvalidArgument as error:
        raise renamed(error, {"baselines": "counterfactuals"}) from error.__cause__


async def _whole_change(f: ModelFunction, inputs: Tensors) -> Tensor:
    """The change of the output from the user's inputs to others, [m, 1]; warns where there is none."""
    changed, original = [
        await evaluate_samples(f, 1, precomputed_points(as_single_sample(points))) for points in (inputs, f.x)
    ]
    change = changed - original
    if not change.all():
        warn("counterfactuals do not change the output of all examples: their normalized effects are no numbers.")
    return change
