"""A forward in which calls of torch follow rules, or are recorded to be compared with."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, final

import torch
from torch import Tensor, nn
from torch._C._functorch import maybe_current_level
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from pellucid.core.autograd.audit import GraphAudit, span
from pellucid.core.autograd.dependence import DEPENDS_ON_SOURCE
from pellucid.core.model.checkpoints import plain_checkpoints
from pellucid.core.rules.call_stack import current_autograd_function, current_module
from pellucid.core.rules.entries import AdjustGradient, Around, ChooseRule, Decompose, ForProducts, RepeatCall
from pellucid.core.rules.memory import CallMemory, storage_of
from pellucid.core.rules.python_functions import without_dispatch
from pellucid.core.rules.ruled_op import Rule, apply_with_rule
from pellucid.core.rules.rules import Rules, unchanged
from pellucid.core.rules.torch_call import TorchCall, TorchFunction, Unflatten, is_inplace, name_of
from pellucid.core.tensors import is_float_non_parameter, is_floating, is_number_non_parameter
from pellucid.errors import InvalidArgument, NotSupported


class CallsDiffer(InvalidArgument):
    """Two runs do not make the same calls."""


def record(rules: Rules, model: Callable[..., Any] | None = None) -> RuledForward:
    """A run whose calls are remembered, to be compared with those of another.

    Args:
        rules: The rules.
        model: The model, for names of its modules.
    """
    return RuledForward(rules, model, applies=False)


def apply(
    rules: Rules,
    model: Callable[..., Any] | None = None,
    *,
    reference: RuledForward | None = None,
    values: RuledForward | None = None,
) -> RuledForward:
    """A run whose gradients follow rules: a context manager around a forward.

    Args:
        rules: The rules.
        model: The model, for names of its modules.
        reference: A recorded run: every call of this one is given the same call of that.
        values: A recorded run at the same points: the inputs of calls are those of that run, so that what rules make of
            them can be differentiated again.
    """
    return RuledForward(rules, model, applies=True, reference=reference, values=values)


@final
class RuledForward(TorchFunctionMode):
    """A forward under rules: a context manager around it, but not around the backward."""

    def __init__(
        self,
        rules: Rules,
        model: Callable[..., Any] | None,
        *,
        applies: bool,
        reference: RuledForward | None = None,
        values: RuledForward | None = None,
    ) -> None:
        super().__init__()
        self._rules, self._model, self._applies = rules, model, applies
        self._reference, self._values = reference, values
        self._calls: list[TorchCall] = []
        self._memory = CallMemory()
        self._number = 0
        self._inside: list[TorchFunction] = []
        self._noted: list[dict[Any, Any]] = []  # what steps hold of calls; not the steps, as their memory may be free
        self._depth = 0
        self._meanwhile = ExitStack()
        self.blind = False
        """Whether calls were made that nobody can follow."""
        self.audit = None if rules.exempt is None or not applies else GraphAudit(rules.exempt)
        self.rounding = 0.0
        """The largest relative error of the dtypes that calls with a rule work in."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Follow the rule of a call."""
        keywords = kwargs or {}
        if maybe_current_level() is not None:  # in torch.func.vmap and the like: nothing can be remembered
            self.blind = True
            return function(*args, **keywords)
        if function in _GRADIENTS:
            raise NotSupported(_TAKES_A_GRADIENT)
        grads = torch.is_grad_enabled()
        if self.audit is not None and not grads:
            self.audit.enter(current_autograd_function(), current_module)
        if not keywords and self._rules.leaves(function):
            result = function(*args)
            if self.audit is not None and grads:
                self.audit.note(function, result, current_module)
            return result
        module = current_module() if self._rules.modules else None
        other = self._rules.rule_for_module(module, self._model)
        entry = None if other is not None else self._rules.rule_for_function(function)
        written = _written_tensors(function, args, keywords)
        within = (
            without_dispatch(function) if other is None and (entry is None or isinstance(entry, Decompose)) else None
        )
        if within is None and isinstance(entry, Decompose) and entry.accepts(args, keywords):
            within = entry.function
        if within is not None and function not in self._inside:  # some call what they replace, by the same name
            self._inside.append(function)
            try:
                with self:
                    found = within(*args, **keywords)
            finally:
                self._inside.pop()
            if isinstance(found, RepeatCall):
                made, again = found.call, self._rules.rule_for_function(found.call.function)
                if again is not None and not isinstance(again, Decompose):
                    return self._ruled(made.function, again, found.args, found.keywords, None, made.module)
            if found is not NotImplemented:
                return found if written is None or found is written else self._into(written, found)
        whole = entry.otherwise if isinstance(entry, Decompose) else entry
        if whole is not None and function not in self._inside:
            return self._ruled(function, whole, args, keywords, written)
        other = other or self._rules.default
        other = None if name_of(function) in _NEVER_RULED else other
        if other is not None and written is not None:
            return self._ruled(function, other, args, keywords, written)
        self._memory.spare(written)
        result = function(*args, **keywords)
        asks = isinstance(result, Tensor) and (
            is_floating if isinstance(other, ChooseRule) else is_float_non_parameter
        )(result)
        if other is not None and asks and not (other is unchanged and _is_view(result, args)):
            return self._ruled(function, other, args, keywords, written)
        if self.audit is not None and torch.is_grad_enabled():
            self.audit.note(function, result, current_module)
        return result

    def _ruled(
        self,
        function: TorchFunction,
        entry: Rule | ForProducts | AdjustGradient | ChooseRule | Around,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        written: Tensor | None,
        module: nn.Module | None = None,
    ) -> Any:
        least = 2 if isinstance(entry, ForProducts) else 1
        self._memory.spare(written)
        if isinstance(entry, Around):
            return self._around_call(function, entry, args, keywords, written)
        if isinstance(entry, AdjustGradient):
            if self._applies and self._values is None and (written is None or not written._is_view()):
                return entry.on(function(*args, **keywords))
            entry = entry.rule
        if least > 1 and _at_most_one(args, keywords):
            return function(*args, **keywords)
        leaves, layout = _flatten_call(args, keywords)
        numbers = is_number_non_parameter if isinstance(entry, ChooseRule | ForProducts) else is_float_non_parameter
        places = tuple(place for place, leaf in enumerate(leaves) if numbers(leaf))
        if len(places) < least:
            return function(*args, **keywords)
        self.rounding = max(self.rounding, *(torch.finfo(leaves[place].dtype).eps for place in places))
        call = TorchCall(function, leaves, layout, places, module or current_module())
        number, self._number = self._number, self._number + 1
        if not self._applies:
            self._calls.append(self._memory.keep(call, written))
            result = function(*args, **keywords)
            return self._tag_output(call, result) if isinstance(entry, ChooseRule) else result
        reference = self._reference and self._reference.matching_call(number, call, self._model)
        asked = DEPENDS_ON_SOURCE if isinstance(entry, ChooseRule) else _differentiable
        live = tuple(place for place in places if asked(leaves[place]))
        if len(live) < least or not torch.is_grad_enabled():
            return function(*args, **keywords)
        if isinstance(entry, ChooseRule):
            found = self._chosen(entry, number, dataclasses.replace(call, input_positions=live), written)
            return (
                found
                if written is None
                else DEPENDS_ON_SOURCE.mark(self._into(written, found), holds=DEPENDS_ON_SOURCE(found))
            )
        rule = entry.rule if isinstance(entry, ForProducts) else entry
        inputs = tuple(leaves[place] for place in live)
        found = apply_with_rule(self._freeze_call(number, call, live, written, reference), rule, inputs)
        return found if written is None else self._into(written, found)

    def _around_call(
        self,
        function: TorchFunction,
        entry: Around,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        written: Tensor | None,
    ) -> Any:
        """What a call returns that torch itself makes."""
        leaves, layout = _flatten_call(args, keywords)
        places = tuple(
            place for place, leaf in enumerate(leaves) if is_number_non_parameter(leaf) and DEPENDS_ON_SOURCE(leaf)
        )
        if not places or not torch.is_grad_enabled():
            return function(*args, **keywords)
        found = entry.make(TorchCall(function, leaves, layout, places, current_module()), self._memory)
        if found is None:
            self.blind = True
            return function(*args, **keywords)
        span(found, tuple(leaves[place].grad_fn for place in places))
        if isinstance(found, Tensor):
            DEPENDS_ON_SOURCE.mark(found)  # so that nobody walks through the steps of the call
        return (
            found
            if written is None
            else DEPENDS_ON_SOURCE.mark(self._into(written, found), holds=DEPENDS_ON_SOURCE(found))
        )

    def _chosen(self, entry: ChooseRule, number: int, call: TorchCall, written: Tensor | None) -> Any:
        """What a call returns whose rule is chosen now."""
        rule, inputs = entry.choose(call), call.inputs
        if rule is None:
            with torch.no_grad():
                return call.result(*inputs)
        kept = self._freeze_call(number, call, call.input_positions, written)
        found = apply_with_rule(kept, rule, inputs, records=self._values is None and written is None)
        for _, output, _ in kept.recorded:
            self._memory.forget_of(output, kept)
        return self._tag_output(call, found)

    def _freeze_call(
        self,
        number: int,
        call: TorchCall,
        live: tuple[int, ...],
        written: Tensor | None,
        reference: TorchCall | None = None,
    ) -> TorchCall:
        """A call as its rule will see it, with tensors that know nothing of this run."""
        if self._values is not None:
            leaves = self._values.matching_call(number, call, self._model).leaves
        else:
            leaves = [
                leaf.detach() if is_number_non_parameter(leaf) else leaf for leaf in call.leaves
            ]  # parameters stay who they are
        steps = tuple(call.leaves[place].grad_fn for place in live)
        kept = TorchCall(call.function, leaves, call.layout, live, call.module, reference, steps)
        return kept if self._values is not None else self._memory.keep(kept, written)

    @property
    def count(self) -> int:
        """How many calls with a rule there were."""
        return self._number

    def matching_call(self, number: int, call: TorchCall, model: Callable[..., Any] | None) -> TorchCall:
        """The call of this run that is the same as one of another.

        Raises:
            CallsDiffer: There is none.
        """
        same = self._calls[number] if number < len(self._calls) else None
        named_by = _no_model if model is None else model  # a compiled one has no truth
        if same is not None and same.is_like(call, named_by):
            return same
        expected = "none" if same is None else same.described(named_by)
        raise CallsDiffer(
            "forward_func must make the same calls for inputs and baselines: "
            f"call {number} is {expected} for the baselines, and {call.described(named_by)} for the inputs. "
            "Hint: a model that routes by its data, as mixtures of experts do, is explained by IntegratedGradients."
        )

    def _tag_output(self, call: TorchCall, result: Any) -> Any:
        """A result that knows which call has made it, for as long as the run lasts: calls hold tensors, as steps do."""
        step: Any = result.grad_fn if isinstance(result, Tensor) else None
        if step is not None:
            metadata = step.metadata
            metadata[TorchCall] = call, _versions(call)
            self._noted.append(metadata)
        return result

    def __enter__(self) -> RuledForward:
        """Begin, or go on, within what is taken apart."""
        if self._depth == 0:  # what runs again in the backward runs without rules
            self._meanwhile.enter_context(plain_checkpoints("all"))
        self._depth += 1
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        """Forget who has made what."""
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        self._depth -= 1
        if self._depth == 0:
            self._meanwhile.close()
            self._memory.clear()
        while self._depth == 0 and self._noted:
            self._noted.pop().pop(TorchCall, None)

    def _into(self, written: Tensor, result: Tensor) -> Tensor:
        """What a call would have written, written."""
        self._memory.spare(written)
        return written.copy_(result)


