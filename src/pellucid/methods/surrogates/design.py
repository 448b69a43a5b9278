"""Games whose features are the columns of a linear model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, Protocol, SupportsFloat, TypeAlias, final, runtime_checkable

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only
from torch.utils.data import DataLoader, TensorDataset

from pellucid.core.games.game import Game
from pellucid.core.games.outputs import apart, count_games
from pellucid.core.problem.attributions import Attributions
from pellucid.core.pytree import TensorTree
from pellucid.core.tensors import Tensors, describe
from pellucid.errors import InvalidArgument, warn

Similarity: TypeAlias = Callable[..., Tensor | float]
"""The weight of a perturbed input: (original input, perturbed input, interpretable sample, **kwargs) -> one number."""

Perturbation: TypeAlias = Callable[..., Any]
"""Draws a sample: (original input, **kwargs) -> a sample, or a generator of samples."""


@runtime_checkable
class Surrogate(Protocol):
    """Any model with Captum's two methods, such as those in `pellucid.models.linear`."""

    def fit(self, train_data: DataLoader[Any]) -> Any:
        """Fit to one batch of all samples: coalitions [samples, columns], outputs [samples], weights [samples]."""
        ...

    def representation(self) -> Tensor:
        """The coefficients."""
        ...


class _Samples(TensorDataset):
    """A data set from which a loader takes a whole batch at once."""

    def __getitems__(self, indices: list[int]) -> Tensors:
        return tuple(tensor[indices] for tensor in self.tensors)


def fit_user_model(model: Surrogate, samples: Tensor, outputs: Tensor, weights: Tensor) -> Tensor:
    """The representation of a user's model, fitted to the samples of a game in float32, as in Captum.

    Raises:
        InvalidArgument: It is not one tensor.
    """
    data = _Samples(*(tensor.detach().cpu().float() for tensor in (samples, outputs, weights)))
    with torch.enable_grad():
        model.fit(DataLoader(data, batch_size=len(samples), collate_fn=list))
    representation = model.representation()
    if not isinstance(representation, Tensor):
        raise InvalidArgument(
            "interpretable_model.representation() must be a tensor, the coefficients alone: "
            f"got {describe(representation)}."
        )
    return representation.detach()


@final
class DesignColumns:
    """A game whose features are the columns of a linear model.

    The columns are the user's numbers of the features, from the lowest to the highest. Numbers that no feature has are
    columns too, as in Captum, which makes random draws for them.

    Args:
        game: The game.
        id_range: The range of the numbers; None takes that of the game.
    """

    def __init__(self, game: Game, id_range: range | None = None) -> None:
        self.game = game
        self.id_range = game.features.id_range if id_range is None else id_range
        if not self.id_range:
            raise InvalidArgument("inputs must hold at least one feature: got none.")
        self.columns = len(self.id_range)
        self.column_of_feature = game.features.ids - self.id_range.start

    async def values(self, present: Tensor) -> Tensor:
        """Values [m, samples] of coalitions of columns, bool [samples, 1 or n, columns]."""
        return await self.game.values_deduplicated(present[:, :, self.column_of_feature[self.game.active_features]])

    async def games(self) -> int:
        """How many games there are: one per example, or a single one where the model has one value for the batch."""
        if len(self.game.f) == 1:
            return 1
        grand_coalition = torch.ones(1, 1, len(self.game.active_features), dtype=torch.bool, device="cpu")
        return count_games(self.game.f, await self.game.values(1, lambda *_: grand_coalition, silent=True))

    def attributions(self, coefficients: Tensor, stderr: Tensor | None = None, *, per_feature: bool) -> Attributions:
        """Coefficients [g, columns, K] as attributions: of the shapes of the source, or (g * K, columns)."""

        def spread(values: Tensor) -> Tensors:
            by_column = values.transpose(1, 2).flatten(0, 1)
            if per_feature:
                return apart(self.game.f, (self.game.as_output_dtype(by_column),))
            return apart(self.game.f, self.game.spread(by_column[:, self.column_of_feature]))

        values = spread(coefficients)
        errors = None if stderr is None else spread(stderr)
        if per_feature:
            return Attributions(values, stderr=errors, structure=TensorTree.of(values[0])[1])
        return self.game.f.attributions(values, site="source", of_features=True, stderr=errors)


def draw_perturbations(
    perturbation: Perturbation, samples: int, original: Any, arguments: dict[str, Any]
) -> tuple[int, Iterator[Any]]:
    """The number of samples that a user's function draws, and the samples: one per call, or those of its generator."""
    first = perturbation(original, **arguments)
    if not isinstance(first, Iterator):
        further = (perturbation(original, **arguments) for _ in range(samples - 1))
        return samples, map(_clone_sample, chain([first], further))
    yielded = list(map(_clone_sample, islice(first, samples)))
    if not yielded:
        raise InvalidArgument("perturb_func must yield at least one sample: got none.")
    if len(yielded) < samples:
        warn(f"perturb_func must yield n_samples samples: expected {samples}, got {len(yielded)}, which are used.")
    return len(yielded), iter(yielded)


def _clone_sample(sample: Any) -> Any:
    """A copy of a sample, as the user's function may write the next one to the same memory."""
    return tree_map_only(Tensor, torch.clone, sample)


def as_scalar(weight: Tensor | float) -> Tensor:
    """The weight that a user's similarity function returned, as a tensor of no dimensions in float64 on the CPU.

    Raises:
        InvalidArgument: It is not one number.
    """
    if weight.numel() != 1 if isinstance(weight, Tensor) else not isinstance(weight, SupportsFloat):
        raise InvalidArgument(f"similarity_func must return one number: got {describe(weight)}.")
    number = (
        weight.detach()
        if isinstance(weight, Tensor)
        else torch.tensor(float(weight), dtype=torch.float64, device="cpu")
    )
    return number.reshape(()).to("cpu", torch.float64, copy=True)  # its memory may be written again


def consume_captum_fit_draws(columns: int, generator: torch.Generator | None) -> None:
    """Draw what the fit of a linear model draws in Captum from torch's global generator; nothing with a generator."""
    if generator is None:
        torch.empty((), dtype=torch.int64, device="cpu").random_()  # the seed of a DataLoader
        for shape in ((1, columns), (1,)):  # weight and bias of a Linear
            torch.empty(shape, device="cpu").uniform_()
