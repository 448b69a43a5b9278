"""A metric of a model's output, with and without attacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument, WrongType, warn
from pellucid.robust.attempts import Attack, groups, outputs_of

ORIGINAL = "Original"
"""What results without an attack are called."""


@final
@dataclass(frozen=True)
class NamedAttack(Summarized):
    """An attack, and how it is called.

    Args:
        attack: It.
        num_attempts: How often.
        apply_before_preproc: Whether it changes what `preproc_fn` is given; else what that returns.
        arguments: Its further arguments.
        names: Of arguments of `evaluate` that it is given, too.
    """

    attack: Attack
    num_attempts: int
    apply_before_preproc: bool
    arguments: Mapping[str, Any]
    names: Sequence[str]


@final
class AttackComparator(Summarized):
    """Compares what attacks do to a metric of a model's output.

    Args:
        forward_func: The model.
        metric: (output, **arguments) -> a number, a tensor, or a tuple of these, which may have names.
        preproc_fn: Makes the model's inputs.

    Examples:
        >>> import torch
        >>> from pellucid.robust import AttackComparator
        >>> comparator = AttackComparator(torch.nn.Identity(), lambda output: output.mean())
        >>> comparator.add_attack(lambda x: x - 1, name="less")
        >>> comparator.evaluate(torch.tensor([[1.0], [3.0]]))
        {'Original': tensor(2.), 'less': {'mean': tensor(1.)}}
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        metric: Callable[..., Any],
        preproc_fn: Callable[..., Any] | None = None,
    ) -> None:
        self.forward_func, self.metric, self.preproc_fn = forward_func, metric, preproc_fn
        self.attacks: dict[str, NamedAttack] = {}
        self._summed: dict[str, list[Any]] = {}

    def add_attack(
        self,
        attack: Attack,
        name: str | None = None,
        num_attempts: int = 1,
        apply_before_preproc: bool = True,
        attack_kwargs: Mapping[str, Any] | None = None,
        additional_attack_arg_names: Sequence[str] | None = None,
    ) -> None:
        """Add an attack.

        Args:
            attack: (inputs, **arguments) -> perturbed inputs.
            name: What it is called in results; None for the name of its class.
            num_attempts: How often it is tried, as attacks that draw are.
            apply_before_preproc: Whether it changes what `preproc_fn` is given; else what that returns.
            attack_kwargs: Its further arguments.
            additional_attack_arg_names: The names of arguments of `evaluate` that it is given, too.

        Raises:
            InvalidArgument: The name is taken, or there are no attempts.
        """
        name = type(attack).__name__ if name is None else name
        if name in self.attacks:
            raise NameTaken(f"name must be another than those of the attacks there are: got {name!r}. Hint: name=...")
        if num_attempts < 1:
            raise InvalidArgument(f"num_attempts must be from 1 on: got {num_attempts}.")
        self.attacks[name] = NamedAttack(
            attack, num_attempts, apply_before_preproc, attack_kwargs or {}, additional_attack_arg_names or ()
        )

    def evaluate(
        self, inputs: Any, additional_forward_args: Any = None, perturbations_per_eval: int = 1, **kwargs: Any
    ) -> dict[str, Any]:
        """Take the metric without an attack and with each.

        Args:
            inputs: A batch: what attacks, or `preproc_fn`, take.
            additional_forward_args: The arguments of the model after the inputs.
            perturbations_per_eval: How many attempts share a forward.
            **kwargs: The arguments of the metric after the output; attacks get those that they name.

        Returns:
            "Original": the metric; for each attack its "mean", and of several attempts "min" and "max", too.

        Raises:
            InvalidArgument: An argument is not what is described here.
        """
        attempts = [(ORIGINAL, inputs if self.preproc_fn is None else self.preproc_fn(inputs))]
        for name, attack in self.attacks.items():
            attempts += [(name, self._attacked(attack, name, inputs, kwargs)) for _ in range(attack.num_attempts)]
        metrics: dict[str, list[Any]] = {name: [] for name, _ in attempts}
        for group in groups(attempts, perturbations_per_eval):
            outputs = outputs_of(self.forward_func, [attempt for _, attempt in group], additional_forward_args)
            for (name, _), output in zip(group, outputs, strict=True):
                metrics[name].append(as_tensors(self.metric(output, **kwargs)))
        results: dict[str, Any] = {}
        for name, values in metrics.items():
            results[name] = values[0] if name == ORIGINAL else _over_attempts(values)
            for kind, value in _of_summary(name, results[name]).items():
                self._summed.setdefault(kind, []).append(combined(_mean_of_rows, value))
        return results

    def summary(self) -> dict[str, dict[str, Any]]:
        """The means over all calls of `evaluate`, each of the mean over its first dimension.

        Returns:
            "Original", and for each attack its name, or of several attempts its name with " Mean Attempt", with
            " Min Attempt" and with " Max Attempt": {"mean": ...} each.
        """
        return {name: {"mean": combined(_mean, *values)} for name, values in self._summed.items()}

    def reset(self) -> None:
        """Forget all calls of `evaluate`; attacks stay."""
        self._summed.clear()

    def _attacked(self, attack: NamedAttack, name: str, inputs: Any, kwargs: Mapping[str, Any]) -> Any:
        missing = [each for each in attack.names if each not in kwargs]
        if missing:
            warn(f"{', '.join(missing)}, which attack {name!r} takes, is no argument of evaluate.")
        arguments = {**attack.arguments, **{each: kwargs[each] for each in attack.names if each in kwargs}}
        if self.preproc_fn is None:
            return attack.attack(inputs, **arguments)
        if attack.apply_before_preproc:
            return self.preproc_fn(attack.attack(inputs, **arguments))
        return attack.attack(self.preproc_fn(inputs), **arguments)


