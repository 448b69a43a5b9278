"""Conservation of relevance: how much of it each call absorbs, by biases, stabilisers and rules."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.autograd.audit import REARRANGING, kind_of
from pellucid.core.autograd.dependence import DEPENDS_ON_SOURCE
from pellucid.core.model.layers import name_in
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors
from pellucid.methods.lrp.contributions import rule_name
from pellucid.methods.lrp.op_rules import Absorbed, recording_absorbed, total


@final
@dataclass(frozen=True, eq=False)
class Absorption(Summarized):
    """What becomes of the relevance of a call: received = passed + by_bias + by_stabiliser + by_rule.

    Args:
        module: The dotted name of the module that makes the call; "" outside of modules, and of calls without a rule.
        function: The name of the function.
        rule: The rule that it follows; "" for calls without one, which only move values.
        received: The relevance of its output, float64 [B].
        passed: The relevance of those of its inputs that depend on the source, [B].
        by_bias: What is lost to biases and other numbers that do not depend on the source, [B].
        by_stabiliser: What is lost to the stabilisers of denominators, [B].
    """

    module: str
    function: str
    rule: str
    received: Tensor
    passed: Tensor
    by_bias: Tensor
    by_stabiliser: Tensor

    @property
    def by_rule(self) -> Tensor:
        """What is lost by the rule itself, [B]."""
        return self.absorbed - self.by_bias - self.by_stabiliser

    @property
    def absorbed(self) -> Tensor:
        """All that is lost, [B]."""
        return self.received - self.passed

    def __str__(self) -> str:
        numbers = (self.received, self.passed, self.by_bias, self.by_stabiliser, self.by_rule)
        where = f"{self.function} in {self.module}" if self.module else self.function
        return "".join(f"{float(number.sum()):14.5g}" for number in numbers) + f"  {self.rule:<12} {where}"


@final
@dataclass(frozen=True, eq=False)
class Conservation(Summarized):
    """Where the relevance of each example goes: explained = relevance + absorbed, to rounding.

    Where gradients are taken at a layer, relevance that goes around that layer is in neither.

    Args:
        explained: The output that is passed back, float64 [B]; [1] where the model has one value for the batch.
        relevance: The sum of the attributions, [B].
        calls: What each call absorbs, from the output back to the inputs. Calls of the same function, module and rule
            are matched across examples in the order in which they come.
    """

    explained: Tensor
    relevance: Tensor
    calls: tuple[Absorption, ...]

    @property
    def absorbed(self) -> Tensor:
        """What all calls absorb together, [B]."""
        return torch.stack([torch.zeros_like(self.explained), *(call.absorbed for call in self.calls)]).sum(0)

    def __str__(self) -> str:
        names = ("received", "passed", "by bias", "by stabiliser", "by rule")
        ends = f"explained {float(self.explained.sum()):.5g}, relevance {float(self.relevance.sum()):.5g}"
        return "\n".join(("".join(f"{name:>14}" for name in names), *map(str, self.calls), ends))


CallKind: TypeAlias = tuple[str, str, str]
"""Module, function and rule."""


@final
class ConservationRecorder:
    """Records the relevance of one example after the other, in one backward for each.

    Args:
        model: The model, for names of its modules.
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        self._model = model
        self._absorbed: dict[TorchCall, tuple[Rule, Absorbed]] = {}
        self._examples: list[dict[tuple[CallKind, int], tuple[float, ...]]] = []
        self._explained: list[float] = []
        self._relevance: list[float] = []
        self._batch_size = 1

    @property
    def finished(self) -> int:
        """How many examples have been recorded."""
        return len(self._relevance)

    @property
    def is_complete(self) -> bool:
        """Whether all examples of a batch have been recorded."""
        return self.finished >= self._batch_size

    def watch(self, rule: Rule, call: TorchCall, relevance: Tensor) -> Tensors:
        """Apply a rule, and remember what it absorbs."""
        with recording_absorbed(Absorbed()) as absorbed:
            passed = rule(call, relevance)
        self._absorbed[call] = rule, absorbed
        return passed

    def begin(self, call: TorchCall, grad: Tensor, example: int) -> Tensors:
        """The relevance that one example starts from: its explained value. Hooks record every step before that.

        Args:
            call: The call that takes the explained values.
            grad: The gradient at its output.
            example: Which of the values.
        """
        (value,) = call.inputs
        mask = torch.zeros_like(value)
        mask.view(-1)[example] = 1
        self._batch_size = mask.numel()
        start = grad * value * mask
        self._examples.append({})
        self._explained.append(total(start))
        counts: Counter[CallKind] = Counter()
        for step in _steps_from_source(call.input_nodes):
            step.register_hook(functools.partial(self._record_step, _Step.of(step), counts))
        return (start,)

    def end(self, relevance: Tensors) -> None:
        """Record the attributions that one example ends with."""
        self._relevance.append(sum(map(total, relevance)))

    def _record_step(
        self, step: _Step, counts: Counter[CallKind], grads_in: tuple[Any, ...], grads_out: tuple[Any, ...]
    ) -> None:
        """The hook of a step of autograd, which gets the relevance of its inputs and of its outputs."""
        received = sum(total(grad) for grad in grads_out if grad is not None)
        relevant = (grad for grad, depends in zip(grads_in, step.depends_on_source, strict=True) if depends)
        passed = sum(total(grad) for grad in relevant if grad is not None)
        if step.call is None:
            if not math.isclose(received, passed, rel_tol=1e-9, abs_tol=1e-12):
                absorbed = Absorbed(biases=received - passed if step.kind in REARRANGING else 0.0)
                self._add(("", step.kind, ""), received, passed, absorbed, counts)
            return
        rule, absorbed = self._absorbed.pop(step.call, (None, Absorbed()))
        module = "" if step.call.module is None else name_in(self._model, step.call.module) or ""
        self._add((module, step.call.name, rule_name(rule)), received, passed, absorbed, counts)

    def _add(
        self, kind: CallKind, received: float, passed: float, absorbed: Absorbed, counts: Counter[CallKind]
    ) -> None:
        self._examples[-1][kind, counts[kind]] = received, passed, absorbed.biases, absorbed.stabilisers
        counts[kind] += 1

    def conservation(self) -> Conservation:
        """All that has been recorded; a call that an example does not make has zeros there."""
        calls = []
        for key in dict.fromkeys(key for example in self._examples for key in example):
            columns = zip(*(example.get(key, (0.0,) * 4) for example in self._examples), strict=True)
            calls.append(Absorption(*key[0], *map(_column, columns)))
        return Conservation(_column(self._explained), _column(self._relevance), tuple(calls))


