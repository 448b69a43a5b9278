"""LIME and Kernel SHAP again, slow and obvious: one example, one coalition, one forward and one fit at a time.

`f` takes the inputs of one example, a list of tensors (1, ...), and returns its explained value.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.linear_model import Lasso
from torch import Tensor, nn

from reference.shapley import value_of
from reference.slow import Inputs, Value

Coalition = Sequence[int]
Weigh = Callable[[Tensor, Tensor], float]


def all_coalitions(features: Sequence[int]) -> list[tuple[Coalition, float]]:
    """All but none and all, and what the Shapley kernel gives each."""
    n = len(features)
    return [
        (some, (n - 1) / (math.comb(n, size) * size * (n - size)))
        for size in range(1, n)
        for some in itertools.combinations(features, size)
    ]


def captum_coalitions(columns: int, samples: int) -> list[tuple[Coalition, float]]:
    """Coalitions from torch's global generator: a size, and then those with the highest of random numbers."""
    chances = torch.tensor([0.0] + [(columns - 1) / (size * (columns - size)) for size in range(1, columns)])
    drawn = []
    for _ in range(samples - 2):
        size = int(torch.multinomial(chances, 1))
        scores = torch.randn(columns)
        drawn.append((torch.argsort(scores, descending=True)[:size].tolist(), 1.0))
    fitted(columns)
    return drawn


def coins(columns: int, samples: int, generator: torch.Generator | None = None) -> list[Coalition]:
    """Coalitions in which each feature is there if a coin says so."""
    drawn = []
    for _ in range(samples):
        thrown = torch.bernoulli(torch.full((1, columns), 0.5), generator=generator)[0]
        drawn.append(thrown.nonzero().flatten().tolist())
    if generator is None:
        fitted(columns)
    return drawn


def fitted(columns: int) -> None:
    """What a fit draws from torch's global generator: a seed for its data, and the weights of a linear layer."""
    torch.empty((), dtype=torch.int64).random_()
    nn.Linear(columns, 1)


def spread(coefficients: np.ndarray, x: Inputs, masks: Inputs) -> Inputs:
    """The coefficient of the feature that each element is."""
    return [torch.from_numpy(coefficients[mask.numpy()]).to(each) for each, mask in zip(x, masks, strict=True)]


def kernel_shap(
    f: Value, x: Inputs, x0: Inputs, masks: Inputs, columns: int, coalitions: Sequence[tuple[Coalition, float]]
) -> Inputs:
    """Weighted least squares with a Lagrange multiplier for the sum; features are numbered from zero."""
    nobody, every = (float(value_of(f, x, x0, masks, some)) for some in ([], range(columns)))
    normal, moments = np.zeros((columns + 1, columns + 1)), np.zeros(columns + 1)
    for some, weight in coalitions:
        z = np.zeros(columns)
        z[list(some)] = 1
        normal[:columns, :columns] += weight * np.outer(z, z)
        moments[:columns] += weight * z * (float(value_of(f, x, x0, masks, some)) - nobody)
    normal[columns, :columns] = normal[:columns, columns] = 1
    moments[columns] = every - nobody
    return spread(np.linalg.lstsq(normal, moments, rcond=None)[0][:columns], x, masks)


def exponential_kernel(distance: str, width: float) -> Weigh:
    """exp(-d^2 / (2 width^2)) of two vectors."""

    def weigh(x: Tensor, z: Tensor) -> float:
        far = (x - z).norm() if distance == "euclidean" else 1 - torch.cosine_similarity(x, z, dim=0)
        return float(torch.exp(-(far**2) / (2 * width**2)))

    return weigh


def lime(
    f: Value,
    x: Inputs,
    x0: Inputs,
    masks: Inputs,
    columns: int,
    coalitions: Sequence[Coalition],
    weigh: Weigh,
    alpha: float,
) -> Inputs:
    """Scikit-learn's lasso of the values of coalitions on who is in them; features are numbered from zero."""
    presence, values, weights = np.zeros((len(coalitions), columns)), [], []
    for row, some in enumerate(coalitions):
        presence[row, list(some)] = 1
        values.append(float(value_of(f, x, x0, masks, some)))
        near = [each.clone() for each in x0]
        for here, there, mask in zip(near, x, masks, strict=True):
            present = torch.isin(mask, torch.tensor(list(some), dtype=torch.int64))
            here[present] = there[present]
        weights.append(weigh(*(torch.cat([each.flatten() for each in point]) for point in (x, near))))
    model = Lasso(alpha=alpha, tol=1e-12, max_iter=1_000_000)
    return spread(model.fit(presence, values, sample_weight=weights).coef_, x, masks)
