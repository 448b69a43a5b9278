"""A user's own method, good or bad, on all models."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from pellucid import attr, methods, zoo
from pellucid.errors import InvalidArgument, WrongType
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
        (lambda model, inputs: inputs.T, "WrongType: attributions must have the shape (2, 5): got (5, 2)."),
        (lambda model, inputs: inputs[:1], "WrongType: attributions must have the shape (2, 5): got (1, 5)."),
        (
            lambda model, inputs: inputs.new_empty(2, 5, 0),
            "WrongType: attributions must have the shape (2, 5): got (2, 5, 0).",
        ),
        (
            lambda model, inputs: inputs.new_ones(2, 5, 5),
            "WrongType: attributions must have the shape (2, 5): got (2, 5, 5).",
        ),
        (lambda model, inputs: inputs + 1j, "WrongType: attributions must be real: got torch.complex64."),
        (lambda model, inputs: (value for value in inputs), "WrongType: attributions must be a tensor: got generator."),
        (lambda model, inputs, mode: inputs, "TypeError: <lambda>() missing 1 required positional argument: 'mode'"),
    ],
    ids=[
        *("raises", "shape", "number", "nan", "none", "array", "no tensor", "transposed", "batch", "empty", "jacobian"),
        *("complex", "generator", "parameter"),
    ],
)
def test_bad_methods_are_rows_with_a_reason(method: object, reason: str):
    (outcome,) = zoo.evaluate(method, models=[zoo.linear()], name="mine").outcomes
    assert outcome.verdict == "failed"
    assert outcome.reason.replace("test_evaluate.", "") == reason


def test_inputs_themselves_are_right_nowhere():
    verdicts = {outcome.verdict for outcome in zoo.evaluate(lambda model, inputs: inputs).outcomes}
    assert "right" not in verdicts


Function = Callable[[nn.Module, Tensor], object]


@pytest.mark.parametrize(
    "as_returned",
    [
        lambda values: (values,),
        lambda values: [values],
        lambda values: values.double() * 1e300,
        lambda values: values.half(),
        lambda values: values.bfloat16(),
        lambda values: values.to_sparse(),
        lambda values: nn.Parameter(values),
        lambda values: methods.Attributions((values,)),
    ],
    ids=["tuple", "list", "huge", "half", "bfloat16", "sparse", "requires_grad", "attributions"],
)
def test_forms_of_the_same_attributions(as_returned: Callable[[Tensor], object]):
    def changes(model: nn.Module, inputs: Tensor, baselines: Tensor) -> object:
        return as_returned(torch.tensor([2.0, -1, 0.5, 0, -3]) * (inputs - baselines))

    (outcome,) = zoo.evaluate(changes, models=[zoo.linear()]).outcomes
    assert (outcome.verdict, outcome.score) == ("right", 1)


class Scaled:
    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, model: nn.Module, inputs: Tensor) -> Tensor:
        return self.scale * inputs

    def also(self, model: nn.Module, inputs: Tensor) -> Tensor:
        return self(model, inputs)


def scaled(f: nn.Module, x: Tensor, target: int | None = None) -> Tensor:
    assert target == 2
    return 2 * x


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (Scaled(2), "Scaled"),
        (Scaled(2).also, "also"),
        (partial(scaled, target=2), "scaled"),
        (partial(attr.InputXGradient), "InputXGradient"),
    ],
    ids=["object", "bound", "partial", "class"],
)
def test_what_can_be_called_is_a_method(method: object, name: str):
    (outcome,) = zoo.evaluate(method, models=[zoo.linear()]).outcomes
    assert (outcome.method, outcome.verdict) == (name, "wrong" if name != "InputXGradient" else "partly")


def test_a_partial_class_keeps_its_arguments():
    (outcome,) = zoo.evaluate(
        partial(attr.IntegratedGradients, multiply_by_inputs=False), models=[zoo.linear()]
    ).outcomes
    assert (outcome.method, round(outcome.score, 2)) == ("IntegratedGradients", 0.72)


@pytest.mark.parametrize(
    ("method", "got"),
    [
        (3, r"got int\. Hint: zoo\.evaluate\(lambda"),
        (nn.Linear, r"got the class Linear\. Hint: Linear\(\.\.\.\), if"),
        (attr.Saliency(nn.Linear(2, 2)), r"got an object of Saliency\. Hint: Saliency, the class"),
    ],
    ids=["number", "class", "object"],
)
def test_what_is_no_method_is_refused(method: object, got: str):
    with pytest.raises(WrongType, match=rf"^method must be .*: {got}"):
        zoo.evaluate(method)


def test_a_quantity_that_there_is_not_is_refused():
    expected = r"^computes must be one of 'gradient', .*: got 'shapley value'\. Hint: 'Shapley values'\.$"
    with pytest.raises(InvalidArgument, match=expected):
        zoo.evaluate(gradient_times_change, computes="shapley value")


@pytest.mark.parametrize(
    ("models", "got"),
    [
        (zoo.linear(), "KnownModel"),
        ("linear", "str"),
        (["linear"], "one of str"),
        ([zoo.linear], "one of function"),
    ],
    ids=["one", "name", "names", "functions"],
)
def test_what_are_no_models_is_refused(models: object, got: str):
    with pytest.raises(WrongType, match=rf"^models must be a list of KnownModel: got {got}\. Hint: models="):
        zoo.evaluate(gradient_times_change, models=models)


def test_models_may_be_any_iterable_and_none():
    twice = (make() for make in (zoo.linear, zoo.linear))
    assert [outcome.model for outcome in zoo.evaluate(gradient_times_change, models=twice).outcomes] == ["linear"] * 2
    nothing = zoo.evaluate(gradient_times_change, models=[])
    assert (nothing.outcomes, str(nothing)) == ((), "")


def test_what_a_method_of_pellucid_s_computes_is_known_of_those_in_the_list_alone():
    models = [zoo.linear()]
    (listed,) = zoo.evaluate(methods.Saliency(abs=False), models=models).outcomes
    (absolute,) = zoo.evaluate(methods.Saliency(), models=models).outcomes
    assert (listed.exact, absolute.exact) == (True, None)
    assert absolute.verdict == "partly"


def test_a_method_around_another_needs_what_that_needs():
    method = methods.NoiseTunnel(attribution_method=methods.InputXGradient(), nt_samples=2, stdevs=0.01, seed=0)
    (outcome,) = zoo.evaluate(method, models=[zoo.deciding_word()]).outcomes
    assert (outcome.method, outcome.verdict) == ("NoiseTunnel", "right")


def test_a_function_of_interactions():
    def interactions(model: nn.Module, inputs: Tensor, target: int | None) -> Tensor:
        return methods.ShapleyInteractions(index="SII")(methods.Problem(model, inputs, target=target)).values

    models = [zoo.exclusive_or(), zoo.copying_attention()]
    exclusive_or, attention = zoo.evaluate(interactions, computes="Shapley interactions", models=models).outcomes
    assert (exclusive_or.verdict, exclusive_or.exact) == ("right", True)
    assert attention.verdict == "failed"
    assert attention.reason.startswith("WrongType: interactions must have the shape (2, 6, 6): got (2, 12, 12)")


class Marker(Exception):
    """Raised by a hook."""


def changes_the_world(model: nn.Module, inputs: Tensor) -> Tensor:
    def fail(*_: object) -> None:
        raise Marker

    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    warnings.simplefilter("error")
    torch.manual_seed(5)
    for module in model.modules():
        module.register_forward_hook(fail)
    model.train()
    return inputs


def test_global_state_is_put_back():
    known = zoo.exclusive_or()
    before = torch.get_default_dtype(), torch.is_grad_enabled(), list(warnings.filters)
    draws = torch.random.get_rng_state()
    zoo.evaluate(changes_the_world, models=[known])
    assert (torch.get_default_dtype(), torch.is_grad_enabled(), list(warnings.filters)) == before
    assert torch.equal(torch.random.get_rng_state(), draws)
    known.model(known.inputs)
    assert not known.model.training


def test_gradients_are_there_where_the_caller_has_none():
    with torch.no_grad():
        (outcome,) = zoo.evaluate(gradient_times_change, models=[zoo.linear()]).outcomes
        assert not torch.is_grad_enabled()
    assert outcome.verdict == "right"


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_passes_through(exception: type[BaseException]):
    def ends(model: nn.Module, inputs: Tensor) -> Tensor:
        torch.set_default_dtype(torch.float64)
        raise exception

    with pytest.raises(exception):
        zoo.evaluate(ends)
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AssertionError(), "AssertionError"),
        (ValueError("\n\n first\nsecond"), "ValueError: first"),
        (ValueError("y" * 3000), f"ValueError: {'y' * 185}..."),
    ],
    ids=["empty", "lines", "long"],
)
def test_reasons_are_one_line(error: Exception, reason: str):
    def fails(model: nn.Module, inputs: Tensor) -> Tensor:
        raise error

    (outcome,) = zoo.evaluate(fails, models=[zoo.linear()]).outcomes
    assert outcome.reason == reason


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
    def spoils(model: nn.Module, inputs: Tensor, baselines: Tensor, feature_mask: Tensor) -> Tensor:
        values = inputs.clone()
        inputs.zero_()
        baselines.fill_(9)
        feature_mask.zero_()
        model.zero_grad()
        for parameter in model.parameters():
            parameter.data.zero_()
        return values

    known = zoo.template_detector()
    assert zoo.evaluate(spoils, models=[known]).outcomes[0].verdict == "partly"
    fresh = zoo.template_detector()
    assert torch.equal(known.inputs, fresh.inputs)
    assert torch.equal(known.baselines, fresh.baselines)
    assert torch.equal(fresh.feature_mask.unique(), torch.arange(16))
    assert torch.equal(known.model(known.inputs), fresh.model(fresh.inputs))


def test_it_prints_as_a_table():
    text = str(zoo.evaluate(gradient_times_change, models=[zoo.linear(), zoo.saturated()]))
    assert text.splitlines() == ["linear     right  1.00", "saturated  wrong  0.40"]


def test_a_model_of_ones_own():
    (outcome,) = zoo.evaluate(gradient_times_change, models=[first_of_two()]).outcomes
    assert (outcome.model, outcome.verdict) == ("mine", "right")


def first_of_two(**changes: object) -> KnownModel:
    settings: dict[str, object] = {
        "name": "mine",
        "tests": "The first of two.",
        "model": nn.Identity(),
        "inputs": torch.tensor([[1.0, 2]]),
        "baselines": torch.zeros(1, 2),
        "target": 0,
        "importance": torch.tensor([[1.0, 0]]),
    }
    return KnownModel(**(settings | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"importance": torch.ones(1, 3)}, r"importance of 'mine' must have the shape \(1, 2\): got \(1, 3\)\."),
        ({"importance": torch.ones(2)}, r"importance of 'mine' must have the shape \(1, 2\): got \(2,\)\."),
        ({"baselines": torch.zeros(2)}, r"baselines of 'mine' must have the shape \(1, 2\): got \(2,\)\."),
        ({"feature_mask": torch.zeros(1, 3)}, r"feature_mask of 'mine' must broadcast .*\(1, 2\): got \(1, 3\)\."),
        ({"importance": torch.ones(1, 2)}, "importance of 'mine' must be larger in some features.*Hint: with unlike="),
        ({"layer": "conv"}, "layer of 'mine' must be a layer of its model: got 'conv'"),
        ({"source": ""}, "source and source_baselines of 'mine' must be given together"),
        ({"values": {"gradients": torch.ones(1, 2)}}, "values must be one of 'gradient', .*Hint: 'gradient'"),
        ({"values": {"gradient": torch.ones(2)}}, r"values of 'mine', gradient, must have the shape \(1, 2\)"),
    ],
    ids=["shape", "batch", "baselines", "mask", "order", "layer", "source", "quantity", "values"],
)
def test_a_model_that_does_not_fit_together_is_refused(changes: dict[str, object], message: str):
    with pytest.raises(InvalidArgument, match=rf"^{message}"):
        first_of_two(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": nn.Linear(2, 1, dtype=torch.float64)}, "'mine' cannot be asked about its target: mat1 and mat2"),
        ({"target": 5}, "'mine' cannot be asked about its target: index 5"),
        ({"target": None}, r"'mine' must have one output per example, or a target: got \(1, 2\)"),
    ],
    ids=["dtype", "target", "outputs"],
)
def test_a_model_that_cannot_be_asked_is_refused(changes: dict[str, object], message: str):
    with pytest.raises(InvalidArgument, match=f"^the model of {message}"):
        zoo.evaluate(gradient_times_change, models=[first_of_two(**changes)])


def test_a_model_is_asked_in_evaluation_mode():
    model = nn.Sequential(nn.Dropout(0.9), nn.Linear(2, 1))

    def is_evaluated(model: nn.Module, inputs: Tensor) -> Tensor:
        return torch.tensor([[float(not model.training), 0]])

    (outcome,) = zoo.evaluate(is_evaluated, models=[first_of_two(model=model)]).outcomes
    assert outcome.verdict == "right"
    assert model.training


def test_models_of_another_dtype():
    known = first_of_two(
        model=nn.Identity().double(),
        inputs=torch.tensor([[1, 2]], dtype=torch.float64),
        baselines=torch.zeros(1, 2, dtype=torch.float64),
        importance=torch.tensor([[True, False]]),
        values={"gradient times input": torch.tensor([[1, 0]])},
    )
    (outcome,) = zoo.evaluate(gradient_times_change, models=[known], computes="gradient times input").outcomes
    assert (outcome.verdict, outcome.exact) == ("right", True)


def test_an_importance_that_is_open_does_not_count():
    open_importance = torch.tensor([[1, 0, torch.nan]])
    known = first_of_two(inputs=torch.tensor([[1.0, 2, 3]]), baselines=torch.zeros(1, 3), importance=open_importance)
    for third in (-5.0, 0, 5):
        (outcome,) = zoo.evaluate(
            lambda model, inputs, third=third: torch.tensor([[2, 1, third]]), models=[known]
        ).outcomes
        assert outcome.score == 1


def test_models_are_the_same_whatever_the_default_dtype_is():
    torch.set_default_dtype(torch.float64)
    try:
        verdicts = [outcome.verdict for outcome in zoo.evaluate(attr.FeatureAblation).outcomes]
    finally:
        torch.set_default_dtype(torch.float32)
    assert verdicts == [outcome.verdict for outcome in zoo.evaluate(attr.FeatureAblation).outcomes]
