"""Places in a model whose tensors can be read or replaced."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final, get_args

import torch
from torch import nn

from pellucid.core.model.inspection import root_modules
from pellucid.errors import InvalidArgument, NotSupported, check_count

Side: TypeAlias = Literal["input", "output"]

CallLike: TypeAlias = 'int | Literal["all"] | None'
"""Which of the calls of a layer in one forward.

* an `int`: this one, counted from zero.
* `None`: the last one; where there are several, a warning says so.
* `"all"`: every one, so that there is a tuple of what belongs to each. Nothing can be put in the place of all of them.
"""

SiteLike: TypeAlias = "nn.Module | str | Sequence[nn.Module | str] | Layer | Site"
"""A place in a model.

* a module of it, or its dotted name, `"encoder.layers.3"`: what it returns.
* a list of these: all of them together; none should depend on another.
* a [Layer][pellucid.methods.Layer]: what it takes, or one of its several calls.
"""


@final
@dataclass(frozen=True)
class Layer:
    """A layer, where more is to be said than which.

    Args:
        module: A module of the model, its dotted name, or a list of these.
        side: Whether what it takes is meant, or what it returns. What a module takes are its positional arguments, or
            the keyword ones of a call that has no others.
        call: Which of its calls in a forward; see [CallLike][pellucid.methods.CallLike].

    Examples:
        >>> from pellucid.methods import Layer
        >>> Layer("encoder.layers.3", side="input")
        Layer(module='encoder.layers.3', side='input', call=None)
    """

    module: nn.Module | str | Sequence[nn.Module | str]
    side: Side = "output"
    call: CallLike = None


@final
@dataclass(frozen=True)
class Site:
    """A place in a model, found: what modules take or return.

    Args:
        modules: The modules there; none means the model's own inputs (as a source) or output (as a sink).
        side: Whether what they take is meant, or what they return.
        call: Which call of each module, counted from zero; None for its last one.
        listed: Whether the user gave a list, and gets one.
    """

    modules: tuple[nn.Module, ...] = ()
    side: Side = "output"
    call: CallLike = None
    listed: bool = False

    @property
    def key(self) -> Hashable:
        """What tells it from other places, and keeps no module alive."""
        return tuple(map(id, self.modules)), self.side, self.call

    @property
    def several(self) -> bool:
        """Whether there is a list or a tuple of what a module takes or returns."""
        return self.listed or self.call == "all"


INPUTS = Site(side="input")
OUTPUT = Site()


def resolve_site(layer_like: SiteLike, model: Callable[..., Any]) -> Site:
    """The site that a user means.

    Args:
        layer_like: See [SiteLike][pellucid.methods.SiteLike].
        model: The forward function whose modules names refer to.

    Raises:
        InvalidArgument: It is no module, or the model has none of this name.
        NotSupported: A module is scripted.
    """
    if isinstance(layer_like, Site):
        return layer_like
    layer = layer_like if isinstance(layer_like, Layer) else Layer(layer_like)
    if layer.side not in get_args(Side):
        raise InvalidArgument(f"side must be input or output: got {layer.side!r}.")
    listed = isinstance(layer.module, list | tuple)
    if layer.call == "all" and listed:
        raise InvalidArgument('call must be an integer where layer is a list: got "all". Hint: one layer at a time.')
    if layer.call is not None and layer.call != "all":
        check_count("call", layer.call, least=0)
    given = tuple(layer.module) if isinstance(layer.module, list | tuple) else (layer.module,)
    if not given:
        raise InvalidArgument("layer must hold at least one module: got an empty list.")
    modules = tuple(_module(each, model) for each in given)
    if any(isinstance(module, torch.jit.ScriptModule) for module in (*modules, *root_modules(model))):
        raise NotSupported(
            "layer must be a Python module of a Python model: nobody can look inside scripted and traced ones. "
            "Hint: attribute on the model that was scripted."
        )
    return Site(modules, layer.side, layer.call, listed)


def _module(layer: Any, model: Callable[..., Any]) -> nn.Module:
    if isinstance(layer, nn.Module):
        return layer
    if not isinstance(layer, str):
        hint = f" Hint: the name {str(layer)!r}." if isinstance(layer, int) else ""
        raise InvalidArgument(f"layer must be a module or the dotted name of one: got {type(layer).__name__}.{hint}")
    names: dict[str, nn.Module] = {
        name: module for root in root_modules(model) for name, module in root.named_modules(remove_duplicate=False)
    }
    # What wraps a whole model (compiled, data-parallel) puts its own name in front.
    names = {n.partition(".")[2]: m for n, m in names.items() if n.startswith(("_orig_mod.", "module."))} | names
    if layer not in names or not layer:
        known = list(filter(None, names))
        close = difflib.get_close_matches(layer, known, n=3) or known[:3]
        hint = f" Hint: there is {', '.join(map(repr, close))}." if close else ""
        raise InvalidArgument(f"layer must be the name of a module of the model: got {layer!r}.{hint}")
    return names[layer]


def module_label(module: nn.Module, model: Callable[..., Any]) -> str:
    """What to call a module in a message: its name in the model and its type."""
    name = name_in(model, module)
    return type(module).__name__ if name is None else f"{name!r} ({type(module).__name__})"


def name_in(model: Callable[..., Any], module: nn.Module) -> str | None:
    """The dotted name of a module in a model; None where it has none."""
    found = (name for root in root_modules(model) for name, each in root.named_modules() if each is module)
    return next(found, None)


def is_submodule(module: nn.Module, model: Callable[..., Any]) -> bool:
    """Whether a module is one of the model, or nobody can tell."""
    every = root_modules(model)
    return not every or any(each is module for root in every for each in root.modules())
