"""Attention heads: where their outputs lie side by side, and how torch's attention shows that point to hooks."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, final

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.overrides import TorchFunctionMode

from pellucid.core.python_functions import without_dispatch
from pellucid.errors import InvalidArgument

HEAD_COUNTS = ("num_attention_heads", "num_heads", "n_heads", "n_head", "nhead", "heads")
"""What attention modules call the number of their heads."""

QUERIES_KEYS_VALUES = {"q", "k", "v", "qkv", "kv", "query", "key", "value", "c_attn", "in_proj"}
"""How projections to queries, keys and values are named, with what may stand before and after: `to_q`, `q_proj`."""


def output_projection(attention: nn.Module) -> tuple[nn.Module, int]:
    """The module that mixes the heads of an attention module, and the number of heads, which lie side by side there.

    It is the last linear map in the module that does not make queries, keys or values.

    Raises:
        InvalidArgument: There is none, or no number of heads is to be seen.
    """
    candidates = [module for name, module in attention.named_modules() if _is_linear(module) and not _is_input(name)]
    counts = {
        value
        for module in attention.modules()
        for value in (getattr(module, name, None) for name in HEAD_COUNTS)
        if isinstance(value, int)
    }
    kind = type(attention).__name__
    if not candidates:
        raise InvalidArgument(
            f'layer must hold the output projection of an attention for players="heads": {kind} has none. '
            "Hint: the module around it; or Layer(..., side=..., players=12) where twelve heads lie side by side."
        )
    if len(counts) != 1:
        raise InvalidArgument(
            f'layer must say how many heads it has for players="heads": {kind} says {sorted(counts) or "nothing"}. '
            'Hint: Layer(output_projection, side="input", players=12) for twelve heads.'
        )
    return candidates[-1], counts.pop()


def _is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear map: torch's, or one of transformers' that has its weight the other way round."""
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def _is_input(name: str) -> bool:
    """Whether a projection of this name makes queries, keys or values."""
    last = name.rpartition(".")[2].lower()
    return last in QUERIES_KEYS_VALUES or bool(QUERIES_KEYS_VALUES & set(last.split("_"))) or "qkv" in last


def calls_of_projections(modules: Iterable[nn.Module]) -> AbstractContextManager[Any]:
    """Have torch's attention call its output projection, if it is among these modules, so that its hooks act.

    By itself it takes the weight of the projection alone.
    """
    projections = [module for module in modules if isinstance(module, NonDynamicallyQuantizableLinear)]
    return _CallsOfProjections(projections) if projections else nullcontext()


@final
class _CallsOfProjections(TorchFunctionMode):
    """Calls the module in the place of the function, with examples first: (B, T, D)."""

    def __init__(self, projections: Iterable[nn.Module]) -> None:
        super().__init__()
        self._by_weight = {id(projection.weight): projection for projection in projections}
        self._size: tuple[int, ...] = ()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        keywords = kwargs or {}
        if func is functional.multi_head_attention_forward:
            query: Tensor = args[0] if args else keywords["query"]
            self._size = tuple(query.shape[:-1])  # (T, B), or (T,) of a single example
            function = without_dispatch(func)
            with self:
                return function(*args, **keywords) if function is not None else func(*args, **keywords)
        projection = self._by_weight.get(id(args[1])) if func is functional.linear and len(args) > 1 else None
        if projection is None:
            return func(*args, **keywords)
        heads: Tensor = args[0]
        by_step = heads.view(*self._size, -1)
        if len(self._size) == 1:
            return projection(by_step[None]).view(heads.shape[0], -1)
        return projection(by_step.transpose(0, 1)).transpose(0, 1).reshape(heads.shape[0], -1)