class NameTaken(InvalidArgument, RuntimeError):
    """An attack of this name is there."""


def as_tensors(metric: Any) -> Any:
    """A metric with tensors for numbers, detached.

    Args:
        metric: A number, a tensor, or a tuple of these.

    Raises:
        WrongType: It is something else.
    """
    if isinstance(metric, tuple):
        return _like(metric, [as_tensors(each) for each in metric])
    if not isinstance(metric, Tensor | float | int):
        raise WrongType(f"metric must return a number, a tensor, or a tuple of these: got {summary(metric)}.")
    return torch.as_tensor(metric).detach()


def combined(combine: Callable[[list[Tensor]], Tensor], *metrics: Any) -> Any:
    """Metrics of one structure as one.

    Args:
        combine: What becomes of the tensors at one place.
        *metrics: Tensors, or tuples of these.
    """
    if isinstance(metrics[0], tuple):
        return _like(metrics[0], [combined(combine, *same) for same in zip(*metrics, strict=True)])
    return combine(list(metrics))


def _mean(tensors: list[Tensor]) -> Tensor:
    stacked = torch.stack(tensors)
    return (stacked if stacked.is_floating_point() else stacked.float()).mean(0)


def _mean_of_rows(tensors: list[Tensor]) -> Tensor:
    return _mean(list(tensors[0])) if tensors[0].dim() else tensors[0]


def _over_attempts(metrics: list[Any]) -> dict[str, Any]:
    mean = {"mean": combined(_mean, *metrics)}
    if len(metrics) == 1:
        return mean
    least = combined(lambda tensors: torch.stack(tensors).amin(0), *metrics)
    return {**mean, "min": least, "max": combined(lambda tensors: torch.stack(tensors).amax(0), *metrics)}


def _of_summary(name: str, result: Any) -> dict[str, Any]:
    """What a result of `evaluate` is called in a summary."""
    if name == ORIGINAL:
        return {ORIGINAL: result}
    if len(result) == 1:
        return {name: result["mean"]}
    return {f"{name} {kind.capitalize()} Attempt": result[kind] for kind in ("mean", "min", "max")}


def _like(template: tuple[Any, ...], values: list[Any]) -> Any:
    """A tuple, with names if the template has them."""
    return type(template)(*values) if hasattr(template, "_fields") else tuple(values)
