"""How near attributions come to a known answer, as one number from 0 to 1."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_PAIRS = 2**22
"""How many pairs of features are compared at once."""

ROUNDING = 2e-5
"""What float32 may lose, relative to the largest attribution of an example: what differs by less is the same."""


def concordance(attributions: Tensor, importance: Tensor) -> float:
    """The share of pairs of features whose sizes are in the right order, a tie being half of it.

    P(|a_i| > |a_j|) + P(|a_i| = |a_j|) / 2, over pairs of features with importance_i > importance_j

    It is 1 where every feature that matters more has the larger attribution, and 1/2 by chance. Where the importance is
    a mask, it is the area under the ROC curve.

    Harrell et al., "Evaluating the yield of medical tests", 1982, https://doi.org/10.1001/jama.1982.03320430047030.

    Args:
        attributions: Of shape (B, ...).
        importance: How much each feature matters, of the same shape.

    Returns:
        The mean over examples.
    """
    rows = zip(attributions.abs().flatten(1), importance.flatten(1), strict=True)
    return float(torch.stack([_share_in_order(sizes, known) for sizes, known in rows]).mean())


def _share_in_order(sizes: Tensor, known: Tensor) -> Tensor:
    """The share of pairs of features of one example whose sizes are in the right order; NaN for no pairs."""
    right, pairs = sizes.new_zeros((), dtype=torch.float64), 0
    for some in torch.split(torch.arange(len(sizes), device=sizes.device), max(1, MOST_PAIRS // max(1, len(sizes)))):
        ordered = known[some, None] > known  # with NaN, nothing is
        difference = (sizes[some, None] - sizes)[ordered]
        tie = difference.abs() <= ROUNDING * sizes.max()
        right += torch.where(tie, 0.5, (difference > 0).double()).sum()
        pairs += len(difference)
    return right / (pairs or float("nan"))


def dissimilarity(attributions: Tensor, others: Tensor) -> float:
    """How little the attributions of two models resemble each other: 1 - |Spearman's rank correlation|.

    The correlation is the mean over examples.

    Args:
        attributions: Of shape (B, ...).
        others: Of the same shape.

    Returns:
        1 where the order of one says nothing of that of the other, 0 where it is the same.
    """
    ranks = [values.flatten(1).argsort(1).argsort(1).float() for values in (attributions, others)]
    correlations = [torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(*ranks, strict=True)]
    return 1 - float(torch.stack(correlations).mean().abs())


def is_exact(values: Tensor, exact: Tensor, stderr: Tensor | None) -> bool | None:
    """Whether values are those known in closed form: up to rounding, and five standard errors where they are sampled.

    None where that cannot be told: of values with errors as large as the largest of them, or of another shape.

    Args:
        values: Of shape (B, ...).
        exact: Of the same shape.
        stderr: Standard errors of the values, if they are sampled.
    """
    if values.shape != exact.shape:
        return None
    largest = exact.abs().flatten(1).amax(1).reshape(-1, *[1] * (exact.ndim - 1))
    error = ROUNDING * largest if stderr is None else ROUNDING * largest + 5 * stderr
    if not (error <= largest).all():
        return None
    return bool(((values - exact).abs() <= error).all())
