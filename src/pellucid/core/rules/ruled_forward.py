"""A forward in which calls of torch follow rules, or are recorded to be compared with."""

from __future__ import annotations

import dataclasses
import functools
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, final

import torch
from torch import Tensor, nn
from torch._C._functorch import maybe_current_level
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from pellucid.core.autograd.audit import GraphAudit, NodesWithoutRule, span
from pellucid.core.autograd.dependence import DEPENDS_ON_SOURCE
from pellucid.core.model.checkpoints import plain_checkpoints
from pellucid.core.python_functions import TorchFunction, without_dispatch
from pellucid.core.rules.call_stack import current_autograd_function, current_module
from pellucid.core.rules.entries import AdjustGradient, ChooseRule, Decompose, ForProducts, ModifiedCall, RepeatCall
from pellucid.core.rules.memory import CallMemory, storage_of
from pellucid.core.rules.ruled_op import Rule, apply_with_rule
from pellucid.core.rules.rules import Rules, unchanged
from pellucid.core.rules.torch_call import TorchCall, Unflatten, is_inplace, name_of
from pellucid.core.tensors import is_float_non_parameter, is_floating, is_number_non_parameter
from pellucid.errors import InvalidArgument, NotSupported


class CallsDiffer(InvalidArgument):
    """Two forwards do not make the same calls."""


def record(rules: Rules, model: Callable[..., Any] | None = None) -> RuledForward:
    """A forward whose calls are recorded, to be compared with those of another.

    Args:
        rules: The rules; calls that have none are not recorded.
        model: The model, for the names of its modules.
    """
    return _RecordedForward(rules, model)


def apply(
    rules: Rules,
    model: Callable[..., Any] | None = None,
    *,
    reference: RuledForward | None = None,
    values: RuledForward | None = None,
) -> RuledForward:
    """A forward whose gradients follow rules: a context manager around it.

    Args:
        rules: The rules.
        model: The model, for the names of its modules.
        reference: A recorded forward at the baselines: rules are given its calls beside those of this one.
        values: A recorded forward at the same points: rules are given the inputs that its calls had, so that what they
            compute from them can be differentiated again.
    """
    return _AppliedForward(rules, model, reference, values)


