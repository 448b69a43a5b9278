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

QUERIES_KEYS_VALUES = {"q", "k", "v", "qk", "kv", "qkv", "wq", "wk", "wv", "wqkv", "query", "key", "value", "attn"}
"""What names of projections to queries, keys and values hold: `to_q`, `q_proj`, `Wqkv`, `query_key_value`, `c_attn`."""

OUTPUTS = {"o", "wo", "out", "output"}
"""What names of output projections hold, but for some that are called `dense` or `proj`: `o_proj`, `to_out`, `Wo`."""


def output_projection(module: nn.Module) -> tuple[nn.Module, int]:
    """The module that mixes the heads of an attention, and the number of heads, which lie side by side at its input.

    It is the linear map of the attention itself that is named as an output; else the first after those to queries, keys
    and values, as modules are listed.

    Args:
        module: An attention, or a module around a single one.

    Raises:
        InvalidArgument: There is none, or several, or no number of heads is to be seen.
    """
    kind, submodules = type(module).__name__, list(module.named_modules())
    attentions = [(index, name) for index, (name, submodule) in enumerate(submodules) if _is_attention(submodule)]
    if len(attentions) != 1:
        names = ", ".join(repr(name) for _, name in attentions)
        hint = f"one of {names}." if names else "Layer(..., side=..., players=12) where twelve heads lie side by side."
        raise InvalidArgument(
            f'layer must hold one attention for players="heads": {kind} has {len(attentions)}. Hint: {hint}'
        )
    attention = submodules[attentions[0][0]][1]
    outputs = _linear_maps(attention, OUTPUTS) or _following(attention, [submodule for _, submodule in submodules])
    if not outputs:
        raise InvalidArgument(
            f'layer must hold the output projection of its attention for players="heads": {kind} has none. '
            "Hint: the module around it."
        )
    _check_width(outputs[0], attention)
    return outputs[0], _number_of_heads(attention)


def _check_width(output: nn.Module, attention: nn.Module) -> None:
    """Check that a projection takes as many channels as queries have.

    Raises:
        InvalidArgument: It takes others, and so is another map, or one of more than the heads.
    """
    joint = _linear_maps(attention, {"k", "key", "v", "value"})
    queries = [projection for projection in _linear_maps(attention, {"q", "query"}) if projection not in joint]
    widths = [getattr(queries[0], "out_features", None), getattr(output, "in_features", None)] if queries else []
    if None not in widths and len(set(widths)) > 1:
        raise InvalidArgument(
            'layer must mix its heads alone for players="heads": queries have '
            f"{widths[0]} channels, and {type(output).__name__} takes {widths[1]}. "
            'Hint: Layer(..., side="input", players=12) where twelve heads lie side by side.'
        )


def _number_of_heads(attention: nn.Module) -> int:
    """How many heads an attention says it has, itself or in its configuration.

    Raises:
        InvalidArgument: It does not say.
    """
    holders = (attention, getattr(attention, "config", None))
    heads = next((getattr(holder, name) for holder in holders for name in HEAD_COUNTS if hasattr(holder, name)), None)
    if isinstance(heads, int):
        return heads
    raise InvalidArgument(
        f'layer must say how many heads it has for players="heads": {type(attention).__name__} does not. '
        'Hint: Layer(output_projection, side="input", players=12) for twelve heads.'
    )


def _is_attention(module: nn.Module) -> bool:
    """Whether a module makes queries, keys or values itself."""
    return isinstance(module, nn.MultiheadAttention) or bool(_linear_maps(module, QUERIES_KEYS_VALUES))


def _linear_maps(module: nn.Module, words: set[str]) -> list[nn.Module]:
    """The linear maps that are a module's own and have one of these words in their names."""
    children = module.named_children()
    return [child for name, child in children if _maps_linearly(child) and words & set(name.lower().split("_"))]


def _following(attention: nn.Module, modules: list[nn.Module]) -> list[nn.Module]:
    """The linear maps among modules that come after those of an attention to queries, keys and values."""
    projections = _linear_maps(attention, QUERIES_KEYS_VALUES)
    of_inputs = {submodule for projection in projections for submodule in projection.modules()}
    last = max((index for index, module in enumerate(modules) if module in of_inputs), default=-1)
    return [module for module in modules[last + 1 :] if _maps_linearly(module)]


def _maps_linearly(module: nn.Module) -> bool:
    """Whether a module is a linear map: torch's, one around it or like it, or transformers' that is transposed."""
    return hasattr(module, "in_features") or type(module).__name__ == "Conv1D"


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
