"""Rules: how a gradient passes back through a call of torch, whether a module or plain code makes it."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any, TypeAlias, TypeGuard, final

import torch
from torch import Tensor, nn
from torch._C._functorch import maybe_current_level
from torch.autograd.function import FunctionCtx
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from pellucid.core.linearity import Trail
from pellucid.core.site import named
from pellucid.core.tensors import Tensors, varies
from pellucid.errors import InvalidArgument

Function: TypeAlias = Callable[..., Any]

Layout: TypeAlias = Callable[[list[Any]], tuple[tuple[Any, ...], dict[str, Any]]]


@final
@dataclass(frozen=True, eq=False)
class Call:
    """A call of torch that a gradient passes back through.

    Args:
        function: What is called, such as `torch.nn.functional.relu` or `torch.Tensor.mul`.
        leaves: All of its arguments, flat.
        layout: Makes arguments and keywords of them again.
        places: Which of them gradients pass to.
        module: The innermost module that makes it; None where nobody has asked.
        reference: The same call in another run, such as that of the baselines.
    """

    function: Function
    leaves: list[Any]
    layout: Layout
    places: tuple[int, ...]
    module: nn.Module | None = None
    reference: Call | None = None

    @property
    def name(self) -> str:
        """The name of the function: `relu` of `F.relu`, `torch.relu_` and `x.relu()`."""
        return name_of(self.function)

    @property
    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What it is called with, by place and by name."""
        return self.layout(self.leaves)

    @property
    def inputs(self) -> Tensors:
        """The arguments that gradients pass to."""
        return tuple(self.leaves[place] for place in self.places)

    def result(self, *inputs: Tensor) -> Any:
        """All that the function returns for other inputs, which are left as they are."""
        leaves = list(self.leaves)
        for place, tensor in zip(self.places, inputs, strict=True):
            leaves[place] = tensor
        args, keywords = self.layout(leaves)
        if writes(self.function, keywords):
            args, keywords = (args[0].clone(), *args[1:]) if args else args, keywords
        return self.function(*args, **keywords)

    def output(self, *inputs: Tensor) -> Tensor:
        """The first tensor that it returns for other inputs."""
        result = self.result(*inputs)
        found: Tensor = result if isinstance(result, Tensor) else tree_flatten(result)[0][0]
        return found

    def gradient(self, inputs: Tensors, grad: Tensor) -> Tensors:
        """What torch's gradient passes back at other inputs."""
        _, passed_back = self.linearized(inputs)
        return passed_back(grad)

    def linearized(self, inputs: Tensors) -> tuple[Tensor, Callable[[Tensor], Tensors]]:
        """The output for other inputs, and what torch passes back of a gradient there, any number of times."""
        with torch.enable_grad():
            leaves = (each if each.requires_grad else each.detach().requires_grad_() for each in inputs)
            at = tuple(each.view_as(each) for each in leaves)  # one tensor may be several inputs
            output = self.output(*at)

        def passed_back(grad: Tensor) -> Tensors:
            more = {"create_graph": torch.is_grad_enabled(), "retain_graph": True, "allow_unused": True}
            found = torch.autograd.grad(output, at, grad, **more)
            return tuple(torch.zeros_like(x) if each is None else each for each, x in zip(found, at, strict=True))

        return output if torch.is_grad_enabled() else output.detach(), passed_back

    def described(self, model: Callable[..., Any]) -> str:
        """The function, the shapes it is called with and the module that makes the call."""
        shapes = ", ".join(str(tuple(leaf.shape)) for leaf in self.leaves if isinstance(leaf, Tensor))
        where = "" if self.module is None else f" in {named(self.module, model)}"
        return f"{self.name} of {shapes}{where}"


Rule: TypeAlias = Callable[[Call, Tensor], Tensors]
"""(a call, the gradient at its first output) -> the gradients at its inputs."""


