"""What changes between two points, and how rules share it out: a run at one beside a run at the other."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.model.fast_paths import without_fast_paths
from pellucid.core.model.isolation import random_state, restore_random_state
from pellucid.core.problem.points import Points
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.run import CallsDiffer, record
from pellucid.core.tensors import Tensors, flatten_examples, minus, times
from pellucid.errors import warn
from pellucid.methods.backprop.rule_gradients import (
    MissingRules,
    gradient_under_rules,
    values_and_activations,
    warn_or_raise,
)

MAX_ROUNDINGS = 2**10
"""How many roundings a sum may be off before it is said not to add up."""

MAX_TIMES_OUTPUT = 100
"""How often the largest attribution may exceed the outputs at both ends before numbers are said to be in doubt."""


@final
@dataclass(frozen=True)
class Contributions:
    """What changes on the way from n baselines to n points.

    Args:
        multipliers: How much the values change for each unit of what is read.
        at_read: What is read at the points.
        at_read0: The same at the baselines.
        value: The values at the points, [n].
        value0: The same at the baselines.
    """

    multipliers: Tensors
    activations_at: Tensors
    reference_activations: Tensors
    value: Tensor
    reference_value: Tensor

    @property
    def contributions(self) -> Tensors:
        """What each number read contributes to the change."""
        return times(self.multipliers, minus(self.activations_at, self.reference_activations))


@final
class ReferenceComparison:
    """Runs of a model at points beside runs at baselines, whose gradients follow rules that compare both.

    Args:
        f: The function, to one value per example.
        rules: The rules.
        least: Changes smaller than this are none to the rules, and so is what sums miss.
    """

    def __init__(self, f: ModelFunction, rules: Rules, least: float) -> None:
        self._f, self._rules, self._least = f.at(replay=False), rules, least
        self._unruled = MissingRules(f.problem.model)
        self._missed = self._exceeded = 0.0

    def between(self, start: Points, end: Points, *, again: bool = True) -> Contributions:
        """What changes from start to end.

        Args:
            start: Baselines, at the source.
            end: Points there, of the same examples.
            again: Whether the runs are made once more where they differ: the first may have run to the end, to count
                calls, or may have made constants that the model keeps.

        Raises:
            CallsDiffer: The model makes other calls for them.
        """
        f, device = self._f, start.tensors[0].device
        drawn_from = random_state(device) if f.session.info.trains else None

        def draw_again() -> None:
            if drawn_from is not None:  # dropout drops the same
                restore_random_state(drawn_from, device)

        try:
            with without_fast_paths(f.session.info, hooks=True):  # compiled modules show their calls
                with record(self._rules, f.problem.model) as reference:
                    value0, at_read0 = values_and_activations(f, start)
                found = gradient_under_rules(f, self._rules, end, reference, draw_again, again=False)
        except CallsDiffer:
            if not again:
                raise
            return self.between(start, end, again=False)
        self._unruled.look(found)
        change = Contributions(found.gradient.grad, found.activations_at, at_read0, found.gradient.value, value0)
        if not f.problem.options.create_graph:
            change = dataclasses.replace(change, value=change.value.detach())
        self._look(change, max(found.run.rounding, torch.finfo(torch.float32).eps))
        return change

    def _look(self, change: Contributions, rounding: float) -> None:
        """See how large the shares of each point are, and whether they add up, where all that matters is among them."""
        if len(change.value) != len(change.activations_at[0]) or any(
            each.is_complex() for each in change.activations_at
        ):
            return
        shares = [flatten_examples(each.detach()).double() for each in change.contributions if each.numel()]
        ends = change.value.detach().double(), change.reference_value.detach().double()
        outputs = ends[0].abs() + ends[1].abs()
        largest = max(float(each.abs().amax()) for each in shares)
        if outputs.any():  # of the batch, as one output may be next to nothing by chance
            self._exceeded = max(self._exceeded, largest / float(outputs.amax()))
        if self._f.evaluator.gradient_at.modules:
            return
        sums = torch.stack([each.sum(1) for each in shares]).sum(0)
        sizes = torch.stack([each.abs().sum(1) for each in shares]).sum(0)
        missed = sums - (ends[0] - ends[1])
        most = (MAX_ROUNDINGS * rounding * (sizes + outputs)).clamp(min=self._least)
        if missed.sum().abs() > most.sum():  # examples that meet, as in batch norm's statistics, add up together
            self._missed = max(self._missed, float(torch.where(missed.abs() > most, missed.abs(), 0).max()))

    def report(self, *, strict: bool) -> None:
        """Tell of calls that no rule knows and that are not linear, of sums that do not add up, and of large terms.

        Raises:
            NotSupported: There are some, and this is not accepted.
        """
        if not self._unruled.report(strict=strict) and self._missed:
            warn_or_raise(
                f"attributions do not add up to the change of the output, but miss it by up to {self._missed:.2g}. "
                "Hint: the model chooses by its data, as masks do, detaches something or draws random numbers; or it "
                "rounds large numbers, and misses less as model.double() with inputs.double().",
                strict,
            )
        if self._exceeded > MAX_TIMES_OUTPUT:
            warn(
                f"attributions are up to {self._exceeded:.2g} times as large as the outputs for inputs and baselines: "
                "large contributions cancel, and their numbers are in doubt. Hint: choose baselines like the data."
            )
