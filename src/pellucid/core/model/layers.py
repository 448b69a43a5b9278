"""Layers and sites: where in a model tensors can be captured or replaced."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, final, get_args

import torch
from torch import nn

from pellucid.core.counts import check_count
from pellucid.core.model.heads import output_projection
from pellucid.core.model.inspection import root_modules
from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument, NotSupported

Side: TypeAlias = Literal["input", "output"]

CallLike: TypeAlias = 'int | Literal["all"] | None'
"""Which of the calls of a layer in one forward.

* an `int`: this one, counted from zero.
* `None`: the last one; where there are several, a warning says so.
* `"all"`: every one; results are tuples of one value per call. Values cannot be put in the place of all calls.
"""

Players: TypeAlias = 'Literal["heads", "channels"] | int | None'
"""What is one feature of a layer, where no mask says more.

* `None`: each element.
* `"heads"`: a head of an attention module, from its outputs, which lie side by side before they are mixed: the site is
  then the input of the module's output projection.
* `"channels"`: a channel, such as one of a convolution or a neuron of a transformer, at all pixels, steps or tokens.
* an `int`: so many groups of neighbouring channels, of the same size.
"""

SiteLike: TypeAlias = "nn.Module | str | Sequence[nn.Module | str] | Layer | Site"
"""A site in a model.

