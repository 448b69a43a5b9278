"""A user's own method, good or bad, on all models."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from pellucid import attr, methods, zoo
from pellucid.errors import WrongType
from pellucid.zoo.known_model import KnownModel


def by_model(evaluation: zoo.Evaluation) -> dict[str, zoo.Outcome]:
    return {outcome.model: outcome for outcome in evaluation.outcomes}


def gradient_times_change(model: nn.Module, inputs: Tensor, target: int | None, baselines: Tensor) -> Tensor:
    x = inputs.clone().requires_grad_()
    output = model(x) if target is None else model(x)[:, target]
    return torch.autograd.grad(output.sum(), x)[0] * (inputs - baselines)


def test_a_function_of_the_model_and_its_inputs():
    outcomes = by_model(zoo.evaluate(gradient_times_change))
    assert len(outcomes) == len(zoo.known_models())
    assert outcomes["linear"].verdict == "right"
    assert (outcomes["saturated"].verdict, round(outcomes["saturated"].score, 2)) == ("wrong", 0.4)
    assert outcomes["concept direction"].verdict == "not applicable"
    assert outcomes["deciding word"].verdict == "failed"
    assert "floating" in outcomes["deciding word"].reason
    assert {outcome.method for outcome in outcomes.values()} == {"gradient_times_change"}


def test_what_it_computes_is_compared_with_closed_forms():
    outcomes = by_model(zoo.evaluate(gradient_times_change, computes="integrated gradients"))
    assert (outcomes["linear"].verdict, outcomes["linear"].exact) == ("right", True)
    assert (outcomes["pairwise"].verdict, outcomes["pairwise"].exact) == ("wrong", False)
    assert outcomes["planted feature"].exact is None


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (attr.ShapleyValues, {"linear": "right", "exclusive or": "wrong", "template detector": "right"}),
        (attr.LayerGradCam, {"linear": "not applicable", "template detector": "right"}),
        (methods.ShapleyValues(), {"concept direction": "right", "deciding word": "right"}),
        (methods.GradCam(), {"linear": "not applicable", "template detector": "right"}),
        (methods.IntegratedGradients(n_steps=20), {"deciding word": "right", "saturated": "right"}),
    ],
    ids=lambda method: getattr(method, "__name__", type(method).__name__) if not isinstance(method, dict) else "",
)
def test_classes_and_methods_of_problems(method: object, expected: dict[str, str]):
    models = [known for known in zoo.known_models() if known.name in expected]
    outcomes = by_model(zoo.evaluate(method, models=models))
    assert {name: outcome.verdict for name, outcome in outcomes.items()} == expected


def test_a_method_written_like_ours():
    @dataclass(frozen=True)
    class Gradients:
        def __call__(self, problem: methods.Problem) -> methods.Attributions:
            return methods.Saliency(abs=False)(problem)

    (outcome,) = zoo.evaluate(Gradients(), models=[zoo.exclusive_or()]).outcomes
    assert (outcome.method, outcome.verdict) == ("Gradients", "right")


def raises(model: nn.Module, inputs: Tensor) -> Tensor:
    raise KeyError("no such thing")


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (raises, "KeyError: 'no such thing'"),
        (lambda model, inputs: inputs[:, :2], "WrongType: attributions must have the shape (2, 5): got (2, 2)."),
        (lambda model, inputs: inputs.sum(), "WrongType: attributions must have the shape (2, 5): got ()."),
        (
            lambda model, inputs: inputs * torch.nan,
            "InvalidArgument: attributions must be numbers: got NaN or infinity.",
        ),
        (lambda model, inputs: None, "WrongType: attributions must be a tensor: got NoneType."),
        (lambda model, inputs: inputs.numpy(), "WrongType: attributions must be a tensor: got ndarray."),
        (lambda model, inputs: (), "WrongType: attributions must be a tensor: got tuple."),
        (lambda model, inputs, mode: inputs, "TypeError: <lambda>() missing 1 required positional argument: 'mode'"),
    ],
    ids=["raises", "shape", "number", "nan", "none", "array", "empty", "parameter"],
)
def test_bad_methods_are_rows_with_a_reason(method: object, reason: str):
    (outcome,) = zoo.evaluate(method, models=[zoo.linear()], name="mine").outcomes
    assert outcome.verdict == "failed"
    assert outcome.reason.replace("test_evaluate.", "") == reason


def test_what_is_no_method_is_refused():
    with pytest.raises(WrongType, match=r"^method must be .*: got int"):
        zoo.evaluate(3)


def test_draws_are_the_same_each_time_and_leave_the_random_state():
    def noise(model: nn.Module, inputs: Tensor) -> Tensor:
        return torch.rand_like(inputs)

    before = torch.random.get_rng_state()
    first, second = (zoo.evaluate(noise, models=[zoo.linear()]).outcomes[0].score for _ in range(2))
    assert first == second
    assert torch.equal(before, torch.random.get_rng_state())


def test_one_attribution_for_several_elements_of_a_feature():
    def of_positions(model: nn.Module, inputs: Tensor) -> Tensor:
        return inputs[..., 1]

    (outcome,) = zoo.evaluate(of_positions, models=[zoo.copying_attention()]).outcomes
    assert outcome.verdict == "right"


def test_a_method_that_writes_into_its_arguments_spoils_nothing():
    def spoils(model: nn.Module, inputs: Tensor, baselines: Tensor) -> Tensor:
        values = inputs.clone()
        inputs.zero_()
        baselines.fill_(9)
        model.zero_grad()
        for parameter in model.parameters():
            parameter.data.zero_()
        return values

    known = zoo.linear()
    zoo.evaluate(spoils, models=[known])
    fresh = zoo.linear()
    assert torch.equal(known.inputs, fresh.inputs)
    assert torch.equal(known.baselines, fresh.baselines)
    assert torch.equal(known.model(known.inputs), fresh.model(fresh.inputs))


def test_it_prints_as_a_table():
    text = str(zoo.evaluate(gradient_times_change, models=[zoo.linear(), zoo.saturated()]))
    assert text.splitlines() == ["linear     right  1.00", "saturated  wrong  0.40"]


def test_a_model_of_ones_own():
    known = KnownModel(
        name="mine",
        tests="The first of two.",
        model=nn.Identity(),
        inputs=torch.tensor([[1.0, 2]]),
        baselines=torch.zeros(1, 2),
        target=0,
        importance=torch.tensor([[1.0, 0]]),
    )
    (outcome,) = zoo.evaluate(gradient_times_change, models=[known]).outcomes
    assert (outcome.model, outcome.verdict) == ("mine", "right")
