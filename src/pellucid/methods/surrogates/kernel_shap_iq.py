"""KernelSHAP-IQ: interactions of pairs as the coefficients of a model of pairs, by few coalitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.errors import InvalidArgument, warn
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.estimation import fit_to_coalitions
from pellucid.methods.shapley.interactions import (
    InteractionIndex,
    Interactions,
    apply_index,
    check_index,
    to_all_features,
)
from pellucid.methods.surrogates.coalition_samplers import PairedSampler
from pellucid.methods.surrogates.least_squares import LeastSquaresFit, constrained_least_squares, least_squares, of_one

SAMPLES_PER_UNKNOWN, MORE_SAMPLES = 3, 2048
"""By default so many times the coalitions that determine the answer, and some more."""


@final
@dataclass(frozen=True, kw_only=True)
class KernelShapIQ:
    """Shapley interactions of pairs of features, as the solution of a weighted least-squares problem over coalitions.

    minimise over a: sum over coalitions S of 1 / C(n - 4, |S| - 2) * (E(S) - c - sum over pairs of a_ij s_i s_j / 4)^2

    where E(S) is the mean of F(S) and F of the others, and s_i is 1 in S and -1 elsewhere. The coalitions of none, of a
    single feature and of all but one count infinitely: they say what c and sum over j of a_ij are, exactly. With all
    coalitions these are the Shapley interactions; of a game of pairs, with any that determine them. On the diagonal are
    the Shapley values, as by [KernelShap][pellucid.methods.KernelShap], from the same coalitions.

    Every evaluation tells of all pairs, so where few features act together errors are smaller than those of sampled
    orders at as many evaluations. Samples that hardly determine the answer, below twice the least, give large ones.

    Fumagalli, Muschalik, Kolpaczki, Huellermeier, Hammer, "KernelSHAP-IQ: weighted least-square optimization for
    Shapley interactions", 2024, https://arxiv.org/abs/2405.10852.

    Args:
        samples: How many coalitions, at least n (n - 1) + 2 for n features that make a difference; None is three times
            as many and 2048 more. Never more than there are are evaluated. "auto" goes on with an example until its
            95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest value.
        most_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        index: What is told of single features; see
            [InteractionIndex][pellucid.methods.shapley.interactions.InteractionIndex].
        seed: Seeds the coalitions, which all examples share; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import KernelShapIQ, Problem
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[2.0, 3.0, 1.0]]))
        >>> KernelShapIQ()(problem).values[0, 0, 1].round(decimals=4)
        tensor(6.)
    """

    samples: int | Literal["auto"] | None = None
    tolerance: float = 0.01
    relative: bool = False
    most_samples: int = MOST_SAMPLES
    index: InteractionIndex = "k-SII"
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Interactions:
        """The interactions of all pairs, with standard errors.

        Args:
            f: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Interactions (B, *K, features, features) for outputs (B, *K); those of features that equal their baselines
            are zero.

        Raises:
            InvalidArgument: The samples are too few to determine the answer, or the index is none of those above.
        """
        check_index(self.index)
        game = Game(f, feature_mask, baselines)
        players = torch.arange(len(game.playing), device="cpu")
        source = PairedSampler(len(players), shared_generator(self.seed, self.generator))
        least = min(2 ** len(players), len(players) * (len(players) - 1) + 2)
        samples = SAMPLES_PER_UNKNOWN * least + MORE_SAMPLES if self.samples is None else self.samples
        given = self.most_samples if samples == "auto" else samples
        if isinstance(given, int) and 0 < given < least:
            name = "most_samples" if samples == "auto" else "samples"
            raise InvalidArgument(
                f"{name} must be at least {least} to determine the interactions of {len(players)} features: "
                f"got {given}. Hint: ShapleyInteractionSampling takes any number."
            )
        narrowing = AdaptiveSampler(f, samples, self, first=SAMPLES_PER_UNKNOWN * least, name="samples")
        told = True

        def solved(_: Game, present: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor | None]:
            nonlocal told
            alone = constrained_least_squares(
                present.transpose(0, 1), outputs, source.weights, source.draws, source.left
            )
            pairs = _of_pairs(present[:, 0], outputs, *source.of_pairs())
            told = pairs.stderr is not None
            found = self._matrices(alone.coefficients, pairs.coefficients, self.index)
            if alone.stderr is None or pairs.stderr is None:
                return found, None
            return found, self._matrices(alone.stderr, pairs.stderr, "SII")

        worth, stderr = await fit_to_coalitions(game, narrowing, source.more, solved, players)
        if not told:
            warn(
                f"samples must be larger: {narrowing.done} coalitions hardly determine the interactions of "
                f"{len(players)} features, and nothing tells how far off they are. "
                f"Hint: samples={min(2 * narrowing.done, 2 ** len(players))}."
            )

        def of_outputs(values: Tensor) -> Tensor:
            rows = values.mT.flatten(0, 1)
            matrices = rows.view(len(rows), len(players), len(players))
            return to_all_features(game, matrices.to(f.x[0].device))

        return Interactions(
            of_outputs(worth),
            game.features.names.sort().values,
            None if stderr is None else of_outputs(stderr),
            narrowing.n_evaluations,
            narrowing.converged,
        )

    @staticmethod
    def _matrices(alone: Tensor, pairs: Tensor, index: InteractionIndex) -> Tensor:
        """Matrices [g, n * n, K] of what features are worth, [g, n, K], and pairs are, [g, n (n - 1) / 2, K].

        The interactions of a feature add up to what is known exactly, so errors of single features are those of "SII".
        """
        games, players, outputs = alone.shape
        one, other = torch.triu_indices(players, players, 1, device="cpu")
        matrices = alone.new_zeros(games, outputs, players, players)
        matrices[..., one, other] = matrices[..., other, one] = pairs.mT
        return apply_index(index, alone.mT, matrices).flatten(2).mT


def _of_pairs(present: Tensor, outputs: Tensor, weights: Tensor, draws: Tensor, left: Tensor) -> LeastSquaresFit:
    """The interactions of pairs, [g, n (n - 1) / 2, K].

    Args:
        present: Who is in each coalition, bool [samples, n]; each comes with its complement, those of none and of all
            first, and those of a single player are there.
        outputs: K outputs of each game, [g, samples, K].
        weights: What each sample counts, [samples].
        draws: See [constrained_least_squares][pellucid.methods.surrogates.least_squares.constrained_least_squares].
        left: See there.
    """
    told, players = of_one(outputs), present.shape[1]
    one, other = torch.triu_indices(players, players, 1, device="cpu")
    signs, size = 2 * present.double() - 1, present.sum(1, keepdim=True)
    ends = ((present & (size == 1)) | (~present & (size == players - 1))).double()  # and which player is alone, or out
    middle = told[:, :2].mean(1, keepdim=True)
    singles = ends.T @ told / ends.sum(0).unsqueeze(1)
    together = torch.zeros(players, len(one), dtype=torch.float64, device="cpu")  # which pairs a player is in
    together.scatter_(0, torch.stack([one, other]), 1)
    spread = torch.linalg.pinv(together)
    sums = 2 * (middle - singles)  # of each player's interactions
    known = spread @ sums
    design = signs[:, one] * signs[:, other] / 4
    scale = weights.sqrt().unsqueeze(1)
    rest = told - middle + sums.sum(1, keepdim=True) / 8 - design @ known
    free = design - (design @ together.T) @ spread.T
    return least_squares(free[None] * scale, rest * scale, known, draws, left, games=len(outputs), conditions=players)
