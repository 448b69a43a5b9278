"""What a method evaluates: a function of points, as papers write it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.evaluation.evaluator import Evaluator
from pellucid.core.evaluation.gradients import (
    Gradient,
    as_leaves,
    gradient_via_neurons,
    gradients_and_slopes,
    validated_gradients,
    zeros_for_unused,
)
from pellucid.core.evaluation.row_independence import RowIndependenceCheck
from pellucid.core.evaluation.session import Session
from pellucid.core.examples import all_examples
from pellucid.core.model.forward import Captured
from pellucid.core.model.inspection import has_embeddings
from pellucid.core.model.isolation import needs_no_cudnn, without_cudnn
from pellucid.core.model.layers import INPUTS, Site
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines, given_baselines, resolve_baselines
from pellucid.core.problem.composed_targets import ListedTargets, scalar_per_example
from pellucid.core.problem.points import Points, repeat_ids
from pellucid.core.problem.problem import GradientFunction, Problem
from pellucid.core.problem.target import Target
from pellucid.core.random_streams import Seed
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, as_floating, as_narrow_again, detach_all, stacked, unwrap_single
from pellucid.errors import InvalidArgument, WrongType

Mode: TypeAlias = Callable[[], AbstractContextManager[Any]]
"""Makes the context manager that a forward runs in."""


@final
@dataclass(frozen=True, eq=False)
class ModelFunction(Summarized):
    """A model as a function of points at a source: `f` in the papers.

    Methods are called with a [Problem][pellucid.methods.Problem], and evaluate this. The function has points of its
    own, `f.x`: those that are to be explained.

    Args:
        evaluator: Runs the model.
        examples: The user's example that each of its own points belongs to, int64 [n].
        ids: Identifies each of its own points, for its stream of random numbers, int64 [n, k].
        own_tensors: The tensors of its own points, (n, ...) each; None for those at the source for the user's inputs.
        seed: The seed of the random numbers that are in its own points, if there are any.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.core.evaluation.model_function import function_of
        >>> from pellucid.methods import Problem
        >>> f = function_of(Problem(lambda x: x**2, torch.tensor([[1.0, 2.0]]), target=1))
        >>> f(f.points)
        tensor([4.])
        >>> f.gradient(f.points).grad
        (tensor([[0., 4.]]),)

        From a layer:

        >>> model = nn.Sequential(nn.Flatten(), nn.Softplus(), nn.ReLU())
        >>> f = function_of(Problem(model, torch.zeros(1, 2), target=0, source="1"))
        >>> f.x
        (tensor([[0.6931, 0.6931]]),)
        >>> f.gradient(f.points).grad
        (tensor([[1., 0.]]),)
    """

    evaluator: Evaluator
    examples: Tensor
    ids: Tensor
    own_tensors: Tensors | None = None
    seed: Seed = None

    def __len__(self) -> int:
        """The number of its own points."""
        return self.examples.shape[0]

    @property
    def session(self) -> Session:
        """What is learnt about the problem while it is solved."""
        return self.evaluator.session

    @property
    def problem(self) -> Problem:
        """The model, its data, the source and the target."""
        return self.evaluator.session.problem

    @cached_property
    def x(self) -> Tensors:
        """The tensors of its own points, (n, ...) each: by default those at the source for the user's inputs."""
        if self.own_tensors is not None:
            return self.own_tensors
        return self.evaluator.at_source().tensors if self.evaluator.source.modules else self.problem.inputs

    @cached_property
    def points(self) -> Points:
        """Its own points: `x`, and the example that each belongs to."""
        return Points(self.x, self.examples)

    @property
    def floating_x(self) -> Tensors:
        """`x` as floats, to be compared with baselines; ids of embeddings stay integers without a gradient there."""
        elsewhere = self.evaluator.gradient_at != self.evaluator.source
        return self.x if elsewhere and has_embeddings(self.problem.model) else as_floating(self.x)

    def baseline_template(self, *, needs_path: bool = True) -> Tensors:
        """Tensors whose shapes and dtypes baselines must have: the model's inputs, as floats where they are the source.

        Args:
            needs_path: Whether points on a path from baselines to inputs are evaluated; if not, `floating_x` is the
                template.
        """
        if self.evaluator.source.modules:
            return self.problem.inputs
        return as_floating(self.x) if needs_path else self.floating_x

    def __call__(self, points: Points) -> Tensor:
        """The target's values at points, without gradients.

        Args:
            points: At the source.

        Returns:
            Values [n, *K]; [n, K] of several targets.
        """
        independence = self._independence_check(points)
        with torch.no_grad():
            # The mode that measures does not see into a compiled model.
            with nullcontext() if self.session.info.compiled else self.session.budget.measuring(len(points)):
                value = self.evaluator.evaluate(points)[0]
            if independence is not None:
                independence.verify(points, value, lambda rearranged: self.evaluator.evaluate(rearranged)[0])
        return value

    def gradient(self, points: Points, *, via_neurons: Target | None = None, mode: Mode = nullcontext) -> Gradient:
        """The target's values at points, and their gradient; of several targets one for each, (n, K, ...).

        Args:
            points: At the source; without tensors, those at the source for the inputs of the examples.
            via_neurons: Neurons at `gradient_at`; the gradient is then that at the source of what passes through them.
            mode: Makes the context manager that the forward runs in, such as a run of rules.

        Raises:
            NotScalar: There is more than one value per example.
            NotDifferentiable: There is no gradient to take.
        """
        function = self._gradient_function(points)
        if function is not None:
            return self._gradient_by_user(points, function)
        independence = self._independence_check(points) if points.tensors else None
        try:
            with torch.enable_grad():
                source_points, site = self._leaves(points, via_neurons)
                with self._measuring(points), mode():
                    value, captured = self.evaluator.evaluate(source_points, site)
                    value = scalar_per_example(value, self.evaluator.target)
                gradient = self._backward(source_points, value, captured, via_neurons)
                if independence is not None:
                    independence.verify(points, value, self._value_of_leaves)
                return gradient
        except RuntimeError as error:
            if not needs_no_cudnn(error):
                raise
            return self._gradient_without_cudnn(points, via_neurons, mode)

    def _gradient_without_cudnn(self, points: Points, via_neurons: Target | None, mode: Mode) -> Gradient:
        """The gradient, taken once more without cuDNN: its recurrent layers have no backward in evaluation mode."""
        with without_cudnn():
            return self.gradient(points, via_neurons=via_neurons, mode=mode)

    def activations(self, points: Points, site: Site | None = None) -> Tensors:
        """The tensors at a site for these points, without gradients; the model need not run beyond it.

        Args:
            points: At the source.
            site: The site; None for `gradient_at`.
        """
        site = self.evaluator.gradient_at if site is None else site
        if site == self.evaluator.source:
            return points.tensors
        inputs, source_points = self.evaluator.inputs_and_source_points(points)
        return self.evaluator.capture(inputs, points.examples, site, source_points)

    def baselines(self, baselines: Baselines, *, needs_path: bool = True, like: Tensors | None = None) -> Tensors:
        """Baselines as tensors like the inputs of the model, one for each of its own points.

        Args:
            baselines: See [Baselines][pellucid.methods.Baselines].
            needs_path: Whether points on a path from baselines to inputs are evaluated, or the two are only compared.
            like: Tensors whose shapes and dtypes they must have; None for `baseline_template`.

        Raises:
            InvalidArgument: They do not fit the inputs.
        """
        like = self.baseline_template(needs_path=needs_path) if like is None else like
        baselines = given_baselines(baselines, unwrap_single(self.problem.inputs))
        resolved = resolve_baselines(baselines, like, self.session.other_rows(self.examples), self.problem.batch_size)
        return resolved if self.problem.options.create_graph else detach_all(resolved)

    def to_source(self, inputs: Tensors, examples: Tensor | None = None) -> Tensors:
        """The tensors at the source for other inputs of the model.

        Args:
            inputs: (n, ...) each.
            examples: The example that each belongs to, int64 [n]; None for one input per point of its own.
        """
        evaluator, session = self.evaluator, self.session
        if not evaluator.source.modules:
            return inputs
        if examples is not None:
            return evaluator.capture(inputs, examples, evaluator.source)
        equal = not (session.whole_batch or self.problem.additional_forward_args or any(x.stride(0) for x in inputs))
        if equal:  # all rows are one expanded row: one forward of that suffices
            first_row = evaluator.capture_source(tuple(x[:1] for x in inputs), self.examples[:1]).tensors
            if all(tensor.shape[:1] == (1,) for tensor in first_row):
                return tuple(tensor.expand(len(self), *tensor.shape[1:]) for tensor in first_row)
        return evaluator.capture_source(inputs, self.examples).tensors

    def select(self, which: Tensor) -> ModelFunction:
        """The same function with those of its own points that have these indices, int64 [k]."""
        points = self.points[which]
        return dataclasses.replace(self, own_tensors=points.tensors, examples=points.examples, ids=self.ids[which])

    def with_copies(self, x: Tensors, copies: slice, seed: Seed = None) -> ModelFunction:
        """The same function with copies of its own points, such as noisy ones.

        Args:
            x: The copies, (n * copies, ...) each, those of a point together.
            copies: Which copies of each point these are, of all that the caller makes.
            seed: The seed of the random numbers in them, if there are any.
        """
        examples = self.examples.repeat_interleave(copies.stop - copies.start)
        return dataclasses.replace(self, own_tensors=x, examples=examples, ids=repeat_ids(self.ids, copies), seed=seed)

    def replace(
        self,
        *,
        source: Site | None = None,
        gradient_at: Site | None = None,
        target: Target | None = None,
        replay: bool | None = None,
    ) -> ModelFunction:
        """The same function with another source, gradient site or target; None keeps what it has.

        Args:
            source: Where points are fed; its own points are then those at the new source for the user's inputs.
            gradient_at: Where gradients are taken.
            target: What is explained.
            replay: Whether recorded outputs may be replayed for modules before the source.
        """
        current = self.evaluator
        source = current.source if source is None else source
        evaluator = dataclasses.replace(
            current,
            source=source,
            gradient_at=current.gradient_at if gradient_at is None else gradient_at,
            target=current.target if target is None else target,
            replay=current.replay if replay is None else replay,
        )
        own_tensors = self.own_tensors if source == current.source else None
        return dataclasses.replace(self, evaluator=evaluator, own_tensors=own_tensors)

    def from_inputs(self) -> ModelFunction:
        """The same function with the model's inputs as its source."""
        return self.replace(source=INPUTS, gradient_at=INPUTS) if self.evaluator.source.modules else self

    def attributions(
        self,
        values: Tensors,
        *,
        site: Literal["gradient_at", "source"] = "gradient_at",
        delta: Tensor | None = None,
        stderr: Tensors | None = None,
        n_evaluations: Tensor | None = None,
        converged: Tensor | None = None,
        of_features: bool = False,
    ) -> Attributions:
        """Values as attributions, in the dtypes and the structure of the tensors that they belong to.

        Args:
            values: One tensor for each tensor of a site.
            site: Which site: where gradients are taken, or the source.
            delta: See [Attributions][pellucid.methods.Attributions]; also for the arguments below.
            stderr: Standard errors.
            n_evaluations: Evaluations per example.
            converged: Whether each example is exact enough.
            of_features: Whether each element has the value of its feature.
        """
        layout = self.session.observed.layouts.get(
            self.evaluator.gradient_at if site == "gradient_at" else self.evaluator.source
        )
        if site == "gradient_at":
            dtypes = tuple(x.dtype for x in as_floating(self.x)) if layout is None else layout.dtypes
            values = tuple(map(as_narrow_again, values, dtypes))
        structure = None if layout is None else layout.structure
        output = self.session.observed.output
        return Attributions(values, delta, stderr, structure, n_evaluations, converged, output, of_features)

    def _independence_check(self, points: Points) -> RowIndependenceCheck | None:
        """The check that is due after a forward of these points; None where rows are known to be independent."""
        return RowIndependenceCheck.of(self.session, self.evaluator.endpoints, points.examples, lambda: self.points)

    def _measuring(self, points: Points) -> AbstractContextManager[None]:
        """Measure the bytes per row in a forward; not with `create_graph`, which keeps the graphs of all blocks."""
        if self.problem.options.create_graph:
            return nullcontext()
        return self.session.budget.measuring(len(points))

    def _leaves(self, points: Points, via_neurons: Target | None) -> tuple[Points, Site | None]:
        """The points at the source, as leaves if gradients are taken at them, and the site to capture."""
        at_source = self.evaluator.gradient_at == self.evaluator.source
        if not points.tensors or not (at_source or via_neurons is not None):
            return points, self.evaluator.gradient_at
        leaves = as_leaves(points.tensors, self.problem.options.create_graph)
        return Points(leaves, points.examples), None if via_neurons is None else self.evaluator.gradient_at

    def _backward(
        self, source_points: Points, value: Tensor, captured: Captured | None, via_neurons: Target | None
    ) -> Gradient:
        """The gradient of the values with respect to the captured tensors, or else to the points at the source."""
        if not self.evaluator.target.several:
            return self._backward_of_one(source_points, value, captured, via_neurons)
        columns = [value.select(1, number) for number in range(value.shape[1])]  # unbind would pass zeros to the others
        at = source_points.tensors if captured is None else captured.tensors
        gradient_bytes = sum(tensor.nbytes for tensor in at) // max(1, len(source_points))
        self.session.budget.count_gradients(len(columns) * gradient_bytes)
        gradients = [
            self._backward_of_one(source_points, column, captured, via_neurons, retain_graph=number < len(columns))
            for number, column in enumerate(columns, start=1)
        ]
        return Gradient(value, gradients[0].tensors, stacked([gradient.grad for gradient in gradients]))

    def _backward_of_one(
        self,
        source_points: Points,
        value: Tensor,
        captured: Captured | None,
        via_neurons: Target | None,
        *,
        retain_graph: bool = False,
    ) -> Gradient:
        """The same for the values [n] of one target; others may follow, for which the graph is kept."""
        session, options = self.session, self.problem.options
        at = source_points.tensors if captured is None else captured.tensors
        arguments = {"create_graph": options.create_graph, "allow_unused": True, **(options.grad_kwargs or {})}
        if retain_graph:
            arguments["retain_graph"] = True
        if via_neurons is not None and len(at) > 1:
            # A tensor of the layer may be computed from another; then a second backward passes what lies between.
            arguments["retain_graph"] = True
        gradients_or_none, slopes = gradients_and_slopes(value, at, arguments)
        if slopes and all(len(slope) == len(source_points) for slope in slopes):
            session.observed.remember_slopes(source_points.examples, slopes, self.problem.batch_size)
        gradients = zeros_for_unused(gradients_or_none, at, self.evaluator.gradient_at, session.warned_inputs)
        if via_neurons is None or captured is None or not source_points.tensors:
            return Gradient(value, at, gradients)
        gradients_or_none = gradient_via_neurons(via_neurons, captured, gradients, source_points, arguments)
        leaves, source = source_points.tensors, self.evaluator.source
        return Gradient(value, leaves, zeros_for_unused(gradients_or_none, leaves, source, session.warned_inputs))

    def _gradient_function(self, points: Points) -> GradientFunction | None:
        """The user's own gradient function, if there is one; it is only used from the output to the inputs."""
        at_layer = self.evaluator.gradient_at.modules or self.evaluator.target.site.modules
        return self.problem.options.gradient_function if points.tensors and not at_layer else None

    def _gradient_by_user(self, points: Points, function: GradientFunction) -> Gradient:
        """The gradient that the user's function takes, for one target after another. Its values are zeros."""
        target = self.evaluator.target
        if not target.several:
            return self._gradient_of_one_by_user(points, function, target)
        if not isinstance(target, ListedTargets):
            raise InvalidArgument('gradient_function must be given a list of targets: got "all".')
        gradients = [self._gradient_of_one_by_user(points, function, single) for single in target.targets]
        values = torch.stack([gradient.value for gradient in gradients], 1)
        return Gradient(values, gradients[0].tensors, stacked([gradient.grad for gradient in gradients]))

    def _gradient_of_one_by_user(self, points: Points, function: GradientFunction, target: Target) -> Gradient:
        """The same for one target."""
        problem, examples = self.problem, points.examples
        leaves = as_leaves(points.tensors, problem.options.create_graph)
        extra = self.session.select_rows(problem.additional_forward_args, examples) or None
        if not callable(function):
            raise WrongType(f"gradient_function must be a function: got {type(function).__name__}.")
        with torch.enable_grad():
            grads = function(problem.model, leaves, target.argument(examples), extra)
        return Gradient(leaves[0].new_zeros(len(points)), leaves, validated_gradients(grads, leaves))

    def _value_of_leaves(self, points: Points) -> Tensor:
        """The values at points, by a forward that records a graph as those with gradients do."""
        return self.evaluator.evaluate(Points(as_leaves(points.tensors, False), points.examples))[0]


def function_of(problem: Problem) -> ModelFunction:
    """The function of a problem, in the session that is open for it or in a new one."""
    evaluator = Evaluator(
        Session.of(problem), problem.source, problem.gradient_at, problem.target, problem.options.replay
    )
    examples = all_examples(problem.batch_size)
    return ModelFunction(evaluator, examples, examples[:, None])
