"""KernelSHAP-IQ: Shapley interactions of pairs as least-squares coefficients, from sampled coalitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game
from pellucid.core.games.removal import RemovalLike
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument, warn
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.estimation import fit_to_coalitions
from pellucid.methods.shapley.interactions import (
    InteractionIndex,
    Interactions,
    apply_index,
    check_index,
    game_interactions,
)
from pellucid.methods.surrogates.coalition_samplers import PairedSampler
from pellucid.methods.surrogates.least_squares import (
    LeastSquaresFit,
    SampleWeights,
    as_one_problem,
    constrained_least_squares,
    least_squares,
)

SAMPLES_PER_UNKNOWN, MORE_SAMPLES = 3, 2048
"""The default number of samples: so many times the least that determine the answer, and so many more."""


@final
@dataclass(frozen=True, kw_only=True)
class KernelShapIQ(Summarized):
    """Shapley interactions of pairs of features, as the solution of a weighted least-squares problem over coalitions.

    minimise over a: sum over coalitions S of 1 / C(n - 4, |S| - 2) * (E(S) - c - sum over pairs of a_ij s_i s_j / 4)^2

    where E(S) is the mean of F(S) and F of the complement of S, and s_i is 1 for i in S and -1 elsewhere. The empty and
    the grand coalition, those of a single feature and those of all but one have infinite weight: they give c and the
    sums over j of a_ij exactly. With all coalitions the solution is the Shapley interactions; if no more than two
    features act together, it is with any samples that determine it. On the diagonal are the Shapley values, as by
    [KernelShap][pellucid.methods.KernelShap], from the same coalitions.

    Every evaluation is used for all pairs, so where few features act together errors are smaller than those of sampled
    permutations at as many evaluations. Samples that hardly determine the answer, below twice the least, give large
    errors.

    Fumagalli, Muschalik, Kolpaczki, Huellermeier, Hammer, "KernelSHAP-IQ: weighted least-square optimization for
    Shapley interactions", 2024, https://arxiv.org/abs/2405.10852.

    Args:
        n_samples: How many coalitions, at least n (n - 1) + 2 for n features that differ from their baselines in some
            example; None is three times as many and 2048 more. None is evaluated twice. "auto" goes on with an example
            until its 95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest value.
        max_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        index: The interaction index, which decides the diagonal; see
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

    n_samples: int | Literal["auto"] | None = None
    tolerance: float = 0.01
    relative: bool = False
    max_samples: int = MOST_SAMPLES
    index: InteractionIndex = "k-SII"
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(
        self,
        f: ModelFunction,
        /,
        baselines: Baselines = None,
        *,
        feature_mask: FeatureMask = None,
        removal: RemovalLike | None = None,
    ) -> Interactions:
        """The interactions of all pairs, with standard errors.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].
            removal: How a feature is taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Interactions (B, *K, features, features) for outputs (B, *K); those of features that equal their baselines
            are zero.

        Raises:
            InvalidArgument: The samples are too few to determine the answer, or the index is none of those above.
        """
        check_index(self.index)
        game = Game(f, feature_mask, baselines, removal)
        players = torch.arange(len(game.active_features), device="cpu")
        coalition_sampler = PairedSampler(len(players), shared_generator(self.seed, self.generator))
        samples, first_round = self._sample_counts(len(players))
        adaptive_sampler = AdaptiveSampler(f, samples, self, first=first_round)
        has_stderr = True

        def fit(_: Game, coalitions: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor | None]:
            nonlocal has_stderr
            singles = constrained_least_squares(coalitions.transpose(0, 1), outputs, coalition_sampler.sample_weights)
            pairs = _fit_pairs(coalitions[:, 0], outputs, coalition_sampler.pair_weights)
            has_stderr = pairs.stderr is not None
            matrices = _flat_matrices(self.index, singles.coefficients, pairs.coefficients)
            if singles.stderr is None or pairs.stderr is None:
                return matrices, None
            # The sum of a feature's interactions is known exactly, so it adds nothing to the error of the diagonal.
            return matrices, _flat_matrices("SII", singles.stderr, pairs.stderr)

        estimate, stderr = await fit_to_coalitions(game, adaptive_sampler, coalition_sampler.sample, fit, players)
        if not has_stderr:
            warn(
                f"n_samples must be larger: {adaptive_sampler.done} coalitions hardly determine the interactions of "
                f"{len(players)} features, and nothing tells how far off they are. "
                f"Hint: n_samples={min(2 * adaptive_sampler.done, 2 ** len(players))}."
            )

        def as_matrices(coefficients: Tensor) -> Tensor:
            rows = coefficients.mT.flatten(0, 1)
            return rows.view(len(rows), len(players), len(players)).to(f.x[0].device)

        errors = None if stderr is None else as_matrices(stderr)
        return game_interactions(game, as_matrices(estimate), errors, adaptive_sampler)

    def _sample_counts(self, players: int) -> tuple[int | Literal["auto"], int]:
        """How many coalitions to sample, and how many of them in the first round with "auto".

        Raises:
            InvalidArgument: They are too few to determine the interactions.
        """
        least = min(2**players, players * (players - 1) + 2)
        samples = SAMPLES_PER_UNKNOWN * least + MORE_SAMPLES if self.n_samples is None else self.n_samples
        name, count = ("max_samples", self.max_samples) if samples == "auto" else ("n_samples", samples)
        if isinstance(count, int) and 0 < count < least:
            raise InvalidArgument(
                f"{name} must be at least {least} to determine the interactions of {players} features: "
                f"got {count}. Hint: ShapleyInteractionSampling takes any number."
            )
        return samples, SAMPLES_PER_UNKNOWN * least