def producing_call(tensor: Tensor) -> TorchCall | None:
    """The call that has made a tensor, if a rule was chosen for it and what it takes is still what it was."""
    step: Any = tensor.grad_fn
    call, versions = (None, None) if step is None else step.metadata.get(TorchCall, (None, None))
    return None if call is None or versions != _versions(call) else call


def _versions(call: TorchCall) -> list[int]:
    """How often each tensor that a call takes has been written into."""
    return [leaf._version for leaf in call.leaves if isinstance(leaf, Tensor) and not leaf.is_inference()]


def _differentiable(tensor: Tensor) -> bool:
    return tensor.requires_grad


def _written_tensors(function: TorchFunction, args: tuple[Any, ...], keywords: dict[str, Any]) -> Tensor | None:
    """The tensor that a call writes into."""
    if isinstance(keywords.get("out"), Tensor):
        return keywords["out"]  # type: ignore[no-any-return]  # a tensor
    first = args[0] if args else keywords.get("input")
    return first if is_inplace(function, keywords) and isinstance(first, Tensor) else None


_GRADIENTS = {torch.autograd.grad, torch.autograd.backward, Tensor.backward}

_TAKES_A_GRADIENT = "forward_func takes a gradient itself, which rules would change. Hint: use IntegratedGradients."