* a module of it, or its dotted name, `"encoder.layers.3"`: the output of the module.
* a list of these: the outputs of all; none should depend on another.
* a [Layer][pellucid.methods.Layer]: the input of a module, or one of its several calls.
"""


@final
@dataclass(frozen=True)
class Layer(Summarized):
    """A layer with a choice of its input or output and of one of its calls.

    Args:
        module: A module of the model, its dotted name, or a list of these.
        side: Its input or its output. The input is the positional arguments of a call, or the keyword arguments of a
            call without positional ones.
        call: Which of its calls in a forward; see [CallLike][pellucid.methods.CallLike].
        players: What is one feature of it; see [Players][pellucid.methods.Players].

    Examples:
        >>> from pellucid.methods import Layer
        >>> Layer("encoder.layers.3", side="input")
        Layer(module='encoder.layers.3', side='input')

        The effect of each head, at all channels that it has:

        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import FeatureAblation, Problem, per_feature
        >>> model = nn.TransformerEncoderLayer(4, nhead=2, dim_feedforward=8, batch_first=True).eval()
        >>> heads = Layer("self_attn", players="heads")
        >>> problem = Problem(model, torch.ones(1, 3, 4), target=(0, 0), source=heads)
        >>> effects = FeatureAblation()(problem).values
        >>> per_feature(effects, torch.tensor([[[0, 0, 1, 1]]])).shape
        torch.Size([1, 2])
    """

    module: nn.Module | str | Sequence[nn.Module | str]
    side: Side = "output"
    call: CallLike = None
    players: Players = None


@final
@dataclass(frozen=True)
class Site(Summarized):
    """The input or output of modules of a model, resolved from what the user gave.

    Args:
        modules: The modules; none means the model's own inputs (as a source) or output (as a target).
        side: The input or the output of the modules.
        call: Which call of each module, counted from zero; None for the last one; "all" for every one.
        listed: Whether the user gave a list, and results are lists.
        players: What is one feature of each module, where no mask says more: "channels", or a number of groups of them;
            none for each element.
    """

    modules: tuple[nn.Module, ...] = ()
    side: Side = "output"
    call: CallLike = None
    listed: bool = False
    players: tuple[Literal["channels"] | int, ...] = field(default=(), compare=False)

    @property
    def key(self) -> Hashable:
        """A key that identifies the site and keeps no module alive."""
        return tuple(map(id, self.modules)), self.side, self.call

    @property
    def several(self) -> bool:
        """Whether results are lists (one value per module) or tuples (one value per call)."""
        return self.listed or self.call == "all"

    @property
    def as_given(self) -> SiteLike:
        """The site as users write it: a module, a list of these, or a layer."""
        if not self.modules:
            return self
        modules = list(self.modules) if self.listed else self.modules[0]
        layer = Layer(modules, self.side, self.call, self.players[0] if self.players else None)
        return modules if layer == Layer(modules) else layer


INPUTS = Site(side="input")
OUTPUT = Site()


def resolve_site(layer_like: SiteLike, model: Callable[..., Any], argument: str = "layer") -> Site:
    """Resolve the site that the user gave.

    Args:
        layer_like: See [SiteLike][pellucid.methods.SiteLike].
        model: The forward function to whose modules names refer.
        argument: What users call it, for errors.

    Raises:
        InvalidArgument: It is not a module, or the model has no module of this name.
        NotSupported: A module is scripted.
    """
    if isinstance(layer_like, Site):
        return layer_like
    layer = layer_like if isinstance(layer_like, Layer) else Layer(layer_like)
    if layer.side not in get_args(Side):
        raise InvalidArgument(f"side must be input or output: got {summary(layer.side)}.")
    listed = isinstance(layer.module, list | tuple)
    if layer.call == "all" and listed:
        raise InvalidArgument('call must be an integer where layer is a list: got "all". Hint: one layer at a time.')
    if layer.call is not None and layer.call != "all":
        check_count("call", layer.call, least=0)
    modules_or_names = tuple(layer.module) if isinstance(layer.module, list | tuple) else (layer.module,)
    if not modules_or_names:
        raise InvalidArgument(f"{argument} must hold at least one module: got an empty list.")
    modules = tuple(_resolve_module(module_or_name, model, argument) for module_or_name in modules_or_names)
    if any(isinstance(module, torch.jit.ScriptModule) for module in (*modules, *root_modules(model))):
        raise NotSupported(
            f"{argument} must be a Python module of a Python model: nobody can look inside scripted and traced ones. "
            "Hint: attribute on the model that was scripted."
        )
    return _with_players(Site(modules, layer.side, layer.call, listed), layer.players)


def _with_players(site: Site, players: Players) -> Site:
    """A site that says what is one feature of it; of attentions, the input of their output projections.

    Raises:
        InvalidArgument: There are no such players.
    """
    if players is None:
        return site
    if players == "heads":
        modules, heads = zip(*map(output_projection, site.modules), strict=True)
        return replace(site, modules=modules, side="input", players=heads)
    if players != "channels" and not isinstance(players, int):
        raise InvalidArgument(f'players must be "heads", "channels" or a number of groups: got {summary(players)}.')
    if players != "channels":
        check_count("players", players)
    return replace(site, players=(players,) * len(site.modules))


def _resolve_module(layer: Any, model: Callable[..., Any], argument: str) -> nn.Module:
    """The module that is given, or the one of this name."""
    if isinstance(layer, nn.Module):
        return layer
    if not isinstance(layer, str):
        hint = f" Hint: the name {str(layer)!r}." if isinstance(layer, int) else ""
        raise InvalidArgument(
            f"{argument} must be a module or the dotted name of one: got {type(layer).__name__}.{hint}"
        )
    by_name: dict[str, nn.Module] = {
        name: module for root in root_modules(model) for name, module in root.named_modules(remove_duplicate=False)
    }
    # Wrappers of a whole model (compiled, data-parallel) add a prefix to all names.
    wrapped = ("_orig_mod.", "module.")
    by_name = {name.partition(".")[2]: module for name, module in by_name.items() if name.startswith(wrapped)} | by_name
    if layer not in by_name or not layer:
        known = list(filter(None, by_name))
        close = difflib.get_close_matches(layer, known, n=3) or known[:3]
        hint = f" Hint: there is {', '.join(map(repr, close))}." if close else ""
        raise InvalidArgument(f"{argument} must be the name of a module of the model: got {layer!r}.{hint}")
    return by_name[layer]


def module_label(module: nn.Module, model: Callable[..., Any]) -> str:
    """The name of a module in the model and its type, for a message; the type alone of the model itself."""
    name = name_in(model, module)
    return f"{name!r} ({type(module).__name__})" if name else type(module).__name__


def name_in(model: Callable[..., Any], module: nn.Module) -> str | None:
    """The dotted name of a module in a model; None where it has none."""
    names = (name for root in root_modules(model) for name, candidate in root.named_modules() if candidate is module)
    return next(names, None)


def is_submodule(module: nn.Module, model: Callable[..., Any]) -> bool:
    """Whether a module belongs to the model; true where no modules of the model are visible."""
    roots = root_modules(model)
    return not roots or any(submodule is module for root in roots for submodule in root.modules())
