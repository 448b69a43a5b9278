"""One forward through the model, in which tensors are captured and replaced at sites on the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor, nn

from pellucid.core.model.call_counts import CallCounts
from pellucid.core.model.checkpoints import plain_checkpoints
from pellucid.core.model.fast_paths import unwrap_data_parallel, without_fast_paths
from pellucid.core.model.hook_point import CURRENT_FORWARD, HookPoint, StopForward
from pellucid.core.model.inspection import ModelInfo
from pellucid.core.model.interception import Interceptor, intercept
from pellucid.core.model.layers import CallLike, Side, Site, module_label
from pellucid.core.model.state import ModelState
from pellucid.core.pytree import TensorTree
from pellucid.core.tensors import Tensors, is_floating
from pellucid.errors import NotDifferentiable, NotSupported, warn


@final
@dataclass(frozen=True, eq=False)
class Captured:
    """What was read at a site.

    Args:
        tensors: The tensors there, those of all modules one after another.
        structures: How they lie in what each module takes or returns; of all calls, in each of them.
        counts: How often each module was called, as far as the forward went.
        container: What holds the values: a list for a list of modules, a tuple for all calls; None for a value alone.
    """

    tensors: Tensors
    structures: tuple[TensorTree, ...]
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
    def structure(self) -> TensorTree:
        """How the tensors lie in that, with None beside them."""
        return TensorTree.of(self.unwrapped)[1].without_constants()

    def _held(self, values: list[Any]) -> Any:
        return values[0] if self.container is None else self.container(values)

    def _values(self) -> list[Any]:
        values, rest = [], self.tensors
        for structure in self.structures:
            size = len(structure.leaf_indices)
            values.append(structure.filled(rest[:size]))
            rest = rest[size:]
        return values


@final
class ForwardPass:
    """One forward of a model.

    Args:
        model: The forward function.
        grads: Whether gradients will be taken at what is captured.
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
        chosen: Callable[[Tensor], bool] = is_floating,
        watch: Interceptor | None = None,
    ) -> None:
        self.model, self.grads, self.whole, self.chosen, self._watch = model, grads, whole, chosen, watch
        self.output: Any = None
        self._hook_points: dict[tuple[nn.Module, Side, CallLike], HookPoint] = {}
        self._stops = False

    def patch(self, site: Site, tensors: Tensors, captured: Captured) -> None:
        """Put tensors in the place of those that were captured at a site.

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
        """Capture the tensors at a site."""
        for module in site.modules:
            self._hook_point(module, site.side, site.call).captures = True

    def captured(self, site: Site) -> Captured:
        """What was captured at a site, after the run."""
        hook_points = [self._hook_points[module, site.side, site.call] for module in site.modules]
        tensors = tuple(tensor for hook_point in hook_points for tensor in hook_point.tensors)
        structures = tuple(structure for hook_point in hook_points for structure in hook_point.structures)
        container = tuple if site.call == "all" else list if site.listed else None
        return Captured(tensors, structures, tuple(hook_point.count for hook_point in hook_points), container)

    def output_at(self, site: Site) -> Any:
        """What modules at a site return, which was captured; the model's output where there are none."""
        return self.captured(site).value if site.modules else self.output

    def run(self, arguments: tuple[Any, ...], info: ModelInfo, state: ModelState, *, stops: bool) -> None:
        """Run the model; its output is None where it stopped.

        Args:
            arguments: What the model takes.
            info: What is known of the model.
            state: In which it is.
            stops: Whether nothing matters after the last thing captured.

        Raises:
            InvalidArgument: A module never ran.
            OutOfRange: A module ran, but not as often as the site says.
            NotDifferentiable: The model was made under inference mode.
        """
        try:
            if self._hook_points:
                self._run_with_hooks(arguments, info, state, stops)
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

    def _run_with_hooks(self, arguments: tuple[Any, ...], info: ModelInfo, state: ModelState, stops: bool) -> None:
        calls = CallCounts.of(self.model, arguments, state.value)
        for hook_point in self._hook_points.values():
            counted = stops and not isinstance(hook_point.call, int)
            hook_point.expected_calls = calls.get(hook_point.module) if counted else None
        self._stops = stops
        model, moved = unwrap_data_parallel(self.model, arguments)
        outer = CURRENT_FORWARD.set(self)
        try:
            with ExitStack() as stack:
                for hook_point in self._hook_points.values():
                    stack.enter_context(hook_point.hooked(self))
                stack.enter_context(intercept(self._watch))
                stack.enter_context(without_fast_paths(info, hooks=True))
                stack.enter_context(plain_checkpoints("all"))
                self.output = model(*moved)
        except StopForward as signal:
            if signal.forward is not self:
                raise
            return
        finally:
            CURRENT_FORWARD.reset(outer)
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
        """Whether the rest of the forward does not matter."""
        return self._stops and all(hook_point.is_over for hook_point in self._hook_points.values())

    def _hook_point(self, module: nn.Module, side: Side, call: CallLike) -> HookPoint:
        key = (module, side, call)
        if key not in self._hook_points:
            self._hook_points[key] = HookPoint(module, side, call)
        return self._hook_points[key]
