"""The lasso of many games at once, and standard errors of linear models by the bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import torch
from torch import Tensor

from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument
from pellucid.methods.surrogates.least_squares import LEAST_NEW, SMALLEST

FIRST_CHECK, MOST_ITERATIONS = 8, 16_384
"""Iterations before the first check of optimality, each further one after half as many again; and the most of them."""

OPTIMALITY_TOLERANCE = 1e-9
"""How exactly the conditions of an optimum must hold, relative to the largest moment."""

OVER_RELAXATION = 1.6
"""Over-relaxation of the ADMM; values from 1.5 to 1.8 are usual and save about a third of the iterations."""

BOOTSTRAP_REPLICATES = 64
"""Replicates of the bootstrap; so many give a standard error to about a tenth."""

CHUNK_NUMBERS = 8_000_000
"""The most numbers in the designs that are solved together."""


@runtime_checkable
class LinearSolver(Protocol):
    """A linear model that fits outputs by the sum of the coefficients of the columns that are present."""

    def coefficients(self, present: Tensor, outputs: Tensor, weights: Tensor) -> Tensor:
        """The coefficients of several games at once.

        Args:
            present: Which columns are present in each sample, bool [g, samples, columns].
            outputs: K outputs of each game, [g, samples, K].
            weights: The weight of each sample, [g, samples].

        Returns:
            Coefficients [g, columns, K], in float64 on the CPU.
        """
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Lasso(Summarized):
    """Weighted least squares with an intercept and an L1 penalty on the coefficients.

    minimise sum_s w_s (y_s - b - z_s . c)^2 / (2 sum_s w_s) + alpha * |c|_1

    This is what scikit-learn's `Lasso` minimises. All games and outputs are solved together by the alternating
    direction method of multipliers (ADMM), until its iterates show which coefficients are zero and the signs of the
    others. These are then solved for exactly, and the optimum is recognised by its optimality conditions.

    Boyd et al., "Distributed optimization and statistical learning via the alternating direction method of
    multipliers", 2011, section 6.4, https://doi.org/10.1561/2200000016.

    Args:
        alpha: The weight of the penalty.

    Raises:
        InvalidArgument: The weight is below zero.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Lasso
        >>> present = torch.tensor([[[1, 0], [0, 1], [1, 1], [0, 0]]])
        >>> outputs = torch.tensor([[[2.0], [0.0], [2.0], [0.0]]])
        >>> Lasso(alpha=0.25).coefficients(present, outputs, torch.ones(1, 4)).flatten()
        tensor([1., 0.], dtype=torch.float64)
    """

    alpha: float = 0.01

    def __post_init__(self) -> None:
        if not self.alpha >= 0:
            raise InvalidArgument(f"alpha must not be below zero: got {self.alpha}.")

    def coefficients(self, present: Tensor, outputs: Tensor, weights: Tensor) -> Tensor:
        """The coefficients of several games; see [LinearSolver][pellucid.methods.surrogates.lasso.LinearSolver].

        Raises:
            InvalidArgument: All samples of a game have weight zero.
        """
        if (weights.sum(1) == 0).any():
            raise InvalidArgument(
                "similarity_func must count some samples: it gives zero for all. Hint: a larger kernel_width."
            )
        games = max(1, CHUNK_NUMBERS // present[0].numel())
        chunks = zip(*(torch.split(tensor, games) for tensor in (present, outputs, weights)), strict=True)
        return torch.cat([self._solve(*_centred(*chunk)) for chunk in chunks])

    def _solve(self, z: Tensor, y: Tensor) -> Tensor:
        """Coefficients [g, columns, K] of a design [g, samples, columns] and outputs [g, samples, K], both centred."""
        moments = z.mT @ y
        eigenvalues, directions = _spectrum(z)
        sparse = scaled_dual = torch.zeros_like(moments)
        solution = torch.full_like(moments, torch.nan)
        unsolved = [(game, output) for game in range(len(z)) for output in range(y.shape[2])]
        penalty = z.square().sum(1).mean(1).clamp(min=SMALLEST)[:, None, None].expand(-1, 1, y.shape[2])
        next_check = FIRST_CHECK
        for iteration in range(1, MOST_ITERATIONS + 1):
            previous, right = sparse, moments + penalty * (sparse - scaled_dual)
            dense = (right - directions @ (eigenvalues / (eigenvalues + penalty) * (directions.mT @ right))) / penalty
            relaxed = OVER_RELAXATION * dense + (1 - OVER_RELAXATION) * sparse + scaled_dual
            sparse = relaxed.sign() * (relaxed.abs() - self.alpha / penalty).clamp(min=0)
            scaled_dual = relaxed - sparse
            if iteration < next_check and iteration < MOST_ITERATIONS:
                continue
            next_check += next_check // 2
            for game, output in tuple(unsolved):
                optimum = self._optimum(z[game], moments[game, :, output], sparse[game, :, output])
                if optimum is not None or iteration == MOST_ITERATIONS:
                    solution[game, :, output] = sparse[game, :, output] if optimum is None else optimum
                    unsolved.remove((game, output))
            if not unsolved:
                break
            # The penalty is right where coefficients and multipliers, each relative to its own size, move alike.
            growth = _relative_size(sparse - dense, sparse) / _relative_size(sparse - previous, scaled_dual)
            growth = growth.sqrt().clamp(0.1, 10)
            penalty, scaled_dual = penalty * growth, scaled_dual / growth
        return solution

    def _optimum(self, z: Tensor, moments: Tensor, guess: Tensor) -> Tensor | None:
        """The optimal coefficients [columns], if a guess is optimal or has the right zeros and signs; or else None."""
        if moments.isnan().any():
            return guess
        support = guess.nonzero().flatten()
        design = z[:, support]
        solved = _solve_gram(design.mT @ design, moments[support] - self.alpha * guess[support].sign())
        tolerance = OPTIMALITY_TOLERANCE * moments.abs().amax()
        for candidate in (torch.zeros_like(guess).scatter(0, support, solved), guess):
            slope = moments - z.mT @ (z @ candidate)
            duality_gap = self.alpha * candidate.abs().sum() - candidate @ slope
            if slope.abs().amax() <= self.alpha + tolerance and duality_gap <= tolerance * candidate.abs().sum():
                return candidate
        return None


def bayesian_bootstrap_stderr(model: LinearSolver, present: Tensor, outputs: Tensor, weights: Tensor) -> Tensor | None:
    """Standard errors of a linear model's coefficients, from fits to randomly weighted samples.

    A coefficient that the lasso sets to zero by a narrow margin is not zero in all of these, as it is not for other
    samples, so its standard error is not zero either.

    Rubin, "The Bayesian bootstrap", 1981, https://doi.org/10.1214/aos/1176345338.

    Args:
        model: The model.
        present: Which columns are present in each sample, bool [g, samples, columns].
        outputs: K outputs of each game, [g, samples, K].
        weights: The weight of each sample, [g, samples].

    Returns:
        Standard errors [g, columns, K]; None for a single sample.
    """
    games, samples, _ = present.shape
    if samples < 2:
        return None
    # A generator of its own, so that no other draws change and errors are reproducible.
    generator = torch.Generator("cpu").manual_seed(0)
    shares = torch.empty(BOOTSTRAP_REPLICATES, 1, samples, dtype=torch.float64, device="cpu")
    shares.exponential_(generator=generator)
    replicates = []
    for chunk in torch.split(shares, max(1, CHUNK_NUMBERS // present.numel())):
        designs, targets = (tensor.expand(len(chunk), *tensor.shape).flatten(0, 1) for tensor in (present, outputs))
        coefficients = model.coefficients(designs, targets, (chunk * weights.cpu()).flatten(0, 1))
        replicates.append(coefficients.view(len(chunk), games, *coefficients.shape[1:]))
    return torch.cat(replicates).std(0)


def _solve_gram(gram: Tensor, right: Tensor) -> Tensor:
    """The solution [columns] of a system with a Gram matrix; the smallest where columns are linearly dependent."""
    factor, failed = torch.linalg.cholesky_ex(gram)
    if failed or (factor.diagonal() < LEAST_NEW * gram.diagonal().sqrt()).any():
        solution: Tensor = torch.linalg.lstsq(gram, right.unsqueeze(1), driver="gelsy").solution
    else:
        solution = torch.cholesky_solve(right.unsqueeze(1), factor)
    return solution.squeeze(1)


def _centred(present: Tensor, outputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Design and outputs less their weighted means, times the roots of weights that add up to one."""
    shares = (weights.double() / weights.double().sum(1, keepdim=True)).unsqueeze(2)

    def centre(tensor: Tensor) -> Tensor:
        return (tensor - (shares * tensor).sum(1, keepdim=True)) * shares.sqrt()

    return centre(present.double()), centre(outputs.double())


def _spectrum(z: Tensor) -> tuple[Tensor, Tensor]:
    """The squared singular values [g, k, 1] of designs and their right singular vectors [g, columns, k].

    They are computed from the smaller of the two products of a design with itself.
    """
    z = z.nan_to_num(0, 0, 0)  # a game with NaN has no solution, but must not stand in the way of the others
    if z.shape[1] >= z.shape[2]:
        eigenvalues, directions = torch.linalg.eigh(z.mT @ z)
        return eigenvalues.clamp(min=0).unsqueeze(2), directions
    eigenvalues, sample_directions = torch.linalg.eigh(z @ z.mT)
    eigenvalues = eigenvalues.clamp(min=SMALLEST)
    return eigenvalues.unsqueeze(2), z.mT @ (sample_directions / eigenvalues.sqrt().unsqueeze(1))


def _relative_size(tensor: Tensor, reference: Tensor) -> Tensor:
    """The norm of each column relative to that of a reference, [g, 1, K]."""

    def norm(tensor: Tensor) -> Tensor:
        return tensor.square().sum(1, keepdim=True).sqrt().clamp(min=SMALLEST)

    return norm(tensor) / norm(reference)
