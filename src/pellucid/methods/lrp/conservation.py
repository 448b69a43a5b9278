"""What becomes of relevance: how much of it each call absorbs, by biases, stabilisers and rules."""

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
from pellucid.core.tensors import Tensors
from pellucid.methods.lrp.contributions import LayerRule
from pellucid.methods.lrp.op_rules import Absorbed, amount, recording_absorbed


@final
@dataclass(frozen=True, eq=False)
class Absorption:
    """What a call does with the relevance that arrives at it: received = passed + by_bias + by_stabiliser + by_rule.

    Args:
        module: The dotted name of the module that makes the call; "" outside of modules, and of calls without a rule.
        function: The name of the function.
        rule: The rule that it follows; "" for what only moves numbers.
        received: The relevance of what it returns, float64 [B].
        passed: That of what it takes and what depends on the source.
        by_bias: What is lost to biases and other numbers that do not depend on the source.
        by_stabiliser: What is lost to the epsilon that keeps denominators from zero.
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
        """What the rule itself does not pass on."""
        return self.absorbed - self.by_bias - self.by_stabiliser

    @property
    def absorbed(self) -> Tensor:
        """All that is lost."""
        return self.received - self.passed

    def __str__(self) -> str:
        numbers = (self.received, self.passed, self.by_bias, self.by_stabiliser, self.by_rule)
        where = f"{self.function} in {self.module}" if self.module else self.function
        return "".join(f"{float(each.sum()):14.5g}" for each in numbers) + f"  {self.rule:<12} {where}"


@final
@dataclass(frozen=True, eq=False)
class Conservation:
    """Where the relevance of each example goes: explained = relevance + absorbed, to rounding.

    Where the pathway reads at a layer, what goes around that layer is in neither.

    Args:
        explained: The output that is passed back, float64 [B]; of one value where the model has one for the batch.
        relevance: What arrives where the pathway reads, over all of it.
        calls: What each call absorbs, from the output back to the inputs. Calls of the same function, module and rule
            are the same for all examples in the order in which they come.
    """

    explained: Tensor
    relevance: Tensor
    calls: tuple[Absorption, ...]

    @property
    def absorbed(self) -> Tensor:
        """What all calls absorb together."""
        return torch.stack([torch.zeros_like(self.explained), *(each.absorbed for each in self.calls)]).sum(0)

    def __str__(self) -> str:
        names = ("received", "passed", "by bias", "by stabiliser", "by rule")
        ends = f"explained {float(self.explained.sum()):.5g}, relevance {float(self.relevance.sum()):.5g}"
        return "\n".join(("".join(f"{name:>14}" for name in names), *map(str, self.calls), ends))


Key: TypeAlias = tuple[tuple[str, str, str], int]
"""Module, function and rule, and which of such calls."""


@final
class Account:
    """Follows the relevance of one example after the other, in backwards that pass it.

    Args:
        model: The model, for names of its modules.
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        self._model = model
        self._ruled: dict[TorchCall, tuple[Rule, Absorbed]] = {}
        self._examples: list[dict[Key, tuple[float, ...]]] = []
        self._explained: list[float] = []
        self._relevance: list[float] = []
        self._left = 1

    @property
    def number(self) -> int:
        """Which example comes next."""
        return len(self._relevance)

    @property
    def whole(self) -> bool:
        """Whether all examples of a batch have been followed."""
        return self.number >= self._left

    def watch(self, rule: Rule, call: TorchCall, relevance: Tensor) -> Tensors:
        """What a rule passes back; what it keeps is remembered."""
        with recording_absorbed(Absorbed()) as kept:
            passed = rule(call, relevance)
        self._ruled[call] = rule, kept
        return passed

    def begin(self, call: TorchCall, grad: Tensor, example: int) -> Tensors:
        """The relevance of the values of a call, of one example alone, which all steps before it are going to tell of.

        Args:
            call: What takes the values.
            grad: What arrives there.
            example: Which of them.
        """
        (value,) = call.inputs
        chosen = torch.zeros_like(value)
        chosen.view(-1)[example] = 1
        self._left = chosen.numel()
        started = grad * value * chosen
        self._examples.append({})
        self._explained.append(amount(started))
        counts: Counter[tuple[str, str, str]] = Counter()
        for step in _between(call.steps):
            step.register_hook(functools.partial(self._look, _Step.of(step), counts))
        return (started,)

    def end(self, relevance: Tensors) -> None:
        """The relevance of all that is read."""
        self._relevance.append(sum(map(amount, relevance)))

    def _look(self, step: _Step, counts: Counter[Any], passed: tuple[Any, ...], received: tuple[Any, ...]) -> None:
        """See what a step of autograd receives and passes."""
        came = sum(amount(each) for each in received if each is not None)
        followed = (each for each, on in zip(passed, step.depending, strict=True) if on)
        went = sum(amount(each) for each in followed if each is not None)
        if step.call is None:
            if not math.isclose(came, went, rel_tol=1e-9, abs_tol=1e-12):
                lost = Absorbed(biases=came - went if step.kind in REARRANGING else 0.0)
                self._add(("", step.kind, ""), came, went, lost, counts)
            return
        rule, kept = self._ruled.pop(step.call, (None, Absorbed()))
        name = type(rule).__name__ if isinstance(rule, LayerRule) else getattr(rule, "__name__", "")
        module = None if step.call.module is None else name_in(self._model, step.call.module)
        self._add((module or "", step.call.name, name), came, went, kept, counts)

    def _add(self, what: tuple[str, str, str], came: float, went: float, kept: Absorbed, counts: Counter[Any]) -> None:
        self._examples[-1][what, counts[what]] = came, went, kept.biases, kept.stabilisers
        counts[what] += 1

    def settled(self) -> Conservation:
        """All that has been seen."""
        rows = []
        for key in dict.fromkeys(key for each in self._examples for key in each):
            columns = zip(*(each.get(key, (0.0,) * 4) for each in self._examples), strict=True)
            rows.append(Absorption(*key[0], *map(_column, columns)))
        return Conservation(_column(self._explained), _column(self._relevance), tuple(rows))


@final
@dataclass(frozen=True, eq=False)
class _Step:
    """What must be known of a step of autograd, which its hooks must not hold.

    Args:
        kind: Of which it is.
        call: The call that it is, under a rule.
        depending: Which of the steps before it depend on the source.
    """

    kind: str
    call: TorchCall | None
    depending: tuple[bool, ...]

    @classmethod
    def of(cls, step: Any) -> _Step:
        """That of a step."""
        return cls(kind_of(step), getattr(step, "call", None), tuple(each is not None for each in _depending(step)))


def _column(numbers: Iterable[float]) -> Tensor:
    return torch.tensor([*numbers], dtype=torch.float64)


def _between(steps: tuple[Any, ...]) -> list[Any]:
    """These steps of autograd and all before them, but for those that the source begins with."""
    found, waiting = dict.fromkeys(steps), list(steps)
    while waiting:
        new = [each for each in _depending(waiting.pop()) if each is not None and each not in found]
        found.update(dict.fromkeys(new))
        waiting += new
    return [each for each in found if any(each is not None for each in _depending(each))]


def _depending(step: Any) -> list[Any]:
    """The steps before one, with None in place of those that do not depend on the source."""
    return [each if each is not None and DEPENDS_ON_SOURCE.after(each) else None for each, _ in step.next_functions]
