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
from pellucid.core.games.outputs import count_games
from pellucid.core.problem.attributions import Attributions
from pellucid.core.pytree import TensorTree
from pellucid.core.tensors import Tensors, describe
from pellucid.errors import InvalidArgument, warn

Similarity: TypeAlias = Callable[..., Tensor | float]
"""What a perturbed input counts: (original input, perturbed input, interpretable sample, **kwargs) -> one number."""

Perturbation: TypeAlias = Callable[..., Any]
"""What is perturbed next: (original input, **kwargs) -> a sample, or a generator of samples."""


@runtime_checkable
class Surrogate(Protocol):
    """Any model with Captum's two methods, such as those in `pellucid.models.linear`."""

    def fit(self, train_data: DataLoader[Any]) -> Any:
        """Fit to one batch of all samples: what is there [samples, columns], outputs [samples], weights [samples]."""
        ...

    def representation(self) -> Tensor:
        """What was learnt: the coefficients."""
        ...


class _Samples(TensorDataset):
    """Samples of which a loader takes a whole batch at once."""

    def __getitems__(self, indices: list[int]) -> Tensors:
        return tuple(each[indices] for each in self.tensors)


def fit_user_model(model: Surrogate, samples: Tensor, outputs: Tensor, weights: Tensor) -> Tensor:
    """What a user's model learns from the samples of a game, given in float32 as in Captum.

    Raises:
        InvalidArgument: It is not one tensor.
    """
    data = _Samples(*(each.detach().cpu().float() for each in (samples, outputs, weights)))
    with torch.enable_grad():
        model.fit(DataLoader(data, batch_size=len(samples), collate_fn=list))
    learnt = model.representation()
    if not isinstance(learnt, Tensor):
        raise InvalidArgument(
            f"interpretable_model.representation() must be a tensor, the coefficients alone: got {describe(learnt)}."
        )
    return learnt.detach()


@final
class DesignColumns:
    """A game whose features are the columns of a linear model.

    The columns are the user's numbers of the features, from the lowest to the highest. Those that no feature has are
    columns, too, as in Captum, whose random draws are made for them.

    Args:
        game: The game.
        numbers: The numbers, where they are not those of the game.
    """

    def __init__(self, game: Game, numbers: range | None = None) -> None:
        self.game = game
        self.numbers = game.features.numbers if numbers is None else numbers
        if not self.numbers:
            raise InvalidArgument("inputs must hold at least one feature: got none.")
        self.columns = len(self.numbers)
        self.column_of_feature = game.features.names - self.numbers.start

    async def values(self, present: Tensor) -> Tensor:
        """Values [m, samples] where only some columns are there, bool [samples, 1 or n, columns]."""
        return await self.game.values_deduplicated(present[:, :, self.column_of_feature[self.game.playing]])

    async def games(self) -> int:
        """How many games the examples are: one each, or a single one where the model has one value for the batch."""
        if len(self.game.f) == 1:
            return 1
        everyone = torch.ones(1, 1, len(self.game.playing), dtype=torch.bool, device="cpu")
        return count_games(self.game.f, await self.game.values(1, lambda *_: everyone, silent=True))

    def attributions(self, coefficients: Tensor, stderr: Tensor | None = None, *, per_feature: bool) -> Attributions:
        """Coefficients [g, columns, K] as attributions: of the shapes of the source, or (g * K, columns)."""

        def spread(values: Tensor) -> Tensors:
            worth = values.transpose(1, 2).flatten(0, 1)
            return (self.game.narrowed(worth),) if per_feature else self.game.spread(worth[:, self.column_of_feature])

        values = spread(coefficients)
        errors = None if stderr is None else spread(stderr)
        if per_feature:
            return Attributions(values, stderr=errors, structure=TensorTree.of(values[0])[1])
        return self.game.f.attributions(values, at="source", stderr=errors)


def draw_perturbations(
    perturbation: Perturbation, samples: int, original: Any, arguments: dict[str, Any]
) -> tuple[int, Iterator[Any]]:
    """How many samples a user's function draws, and these: one a call, or those that its generator yields."""
    first = perturbation(original, **arguments)
    if not isinstance(first, Iterator):
        others = (perturbation(original, **arguments) for _ in range(samples - 1))
        return samples, map(_cloned_sample, chain([first], others))
    yielded = list(map(_cloned_sample, islice(first, samples)))
    if not yielded:
        raise InvalidArgument("perturb_func must yield at least one sample: got none.")
    if len(yielded) < samples:
        warn(f"perturb_func must yield n_samples samples: expected {samples}, got {len(yielded)}, which are used.")
    return len(yielded), iter(yielded)


def _cloned_sample(sample: Any) -> Any:
    """A sample in memory of its own, as the user's function may write the next one to the same."""
    return tree_map_only(Tensor, torch.clone, sample)


def as_scalar(weight: Tensor | float) -> Tensor:
    """What a user's similarity function says a sample counts, as a tensor of no dimensions on the CPU.

    Raises:
        InvalidArgument: It says several numbers, or none.
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
    """Draw from torch's global generator what the fit of a linear model draws in Captum, if coalitions come from it."""
    if generator is None:
        torch.empty((), dtype=torch.int64, device="cpu").random_()  # the seed of a DataLoader
        for shape in ((1, columns), (1,)):  # weight and bias of a Linear
            torch.empty(shape, device="cpu").uniform_()


def unwrap_single(tensors: Tensors) -> Tensor | Tensors:
    """A tensor by itself, or a tuple of several, as functions of Captum's users take inputs."""
    return tensors[0] if len(tensors) == 1 else tensors
