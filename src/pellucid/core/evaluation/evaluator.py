"""Forwards of a model from the source of a problem to its target."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Future, Tensor

from pellucid.core.autograd.dependence import marked_as_source
from pellucid.core.batching import not_measured
from pellucid.core.evaluation.row_independence import Endpoints, tied_to_its_batch
from pellucid.core.evaluation.session import Session
from pellucid.core.examples import all_examples, is_batch_first
from pellucid.core.model.activation_replay import CHECK_ROWS, Recording, Replay, check_indices, errors_invalidate
from pellucid.core.model.facts import LOCK, facts_of
from pellucid.core.model.forward import Captured, ForwardPass
from pellucid.core.model.forward_kind import MAX_KINDS, ForwardKind
from pellucid.core.model.hook_point import as_leaf
from pellucid.core.model.interception import Interceptor
from pellucid.core.model.layers import OUTPUT, Site
from pellucid.core.problem.output import chosen_output
from pellucid.core.problem.points import Points
from pellucid.core.problem.target import Target
from pellucid.core.pytree import map_tensors
from pellucid.core.restarts import BatchCollapsed
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, as_tensor, describe, is_floating
from pellucid.errors import InvalidArgument


@final
@dataclass(frozen=True, eq=False)
class Evaluator(Summarized):
    """Runs a model from points at the source to the target.

    Args:
        session: Holds the problem, and what is learnt about the model.
        source: Where points are fed.
        gradient_at: Where gradients are taken.
        target: What is explained.
        replay: Whether recorded outputs may be replayed for modules that finish before the source.
    """

    session: Session
    source: Site
    gradient_at: Site
    target: Target
    replay: bool = True

    @property
    def endpoints(self) -> Endpoints:
        """The source and the target."""
        return self.source, self.target

    def evaluate(self, points: Points, site: Site | None = None) -> tuple[Tensor, Captured | None]:
        """The target's values at points, and the tensors at a site on the way.

        Args:
            points: At the source; without tensors, those at the source for the inputs of the examples.
            site: The site to capture; None for none.

        Returns:
            Values [n, *K], and the captured tensors.

        Raises:
            BatchCollapsed: The first dimension of the output does not count the rows.
        """
        session, examples = self.session, points.examples
        inputs, source_points = self.inputs_and_source_points(points)
        sites = (self.target.site,) if site is None else (site, self.target.site)
        interceptor = None if source_points is None else self._replay_interceptor(source_points, sites)
        with tied_to_its_batch(session, self.endpoints, examples, inputs), self._failing_replays(interceptor):
            forward, arguments = self._prepare(inputs, examples, source_points, sites, interceptor=interceptor)
            forward.run(arguments, session.info, session.state, stops=self._stops(sites))
            value = self.explain(forward.output_at(self.target.site), examples)
        captured = None if site is None or not site.modules else forward.captured(site)
        if captured is not None and site is not None:
            session.observed.remember_layout(site, captured)
        per_row = value.shape[:1] == examples.shape and (captured is None or is_batch_first(examples, captured.tensors))
        if not per_row and session.holds_other_rows(examples):
            raise BatchCollapsed
        return value, captured

    def inputs_and_source_points(self, points: Points) -> tuple[Tensors, Points | None]:
        """The model's inputs for points, and the points to patch in at the source; None if that is the inputs."""
        if self.source.modules or not points.tensors:
            return self.inputs_of(points.examples), points if points.tensors else None
        return points.tensors, None

    def _failing_replays(self, interceptor: Interceptor | None) -> AbstractContextManager[None]:
        """Take an exception in a forward with replayed outputs as a sign that the replay is wrong."""
        if interceptor is None:
            return nullcontext()
        return errors_invalidate(self.session.observed.replays.get(self._sites))

    def explain(self, output: Any, examples: Tensor) -> Tensor:
        """The target's values for these examples, given the model's output or the tensors at the target's layer.

        Raises:
            InvalidArgument: The output is a future.
        """
        if isinstance(output, Future):
            raise InvalidArgument("model must return a tensor: got a Future. Hint: Options(returns_futures=True).")
        selector = self.session.problem.options.output_selector
        if not self.target.site.modules and (selector is not None or not isinstance(output, Tensor | np.ndarray)):
            chosen, name = chosen_output(output, len(examples), selector)
            if selector is not None or not self.target.functions:
                self.session.observed.remember_output(name, output)
            output = output if selector is None else chosen
        return self.target(output if torch.is_grad_enabled() else as_tensor(output), examples)

    def future_output(self, points: Points) -> Future[Any]:
        """The future that the model returns for these points."""
        inputs, source_points = self.inputs_and_source_points(points)
        with torch.no_grad(), tied_to_its_batch(self.session, self.endpoints, points.examples, inputs):
            output = self.run(inputs, points.examples, source_points, (self.target.site,)).output
        if not isinstance(output, Future):
            raise InvalidArgument(
                f"model must return a torch.futures.Future: got {describe(output)}. "
                "Hint: Options(returns_futures=False)."
            )
        return output

    def explain_future(self, output: Future[Any], examples: Tensor) -> Tensor:
        """The target's values for these examples, given a future output that is done."""
        with tied_to_its_batch(self.session, self.endpoints, examples):
            value = self.explain(output.value(), examples)
        if value.shape[:1] != examples.shape and self.session.holds_other_rows(examples):
            raise BatchCollapsed
        return value

    def inputs_of(self, examples: Tensor) -> Tensors:
        """Copies of the user's inputs for these examples."""
        picked: Tensors = self.session.select_rows(self.session.problem.inputs, examples)
        return picked

    def capture(self, inputs: Tensors, examples: Tensor, site: Site, source_points: Points | None = None) -> Tensors:
        """The tensors at a site for these inputs, without gradients.

        Args:
            inputs: The model's inputs, (n, ...) each.
            examples: The example that each row belongs to, int64 [n].
            site: The site.
            source_points: The points to patch in at the source; None leaves it alone.
        """
        with (
            torch.set_grad_enabled(self.session.problem.options.create_graph),
            tied_to_its_batch(self.session, self.endpoints, examples, inputs),
        ):
            captured = self.run(inputs, examples, source_points, (site,)).captured(site)
        if site.modules:
            self.session.observed.remember_layout(site, captured)
        if not is_batch_first(examples, captured.tensors) and self.session.holds_other_rows(examples):
            raise BatchCollapsed
        return captured.tensors

    def shapes_at(self, points: Points, site: Site) -> list[torch.Size]:
        """The shapes of the tensors at a site for these points, whatever their dimensions count."""
        inputs, source_points = self.inputs_and_source_points(points)
        with torch.no_grad(), tied_to_its_batch(self.session, self.endpoints, points.examples, inputs):
            captured = self.run(inputs, points.examples, source_points, (site,)).captured(site)
        return [tensor.shape for tensor in captured.tensors]

    def at_source(self) -> Captured:
        """The tensors at the source for the user's inputs; captured once per session."""
        observed, batch_size = self.session.observed, self.session.problem.batch_size
        if self.source not in observed.captured:
            recording = Recording(self.source) if self._is_replayable else None
            captured = self.capture_source(self.session.problem.inputs, all_examples(batch_size), recording=recording)
            observed.captured[self.source] = captured
            if recording is not None:
                modules = {*self.target.site.modules, *self.gradient_at.modules}.difference(self.source.modules)
                observed.replays[self._sites] = Replay.of(
                    recording, captured.counts, modules, batch_size, self._remember_no_replay
                )
            observed.remember_layout(self.source, captured)
            # In a tensor (B, B, D) the second dimension may count the examples, as in recurrent layers.
            self.session.whole_batch |= any(
                tensor.shape[:1] != (batch_size,) or (tensor.ndim == 3 and tensor.shape[1] == batch_size)
                for tensor in captured.tensors
            )
        return observed.captured[self.source]

    def capture_source(
        self,
        inputs: Tensors,
        examples: Tensor,
        *,
        chosen: Callable[[Tensor], bool] = is_floating,
        recording: Recording | None = None,
    ) -> Captured:
        """The tensors at the source for these inputs, in blocks of as many rows as the user and the memory allow.

        Args:
            inputs: The model's inputs, (n, ...) each.
            examples: The example that each row belongs to, int64 [n].
            chosen: Which of the tensors at the source to capture.
            recording: Records the outputs of modules before the source, if all rows fit into one forward.
        """
        session = self.session

        def capture_block(_: slice, rows: slice) -> Captured:
            whole = rows == slice(None)
            block_inputs = inputs if whole else tuple(x[rows] for x in inputs)
            interceptor = None if recording is None or not whole else (recording, session.info.modules)
            with (
                torch.set_grad_enabled(session.problem.options.create_graph),
                tied_to_its_batch(session, self.endpoints, examples[rows], block_inputs),
            ):
                forward = self.run(
                    block_inputs, examples[rows], None, (self.source,), chosen=chosen, interceptor=interceptor
                )
            captured = forward.captured(self.source)
            if not whole and not is_batch_first(examples[rows], captured.tensors):
                raise BatchCollapsed
            return captured

        budget = dataclasses.replace(session.budget, progress=None, rows_are_final=True)
        budget.rows = session.budget.rows if session.budget.rows_are_final else len(examples)
        blocks = list(budget.blocks(1, len(examples), capture_block, whole=session.whole_batch))
        tensors = tuple(torch.cat(pieces) for pieces in zip(*(block.tensors for block in blocks), strict=True))
        return blocks[0] if len(blocks) == 1 else dataclasses.replace(blocks[0], tensors=tensors)

    def run(
        self,
        inputs: Tensors,
        examples: Tensor,
        source_points: Points | None,
        sites: tuple[Site, ...],
        *,
        chosen: Callable[[Tensor], bool] = is_floating,
        interceptor: Interceptor | None = None,
    ) -> ForwardPass:
        """Run one forward, which ends once the sites are captured; the arguments are those of `_prepare`."""
        forward, arguments = self._prepare(
            inputs, examples, source_points, sites, chosen=chosen, interceptor=interceptor
        )
        forward.run(arguments, self.session.info, self.session.state, stops=self._stops(sites))
        return forward

    def _prepare(
        self,
        inputs: Tensors,
        examples: Tensor,
        source_points: Points | None,
        sites: tuple[Site, ...],
        *,
        chosen: Callable[[Tensor], bool] = is_floating,
        interceptor: Interceptor | None = None,
    ) -> tuple[ForwardPass, tuple[Any, ...]]:
        """A forward that is ready to run, and the arguments of the model.

        Args:
            inputs: The model's inputs, (n, ...) each; copies of the user's where the source is patched.
            examples: The example that each row belongs to, int64 [n].
            source_points: The points to patch in at the source; None leaves it alone.
            sites: The sites to capture.
            chosen: Which of their tensors to capture.
            interceptor: Runs in place of the forward of some modules: records or replays their outputs.
        """
        session, grads = self.session, torch.is_grad_enabled()
        # The model gets copies, as it may write into its inputs; these are the user's tensors, or leaves.
        if grads and (self.gradient_at.modules or self.target.site.modules):
            # With leaves at the inputs the graph goes through the layer's input, which need not be made a leaf: its
            # gradient then counts other uses of that tensor, too.
            inputs = tuple(marked_as_source(as_leaf(x)) for x in inputs)
        elif source_points is None:
            inputs = tuple(map(marked_as_source, inputs))
        extra = session.problem.additional_forward_args
        arguments = (*inputs, *session.select_rows(extra, examples)) if extra else inputs
        forward = ForwardPass(
            session.problem.model, grads=grads, whole=session.whole_batch, chosen=chosen, watch=interceptor
        )
        if source_points is not None:
            forward.patch(self.source, source_points.tensors, self.at_source())
        for site in sites:
            forward.capture(site)
        return forward, arguments

    def _stops(self, sites: tuple[Site, ...]) -> bool:
        """Whether a forward may end once these sites have been captured."""
        # In training mode, modules behind the sites may draw random numbers: then they must run.
        session = self.session
        return session.problem.options.early_exit and OUTPUT not in sites and not session.info.trains

    @property
    def _sites(self) -> tuple[Site, ...]:
        """The key of a replay, which is right for these sites only."""
        return self.source, self.gradient_at, self.target.site

    @property
    def _is_replayable(self) -> bool:
        """Whether to record the modules before the source, as a replay of their outputs may turn out to be right."""
        info, options = self.session.info, self.session.problem.options
        plain = self.source.call is None and not (options.create_graph or info.compiled or info.trains)
        if not (self.replay and plain):
            return False
        kind = self._kind
        return (kind.signature, kind.batch, self.source.key) not in facts_of(kind.owner).not_replayed

    def _remember_no_replay(self) -> None:
        """Remember that replayed outputs of modules before the source changed the model's output."""
        kind = self._kind
        with LOCK:
            not_replayed = facts_of(kind.owner).not_replayed
            if len(not_replayed) >= MAX_KINDS:
                not_replayed.clear()
            not_replayed.add((kind.signature, kind.batch, self.source.key))

    @property
    def _kind(self) -> ForwardKind:
        """The kind of a forward of the user's batch."""
        problem = self.session.problem
        return ForwardKind.of(
            problem.model, (*problem.inputs, *problem.additional_forward_args), self.session.state.value
        )

    def _replay_interceptor(self, points: Points, sites: tuple[Site, ...]) -> Interceptor | None:
        """Replays outputs of modules before the source in a forward for these points there; None: all modules run."""
        session = self.session
        replay, max_rows = session.observed.replays.get(self._sites), session.budget.max_rows
        grads = torch.is_grad_enabled()
        check_does_not_fit = max_rows is not None and max_rows < CHECK_ROWS
        if not self.replay or replay is None or check_does_not_fit or (grads and self.gradient_at != self.source):
            return None
        check_rows = check_indices(session.problem.batch_size)
        checked = points[slice(None) if session.whole_batch else torch.tensor(check_rows, device="cpu")].detach()

        def rerun(interceptor: Interceptor | None, most: int | None = None) -> Any:
            rows = checked[:most]
            with torch.set_grad_enabled(grads), not_measured():
                forward = self.run(self.inputs_of(rows.examples), rows.examples, rows, sites, interceptor=interceptor)
            results = forward.output, [forward.captured(site).tensors for site in sites if site.modules]
            return map_tensors(results, Tensor.detach)

        forward_examples, checked_examples = (
            None if session.is_whole_batch(examples) else examples for examples in (points.examples, checked.examples)
        )
        return replay.interceptor_for(forward_examples, checked_examples, rerun, session.budget.sweep_rows)
