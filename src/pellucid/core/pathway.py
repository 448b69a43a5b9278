"""A pathway: a model, its data and the sites between which it is explained, as a function of points."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.budget import BatchCollapsed, Budget
from pellucid.core.guest import Guest, without_cudnn
from pellucid.core.randomness import Keys, Seed
from pellucid.core.rows import each_tensor, everyone, pick
from pellucid.core.sink import Sink, TargetLike, sink_of
from pellucid.core.site import INPUTS, Site
from pellucid.core.tensors import Tensors, batch_of, described, floating, out_of_inference_mode
from pellucid.errors import InvalidArgument, NotDifferentiable, warn

Baselines: TypeAlias = "Tensor | float | tuple[Tensor | float, ...] | None"
"""Where attribution starts from: what an input looks like when it says nothing.

* `None`: zero.
* a number: this value everywhere.
* a tensor of shape (1, ...): the same for all examples; of the input's shape: one for each.
* a tuple of these, one for each input tensor.
"""

GradientFunction: TypeAlias = Callable[[Callable[..., Any], Tensors, Any, Any], Sequence[Tensor]]
"""Captum's `gradient_func`: (forward_func, inputs, target, additional_forward_args) -> gradients of the inputs."""


@final
@dataclass(frozen=True)
class Reading:
    """What one forward and one backward say about n points.

    Args:
        value: What the sink explains, [n]; of another length where the model collapses the batch.
        at_read: The tensors at which gradients were taken.
        grad: The gradients of the values' sum there.
    """

    value: Tensor
    at_read: Tensors
    grad: Tensors


@final
@dataclass(frozen=True, eq=False)
class Copies:
    """Where the points of a pathway are copies of another's, those of a point together.

    Args:
        original: The pathway whose points they copy.
        numbers: The numbers of each point's copies.
        seed: What the copies were seeded with, if they were.
    """

    original: Pathway
    numbers: slice
    seed: Seed


