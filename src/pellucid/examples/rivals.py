"""Whether a network that tells two classes apart is better than simple rules, and than itself from other seeds."""

from dataclasses import replace
from itertools import count, islice

from pandas import DataFrame, Index
from torch import nn

import pellucid
from pellucid.examples.figures import strongest
from pellucid.examples.score import accuracy
from pellucid.examples.split import Split

SEEDS = 4
"""How many others are trained."""


def rivals(name: str, rows: Split, network: nn.Module, feature: str) -> DataFrame:
    """List how often simple rules, a network and some of other seeds are right in the test, and what moves networks.

    Args:
        name: What the recipe of the network is called in `pellucid.examples.train`.
        rows: What it learns from and is tested on, of the classes 0 and 1.
        network: The trained network.
        feature: What a rule cuts in two, where this is right most often in training.

    Returns:
        First that all are of class 0, then the cut, the network, and others by their seeds: the share of the rows of
        the test for which each is right, and the three features of the largest mean sizes of Shapley values,
        `[rules, 2]`.
    """
    from pellucid.examples.train import RECIPES, train  # which imports the examples, and these this module

    values, learnt, truth = rows.train[feature], rows.train_target.numpy(), rows.test_target.numpy()
    cut = max(values.unique(), key=lambda each: float(((values > each) == learnt).mean()))
    is_right = (rows.test[feature] > cut) == truth
    listed = {"class 0 for all": ((truth == 0).mean(), ""), f"{feature} above {cut:g}": (is_right.mean(), feature)}
    networks = {"this network": network}
    recipe = RECIPES[name]
    for seed in islice((seed for seed in count(1) if seed != recipe.seed), SEEDS):
        networks[f"one of seed {seed}"] = train(replace(recipe, seed=seed), progress=False)
    for rival, each in networks.items():
        moved = pellucid.explain(each, rows.test, target=1, method="shapley_values", baselines=rows.train)
        listed[rival] = accuracy(each, rows.test, rows.test_target), ", ".join(strongest(moved, 3))
    return DataFrame(listed.values(), Index(listed, name="rule"), ["right in the test", "moved most by"])