def _flat_matrices(index: InteractionIndex, singles: Tensor, pairs: Tensor) -> Tensor:
    """Interaction matrices [g, n * n, K] of singles [g, n, K] and pairs [g, n (n - 1) / 2, K]."""
    games, players, outputs = singles.shape
    first, second = torch.triu_indices(players, players, 1, device="cpu")
    matrices = singles.new_zeros(games, outputs, players, players)
    matrices[..., first, second] = matrices[..., second, first] = pairs.mT
    return apply_index(index, singles.mT, matrices).flatten(2).mT


def _fit_pairs(coalitions: Tensor, outputs: Tensor, weights: SampleWeights) -> LeastSquaresFit:
    """The interactions of pairs, [g, n (n - 1) / 2, K].

    Args:
        coalitions: Sampled coalitions, bool [samples, n]: each and its complement, the empty and the grand coalition
            first, and all of a single player among them.
        outputs: K outputs of each game, [g, samples, K].
        weights: The weights of the samples.
    """
    y, players = as_one_problem(outputs), coalitions.shape[1]
    first, second = torch.triu_indices(players, players, 1, device="cpu")
    signs, sizes = 2 * coalitions.double() - 1, coalitions.sum(1, keepdim=True)
    # Coalitions of a single player and their complements, [samples, n]: their mean outputs give each player's sum.
    is_single = ((coalitions & (sizes == 1)) | (~coalitions & (sizes == players - 1))).double()
    intercept = y[:, :2].mean(1, keepdim=True)
    single_means = is_single.T @ y / is_single.sum(0).unsqueeze(1)
    interaction_sums = 2 * (intercept - single_means)  # of each player's interactions, known exactly
    membership = torch.zeros(players, len(first), dtype=torch.float64, device="cpu")  # the pairs of each player
    membership.scatter_(0, torch.stack([first, second]), 1)
    pseudoinverse = torch.linalg.pinv(membership)
    known = pseudoinverse @ interaction_sums
    design = signs[:, first] * signs[:, second] / 4
    scale = weights.values.sqrt().unsqueeze(1)
    residual_target = y - intercept + interaction_sums.sum(1, keepdim=True) / 8 - design @ known
    free_design = design - (design @ membership.T) @ pseudoinverse.T  # on the space where the sums are zero
    return least_squares(
        free_design[None] * scale, residual_target * scale, known, weights, games=len(outputs), conditions=players
    )
