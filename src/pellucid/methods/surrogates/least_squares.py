"""Least squares under linear conditions, for many games at once, with standard errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.summaries import Summarized

MIN_RESIDUAL_LEVERAGE = 1e-3
"""The least 1 - h, for a draw's leverage h, at which its residual still says something about errors."""

LEAST_NEW = 1e-6
"""A column whose part orthogonal to other columns is smaller, relative to its size, is their linear combination."""

SMALLEST, ROUNDING = 1e-30, 1e-14


@final
@dataclass(frozen=True, eq=False)
class SampleWeights(Summarized):
    """The weights of a game's samples, and what standard errors need to know of how these were drawn.

    Args:
        values: The weight of each sample, [samples].
        draws: The random draw that each sample is of, int64 [samples]; below zero where it is not random.
        unsampled: The share of the population each sample stands for that is not sampled, [samples]; it makes errors
            those of sampling without replacement (Cochran, "Sampling techniques", 1977, section 2.6).
    """

    values: Tensor
    draws: Tensor
    unsampled: Tensor


@final
@dataclass(frozen=True, eq=False)
class LeastSquaresFit(Summarized):
    """The solution of a least-squares problem.

    Args:
        coefficients: [g, columns, K], in float64.
        rank: The number of columns that the samples tell apart, the least of all games.
        stderr: Standard errors of the coefficients, likewise; None where there are too few draws for an estimate.
    """

    coefficients: Tensor
    rank: int
    stderr: Tensor | None


def constrained_least_squares(present: Tensor, outputs: Tensor, weights: SampleWeights) -> LeastSquaresFit:
    """Weighted least squares without an intercept, in which the coefficients add up to the change from empty to full.

    minimise sum_s w_s (y_s - y_0 - z_s . c)^2 over c with sum(c) = y_1 - y_0

    where sample 0 has no column and sample 1 has all. With c = (y_1 - y_0) / P + u, where u adds up to zero, this is an
    ordinary problem in u. Where it has several solutions, the smallest is taken. Standard errors are those of the
    jackknife over the random draws, to first order (MacKinnon, White, "Some heteroskedasticity-consistent covariance
    matrix estimators", 1985).

    Args:
        present: Which of the P columns are present in each sample, bool [1 or g, samples, P].
        outputs: K outputs of each game, [g, samples, K].
        weights: The weights of the samples.
    """
    games, columns = len(outputs), present.shape[2]
    y = as_one_problem(outputs) if len(present) == 1 else outputs.double()
    z, (empty, full) = present.double(), y[:, :2].unbind(1)
    share = ((full - empty) / columns).unsqueeze(1)
    scale = weights.values.double().sqrt().unsqueeze(1)
    design = (z - z.mean(2, keepdim=True)) * scale
    residual_target = (y - empty.unsqueeze(1) - z.sum(2, keepdim=True) * share) * scale
    return least_squares(design, residual_target, share, weights, games=games, conditions=1)


def as_one_problem(outputs: Tensor) -> Tensor:
    """The outputs of games [g, samples, K], which share a design, as those of one problem [1, samples, g * K]."""
    return outputs.double().transpose(0, 1).reshape(1, outputs.shape[1], -1)


def least_squares(
    design: Tensor, residual_target: Tensor, known: Tensor, weights: SampleWeights, *, games: int, conditions: int
) -> LeastSquaresFit:
    """The smallest least-squares solution in the space that linear conditions leave free, plus the part they fix.

    Args:
        design: The design within the free space, rows times the roots of their weights: [1 or g, samples, columns].
        residual_target: The outputs less the fixed part, likewise weighted: [1 or g, samples, outputs].
        known: The part of the coefficients that the conditions fix: [1 or g, 1 or columns, outputs].
        weights: The weights of the samples.
        games: How many games the outputs are of.
        conditions: How many conditions there are.
    """
    samples, columns = design.shape[1:]
    eigenvalues, directions = torch.linalg.eigh(design.mT @ design)
    is_nonzero = eigenvalues > eigenvalues[:, -1:].clamp(min=SMALLEST) * max(samples, columns) * ROUNDING
    inverse = (directions * torch.where(is_nonzero, 1 / eigenvalues, 0).unsqueeze(1)) @ directions.mT
    solution = inverse @ (design.mT @ residual_target)
    # One step of refinement restores what squaring the design has lost.
    solution = solution + inverse @ (design.mT @ (residual_target - design @ solution))
    rank = int(is_nonzero.sum(1).min()) + conditions
    errors = (residual_target - design @ solution) * weights.unsampled.sqrt().unsqueeze(1)
    stderr = _jackknife(design, inverse, errors, weights.draws) if rank >= columns else None

    def by_game(tensor: Tensor) -> Tensor:
        return tensor.transpose(0, 1).reshape(columns, games, len(tensor) * tensor.shape[2] // games).transpose(0, 1)

    return LeastSquaresFit(by_game(solution + known), rank, None if stderr is None else by_game(stderr))


def _jackknife(design: Tensor, inverse: Tensor, errors: Tensor, draws: Tensor) -> Tensor | None:
    """Standard errors [g, P, K] from the change of the solution as each draw is left out, to first order."""
    is_random = draws >= 0
    if not is_random.any():
        return torch.zeros(len(design), design.shape[2], errors.shape[2], dtype=design.dtype, device="cpu")
    count = int(draws.max()) + 1
    if count < 2:
        return None
    random_draws, random_rows = draws[is_random], design[:, is_random]
    influence = (random_rows @ inverse).mT
    leverage = influence.new_zeros(len(design), 1, count)
    leverage = leverage.index_add_(2, random_draws, (random_rows.mT * influence).sum(1, keepdim=True))
    if (1 - leverage).amax() < MIN_RESIDUAL_LEVERAGE:  # each draw is fitted exactly, so no residual tells of errors
        return None
    variances = []
    for error in errors[:, is_random].unbind(2):
        change = influence.new_zeros(*influence.shape[:2], count)
        change = change.index_add_(2, random_draws, influence * error.unsqueeze(1))
        variances.append((change / (1 - leverage).clamp(min=MIN_RESIDUAL_LEVERAGE)).var(2) * count)
    return torch.stack(variances, dim=2).sqrt()
