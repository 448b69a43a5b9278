"""A surrogate of the model around one input, by any perturbation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.batching import Fewer
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.outcomes import evaluate_samples
from pellucid.core.problem.attributions import Attributions
from pellucid.core.pytree import TensorTree
from pellucid.core.tensors import Tensors, as_tensor_tuple, describe
from pellucid.errors import InvalidArgument, check_count
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.surrogates.design import (
    Perturbation,
    Similarity,
    Surrogate,
    as_scalar,
    draw_perturbations,
    fit_user_model,
    unwrap_single,
)
from pellucid.methods.surrogates.vectorized import Vectorized

Transform: TypeAlias = Callable[..., Any]
"""From inputs to interpretable samples or back: (sample, original input, **kwargs) -> the other."""


@final
@dataclass(frozen=True, kw_only=True)
class LimeBase:
    """What an interpretable model learns from the outputs for perturbed inputs: LIME with every part chosen.

    The inputs are explained as one: a single example, or a batch for which the model returns one value.

    Functions are called with one sample at a time. Of more than 64 samples, the others after these are taken together
    by `torch.vmap` where that gave the same for the first ones and where all functions can be seen to keep nothing:
    they read their arguments, tensors, numbers, torch and functions like them alone, and write nothing that stays.

    Ribeiro, Singh, Guestrin, "Why should I trust you?", KDD 2016, https://arxiv.org/abs/1602.04938.

    Args:
        model: Is fitted to interpretable samples, outputs and weights; what it learnt is the result.
        similarity: What each perturbed input counts; see [Similarity][pellucid.methods.surrogates.design.Similarity].
        perturbation: Draws perturbed inputs, or interpretable samples.
        from_interpretable: Turns interpretable samples (1, columns) into inputs, where such are drawn.
        to_interpretable: Turns perturbed inputs into interpretable samples, where these are drawn.
        perturbs_interpretable: Whether interpretable samples are drawn, or else perturbed inputs.
        samples: How many.
        arguments: What these functions are called with by name.

    Raises:
        InvalidArgument: The transform that is needed is not given.

    Examples:
        >>> import torch
        >>> from pellucid.methods import LimeBase, Problem
        >>> class Means:
        ...     def fit(self, data): (self.batch,) = data
        ...     def representation(self): return (self.batch[0] * self.batch[1][:, None]).mean(0, keepdim=True)
        >>> lime = LimeBase(
        ...     model=Means(),
        ...     similarity=lambda original, near, sample: 1.0,
        ...     perturbation=lambda original: torch.bernoulli(torch.full((1, 2), 0.5)),
        ...     from_interpretable=lambda sample, original: original * sample,
        ... )
        >>> lime(Problem(lambda x: x.sum(1), torch.tensor([[3.0, 0.0]]))).values[0].shape
        torch.Size([1, 2])
    """

    model: Surrogate
    similarity: Similarity
    perturbation: Perturbation
    from_interpretable: Transform | None = None
    to_interpretable: Transform | None = None
    perturbs_interpretable: bool = True
    samples: int = 50
    arguments: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = "from_interp_rep_transform" if self.perturbs_interpretable else "to_interp_rep_transform"
        if self._transform is None:
            space = "interpretable samples" if self.perturbs_interpretable else "perturbed inputs"
            raise InvalidArgument(f"{name} must be a function where {space} are drawn: got None.")

    @property
    def _transform(self) -> Transform | None:
        return self.from_interpretable if self.perturbs_interpretable else self.to_interpretable

    @attribution
    async def __call__(self, f: ModelFunction, /) -> Attributions:
        """What the model learnt.

        Args:
            f: From the inputs or a layer; to one value.

        Returns:
            The model's representation.

        Raises:
            InvalidArgument: The output is more than one value; a function returns what it must not.
        """
        check_count("n_samples", self.samples)
        original = unwrap_single(f.x)
        count, drawn = draw_perturbations(self.perturbation, self.samples, original, self.arguments)
        parts = (self.perturbation, self._transform, self.similarity, *self.arguments.values())
        taken = Vectorized(partial(self._taken, original), count, f.problem.options.reported_as or "LimeBase", parts)
        samples = _PerturbedSamples(partial(taken, drawn))
        values = await evaluate_samples(f, count, samples.points)
        if len(values) != 1:
            raise InvalidArgument(f"forward_func must return one value for all inputs together: got {len(values)}.")
        learnt = fit_user_model(self.model, torch.cat(samples.interpretable), values[0], torch.cat(samples.weights))
        found, structure = TensorTree.of(learnt)
        return Attributions(found, structure=structure)

    def _taken(self, original: Any, drawn: Any) -> Tensors:
        """Perturbed inputs, the interpretable sample and what it counts, a tensor of no dimensions."""
        other: Any = self._transform and self._transform(drawn, original, **self.arguments)
        near, sample = (other, drawn) if self.perturbs_interpretable else (drawn, other)
        if not isinstance(sample, Tensor) or sample.ndim != 2 or len(sample) != 1:
            raise InvalidArgument(f"an interpretable sample must have the shape (1, columns): got {describe(sample)}.")
        weight = as_scalar(self.similarity(original, near, sample, **self.arguments))
        return *as_tensor_tuple(near, "perturbed inputs"), sample, weight


@final
class _PerturbedSamples:
    """Samples that are taken when the model needs them; of those it has seen, perturbed inputs are held no longer.

    Args:
        take: So many more of them, in blocks of one size: perturbed inputs, interpretable samples, what they count.
    """

    def __init__(self, take: Callable[[int], list[Tensors]]) -> None:
        self._take = take
        self.interpretable: list[Tensor] = []
        self.weights: list[Tensor] = []
        self._inputs: list[Tensors] = []
        self._first = 0

    def points(self, sample_range: slice, point_range: slice) -> Tensors:
        """The perturbed inputs of these samples.

        Raises:
            Fewer: They are of several sizes: what takes parts away may change the size.
        """
        inputs = self._inputs
        held = sum(len(block[0]) for block in inputs)
        for *near, sample, weight in self._take(max(0, sample_range.stop - self._first - held)):
            inputs.append(tuple(near))
            self.interpretable.append(sample.flatten(0, 1))
            self.weights.append(weight)
        while self._first < sample_range.start:
            seen = min(sample_range.start - self._first, len(inputs[0][0]))
            self._first += seen
            inputs[:1] = [tuple(each[seen:] for each in inputs[0])] if seen < len(inputs[0][0]) else []
        count = sample_range.stop - sample_range.start
        if len(inputs[0][0]) < count:
            raise Fewer(len(inputs[0][0]))
        return tuple(each[:count, point_range].flatten(0, 1) for each in inputs[0])
