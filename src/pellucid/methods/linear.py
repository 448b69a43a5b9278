"""Linear models of many games at once, solved exactly: in float64, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import torch
from torch import Tensor

from pellucid.errors import InvalidArgument

FIRST_LOOK, MOST_ITERATIONS = 8, 16_384
"""After so many steps the lasso looks whether it is done, then after twice as many, and so on."""

CLOSE = 1e-10
"""How exact, of the largest number around, the conditions of an optimum must hold."""

SMALLEST, ROUNDING = 1e-30, 1e-14

OVER_RELAXATION = 1.6
"""By how much steps of the lasso are lengthened; values from 1.5 to 1.8 are usual, and save about a third of them."""

CHUNK_NUMBERS = 8_000_000
"""How many numbers the designs may hold that are solved together."""


@runtime_checkable
class LinearModel(Protocol):
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

    Examples:
        >>> import torch
        >>> from pellucid.methods.linear import Lasso
        >>> present = torch.tensor([[[1, 0], [0, 1], [1, 1], [0, 0]]])
        >>> outputs = torch.tensor([[[2.0], [0.0], [2.0], [0.0]]])
        >>> Lasso(alpha=0.25).coefficients(present, outputs, torch.ones(1, 4)).flatten()
        tensor([1., 0.], dtype=torch.float64)
    """

    alpha: float = 0.01

    def coefficients(self, present: Tensor, outputs: Tensor, weights: Tensor) -> Tensor:
        """The coefficients of several games at once; see [LinearModel][pellucid.methods.linear.LinearModel].

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
        step = z.square().sum(1).mean(1).clamp(min=SMALLEST)[:, None, None]
        inverse = _shifted_inverse(z, step)
        found = torch.full_like(moments, torch.nan)
        sparse = scaled = torch.zeros_like(moments)
        unsolved = [(game, output) for game in range(len(z)) for output in range(y.shape[2])]
        look = FIRST_LOOK
        for iteration in range(1, MOST_ITERATIONS + 1):
            before, dense = sparse, inverse(moments + step * (sparse - scaled))
            away = OVER_RELAXATION * dense + (1 - OVER_RELAXATION) * sparse + scaled
            sparse = away.sign() * (away.abs() - self.alpha / step).clamp(min=0)
            scaled = away - sparse
            if iteration not in (look, MOST_ITERATIONS):
                continue
            look *= 2
            moving = torch.maximum((sparse - before).abs(), (sparse - dense).abs()).amax(1)
            at_rest = ~(moving > CLOSE * sparse.abs().amax(1))  # also where there is NaN
            for game, output in tuple(unsolved):
                best = self._optimum(z[game], moments[game, :, output], sparse[game, :, output])
                if best is None and (at_rest[game, output] or iteration == MOST_ITERATIONS):
                    best = sparse[game, :, output]  # several do equally well
                if best is not None:
                    found[game, :, output] = best
                    unsolved.remove((game, output))
            if not unsolved:
                break
        return found

    def _optimum(self, z: Tensor, moments: Tensor, guess: Tensor) -> Tensor | None:
        """The coefficients [columns] that are best if the guess has the right ones at zero and the right signs."""
        chosen = guess.nonzero().flatten()
        signs = guess[chosen].sign()
        some = z[:, chosen]
        solved, failed = torch.linalg.solve_ex(some.mT @ some, moments[chosen] - self.alpha * signs)
        slack = moments - z.mT @ (some @ solved)
        tolerance = CLOSE * moments.abs().amax()
        right = (slack.abs() <= self.alpha + tolerance).all() and (solved * signs >= 0).all()
        right &= ((slack[chosen] - self.alpha * signs).abs() <= tolerance).all()
        return None if failed or not right else torch.zeros_like(guess).scatter(0, chosen, solved)


def constrained(present: Tensor, outputs: Tensor, weights: Tensor, totals: Tensor) -> tuple[Tensor, int]:
    """Weighted least squares without an intercept, where the coefficients add up to a total.

    minimise sum_s w_s (y_s - z_s . c)^2 over c with sum(c) = total

    c = total / P + u for the u that adds up to zero, in which the problem is an ordinary one. Where the samples leave
    several answers, the smallest is taken.

    Args:
        present: Which of the P columns are there in each sample, bool [g, samples, P].
        outputs: K outputs of each game, [g, samples, K].
        weights: What each sample counts, [samples].
        totals: What the coefficients must add up to, [g, K].

    Returns:
        Coefficients [g, P, K] in float64, and the least number of columns that the samples of a game can tell apart.
    """
    z = present.double()
    share = (totals / z.shape[2]).unsqueeze(1)
    scale = weights.double().sqrt().unsqueeze(1)
    design = (z - z.mean(2, keepdim=True)) * scale
    rest = (outputs.double() - z.sum(2, keepdim=True) * share) * scale
    sizes, directions = torch.linalg.eigh(design.mT @ design)
    told_apart = sizes > sizes[:, -1:].clamp(min=SMALLEST) * max(z.shape[1:]) * ROUNDING
    inverse = (directions * torch.where(told_apart, 1 / sizes, 0).unsqueeze(1)) @ directions.mT
    found = inverse @ (design.mT @ rest)
    found = found + inverse @ (design.mT @ (rest - design @ found))  # what squaring the design has lost
    return found + share, int(told_apart.sum(1).min()) + 1


def _centred(present: Tensor, outputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Design and outputs about their weighted means, so that plain sums of their products are weighted means."""
    share = (weights / weights.sum(1, keepdim=True)).unsqueeze(2).double()

    def centred(each: Tensor) -> Tensor:
        return (each - (share * each).sum(1, keepdim=True)) * share.sqrt()

    return centred(present.double()), centred(outputs.double())


def _shifted_inverse(z: Tensor, shift: Tensor) -> Callable[[Tensor], Tensor]:
    """The inverse of z' z + shift, applied; by way of the smaller of z' z and z z'."""
    samples, columns = z.shape[1:]
    if columns <= samples:
        inverse, _ = torch.linalg.inv_ex(z.mT @ z + shift * torch.eye(columns, dtype=z.dtype, device="cpu"))
        return lambda y: inverse @ y
    inner, _ = torch.linalg.inv_ex(z @ z.mT + shift * torch.eye(samples, dtype=z.dtype, device="cpu"))
    return lambda y: (y - z.mT @ (inner @ (z @ y))) / shift
