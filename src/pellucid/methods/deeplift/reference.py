"""The difference from a reference, and how rules distribute it: a forward at points beside one at baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.model.fast_paths import without_fast_paths
from pellucid.core.model.isolation import random_state, restore_random_state
from pellucid.core.problem.points import Points
from pellucid.core.rules.ruled_forward import CallsDiffer, record
from pellucid.core.rules.rules import Rules
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, minus, per_target, sum_over_tensors, times
from pellucid.errors import warn
from pellucid.methods.backprop.rule_gradients import (
    MissingRules,
    gradient_under_rules,
    values_and_activations,
    warn_or_raise,
)

MAX_ROUNDINGS = 2**10
"""By how many roundings a sum may miss the change of the output before a warning says so."""

MAX_TIMES_OUTPUT = 100
"""How many times as large as the outputs at both ends attributions may be before a warning says so."""


@final
@dataclass(frozen=True)
class Contributions(Summarized):
    """The difference of n points from n baselines, as the rules distribute it.

    Args:
        multipliers: By how much the values change for each unit that an activation changes.
        activations_at: The tensors where gradients are taken, at the points.
        reference_activations: The same at the baselines.
        value: The values at the points, [n], or [n, K] of several targets.
        reference_value: The same at the baselines.
    """

    multipliers: Tensors
    activations_at: Tensors
    reference_activations: Tensors
    value: Tensor
    reference_value: Tensor

    @property
    def contributions(self) -> Tensors:
        """Multipliers times differences: the contribution of each number to the change of the value."""
        differences = minus(self.activations_at, self.reference_activations)
        return times(self.multipliers, per_target(differences, self.multipliers))


@final
class ReferenceComparison:
    """Forwards at points beside forwards at baselines, whose gradients follow rules that compare the two.

    Args:
        f: The function, of one value per example.
        rules: The rules.
        tolerance: Sums may miss the change of the value by this much.
    """

    def __init__(self, f: ModelFunction, rules: Rules, tolerance: float) -> None:
        self._f, self._rules, self._tolerance = f.replace(replay=False), rules, tolerance
        self._missing_rules = MissingRules(f.problem.model)
        self._largest_gap = self._largest_ratio = 0.0

    def between(self, start: Points, end: Points, *, retry: bool = True) -> Contributions:
        """The contributions to the change from start to end.

        Args:
            start: Baselines, at the source.
            end: Points there, of the same examples.
            retry: Whether to try once more where the forwards make different calls: the first one may have run to the
                end, to count calls, or may have computed constants that the model keeps.

        Raises:
            CallsDiffer: The model makes other calls at the baselines than at the points.
        """
        f, device = self._f, start.tensors[0].device
        drawn_from = random_state(device) if f.session.info.trains else None

        def draw_again() -> None:
            if drawn_from is not None:  # so that dropout drops the same
                restore_random_state(drawn_from, device)

        try:
            with without_fast_paths(f.session.info, hooks=True):  # compiled modules show their calls
                with record(self._rules, f.problem.model) as reference:
                    reference_value, reference_activations = values_and_activations(f, start)
                result = gradient_under_rules(f, self._rules, end, reference, draw_again, retry=False)
        except CallsDiffer:
            if not retry:
                raise
            return self.between(start, end, retry=False)
        self._missing_rules.collect(result)
        gradient = result.gradient
        value = gradient.value if f.problem.options.create_graph else gradient.value.detach()
        contributions = Contributions(
            gradient.grad, result.activations_at, reference_activations, value, reference_value
        )
        self._check_completeness(contributions, max(result.run.rounding, torch.finfo(torch.float32).eps))
        return contributions

    def _check_completeness(self, contributions: Contributions, rounding: float) -> None:
        """Measure how large the contributions are, and at the inputs how far they are from adding up.

        At a layer they need not, as the value may depend on other tensors, too.
        """
        activations = contributions.activations_at
        if len(contributions.value) != len(activations[0]) or any(tensor.is_complex() for tensor in activations):
            return
        shares = tuple(tensor.detach().double() for tensor in contributions.contributions if tensor.numel())
        value, reference_value = contributions.value.detach().double(), contributions.reference_value.detach().double()
        outputs = value.abs() + reference_value.abs()
        largest = max(float(share.abs().amax()) for share in shares)
        if outputs.any():  # of the batch, as a single output may be close to zero by chance
            self._largest_ratio = max(self._largest_ratio, largest / float(outputs.amax()))
        if self._f.evaluator.gradient_at.modules:
            return
        sums, sizes = (sum_over_tensors(tensors, value.ndim) for tensors in (shares, tuple(map(torch.abs, shares))))
        gaps = sums - (value - reference_value)
        allowed = (MAX_ROUNDINGS * rounding * (sizes + outputs)).clamp(min=self._tolerance)
        if gaps.sum().abs() > allowed.sum():  # examples that the model mixes, as batch norm does, add up together only
            self._largest_gap = max(self._largest_gap, float(torch.where(gaps.abs() > allowed, gaps.abs(), 0).max()))

    def report(self, *, strict: bool) -> None:
        """Warn of nonlinear calls without a rule, of sums that do not add up, and of contributions that are too large.

        Args:
            strict: Whether to raise an error in place of the first two warnings.

        Raises:
            NoRule: There is a reason for one of these, and `strict` is set.
        """
        if not self._missing_rules.report(strict=strict) and self._largest_gap:
            warn_or_raise(
                "attributions do not add up to the change of the output, but miss it by up to "
                f"{self._largest_gap:.2g}. Hint: the model chooses by its data, as masks do, detaches something or "
                "draws random numbers; or it rounds large numbers, and misses less as model.double() with "
                "inputs.double().",
                strict,
            )
        if self._largest_ratio > MAX_TIMES_OUTPUT:
            warn(
                f"attributions are up to {self._largest_ratio:.2g} times as large as the outputs for inputs and "
                "baselines: large contributions cancel, and their numbers are in doubt. Hint: choose baselines like "
                "the data."
            )
