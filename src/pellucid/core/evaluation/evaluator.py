"""Forwards of a model between the places of a problem."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Future, Tensor

from pellucid.core.autograd.dependence import marked_as_source
from pellucid.core.batching import not_measured
from pellucid.core.evaluation.row_independence import Way, tied_to_its_batch
from pellucid.core.evaluation.session import Session
from pellucid.core.examples import all_examples, is_batch_first
from pellucid.core.model.activation_replay import CHECK_ROWS, Recording, Replay, check_indices, errors_invalidate
from pellucid.core.model.facts import LOCK, facts_of
from pellucid.core.model.forward import Captured, ForwardPass
from pellucid.core.model.forward_kind import MAX_KINDS, ForwardKind
from pellucid.core.model.hook_point import as_leaf
from pellucid.core.model.interception import Interceptor
from pellucid.core.model.layers import OUTPUT, Site
from pellucid.core.problem.points import Points
from pellucid.core.problem.target import Target
from pellucid.core.pytree import map_tensors
from pellucid.core.restarts import BatchCollapsed
from pellucid.core.tensors import Tensors, as_tensor, describe, is_floating
from pellucid.errors import InvalidArgument


@final
@dataclass(frozen=True, eq=False)
class Evaluator:
    """Runs a model from points at a source to a target.

    Args:
        session: What is learnt by the way.
        source: Where points are fed.
        gradient_at: Where gradients are taken.
        target: What is explained.
        replay: Whether modules that finish before the source may be answered from what they returned before.
    """

    session: Session
    source: Site
    gradient_at: Site
    target: Target
    replay: bool = True

    @property
    def way(self) -> Way:
        """From the source to the target."""
        return self.source, self.target

    def evaluate(self, points: Points, site: Site | None = None) -> tuple[Tensor, Captured | None]:
        """What is explained at points, and what is captured at a site on the way.

        Args:
            points: At the source; without tensors, those that the inputs lead to.
            site: What to capture; None for nothing.

        Returns:
            Values [n, *K], and what was captured.

        Raises:
            BatchCollapsed: The output does not follow the rows given.
        """
        session, examples = self.session, points.examples
        inputs, fed = self._inputs_and_fed(points)
        sites = (self.target.site,) if site is None else (site, self.target.site)
        watch = None if fed is None else self._answers(fed, sites)
        with tied_to_its_batch(session, self.way, examples, inputs), self._failing_replays(watch):
            forward, arguments = self.prepared(inputs, examples, fed, sites, watch=watch)
            forward.run(arguments, session.info, session.state, stops=self._stops(sites))
            value = self.explain(forward.output_at(self.target.site), examples)
        captured = None if site is None or not site.modules else forward.captured(site)
        if captured is not None and site is not None:
            session.observed.remember_layout(site, captured)
        follows = value.shape[:1] == examples.shape and (captured is None or is_batch_first(examples, captured.tensors))
        if not follows and session.holds_others(examples):
            raise BatchCollapsed
        return value, captured

    def _inputs_and_fed(self, points: Points) -> tuple[Tensors, Points | None]:
        """What the model is given for points, and what is put in the place of the source, where that is a layer."""
        if self.source.modules or not points.tensors:
            return self.inputs_of(points.examples), points if points.tensors else None
        return points.tensors, None

    def _failing_replays(self, watch: Interceptor | None) -> AbstractContextManager[None]:
        """Take an exception where modules are answered for a wrong replay."""
        return nullcontext() if watch is None else errors_invalidate(self.session.observed.replays.get(self._sites))

    def explain(self, output: Any, examples: Tensor) -> Tensor:
        """What is explained of an output for these examples.

        Raises:
            InvalidArgument: It is a future.
        """
        if isinstance(output, Future):
            raise InvalidArgument("forward_func must return a tensor: got a Future. Hint: call attribute_future.")
        return self.target(output if torch.is_grad_enabled() else as_tensor(output), examples)

    def ask(self, points: Points) -> Future[Any]:
        """What a model that answers later will return at these points."""
        inside = bool(self.source.modules)
        inputs = self.inputs_of(points.examples) if inside else points.tensors
        with torch.no_grad(), tied_to_its_batch(self.session, self.way, points.examples, inputs):
            output = self.run(inputs, points.examples, points if inside else None, (self.target.site,)).output
        if not isinstance(output, Future):
            raise InvalidArgument(
                f"forward_func must return a torch.futures.Future: got {describe(output)}. Hint: call attribute."
            )
        return output

    def answered(self, answer: Future[Any], examples: Tensor) -> Tensor:
        """What is explained of an answer that has come, for these examples."""
        with tied_to_its_batch(self.session, self.way, examples):
            value = self.explain(answer.value(), examples)
        if value.shape[:1] != examples.shape and self.session.holds_others(examples):
            raise BatchCollapsed
        return value

    def inputs_of(self, examples: Tensor) -> Tensors:
        """Copies of the user's inputs for these examples."""
        picked: Tensors = self.session.pick(self.session.problem.inputs, examples)
        return picked

    def capture(self, inputs: Tensors, examples: Tensor, site: Site, fed: Points | None = None) -> Tensors:
        """The tensors at a site for these inputs, without gradients.

        Args:
            inputs: Of the model, (n, ...) each.
            examples: The example that each belongs to.
            site: The site.
            fed: What is put in the place of the source.
        """
        with (
            torch.set_grad_enabled(self.session.problem.options.create_graph),
            tied_to_its_batch(self.session, self.way, examples, inputs),
        ):
            captured = self.run(inputs, examples, fed, (site,)).captured(site)
        if site.modules:
            self.session.observed.remember_layout(site, captured)
        if not is_batch_first(examples, captured.tensors) and self.session.holds_others(examples):
            raise BatchCollapsed
        return captured.tensors

    def at_source(self) -> Captured:
        """What is at the source for the user's inputs."""
        observed, batch_size = self.session.observed, self.session.problem.batch_size
        if self.source not in observed.captured:
            recording = Recording(self.source) if self._is_replayable else None
            captured = self.lead(self.session.problem.inputs, all_examples(batch_size), recording=recording)
            observed.captured[self.source] = captured
            if recording is not None:
                others = {*self.target.site.modules, *self.gradient_at.modules}.difference(self.source.modules)
                observed.replays[self._sites] = Replay.of(
                    recording, captured.counts, others, batch_size, self._remember_no_replay
                )
            observed.remember_layout(self.source, captured)
            # A tensor (B, B, D) may have its examples second, as recurrent layers have.
            self.session.whole_batch |= any(
                tensor.shape[:1] != (batch_size,) or (tensor.ndim == 3 and tensor.shape[1] == batch_size)
                for tensor in captured.tensors
            )
        return observed.captured[self.source]

    def lead(
        self,
        inputs: Tensors,
        examples: Tensor,
        *,
        chosen: Callable[[Tensor], bool] = is_floating,
        recording: Recording | None = None,
    ) -> Captured:
        """What inputs lead to at the source, in as many rows at a time as the user allows and the memory holds."""
        session = self.session

        def look(_: slice, rows: slice) -> Captured:
            whole = rows == slice(None)
            some = inputs if whole else tuple(x[rows] for x in inputs)
            watch = None if recording is None or not whole else (recording, session.info.modules)
            with (
                torch.set_grad_enabled(session.problem.options.create_graph),
                tied_to_its_batch(session, self.way, examples[rows], some),
            ):
                forward = self.run(some, examples[rows], None, (self.source,), chosen=chosen, watch=watch)
            captured = forward.captured(self.source)
            if not whole and not is_batch_first(examples[rows], captured.tensors):
                raise BatchCollapsed
            return captured

        budget = dataclasses.replace(session.budget, progress=None, fixed=True)
        budget.rows = session.budget.rows if session.budget.fixed else len(examples)
        parts = list(budget.blocks(1, len(examples), look, whole=session.whole_batch))
        tensors = tuple(torch.cat(pieces) for pieces in zip(*(part.tensors for part in parts), strict=True))
        return parts[0] if len(parts) == 1 else dataclasses.replace(parts[0], tensors=tensors)

    def run(
        self,
        inputs: Tensors,
        examples: Tensor,
        fed: Points | None,
        sites: tuple[Site, ...],
        *,
        chosen: Callable[[Tensor], bool] = is_floating,
        watch: Interceptor | None = None,
    ) -> ForwardPass:
        """One forward, which ends at the last of the sites to be captured: see `prepared`."""
        forward, arguments = self.prepared(inputs, examples, fed, sites, chosen=chosen, watch=watch)
        forward.run(arguments, self.session.info, self.session.state, stops=self._stops(sites))
        return forward

    def prepared(
        self,
        inputs: Tensors,
        examples: Tensor,
        fed: Points | None,
        sites: tuple[Site, ...],
        *,
        chosen: Callable[[Tensor], bool] = is_floating,
        watch: Interceptor | None = None,
    ) -> tuple[ForwardPass, tuple[Any, ...]]:
        """A forward that is to be run, and its arguments.

        Args:
            inputs: Of the model; where the source is patched, copies of the user's.
            examples: The examples, int64 [n].
            fed: What is put in the place of the source.
            sites: What is captured.
            chosen: Which tensors there.
            watch: What happens in place of the forward of some modules.
        """
        session, grads = self.session, torch.is_grad_enabled()
        # The model gets copies: it may write into its inputs, and those are the user's, or where gradients are taken.
        if grads and (self.gradient_at.modules or self.target.site.modules):
            # What a layer takes may be used elsewhere, too. Its gradient counts that, so no leaf is made of it there.
            inputs = tuple(marked_as_source(as_leaf(x)) for x in inputs)
        elif fed is None:
            inputs = tuple(map(marked_as_source, inputs))
        extra = session.problem.additional_forward_args
        arguments = (*inputs, *session.pick(extra, examples)) if extra else inputs
        forward = ForwardPass(session.problem.model, grads=grads, whole=session.whole_batch, chosen=chosen, watch=watch)
        if fed is not None:
            forward.patch(self.source, fed.tensors, self.at_source())
        for site in sites:
            forward.capture(site)
        return forward, arguments

    def _stops(self, sites: tuple[Site, ...]) -> bool:
        """Whether a forward may end when these have been captured."""
        # Modules in training mode may draw random numbers, in the part, too, that would not run.
        session = self.session
        return session.problem.options.early_exit and OUTPUT not in sites and not session.info.trains

    @property
    def _sites(self) -> tuple[Site, ...]:
        return self.source, self.gradient_at, self.target.site

    @property
    def _is_replayable(self) -> bool:
        """Whether it could be that modules before the source need not run again."""
        info, options = self.session.info, self.session.problem.options
        plain = self.source.call is None and not (options.create_graph or info.compiled or info.trains)
        if not (self.replay and plain):
            return False
        kind = self._kind
        return (kind.signature, kind.batch, self.source.key) not in facts_of(kind.owner).not_replayed

    def _remember_no_replay(self) -> None:
        """Remember that answers in the place of modules before the source gave something else."""
        kind = self._kind
        with LOCK:
            known = facts_of(kind.owner).not_replayed
            if len(known) >= MAX_KINDS:
                known.clear()
            known.add((kind.signature, kind.batch, self.source.key))

    @property
    def _kind(self) -> ForwardKind:
        """The kind of the forwards of the user's batch."""
        problem = self.session.problem
        return ForwardKind.of(
            problem.model, (*problem.inputs, *problem.additional_forward_args), self.session.state.value
        )

    def _answers(self, points: Points, sites: tuple[Site, ...]) -> Interceptor | None:
        """What answers modules before the source in a forward for these points there; None where all must run."""
        session = self.session
        replay, most_rows = session.observed.replays.get(self._sites), session.budget.most_rows
        grads = torch.is_grad_enabled()
        bounded = most_rows is not None and most_rows < CHECK_ROWS
        if not self.replay or replay is None or bounded or (grads and self.gradient_at != self.source):
            return None
        checked = points[
            slice(None)
            if session.whole_batch
            else torch.tensor(check_indices(session.problem.batch_size), device="cpu")
        ].detach()

        def run(watch: Interceptor | None, most: int | None = None) -> Any:
            some = checked[:most]
            with torch.set_grad_enabled(grads), not_measured():
                forward = self.run(self.inputs_of(some.examples), some.examples, some, sites, watch=watch)
            everything = forward.output, [forward.captured(site).tensors for site in sites if site.modules]
            return map_tensors(everything, Tensor.detach)

        of_forward, of_check = (
            None if session.is_whole_batch(each) else each for each in (points.examples, checked.examples)
        )
        return replay.answers(of_forward, of_check, run, session.budget.ahead)
