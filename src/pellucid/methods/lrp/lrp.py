"""Layer-wise relevance propagation: the output, passed back from call to call, which share it out."""

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
from pellucid.core.problem.problem import Problem
from pellucid.core.problem.target import MappedTarget
from pellucid.core.pytree import TensorTree
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.tensors import Tensors, sum_over_tensors
from pellucid.errors import WrongType
from pellucid.methods.backprop.rule_gradients import backpropagate
from pellucid.methods.calling.attribution import attribution, run_located
from pellucid.methods.lrp.composite import Composite, RelevanceObserver
from pellucid.methods.lrp.conservation import Account, Conservation
from pellucid.methods.lrp.contributions import LayerRule
from pellucid.methods.lrp.slopes import NoSlope, passed_back_as_slopes


@final
@dataclass(frozen=True, kw_only=True)
class LRP:
    """Relevance: the output, passed back through every call to what it was made from, in proportion to contributions.

    R_i = sum over j of z_ij / (sum over i of z_ij) * R_j, where a rule says what the contributions z_ij are

    What biases contribute is lost, and what a rule absorbs; all else adds up to the output. Modules stay as they are:
    rules act on calls of torch, so that functions, reused modules, residual additions and attention follow them, too.

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
    def __call__(self, f: ModelFunction, /, *, delta: bool = False) -> Attributions:
        """The relevance of what the pathway reads.

        Args:
            f: From the inputs or a layer, or read at one, to one value per example.
            delta: Whether to measure how much of the output is lost.

        Returns:
            Attributions of the shapes of the tensors where the pathway reads; delta of shape (B,), or (layers, B) for a
            list of layers.
        """
        return self._passed(f, print if self.verbose else None, delta=delta)

    def trace(self, problem: Problem | ModelFunction, /) -> tuple[TraceEntry, ...]:
        """What every call receives and passes on, from the output back to the inputs.

        Args:
            problem: The same. Where its examples do not fit into one forward, the flows of each part follow.

        Examples:
            >>> import torch
            >>> from pellucid.methods import LRP, Problem
            >>> problem = Problem(lambda x: (2 * x[:, 0] - x[:, 1]).relu(), torch.tensor([[3.0, 4.0]]))
            >>> [(flow.call, flow.rule) for flow in LRP().trace(problem)]
            [('relu of (1,)', 'pass_through'), ('sub of (1,), (1,)', 'addition'), ('mul of (1,)', 'product')]
        """

        def listed(f: ModelFunction) -> tuple[TraceEntry, ...]:
            flows: list[TraceEntry] = []
            self._passed(f, flows.append, delta=False)
            return tuple(flows)

        return run_located(self, problem, listed)

    def conservation(self, problem: Problem | ModelFunction, /) -> Conservation:
        """Where the relevance of each example goes, as numbers to assert on: what each call absorbs, and by what.

        Takes a forward and a backward for each example; of the whole batch where its examples depend on each other.

        Args:
            problem: The same, with gradients at the inputs, or at a layer that all relevance passes.

        Examples:
            >>> import torch
            >>> from pellucid.methods import LRP, Problem
            >>> weight, bias = torch.tensor([[2.0, -1.0]]), torch.tensor([1.0])
            >>> model = lambda x: torch.nn.functional.linear(x, weight, bias).relu()
            >>> problem = Problem(model, torch.tensor([[3.0, 4.0], [2.0, 1.0]]), target=0)
            >>> table = LRP().conservation(problem)
            >>> table.explained, table.relevance
            (tensor([3., 4.], dtype=torch.float64), tensor([2., 3.], dtype=torch.float64))
            >>> [(each.function, each.rule, each.by_bias) for each in table.calls if each.absorbed.abs().max() > 0.01]
            [('linear', 'Epsilon', tensor([1., 1.], dtype=torch.float64))]
            >>> torch.testing.assert_close(table.relevance + table.absorbed, table.explained)
        """

        def settled(f: ModelFunction) -> Conservation:
            account = Account(f.problem.model)
            if f.session.whole_batch:
                while not account.whole:
                    follow(account, f, account.number)
            else:
                for place in range(len(f)):
                    follow(account, f.select(torch.tensor([place], device="cpu")), 0)
            return account.settled()

        def follow(account: Account, function: ModelFunction, example: int) -> None:
            found, _ = self._run(function, account.watch, functools.partial(account.begin, example=example))
            account.end(found)

        return run_located(self, problem, settled)

    def _passed(self, f: ModelFunction, tell: Callable[[TraceEntry], None] | None, *, delta: bool) -> Attributions:
        def watch(rule: Rule, call: TorchCall, relevance: Tensor) -> Tensors:
            passed = rule(call, relevance)
            if tell is not None:
                tell(TraceEntry.of(call, rule, relevance, passed, f.problem.model))
            return passed

        found, value = self._quickly(f) if tell is None else self._run(f, watch, _multiply_by_value)
        result = f.attributions(found)
        if delta:
            lost = [gap_to_change(value, sum_over_tensors(each)) for each in _by_layer(result, f)]
            result = dataclasses.replace(
                result, delta=torch.stack(lost) if f.evaluator.gradient_at.several else lost[0]
            )
        return result

    def _quickly(self, f: ModelFunction) -> tuple[Tensors, Tensor]:
        """The same by a changed gradient, if all rules are one."""
        epsilon = self.composite.epsilon_of_all
        options = f.problem.options
        own = options.create_graph or options.gradient_function is not None
        if epsilon is None or own or f.session.info.trains:
            return self._run(f, None, _multiply_by_value)
        try:
            return passed_back_as_slopes(f.at(replay=False), epsilon, self.composite.stabiliser)
        except NoSlope:
            return self._run(f, None, _multiply_by_value)

    def _run(self, f: ModelFunction, watch: RelevanceObserver | None, begin: Rule) -> tuple[Tensors, Tensor]:
        """The relevance of what a pathway reads, and the values that it starts from."""
        rules = self.composite.rules(f.problem.model, watch)
        rules = dataclasses.replace(rules, functions={**rules.functions, start_relevance: begin})
        started = f.at(target=MappedTarget(f.evaluator.target, start_relevance), replay=False)
        return backpropagate(started, rules, strict=self.strict)


@final
@dataclass(frozen=True)
class TraceEntry:
    """The relevance that passes a call.

    Args:
        call: The function, the shapes it is called with and the module that makes the call.
        rule: The rule that it follows.
        received: The relevance of what it returns, over all examples in it.
        passed: That of what it takes.
    """

    call: str
    rule: str
    received: float
    passed: float

    @classmethod
    def of(
        cls, call: TorchCall, rule: Rule, relevance: Tensor, passed: Tensors, model: Callable[..., Any]
    ) -> TraceEntry:
        """That of a call under a rule."""
        name = type(rule).__name__ if isinstance(rule, LayerRule) else getattr(rule, "__name__", "")
        received, sent = (sum(float(each.detach().sum()) for each in some) for some in ((relevance,), passed))
        return cls(call.described(model), name, received, sent)

    def __str__(self) -> str:
        return f"{self.received:12.5g} -> {self.passed:12.5g}  {self.rule:<12} {self.call}"


def _by_layer(result: Attributions, f: ModelFunction) -> list[Tensors]:
    """The relevance of each layer of a list; of all tensors where there is none."""
    return (
        [TensorTree.of(each)[0] for each in result.as_layer_output]
        if f.evaluator.gradient_at.several
        else [result.values]
    )


def start_relevance(value: Tensor) -> Tensor:
    """Values, as they are, whose gradient is themselves: the relevance of the output."""
    if has_torch_function_unary(value):
        return handle_torch_function(start_relevance, (value,), value)
    return value.clone()


def _multiply_by_value(call: TorchCall, grad: Tensor) -> Tensors:
    return (grad * call.inputs[0],)
