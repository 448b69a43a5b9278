"""Least squares with a condition, for many games at once, and how exact they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

MIN_RESIDUAL_LEVERAGE = 1e-3
"""How much of a draw the other samples must leave open for it to tell of an error."""

LEAST_NEW = 1e-6
"""How much of a column must not be a sum of others: what rounding leaves of one that is such a sum is less."""

SMALLEST, ROUNDING = 1e-30, 1e-14


@final
@dataclass(frozen=True, eq=False)
class LeastSquaresFit:
    """What least squares found.

    Args:
        coefficients: [g, columns, K], in float64.
        told_apart: The least number of columns that the samples of a game can tell apart.
        stderr: Standard errors of the coefficients, likewise; None where there are too few draws to tell.
    """

    coefficients: Tensor
    rank: int
    stderr: Tensor | None


def constrained_least_squares(
    present: Tensor, outputs: Tensor, weights: Tensor, draws: Tensor, left: Tensor
) -> LeastSquaresFit:
    """Weighted least squares without an intercept, where the coefficients add up to the change from none to all.

    minimise sum_s w_s (y_s - y_0 - z_s . c)^2 over c with sum(c) = y_1 - y_0

    for no column in sample 0 and all in sample 1. c = (y_1 - y_0) / P + u for the u that adds up to zero, in which the
    problem is an ordinary one. Where the samples leave several answers, the smallest is taken. Standard errors are
    those of the jackknife over the random draws, to first order (MacKinnon, White, "Some heteroskedasticity-consistent
    covariance matrix estimators", 1985).

    Args:
        present: Which of the P columns are there in each sample, bool [1 or g, samples, P].
        outputs: K outputs of each game, [g, samples, K].
        weights: What each sample counts, [samples].
        draws: By which random draw each sample came, int64 [samples]; below zero where by none.
        left: What share of the samples for which each stands is not there, [samples]: errors are those of samples
            without replacement (Cochran, "Sampling techniques", 1977, section 2.6).
    """
    games, columns = len(outputs), present.shape[2]
    told = of_one(outputs) if len(present) == 1 else outputs.double()
    z, (none, every) = present.double(), told[:, :2].unbind(1)
    share = ((every - none) / columns).unsqueeze(1)
    scale = weights.double().sqrt().unsqueeze(1)
    design = (z - z.mean(2, keepdim=True)) * scale
    rest = (told - none.unsqueeze(1) - z.sum(2, keepdim=True) * share) * scale
    return least_squares(design, rest, share, draws, left, games=games, conditions=1)


def of_one(outputs: Tensor) -> Tensor:
    """Outputs of games [g, samples, K] as those of one problem, [1, samples, g * K], in float64."""
    return outputs.double().transpose(0, 1).reshape(1, outputs.shape[1], -1)


def least_squares(
    design: Tensor, residual_target: Tensor, known: Tensor, draws: Tensor, left: Tensor, *, games: int, conditions: int
) -> LeastSquaresFit:
    """The smallest solution of least squares in the space where conditions hold, and what these say.

    Args:
        design: [1 or g, samples, columns], within that space; samples times the roots of what they count.
        residual_target: What the conditions leave to be explained, [1 or g, samples, outputs], likewise.
        known: What the conditions say of the coefficients, which is added: [1 or g, 1 or columns, outputs].
        draws: See [constrained_least_squares][pellucid.methods.surrogates.least_squares.constrained_least_squares].
        left: See there.
        games: How many games the outputs are of.
        conditions: How many there are.
    """
    samples, columns = design.shape[1:]
    sizes, directions = torch.linalg.eigh(design.mT @ design)
    told_apart = sizes > sizes[:, -1:].clamp(min=SMALLEST) * max(samples, columns) * ROUNDING
    inverse = (directions * torch.where(told_apart, 1 / sizes, 0).unsqueeze(1)) @ directions.mT
    found = inverse @ (design.mT @ residual_target)
    found = found + inverse @ (design.mT @ (residual_target - design @ found))  # what squaring the design has lost
    least = int(told_apart.sum(1).min()) + conditions
    errors = (residual_target - design @ found) * left.sqrt().unsqueeze(1)
    stderr = _jackknife(design, inverse, errors, draws) if least >= columns else None

    def by_game(tensor: Tensor) -> Tensor:
        return tensor.transpose(0, 1).reshape(columns, games, len(tensor) * tensor.shape[2] // games).transpose(0, 1)

    return LeastSquaresFit(by_game(found + known), least, None if stderr is None else by_game(stderr))


def _jackknife(design: Tensor, inverse: Tensor, errors: Tensor, draws: Tensor) -> Tensor | None:
    """Standard errors [g, P, K] by what leaving out each draw would change."""
    random = draws >= 0
    if not random.any():
        return torch.zeros(len(design), design.shape[2], errors.shape[2], dtype=design.dtype, device="cpu")
    count = int(draws.max()) + 1
    if count < 2:
        return None
    of_draw, some = draws[random], design[:, random]
    reach = (some @ inverse).mT
    pull = reach.new_zeros(len(design), 1, count).index_add_(2, of_draw, (some.mT * reach).sum(1, keepdim=True))
    if (1 - pull).amax() < MIN_RESIDUAL_LEVERAGE:  # each draw determines a part of its own, and nothing tells of errors
        return None
    changes = []
    for error in errors[:, random].unbind(2):
        change = reach.new_zeros(*reach.shape[:2], count).index_add_(2, of_draw, reach * error.unsqueeze(1))
        changes.append((change / (1 - pull).clamp(min=MIN_RESIDUAL_LEVERAGE)).var(2) * count)
    return torch.stack(changes, dim=2).sqrt()
