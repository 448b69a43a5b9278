"""Gradients that follow rules, which may themselves be differentiated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from pellucid.core.evaluation.gradients import Gradient
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import evaluate_own_points
from pellucid.core.model.fast_paths import without_fast_paths
from pellucid.core.model.layers import module_label
from pellucid.core.problem.composed_targets import scalar_per_example
from pellucid.core.problem.points import Points
from pellucid.core.rules.ruled_forward import CallsDiffer, RuledForward, apply, record
from pellucid.core.rules.rules import Rules
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors
from pellucid.errors import NoRule, warn


@final
@dataclass(frozen=True)
class RuleGradient(Summarized):
    """A forward under rules and the gradient of its backward.

    Args:
        run: The forward.
        gradient: The values and their gradients by the rules.
        activations_at: The tensors where gradients are taken, which can be differentiated with `create_graph`.
    """

    run: RuledForward
    gradient: Gradient
    activations_at: Tensors


def gradient_under_rules(
    f: ModelFunction,
    rules: Rules,
    points: Points,
    reference: RuledForward | None = None,
    before_forward: Callable[[], None] = lambda: None,
    *,
    retry: bool = True,
) -> RuleGradient:
    """One forward under rules and one backward that follows them.

    With `create_graph` a recorded forward without rules comes first, at whose values the rules compute: the multipliers
    that they return must be differentiated as the model is, not by rules.

    Args:
        f: The function.
        rules: The rules.
        points: At the source.
        reference: A recorded forward to compare with.
        before_forward: Called before every forward.
        retry: Whether to try once more where the forwards make different calls: the first one may have run to the end,
            to count calls, or may have computed constants that the model keeps.

    Raises:
        CallsDiffer: The forwards make different calls.
    """
    values: RuledForward | None = None
    activations: Tensors = ()
    runs: list[RuledForward] = []
    start = points.detach() if f.problem.options.create_graph else points

    def under_rules() -> RuledForward:
        before_forward()
        runs.append(apply(rules, f.problem.model, reference=reference, values=values))
        return runs[-1]

    try:
        with without_fast_paths(f.session.info, hooks=True):  # compiled modules show their calls
            if f.problem.options.create_graph:
                before_forward()
                with record(rules, f.problem.model) as values:
                    _, activations = values_and_activations(f, points)
            gradient = f.gradient(start, mode=under_rules)
        for earlier, when in ((reference, "for the baselines"), (values, "the first time")):
            if earlier is not None:
                _check_call_count(f, runs[-1], earlier, when)
    except CallsDiffer:
        if not retry:
            raise
        return gradient_under_rules(f, rules, points, reference, before_forward, retry=False)
    return RuleGradient(runs[-1], gradient, activations or gradient.tensors)


def _check_call_count(f: ModelFunction, run: RuledForward, earlier: RuledForward, when: str) -> None:
    """Refuse a forward that makes another number of calls with a rule than an earlier one did.

    A forward that stopped early may make fewer, unless the user's target function makes calls of its own after it.

    Raises:
        CallsDiffer: The numbers differ.
    """
    may_be_fewer = _may_stop_early(f) and not f.evaluator.target.functions
    if run.count != earlier.count and not (may_be_fewer and run.count < earlier.count):
        raise CallsDiffer(
            "model must make the same calls every time: "
            f"it makes {earlier.count} with a rule {when}, and {run.count} for the inputs."
        )


def values_and_activations(f: ModelFunction, points: Points) -> tuple[Tensor, Tensors]:
    """The values [n] at points, or [n, K] of several targets, and the activations where gradients would be taken."""
    evaluator = f.evaluator
    elsewhere = evaluator.gradient_at != evaluator.source
    with torch.set_grad_enabled(f.problem.options.create_graph):
        value, captured = evaluator.evaluate(points, evaluator.gradient_at if elsewhere else None)
    return scalar_per_example(value, evaluator.target), points.tensors if captured is None else captured.tensors


@final
class MissingRules:
    """The calls of a model that need a rule and have none.

    Args:
        model: The model.
        consequence: What follows from a missing rule; the warning begins with it.
    """

    def __init__(self, model: Callable[..., Any], consequence: str = "attributions may not add up: ") -> None:
        self._model, self._consequence = model, consequence
        self._calls: dict[str, None] = {}

    def collect(self, gradient: RuleGradient) -> None:
        """Collect the calls without a rule in the graph of a gradient."""
        if gradient.run.has_untraceable_calls:
            self._calls["calls in torch.vmap"] = None
        if gradient.run.audit is None:
            self._calls.update(dict.fromkeys(_scripts(self._model)))
        else:
            for name, module in gradient.run.audit.missing_rules(gradient.gradient.value, gradient.gradient.tensors):
                self._calls[_describe_call(name, module, self._model)] = None

    def report(self, *, strict: bool) -> bool:
        """Warn of the calls without a rule.

        Args:
            strict: Whether to raise an error instead.

        Returns:
            Whether there are any.

        Raises:
            NoRule: There are some, and `strict` is set.
        """
        if self._calls:
            calls = ", ".join(self._calls)
            warn_or_raise(f"{self._consequence}no rule for {calls}, for which torch's gradient is taken.", strict)
        return bool(self._calls)


def warn_or_raise(message: str, strict: bool) -> None:
    """Warn, or raise an error if `strict` is set.

    Raises:
        NoRule: `strict` is set.
    """
    if strict:
        raise NoRule(message)
    warn(message)


def _describe_call(name: str, module: nn.Module | None, model: object) -> str:
    """A call without a rule and where it is made: a node that no module made may be any scripted module's."""
    if module is not None and callable(model):
        return f"{name} in {module_label(module, model)}"
    scripts = _scripts(model)
    return f"{name} in {' or '.join(scripts)}" if scripts and module is None else name


def _scripts(model: object) -> list[str]:
    """The scripted modules of a model, whose calls are not intercepted."""
    if not isinstance(model, nn.Module):
        return []
    return [module_label(module, model) for module in model.modules() if isinstance(module, torch.jit.ScriptModule)]


def backpropagate(f: ModelFunction, rules: Rules, *, strict: bool = False) -> tuple[Tensors, Tensor]:
    """The gradients of a function under rules, at its own points.

    Args:
        f: The function, of one value per example.
        rules: The rules.
        strict: Whether calls without a rule raise an error, or are warned of.

    Returns:
        The gradients, and the values [B], or [B, K] of several targets.
    """
    missing = (
        MissingRules(f.problem.model) if rules.exempt is not None else MissingRules(f.problem.model, consequence="")
    )

    def evaluate(points: Points) -> Tensors:
        rule_gradient = gradient_under_rules(f, rules, points)
        missing.collect(rule_gradient)
        value = rule_gradient.gradient.value
        return (*rule_gradient.gradient.grad, value if f.problem.options.create_graph else value.detach())

    *grads, value = evaluate_own_points(f, evaluate)
    missing.report(strict=strict)
    return tuple(grads), value


def _may_stop_early(f: ModelFunction) -> bool:
    """Whether forwards may stop at a layer, as nothing after it is needed."""
    return bool(f.evaluator.gradient_at.modules or f.evaluator.target.site.modules)
