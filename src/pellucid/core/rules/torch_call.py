"""A call of torch: its function and arguments, and its result and gradient at other inputs."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from pellucid.core.autograd.pullback import pullback
from pellucid.core.model.layers import module_label
from pellucid.core.python_functions import TorchFunction
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors

Unflatten: TypeAlias = Callable[[list[Any]], tuple[tuple[Any, ...], dict[str, Any]]]


@final
@dataclass(frozen=True, eq=False)
class TorchCall(Summarized):
    """A call of torch that a gradient passes back through.

    Args:
        function: What is called, such as `torch.nn.functional.relu` or `torch.Tensor.mul`.
        leaves: All of its arguments, flat.
        layout: Rebuilds arguments and keywords from such a list.
        input_positions: Which of the leaves are inputs: gradients pass to these.
        module: The innermost module that makes the call; None outside of modules.
        reference: The same call in a recorded forward, such as that at the baselines.
        input_nodes: The autograd node of each input, as it was when the call was made; None for inputs without a graph.
        recorded: At most one saved forward (leaves, output, differentiable inputs), so that a rule that needs the
            vector-Jacobian product at these leaves does not make the call again.
    """

    function: TorchFunction
    leaves: list[Any]
    layout: Unflatten = field(repr=False)
    input_positions: tuple[int, ...]
    module: nn.Module | None = None
    reference: TorchCall | None = None
    input_nodes: tuple[Any, ...] = field(default=(), repr=False)
    recorded: list[tuple[list[Any], Tensor, Tensors]] = field(default_factory=list, repr=False)

    @property
    def name(self) -> str:
        """The name of the function: `relu` of `F.relu`, `torch.relu_` and `x.relu()`."""
        return name_of(self.function)

    def is_like(self, call: TorchCall, model: Callable[..., Any]) -> bool:
        """Whether a call of another forward is the same: its function, shapes and module are.

        Modules are compared by name, too, as a model may make new ones in each forward.
        """
        same = self.name == call.name and self.module is call.module and _shapes(self) == _shapes(call)
        return same or self.description(model) == call.description(model)

    @property
    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The positional arguments and the keywords."""
        return self.layout(self.leaves)

    @property
    def inputs(self) -> Tensors:
        """The arguments that gradients pass to."""
        return tuple(self.leaves[position] for position in self.input_positions)

    def position_of(self, position: int, name: str) -> int | None:
        """Which leaf an argument is, by its position and name; None if it is missing, or a list."""
        args, keywords = self.layout(list(range(len(self.leaves))))
        index = args[position] if position < len(args) else keywords.get(name)
        return index if isinstance(index, int) else None

    def result(self, *inputs: Tensor) -> Any:
        """All that the function returns for other inputs, which are not written into."""
        leaves = list(self.leaves)
        for position, tensor in zip(self.input_positions, inputs, strict=True):
            leaves[position] = tensor
        args, keywords = self.layout(leaves)
        if is_inplace(self.function, keywords):
            args, keywords = (args[0].clone(), *args[1:]) if args else args, keywords
        return self.function(*args, **keywords)

    def output(self, *inputs: Tensor) -> Tensor:
        """The first tensor that it returns for other inputs."""
        result = self.result(*inputs)
        output: Tensor = result if isinstance(result, Tensor) else tree_flatten(result)[0][0]
        return output

    def gradient(self, inputs: Tensors, grad: Tensor) -> Tensors:
        """The vector-Jacobian product of a gradient with the call at other inputs."""
        _, passed_back = self.vjp(inputs)
        return passed_back(grad)

    def vjp(self, inputs: Tensors) -> tuple[Tensor, Callable[[Tensor], Tensors]]:
        """The output for other inputs, and the vector-Jacobian product there.

        Returns:
            The output; and a function of the gradient at the output, for any number of calls, which returns those at
            the inputs.
        """
        leaves, output, at = self.recorded[0] if self.recorded else (None, None, ())
        same = leaves is self.leaves and len(at) == len(inputs) and all(map(operator.is_, inputs, self.inputs))
        if not same or output is None:
            with torch.enable_grad():
                at = tuple(map(differentiable_alias, inputs))
                output = self.output(*at)

        def passed_back(grad: Tensor) -> Tensors:
            grads = pullback((output,), (grad,), at, create_graph=torch.is_grad_enabled(), retain_graph=True)
            return tuple(torch.zeros_like(x) if g is None else g for g, x in zip(grads, at, strict=True))

        return output if torch.is_grad_enabled() else output.detach(), passed_back

    def description(self, model: Callable[..., Any]) -> str:
        """The function, the shapes of its arguments and the module that makes the call, in words."""
        shapes = ", ".join(str(tuple(leaf.shape)) for leaf in self.leaves if isinstance(leaf, Tensor))
        where = "" if self.module is None else f" in {module_label(self.module, model)}"
        return f"{self.name} of {shapes}{where}"


def reference_inputs(call: TorchCall) -> Tensors:
    """The inputs of the same call at the baselines; its own where it has no reference."""
    leaves = call.leaves if call.reference is None else call.reference.leaves
    return tuple(leaves[position] for position in call.input_positions)


def _shapes(call: TorchCall) -> list[torch.Size]:
    return [leaf.shape for leaf in call.leaves if isinstance(leaf, Tensor)]


def differentiable_alias(tensor: Tensor) -> Tensor:
    """An alias of a tensor to differentiate by: its own, where one tensor is several inputs."""
    leaf = tensor if tensor.requires_grad else tensor.detach().requires_grad_()
    return torch.ops.aten.alias(leaf)  # type: ignore[no-any-return]  # unlike a view, with the strides of the tensor


@functools.lru_cache(maxsize=1000)
def name_of(function: TorchFunction) -> str:
    """The name of a function, the same for its in-place form, its method of `Tensor` and its overloads.

    In exported programs a function is one of its overloads, `linear.default`.
    """
    name: str = getattr(function, "__name__", "")
    return name.partition(".")[0].removeprefix("special_").strip("_")


def is_inplace(function: TorchFunction, keywords: dict[str, Any]) -> bool:
    """Whether a function writes into its first argument."""
    name: str = getattr(function, "__name__", "").partition(".")[0]
    by_name = name in _INPLACE or (name.endswith("_") and not name.endswith("__"))
    return by_name or bool(keywords.get("inplace"))


_OPERATORS = ("add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "matmul")
_INPLACE = {"__setitem__", *(f"__i{name}__" for name in _OPERATORS)}