@final
@dataclass(frozen=True)
class Decomposed:
    """For a call that is taken apart: other calls with the same result, for which there are rules.

    Args:
        function: Takes what the call takes; what it does not take, or answers by NotImplemented, is left as it is.
    """

    function: Function

    def takes(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
        """Whether it has all parameters that it would be called with."""
        names, any_number = _parameters(self.function)
        return any_number or (len(args) <= len(names) and all(name in names[len(args) :] for name in keywords))


@final
@dataclass(frozen=True)
class OfSeveral:
    """A rule for calls that pass gradients to several inputs, which are linear in a single one.

    Args:
        rule: The rule.
    """

    rule: Rule


@functools.cache
def _parameters(function: Function) -> tuple[tuple[str, ...], bool]:
    """The names of a function's parameters, and whether it takes any number of arguments."""
    parameters = inspect.signature(function).parameters
    return tuple(parameters), any(each.kind is each.VAR_POSITIONAL for each in parameters.values())


Entry: TypeAlias = Rule | Decomposed | OfSeveral


@final
@dataclass(frozen=True)
class Rules:
    """Which rule each call follows: of the module that makes it, by its name, itself or its type; else of its function.

    A call without a rule follows torch's gradient. Functions of torch that are written in Python are looked into.

    Args:
        functions: Rules by functions or their names; see [Call.name][pellucid.core.rules.Call.name].
        modules: Rules by modules, their dotted names or types, for the calls that these make themselves; like the
            default, of what returns a tensor.
        default: The rule of all other calls.

    Examples:
        >>> import torch
        >>> from pellucid.core.rules import Rules
        >>> straight_through = Rules({"round": lambda call, grad: (grad,)})
        >>> x = torch.tensor([0.4, 1.7], requires_grad=True)
        >>> with straight_through.applied():
        ...     y = torch.round(x).sum()
        >>> torch.autograd.grad(y, x)
        (tensor([1., 1.]),)
    """

    functions: Mapping[str | Function, Entry] = field(default_factory=dict)
    modules: Mapping[str | nn.Module | type[nn.Module], Rule | OfSeveral] = field(default_factory=dict)
    default: Rule | OfSeveral | None = None
    _plain: set[Function] = field(default_factory=set, init=False, repr=False, compare=False)

    def leaves(self, function: Function) -> bool:
        """Whether all calls of a function are left as they are; remembered, as most calls ask for shapes."""
        if function in self._plain:
            return True
        anyone = self.modules or self.default or self.of_function(function) or _in_python(function)
        if not anyone and not writes(function, {}):
            self._plain.add(function)
            return True
        return False

    def of_function(self, function: Function) -> Entry | None:
        """The rule of a function."""
        return self.functions.get(function) or self.functions.get(name_of(function))

    def of_module(self, module: nn.Module | None, model: Callable[..., Any] | None) -> Rule | OfSeveral | None:
        """The rule of the calls that a module of a model makes itself."""
        if module is None:
            return None
        keys: tuple[Any, ...] = (*self._names(module, model), module, *type(module).__mro__)
        return next((self.modules[key] for key in keys if key in self.modules), None)

    def _names(self, module: nn.Module, model: Callable[..., Any] | None) -> tuple[str, ...]:
        if not isinstance(model, nn.Module) or not any(isinstance(key, str) for key in self.modules):
            return ()
        return tuple(name for name, each in model.named_modules() if each is module)

    def of_everything(self) -> Rules:
        """These, and torch's gradient as the rule of all other calls: so it is taken where a recorded run was."""
        return self if self.default is not None else replace(self, default=_unchanged)

    def recorded(self, model: Callable[..., Any] | None = None) -> Run:
        """A run whose calls are remembered, to be compared with those of another."""
        return Run(self, model, applies=False)

    def applied(
        self, model: Callable[..., Any] | None = None, *, reference: Run | None = None, values: Run | None = None
    ) -> Run:
        """A run whose gradients follow the rules.

        Args:
            model: The model, for names of its modules.
            reference: A recorded run: every call of this one is given the same call of that.
            values: A recorded run at the same points: the inputs of calls are those of that run, so that what rules
                make of them can be differentiated again.
        """
        return Run(self, model, applies=True, reference=reference, values=values)


class CallsDiffer(InvalidArgument):
    """Two runs do not make the same calls."""


def _unchanged(call: Call, grad: Tensor) -> Tensors:
    return call.gradient(call.inputs, grad)


@final
class Run(TorchFunctionMode):
    """A forward under rules: a context manager around it, but not around the backward."""

    def __init__(
        self,
        rules: Rules,
        model: Callable[..., Any] | None,
        *,
        applies: bool,
        reference: Run | None = None,
        values: Run | None = None,
    ) -> None:
        super().__init__()
        self._rules, self._model, self._applies = rules, model, applies
        self._reference, self._values = reference, values
        self._calls: list[Call] = []
        self._holders: dict[int, list[tuple[list[Any], int]]] = {}  # who remembers tensors of a storage, and where
        self._number = 0
        self._inside: list[Function] = []
        self.trail = Trail()
        self.rounding = 0.0
        """The largest relative error of the dtypes that calls with a rule work in."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Follow the rule of a call."""
        keywords = kwargs or {}
        if maybe_current_level() is not None:  # in torch.func.vmap and the like: nothing can be remembered
            return function(*args, **keywords)
        grads = torch.is_grad_enabled()
        if self._applies and not grads:
            self.trail.enter(custom(), caller)
        if not keywords and self._rules.leaves(function):
            result = function(*args)
            if self._applies and grads:
                self.trail.note(function, result, caller)
            return result
        module = caller() if self._rules.modules else None
        other = self._rules.of_module(module, self._model)
        entry = None if other is not None else self._rules.of_function(function)
        written = _written(function, args, keywords)
        within = inside(function) if other is None and (entry is None or isinstance(entry, Decomposed)) else None
        if within is None and isinstance(entry, Decomposed) and entry.takes(args, keywords):
            within = entry.function
        if within is not None and function not in self._inside:  # some call what they replace, by the same name
            self._inside.append(function)
            try:
                with self:
                    found = within(*args, **keywords)
            finally:
                self._inside.pop()
            if found is not NotImplemented:
                return found if written is None or found is written else self._into(written, found)
        elif entry is not None and not isinstance(entry, Decomposed):
            return self._ruled(function, entry, args, keywords, written)
        other = other or self._rules.default
        other = None if name_of(function) in _NO_STEPS else other
        if other is not None and written is not None:
            return self._ruled(function, other, args, keywords, written)
        self._spare(written)
        result = function(*args, **keywords)
        if other is not None and isinstance(result, Tensor) and result.is_floating_point():
            return self._ruled(function, other, args, keywords, written)
        if self._applies and torch.is_grad_enabled():
            self.trail.note(function, result, caller)
        return result

    def _ruled(
        self,
        function: Function,
        entry: Rule | OfSeveral,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        written: Tensor | None,
    ) -> Any:
        rule, least = (entry.rule, 2) if isinstance(entry, OfSeveral) else (entry, 1)
        self._spare(written)
        if least > 1 and _at_most_one(args, keywords):
            return function(*args, **keywords)
        leaves, layout = _flat(args, keywords)
        places = tuple(place for place, leaf in enumerate(leaves) if varies(leaf))
        if len(places) < least:
            return function(*args, **keywords)
        self.rounding = max(self.rounding, *(torch.finfo(leaves[place].dtype).eps for place in places))
        call = Call(function, leaves, layout, places, caller())
        number, self._number = self._number, self._number + 1
        if not self._applies:
            self._calls.append(self._remembered(call, written))
            return function(*args, **keywords)
        reference = self._reference and self._reference.paired(number, call, self._model)
        live = tuple(place for place in places if leaves[place].requires_grad)
        if len(live) < least or not torch.is_grad_enabled():
            return function(*args, **keywords)
        inputs = tuple(leaves[place] for place in live)
        if self._values is not None:
            leaves = self._values.paired(number, call, self._model).leaves
        else:
            leaves = [leaf.detach() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        call = Call(function, leaves, layout, live, call.module, reference)
        found = applied(self._remembered(call, written) if self._values is None else call, rule, inputs)
        return found if written is None else self._into(written, found)

    @property
    def count(self) -> int:
        """How many calls with a rule there were."""
        return self._number

    def paired(self, number: int, call: Call, model: Callable[..., Any] | None) -> Call:
        """The call of this run that is the same as one of another.

        Raises:
            CallsDiffer: There is none.
        """
        same = self._calls[number] if number < len(self._calls) else None
        if same is not None and same.name == call.name and _shapes(same.leaves) == _shapes(call.leaves):
            return same
        expected = "none" if same is None else same.described(model or _no_model)
        raise CallsDiffer(
            "forward_func must make the same calls for inputs and baselines: "
            f"call {number} is {expected} for the baselines, and {call.described(model or _no_model)} for the inputs."
        )

    def _into(self, written: Tensor, found: Tensor) -> Tensor:
        """What a call would have written, written."""
        self._spare(written)
        return written.copy_(found)

    def _remembered(self, call: Call, written: Tensor | None) -> Call:
        """A call whose arguments stay what they are, whatever is written later."""
        for place, leaf in enumerate(call.leaves):
            if isinstance(leaf, Tensor) and not isinstance(leaf, nn.Parameter):
                if written is not None and _storage(leaf) == _storage(written):
                    call.leaves[place] = leaf.clone()
                else:
                    self._holders.setdefault(_storage(leaf), []).append((call.leaves, place))
        return call

    def _spare(self, written: Tensor | None) -> None:
        """Give calls that remember a tensor a copy, before it is written into."""
        if written is not None:
            for leaves, place in self._holders.pop(_storage(written), ()):
                leaves[place] = leaves[place].clone()


class _Ruled(torch.autograd.Function):
    """A call, and the gradient that its rule passes back."""

    @staticmethod
    def forward(ctx: Any, call: Call, rule: Rule, layouts: list[TreeSpec], *inputs: Tensor) -> Any:
        ctx.call, ctx.rule = call, rule
        ctx.save_for_backward(*inputs)  # never looked at; it tells those who measure what is kept
        ctx.set_materialize_grads(False)
        result = call.result(*(each.detach() for each in inputs))
        if isinstance(result, Tensor):
            return result
        found, layout = tree_flatten(result)
        layouts.append(layout)
        ctx.mark_non_differentiable(*found[1:])
        return tuple(found)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        passed = (None,) * len(ctx.call.places) if grads[0] is None else ctx.rule(ctx.call, grads[0])
        return None, None, None, *passed


def applied(call: Call, rule: Rule, inputs: Tensors) -> Any:
    """What a call returns for inputs, with the gradient of a rule."""
    layouts: list[TreeSpec] = []
    found = _Ruled.apply(call, rule, layouts, *inputs)  # type: ignore[no-untyped-call]
    return tree_unflatten(list(found), layouts[0]) if layouts else found


def name_of(function: Function) -> str:
    """The name of a function, the same for its forms that write into their argument or belong to a tensor."""
    name: str = getattr(function, "__name__", "")
    return name.removeprefix("special_").strip("_")


def writes(function: Function, keywords: dict[str, Any]) -> bool:
    """Whether a function writes into its first argument."""
    name: str = getattr(function, "__name__", "")
    own = name in _INTO or (name.endswith("_") and not name.endswith("__"))
    return own or bool(keywords.get("inplace"))


def _written(function: Function, args: tuple[Any, ...], keywords: dict[str, Any]) -> Tensor | None:
    """The tensor that a call writes into."""
    if isinstance(keywords.get("out"), Tensor):
        return keywords["out"]  # type: ignore[no-any-return]  # a tensor
    first = args[0] if args else keywords.get("input")
    return first if writes(function, keywords) and isinstance(first, Tensor) else None


_NO_STEPS = {"detach", "requires_grad", "setitem"}
"""Functions whose calls no rule of others is asked about."""

_OPERATORS = ("add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "matmul")
_INTO = {"__setitem__", *(f"__i{name}__" for name in _OPERATORS)}


def _in_python(function: Function) -> TypeGuard[FunctionType]:
    return isinstance(function, FunctionType) and function.__module__.startswith("torch")


def inside(function: Function) -> Function | None:
    """A function of torch that is written in Python, so that its own calls can be seen; None for any other.

    Such a function asks first whether somebody handles it; here it hears that nobody does.
    """
    if not _in_python(function):
        return None
    names = {**function.__globals__, **dict.fromkeys(_ASKED, _nobody)}
    own = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    own.__kwdefaults__ = function.__kwdefaults__
    return own


_ASKED = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


def _nobody(*_: Any) -> bool:
    return False


def caller() -> nn.Module | None:
    """The innermost module that runs."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _CALLING:
            module: nn.Module = frame.f_locals["self"]
            return module
        frame = frame.f_back  # type: ignore[assignment]  # None in the end
    return None


def custom() -> str:
    """The name of the node of a user's `autograd.Function` that runs; nothing where none does."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not _CALLING:
        for value in frame.f_locals.values():
            if isinstance(value, FunctionCtx):
                return type(value).__name__
        frame = frame.f_back  # type: ignore[assignment]  # None in the end
    return ""


_CALLING = nn.Module._call_impl.__code__


def _flat(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[list[Any], Layout]:
    """Arguments, flat, and what makes them of such a list again; in most calls, none holds others."""
    leaves, names, count = [*args, *keywords.values()], tuple(keywords), len(args)
    if not any(isinstance(leaf, list | tuple | dict) for leaf in leaves):
        return leaves, lambda leaves: (tuple(leaves[:count]), dict(zip(names, leaves[count:], strict=True)))
    leaves, tree = tree_flatten((args, keywords))
    return leaves, functools.partial(_unflattened, tree)


def _unflattened(tree: TreeSpec, leaves: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args, keywords = tree_unflatten(leaves, tree)
    return args, keywords


def _storage(tensor: Tensor) -> int:
    """Where a tensor's numbers lie, the same for all its views."""
    return tensor.untyped_storage().data_ptr()


def _at_most_one(args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Whether one argument varies at most, as can be seen at once of most layers; lists may hold more."""
    every = (*args, *keywords.values())
    if any(isinstance(each, list | tuple) and any(isinstance(one, Tensor) for one in each) for each in every):
        return False
    return sum(map(varies, every)) < 2


def _shapes(leaves: list[Any]) -> list[torch.Size]:
    return [leaf.shape for leaf in leaves if isinstance(leaf, Tensor)]


def _no_model() -> None: ...
