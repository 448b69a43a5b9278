"""Layer-wise relevance propagation: the output, passed back through every call and shared among its inputs."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from pellucid.core.evaluation.completeness import gap_to_change
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.composed_targets import MappedTarget
from pellucid.core.problem.problem import Problem
from pellucid.core.pytree import TensorTree
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, sum_over_tensors
from pellucid.errors import InvalidArgument, WrongType
from pellucid.methods.backprop.rule_gradients import backpropagate
from pellucid.methods.calling.attribution import attribution, run_located
from pellucid.methods.lrp.composite import Composite, RelevanceObserver
from pellucid.methods.lrp.conservation import Conservation, ConservationRecorder
from pellucid.methods.lrp.contributions import rule_name
from pellucid.methods.lrp.modified_gradient import NoModifiedGradient, relevance_by_modified_gradient


@final
@dataclass(frozen=True, kw_only=True)
class LRP(Summarized):
    """Relevance: the output, passed back through every call to its inputs, in proportion to their contributions.

    R_i = sum over j of z_ij / (sum over i of z_ij) * R_j, where a rule says what the contributions z_ij are

    The attributions add up to the output, less what biases contribute and what rules absorb. Rules act on calls of
    torch, not on modules, so that functions, reused modules, residual additions and attention follow them, too.

    Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance propagation",
    2015, https://doi.org/10.1371/journal.pone.0130140.

    Args:
        composite: Which rule each layer follows.
        strict: Whether calls without a rule raise an error.
        verbose: Whether to print what every call receives and passes on; see `trace`.

    Examples:
        >>> import torch
        >>> from pellucid.methods import LRP, Problem
        >>> problem = Problem(lambda x: (2 * x[:, 0] - x[:, 1]).relu(), torch.tensor([[3.0, 4.0]]))
        >>> LRP()(problem).values
        (tensor([[ 6., -4.]]),)
    """

    composite: Composite = Composite()  # noqa: RUF009  # frozen
    strict: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.composite, Composite):
            hint = " Hint: call it." if callable(self.composite) else ""
            raise WrongType(f"composite must be a Composite: got {type(self.composite).__name__}.{hint}")

    @attribution
    def __call__(self, f: ModelFunction, /, *, return_convergence_delta: bool = False) -> Attributions:
        """The relevance of the tensors where gradients are taken.

        Args:
            f: The function, of one value per example; source and gradients at the inputs or at layers.
            return_convergence_delta: Whether to measure how much of the output is lost.

        Returns:
            Attributions of the shapes of the tensors where gradients are taken; delta of shape (B,), or (layers, B) for
            a list of layers.
        """
        relevance, value = self._traced(f, print) if self.verbose else self._propagate(f)
        result = f.attributions(relevance)
        if not return_convergence_delta:
            return result
        lost = [gap_to_change(value, sum_over_tensors(tensors, value.ndim)) for tensors in _by_layer(result, f)]
        return dataclasses.replace(result, delta=torch.stack(lost) if f.evaluator.gradient_at.several else lost[0])

    def trace(self, problem: Problem | ModelFunction, /) -> tuple[TraceEntry, ...]:
        """What every call receives and passes on, from the output back to the inputs.

        Args:
            problem: The same. Where the batch does not fit into one forward, the entries of each block follow.

        Examples:
            >>> import torch
            >>> from pellucid.methods import LRP, Problem
            >>> problem = Problem(lambda x: (2 * x[:, 0] - x[:, 1]).relu(), torch.tensor([[3.0, 4.0]]))
            >>> [(entry.call, entry.rule) for entry in LRP().trace(problem)]
            [('relu of (1,)', 'pass_through'), ('sub of (1,), (1,)', 'addition'), ('mul of (1,)', 'product')]
        """

        def trace(f: ModelFunction) -> tuple[TraceEntry, ...]:
            entries: list[TraceEntry] = []
            self._traced(f, entries.append)
            return tuple(entries)

        return run_located(self, problem, trace)

    def conservation(self, problem: Problem | ModelFunction, /) -> Conservation:
        """How much relevance of each example every call absorbs, and by what: numbers to assert on.

        Takes a forward and a backward for each example; these are of the whole batch where examples depend on each
        other.

        Args:
            problem: The same, with gradients at the inputs, or at a layer that all relevance passes through.

        Examples:
            >>> import torch
            >>> from pellucid.methods import LRP, Problem
            >>> weight, bias = torch.tensor([[2.0, -1.0]]), torch.tensor([1.0])
            >>> model = lambda x: torch.nn.functional.linear(x, weight, bias).relu()
            >>> problem = Problem(model, torch.tensor([[3.0, 4.0], [2.0, 1.0]]), target=0)
            >>> table = LRP().conservation(problem)
            >>> table.explained, table.relevance
            (tensor([3., 4.], dtype=torch.float64), tensor([2., 3.], dtype=torch.float64))
            >>> [(call.function, call.rule, call.by_bias) for call in table.calls if call.absorbed.abs().max() > 0.01]
            [('linear', 'Epsilon', tensor([1., 1.], dtype=torch.float64))]
            >>> torch.testing.assert_close(table.relevance + table.absorbed, table.explained)
        """

        def conservation(f: ModelFunction) -> Conservation:
            if f.evaluator.target.several:
                raise InvalidArgument("target must be a single one for a table of conservation: got several.")
            recorder = ConservationRecorder(f.problem.model)
            if f.session.whole_batch:
                while not recorder.is_complete:
                    record(recorder, f, recorder.finished)
            else:
                for index in range(len(f)):
                    record(recorder, f.select(torch.tensor([index], device="cpu")), 0)
            return recorder.conservation()

        def record(recorder: ConservationRecorder, function: ModelFunction, example: int) -> None:
            relevance, _ = self._run(function, recorder.watch, functools.partial(recorder.begin, example=example))
            recorder.end(relevance)

        return run_located(self, problem, conservation)

    def _traced(self, f: ModelFunction, report: Callable[[TraceEntry], None]) -> tuple[Tensors, Tensor]:
        """The relevance, and the values that it starts from; every call is reported."""

        def watch(rule: Rule, call: TorchCall, relevance: Tensor) -> Tensors:
            passed = rule(call, relevance)
            report(TraceEntry.of(call, rule, relevance, passed, f.problem.model))
            return passed

        return self._run(f, watch, _multiply_by_value)

    def _propagate(self, f: ModelFunction) -> tuple[Tensors, Tensor]:
        """The relevance, and the values that it starts from: by one modified gradient where rules allow it."""
        epsilon = self.composite.epsilon_of_all
        options = f.problem.options
        needs_rules = options.create_graph or options.gradient_function is not None
        if epsilon is None or needs_rules or f.session.info.trains:
            return self._run(f, None, _multiply_by_value)
        try:
            return relevance_by_modified_gradient(f.replace(replay=False), epsilon, self.composite.stabiliser)
        except NoModifiedGradient:
            return self._run(f, None, _multiply_by_value)

    def _run(self, f: ModelFunction, watch: RelevanceObserver | None, begin: Rule) -> tuple[Tensors, Tensor]:
        """The relevance, by rules, and the values that it starts from.

        Args:
            f: The function.
            watch: Applies the rule of each call; None applies it alone.
            begin: The rule of the explained values, which makes relevance of their gradient.
        """
        rules = self.composite.rules(f.problem.model, watch)
        rules = dataclasses.replace(rules, functions={**rules.functions, start_relevance: begin})
        with_start = f.replace(target=MappedTarget(f.evaluator.target, start_relevance), replay=False)
        return backpropagate(with_start, rules, strict=self.strict)


@final
@dataclass(frozen=True)
class TraceEntry(Summarized):
    """The relevance that passes through a call.

    Args:
        call: The function, the shapes it is called with and the module that makes the call.
        rule: The rule that it follows.
        received: The relevance of its output, over all examples in it.
        passed: The relevance of its inputs.
    """

    call: str
    rule: str
    received: float
    passed: float

    @classmethod
    def of(
        cls, call: TorchCall, rule: Rule, relevance: Tensor, passed: Tensors, model: Callable[..., Any]
    ) -> TraceEntry:
        """The entry of a call, given the relevance of its output and what its rule has passed to its inputs."""
        received = float(relevance.detach().sum())
        passed_in_all = sum(float(tensor.detach().sum()) for tensor in passed)
        return cls(call.description(model), rule_name(rule), received, passed_in_all)

    def __str__(self) -> str:
        return f"{self.received:12.5g} -> {self.passed:12.5g}  {self.rule:<12} {self.call}"


def _by_layer(result: Attributions, f: ModelFunction) -> list[Tensors]:
    """The relevance of each layer of a list of layers; all of it where there is no list."""
    if not f.evaluator.gradient_at.several:
        return [result.values]
    return [TensorTree.of(layer_output)[0] for layer_output in result.as_layer_output]


def start_relevance(value: Tensor) -> Tensor:
    """The explained values, unchanged: a call that rules see, whose rule makes relevance of the gradient."""
    if has_torch_function_unary(value):
        return handle_torch_function(start_relevance, (value,), value)
    return value.clone()


def _multiply_by_value(call: TorchCall, grad: Tensor) -> Tensors:
    """The rule of the explained values: gradient times value, so that relevance starts from the output."""
    return (grad * call.inputs[0],)
