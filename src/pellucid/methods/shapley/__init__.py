"""Shapley values and related semivalues of features, exactly and by sampling.

The terms, in all files of this package:

* *player*: an active feature, one that differs from its baseline in some example. `game.active_features` holds the
  indices of the n players among all features, int64 [n]; the other features are worth zero.
* *coalition* S: a set of players, bool [n]; also the integer whose bit i says whether player i is in it. Its value F(S)
  is the output for x in the features of S and the baselines elsewhere. The empty coalition has no player, the grand
  coalition all of them.
* *permutation*: an order in which the players join, int64 [n]. The *marginal contribution* of player i to S is
  F(S and i) - F(S).
* *semivalue* of a player: a weighted sum of its marginal contributions to all coalitions of the others, with weights
  that depend on their sizes alone. Shapley values and Banzhaf values are semivalues.
* `Game`: one object for a batch. It holds a game for each example, g = B of them, with the same players and other
  values; g = 1 where the batch has one value together.
* `values` [m, ...] belong to m = B * K outputs, K of each of B examples.
* `game.values(count, coalitions)` evaluates `count` coalitions, which `coalitions(sample_range, point_range)` gives
  block by block, bool [k, 1 or B, n]; `game.values_deduplicated(coalitions)` evaluates equal ones once. Both are
  `async`, and so are the methods: a model may return futures, which they await.
* `game.features.ids` are the user's numbers of the features, from the mask, and `id_range` is the range of these.
  Random draws are made for the whole range, so that a feature's draws do not depend on which features are active.
"""

from pellucid.methods.shapley.banzhaf import BanzhafValues, BanzhafValueSampling
from pellucid.methods.shapley.interactions import Interactions, ShapleyInteractions, ShapleyInteractionSampling
from pellucid.methods.shapley.owen import OwenValues, OwenValueSampling
from pellucid.methods.shapley.per_feature import per_feature
from pellucid.methods.shapley.shapley import ShapleyValues, ShapleyValueSampling

__all__ = [
    "BanzhafValueSampling",
    "BanzhafValues",
    "Interactions",
    "OwenValueSampling",
    "OwenValues",
    "ShapleyInteractionSampling",
    "ShapleyInteractions",
    "ShapleyValueSampling",
    "ShapleyValues",
    "per_feature",
]