@final
@dataclass(frozen=True, eq=False)
class _Step(Summarized):
    """What a hook must know of its step of autograd, as a hook that held the step itself would keep the graph alive.

    Args:
        kind: The kind of step, by its name.
        call: The call of a rule whose step it is; None for torch's own.
        depends_on_source: Whether the step before it depends on the source, for each of its inputs.
    """

    kind: str
    call: TorchCall | None
    depends_on_source: tuple[bool, ...]

    @classmethod
    def of(cls, step: Any) -> _Step:
        """What must be known of a step."""
        depends = tuple(before is not None for before in _dependent_steps_before(step))
        return cls(kind_of(step), getattr(step, "call", None), depends)


def _column(numbers: Iterable[float]) -> Tensor:
    return torch.tensor([*numbers], dtype=torch.float64)


def _steps_from_source(steps: tuple[Any, ...]) -> list[Any]:
    """These steps of autograd and all before them that depend on the source, but not the leaves of the graph."""
    seen, stack = dict.fromkeys(steps), list(steps)
    while stack:
        new = [step for step in _dependent_steps_before(stack.pop()) if step is not None and step not in seen]
        seen.update(dict.fromkeys(new))
        stack += new
    return [step for step in seen if any(before is not None for before in _dependent_steps_before(step))]


def _dependent_steps_before(step: Any) -> list[Any]:
    """The steps before a step, one for each input, with None in place of those that do not depend on the source."""
    return [
        before if before is not None and DEPENDS_ON_SOURCE.after(before) else None for before, _ in step.next_functions
    ]
