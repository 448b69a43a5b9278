"""LIME: a sparse linear model of what the presence of each feature does, near one input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game, masked_points
from pellucid.core.games.outputs import split_by_game
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Background, Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.core.tensors import Tensors, as_tensor_tuple, describe
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.estimation import fit_to_coalitions
from pellucid.methods.surrogates.design import (
    DesignColumns,
    Perturbation,
    Similarity,
    Surrogate,
    as_scalar,
    consume_captum_fit_draws,
    draw_perturbations,
    fit_user_model,
    unwrap_single,
)
from pellucid.methods.surrogates.lasso import Lasso, LinearSolver, bayesian_bootstrap_stderr
from pellucid.methods.surrogates.similarity import ExponentialKernel


def bernoulli_half(original_inp: Any, *, num_interp_features: int, **kwargs: Any) -> Tensor:
    """Which columns are there by a coin for each, int64 (1, `num_interp_features`): how LIME perturbs by default.

    Args:
        original_inp: The inputs, or one of them; of no use here.
        num_interp_features: How many columns there are.
        **kwargs: What else such a function is called with.
    """
    return _bernoulli_coalitions(1, num_interp_features, None).long()


def put_back(
    curr_sample: Tensor, original_inputs: Tensor | Tensors, *, feature_mask: Any, baselines: Any, **kwargs: Any
) -> Tensor | Tensors:
    """The inputs that an interpretable sample stands for: the baselines, with those features back that are there.

    Args:
        curr_sample: What is there of each feature, (1, `num_interp_features`).
        original_inputs: The inputs.
        feature_mask: Which feature each of their elements is of, from 0, in the inputs' structure.
        baselines: What takes the place of others: numbers or tensors, in the inputs' structure.
        **kwargs: What else such a function is called with.

    Examples:
        >>> import torch
        >>> from pellucid.methods.surrogates.lime import put_back
        >>> x, mask = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[0, 1, 1]])
        >>> put_back(torch.tensor([[0, 1]]), x, feature_mask=mask, baselines=9)
        tensor([[9., 2., 3.]])
    """
    x, masks = as_tensor_tuple(original_inputs, "original_inputs"), as_tensor_tuple(feature_mask, "feature_mask")
    fill = baselines if isinstance(baselines, tuple) else (baselines,)
    there = curr_sample[0].bool()
    return unwrap_single(tuple(torch.where(there[m], one, other) for m, one, other in zip(masks, x, fill, strict=True)))


@final
@dataclass(frozen=True, kw_only=True)
class Lime:
    """The coefficients of a linear model, fitted to the output where random features are absent.

    minimise over c, b: sum_s w_s (F(z_s) - b - p_s . c)^2 / (2 sum_s w_s) + alpha * |c|_1, where p_s says which
    features are present in z_s and w_s how close it is to x

    The models of all examples are solved together. A model, perturbation or similarity of one's own is called example
    by example.

    Ribeiro, Singh, Guestrin, "Why should I trust you?", KDD 2016, https://arxiv.org/abs/1602.04938.

    Args:
        samples: How many perturbed inputs; "auto" goes on with an example until its 95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest coefficient.
        most_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        stderr: Whether to estimate standard errors, by further fits; a `model` with `fit` has none.
        similarity: What each of them counts; see [Similarity][pellucid.methods.surrogates.design.Similarity]. It is
            called with `baselines`, `feature_mask` and `num_interp_features`, as the perturbation is.
        model: The linear model, or any object with `fit` and `representation`.
        perturbation: Draws which columns are present, (1, columns) of zeros and ones.
        per_feature: Whether the attributions are one coefficient for each number of a feature, (B, columns), in place
            of the shapes of the source.
        seed: Seeds the coins, which all examples then share; None draws them from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Lasso, Lime, Problem
        >>> problem = Problem(lambda x: 3 * x[:, 0] - x[:, 1], torch.tensor([[2.0, 1.0, 5.0]]))
        >>> Lime(samples=100, model=Lasso(alpha=1e-6), seed=0)(problem).values[0].round(decimals=4)
        tensor([[ 6., -1.,  0.]])
    """

    samples: int | Literal["auto"] = 25
    tolerance: float = 0.01
    relative: bool = False
    most_samples: int = MOST_SAMPLES
    stderr: bool = True
    similarity: Similarity = field(default_factory=ExponentialKernel)
    model: LinearSolver | Surrogate = field(default_factory=Lasso)
    perturbation: Perturbation = bernoulli_half
    per_feature: bool = False
    seed: int | None = None
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.model, Surrogate | LinearSolver):
            raise InvalidArgument(
                f"interpretable_model must have the methods fit and representation: got {describe(self.model)}."
            )

    @attribution
    async def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Attributions:
        """The coefficients of the features.

        Args:
            f: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Attributions of the shapes of the source, one after another for each value of an output: (B * K, ...).

        Raises:
            InvalidArgument: Something does not fit, or a function of the user's returns what it must not.
        """
        if isinstance(baselines, Background):
            raise InvalidArgument(
                "baselines must be one for each example, as samples count by how far they are from it: "
                f"got a Background of {describe(baselines.rows)}. Hint: KernelShap takes it."
            )
        design = DesignColumns(Game(f, feature_mask, baselines))
        generator = shared_generator(self.seed, self.generator)
        narrowing = AdaptiveSampler(f, self.samples, self)
        kernel = self.similarity if isinstance(self.similarity, ExponentialKernel) else None
        if self.perturbation is bernoulli_half and kernel is not None and not isinstance(self.model, Surrogate):
            found, stderr = await self._fit_batched(design, narrowing, kernel, self.model, generator)
        elif self.samples == "auto":
            raise InvalidArgument(
                'n_samples="auto" needs the perturbation and the similarity of LIME and a linear model of pellucid: '
                "got others."
            )
        else:
            games = await design.games()
            each = torch.split(torch.arange(len(f), device="cpu"), 1) if games > 1 else [None]
            parts = [design if one is None else DesignColumns(design.game.among(one), design.numbers) for one in each]
            fits = [await self._fit_one_example(part, narrowing.count, generator, baselines) for part in parts]
            found, stderr = torch.cat([fit for fit, _ in fits]), _joined([error for _, error in fits])
        return narrowing.annotate(design.attributions(found, stderr, per_feature=self.per_feature))

    async def _fit_batched(
        self,
        design: DesignColumns,
        narrowing: AdaptiveSampler,
        kernel: ExponentialKernel,
        model: LinearSolver,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Coefficients [g, columns, K] and standard errors, of all examples at once."""
        shares = generator is not None or self.samples == "auto" or design.game.f.session.whole_batch
        games = 1 if shares else await design.games()

        def coins(samples: int) -> Tensor:
            drawn = []
            for _ in range(games):
                drawn.append(_bernoulli_coalitions(samples, design.columns, generator))
                consume_captum_fit_draws(design.columns, generator)
            return torch.stack(drawn, dim=1)

        def learn(game: Game, present: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor | None]:
            weights = kernel.weights_of_coalitions(
                game, present[:, :, design.column_of_feature], apart=len(outputs) > 1
            )
            return self._fitted(model, present.transpose(0, 1).expand(len(outputs), -1, -1), outputs, weights)

        return await fit_to_coalitions(
            design.game, narrowing, coins, learn, design.column_of_feature[design.game.playing]
        )

    def _fitted(
        self, model: LinearSolver, present: Tensor, outputs: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        found = model.coefficients(present, outputs, weights)
        expected = (len(outputs), present.shape[2], outputs.shape[2])
        if not isinstance(found, Tensor) or found.shape != expected:
            raise InvalidArgument(
                "interpretable_model.coefficients() must be those of all games, columns and outputs: "
                f"expected {expected}, got {describe(found)}."
            )
        wanted = self.stderr or self.samples == "auto"
        return found, bayesian_bootstrap_stderr(model, present, outputs, weights) if wanted else None

    async def _fit_one_example(
        self, design: DesignColumns, count: int, generator: torch.Generator | None, baselines: Baselines
    ) -> tuple[Tensor, Tensor | None]:
        """Coefficients [1, columns, K] of one game and standard errors, by functions of the user's."""
        original, arguments = unwrap_single(design.game.f.x), _arguments(design, baselines)
        drawn = self._drawn(count, design, generator, original, arguments)
        if isinstance(self.similarity, ExponentialKernel):
            present = torch.cat(list(drawn))
            counts = self.similarity.weights_of_coalitions(
                design.game, present[:, None, design.column_of_feature] > 0, apart=False
            )
        else:
            present, counts = self._compared(drawn, design, original, arguments)
        values = await design.values(present[:, None] > 0)
        if not isinstance(self.model, Surrogate):
            consume_captum_fit_draws(design.columns, generator)
            return self._fitted(self.model, present[None] > 0, split_by_game(values, 1), counts)
        fits = [fit_user_model(self.model, present, each, counts[0]) for each in values]
        if any(each.numel() != design.columns for each in fits):
            raise InvalidArgument(
                "interpretable_model.representation() must hold a coefficient for each feature: "
                f"expected (1, {design.columns}), got {describe(fits[0])}."
            )
        return torch.stack([each.reshape(-1) for each in fits], dim=1)[None], None

    def _compared(
        self, drawn: Iterator[Tensor], design: DesignColumns, original: Any, arguments: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Samples as they are drawn, float [samples, columns], and what they count by the user, [1, samples]."""
        game, everywhere = design.game, slice(None)
        samples, weights = [], []
        for sample in drawn:
            there = game.features.among(sample[:, None, design.column_of_feature] > 0, everywhere)
            near = unwrap_single(masked_points(there, game.f.x, game.fill.alone, everywhere))
            weights.append(as_scalar(self.similarity(original, near, sample, **arguments)))
            samples.append(sample)
        return torch.cat(samples), torch.stack(weights)[None]

    def _drawn(
        self,
        count: int,
        design: DesignColumns,
        generator: torch.Generator | None,
        original: Any,
        arguments: dict[str, Any],
    ) -> Iterator[Tensor]:
        """Which columns are present, float (1, columns), sample by sample."""
        if self.perturbation is bernoulli_half:
            again = None if generator is None else torch.Generator("cpu").manual_seed(generator.initial_seed())
            yield from torch.split(_bernoulli_coalitions(count, design.columns, again).float(), 1)
            return
        for sample in draw_perturbations(self.perturbation, count, original, arguments)[1]:
            binary = isinstance(sample, Tensor) and bool(((sample == 0) | (sample == 1)).all())
            if not binary or sample.shape != (1, design.columns):
                raise InvalidArgument(
                    "perturb_func must return zeros and ones, one for each feature: "
                    f"expected (1, {design.columns}), got {describe(sample)}."
                )
            yield sample.detach().cpu().float()


def _bernoulli_coalitions(samples: int, columns: int, generator: torch.Generator | None) -> Tensor:
    """Which columns are present, bool [samples, columns]."""
    return torch.bernoulli(torch.full((samples, columns), 0.5, device="cpu"), generator=generator) > 0


def _joined(errors: list[Tensor | None]) -> Tensor | None:
    """Standard errors of one game after another; None where they are not told."""
    told = [each for each in errors if each is not None]
    return torch.cat(told) if len(told) == len(errors) else None


def _arguments(design: DesignColumns, baselines: Baselines) -> dict[str, Any]:
    """What functions of Captum's users are called with by name: baselines that are numbers as they were given."""
    masks = tuple(design.column_of_feature.to(mask.device)[mask] for mask in design.game.features.masks)
    fill = design.game.fill.alone
    entries = baselines if isinstance(baselines, tuple) else (baselines,) * len(fill)
    given: list[Any] = [0 if one is None else one for one in entries]
    given = [_first_rows(rows, one) if isinstance(one, Tensor) else one for one, rows in zip(given, fill, strict=True)]
    return {
        "baselines": unwrap_single(tuple(given)),
        "feature_mask": unwrap_single(masks),
        "num_interp_features": design.columns,
    }


def _first_rows(rows: Tensor, like: Tensor) -> Tensor:
    """The rows, or the first where one was given for all."""
    return rows[: len(like)] if like.ndim == rows.ndim else rows
