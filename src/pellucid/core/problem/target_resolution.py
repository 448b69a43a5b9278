"""How users' targets, in all their forms, become targets of the engine."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.model.layers import OUTPUT, Site, resolve_site
from pellucid.core.problem.class_names import NAMELESS, ClassNames
from pellucid.core.problem.composed_targets import AllColumns, Difference, ListedTargets
from pellucid.core.problem.output_target import OutputTarget
from pellucid.core.problem.target import (
    Contrast,
    IndexPerExample,
    Neuron,
    SameIndex,
    Several,
    SiteTarget,
    Target,
    TargetFunction,
    TargetLike,
    TargetsLike,
)
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import describe
from pellucid.errors import InvalidArgument, WrongType


def resolve_target(
    target: TargetLike | Neuron, batch_size: int, model: Callable[..., Any], class_names: Sequence[str] | None = None
) -> Target:
    """Resolve a user's target, of the output or of a layer.

    Args:
        target: The user's target.
        batch_size: The number of examples in the batch.
        model: The model, to whose modules names of layers refer.
        class_names: The names of its classes; None for those of its configuration.

    Raises:
        InvalidArgument: The target has an unknown form, or not one element per example.
    """
    if isinstance(target, Neuron):
        return target_at(resolve_site(target.layer, model), target.selector, batch_size)
    return target_at(OUTPUT, target, batch_size, ClassNames(model, class_names))


def target_at(site: Site, target: TargetLike, examples: int, class_names: ClassNames = NAMELESS) -> Target:
    """Resolve a user's `target`, or `selector`, at a site.

    Args:
        site: The output of the model, or a layer.
        target: See [TargetLike][pellucid.methods.TargetLike].
        examples: The number of examples in the batch.
        class_names: The names of the model's classes.

    Raises:
        InvalidArgument: The target has an unknown form, or not one element per example; or the site is all calls of a
            layer.
    """
    if site.call == "all":
        raise InvalidArgument('call must be one call of the layer of a neuron: got "all". Hint: call=0.')
    return _Resolution(site, examples, class_names).target(target)


@final
@dataclass(frozen=True)
class _Resolution(Summarized):
    """Resolves targets of one site."""

    site: Site
    examples: int
    class_names: ClassNames

    @property
    def name(self) -> str:
        """The user's argument, for messages."""
        return SiteTarget(self.site).argument_name

    def target(self, target: TargetLike) -> Target:
        """A target of any form."""
        if isinstance(target, Several):
            return self.several(target.targets)
        if isinstance(target, Contrast):
            return Difference(self.site, self.single(target.target), self.single(target.rather_than))
        if isinstance(target, OutputTarget):
            return TargetFunction(self.site, self.settings(target))
        if target is None or callable(target):
            return SameIndex(self.site, ()) if target is None else TargetFunction(self.site, target)
        return self.indexed(target)

    def single(self, target: TargetLike) -> Target:
        """A target of one value per example, within another."""
        if isinstance(target, Several | Neuron):
            hint = " Hint: Neuron(layer, Several([...]))." if isinstance(target, Neuron) else ""
            raise InvalidArgument(f"{self.name} must be a single one within another: got {summary(target)}.{hint}")
        return self.target(target)

    def several(self, targets: TargetsLike) -> Target:
        """Several targets, or all.

        Raises:
            WrongType: They are neither a list nor "all".
            InvalidArgument: There is none.
        """
        if isinstance(targets, str) and targets == "all":
            return AllColumns(self.site)
        is_list = isinstance(targets, list | tuple | range) or (isinstance(targets, Tensor) and targets.ndim == 1)
        if not is_list:
            raise WrongType(f'{self.name}s must be a list of targets, or "all": got {summary(targets)}.')
        if not len(targets):
            raise InvalidArgument(f'{self.name}s must be at least one: got none. Hint: {self.name}s="all".')
        return ListedTargets(self.site, tuple(map(self.single, targets)))

    def settings(self, target: OutputTarget) -> OutputTarget:
        """A ready-made target, with the numbers of classes that are named.

        Raises:
            InvalidArgument: A setting that differs from example to example is not one for each.
        """
        for setting, values in target.settings_per_example.items():
            if len(values) != self.examples:
                raise InvalidArgument(
                    f"{setting} of {self.name} {type(target).__name__} must be one, or one per example: "
                    f"expected {self.examples}, got {len(values)}."
                )
        settings = {name: getattr(target, name) for name in target.DIMENSIONS}
        numbers = {
            name: self.class_names.number_of(value, self.name)
            for name, value in settings.items()
            if isinstance(value, str)
        }
        return dataclasses.replace(target, **numbers)

    def indexed(self, target: Any) -> Target:
        """A target by numbers, slices and names of classes: one for all examples, or one for each."""
        if isinstance(target, tuple | slice):
            positions = target if isinstance(target, tuple) else (target,)
            index = (
                position if isinstance(position, slice) else self.number(position, target) for position in positions
            )
            return SameIndex(self.site, tuple(index))
        if isinstance(target, list):
            return self.per_example(self.numbers_of_list(target))
        if isinstance(target, Tensor | np.ndarray):
            integers = self.integers_of(target)
            if integers.numel() == 1:
                return SameIndex(self.site, (int(integers),))
            return self.per_example(integers.to(torch.int64)[:, None])
        return SameIndex(self.site, (self.number(target, target),))

    def per_example(self, index: Tensor) -> IndexPerExample:
        """The target with one element per example, or per row of the output."""
        target = IndexPerExample(self.site, index, self.examples)
        if len(index) < self.examples or (self.site.modules and len(index) > self.examples):
            raise InvalidArgument(
                f"{self.name} must hold one element per example: expected {self.examples}, got {len(index)}."
            )
        return target

    def numbers_of_list(self, target: list[Any]) -> Tensor:
        """A list of integers, or of tuples of integers of one length, as int64 [elements, dimensions]."""
        elements = [element if isinstance(element, tuple) else (element,) for element in target]
        if len({len(element) for element in elements}) > 1:
            raise InvalidArgument(f"{self.name} must hold tuples of one length: got tuples of several lengths.")
        index = [[self.number(position, target) for position in element] for element in elements]
        return torch.tensor(index, dtype=torch.int64, device="cpu")

    def integers_of(self, target: Tensor | np.ndarray[Any, Any]) -> Tensor:
        """A tensor or array of integers, [elements] or a single one of any shape, as a tensor on the CPU."""
        tensor = target.detach().cpu() if isinstance(target, Tensor) else torch.from_numpy(target)
        is_integer = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
        if not is_integer or (tensor.ndim > 1 and tensor.numel() != 1):
            raise InvalidArgument(f"{self.name} must be a 1-D tensor of integers: got {describe(tensor)}.")
        return tensor

    def number(self, value: Any, target: Any) -> int:
        """An integer of a user's target, or the number of a class that it names.

        Raises:
            WrongType: It is neither.
        """
        if isinstance(value, str) and self.class_names.numbers:
            return self.class_names.number_of(value, self.name)
        try:
            if isinstance(value, bool):
                raise TypeError
            return operator.index(value)
        except TypeError:
            expected = "an int, a tuple of ints and slices, a tensor or list of one per example, a callable or None"
            hint = " Hint: model.id2label = {0: 'cat', ...} names classes." if isinstance(value, str) else ""
            raise WrongType(
                f"{self.name} must be {expected}: got {type(target).__name__} {summary(target)}.{hint}"
            ) from None


def one_of(target: TargetLike, targets: TargetsLike | None) -> TargetLike:
    """A single target, or several, as one: users give one or the other.

    Raises:
        InvalidArgument: Both are given.
    """
    if targets is None:
        return target
    if target is not None:
        raise InvalidArgument("target and targets exclude each other: got both.")
    return Several(targets)
