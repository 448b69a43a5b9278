"""Gradients that follow rules, which may themselves be differentiated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from pellucid.core.evaluation.gradients import Gradient, scalar_per_example
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import evaluate_own_points
from pellucid.core.model.fast_paths import without_fast_paths
from pellucid.core.model.layers import module_label
from pellucid.core.problem.points import Points
from pellucid.core.problem.target import TargetFunction
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.run import CallsDiffer, RuledForward, apply, record
from pellucid.core.tensors import Tensors
from pellucid.errors import NoRule, warn


@final
@dataclass(frozen=True)
class RuleGradient:
    """What a forward and a backward under rules say.

    Args:
        run: The forward.
        gradient: What they say, by the rules.
        at_read: The tensors where gradients are taken, which can be differentiated with `create_graph`.
    """

    run: RuledForward
    gradient: Gradient
    activations_at: Tensors


def gradient_under_rules(
    f: ModelFunction,
    rules: Rules,
    points: Points,
    reference: RuledForward | None = None,
    before: Callable[[], None] = lambda: None,
    *,
    again: bool = True,
) -> RuleGradient:
    """One forward under rules and one backward that follows them.

    With `create_graph` an ordinary run comes first, whose values the rules work with: what they make of the points
    must be differentiated as the model is, not by rules.

    Args:
        f: The function.
        rules: The rules.
        points: At the source.
        reference: A recorded run to compare with.
        before: Is called before every forward.
        again: Whether all is done once more where runs make different calls: the first may have run to the end, to
            count calls, or may have made constants that the model keeps.

    Raises:
        CallsDiffer: The runs make different calls.
    """
    values: RuledForward | None = None
    at_read: Tensors = ()
    runs: list[RuledForward] = []
    own = points.detach() if f.problem.options.create_graph else points

    def applied() -> RuledForward:
        before()
        runs.append(apply(rules, f.problem.model, reference=reference, values=values))
        return runs[-1]

    try:
        with without_fast_paths(f.session.info, hooks=True):  # compiled modules show their calls
            if f.problem.options.create_graph:
                before()
                with record(rules, f.problem.model) as values:
                    _, at_read = values_and_activations(f, points)
            gradient = f.gradient(own, mode=applied)
        for run, said in ((reference, "for the baselines"), (values, "the first time")):
            if run is not None:
                _check_calls(f, runs[-1], run, said)
    except CallsDiffer:
        if not again:
            raise
        return gradient_under_rules(f, rules, points, reference, before, again=False)
    return RuleGradient(runs[-1], gradient, at_read or gradient.at)


def _check_calls(f: ModelFunction, run: RuledForward, earlier: RuledForward, said: str) -> None:
    """Refuse a run that makes another number of calls than one before."""
    # A target without calls of its own: after a run that stopped, the rest is as it was.
    stopped = _may_stop_early(f) and not isinstance(f.evaluator.target, TargetFunction)
    if run.count != earlier.count and not (stopped and run.count < earlier.count):
        raise CallsDiffer(
            "forward_func must make the same calls every time: "
            f"it makes {earlier.count} with a rule {said}, and {run.count} for the inputs."
        )


def values_and_activations(f: ModelFunction, points: Points) -> tuple[Tensor, Tensors]:
    """The explained values [n] at points, and the tensors where gradients are taken, which are not."""
    evaluator = f.evaluator
    elsewhere = evaluator.gradient_at != evaluator.source
    with torch.set_grad_enabled(f.problem.options.create_graph):
        value, captured = evaluator.evaluate(points, evaluator.gradient_at if elsewhere else None)
    return scalar_per_example(value, evaluator.target), points.tensors if captured is None else captured.tensors


@final
class MissingRules:
    """Calls that needed a rule and had none.

    Args:
        model: The model that makes them.
        so: What follows from that.
    """

    def __init__(self, model: Callable[..., Any], so: str = "attributions may not add up: ") -> None:
        self._model, self._so = model, so
        self._calls: dict[str, None] = {}

    def look(self, gradient: RuleGradient) -> None:
        """See which there are on the way back of a reading."""
        if gradient.run.blind:
            self._calls["calls in torch.vmap"] = None
        if gradient.run.audit is None:
            self._calls.update(dict.fromkeys(_scripts(self._model)))
        else:
            for what, module in gradient.run.audit.missing_rules(gradient.gradient.value, gradient.gradient.at):
                self._calls[_describe_call(what, module, self._model)] = None

    def report(self, *, strict: bool) -> bool:
        """Tell of them, and whether there are some.

        Raises:
            NoRule: There are some, and this is not accepted.
        """
        if self._calls:
            calls = ", ".join(self._calls)
            warn_or_raise(f"{self._so}no rule for {calls}, for which torch's gradient is taken.", strict)
        return bool(self._calls)


def warn_or_raise(what: str, strict: bool) -> None:
    """Warn of something, or refuse it.

    Raises:
        NoRule: It is not accepted.
    """
    if strict:
        raise NoRule(what)
    warn(what)


def _describe_call(what: str, module: nn.Module | None, model: object) -> str:
    """A call without a rule; what no call has made is a script's, or a function of the user's own."""
    if module is not None and callable(model):
        return f"{what} in {module_label(module, model)}"
    scripts = _scripts(model)
    return f"{what} in {' or '.join(scripts)}" if scripts and module is None else what


def _scripts(model: object) -> list[str]:
    """The scripted modules of a model, which nobody can look into."""
    inside = model.modules() if isinstance(model, nn.Module) else ()
    return [module_label(each, model) for each in inside if isinstance(each, torch.jit.ScriptModule)]  # type: ignore[arg-type]  # it is one


def backpropagate(f: ModelFunction, rules: Rules, *, strict: bool = False) -> tuple[Tensors, Tensor]:
    """What passes back under rules at the points of a pathway, and the values that it starts from.

    Args:
        f: The function, to one value per example.
        rules: The rules.
        strict: Whether calls without a rule raise an error, or are warned of.
    """
    unruled = MissingRules(f.problem.model) if rules.exempt is not None else MissingRules(f.problem.model, so="")

    def evaluate(points: Points) -> Tensors:
        found = gradient_under_rules(f, rules, points)
        unruled.look(found)
        value = found.gradient.value
        return (*found.gradient.grad, value if f.problem.options.create_graph else value.detach())

    *grads, value = evaluate_own_points(f, evaluate)
    unruled.report(strict=strict)
    return tuple(grads), value


def _may_stop_early(f: ModelFunction) -> bool:
    return bool(f.evaluator.gradient_at.modules or f.evaluator.target.site.modules)
