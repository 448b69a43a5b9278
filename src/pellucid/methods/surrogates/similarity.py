"""The weights of perturbed inputs by their similarity to the original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch import Tensor

from pellucid.core.games.fill import Fill
from pellucid.core.games.game import Game
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, minus, sum_over_tensors, times
from pellucid.errors import InvalidArgument


@final
@dataclass(frozen=True)
class ExponentialKernel(Summarized):
    """exp(-d^2 / (2 width^2)) for the distance d of a perturbed input from the original.

    Args:
        distance_mode: 1 - cos of the angle between them, or the length of their difference.
        kernel_width: The width, in the unit of the distance.

    Raises:
        InvalidArgument: There is no such distance, or the width is not above zero.

    Examples:
        >>> import torch
        >>> from pellucid.methods import ExponentialKernel
        >>> ExponentialKernel("euclidean", kernel_width=2.0)(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0]]))
        tensor(0.1353)
    """

    distance_mode: Literal["cosine", "euclidean"] = "cosine"
    kernel_width: float = 1.0

    def __post_init__(self) -> None:
        if self.distance_mode not in ("cosine", "euclidean"):
            raise InvalidArgument(f'distance_mode must be "cosine" or "euclidean": got {summary(self.distance_mode)}.')
        if not self.kernel_width > 0:
            raise InvalidArgument(f"kernel_width must be above zero: got {self.kernel_width}.")

    def __call__(
        self, original: Tensor | Tensors, perturbed: Tensor | Tensors, interpretable: Any = None, **kwargs: Any
    ) -> Tensor:
        """The weight of one perturbed input, a tensor of no dimensions; the other arguments are unused."""
        x, z = (
            torch.cat([tensor.flatten().float() for tensor in as_tensor_tuple(inputs, "inputs")])
            for inputs in (original, perturbed)
        )
        return self._weight(x @ x, x @ z, z @ z, (x - z) @ (x - z))

    def weights_of_coalitions(self, game: Game, present: Tensor, *, apart: bool) -> Tensor:
        """The weights of coalitions.

        Where absent features have values, they come from one sum over present features and another over absent ones,
        without the points.

        Args:
            game: The game.
            present: The coalitions, bool [samples, 1 or n, features].
            apart: Whether each of n examples is a game of its own; otherwise all are one.

        Returns:
            Weights [n or 1, samples], in float64 on the CPU.
        """
        x = tuple(tensor.double() for tensor in game.f.x)
        if not isinstance(game.imputer, Fill):
            return self._weights_of_points(game, x, present, apart=apart)
        fill = tuple(tensor.double() for tensor in game.imputer.baseline)
        coalitions = present.transpose(0, 1).double()

        def products(first: Tensors, second: Tensors) -> Tensor:
            """The inner products of each feature's elements, [n or 1, features]."""
            per_feature = game.features.sum_per_feature(times(first, second))
            return per_feature if apart else per_feature.sum(0, keepdim=True)

        def total(of_present: Tensor, of_absent: Tensor) -> Tensor:
            """A sum over the present features of each coalition and another over the absent ones, [n or 1, samples]."""
            return (coalitions @ (of_present - of_absent).unsqueeze(2)).squeeze(2) + of_absent.sum(1, keepdim=True)

        difference = minus(x, fill)
        original, squared_change = products(x, x), products(difference, difference)
        return self._weight(
            original.sum(1, keepdim=True),
            total(original, products(x, fill)),
            total(original, products(fill, fill)),
            total(torch.zeros_like(squared_change), squared_change),
        )

    def _weights_of_points(self, game: Game, x: Tensors, present: Tensor, *, apart: bool) -> Tensor:
        """The weights of coalitions, from the points of one after another."""

        def products(first: Tensors, second: Tensors) -> Tensor:
            """The inner product of each example's elements, [n], or of all."""
            of_examples = sum_over_tensors(times(first, second)).cpu()
            return of_examples if apart else of_examples.sum(0, keepdim=True)

        def weight(coalition: Tensor) -> Tensor:
            points = tuple(tensor.double() for tensor in game.points(coalition[None]))
            change = minus(x, points)
            return self._weight(products(x, x), products(x, points), products(points, points), products(change, change))

        return torch.stack(list(map(weight, present)), dim=1)

    def _weight(self, original: Tensor, product: Tensor, perturbed: Tensor, squared_distance: Tensor) -> Tensor:
        """The weight, from the squared norms of original and perturbed input, their inner product and distance."""
        if self.distance_mode == "cosine":
            distance = 1 - product / (original * perturbed).sqrt().clamp(min=torch.finfo(product.dtype).tiny)
        else:
            distance = squared_distance.clamp(min=0).sqrt()
        return torch.exp(-(distance**2) / (2 * self.kernel_width**2))
