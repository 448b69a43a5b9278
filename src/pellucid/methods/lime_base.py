"""A surrogate of the model around one input, by any perturbation."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.budget import Fewer
from pellucid.core.game import outcomes
from pellucid.core.pathway import Pathway
from pellucid.core.structure import Structure
from pellucid.core.tensors import Tensors, described, shapes, tensors_of
from pellucid.errors import InvalidArgument, check_count
from pellucid.methods.edge import attribution
from pellucid.methods.result import Attributions
from pellucid.methods.surrogate import (
    Perturbation,
    Similarity,
    Surrogate,
    as_given,
    fitted,
    one_number,
    perturbed,
)

Transform: TypeAlias = Callable[..., Any]
"""From inputs to interpretable samples or back: (sample, original input, **kwargs) -> the other."""


@final
@dataclass(frozen=True, kw_only=True)
class LimeBase:
    """What an interpretable model learns from the outputs for perturbed inputs: LIME with every part chosen.

    The inputs are explained as one: a single example, or a batch for which the model returns one value.

    Ribeiro, Singh, Guestrin, "Why should I trust you?", KDD 2016, https://arxiv.org/abs/1602.04938.

    Args:
        model: Is fitted to interpretable samples, outputs and weights; what it learnt is the result.
        similarity: What each perturbed input counts; see [Similarity][pellucid.methods.surrogate.Similarity].
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
        >>> from pellucid.methods import LimeBase, Pathway
        >>> class Means:
        ...     def fit(self, data): (self.batch,) = data
        ...     def representation(self): return (self.batch[0] * self.batch[1][:, None]).mean(0, keepdim=True)
        >>> lime = LimeBase(
        ...     model=Means(),
        ...     similarity=lambda original, near, sample: 1.0,
        ...     perturbation=lambda original: torch.bernoulli(torch.full((1, 2), 0.5)),
        ...     from_interpretable=lambda sample, original: original * sample,
        ... )
        >>> lime(Pathway.of(lambda x: x.sum(1), torch.tensor([[3.0, 0.0]]))).values[0].shape
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
    async def __call__(self, path: Pathway, /) -> Attributions:
        """What the model learnt.

        Args:
            path: From the inputs or a layer; to one value.

        Returns:
            The model's representation.

        Raises:
            InvalidArgument: The output is more than one value; a function returns what it must not.
        """
        check_count("n_samples", self.samples)
        original = as_given(path.x)
        count, drawn = perturbed(self.perturbation, self.samples, original, self.arguments)
        inputs: list[Tensors] = []
        samples: list[Tensor] = []
        weights: list[float] = []

        def points(some: slice, places: slice) -> Tensors:
            while len(inputs) < some.stop:
                near, sample = self._both(next(drawn), original)
                inputs.append(tensors_of(near, "perturbed inputs"))
                samples.append(sample)
                weights.append(one_number(self.similarity(original, near, sample, **self.arguments)))
            inputs[: some.start] = [()] * some.start  # evaluated, and not to be held any longer
            alike = list(itertools.takewhile(lambda near: shapes(near) == shapes(inputs[some.start]), inputs[some]))
            if len(alike) < some.stop - some.start:  # what takes parts away may change the size
                raise Fewer(len(alike))
            return tuple(torch.cat([each[places] for each in tensor]) for tensor in zip(*inputs[some], strict=True))

        values = await outcomes(path, count, points)
        if len(values) != 1:
            raise InvalidArgument(f"forward_func must return one value for all inputs together: got {len(values)}.")
        learnt = fitted(self.model, torch.cat(samples), values[0], torch.tensor(weights, device="cpu"))
        found, structure = Structure.of(learnt)
        return Attributions(found, structure=structure)

    def _both(self, drawn: Any, original: Any) -> tuple[Any, Tensor]:
        """Perturbed inputs and the interpretable sample."""
        other = self._transform and self._transform(drawn, original, **self.arguments)
        near, sample = (other, drawn) if self.perturbs_interpretable else (drawn, other)
        if not isinstance(sample, Tensor) or sample.ndim != 2 or len(sample) != 1:
            raise InvalidArgument(f"an interpretable sample must have the shape (1, columns): got {described(sample)}.")
        return near, sample
