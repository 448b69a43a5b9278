"""The lasso for many games at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import torch
from torch import Tensor

from pellucid.errors import InvalidArgument
from pellucid.methods.surrogates.least_squares import LEAST_NEW, SMALLEST

FIRST_CHECK, MOST_ITERATIONS = 8, 16_384
"""After so many steps the lasso looks whether it is done, then after half as many again, and so on."""

OPTIMALITY_TOLERANCE = 1e-9
"""How exact, of the largest number around, the conditions of an optimum must hold."""

OVER_RELAXATION = 1.6
"""By how much steps of the lasso are lengthened; values from 1.5 to 1.8 are usual, and save about a third of them."""

BOOTSTRAP_REPLICATES = 64
"""So many tell a standard error to about a tenth."""

CHUNK_NUMBERS = 8_000_000
"""How many numbers the designs may hold that are solved together."""


@runtime_checkable
class LinearSolver(Protocol):
    """What fits outputs by sums of one coefficient for each column that is there."""

    def coefficients(self, present: Tensor, outputs: Tensor, weights: Tensor) -> Tensor:
        """The coefficients of several games at once.

        Args:
            present: Which columns are there in each sample, bool [g, samples, columns].
            outputs: K outputs of each game, [g, samples, K].
            weights: What each sample counts, [g, samples].

        Returns:
            Coefficients [g, columns, K], in float64 on the CPU.
        """
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Lasso:
    """Weighted least squares with an intercept and a penalty on the sizes of the coefficients.

    minimise sum_s w_s (y_s - b - z_s . c)^2 / (2 sum_s w_s) + alpha * |c|_1

    This is what scikit-learn's `Lasso` minimises. All games and outputs take the steps of the alternating direction
    method of multipliers together, which soon tell which coefficients are zero and the signs of the others; these are
    then solved for, and the optimum is recognised by its conditions.

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
            InvalidArgument: No sample of a game counts.
        """
        if (weights.sum(1) == 0).any():
            raise InvalidArgument(
                "similarity_func must count some samples: it gives zero for all. Hint: a larger kernel_width."
            )
        games = max(1, CHUNK_NUMBERS // present[0].numel())
        parts = zip(*(torch.split(each, games) for each in (present, outputs, weights)), strict=True)
        return torch.cat([self._solved(*_centred(*part)) for part in parts])

    def _solved(self, z: Tensor, y: Tensor) -> Tensor:
        """Coefficients [g, columns, K] of a design [g, samples, columns] and outputs [g, samples, K], both centred."""
        moments = z.mT @ y
        sizes, directions = _spectrum(z)
        sparse = scaled = torch.zeros_like(moments)
        found = torch.full_like(moments, torch.nan)
        unsolved = [(game, output) for game in range(len(z)) for output in range(y.shape[2])]
        step = z.square().sum(1).mean(1).clamp(min=SMALLEST)[:, None, None].expand(-1, 1, y.shape[2])
        look = FIRST_CHECK
        for iteration in range(1, MOST_ITERATIONS + 1):
            before, right = sparse, moments + step * (sparse - scaled)
            dense = (right - directions @ (sizes / (sizes + step) * (directions.mT @ right))) / step
            away = OVER_RELAXATION * dense + (1 - OVER_RELAXATION) * sparse + scaled
            sparse = away.sign() * (away.abs() - self.alpha / step).clamp(min=0)
            scaled = away - sparse
            if iteration < look and iteration < MOST_ITERATIONS:
                continue
            look += look // 2
            for game, output in tuple(unsolved):
                best = self._optimum(z[game], moments[game, :, output], sparse[game, :, output])
                if best is not None or iteration == MOST_ITERATIONS:
                    found[game, :, output] = sparse[game, :, output] if best is None else best
                    unsolved.remove((game, output))
            if not unsolved:
                break
            # Steps are right where coefficients and multipliers, each by their own size, move alike.
            faster = (_share(sparse - dense, sparse) / _share(sparse - before, scaled)).sqrt().clamp(0.1, 10)
            step, scaled = step * faster, scaled / faster
        return found

    def _optimum(self, z: Tensor, moments: Tensor, guess: Tensor) -> Tensor | None:
        """The best coefficients [columns], if a guess is, or has the right ones at zero and the right signs."""
        if moments.isnan().any():
            return guess
        chosen = guess.nonzero().flatten()
        some = z[:, chosen]
        solved = _smallest(some.mT @ some, moments[chosen] - self.alpha * guess[chosen].sign())
        tolerance = OPTIMALITY_TOLERANCE * moments.abs().amax()
        for best in (torch.zeros_like(guess).scatter(0, chosen, solved), guess):
            slope = moments - z.mT @ (z @ best)
            unused = self.alpha * best.abs().sum() - best @ slope
            if slope.abs().amax() <= self.alpha + tolerance and unused <= tolerance * best.abs().sum():
                return best
        return None


def bayesian_bootstrap_stderr(model: LinearSolver, present: Tensor, outputs: Tensor, weights: Tensor) -> Tensor | None:
    """Standard errors of a linear model's coefficients, by fits in which the samples count by random weights.

    What the lasso leaves at zero by a narrow margin is not at zero in all of these, as it is not with other samples.

    Rubin, "The Bayesian bootstrap", 1981, https://doi.org/10.1214/aos/1176345338.

    Args:
        model: The model.
        present: Which columns are there in each sample, bool [g, samples, columns].
        outputs: K outputs of each game, [g, samples, K].
        weights: What each sample counts, [g, samples].

    Returns:
        Standard errors [g, columns, K]; None of a single sample.
    """
    games, samples, _ = present.shape
    if samples < 2:
        return None
    own = torch.Generator("cpu").manual_seed(0)  # nobody else's draws change, and errors are the same every time
    shares = torch.empty(BOOTSTRAP_REPLICATES, 1, samples, dtype=torch.float64, device="cpu").exponential_(
        generator=own
    )
    found = []
    for some in torch.split(shares, max(1, CHUNK_NUMBERS // present.numel())):
        design, told = (each.expand(len(some), *each.shape).flatten(0, 1) for each in (present, outputs))
        fits = model.coefficients(design, told, (some * weights.cpu()).flatten(0, 1))
        found.append(fits.view(len(some), games, *fits.shape[1:]))
    return torch.cat(found).std(0)


def _smallest(gram: Tensor, right: Tensor) -> Tensor:
    """The solution of a system of products of columns, [columns]; the smallest, where columns are sums of others."""
    factor, failed = torch.linalg.cholesky_ex(gram)
    if failed or (factor.diagonal() < LEAST_NEW * gram.diagonal().sqrt()).any():
        solved: Tensor = torch.linalg.lstsq(gram, right.unsqueeze(1), driver="gelsy").solution
    else:
        solved = torch.cholesky_solve(right.unsqueeze(1), factor)
    return solved.squeeze(1)


def _centred(present: Tensor, outputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Design and outputs about their weighted means, so that plain sums of their products are weighted means."""
    share = (weights.double() / weights.double().sum(1, keepdim=True)).unsqueeze(2)

    def centred(tensor: Tensor) -> Tensor:
        return (tensor - (share * tensor).sum(1, keepdim=True)) * share.sqrt()

    return centred(present.double()), centred(outputs.double())


def _spectrum(z: Tensor) -> tuple[Tensor, Tensor]:
    """The squared singular values [g, k, 1] of designs and their directions [g, columns, k], by the smaller product."""
    z = z.nan_to_num(0, 0, 0)  # a game with NaN has no solution, but must not stand in the way of the others
    if z.shape[1] >= z.shape[2]:
        sizes, directions = torch.linalg.eigh(z.mT @ z)
        return sizes.clamp(min=0).unsqueeze(2), directions
    sizes, samples = torch.linalg.eigh(z @ z.mT)
    sizes = sizes.clamp(min=SMALLEST)
    return sizes.unsqueeze(2), z.mT @ (samples / sizes.sqrt().unsqueeze(1))


def _share(numbers: Tensor, whole: Tensor) -> Tensor:
    """How large one is beside the other, by their columns."""

    def size(tensor: Tensor) -> Tensor:
        return tensor.square().sum(1, keepdim=True).sqrt().clamp(min=SMALLEST)

    return size(numbers) / size(whole)
