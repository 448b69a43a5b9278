"""LIME: a sparse linear model of the output near an input, in the presence of its features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.fill import Fill
from pellucid.core.games.game import Game
from pellucid.core.games.outputs import split_by_game
from pellucid.core.games.removal import RemovalLike
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Background, Baselines, given_baselines
from pellucid.core.random_streams import shared_generator
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, as_tensor_tuple, describe, unwrap_single
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
)
from pellucid.methods.surrogates.lasso import Lasso, LinearSolver, bayesian_bootstrap_stderr
from pellucid.methods.surrogates.similarity import ExponentialKernel


def bernoulli_half(original_inp: Any, *, num_interp_features: int, **kwargs: Any) -> Tensor:
    """A random coalition, int64 (1, `num_interp_features`), with each column with probability 1/2: LIME's default.

    Args:
        original_inp: The inputs, or one of them; unused.
        num_interp_features: How many columns there are.
        **kwargs: Other arguments that such a function is called with; unused.
    """
    return _bernoulli_coalitions(1, num_interp_features, None).long()


def perturbed_inputs(
    curr_sample: Tensor, original_inputs: Tensor | Tensors, *, feature_mask: Any, baselines: Any, **kwargs: Any
) -> Tensor | Tensors:
    """The perturbed inputs of an interpretable sample: the inputs in its features, the baselines elsewhere.

    Args:
        curr_sample: Which features are present, (1, `num_interp_features`) of zeros and ones.
        original_inputs: The inputs.
        feature_mask: The feature of each element, from 0, in the inputs' structure.
        baselines: The values of absent features: numbers or tensors, in the inputs' structure.
        **kwargs: Other arguments that such a function is called with; unused.

    Examples:
        >>> import torch
        >>> from pellucid.methods.surrogates.lime import perturbed_inputs
        >>> x, mask = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[0, 1, 1]])
        >>> perturbed_inputs(torch.tensor([[0, 1]]), x, feature_mask=mask, baselines=9)
        tensor([[9., 2., 3.]])
    """
    x, masks = as_tensor_tuple(original_inputs, "original_inputs"), as_tensor_tuple(feature_mask, "feature_mask")
    fill = baselines if isinstance(baselines, tuple) else (baselines,)
    present = curr_sample[0].bool()
    triples = zip(masks, x, fill, strict=True)
    return unwrap_single(tuple(torch.where(present[mask], tensor, baseline) for mask, tensor, baseline in triples))


@final
@dataclass(frozen=True, kw_only=True)
class Lime(Summarized):
    """The coefficients of a linear model, fitted to the outputs for random coalitions of features.

    minimise over c, b: sum_s w_s (F(z_s) - b - p_s . c)^2 / (2 sum_s w_s) + alpha * |c|_1, where p_s says which
    features are present in the perturbed input z_s, and the weight w_s is its similarity to x

    The models of all examples are solved together. A user's own model, perturbation or similarity is called example by
    example.

    Ribeiro, Singh, Guestrin, "Why should I trust you?", KDD 2016, https://arxiv.org/abs/1602.04938.

    Args:
        n_samples: How many perturbed inputs; "auto" goes on with an example until its 95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest coefficient.
        max_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        return_stderr: Whether to estimate standard errors, by further fits; an `interpretable_model` with `fit` has
            none.
        similarity_func: The weight of each; see [Similarity][pellucid.methods.surrogates.design.Similarity]. It is
            called with `baselines`, `feature_mask` and `num_interp_features`, as the perturbation is.
        interpretable_model: The linear model, or any object with `fit` and `representation`.
        perturb_func: Draws which columns are present, (1, columns) of zeros and ones.
        per_feature: Whether the attributions are one coefficient per number of a feature, (B, columns), in place of the
            shapes of the source.
        seed: Seeds the coalitions, which all examples then share; None draws them from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Lasso, Lime, Problem
        >>> problem = Problem(lambda x: 3 * x[:, 0] - x[:, 1], torch.tensor([[2.0, 1.0, 5.0]]))
        >>> Lime(n_samples=100, interpretable_model=Lasso(alpha=1e-6), seed=0)(problem).values[0].round(decimals=4)
        tensor([[ 6., -1.,  0.]])
    """

    n_samples: int | Literal["auto"] = 25
    tolerance: float = 0.01
    relative: bool = False
    max_samples: int = MOST_SAMPLES
    return_stderr: bool = True
    similarity_func: Similarity = field(default_factory=ExponentialKernel)
    interpretable_model: LinearSolver | Surrogate = field(default_factory=Lasso)
    perturb_func: Perturbation = bernoulli_half
    per_feature: bool = False
    seed: int | None = None
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.interpretable_model, Surrogate | LinearSolver):
            raise InvalidArgument(
                "interpretable_model must have the methods fit and representation: got "
                f"{describe(self.interpretable_model)}."
            )

    @attribution
    async def __call__(
        self,
        f: ModelFunction,
        /,
        baselines: Baselines = None,
        *,
        feature_mask: FeatureMask = None,
        removal: RemovalLike | None = None,
    ) -> Attributions:
        """The coefficients of the features.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].
            removal: How a feature is taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Attributions of the shapes of the source, one after another for each value of an output: (B * K, ...).

        Raises:
            InvalidArgument: Something does not fit, or a function of the user's returns what it must not.
        """
        baselines = given_baselines(baselines, unwrap_single(f.x))
        if isinstance(baselines, Background):
            raise InvalidArgument(
                "baselines must be one for each example, as samples count by how far they are from it: "
                f"got a Background of {describe(baselines.rows)}. Hint: KernelShap takes it."
            )
        game = Game(f, feature_mask, baselines, removal)
        if removal is not None and isinstance(game.imputer, Fill):
            baselines = game.imputer.baseline
        design = DesignColumns(game)
        generator = shared_generator(self.seed, self.generator)
        adaptive_sampler = AdaptiveSampler(f, self.n_samples, self)
        kernel, model = self.similarity_func, self.interpretable_model
        is_drawn_here = self.perturb_func is bernoulli_half
        if is_drawn_here and isinstance(kernel, ExponentialKernel) and not isinstance(model, Surrogate):
            coefficients, stderr = await self._fit_batched(design, adaptive_sampler, kernel, model, generator)
        elif self.n_samples == "auto":
            raise InvalidArgument(
                'n_samples="auto" needs the perturbation and the similarity of LIME and a linear model of pellucid: '
                "got others."
            )
        else:
            designs = [design]
            if await design.games() > 1:
                examples = torch.split(torch.arange(len(f), device="cpu"), 1)
                designs = [DesignColumns(design.game.select(example), design.id_range) for example in examples]
            fits = [
                await self._fit_one_example(one_design, adaptive_sampler.count, generator, baselines)
                for one_design in designs
            ]
            coefficients, stderr = torch.cat([fit for fit, _ in fits]), _joined([error for _, error in fits])
        return adaptive_sampler.annotate(design.attributions(coefficients, stderr, per_feature=self.per_feature))

    async def _fit_batched(
        self,
        design: DesignColumns,
        adaptive_sampler: AdaptiveSampler,
        kernel: ExponentialKernel,
        model: LinearSolver,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Coefficients [g, columns, K] and standard errors, of all examples at once."""
        shared = generator is not None or self.n_samples == "auto" or design.game.f.session.whole_batch
        games = 1 if shared else await design.games()

        def draw(samples: int) -> Tensor:
            coalitions = []
            for _ in range(games):
                coalitions.append(_bernoulli_coalitions(samples, design.columns, generator))
                consume_captum_fit_draws(design.columns, generator)
            return torch.stack(coalitions, dim=1)

        def fit(game: Game, present: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor | None]:
            weights = kernel.weights_of_coalitions(
                game, present[:, :, design.column_of_feature], apart=len(outputs) > 1
            )
            return self._fit_linear(model, present.transpose(0, 1).expand(len(outputs), -1, -1), outputs, weights)

        player_columns = design.column_of_feature[design.game.active_features]
        return await fit_to_coalitions(design.game, adaptive_sampler, draw, fit, player_columns)

    def _fit_linear(
        self, model: LinearSolver, present: Tensor, outputs: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Coefficients [g, columns, K] of a linear model, and standard errors if they are wanted."""
        coefficients = model.coefficients(present, outputs, weights)
        expected = (len(outputs), present.shape[2], outputs.shape[2])
        if not isinstance(coefficients, Tensor) or coefficients.shape != expected:
            raise InvalidArgument(
                "interpretable_model.coefficients() must be those of all games, columns and outputs: "
                f"expected {expected}, got {describe(coefficients)}."
            )
        needs_stderr = self.return_stderr or self.n_samples == "auto"
        return coefficients, bayesian_bootstrap_stderr(model, present, outputs, weights) if needs_stderr else None

    async def _fit_one_example(
        self, design: DesignColumns, count: int, generator: torch.Generator | None, baselines: Baselines
    ) -> tuple[Tensor, Tensor | None]:
        """Coefficients [1, columns, K] of one game and standard errors, by functions of the user's."""
        original, arguments = unwrap_single(design.game.f.x), _callback_arguments(design, baselines)
        samples = self._draw_samples(count, design, generator, original, arguments)
        if isinstance(self.similarity_func, ExponentialKernel):
            present = torch.cat(list(samples))
            weights = self.similarity_func.weights_of_coalitions(
                design.game, present[:, None, design.column_of_feature] > 0, apart=False
            )
        else:
            present, weights = self._weigh_samples(samples, design, original, arguments)
        values = await design.values(present[:, None] > 0)
        model = self.interpretable_model
        if not isinstance(model, Surrogate):
            consume_captum_fit_draws(design.columns, generator)
            return self._fit_linear(model, present[None] > 0, split_by_game(values, 1), weights)
        coefficients = [fit_user_model(model, present, outputs, weights[0]) for outputs in values]
        if any(output_coefficients.numel() != design.columns for output_coefficients in coefficients):
            raise InvalidArgument(
                "interpretable_model.representation() must hold a coefficient for each feature: "
                f"expected (1, {design.columns}), got {describe(coefficients[0])}."
            )
        return torch.stack([output_coefficients.reshape(-1) for output_coefficients in coefficients], dim=1)[None], None

    def _weigh_samples(
        self, drawn: Iterator[Tensor], design: DesignColumns, original: Any, arguments: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Samples as they are drawn, float [samples, columns], and the user's weights of them, [1, samples]."""
        samples, weights = [], []
        for sample in drawn:
            perturbed = unwrap_single(design.game.points(sample[:, None, design.column_of_feature] > 0))
            weights.append(as_scalar(self.similarity_func(original, perturbed, sample, **arguments)))
            samples.append(sample)
        return torch.cat(samples), torch.stack(weights)[None]

    def _draw_samples(
        self,
        count: int,
        design: DesignColumns,
        generator: torch.Generator | None,
        original: Any,
        arguments: dict[str, Any],
    ) -> Iterator[Tensor]:
        """Which columns are present, float (1, columns), sample by sample."""
        if self.perturb_func is bernoulli_half:
            restarted = None if generator is None else torch.Generator("cpu").manual_seed(generator.initial_seed())
            yield from torch.split(_bernoulli_coalitions(count, design.columns, restarted).float(), 1)
            return
        for sample in draw_perturbations(self.perturb_func, count, original, arguments)[1]:
            is_binary = isinstance(sample, Tensor) and bool(((sample == 0) | (sample == 1)).all())
            if not is_binary or sample.shape != (1, design.columns):
                raise InvalidArgument(
                    "perturb_func must return zeros and ones, one for each feature: "
                    f"expected (1, {design.columns}), got {describe(sample)}."
                )
            yield sample.detach().cpu().float()


def _bernoulli_coalitions(samples: int, columns: int, generator: torch.Generator | None) -> Tensor:
    """Random coalitions, bool [samples, columns], in which each column is present with probability 1/2."""
    return torch.bernoulli(torch.full((samples, columns), 0.5, device="cpu"), generator=generator) > 0


def _joined(errors: list[Tensor | None]) -> Tensor | None:
    """Standard errors of one game after another; None if a game has none."""
    known = [error for error in errors if error is not None]
    return torch.cat(known) if len(known) == len(errors) else None


def _callback_arguments(design: DesignColumns, baselines: Baselines) -> dict[str, Any]:
    """The keyword arguments of users' functions; baselines that are numbers stay numbers."""
    masks = tuple(design.column_of_feature.to(mask.device)[mask] for mask in design.game.features.masks)
    return {
        "baselines": _callback_baselines(design.game, baselines),
        "feature_mask": unwrap_single(masks),
        "num_interp_features": design.columns,
    }


def _callback_baselines(game: Game, baselines: Baselines) -> Any:
    """The baselines that users' functions are given; None where a removal makes no values that are the same always."""
    if not isinstance(game.imputer, Fill):
        return None
    rows = game.imputer.baseline
    entries: tuple[Any, ...] = baselines if isinstance(baselines, tuple) else (baselines,) * len(rows)
    values = [
        _first_rows(row, entry) if isinstance(entry, Tensor) else 0 if entry is None else entry
        for entry, row in zip(entries, rows, strict=True)
    ]
    return values[0] if len(values) == 1 else tuple(values)


def _first_rows(rows: Tensor, like: Tensor) -> Tensor:
    """The rows; only the first where one was given for all."""
    return rows[: len(like)] if like.ndim == rows.ndim else rows