@final
@dataclass(frozen=True, eq=False)
class Pathway:
    """A model, its data and its sites: a function of source tensors, one row per point.

    It learns on its first forwards how many rows fit and whether the model collapses the batch, so each thread makes
    its own; the model may be shared.

    Args:
        model: Any callable of tensors: a module, a bound method, a function.
        x: The source tensors at the user's inputs, (n, ...) each.
        rows: Which of the user's examples each of them is, int64 [n].
        examples: The number of examples in the user's batch.
        sink: What is explained.
        extra: Arguments that the model takes after the points.
        budget: How many rows a forward may take.
        guest: What is known of the model's modules.
        create_graph: Whether gradients can be differentiated again.
        gradient_function: Replaces the gradient that torch takes, as users of Captum assign it.
        source: Where points are fed.
        copies: What the points are copies of, if they are.
    """

    model: Callable[..., Any]
    x: Tensors
    rows: Tensor
    examples: int
    sink: Sink
    extra: tuple[Any, ...]
    budget: Budget
    guest: Guest
    create_graph: bool = False
    gradient_function: GradientFunction | None = None
    source: Site = INPUTS
    copies: Copies | None = None

    @classmethod
    def of(
        cls,
        model: Callable[..., Any],
        inputs: Tensor | Tensors,
        *,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        internal_batch_size: int | None = None,
        create_graph: bool = False,
        gradient_function: GradientFunction | None = None,
        progress: str | None = None,
    ) -> Pathway:
        """The pathway from the model's inputs to a target of its output.

        Args:
            model: Any callable of tensors: a module, a bound method, a function.
            inputs: One tensor or a tuple of tensors, examples first.
            target: What is explained; see [TargetLike][pellucid.core.sink.TargetLike].
            additional_forward_args: What the model takes after the inputs, one value or a tuple of any type. Tensors
                whose first dimension counts the examples follow their rows; everything else passes as it is.
            internal_batch_size: The most rows per forward; None chooses it.
            create_graph: Whether the attributions can be differentiated.
            gradient_function: Replaces the gradient that torch takes.
            progress: What progress bars on stderr say; None for none.

        Raises:
            InvalidArgument: The inputs, the target or the batch size are not what they must be.

        Examples:
            >>> import torch
            >>> from pellucid.core.pathway import Pathway
            >>> path = Pathway.of(lambda x: x**2, torch.tensor([[1.0, 2.0]]), target=1)
            >>> path(path.x, path.rows)
            tensor([4.])
            >>> path.gradient(path.x, path.rows).grad
            (tensor([[0., 4.]]),)
        """
        tensors = tuple(map(out_of_inference_mode, batch_of(inputs)))
        if not create_graph:
            tensors = tuple(tensor.detach() for tensor in tensors)
        examples = tensors[0].shape[0]
        extra = () if additional_forward_args is None else each_tensor(additional_forward_args, out_of_inference_mode)
        guest = Guest.of(model)
        budget = Budget.of(tensors, guest.parameter_bytes, internal_batch_size)
        budget.progress = progress
        # Tensors of different first dimensions (a graph's nodes and edges) are one example that nobody can divide.
        budget.whole = guest.mixes_examples or len({tensor.shape[0] for tensor in tensors}) > 1
        return cls(
            model=model,
            x=tensors,
            rows=everyone(examples),
            examples=examples,
            sink=sink_of(target, examples),
            extra=extra if isinstance(extra, tuple) else (extra,),
            budget=budget,
            create_graph=create_graph,
            gradient_function=gradient_function,
            guest=guest,
        )

    def __len__(self) -> int:
        """The number of points in `x`."""
        return self.rows.shape[0]

    def at(self, x: Tensors, numbers: slice, seed: Seed = None) -> Pathway:
        """The same pathway at copies of its points."""
        rows = self.rows.repeat_interleave(numbers.stop - numbers.start)
        return dataclasses.replace(self, x=x, rows=rows, copies=Copies(self, numbers, seed))

    def identities(self) -> Keys:
        """What tells the points apart."""
        if self.copies is None:
            return [(row,) for row in range(len(self))]
        numbers = range(self.copies.numbers.start, self.copies.numbers.stop)
        return [(*key, number) for key in self.copies.original.identities() for number in numbers]

    def pick(self, value: Any, rows: Tensor) -> Any:
        """What belongs to the examples `rows`, copied, as the model may write into it."""
        return pick(value, None if self.is_batch(rows) else rows, self.examples)

    def is_batch(self, rows: Tensor) -> bool:
        """Whether these rows are the user's batch: every example once, in order."""
        return torch.equal(rows, everyone(self.examples))

    def like_x(self, baselines: Baselines) -> Tensors:
        """Baselines as tensors like `x`.

        Args:
            baselines: See [Baselines][pellucid.core.pathway.Baselines].

        Returns:
            Tensors of the shapes of `x`, in its dtypes (integers as floats) and on its devices.

        Raises:
            InvalidArgument: They do not fit the inputs.
        """
        given = baselines if isinstance(baselines, tuple) else (baselines,) * (len(self.x) if baselines is None else 1)
        if len(given) != len(self.x):
            raise InvalidArgument(
                f"baselines must have one entry for each input: expected {len(self.x)}, got {len(given)}."
            )
        return tuple(self._like(x, baseline) for x, baseline in zip(floating(self.x), given, strict=True))

    def _like(self, x: Tensor, baseline: Tensor | float | None) -> Tensor:
        if baseline is None or isinstance(baseline, int | float):
            return x.new_full((1,) * x.ndim, baseline or 0).expand_as(x)
        if not isinstance(baseline, Tensor):
            raise InvalidArgument(f"baselines must be tensors or numbers: got {type(baseline).__name__}.")
        one_or_all = baseline.ndim == x.ndim and len(baseline) in (1, self.examples, len(self))
        if not one_or_all or any(b not in (1, size) for b, size in zip(baseline.shape[1:], x.shape[1:], strict=True)):
            expected = (self.examples, *x.shape[1:])
            raise InvalidArgument(
                f"baselines must broadcast to inputs: expected {expected}, got {tuple(baseline.shape)}."
            )
        if not self.create_graph:
            baseline = baseline.detach()
        picked: Tensor = baseline if len(baseline) == len(self) else self.pick(baseline, self.rows)
        return picked.to(x).expand_as(x)

    def __call__(self, points: Tensors, rows: Tensor) -> Tensor:
        """What the sink explains at these points, without gradients.

        Args:
            points: Source tensors, (n, ...) each.
            rows: The example that each belongs to, int64 [n].

        Returns:
            Values [n, *K].
        """
        with torch.no_grad():
            return self._forward(points, rows)

    def gradient(self, points: Tensors, rows: Tensor) -> Reading:
        """What the sink explains at these points and the gradient of it there.

        Args:
            points: Source tensors, (n, ...) each.
            rows: The example that each belongs to, int64 [n].

        Raises:
            InvalidArgument: There is more than one value per example.
            NotDifferentiable: There is no gradient to take.
        """
        leaves = tuple(self._leaf(point, index) for index, point in enumerate(points))
        with torch.enable_grad():
            if self.gradient_function is not None:
                arguments = self.pick(self.extra, rows) or None
                own = self.gradient_function(self.model, leaves, self.sink.argument(rows), arguments)
                return Reading(leaves[0].new_zeros(len(rows)), leaves, tuple(own))
            with nullcontext() if self.create_graph else self.budget.measuring(rows.shape[0]):
                value = one_each(self._forward(leaves, rows))
            try:
                grads = self._backward(value, leaves)
            except RuntimeError as error:
                if "RNN backward can only be called in training mode" not in str(error):
                    raise
                with without_cudnn():
                    value = one_each(self._forward(leaves, rows))
                    grads = self._backward(value, leaves)
        return Reading(value, leaves, self._all_used(grads, leaves))

    def grad(self, points: Tensors, rows: Tensor) -> Tensors:
        """The gradients alone."""
        return self.gradient(points, rows).grad

    def _leaf(self, point: Tensor, index: int) -> Tensor:
        """A tensor to take gradients at, that is not the user's."""
        if not (point.is_floating_point() or point.is_complex()):
            which = f"inputs[{index}]" if len(self.x) > 1 else "inputs"
            raise NotDifferentiable(
                f"{which} must be floating point for a gradient to exist: got {described(point)}. "
                "Hint: attribute at the embedding layer, or pass the embeddings as inputs."
            )
        return point if self.create_graph and point.requires_grad else point.detach().requires_grad_()

    def _forward(self, points: Tensors, rows: Tensor) -> Tensor:
        # The model gets copies: it may write into its inputs, and those are the user's, or where gradients are taken.
        copies = (point.clone() for point in points)
        extra = self.pick(self.extra, rows) if self.extra else ()
        try:
            value = self.sink(self.model(*copies, *extra), rows)
        except RuntimeError as error:
            if "Inference tensors cannot be saved for backward" in str(error):
                raise NotDifferentiable(
                    "the model holds tensors made under torch.inference_mode, which have no gradients. "
                    "Hint: build or load the model outside of it; only the attribution may be called inside."
                ) from error
            raise
        if value.shape[:1] != rows.shape and not self.budget.whole and (self.budget.copies or not self.is_batch(rows)):
            raise BatchCollapsed
        return value

    def _backward(self, value: Tensor, leaves: Tensors) -> Sequence[Tensor | None]:
        if not value.requires_grad:
            raise NotDifferentiable(
                "the output of forward_func has no gradient. Hint: it may have been detached, computed under "
                "torch.no_grad or outside of torch, or not depend on the inputs at all."
            )
        if value.is_complex():
            raise NotDifferentiable(f"the output of forward_func must be real: got {described(value)}.")
        seed = torch.ones_like(value)
        return torch.autograd.grad(value, leaves, seed, create_graph=self.create_graph, allow_unused=True)

    def _all_used(self, grads: Sequence[Tensor | None], leaves: Tensors) -> Tensors:
        for index, grad in enumerate(grads):
            if grad is None and index not in self.budget.unused:
                self.budget.unused.add(index)
                which = f"inputs[{index}]" if len(leaves) > 1 else "inputs"
                warn(f"the output does not depend on {which}: its attributions are zero.")
        return tuple(torch.zeros_like(leaf) if g is None else g for g, leaf in zip(grads, leaves, strict=True))


def one_each(value: Tensor) -> Tensor:
    """Values [n] of an output that holds one per example, (n,) or (n, 1); what a gradient can be taken of.

    Raises:
        InvalidArgument: It holds more.
    """
    if value.ndim > 1 and value[0].numel() != 1:
        raise InvalidArgument(
            "target must leave one value per example: "
            f"the output holds {tuple(value.shape[1:])} values for each. Hint: choose one, such as target=0."
        )
    return value if value.ndim == 1 else value.reshape(-1)
