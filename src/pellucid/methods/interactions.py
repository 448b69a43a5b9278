"""Interactions: what pairs of features are worth beyond what each is worth alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from torch import Tensor

from pellucid.core.baselines import Baselines
from pellucid.core.game import Game
from pellucid.core.pathway import Pathway
from pellucid.core.players import FeatureMask
from pellucid.errors import InvalidArgument
from pellucid.methods.coalitions import apart, outputs_of, semivalues, shapley_weights, values_of_all
from pellucid.methods.edge import attribution

Index = Literal["k-SII", "SII"]
"""What stands on the diagonal of the interactions, for single features.

* `"k-SII"`: the Shapley value less half of the feature's interactions, so that features and pairs add up.
* `"SII"`: the Shapley value.
"""


@final
@dataclass(frozen=True, eq=False)
class Interactions:
    """What features are worth, alone and in pairs.

    Args:
        values: Symmetric matrices (B, *K, features, features) for outputs (B, *K): the interactions of pairs, and on
            the diagonal what each feature is worth alone.
        features: What the user calls each feature, its number in the mask, int64 [features] in rising order.
    """

    values: Tensor
    features: Tensor


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
        index: What is told of single features; see [Index][pellucid.methods.interactions.Index].

    Examples:
        >>> import torch
        >>> from pellucid.methods import Pathway, ShapleyInteractions
        >>> path = Pathway.of(lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[2.0, 3.0, 1.0]]))
        >>> ShapleyInteractions()(path).values
        tensor([[[0., 6., 0.],
                 [6., 0., 0.],
                 [0., 0., 1.]]])
    """

    order: int = 2
    index: Index = "k-SII"

    @attribution
    async def __call__(
        self, path: Pathway, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Interactions:
        """The interactions of all pairs.

        Args:
            path: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.core.baselines.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.core.players.FeatureMask].

        Returns:
            Interactions (B, *K, features, features) for outputs (B, *K); those of features that equal their baselines
            are zero.

        Raises:
            InvalidArgument: There are too many features, or the order or the index is none of those above.
        """
        if self.order != 2:
            raise InvalidArgument(f"order must be 2, for pairs: got {self.order!r}.")
        if self.index not in ("k-SII", "SII"):
            raise InvalidArgument(f'index must be "k-SII" or "SII": got {self.index!r}.')
        game = Game(path, feature_mask, baselines)
        values = await values_of_all(game, "Shapley interactions", "join features by a mask")
        players = len(game.playing)
        alone = semivalues(values, shapley_weights(players))
        pairs = values.new_zeros(len(values), players, players)
        for player in range(players):  # what it changes is a game of the others, who are worth their interactions in it
            without, beside = apart(values, player)
            others = [other for other in range(players) if other != player]
            pairs[:, player, others] = semivalues(beside - without, shapley_weights(players - 1))
        pairs = (pairs + pairs.mT) / 2  # which differed by rounding
        if self.index == "k-SII":
            alone = alone - pairs.sum(2) / 2
        found = values.new_zeros(*outputs_of(game, values), game.features.count, game.features.count)
        features, order = game.features.names.sort()
        there = order.argsort()[game.playing].to(found.device)
        found[..., there[:, None], there] = (pairs + alone.diag_embed()).view(*found.shape[:-2], players, players)
        return Interactions(game.narrowed(found), features)
