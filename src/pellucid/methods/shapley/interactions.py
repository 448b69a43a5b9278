"""Interactions: what pairs of features are worth beyond what each is worth alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.attributions import output_shape
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.coalitions import (
    all_coalition_values,
    random_permutations,
    semivalues,
    shapley_weights,
    split_by_membership,
)
from pellucid.methods.shapley.estimation import mean_of_draws

InteractionIndex = Literal["k-SII", "SII"]
"""What stands on the diagonal of the interactions, for single features.

* `"k-SII"`: the Shapley value less half of the feature's interactions, so that features and pairs add up.
* `"SII"`: the Shapley value.
"""


HINT = "sample them with KernelShapIQ or ShapleyInteractionSampling, or join features by a mask"


@final
@dataclass(frozen=True, eq=False)
class Interactions:
    """What features are worth, alone and in pairs.

    Args:
        values: Symmetric matrices (B, *K, features, features) for outputs (B, *K): the interactions of pairs, and on
            the diagonal what each feature is worth alone.
        features: What the user calls each feature, its number in the mask, int64 [features] in rising order.
        stderr: Standard errors of the values; only where they are sampled, at least twice.
        n_evaluations: How many samples each example took, int64 [B]; only where that was to be found out.
        converged: Whether an example is as exact as was wanted, bool [B]; likewise.
    """

    values: Tensor
    features: Tensor
    stderr: Tensor | None = None
    n_evaluations: Tensor | None = None
    converged: Tensor | None = None


@final
@dataclass(frozen=True, kw_only=True)
class ShapleyInteractions:
    """Shapley interactions of pairs of features, exactly: by the values of all coalitions, 2^n of them.

    a_ij = sum over coalitions S without i and j of |S|! (n - |S| - 2)! / (n - 1)! *
    (F(S and i and j) - F(S and i) - F(S and j) + F(S))

    a_ii = the Shapley value of i; for "k-SII", less half of its interactions: a_i - 1/2 * sum over j of a_ij

    where F(S) is the output for x in the features of S and x' elsewhere. Positive: together they add more than each
    does without the other. The k-SII of the features and of the pairs, each counted once, add up to F(x) - F(x').

    Grabisch, Roubens, "An axiomatic approach to the concept of interaction among players in cooperative games", 1999,
    https://doi.org/10.1007/s001820050125; Bord, von Luxburg, "From Shapley values to generalized additive models and
    back", 2023, https://arxiv.org/abs/2209.04012.

    Args:
        order: How many features interact at most: 2.
        index: What is told of single features; see
            [InteractionIndex][pellucid.methods.shapley.interactions.InteractionIndex].

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, ShapleyInteractions
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[2.0, 3.0, 1.0]]))
        >>> ShapleyInteractions()(problem).values
        tensor([[[0., 6., 0.],
                 [6., 0., 0.],
                 [0., 0., 1.]]])
    """

    order: int = 2
    index: InteractionIndex = "k-SII"

    @attribution
    async def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Interactions:
        """The interactions of all pairs.

        Args:
            f: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Interactions (B, *K, features, features) for outputs (B, *K); those of features that equal their baselines
            are zero.

        Raises:
            InvalidArgument: There are too many features, or the order or the index is none of those above.
        """
        if self.order != 2:
            raise InvalidArgument(f"order must be 2, for pairs: got {self.order!r}.")
        check_index(self.index)
        game = Game(f, feature_mask, baselines)
        values = await all_coalition_values(game, "Shapley interactions", HINT)
        players = len(game.playing)
        alone = semivalues(values, shapley_weights(players))
        pairs = values.new_zeros(len(values), players, players)
        for player in range(players):  # what it changes is a game of the others, who are worth their interactions in it
            without, beside = split_by_membership(values, player)
            others = [other for other in range(players) if other != player]
            pairs[:, player, others] = semivalues(beside - without, shapley_weights(players - 1))
        pairs = (pairs + pairs.mT) / 2  # which differed by rounding
        return Interactions(
            to_all_features(game, apply_index(self.index, alone, pairs)), game.features.names.sort().values
        )


@final
@dataclass(frozen=True, kw_only=True)
class ShapleyInteractionSampling:
    """Shapley interactions of pairs of features, by sampled orders in which every pair comes together equally often.

    a_ij = mean over orders in which i and j are neighbours of F(S and i and j) - F(S and i) - F(S and j) + F(S)

    a_ii = the Shapley value of i; for "k-SII", less half of its interactions

    where S are the features before both and F(S) is the output for x in the features of S and x' elsewhere. Orders
    come in draws: the zigzag paths that divide the complete graph of the features that play in some example of the
    batch, which are numbered at random for each draw. A coalition that comes up several times is evaluated once.

    It takes any number of samples, and where many features act together its errors are the smaller ones; where few do,
    those of [KernelShapIQ][pellucid.methods.KernelShapIQ] are.

    Tsai, Yeh, Ravikumar, "Faith-Shap: the faithful Shapley interaction index", 2023, https://arxiv.org/abs/2203.00870;
    Alspach, "The wonderful Walecki construction", 2008.

    Args:
        samples: Orders, the same for all examples, of 2 n coalitions each for n features; as many whole draws are taken
            as make them up, but at least one. "auto" goes on with an example until its 95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest value.
        most_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        index: What is told of single features; see
            [InteractionIndex][pellucid.methods.shapley.interactions.InteractionIndex].
        seed: Seeds the orders; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, ShapleyInteractionSampling
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[2.0, 3.0, 1.0]]))
        >>> ShapleyInteractionSampling(samples=3, seed=0)(problem).values[0, 0, 1:]
        tensor([6., 0.])
    """

    samples: int | Literal["auto"] = 200
    tolerance: float = 0.01
    relative: bool = False
    most_samples: int = MOST_SAMPLES
    index: InteractionIndex = "k-SII"
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Interactions:
        """The sampled interactions of all pairs, with standard errors.

        Args:
            f: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Interactions (B, *K, features, features) for outputs (B, *K); those of features that equal their baselines
            are zero.

        Raises:
            InvalidArgument: The index is none of those above.
        """
        check_index(self.index)
        game = Game(f, feature_mask, baselines)
        generator, paths = shared_generator(self.seed, self.generator), walecki_paths(len(game.playing))
        narrowing = AdaptiveSampler(f, self.samples, self, per_draw=len(paths), name="samples")

        async def of_draws(subgame: Game, samples: int) -> Tensor:
            numbered = random_permutations(game.features, game.playing, max(1, samples // len(paths)), generator)
            alone, pairs = await _pair_contributions(subgame, numbered[:, paths].flatten(0, 1), len(paths))
            return apply_index(self.index, alone, pairs)

        worth, stderr = await mean_of_draws(game, narrowing, of_draws)
        return Interactions(
            to_all_features(game, worth),
            game.features.names.sort().values,
            None if stderr is None else to_all_features(game, stderr),
            narrowing.n_evaluations,
            narrowing.converged,
        )


def walecki_paths(players: int) -> Tensor:
    """Orders of so many players, int64 [k, players], in which every two are neighbours equally often."""
    steps = torch.arange(players, device="cpu")
    path = torch.where(steps % 2 == 1, (steps + 1) // 2, -steps // 2)  # 0, 1, -1, 2, -2, ...
    starts = torch.arange(max(1, players if players % 2 else players // 2), device="cpu")
    return (path + starts[:, None]) % max(players, 1)


async def _pair_contributions(game: Game, orders: Tensor, per_draw: int) -> tuple[Tensor, Tensor]:
    """What those who play add, [m, draws, playing], and pairs beyond that, [m, draws, playing, playing].

    Args:
        game: The game.
        orders: Of those who play, int64 [samples, playing], those of a draw together.
        per_draw: How many orders a draw has.
    """
    samples, players = orders.shape
    place = orders.argsort(1)[:, None]
    steps = torch.arange(players + 1, device="cpu")[:, None]
    before = place < steps  # [samples, players + 1, players]
    second = (place < steps[: max(players - 1, 0)]) | (place == steps[1 : max(players, 1)])  # but not the first
    values = await game.values_deduplicated(torch.cat([before, second], dim=1).flatten(0, 1).unsqueeze(1))
    along, swapped = torch.split(values.view(len(values), samples, -1), [players + 1, max(players - 1, 0)], dim=2)
    index = orders.to(values.device).expand(len(values), -1, -1)
    alone = values.new_zeros(len(values), samples, players).scatter_(2, index, along.diff(dim=2))
    beyond = along[..., 2:] - along[..., 1:-1] - swapped + along[..., :-2] if players > 1 else swapped
    pairs = values.new_zeros(len(values), samples, players * players)
    pairs.scatter_(2, index[..., :-1] * players + index[..., 1:], beyond)
    pairs = pairs.view(len(values), samples // per_draw, per_draw, players, players).sum(2)
    times = 2 if players % 2 else 1  # every pair comes together so often in a draw
    return alone.view(len(values), samples // per_draw, per_draw, players).mean(2), (pairs + pairs.mT) / times


def check_index(index: str) -> None:
    """Refuse what is no [InteractionIndex][pellucid.methods.shapley.interactions.InteractionIndex].

    Raises:
        InvalidArgument: It is none.
    """
    if index not in ("k-SII", "SII"):
        raise InvalidArgument(f'index must be "k-SII" or "SII": got {index!r}.')


def apply_index(index: InteractionIndex, alone: Tensor, pairs: Tensor) -> Tensor:
    """Matrices (..., n, n) of what features are worth (..., n) and pairs are (..., n, n)."""
    if index == "k-SII":
        alone = alone - pairs.sum(-1) / 2
    return pairs + alone.diag_embed()


def to_all_features(game: Game, matrices: Tensor) -> Tensor:
    """Matrices [m, playing, playing] as those of all features, (B, *K, features, features), by their numbers."""
    count = game.features.count
    every = matrices.new_zeros(*output_shape(game, matrices), count, count)
    there = game.features.names.argsort().argsort()[game.playing].to(matrices.device)
    every[..., there[:, None], there] = matrices.view(*every.shape[:-2], *matrices.shape[1:])
    return game.narrowed(every)
