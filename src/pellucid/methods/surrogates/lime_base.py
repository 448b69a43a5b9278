"""A surrogate of the model near one input, with any perturbation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.batching import FewerSamples
from pellucid.core.counts import check_count
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.outcomes import evaluate_samples
from pellucid.core.problem.attributions import Attributions
from pellucid.core.pytree import TensorTree
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, as_tensor_tuple, describe, unwrap_single
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.surrogates.design import (
    Perturbation,
    Similarity,
    Surrogate,
    as_scalar,
    draw_perturbations,
    fit_user_model,
)
from pellucid.methods.surrogates.vectorized import Vectorized

Transform: TypeAlias = Callable[..., Any]
"""Turns interpretable samples into perturbed inputs, or back: (one, original input, **kwargs) -> the other."""


@final
@dataclass(frozen=True, kw_only=True)
class LimeBase(Summarized):
    """LIME with every part chosen: an interpretable model, fitted to the outputs for perturbed inputs.

    The inputs are explained as one: a single example, or a batch for which the model returns one value.

    Functions are called with one sample at a time. From the 65th sample on, they are mapped over samples by
    `torch.vmap`, if that gives the same results for the first 64 and if all functions can be seen to be stateless: they
    read only their arguments, tensors, numbers, torch and functions like them, and write nothing that outlives a call.
    Writes into `tensor.data` cannot be seen, as torch does not count them.

    Ribeiro, Singh, Guestrin, "Why should I trust you?", KDD 2016, https://arxiv.org/abs/1602.04938.

    Args:
        interpretable_model: Is fitted to interpretable samples, outputs and weights; its representation is the result.
        similarity_func: The weight of each perturbed input; see
            [Similarity][pellucid.methods.surrogates.design.Similarity].
        perturb_func: Draws perturbed inputs, or interpretable samples.
        from_interp_rep_transform: Turns interpretable samples (1, columns) into perturbed inputs, if they are drawn.
        to_interp_rep_transform: Turns perturbed inputs into interpretable samples, if they are drawn.
        perturb_interpretable_space: Whether interpretable samples are drawn; otherwise perturbed inputs.
        n_samples: How many samples are drawn.
        callback_kwargs: Keyword arguments of these functions.

    Raises:
        InvalidArgument: The transform that is needed is not given.

    Examples:
        >>> import torch
        >>> from pellucid.methods import LimeBase, Problem
        >>> class Means:
        ...     def fit(self, data): (self.batch,) = data
        ...     def representation(self): return (self.batch[0] * self.batch[1][:, None]).mean(0, keepdim=True)
        >>> lime = LimeBase(
        ...     interpretable_model=Means(),
        ...     similarity_func=lambda original, near, sample: 1.0,
        ...     perturb_func=lambda original: torch.bernoulli(torch.full((1, 2), 0.5)),
        ...     from_interp_rep_transform=lambda sample, original: original * sample,
        ... )
        >>> lime(Problem(lambda x: x.sum(1), torch.tensor([[3.0, 0.0]]))).values[0].shape
        torch.Size([1, 2])
    """

    interpretable_model: Surrogate
    similarity_func: Similarity
    perturb_func: Perturbation
    from_interp_rep_transform: Transform | None = None
    to_interp_rep_transform: Transform | None = None
    perturb_interpretable_space: bool = True
    n_samples: int = 50
    callback_kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = "from_interp_rep_transform" if self.perturb_interpretable_space else "to_interp_rep_transform"
        if self._transform is None:
            space = "interpretable samples" if self.perturb_interpretable_space else "perturbed inputs"
            raise InvalidArgument(f"{name} must be a function where {space} are drawn: got None.")

    @property
    def _transform(self) -> Transform | None:
        return self.from_interp_rep_transform if self.perturb_interpretable_space else self.to_interp_rep_transform

    @attribution
    async def __call__(self, f: ModelFunction, /) -> Attributions:
        """The representation of the fitted model.

        Args:
            f: A function of points at the inputs or a layer, with one value.

        Returns:
            The model's representation.

        Raises:
            InvalidArgument: The output is more than one value; a function returns what it must not.
        """
        check_count("n_samples", self.n_samples)
        original = unwrap_single(f.x)
        count, drawn = draw_perturbations(self.perturb_func, self.n_samples, original, self.callback_kwargs)
        dependencies = (self.perturb_func, self._transform, self.similarity_func, *self.callback_kwargs.values())
        name = f.problem.options.reported_as or "LimeBase"
        weigh_samples = Vectorized(partial(self._weigh_sample, original), count, name, dependencies)
        samples = _PerturbedSamples(partial(weigh_samples, drawn))
        values = await evaluate_samples(f, count, samples.points)
        if len(values) != 1:
            raise InvalidArgument(f"model must return one value for all inputs together: got {len(values)}.")
        representation = fit_user_model(
            self.interpretable_model, torch.cat(samples.interpretable), values[0], torch.cat(samples.weights)
        )
        tensors, structure = TensorTree.of(representation)
        return Attributions(tensors, structure=structure)

    def _weigh_sample(self, original: Any, drawn: Any) -> Tensors:
        """The perturbed inputs of a drawn sample, its interpretable sample, and its weight, of no dimensions."""
        transformed: Any = self._transform and self._transform(drawn, original, **self.callback_kwargs)
        perturbed, sample = (transformed, drawn) if self.perturb_interpretable_space else (drawn, transformed)
        if not isinstance(sample, Tensor) or sample.ndim != 2 or len(sample) != 1:
            raise InvalidArgument(f"an interpretable sample must have the shape (1, columns): got {describe(sample)}.")
        weight = as_scalar(self.similarity_func(original, perturbed, sample, **self.callback_kwargs))
        return *as_tensor_tuple(perturbed, "perturbed inputs"), sample, weight


@final
class _PerturbedSamples:
    """Samples that are drawn when the model needs them; perturbed inputs are released once it has seen them.

    Args:
        draw: (number of samples) -> further samples, in blocks of one shape: perturbed inputs, interpretable samples,
            weights.
    """

    def __init__(self, draw: Callable[[int], list[Tensors]]) -> None:
        self._draw = draw
        self.interpretable: list[Tensor] = []
        self.weights: list[Tensor] = []
        self._inputs: list[Tensors] = []
        self._first = 0

    def points(self, sample_range: slice, point_range: slice) -> Tensors:
        """The perturbed inputs of these samples.

        Raises:
            FewerSamples: They have several shapes, as perturbations may remove parts of the inputs.
        """
        inputs = self._inputs
        held = sum(len(block[0]) for block in inputs)
        for *perturbed, sample, weight in self._draw(max(0, sample_range.stop - self._first - held)):
            inputs.append(tuple(perturbed))
            self.interpretable.append(sample.flatten(0, 1))
            self.weights.append(weight)
        while self._first < sample_range.start:
            seen = min(sample_range.start - self._first, len(inputs[0][0]))
            self._first += seen
            inputs[:1] = [tuple(tensor[seen:] for tensor in inputs[0])] if seen < len(inputs[0][0]) else []
        count = sample_range.stop - sample_range.start
        if len(inputs[0][0]) < count:
            raise FewerSamples(len(inputs[0][0]))
        return tuple(tensor[:count, point_range].flatten(0, 1) for tensor in inputs[0])