class RuledForward(TorchFunctionMode, ABC):
    """A forward under rules: a context manager around it, but not around the backward.

    It is made by [record][pellucid.core.rules.ruled_forward.record] and
    [apply][pellucid.core.rules.ruled_forward.apply].
    """

    def __init__(self, rules: Rules, model: Callable[..., Any] | None, exempt: NodesWithoutRule | None = None) -> None:
        super().__init__()
        self._rules, self._model = rules, model
        self._calls: list[TorchCall] = []
        self._memory = CallMemory()
        self._call_count = 0
        self._entered: list[TorchFunction] = []
        self._tagged: list[dict[Any, Any]] = []  # metadata of autograd's nodes; not the nodes, which may be freed
        self._nesting = 0
        self._checkpoints = ExitStack()
        self.has_untraceable_calls = False
        """Whether calls were made inside transforms such as `torch.vmap`, which no rule can follow."""
        self.audit = None if exempt is None else GraphAudit(exempt)
        """Notes calls without a rule; None where nobody will ask for them."""
        self.rounding = 0.0
        """The largest relative rounding error of the dtypes that calls with a rule compute in."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Make a call of torch as the rules say."""
        keywords = kwargs or {}
        if maybe_current_level() is not None:  # in torch.func.vmap and the like: nothing can be remembered
            self.has_untraceable_calls = True
            return function(*args, **keywords)
        if function in _GRADIENTS:
            raise NotSupported(_TAKES_A_GRADIENT)
        grads = torch.is_grad_enabled()
        if self.audit is not None and not grads:
            self.audit.enter(current_autograd_function(), current_module)
        if not keywords and self._rules.never_apply_to(function):
            result = function(*args)
            if self.audit is not None and grads:
                self.audit.note(function, result, current_module)
            return result
        return self._follow(function, args, keywords)

    def _follow(self, function: TorchFunction, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Make a call by the rule of its module, by that of its function, by its decomposition, or by the default."""
        rule = self._rules.rule_for_module(current_module(), self._model) if self._rules.modules else None
        written = _written_tensors(function, args, keywords)
        if rule is None and function not in self._entered:  # a decomposition may call the function itself
            spec = self._rules.rule_for_function(function)
            if spec is None or isinstance(spec, Decompose):
                result = self._decompose(function, spec, args, keywords, written)
                if result is not NotImplemented:
                    return result
                spec = None if spec is None else spec.otherwise
            if spec is not None:
                return self._call_with_rule(function, spec, args, keywords, written)
        rule = rule or self._rules.default
        if rule is None or name_of(function) in _NEVER_RULED:
            self._memory.copy_before_write(written)
            return self._audited(function, function(*args, **keywords))
        return self._call_by_result(function, rule, args, keywords, written)

    def _decompose(
        self,
        function: TorchFunction,
        spec: Decompose | None,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        written: Tensor | None,
    ) -> Any:
        """Make a call by the calls in its Python source or in its decomposition; NotImplemented if it has neither."""
        steps = without_dispatch(function)
        if steps is None and spec is not None and spec.accepts(args, keywords):
            steps = spec.function
        if steps is None:
            return NotImplemented
        self._entered.append(function)
        try:
            with self:
                result = steps(*args, **keywords)
        finally:
            self._entered.pop()
        if isinstance(result, RepeatCall):
            result = self._repeat(result)
        if result is NotImplemented or written is None or result is written:
            return result
        return self._write_into(written, result)

    def _repeat(self, repeated: RepeatCall) -> Any:
        """Make an earlier call again, which was not decomposed then, by the rule that it followed."""
        function, module = repeated.call.function, repeated.call.module
        spec = self._rules.rule_for_module(module, self._model) or self._rules.rule_for_function(function)
        spec = (spec.otherwise if isinstance(spec, Decompose) else spec) or self._rules.default
        if spec is None:
            return self._audited(function, function(*repeated.args, **repeated.keywords))
        return self._call_with_rule(function, spec, repeated.args, repeated.keywords, None, module)

    def _call_by_result(
        self,
        function: TorchFunction,
        rule: Rule | ForProducts | ChooseRule,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        written: Tensor | None,
    ) -> Any:
        """Make a call by the rule of a module or the default one, which hold for calls that return a tensor."""
        if written is not None:
            return self._call_with_rule(function, rule, args, keywords, written)
        result = function(*args, **keywords)
        has_rule = is_floating if isinstance(rule, ChooseRule) else is_float_non_parameter
        if isinstance(result, Tensor) and has_rule(result) and not (rule is unchanged and _is_view(result, args)):
            return self._call_with_rule(function, rule, args, keywords, written)
        return self._audited(function, result)

    def _audited(self, function: TorchFunction, result: Any) -> Any:
        """The result of a call without a rule, noted in the audit."""
        if self.audit is not None and torch.is_grad_enabled():
            self.audit.note(function, result, current_module)
        return result

    def _call_with_rule(
        self,
        function: TorchFunction,
        spec: Rule | ForProducts | AdjustGradient | ChooseRule | ModifiedCall,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        written: Tensor | None,
        module: nn.Module | None = None,
    ) -> Any:
        """Make a call that has a rule, unless it has too few inputs: a rule needs one, that of a product two."""
        self._memory.copy_before_write(written)
        if isinstance(spec, ModifiedCall):
            return self._make_modified_call(function, spec, args, keywords, written, module)
        if isinstance(spec, AdjustGradient):
            if self._may_attach(written):
                return spec.attach_to(function(*args, **keywords))
            spec = spec.rule
        is_product = isinstance(spec, ForProducts)
        if is_product and _at_most_one(args, keywords):
            return function(*args, **keywords)
        leaves, layout = _flatten_call(args, keywords)
        is_input = is_number_non_parameter if isinstance(spec, ChooseRule | ForProducts) else is_float_non_parameter
        positions = tuple(position for position, leaf in enumerate(leaves) if is_input(leaf))
        if len(positions) < 1 + is_product:
            return function(*args, **keywords)
        self.rounding = max(self.rounding, *(torch.finfo(leaves[position].dtype).eps for position in positions))
        call = TorchCall(function, leaves, layout, positions, module or current_module())
        self._call_count += 1
        return self._make(call, spec, args, keywords, written)

    @abstractmethod
    def _may_attach(self, written: Tensor | None) -> bool:
        """Whether the gradient of a call may be adjusted by a hook on its node, so that it needs no node of its own."""

    @abstractmethod
    def _make(
        self,
        call: TorchCall,
        spec: Rule | ForProducts | ChooseRule,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        written: Tensor | None,
    ) -> Any:
        """Make the call that was counted last, as arguments and keywords say, and return its result."""

    def _make_modified_call(
        self,
        function: TorchFunction,
        spec: ModifiedCall,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        written: Tensor | None,
        module: nn.Module | None = None,
    ) -> Any:
        """Make a call by torch itself, with what changes the gradient around it."""
        leaves, layout = _flatten_call(args, keywords)
        positions = tuple(
            position
            for position, leaf in enumerate(leaves)
            if is_number_non_parameter(leaf) and DEPENDS_ON_SOURCE(leaf)
        )
        if not positions or not torch.is_grad_enabled():
            return function(*args, **keywords)
        result = spec.make(TorchCall(function, leaves, layout, positions, module or current_module()), self._memory)
        if result is None:
            self.has_untraceable_calls = True
            return function(*args, **keywords)
        span(result, tuple(leaves[position].grad_fn for position in positions))
        if isinstance(result, Tensor):
            DEPENDS_ON_SOURCE.mark(result)  # so that nobody walks through the nodes of the call
        return result if written is None else self._write_marked(written, result)

    @property
    def count(self) -> int:
        """How many calls with a rule there were."""
        return self._call_count

    def matching_call(self, number: int, call: TorchCall, model: Callable[..., Any] | None) -> TorchCall:
        """The call of this recorded forward that is the same as one of another forward.

        Args:
            number: Which call with a rule it is, from zero.
            call: That of the other forward.
            model: The model, for the names of its modules.

        Raises:
            CallsDiffer: There is none.
        """
        recorded = self._calls[number] if number < len(self._calls) else None
        named_by = _no_model if model is None else model  # a compiled one has no truth
        if recorded is not None and recorded.is_like(call, named_by):
            return recorded
        expected = "none" if recorded is None else recorded.description(named_by)
        raise CallsDiffer(
            "model must make the same calls for inputs and baselines: "
            f"call {number} is {expected} for the baselines, and {call.description(named_by)} for the inputs. "
            "Hint: a model that routes by its data, as mixtures of experts do, is explained by IntegratedGradients."
        )

    def _tag_output(self, call: TorchCall, result: Any) -> Any:
        """A result whose node tells which call has made it, until the forward ends: calls hold tensors, as nodes do."""
        node: Any = result.grad_fn if isinstance(result, Tensor) else None
        if node is not None:
            metadata = node.metadata
            metadata[TorchCall] = call, _versions(call)
            self._tagged.append(metadata)
        return result

    def __enter__(self) -> RuledForward:
        """Begin the forward, or go on inside a call that is decomposed."""
        if self._nesting == 0:  # what runs again in the backward runs without rules
            self._checkpoints.enter_context(plain_checkpoints("all"))
        self._nesting += 1
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        """Forget which call has made which tensor, where the forward ends."""
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        self._nesting -= 1
        if self._nesting == 0:
            self._checkpoints.close()
            self._memory.clear()
            while self._tagged:
                self._tagged.pop().pop(TorchCall, None)

    def _write_into(self, written: Tensor, result: Tensor) -> Tensor:
        """The tensor that a call writes into, with the result that rules gave it."""
        self._memory.copy_before_write(written)
        return written.copy_(result)

    def _write_marked(self, written: Tensor, result: Tensor) -> Tensor:
        """The same, which depends on the source if the result does, whatever it held before."""
        return DEPENDS_ON_SOURCE.mark(self._write_into(written, result), holds=DEPENDS_ON_SOURCE(result))


@final
class _RecordedForward(RuledForward):
    """A forward that keeps its calls with a rule."""

    def _may_attach(self, written: Tensor | None) -> bool:
        return False

    def _make(
        self,
        call: TorchCall,
        spec: Rule | ForProducts | ChooseRule,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        written: Tensor | None,
    ) -> Any:
        self._calls.append(self._memory.keep(call, written))
        result = call.function(*args, **keywords)
        return self._tag_output(call, result) if isinstance(spec, ChooseRule) else result


@final
class _AppliedForward(RuledForward):
    """A forward whose calls with a rule are steps of autograd that follow it."""

    def __init__(
        self,
        rules: Rules,
        model: Callable[..., Any] | None,
        reference: RuledForward | None,
        values: RuledForward | None,
    ) -> None:
        super().__init__(rules, model, rules.exempt)
        self._reference, self._values = reference, values

    def _may_attach(self, written: Tensor | None) -> bool:
        return self._values is None and (written is None or not written._is_view())

    def _make(
        self,
        call: TorchCall,
        spec: Rule | ForProducts | ChooseRule,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        written: Tensor | None,
    ) -> Any:
        number = self._call_count - 1
        reference = None if self._reference is None else self._reference.matching_call(number, call, self._model)
        depends: Callable[[Any], bool] = DEPENDS_ON_SOURCE if isinstance(spec, ChooseRule) else _requires_grad
        positions = tuple(position for position in call.input_positions if depends(call.leaves[position]))
        if len(positions) < 1 + isinstance(spec, ForProducts) or not torch.is_grad_enabled():
            return call.function(*args, **keywords)
        if isinstance(spec, ChooseRule):
            result = self._choose_and_call(spec, number, dataclasses.replace(call, input_positions=positions), written)
            return result if written is None else self._write_marked(written, result)
        rule = spec.rule if isinstance(spec, ForProducts) else spec
        inputs = tuple(call.leaves[position] for position in positions)
        result = apply_with_rule(self._freeze_call(number, call, positions, written, reference), rule, inputs)
        return result if written is None else self._write_into(written, result)

    def _choose_and_call(self, spec: ChooseRule, number: int, call: TorchCall, written: Tensor | None) -> Any:
        """Choose the rule of a call now, and make it; without a rule the result is a constant."""
        rule, inputs = spec.choose(call), call.inputs
        if rule is None:
            with torch.no_grad():
                return call.result(*inputs)
        frozen = self._freeze_call(number, call, call.input_positions, written)
        result = apply_with_rule(frozen, rule, inputs, records=self._values is None and written is None)
        for _, output, _ in frozen.recorded:
            self._memory.forget_on_write(output, frozen)
        return self._tag_output(call, result)

    def _freeze_call(
        self,
        number: int,
        call: TorchCall,
        positions: tuple[int, ...],
        written: Tensor | None,
        reference: TorchCall | None = None,
    ) -> TorchCall:
        """A call as its rule will see it in the backward: with tensors that have no graph of this forward.

        Args:
            number: Which call with a rule it is, from zero.
            call: The call.
            positions: The leaves that gradients pass to.
            written: The tensor that it writes into.
            reference: The same call in the forward at the baselines.
        """
        nodes = tuple(call.leaves[position].grad_fn for position in positions)
        if self._values is not None:
            leaves = self._values.matching_call(number, call, self._model).leaves
            return TorchCall(call.function, leaves, call.layout, positions, call.module, reference, nodes)
        # Parameters stay the objects they are.
        leaves = [leaf.detach() if is_number_non_parameter(leaf) else leaf for leaf in call.leaves]
        frozen = TorchCall(call.function, leaves, call.layout, positions, call.module, reference, nodes)
        return self._memory.keep(frozen, written)


def producing_call(tensor: Tensor) -> TorchCall | None:
    """The call that has made a tensor, if its rule was chosen and its arguments have not been written into since."""
    node: Any = tensor.grad_fn
    call, versions = (None, None) if node is None else node.metadata.get(TorchCall, (None, None))
    return None if call is None or versions != _versions(call) else call


def _versions(call: TorchCall) -> list[int]:
    """How often each tensor argument of a call has been written into."""
    return [leaf._version for leaf in call.leaves if isinstance(leaf, Tensor) and not leaf.is_inference()]


_requires_grad = operator.attrgetter("requires_grad")


def _written_tensors(function: TorchFunction, args: tuple[Any, ...], keywords: dict[str, Any]) -> Tensor | None:
    """The tensor that a call writes into."""
    if isinstance(keywords.get("out"), Tensor):
        return keywords["out"]  # type: ignore[no-any-return]  # a tensor
    first = args[0] if args else keywords.get("input")
    return first if is_inplace(function, keywords) and isinstance(first, Tensor) else None


_GRADIENTS = {torch.autograd.grad, torch.autograd.backward, Tensor.backward}

_TAKES_A_GRADIENT = "model must take no gradient itself, which rules would change. Hint: use IntegratedGradients."

_NEVER_RULED = {"detach", "requires_grad", "setitem"}
"""Functions whose calls follow neither the rule of a module nor the default."""


def _flatten_call(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[list[Any], Unflatten]:
    """The flat arguments of a call, and what makes arguments of such a list again; most calls take no lists."""
    leaves, names, count = [*args, *keywords.values()], tuple(keywords), len(args)
    if not any(isinstance(leaf, list | tuple | dict) for leaf in leaves):
        return leaves, lambda leaves: (tuple(leaves[:count]), dict(zip(names, leaves[count:], strict=True)))
    leaves, tree = tree_flatten((args, keywords))
    return leaves, functools.partial(_unflatten_call, tree)


def _unflatten_call(tree: TreeSpec, leaves: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args, keywords = tree_unflatten(leaves, tree)
    return args, keywords


def _is_view(result: Tensor, args: tuple[Any, ...]) -> bool:
    """Whether a result is a view of the first argument, which needs no rule."""
    return bool(args) and isinstance(args[0], Tensor) and storage_of(result) == storage_of(args[0])


def _at_most_one(args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Whether one argument at most is not a parameter, as in most layers: such a product is linear."""
    arguments = (*args, *keywords.values())
    if any(isinstance(value, list | tuple) and any(isinstance(item, Tensor) for item in value) for value in arguments):
        return False  # a list may hold several
    return sum(map(is_number_non_parameter, arguments)) < 2


def _no_model() -> None: ...
