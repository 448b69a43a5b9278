"""One forward through the model, in which tensors are read and replaced at sites on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, final
from weakref import WeakSet

import torch
from torch import Tensor, nn

from pellucid.core.budget import BatchCollapsed
from pellucid.core.calls import Calls
from pellucid.core.checkpoints import plain_checkpoints
from pellucid.core.guest import Guest, undivided
from pellucid.core.lineage import started
from pellucid.core.replay import Watch, intercepting
from pellucid.core.site import CallLike, Side, Site, belongs, named
from pellucid.core.structure import Structure
from pellucid.core.tensors import Tensors, floats
from pellucid.errors import InvalidArgument, NotDifferentiable, NotSupported, OutOfRange, warn

_UNDER_WAY: ContextVar[Passage | None] = ContextVar("passage", default=None)
"""The forward that this thread is in: hooks on a module that other threads use too act in this one alone."""

_HOOKING = threading.RLock()
"""Torch numbers its hooks without care for threads: without the lock, two could get the same number."""


_TOLD: WeakSet[nn.Module] = WeakSet()
"""Modules that are called several times, and the user knows."""


class Arrived(BaseException):
    """All that was asked for has been read. No `Exception`, so that no code of the model takes it for an error."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage


@final
@dataclass(frozen=True, eq=False)
class Found:
    """What was read at a site.

    Args:
        tensors: The tensors there, those of all modules one after another.
        structures: How they lie in what each module takes or returns; of all calls, in each of them.
        counts: How often each module was called, as far as the forward went.
        container: What holds the values: a list for a list of modules, a tuple for all calls; None for a value alone.
    """

    tensors: Tensors
    structures: tuple[Structure, ...]
    counts: tuple[int, ...]
    container: type[list[Any]] | type[tuple[Any, ...]] | None

    @property
    def value(self) -> Any:
        """What the modules take or return."""
        return self._held(self._values())

    @property
    def unwrapped(self) -> Any:
        """The same, a tensor in place of a tuple that holds nothing else."""
        values = [each[0] if type(each) is tuple and len(each) == 1 else each for each in self._values()]
        return self._held(values)

    @property
    def structure(self) -> Structure:
        """How the tensors lie in that, with None beside them."""
        return Structure.of(self.unwrapped)[1].bare()

    def _held(self, values: list[Any]) -> Any:
        return values[0] if self.container is None else self.container(values)

    def _values(self) -> list[Any]:
        values, rest = [], self.tensors
        for structure in self.structures:
            size = len(structure.places)
            values.append(structure.filled(rest[:size]))
            rest = rest[size:]
        return values


