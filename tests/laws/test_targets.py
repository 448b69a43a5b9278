"""Several targets at once: what one target after another has, from the forwards of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from laws.counting import Counted
from laws.registry import Case, cases, close, damped, flat
from laws.test_calls import EXAMPLES, without_row_checks


def oscillating(output: Any) -> Tensor:
    """One value of all that a model returns for an example."""
    tensor = output["logits"] if isinstance(output, Mapping) else output
    return tensor.flatten(1).sin().sum(1) if tensor.ndim > 1 else tensor.sin()


def of_output(case: Case) -> bool:
    """Whether it explains an output, and has a dimension for targets: sums of interactions have another."""
    return case.method.of_output and "Interaction" not in case.method.name and "IQ" not in case.method.name


def of_targets(case: Case, **more: Any) -> tuple[Any, list[Any]]:
    """The attributions of two targets, at once and one after the other."""
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    own = case.arguments(inputs).pop("target")
    targets = [own, oscillating]
    at_once = case.raw(model, inputs, **case.seed(), **more, target=None, targets=targets)
    return at_once, [case.raw(model, inputs, **case.seed(), **more, target=target) for target in targets]


@cases(of_output, few=True)
def test_targets_have_what_each_has_alone(case: Case):
    at_once, alone = of_targets(case)
    expected = tuple(torch.stack(pair, 1) for pair in zip(*map(flat, alone), strict=True))
    close(flat(at_once), expected, **damped(case))


@cases(lambda case: case.method.complete is not None and case.method.of_output, few=True)
def test_deltas_are_one_for_each_target(case: Case):
    (_, deltas), alone = of_targets(case, return_convergence_delta=True, **case.method.complete)
    close((deltas,), (torch.stack([delta for _, delta in alone], 1),), atol=1e-9)


def counted(case: Case, **more: Any) -> Counted:
    model = Counted(case.specimen.model())
    with without_row_checks():
        case.raw(model, case.specimen.inputs(EXAMPLES), **case.seed(), **more)
    return model


@cases(of_output, few=True)
def test_targets_share_their_forwards(case: Case):
    one, two = counted(case, target=oscillating), counted(case, target=None, targets=[oscillating, oscillating])
    assert two.rows == one.rows
    assert two.backwards == 2 * one.backwards
