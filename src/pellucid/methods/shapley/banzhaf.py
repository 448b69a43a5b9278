"""Banzhaf values: what each feature is worth, on average over all coalitions of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.attributions import game_attributions
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.errors import check_count
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.coalitions import all_coalition_values, semivalues
from pellucid.methods.shapley.estimation import fit_to_coalitions


@final
@dataclass(frozen=True, kw_only=True)
class BanzhafValues:
    """Banzhaf values, exactly: by the values of all coalitions of the features, 2^n of them.

    a_i = mean over coalitions S without i of F(S and i) - F(S), where F(S) is the output for x in the features of S
    and x' elsewhere

    All coalitions count alike, so that noise in F disturbs the order of the values less than with any other weights;
    in exchange the values do not add up to F(x) - F(x').

    Banzhaf, "Weighted voting doesn't work", 1965; Wang, Jia, "Data Banzhaf", 2023, https://arxiv.org/abs/2205.15466.

    Examples:
        >>> import torch
        >>> from pellucid.methods import BanzhafValues, Problem
        >>> problem = Problem(lambda x: x.prod(1), torch.tensor([[2.0, 3.0, 2.0]]))
        >>> BanzhafValues()(problem).values
        (tensor([[3., 3., 3.]]),)
    """

    @attribution
    async def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Attributions:
        """The Banzhaf values.

        Args:
            f: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Attributions (B, *K, ...) for outputs (B, *K) and each tensor at the source (B, ...); an output (B, 1)
            counts as (B,).

        Raises:
            InvalidArgument: There are too many features.
        """
        game = Game(f, feature_mask, baselines)
        hint = "sample them with BanzhafValueSampling, or join features by a mask"
        values = await all_coalition_values(game, "Banzhaf values", hint)
        players = len(game.playing)
        return game_attributions(game, semivalues(values, [0.5 ** (players - 1)] * players))


@final
@dataclass(frozen=True, kw_only=True)
class BanzhafValueSampling:
    """Banzhaf values, by sampled coalitions, each of which counts for all features.

    a_i = mean of F(S) over the coalitions with i - mean of F(S) over those without i

    where F(S) is the output for x in the features of S and x' elsewhere. Every feature is in a random half of the
    coalitions, independently of the others, so that neither mean is ever empty and the estimate has no bias. A
    coalition that comes up several times is evaluated once.

    Wang, Jia, "Data Banzhaf: a robust data valuation framework for machine learning", 2023,
    https://arxiv.org/abs/2205.15466.

    Args:
        samples: Coalitions, the same for all examples, at least 2; "auto" goes on with an example until its 95 %
            intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest attribution.
        most_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        seed: Seeds the coalitions; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import BanzhafValueSampling, Problem
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> (BanzhafValueSampling(samples=1000, seed=0)(problem).values[0] - 3).abs().max() < 0.5
        tensor(True)
    """

    samples: int | Literal["auto"] = 200
    tolerance: float = 0.01
    relative: bool = False
    most_samples: int = MOST_SAMPLES
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Attributions:
        """The sampled Banzhaf values.

        Args:
            f: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Attributions (B, *K, ...) for outputs (B, *K) and each tensor at the source (B, ...); an output (B, 1)
            counts as (B,).

        Raises:
            InvalidArgument: The samples are fewer than two.
        """
        if self.samples != "auto":
            check_count("samples", self.samples, 2)
        game = Game(f, feature_mask, baselines)
        generator = shared_generator(self.seed, self.generator)
        everyone = torch.arange(len(game.playing), device="cpu")
        narrowing = AdaptiveSampler(f, self.samples, self, per_draw=2, name="samples")
        worth, stderr = await fit_to_coalitions(
            game, narrowing, lambda count: _balanced_coalitions(game, count, generator), _banzhaf_estimate, everyone
        )
        errors = None if stderr is None else stderr.mT.flatten(0, 1)
        return narrowing.annotate(game_attributions(game, worth.mT.flatten(0, 1), errors))


def _banzhaf_estimate(game: Game, present: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """How much larger outputs [g, s, K] are with each player than without, [g, playing, K], and standard errors.

    A player of other examples that makes no difference in one of its own is worth nothing there, for certain.
    """
    means, variances = [], []
    for half in (present[:, 0].double(), (~present[:, 0]).double()):
        count = half.sum(0).unsqueeze(1)
        means.append(half.mT @ outputs / count)
        spread = (half.mT @ outputs.square() / count - means[-1].square()).clamp(min=0)
        variances.append(torch.where(count > 1, spread / (count - 1), torch.inf))
    differs = game.features.sum_per_feature(tuple(each.double() for each in game.fill.unlike(game.f.x)))
    plays = differs[:, game.playing, None] > 0 if len(outputs) == len(game.f) else torch.ones((), device="cpu") > 0
    return plays * (means[0] - means[1]), plays * (variances[0] + variances[1]).sqrt()


def _balanced_coalitions(game: Game, samples: int, generator: torch.Generator | None) -> Tensor:
    """Random coalitions of those who play, bool [samples, 1, playing], half of them with each, or one more or less.

    Numbers are drawn for all features up to the highest, so that nobody's depend on who plays.
    """
    features = game.features
    some = features.names[game.playing]
    drawn = [torch.rand(features.numbers.stop, generator=generator, device="cpu")[some] for _ in range(samples + 1)]
    places = torch.stack(drawn[1:]).argsort(0).argsort(0)
    return ((places + (drawn[0] < 0.5)) % 2 == 0).unsqueeze(1)
