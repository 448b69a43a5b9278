"""Targets that are made of others: a function of one, the difference of two, several at once."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.model.layers import Site
from pellucid.core.problem.target import Contrast, SameIndex, Several, SiteTarget, Target
from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument, NotScalar


@final
@dataclass(frozen=True)
class MappedTarget(Summarized):
    """A function of the values of another target."""

    target: Target
    function: Callable[[Tensor], Tensor]

    @property
    def site(self) -> Site:
        """The other target's site."""
        return self.target.site

    @property
    def argument_name(self) -> str:
        """The user's argument, for messages."""
        return self.target.argument_name

    @property
    def site_label(self) -> str:
        """The kind of site, for messages."""
        return self.target.site_label

    @property
    def of_output_rows(self) -> bool:
        """Whether the other target has one index for each row of the whole batch's output."""
        return self.target.of_output_rows

    @property
    def several(self) -> bool:
        """Whether the other target's values are those of several."""
        return self.target.several

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """Those of the other target: users' functions."""
        return self.target.functions

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        return self.function(self.target(output, rows))

    def argument(self, rows: Tensor) -> Any:
        """The other target in the form of Captum's `target` argument."""
        return self.target.argument(rows)


@final
@dataclass(frozen=True)
class Difference(SiteTarget):
    """The difference of the values of two targets of one site."""

    target: Target
    rather_than: Target

    @property
    def of_output_rows(self) -> bool:
        """Whether one of them has an index for each row of the whole batch's output."""
        return self.target.of_output_rows or self.rather_than.of_output_rows

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """Those of both, and the subtraction."""
        return (*self.target.functions, *self.rather_than.functions, operator.sub)

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        return self.target(output, rows) - self.rather_than(output, rows)

    def argument(self, rows: Tensor) -> Any:
        return Contrast(self.target.argument(rows), self.rather_than.argument(rows))


@final
@dataclass(frozen=True)
class ListedTargets(SiteTarget):
    """Several targets of one site, each of one value per example."""

    targets: tuple[Target, ...]

    @property
    def of_output_rows(self) -> bool:
        """Whether one of them has an index for each row of the whole batch's output."""
        return any(target.of_output_rows for target in self.targets)

    @property
    def several(self) -> bool:
        """Whether its values are those of several targets: yes."""
        return True

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """Those of all."""
        return tuple(function for target in self.targets for function in target.functions)

    @cached_property
    def _columns(self) -> list[int]:
        """The columns of an output (n, C) that all of them are; none where one is something else."""
        columns = [target.column for target in self.targets if isinstance(target, SameIndex)]
        numbers = [column for column in columns if column is not None]
        return numbers if len(numbers) == len(self.targets) else []

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        if self._columns:  # one index for all, whose gradient does not go through each of them
            tensor = self.tensor_of(output, rows)
            if tensor.ndim == 2 and -tensor.shape[1] <= min(self._columns) <= max(self._columns) < tensor.shape[1]:
                return tensor[:, self._columns]
        return torch.stack([scalar_per_example(target(output, rows), target) for target in self.targets], 1)

    def argument(self, rows: Tensor) -> Any:
        return Several([target.argument(rows) for target in self.targets])


@final
@dataclass(frozen=True)
class AllColumns(SiteTarget):
    """All columns of an output (n, K)."""

    @property
    def several(self) -> bool:
        """Whether its values are those of several targets: yes."""
        return True

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        tensor = self.tensor_of(output, rows)
        if tensor.ndim != 2:
            indices = [(0,) * (tensor.ndim - 1), (*(0,) * (tensor.ndim - 2), 1)] if tensor.ndim > 2 else [None]
            raise InvalidArgument(
                f'{self.argument_name} "all" must be all columns (B, K) of the {self.site_label}: got '
                f"{tuple(tensor.shape)}. Hint: list them, {indices}."
            )
        return tensor

    def argument(self, rows: Tensor) -> Any:
        return Several("all")


def scalar_per_example(value: Tensor, target: Target) -> Tensor:
    """The values (n,) or (n, 1) of a target as [n], and those of several as they are, [n, K].

    Raises:
        NotScalar: There are more values per example than one for each target.
    """
    if target.several:
        return value
    if value.ndim > 1 and value[0].numel() != 1:
        hint = (
            f"choose one, such as {target.argument_name}=0"
            if value.ndim == 2
            else "give an index for each dimension, or a callable"
        )
        raise NotScalar(
            f"{target.argument_name} must leave one value per example: the {target.site_label} holds "
            f"{tuple(value.shape[1:])} values for each. Hint: {hint}."
        )
    return value if value.ndim == 1 else value.reshape(-1)
