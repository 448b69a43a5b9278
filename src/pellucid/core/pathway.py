"""A pathway: a model, its data and the sites between which it is explained, as a function of points."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias, final

import torch
from torch import Future, Tensor

from pellucid.core.baselines import Baselines, baselines_of
from pellucid.core.budget import BatchCollapsed, Budget
from pellucid.core.guest import Guest, cudnn_or_not, embeds
from pellucid.core.independence import Company, tied_to_its_batch
from pellucid.core.lineage import started
from pellucid.core.passage import Found, Passage, differentiable
from pellucid.core.pullback import pullback
from pellucid.core.randomness import Keys, Seed
from pellucid.core.reading import Reading, all_used, filled, gradients_of, leaves_at, levelling, one_each
from pellucid.core.replay import Recording, Replay, Watch, answers_for, failing_replays, replayable
from pellucid.core.rows import everyone, follow, pick
from pellucid.core.seen import Chosen, Copies, Seen
from pellucid.core.sink import Neuron, Sink, TargetLike, chosen_sink
from pellucid.core.site import INPUTS, OUTPUT, Site, SiteLike, site_of
from pellucid.core.structure import Structure, each_tensor
from pellucid.core.tensors import (
    Tensors,
    batch_of,
    described,
    detached,
    examples_of,
    floating,
    floats,
    out_of_inference_mode,
    tensor_from,
    times,
)
from pellucid.errors import InvalidArgument, NotDifferentiable, check_count

During: TypeAlias = Callable[[], AbstractContextManager[Any]]

GradientFunction: TypeAlias = Callable[[Callable[..., Any], Tensors, Any, Any], Sequence[Tensor]]
"""Captum's `gradient_func`: (forward_func, inputs, target, additional_forward_args) -> gradients of the inputs."""


