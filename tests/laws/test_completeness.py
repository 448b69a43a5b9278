"""Attributions add up to the change of the output, and deltas say by how much they do not."""

import pytest
import torch

from laws.baselines import by_example
from laws.registry import Case, cases, close, flat
from pellucid import attr
from zoo.specimens import SPECIMENS, Specimen, explained

EXAMPLES = 3


def one_start(case: Case) -> dict:
    """One baseline for all examples, which is a distribution, too."""
    starts = tuple(each[:1] for each in by_example(case.specimen.inputs(EXAMPLES)))
    return {"tensors": starts, "argument": starts if len(starts) > 1 else starts[0]}


def change(case: Case) -> torch.Tensor:
    """Of what is explained, from the start to the inputs: the output, or the neuron."""
    model, inputs, arguments = case.specimen.model(), case.specimen.inputs(EXAMPLES), case.specimen.arguments(EXAMPLES)
    starts = tuple(start.expand_as(x) for start, x in zip(one_start(case)["tensors"], inputs, strict=True))
    inside = {} if case.method.of_output else {"neuron": case.specimen.neuron}
    with torch.no_grad():
        return explained(model, inputs, **arguments, **inside) - explained(model, starts, **arguments, **inside)


@cases(lambda case: case.method.complete is not None)
def test_attributions_less_their_delta_add_up_to_the_change_of_the_output(case: Case):
    found, delta = case.raw(
        case.specimen.model(),
        case.specimen.inputs(EXAMPLES),
        baselines=one_start(case)["argument"],
        return_convergence_delta=True,
        **case.seed(),
        **case.method.complete,
    )
    totals = sum(each.flatten(1).sum(1) for each in flat(found))
    close((totals - delta.reshape(EXAMPLES, -1).mean(1),), (change(case),))


@cases(lambda case: case.method.converged is not None and case.specimen.smooth and case.cut)
def test_attributions_add_up_to_the_change_of_the_output(case: Case):
    found = case(
        case.specimen.model(),
        case.specimen.inputs(EXAMPLES),
        baselines=one_start(case)["argument"],
        **case.seed(),
        **case.method.converged,
    )
    close((sum(each.flatten(1).sum(1) for each in found),), (change(case),), rtol=0, atol=1e-5)


@cases(lambda case: case.method.delta_calls[0], quick=2)
def test_there_is_one_delta_for_each_sample_of_each_example(case: Case):
    for n in (1, EXAMPLES):
        _, delta = case.raw(
            case.specimen.model(), case.specimen.inputs(n), return_convergence_delta=True, **case.seed()
        )
        assert delta.shape == (n * case.method.delta_calls[1] // 2,)


@pytest.mark.filterwarnings("ignore:attributions do not add up")  # of a network of rectifiers in 50 steps
@pytest.mark.parametrize("specimen", SPECIMENS.values(), ids=lambda specimen: specimen.name)
def test_deltas_can_be_computed_later(specimen: Specimen):
    model, inputs, arguments = specimen.model(), specimen.inputs(EXAMPLES), specimen.arguments(EXAMPLES)
    gradients = attr.IntegratedGradients(model)
    found, delta = gradients.attribute(inputs, by_example(inputs), **arguments, return_convergence_delta=True)
    later = gradients.compute_convergence_delta(found, by_example(inputs), inputs, **arguments)
    close((later,), (delta,))