_NEVER_RULED = {"detach", "requires_grad", "setitem"}
"""Functions whose calls no rule of others is asked about."""


def _flatten_call(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[list[Any], Unflatten]:
    """Arguments, flat, and what makes them of such a list again; in most calls, none holds others."""
    leaves, names, count = [*args, *keywords.values()], tuple(keywords), len(args)
    if not any(isinstance(leaf, list | tuple | dict) for leaf in leaves):
        return leaves, lambda leaves: (tuple(leaves[:count]), dict(zip(names, leaves[count:], strict=True)))
    leaves, tree = tree_flatten((args, keywords))
    return leaves, functools.partial(_unflatten_call, tree)


def _unflatten_call(tree: TreeSpec, leaves: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args, keywords = tree_unflatten(leaves, tree)
    return args, keywords


def _is_view(result: Tensor, args: tuple[Any, ...]) -> bool:
    """Whether a result is an argument seen in another way, which needs no rule."""
    return bool(args) and isinstance(args[0], Tensor) and storage_of(result) == storage_of(args[0])


def _at_most_one(args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Whether one argument varies at most, as can be seen at once of most layers; lists may hold more."""
    every = (*args, *keywords.values())
    if any(isinstance(each, list | tuple) and any(isinstance(one, Tensor) for one in each) for each in every):
        return False
    return sum(map(is_number_non_parameter, every)) < 2


def _no_model() -> None: ...