@final
@dataclass(frozen=True, eq=False)
class Pathway:
    """A model, its data and its sites: a function of source tensors, one row per point.

    It learns on its first forwards how many rows fit and whether the model collapses the batch, so each thread makes
    its own; the model may be shared.

    Args:
        model: Any callable of tensors: a module, a bound method, a function.
        inputs: The user's inputs, (B, ...) each.
        rows: Which of the user's examples each point is, int64 [n].
        examples: The number of examples in the user's batch.
        sink: What is explained.
        extra: Arguments that the model takes after the inputs.
        budget: How many rows a forward may take.
        guest: What is known of the model's modules.
        source: Where points are fed.
        read: Where gradients are taken.
        points: Points at the source in place of those that the inputs lead to, (n, ...) each.
        origin: Whose points these are, where not the user's inputs.
        create_graph: Whether gradients can be differentiated again.
        gradient_function: Replaces the gradient that torch takes, as users of Captum assign it.
        grad_kwargs: More arguments of `torch.autograd.grad`.
        early_exit: Whether a forward may stop after the last layer that matters.
        replays: Whether modules that finish before the source may be answered from what they returned before.
        caller: What errors say was called, where not the method.
        in_future: Whether the model returns futures of its outputs.
        seen: What has been seen at the sites.
    """

    model: Callable[..., Any]
    inputs: Tensors
    rows: Tensor
    examples: int
    sink: Sink
    extra: tuple[Any, ...]
    budget: Budget
    guest: Guest
    source: Site = INPUTS
    read: Site = INPUTS
    points: Tensors | None = None
    origin: Copies | Chosen | None = None
    create_graph: bool = False
    gradient_function: GradientFunction | None = None
    grad_kwargs: dict[str, Any] = field(default_factory=dict)
    early_exit: bool = True
    replays: bool = True
    caller: str | None = None
    in_future: bool = False
    seen: Seen = field(default_factory=Seen)

    @classmethod
    def of(
        cls,
        model: Callable[..., Any],
        inputs: Tensor | Tensors,
        *,
        target: TargetLike = None,
        source: SiteLike = INPUTS,
        read: SiteLike | None = None,
        sink: Neuron | None = None,
        additional_forward_args: Any = None,
        internal_batch_size: int | None = None,
        perturbations_per_eval: int | None = None,
        create_graph: bool = False,
        gradient_function: GradientFunction | None = None,
        grad_kwargs: dict[str, Any] | None = None,
        early_exit: bool = True,
        replay: bool = True,
        whole_batch: bool | None = None,
        progress: str | None = None,
        caller: str | None = None,
        in_future: bool = False,
    ) -> Pathway:
        """The pathway from the model's inputs, or a layer, to a target of its output, or a neuron.

        Args:
            model: Any callable of tensors: a module, a bound method, a function.
            inputs: One tensor or a tuple of tensors, examples first.
            target: What is explained of the output; see [TargetLike][pellucid.core.sink.TargetLike].
            source: What it is attributed to, where not to the inputs; see [SiteLike][pellucid.core.site.SiteLike].
            read: Where gradients are taken, where not at the source.
            sink: The neuron that is explained, in place of a target of the output.
            additional_forward_args: What the model takes after the inputs, one value or a tuple of any type. Tensors
                whose first dimension counts the examples follow their rows; everything else passes as it is.
            internal_batch_size: The most rows per forward; None chooses it.
            perturbations_per_eval: The most perturbations of the batch per forward; None chooses it.
            create_graph: Whether the attributions can be differentiated.
            gradient_function: Replaces the gradient that torch takes at the inputs.
            grad_kwargs: More arguments of `torch.autograd.grad`.
            early_exit: Whether a forward may stop after the last layer that matters, once the calls of modules have
                been counted. False is for models that call a module more or less often depending on the data.
            replay: Whether modules that finish before the source may be answered from what they returned before, once
                that has been seen to give the same. False runs them every time.
            whole_batch: Whether every forward must hold the batch, whole, as the model takes no other or its rows
                depend on each other; None finds it out.
            progress: What progress bars on stderr say; None for none.
            caller: What errors say was called, where not the method.
            in_future: Whether the model returns a `torch.futures.Future` of its output, and so a method of its result;
                for methods that need no gradients.

        Raises:
            InvalidArgument: An argument is not what it must be.
            NotSupported: A layer of a scripted model.

        Examples:
            >>> import torch
            >>> from torch import nn
            >>> from pellucid.core.pathway import Pathway
            >>> path = Pathway.of(lambda x: x**2, torch.tensor([[1.0, 2.0]]), target=1)
            >>> path(path.x, path.rows)
            tensor([4.])
            >>> path.gradient(path.x, path.rows).grad
            (tensor([[0., 4.]]),)

            From a layer:

            >>> model = nn.Sequential(nn.Flatten(), nn.Softplus(), nn.ReLU())
            >>> path = Pathway.of(model, torch.zeros(1, 2), target=0, source="1")
            >>> path.x
            (tensor([[0.6931, 0.6931]]),)
            >>> path.gradient(path.x, path.rows).grad
            (tensor([[1., 0.]]),)
        """
        tensors = tuple(map(out_of_inference_mode, batch_of(inputs)))
        if not create_graph:
            tensors = detached(tensors)
        examples = examples_of(tensors)
        explained, of_output_rows = chosen_sink(target, sink, examples, model)
        extra = () if additional_forward_args is None else each_tensor(additional_forward_args, out_of_inference_mode)
        guest = Guest.of(model)
        budget = Budget.of(tensors, guest.parameter_bytes, internal_batch_size)
        budget.progress = progress
        if perturbations_per_eval is not None:
            budget.most_samples = check_count("perturbations_per_eval", perturbations_per_eval)
        # Tensors of different first dimensions (a graph's nodes and edges) are one example that nobody can divide.
        mixes = guest.mixes_examples if whole_batch is None else whole_batch
        budget.whole = mixes or of_output_rows or len({tensor.shape[0] for tensor in tensors}) > 1
        budget.apart = None if whole_batch is None else not whole_batch
        start = site_of(source, model)
        return cls(
            model=model,
            inputs=tensors,
            rows=everyone(examples),
            examples=examples,
            sink=explained,
            extra=extra if isinstance(extra, tuple) else (extra,),
            budget=budget,
            guest=guest,
            source=start,
            read=start if read is None else site_of(read, model),
            create_graph=create_graph,
            gradient_function=gradient_function,
            grad_kwargs=grad_kwargs or {},
            early_exit=early_exit,
            replays=replay,
            caller=caller,
            in_future=in_future,
        )

    def __len__(self) -> int:
        """The number of points."""
        return self.rows.shape[0]

    @cached_property
    def x(self) -> Tensors:
        """The points: the tensors at the source for the user's inputs, (n, ...) each."""
        if self.points is not None:
            return self.points
        return self._found().tensors if self.source.modules else self.inputs

    @property
    def ends(self) -> Tensors:
        """The points to be compared with baselines: floats, but for ids where no gradient is taken at them."""
        return self.x if self.read != self.source and embeds(self.model) else floating(self.x)

    def like_inputs(self, *, between: bool = True) -> Tensors:
        """What baselines must be like: the model's inputs, which are floats where they are the source.

        Args:
            between: Whether there are points between; where they are only compared, baselines are like the `ends`.
        """
        return self.inputs if self.source.modules else floating(self.x) if between else self.ends

    @property
    def entry(self) -> Pathway:
        """The same pathway from the model's inputs."""
        return dataclasses.replace(self, source=INPUTS, read=INPUTS, points=None) if self.source.modules else self

    @property
    def structure(self) -> Structure | None:
        """How the tensors lie where gradients are taken; None at the inputs."""
        return self.seen.read

    @property
    def source_structure(self) -> Structure | None:
        """How the tensors lie at the source; None at the inputs."""
        return None if self.seen.source is None else self.seen.source.structure

    def among(self, places: Tensor) -> Pathway:
        """The same pathway at some of its points, int64 [k]."""
        points = tuple(each[places.to(each.device)] for each in self.x)
        return dataclasses.replace(self, points=points, rows=self.rows[places], origin=Chosen(self, places))

    def at(self, x: Tensors, numbers: slice, seed: Seed = None) -> Pathway:
        """The same pathway at copies of its points."""
        rows = self.rows.repeat_interleave(numbers.stop - numbers.start)
        return dataclasses.replace(self, points=x, rows=rows, origin=Copies(self, numbers, seed))

    def identities(self) -> Keys:
        """What tells the points apart."""
        return [(row,) for row in range(len(self))] if self.origin is None else self.origin.identities()

    def pick(self, value: Any, rows: Tensor) -> Any:
        """What belongs to the examples `rows`, copied, as the model may write into it."""
        return pick(value, None if self.is_batch(rows) else rows, self.examples)

    def is_batch(self, rows: Tensor) -> bool:
        """Whether these rows are the user's batch: every example once, in order."""
        return torch.equal(rows, everyone(self.examples))

    def holds_others(self, rows: Tensor) -> bool:
        """Whether a forward of these rows holds others than those of the user's batch, or not all."""
        return not self.budget.whole and (self.budget.copies or not self.is_batch(rows))

    def baselines(self, given: Baselines, *, between: bool = True) -> Tensors:
        """Baselines as tensors like the inputs of the model, one for each point.

        Args:
            given: See [Baselines][pellucid.core.baselines.Baselines].
            between: Whether there are points between them and the inputs, or both are only compared.

        Raises:
            InvalidArgument: They do not fit the inputs.
        """
        like = self.like_inputs(between=between)
        picked = baselines_of(given, like, None if self.is_batch(self.rows) else self.rows, self.examples)
        return picked if self.create_graph else detached(picked)

    def carry(self, inputs: Tensors, rows: Tensor | None = None) -> Tensors:
        """The tensors at the source for other inputs of the model.

        Args:
            inputs: (n, ...) each.
            rows: The example that each belongs to, int64 [n]; None where there is one for each point, all of them.
        """
        if not self.source.modules:
            return inputs
        if rows is None:
            return self._carried(inputs)
        with torch.set_grad_enabled(self.create_graph), tied_to_its_batch(self, rows):
            return self.visit(inputs, None, rows, self.source).found(self.source).tensors

    def _carried(self, inputs: Tensors) -> Tensors:
        """The same, one for each point; where all of them are one and the same, it runs alone."""
        if self.budget.whole or self.extra or any(each.stride(0) for each in inputs):
            return self._at_source(inputs, self.rows).tensors
        found = self._at_source(tuple(each[:1] for each in inputs), self.rows[:1]).tensors
        if any(each.shape[:1] != (1,) for each in found):
            return self._at_source(inputs, self.rows).tensors
        return tuple(each.expand(len(self), *each.shape[1:]) for each in found)

    def everything(self) -> Any:
        """All that is at the source for the user's inputs, in its structure."""
        if not self.source.modules:
            return self.inputs
        return self._at_source(self.inputs, self.rows, chosen=lambda _: True).unwrapped

    def at_read(self, points: Tensors, rows: Tensor) -> Tensors:
        """The tensors where gradients are taken, at these points, without gradients."""
        if self.read == self.source:
            return points
        inside = bool(self.source.modules)
        inputs = self.pick(self.inputs, rows) if inside else points
        with torch.set_grad_enabled(self.create_graph), tied_to_its_batch(self, rows):
            return self.visit(inputs, points if inside else None, rows, self.read).found(self.read).tensors

    def __call__(self, points: Tensors, rows: Tensor) -> Tensor:
        """What the sink explains at these points, without gradients.

        Args:
            points: Source tensors, (n, ...) each.
            rows: The example that each belongs to, int64 [n].

        Returns:
            Values [n, *K].
        """
        # A compiled model cannot be looked on while it runs.
        company = Company.of(self, rows)
        with torch.no_grad():
            with nullcontext() if self.guest.compiled else self.budget.measuring(rows.shape[0]):
                value = self._forward(points, rows)[0]
            if company is not None:
                company.look(points, rows, value, self._outcome)
        return value

    def ask(self, points: Tensors, rows: Tensor) -> Future[Any]:
        """What a model that answers later will return at these points."""
        with torch.no_grad():
            output = self._passage(points, rows, self.sink.site).output
        if not isinstance(output, Future):
            raise InvalidArgument(
                f"forward_func must return a torch.futures.Future: got {described(output)}. Hint: call attribute."
            )
        return output

    def explained(self, output: Any, rows: Tensor) -> Tensor:
        """What the sink explains of an output for these rows.

        Raises:
            InvalidArgument: It is a future.
        """
        if isinstance(output, Future):
            raise InvalidArgument("forward_func must return a tensor: got a Future. Hint: call attribute_future.")
        return self.sink(output if torch.is_grad_enabled() else tensor_from(output), rows)

    def arrived(self, answer: Future[Any], rows: Tensor) -> Tensor:
        """What the sink explains of what has arrived for these rows."""
        with tied_to_its_batch(self, rows):
            value = self.explained(answer.value(), rows)
        if value.shape[:1] != rows.shape and self.holds_others(rows):
            raise BatchCollapsed
        return value

    def gradient(
        self, points: Tensors | None, rows: Tensor, through: Sink | None = None, during: During = nullcontext
    ) -> Reading:
        """What the sink explains at these points and the gradient of it, at the source or where it is read.

        Args:
            points: Source tensors, (n, ...) each; None for those that the inputs lead to.
            rows: The example that each belongs to, int64 [n].
            through: Neurons where the pathway reads: takes the gradient at the source, of what passes through them.
            during: Makes what is around the forward, such as rules.

        Raises:
            NotScalar: There is more than one value per example.
            NotDifferentiable: There is no gradient to take.
        """
        own = self.gradient_function
        if own is not None and points is not None and not (self.read.modules or self.sink.site.modules):
            leaves = leaves_at(points, self.create_graph)
            with torch.enable_grad():
                grads = own(self.model, leaves, self.sink.argument(rows), self.pick(self.extra, rows) or None)
            return Reading(leaves[0].new_zeros(len(rows)), leaves, tuple(grads))
        with torch.enable_grad():
            return cudnn_or_not(lambda: self._gradient(points, rows, through, during))

    def look(self, points: Tensors, rows: Tensor) -> tuple[Tensor, Tensors]:
        """The explained values [n] at these points and the tensors where gradients are taken, which are not."""
        with torch.set_grad_enabled(self.create_graph):
            value, found = self._forward(points, rows, None if self.read == self.source else self.read)
        return one_each(value, self.sink), points if found is None else found.tensors

    def grad(self, points: Tensors, rows: Tensor) -> Tensors:
        """The gradients alone."""
        return self.gradient(points, rows).grad

    def narrowed(self, values: Tensors) -> Tensors:
        """Values at the read in the dtypes of the tensors there (integers as floats)."""
        dtypes = self.seen.dtypes or tuple(x.dtype for x in floating(self.x))
        return tuple(value.to(dtype) for value, dtype in zip(values, dtypes, strict=True))

    def _gradient(self, points: Tensors | None, rows: Tensor, through: Sink | None, during: During) -> Reading:
        company = None if points is None else Company.of(self, rows)
        at_source = points is not None and (self.read == self.source or through is not None)
        leaves = leaves_at(points, self.create_graph) if points is not None and at_source else points
        with nullcontext() if self.create_graph else self.budget.measuring(rows.shape[0]), during():
            value, found = self._forward(leaves, rows, None if at_source and through is None else self.read)
            value = one_each(value, self.sink)
        at_read = found.tensors if found is not None else leaves or ()
        arguments = {"create_graph": self.create_graph, "allow_unused": True} | self.grad_kwargs
        if through is not None and len(at_read) > 1:
            arguments["retain_graph"] = True  # one may be made of another, and what is between them is passed again
        with levelling(value) as slopes:
            grads = all_used(gradients_of(value, at_read, arguments), at_read, self.read, self.budget.unused)
        if slopes and all(len(each) == len(rows) for each in slopes):
            self.seen.moves(rows, slopes, self.examples)
        if company is not None and points is not None:
            company.look(points, rows, value, self._outcome)
        if through is None or leaves is None or found is None:
            return Reading(value, at_read, grads)
        apart = tuple(each.view_as(each) for each in at_read)  # a neuron is chosen in one, not in what that is made of
        chosen = one_each(through(dataclasses.replace(found, tensors=apart).value, rows), through)
        shares = times(grads, filled(gradients_of(chosen, apart, arguments), at_read))
        passing = pullback(at_read, shares, leaves, **arguments)
        return Reading(value, leaves, all_used(passing, leaves, self.source, self.budget.unused))

    def _outcome(self, points: Tensors, rows: Tensor) -> Tensor:
        """The values alone, of a forward that goes as the others do."""
        return self._forward(leaves_at(points, False) if torch.is_grad_enabled() else points, rows)[0]

    def _found(self) -> Found:
        """What is at the source for the user's inputs."""
        if self.seen.source is None:
            recording = Recording(self.source) if replayable(self) else None
            found = self._at_source(self.inputs, everyone(self.examples), recording=recording)
            self.seen.source = found
            if recording is not None:
                others = {*self.sink.site.modules, *self.read.modules}.difference(self.source.modules)
                self.seen.replay = Replay.of(recording, found.counts, others, self.examples)
            self._saw(found, read=self.read == self.source)
            # A tensor (B, B, D) may have its examples second, as recurrent layers have.
            self.budget.whole |= any(
                each.shape[:1] != (self.examples,) or (each.ndim == 3 and each.shape[1] == self.examples)
                for each in found.tensors
            )
        return self.seen.source

    def _at_source(
        self,
        inputs: Tensors,
        rows: Tensor,
        *,
        chosen: Callable[[Tensor], bool] = floats,
        recording: Recording | None = None,
    ) -> Found:
        """What is at the source, looked up in as many rows at a time as the user allows and the memory holds."""

        def look(_: slice, place: slice) -> Found:
            whole = place == slice(None)
            some = inputs if whole else tuple(each[place] for each in inputs)
            watch = None if recording is None or not whole else (recording, self.guest.modules)
            with torch.set_grad_enabled(self.create_graph), tied_to_its_batch(self, rows[place]):
                passage = self.visit(some, None, rows[place], self.source, chosen=chosen, watch=watch)
            found = passage.found(self.source)
            if not whole and not follow(rows[place], found.tensors):
                raise BatchCollapsed
            return found

        budget = dataclasses.replace(self.budget, progress=None, fixed=True)
        budget.rows = self.budget.rows if self.budget.fixed else len(rows)
        parts = list(budget.blocks(1, len(rows), look))
        tensors = tuple(torch.cat(each) for each in zip(*(part.tensors for part in parts), strict=True))
        return parts[0] if len(parts) == 1 else dataclasses.replace(parts[0], tensors=tensors)

    def _saw(self, found: Found, *, read: bool) -> None:
        if not found.tensors:
            raise NotDifferentiable(
                "layer must hold a floating-point tensor for a gradient to exist: it holds none. "
                "Hint: of an embedding, attribute to what it returns."
            )
        if read:
            self.seen.read, self.seen.dtypes = found.structure, tuple(tensor.dtype for tensor in found.tensors)

    def _forward(self, points: Tensors | None, rows: Tensor, read: Site | None = None) -> tuple[Tensor, Found | None]:
        """The explained values at these points, and what is at the site to be read."""
        passage = self._passage(points, rows, *(site for site in (read, self.sink.site) if site is not None))
        output = passage.found(self.sink.site).value if self.sink.site.modules else passage.output
        with tied_to_its_batch(self, rows):
            value = self.explained(output, rows)
        found = passage.found(read) if read is not None and read.modules else None
        if found is not None:
            self._saw(found, read=True)
        follows = value.shape[:1] == rows.shape and (found is None or follow(rows, found.tensors))
        if not follows and self.holds_others(rows):
            raise BatchCollapsed
        return value, found

    def _passage(self, points: Tensors | None, rows: Tensor, *reads: Site) -> Passage:
        """One forward for these points at the source, or for the inputs."""
        inside = bool(self.source.modules)
        inputs = self.pick(self.inputs, rows) if inside or points is None else points
        watch = answers_for(self, points, rows, reads) if inside and points is not None else None
        answered = nullcontext() if watch is None else failing_replays(self.seen.replay)
        with tied_to_its_batch(self, rows), answered:
            return self.visit(inputs, points if inside else None, rows, *reads, watch=watch)

    def confirm(self) -> None:
        """Look at the last replay again, if there was one.

        Raises:
            ReplayFailed: It was wrong. Nothing is replayed from now on.
        """
        if self.seen.replay is not None:
            self.seen.replay.confirm()

    def visit(
        self,
        inputs: Tensors,
        replaced: Tensors | None,
        rows: Tensor,
        *reads: Site,
        chosen: Callable[[Tensor], bool] = floats,
        watch: Watch | None = None,
    ) -> Passage:
        """One forward, which puts `replaced` in the place of the source, and ends at the last of the sites to read.

        Args:
            inputs: Of the model; where the source is replaced, copies of the user's.
            replaced: What is put there.
            rows: The examples, int64 [n].
            *reads: The sites to read.
            chosen: Which tensors there.
            watch: What happens in place of the forward of some modules.
        """
        grads = torch.is_grad_enabled()
        # The model gets copies: it may write into its inputs, and those are the user's, or where gradients are taken.
        if grads and (self.read.modules or self.sink.site.modules):
            # What a layer takes may be used elsewhere, too. Its gradient counts that, so no leaf is made of it there.
            inputs = tuple(started(differentiable(each)) for each in inputs)
        elif replaced is None:
            inputs = tuple(map(started, inputs))
        arguments = (*inputs, *(self.pick(self.extra, rows) if self.extra else ()))
        passage = Passage(self.model, grads=grads, whole=self.budget.whole, chosen=chosen, watch=watch)
        if replaced is not None:
            passage.replace(self.source, replaced, self._found())
        for site in reads:
            passage.read(site)
        # Modules in training mode may draw random numbers, in the part, too, that would not run.
        stops = self.early_exit and OUTPUT not in reads and not any(self.guest.modes)
        try:
            passage.run(arguments, self.guest, stops=stops)
        except Exception:
            self.seen.given = described(inputs)
            raise
        return passage
