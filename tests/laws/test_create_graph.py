"""With `create_graph=True` attributions can be differentiated, with respect to inputs and weights."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils._pytree import tree_map_only

from laws.registry import METHODS, Case, cases, damped, flat
from zoo.specimens import SPECIMENS

smooth = cases(lambda case: case.specimen.smooth and case.specimen.twice and case.method.gradient, quick=1)


def check_with_respect_to_the_inputs(case: Case, part: Callable[[Any], tuple[Tensor, ...]], **more: Any) -> None:
    model, inputs = case.specimen.model(), tuple(x.requires_grad_() for x in case.specimen.inputs(2))
    fixed = tree_map_only(Tensor, torch.detach, case.arguments(inputs)) | case.seed() | more

    def differentiable(*inputs: Tensor) -> tuple[Tensor, ...]:
        return part(case.raw(model, inputs, create_graph=True, **fixed))

    assert torch.autograd.gradcheck(differentiable, inputs, fast_mode=True)


@smooth
def test_the_gradient_with_respect_to_the_inputs(case: Case):
    check_with_respect_to_the_inputs(case, flat)


@cases(lambda case: case.specimen.smooth and case.specimen.twice and case.method.delta_calls[0])
def test_a_delta_has_the_right_graph_or_none(case: Case):
    def delta(found: tuple[Any, Tensor]) -> tuple[Tensor, ...]:
        return (found[1] if found[1].requires_grad else 0 * flat(found[0])[0].sum(),)

    check_with_respect_to_the_inputs(case, delta, return_convergence_delta=True)


@cases(lambda case: case.specimen.name == "reused" and case.method.gradient)
def test_the_gradient_with_respect_to_the_weights(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(2)
    names, weights = zip(*model.named_parameters(), strict=True)

    def differentiable(*weights: Tensor) -> tuple[Tensor, ...]:
        def forward(x: Tensor) -> Tensor:
            return functional_call(model, dict(zip(names, weights, strict=True)), (x,))

        return case(forward, inputs, create_graph=True, **case.seed())

    inside = [weight.detach().requires_grad_() for weight in weights]
    assert torch.autograd.gradcheck(differentiable, inside, fast_mode=True)


@smooth
def test_weights_learn_from_attributions(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(2)
    found = case(model, inputs, create_graph=True, **case.seed())
    sum((each**2).sum() for each in found).backward()
    weight = next(model.parameters())
    assert weight.grad is not None
    assert weight.grad.any()


@smooth
def test_the_numbers_are_the_same(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(2)
    with_graph = case(model, inputs, create_graph=True, **case.seed())
    torch.testing.assert_close(
        tuple(each.detach() for each in with_graph), case(model, inputs, **case.seed()), **damped(case)
    )


OF_ROWS = [method for method in METHODS if method.gradient and not method.spatial]


@pytest.mark.parametrize("method", OF_ROWS, ids=lambda method: method.name)
def test_under_no_grad(method):
    case = Case(method, SPECIMENS["reused"])
    inputs = tuple(x.requires_grad_() for x in case.specimen.inputs(2))
    with torch.no_grad():
        found = case(case.specimen.model(), inputs, create_graph=True, **case.seed())
    assert all(each.requires_grad for each in found)