@final
class Passage:
    """One forward of a model.

    Args:
        model: The forward function.
        grads: Whether gradients will be taken at what is read.
        whole: Whether this is the user's batch, whole.
        chosen: Which tensors at a site are meant.
        watch: What happens in place of the forward of some modules, if anything.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        grads: bool = False,
        whole: bool = True,
        chosen: Callable[[Tensor], bool] = floats,
        watch: Watch | None = None,
    ) -> None:
        self.watch = watch
        self.model, self.grads, self.whole, self.chosen = model, grads, whole, chosen
        self.output: Any = None
        self._gates: dict[tuple[nn.Module, Side, CallLike], _Gate] = {}
        self._stops = False

    def replace(self, site: Site, tensors: Tensors, found: Found) -> None:
        """Put tensors in the place of those that were found at a site.

        Raises:
            NotSupported: The site is all calls of a module.
        """
        if site.call == "all":
            raise NotSupported('call must be one call where values are put in its place: got "all". Hint: call=0.')
        for module, structure, count in zip(site.modules, found.structures, found.counts, strict=True):
            size = len(structure.places)
            gate = self._gate(module, site.side, count - 1 if site.call is None else site.call)
            gate.replacement, tensors = tensors[:size], tensors[size:]

    def read(self, site: Site) -> None:
        """Read the tensors at a site."""
        for module in site.modules:
            self._gate(module, site.side, site.call).reads = True

    def found(self, site: Site) -> Found:
        """What was read at a site, after the run."""
        gates = [self._gates[module, site.side, site.call] for module in site.modules]
        tensors = tuple(tensor for gate in gates for tensor in gate.tensors)
        structures = tuple(structure for gate in gates for structure in gate.structures)
        container = tuple if site.call == "all" else list if site.listed else None
        return Found(tensors, structures, tuple(gate.count for gate in gates), container)

    def run(self, arguments: tuple[Any, ...], guest: Guest, *, stops: bool) -> None:
        """Run the model; its output is None where it stopped.

        Args:
            arguments: What the model takes.
            guest: What is known of its modules.
            stops: Whether nothing matters after the last thing read.

        Raises:
            InvalidArgument: A module never ran.
            OutOfRange: A module ran, but not as often as the site says.
            NotDifferentiable: The model was made under inference mode.
        """
        try:
            self._run(arguments, guest, stops)
        except RuntimeError as error:
            if "Inference tensors cannot be saved" in str(error) or "update to inference tensor" in str(error):
                raise NotDifferentiable(
                    "the model holds tensors made under torch.inference_mode, which have no gradients. "
                    "Hint: build or load the model outside of it; only the attribution may be called inside."
                ) from error
            raise

    def _run(self, arguments: tuple[Any, ...], guest: Guest, stops: bool) -> None:
        if not self._gates:
            with guest.long_way(hooks=False) if guest.shortcuts else nullcontext(), plain_checkpoints("reentrant"):
                self.output = self.model(*arguments)
            return
        calls = Calls.of(self.model, arguments, guest.state)
        for gate in self._gates.values():
            gate.due = None if isinstance(gate.call, int) or not stops else calls.get(gate.module)
        self._stops = stops
        given = arguments
        model, arguments = undivided(self.model, arguments)
        outer = _UNDER_WAY.set(self)
        try:
            with ExitStack() as way:
                for gate in self._gates.values():
                    way.enter_context(gate.hooked(self))
                way.enter_context(intercepting(self.watch))
                way.enter_context(guest.long_way(hooks=True))
                way.enter_context(plain_checkpoints("all"))
                self.output = model(*arguments)
        except Arrived as signal:
            if signal.passage is not self:
                raise
            return
        finally:
            _UNDER_WAY.reset(outer)
        if any(calls.get(gate.module) is None for gate in self._gates.values()):
            calls = Calls.of(self.model, given, guest.settled())
        for gate in self._gates.values():
            gate.check(self)
            gate.tell(self)
            if calls.remember(gate.module, gate.count):
                warn(
                    f"layer {named(gate.module, self.model)} was called more or less often, {gate.count} times, than "
                    "before for such inputs, by something that is no argument and no attribute of a module: results at "
                    "it in between may be of another call. Hint: early_exit=False."
                )

    @property
    def arrived(self) -> bool:
        """Whether the rest of the forward does not matter."""
        return self._stops and all(gate.done for gate in self._gates.values())

    def _gate(self, module: nn.Module, side: Side, call: CallLike) -> _Gate:
        key = (module, side, call)
        if key not in self._gates:
            self._gates[key] = _Gate(module, side, call)
        return self._gates[key]


@final
class _Gate:
    """One side of a module, through which tensors pass in each of its calls; those of one call are looked at."""

    def __init__(self, module: nn.Module, side: Side, call: CallLike) -> None:
        self.module, self.side, self.call = module, side, call
        self.replacement: Tensors | None = None
        self.reads = False
        self.tensors: Tensors = ()
        self.structures: tuple[Structure, ...] = ()
        self.count = 0
        self.due: int | None = None

    @property
    def done(self) -> bool:
        """Whether the call looked at is over; nobody can tell the last one who has not counted."""
        return self.count > self.call if isinstance(self.call, int) else self.count == self.due

    @contextmanager
    def hooked(self, passage: Passage) -> Iterator[None]:
        """Listen to the module, after all that its user has put on it."""

        def after(module: nn.Module, arguments: Any, output: Any) -> Any:
            return self._passed(output, passage) if _UNDER_WAY.get() is passage else None

        # A hook being removed by another thread is called without keywords.
        def before(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> Any:
            if _UNDER_WAY.get() is not passage:
                return None
            if not arguments:
                changed = self._passed(keywords, passage)
                return None if changed is None else ((), changed)
            single = len(arguments) == 1
            changed = self._passed(arguments[0] if single else arguments, passage)
            return None if changed is None else ((changed,) if single else changed, keywords)

        with _HOOKING:
            if self.side == "output":
                handle = self.module.register_forward_hook(after)
            else:
                handle = self.module.register_forward_pre_hook(before, with_kwargs=True)
        try:
            yield
        finally:
            with _HOOKING:
                handle.remove()

    def check(self, passage: Passage) -> None:
        """Whether the call looked at took place."""
        least = self.call if isinstance(self.call, int) else 0
        if self.replacement is not None and self.count <= least and not passage.whole:
            raise BatchCollapsed  # the module is called as often as this only with the whole batch
        if self.count == 0:
            raise InvalidArgument(f"layer must run in the forward: {_absence(self.module, passage.model)}")
        if self.count <= least:
            name = named(self.module, passage.model)
            raise OutOfRange(f"call must be below the number of calls of {name}, {self.count}: got {self.call}.")

    def tell(self, passage: Passage) -> None:
        """Say once of a module which of its calls is looked at, where nobody has chosen among several."""
        if self.call is None and self.count > 1 and self.module not in _TOLD:
            _TOLD.add(self.module)
            warn(
                f"layer {named(self.module, passage.model)} is called {self.count} times in a forward, and its last "
                f'call is meant. Hint: call={self.count - 1} says so, call=0 is the first, and call="all" every one.'
            )

    def _passed(self, value: Any, passage: Passage) -> Any:
        """Look at what passes in one call; what passes instead, None where nothing is changed."""
        call, self.count = self.count, self.count + 1
        if self.call not in (None, "all", call):
            return None
        tensors, structure = Structure.of(value, passage.chosen)
        with torch.set_grad_enabled(torch.is_grad_enabled() or passage.grads):
            tensors = tensors if self.replacement is None else self.replacement
            if passage.grads:
                tensors = tuple(map(differentiable, tensors))
            if self.reads:
                every = self.call == "all"
                self.tensors = self.tensors + tensors if every else tensors
                self.structures = (*self.structures, structure) if every else (structure,)
                if passage.arrived:
                    raise Arrived(passage)
            # The model may go on to write into what it gets.
            return structure.filled(tuple(map(started, tensors)))


def differentiable(tensor: Tensor) -> Tensor:
    """A tensor at which gradients can be taken: where it does not depend on one already, a leaf of its own."""
    return tensor if tensor.requires_grad or not floats(tensor) else tensor.detach().requires_grad_()


def _absence(module: nn.Module, model: Callable[..., Any]) -> str:
    if not belongs(module, model):
        return f"{type(module).__name__} is no module of {type(model).__name__}."
    return (
        f"{named(module, model)} was never called. Hint: only calls of the module itself count, not of its forward, "
        "and only in the thread that runs the model."
    )
