"""Train the networks of the examples, and store their weights: `python -m pellucid.examples.train titanic`, or all."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.optim import Adam, Optimizer, RMSprop
from torch.utils.data import DataLoader, TensorDataset
from tqdm import trange

from pellucid.examples import boston, cancer, diabetes, housing, titanic
from pellucid.examples.score import accuracy, explained_variance, root_mean_squared_error
from pellucid.examples.split import Split, as_tensor, standardized
from pellucid.examples.stored import keep_weights

Loss = Callable[[Tensor, Tensor], Tensor]
Score = Callable[..., float]


def squared_error(predicted: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Measure the squared error of numbers `[rows]` or `[rows, 1]` from those `[rows]`: its mean or its sum."""
    return mse_loss(predicted.flatten(), target, reduction=reduction)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        data: Gives what it learns from, and what it is tested on.
        network: Builds it untrained.
        seed: Of its initial weights, and of the order of batches.
        optimizer: Takes its parameters.
        epochs: How often it sees the training set.
        loss: Of predictions and target.
        scores: How well it predicts, by name.
        batch_size: How many rows a step sees, in random order; None is all.
    """

    data: Callable[[], Split]
    network: Callable[[], nn.Module]
    seed: int
    optimizer: Callable[..., Optimizer]
    epochs: int
    loss: Loss
    scores: dict[str, Score]
    batch_size: int | None = None


CLASSES: dict[str, Score] = {"accuracy": accuracy}
NUMBERS: dict[str, Score] = {"RMSE": root_mean_squared_error, "R²": explained_variance}

RECIPES = {
    "titanic": Recipe(
        titanic.data, titanic.network, 1, partial(Adam, lr=0.1), epochs=200, loss=cross_entropy, scores=CLASSES
    ),
    "boston": Recipe(
        boston.data,
        boston.network,
        1234,
        partial(RMSprop, lr=1e-4),
        epochs=200,
        loss=partial(squared_error, reduction="sum"),
        scores=NUMBERS,
        batch_size=10,
    ),
    "housing": Recipe(
        housing.data, housing.network, 42, partial(Adam, lr=1e-3), epochs=2500, loss=squared_error, scores=NUMBERS
    ),
    "cancer": Recipe(
        cancer.data, cancer.network, 42, partial(Adam, lr=1e-2), epochs=2000, loss=cross_entropy, scores=CLASSES
    ),
    "cancer_scaled": Recipe(
        lambda: standardized(cancer.data()),
        cancer.network,
        42,
        partial(Adam, lr=1e-2),
        epochs=2000,
        loss=cross_entropy,
        scores=CLASSES,
    ),
    "diabetes": Recipe(
        diabetes.data, diabetes.network, 1, partial(Adam, lr=1e-2), epochs=200, loss=cross_entropy, scores=CLASSES
    ),
}


def train(recipe: Recipe, *, progress: bool = True) -> nn.Module:
    """Train a network; every call gives the same, and no global state changes.

    Args:
        recipe: How.
        progress: Whether a bar shows how far it is.

    Returns:
        The trained network in float32, in eval mode.
    """
    learnt = recipe.data()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        # Rounding errors grow into other weights over many steps, so these are taken in double precision.
        network = recipe.network().double()
        optimizer = recipe.optimizer(network.parameters())
        features, target = as_tensor(learnt.train).double(), learnt.train_target
        rows = TensorDataset(features, target.double() if target.is_floating_point() else target)
        batches = [rows.tensors] if recipe.batch_size is None else DataLoader(rows, recipe.batch_size, shuffle=True)
        for _ in trange(recipe.epochs, desc="training", unit="epoch", disable=not progress):
            for features, wanted in batches:
                optimizer.zero_grad()
                torch.autograd.backward(recipe.loss(network(features), wanted))
                optimizer.step()
    return network.float().eval()


def main(names: list[str]) -> None:
    """Train, print how well each network predicts, and write the weights where the examples read them.

    Args:
        names: Of the examples; none are all.
    """
    for name in names or RECIPES:
        recipe = RECIPES[name]
        network, rows = train(recipe), recipe.data()
        for kind, score in recipe.scores.items():
            train_score = score(network, rows.train, rows.train_target)
            test_score = score(network, rows.test, rows.test_target)
            print(f"{name}: {kind} {train_score:.4f} in training, {test_score:.4f} in the test")
        keep_weights(name, network)


if __name__ == "__main__":
    main(sys.argv[1:])
