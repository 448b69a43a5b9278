"""One forward pass through the model, in which tensors are captured and patched at sites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor, nn

from pellucid.core.model.call_counts import CallCounts
from pellucid.core.model.checkpoints import plain_checkpoints
from pellucid.core.model.fast_paths import unwrap_data_parallel, without_fast_paths
from pellucid.core.model.heads import calls_of_projections
from pellucid.core.model.hook_point import CURRENT_FORWARD, HookPoint, StopForward
from pellucid.core.model.inspection import ModelInfo
from pellucid.core.model.interception import Interceptor, intercept
from pellucid.core.model.layers import CallLike, Side, Site, module_label
from pellucid.core.model.state import ModelState
from pellucid.core.pytree import TensorTree
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, is_floating
from pellucid.errors import NotDifferentiable, NotSupported, warn


@final
@dataclass(frozen=True, eq=False)
class Captured(Summarized):
    """The activations captured at a site.

    Args:
        tensors: The tensors of all modules, one after another.
        structures: The structure of each module's input or output; where all calls are captured, of each call.
        counts: How often each module was called in the part of the forward that ran.
        container: The type that holds several values: list for a list of modules, tuple for all calls; None for one.
    """

    tensors: Tensors
    structures: tuple[TensorTree, ...]
    counts: tuple[int, ...]
    container: type[list[Any]] | type[tuple[Any, ...]] | None

    @property
    def value(self) -> Any:
        """The inputs or outputs of the modules, as these have them."""
        return self._in_container(self._values())

    @property
    def unwrapped(self) -> Any:
        """The same with a tensor in the place of a tuple of one tensor."""
        values = [value[0] if type(value) is tuple and len(value) == 1 else value for value in self._values()]
        return self._in_container(values)

    @property
    def structure(self) -> TensorTree:
        """The structure of `unwrapped`, with None for leaves that are no tensors."""
        return TensorTree.of(self.unwrapped)[1].without_constants()

    def _in_container(self, values: list[Any]) -> Any:
        return values[0] if self.container is None else self.container(values)

    def _values(self) -> list[Any]:
        values, start = [], 0
        for structure in self.structures:
            end = start + len(structure.leaf_indices)
            values.append(structure.filled(self.tensors[start:end]))
            start = end
        return values


@final
class ForwardPass:
    """One forward of a model.

    Args:
        model: The forward function.
        grads: Whether gradients will be taken at captured tensors.
        whole: Whether this is the whole batch of the user.
        chosen: Which tensors at a site are captured and patched.
        watch: Replaces the forward of some modules.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        grads: bool = False,
        whole: bool = True,
        chosen: Callable[[Tensor], bool] = is_floating,
        watch: Interceptor | None = None,
    ) -> None:
        self.model, self.grads, self.whole, self.chosen, self._watch = model, grads, whole, chosen, watch
        self.output: Any = None
        self._hook_points: dict[tuple[nn.Module, Side, CallLike], HookPoint] = {}
        self._stops = False

    def patch(self, site: Site, tensors: Tensors, captured: Captured) -> None:
        """Replace the tensors at a site.

        Args:
            site: The site.
            tensors: The new tensors.
            captured: What an earlier forward captured there.

        Raises:
            NotSupported: The site is all calls of a module.
        """
        if site.call == "all":
            raise NotSupported('call must be one call where values are put in its place: got "all". Hint: call=0.')
        for module, structure, count in zip(site.modules, captured.structures, captured.counts, strict=True):
            size = len(structure.leaf_indices)
            hook_point = self._hook_point(module, site.side, count - 1 if site.call is None else site.call)
            hook_point.replacement, tensors = tensors[:size], tensors[size:]

    def capture(self, site: Site) -> None:
        """Capture the tensors at a site in the forward to come."""
        for module in site.modules:
            self._hook_point(module, site.side, site.call).captures = True

    def captured(self, site: Site) -> Captured:
        """What the forward has captured at a site."""
        hook_points = [self._hook_points[module, site.side, site.call] for module in site.modules]
        tensors = tuple(tensor for hook_point in hook_points for tensor in hook_point.tensors)
        structures = tuple(structure for hook_point in hook_points for structure in hook_point.structures)
        container = tuple if site.call == "all" else list if site.listed else None
        return Captured(tensors, structures, tuple(hook_point.count for hook_point in hook_points), container)

    def output_at(self, site: Site) -> Any:
        """The captured output of the modules at a site; the model's output where the site has no modules."""
        return self.captured(site).value if site.modules else self.output

    def run(self, arguments: tuple[Any, ...], info: ModelInfo, state: ModelState, *, stops: bool) -> None:
        """Run the model; `output` is None afterwards if the forward stopped early.

        Args:
            arguments: The arguments of the model.
            info: What is known of the model.
            state: The state of the model.
            stops: Whether the forward may stop after the last capture.

        Raises:
            InvalidArgument: A module was not called.
            OutOfRange: A module was called less often than the site says.
            NotDifferentiable: The model was made under inference mode.
        """
        try:
            if self._hook_points:
                model, device_arguments = unwrap_data_parallel(self.model, arguments)
                with self._hooked(arguments, info, state, stops):
                    self.output = model(*device_arguments)
            else:
                with without_fast_paths(info, hooks=False), plain_checkpoints("reentrant"):
                    self.output = self.model(*arguments)
        except RuntimeError as error:
            if "Inference tensors cannot be saved" in str(error) or "update to inference tensor" in str(error):
                raise NotDifferentiable(
                    "the model holds tensors made under torch.inference_mode, which have no gradients. "
                    "Hint: build or load the model outside of it; only the attribution may be called inside."
                ) from error
            raise

    @contextmanager
    def _hooked(self, arguments: tuple[Any, ...], info: ModelInfo, state: ModelState, stops: bool) -> Iterator[None]:
        """Put hooks on the modules around a forward, end it where it may stop, and remember how often they ran."""
        calls = CallCounts.of(self.model, arguments, state.value)
        for hook_point in self._hook_points.values():
            counted = stops and not isinstance(hook_point.call, int)
            hook_point.expected_calls = calls.get(hook_point.module) if counted else None
        self._stops = stops
        token = CURRENT_FORWARD.set(self)
        try:
            with ExitStack() as stack:
                for hook_point in self._hook_points.values():
                    stack.enter_context(hook_point.hooked(self))
                stack.enter_context(intercept(self._watch))
                stack.enter_context(without_fast_paths(info, hooks=True))
                stack.enter_context(plain_checkpoints("all"))
                stack.enter_context(calls_of_projections(module for module, *_ in self._hook_points))
                yield
        except StopForward as signal:
            if signal.forward is not self:
                raise
            return
        finally:
            CURRENT_FORWARD.reset(token)
        self._remember_calls(calls, arguments, state)

    def _remember_calls(self, calls: CallCounts, arguments: tuple[Any, ...], state: ModelState) -> None:
        """Remember how often the modules were called in this forward, which ran to its end."""
        if any(calls.get(hook_point.module) is None for hook_point in self._hook_points.values()):
            calls = CallCounts.of(self.model, arguments, state.after_forward())
        for hook_point in self._hook_points.values():
            hook_point.raise_if_not_called(self)
            hook_point.warn_of_several_calls(self)
            if calls.remember(hook_point.module, hook_point.count):
                warn(
                    f"layer {module_label(hook_point.module, self.model)} was called more or less often, "
                    f"{hook_point.count} times, than before for such inputs, by something that is no argument and no "
                    "attribute of a module: results at it in between may be of another call. Hint: early_exit=False."
                )

    @property
    def is_over(self) -> bool:
        """Whether the forward may stop here."""
        return self._stops and all(hook_point.is_over for hook_point in self._hook_points.values())

    def _hook_point(self, module: nn.Module, side: Side, call: CallLike) -> HookPoint:
        key = (module, side, call)
        if key not in self._hook_points:
            self._hook_points[key] = HookPoint(module, side, call)
        return self._hook_points[key]
