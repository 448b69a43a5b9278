"""How much a perturbed input counts: the closer to the original, the more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch import Tensor

from pellucid.core.games.game import Game
from pellucid.core.tensors import Tensors, as_tensor_tuple, minus, times
from pellucid.errors import InvalidArgument


@final
@dataclass(frozen=True)
class ExponentialKernel:
    """exp(-d^2 / (2 width^2)) for the distance d of a perturbed input from the original.

    Args:
        distance: 1 - cos of the angle between them, or the length of their difference.
        width: How far a perturbed input may be away and still count.

    Raises:
        InvalidArgument: There is no such distance, or the width is not above zero.

    Examples:
        >>> import torch
        >>> from pellucid.methods import ExponentialKernel
        >>> ExponentialKernel("euclidean", width=2.0)(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0]]))
        tensor(0.1353)
    """

    distance: Literal["cosine", "euclidean"] = "cosine"
    width: float = 1.0

    def __post_init__(self) -> None:
        if self.distance not in ("cosine", "euclidean"):
            raise InvalidArgument(f'distance_mode must be "cosine" or "euclidean": got {self.distance!r}.')
        if not self.width > 0:
            raise InvalidArgument(f"kernel_width must be above zero: got {self.width}.")

    def __call__(
        self, original: Tensor | Tensors, perturbed: Tensor | Tensors, interpretable: Any = None, **kwargs: Any
    ) -> Tensor:
        """What one perturbed input counts, a tensor of no dimensions; all that comes after it is of no use here."""
        x, z = (
            torch.cat([each.flatten().float() for each in as_tensor_tuple(value, "inputs")])
            for value in (original, perturbed)
        )
        return self._weight(x @ x, x @ z, z @ z, (x - z) @ (x - z))

    def weights_of_coalitions(self, game: Game, present: Tensor, *, apart: bool) -> Tensor:
        """What coalitions count, by sums over the features that are there and those that are not.

        Args:
            game: The game.
            present: The coalitions, bool [samples, 1 or n, features].
            apart: Whether each of n examples is a game of its own, or all are one.

        Returns:
            Weights [n or 1, samples], in float64 on the CPU.
        """
        x, fill = (tuple(each.double() for each in points) for points in (game.f.x, game.fill.alone))
        there = present.transpose(0, 1).double()

        def totals(one: Tensors, second: Tensors) -> Tensor:
            found = game.features.sum_per_feature(times(one, second))
            return found if apart else found.sum(0, keepdim=True)

        def at(kept: Tensor, filled: Tensor) -> Tensor:
            """One sum over the features that are there and another over those that are not."""
            return (there @ (kept - filled).unsqueeze(2)).squeeze(2) + filled.sum(1, keepdim=True)

        original, moved = totals(x, x), totals(minus(x, fill), minus(x, fill))
        return self._weight(
            original.sum(1, keepdim=True),
            at(original, totals(x, fill)),
            at(original, totals(fill, fill)),
            at(torch.zeros_like(moved), moved),
        )

    def _weight(self, original: Tensor, product: Tensor, perturbed: Tensor, moved: Tensor) -> Tensor:
        """By the squared lengths of original and perturbed input, their product, and the squared distance."""
        if self.distance == "cosine":
            distance = 1 - product / (original * perturbed).sqrt().clamp(min=torch.finfo(product.dtype).tiny)
        else:
            distance = moved.clamp(min=0).sqrt()
        return torch.exp(-(distance**2) / (2 * self.width**2))
