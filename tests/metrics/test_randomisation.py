"""Metrics of random weights and of random classes: what they compare, in which order, and what they leave alone."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.model.inspection import root_modules
from pellucid.core.problem.attributions import Attributions
from pellucid.errors import InvalidArgument, NotSupported, WrongShape, WrongType
from pellucid.methods import InputXGradient, Problem, Saliency, Several
from pellucid.metrics import (
    EfficientParameterRandomisation,
    ParameterRandomisation,
    RandomLogit,
    SmoothParameterRandomisation,
)
from pellucid.metrics.randomisation.randomised_model import randomised
from pellucid.metrics.robustness.noise import Noise

OF_WEIGHTS: list[Any] = [ParameterRandomisation, SmoothParameterRandomisation, EfficientParameterRandomisation]
every_metric = pytest.mark.parametrize("metric", [*OF_WEIGHTS, RandomLogit], ids=lambda metric: metric.__name__)
of_weights = pytest.mark.parametrize("metric", OF_WEIGHTS, ids=lambda metric: metric.__name__)


class Nested(nn.Module):
    """A network in blocks: the last layer is made last, and is no part of the blocks."""

    def __init__(self, features: int = 6) -> None:
        super().__init__()
        self.stem = nn.Linear(features, 8)
        self.blocks = nn.Sequential(
            nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Sequential(nn.Linear(8, 8), nn.Tanh())
        )
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(torch.tanh(self.stem(x.flatten(1)))))


ORDER = ["stem", "blocks.0.0", "blocks.1.0", "head"]


def network() -> Nested:
    torch.manual_seed(0)
    return Nested().double()


def problem_of(model: Any, target: Any = 0) -> Problem:
    x = torch.rand(4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return Problem(model, x, target=target)


def inputs_themselves(f: ModelFunction) -> Attributions:
    return Attributions((f.x[0],))


def spearman(a: Tensor, b: Tensor) -> list[float]:
    return [
        float(stats.spearmanr(x.flatten().numpy(), y.flatten().numpy()).statistic) for x, y in zip(a, b, strict=True)
    ]


def changed_layers(model: nn.Module, other: nn.Module) -> list[str]:
    return [
        name for name in ORDER if not torch.equal(model.get_submodule(name).weight, other.get_submodule(name).weight)
    ]


@pytest.mark.parametrize(
    ("order", "names", "changed"),
    [
        ("top down", ORDER[::-1], [ORDER[3:], ORDER[2:], ORDER[1:], ORDER]),
        ("bottom up", ORDER, [ORDER[:1], ORDER[:2], ORDER[:3], ORDER]),
        ("independent", ORDER, [[name] for name in ORDER]),
        ("all at once", ["all"], [ORDER]),
    ],
)
def test_which_weights_are_random_when(order: Any, names: list[str], changed: list[list[str]]):
    model = network()
    found = [(name, changed_layers(model, problem.model)) for name, problem in randomised(problem_of(model), order, 0)]
    assert found == list(zip(names, changed, strict=True))


@pytest.mark.parametrize("order", ["top down", "bottom up", "independent", "all at once"])
def test_similarities_are_those_of_attributions_of_random_models(order: Any):
    problem, method = problem_of(network()), InputXGradient()
    attributions = method(problem)
    found = ParameterRandomisation(order=order, n_samples=3)(problem, attributions, method=method)
    draws = [
        [
            spearman(attributions.values[0], method(function_of(other)).values[0])
            for _, other in randomised(problem, order, 0, draw)
        ]
        for draw in range(3)
    ]
    of_examples = np.mean(draws, axis=1)
    np.testing.assert_allclose(found.values.numpy(), of_examples.mean(0), atol=1e-12)
    np.testing.assert_allclose(found.stderr.numpy(), of_examples.std(0, ddof=1) / math.sqrt(3), atol=1e-12)
    np.testing.assert_allclose(found.details["by_layer"].numpy(), np.mean(draws, axis=0).T, atol=1e-12)


def test_the_smooth_similarities_are_those_of_means_over_noisy_copies():
    problem, method = problem_of(network()), InputXGradient()
    found = SmoothParameterRandomisation(n_samples=3, radius=0.2)(problem, method(problem), method=method)

    def smooth(of: Problem) -> Tensor:
        ((_, (copies,)),) = Noise(0.2, 3, 0).copies(function_of(of))
        return torch.stack(
            [method(Problem(of.model, copies[number::3], target=0)).values[0] for number in range(3)]
        ).mean(0)

    own = smooth(problem)
    by_layer = [spearman(own, smooth(other)) for _, other in randomised(problem, "top down", 0)]
    np.testing.assert_allclose(found.details["by_layer"].numpy(), np.array(by_layer).T, atol=1e-12)
    np.testing.assert_allclose(found.values.numpy(), np.mean(by_layer, axis=0), atol=1e-12)


def entropy(values: Tensor, bins: int) -> float:
    shares = np.histogram(values.flatten().numpy(), bins=bins)[0] / values.numel()
    return -sum(share * math.log(share) for share in shares if share)


@pytest.mark.parametrize("bins", [3, 100])
def test_the_rise_of_complexity_is_that_of_the_entropy_of_histograms(bins: int):
    torch.manual_seed(0)
    problem = Problem(Nested(64).double(), torch.rand(3, 1, 8, 8, dtype=torch.float64), target=1)
    method = InputXGradient()
    attributions = method(problem)
    found = EfficientParameterRandomisation(bins=bins, n_samples=2)(problem, attributions, method=method)
    rises = []
    for draw in range(2):
        ((_, other),) = randomised(problem, "all at once", 0, draw)
        before, after = attributions.values[0], method(function_of(other)).values[0]
        rises.append(
            [(entropy(b, bins) - entropy(a, bins)) / entropy(a, bins) for a, b in zip(before, after, strict=True)]
        )
    np.testing.assert_allclose(found.values.numpy(), np.mean(rises, axis=0), atol=1e-9)
    np.testing.assert_allclose(found.stderr.numpy(), stats.sem(rises), atol=1e-9)
    assert found.better == "higher"


def test_random_logits_are_other_classes():
    problem, method = problem_of(network(), target=torch.tensor([0, 1, 2, -1])), InputXGradient()
    explained = method(problem)
    asked: list[list[int]] = []

    def watched(f: ModelFunction) -> Attributions:
        asked.append(torch.as_tensor(f.evaluator.target.argument(f.examples)).tolist())
        return method(f)

    found = RandomLogit(n_samples=20)(problem, explained, method=watched)
    drawn = torch.tensor(asked).T
    assert [set(classes) for classes in drawn.tolist()] == [{1, 2}, {0, 2}, {0, 1}, {0, 1}]
    similar = [
        spearman(explained.values[0], method(Problem(problem.model, problem.inputs, target=column)).values[0])
        for column in drawn.T
    ]
    np.testing.assert_allclose(found.values.numpy(), np.mean(similar, axis=0), atol=1e-12)
    np.testing.assert_allclose(found.stderr.numpy(), stats.sem(similar), atol=1e-12)


@every_metric
def test_a_method_that_ignores_the_model_is_the_same_whatever_it_is(metric: Any):
    problem = problem_of(network())
    found = metric()(problem, problem.inputs[0], method=inputs_themselves).values
    expected = 0 if metric is EfficientParameterRandomisation else 1
    np.testing.assert_allclose(found.numpy(), [expected] * 4, atol=1e-12)


@pytest.mark.parametrize("metric", [ParameterRandomisation, SmoothParameterRandomisation])
def test_slopes_of_a_trained_model_are_others_with_random_weights(metric: Any):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 2))
    x = torch.randn(200, 10)
    classes, optimizer = (x @ torch.linspace(-1, 1, 10) > 0).long(), torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), classes).backward()
        optimizer.step()
    optimizer.zero_grad()
    problem = Problem(model, x[:12], target=1)
    parameters = {} if metric is SmoothParameterRandomisation else {"n_samples": 4}
    found = metric(**parameters)(problem, Saliency()(problem), method=Saliency())
    assert abs(found.mean[0]) < 0.6
    assert found.better == "lower"


def test_weights_are_not_those_that_the_model_was_made_with():
    """The seed that users give torch most often is 0, as is that of the metric."""
    for seed in range(3):
        torch.manual_seed(seed)
        model = nn.Linear(6, 3).double()
        ((_, other),) = randomised(problem_of(model), "all at once", seed)
        assert not torch.isclose(other.model.weight, model.weight, rtol=1e-3).any()


def random_and_seen(order: Any, seed: int, draw: int = 0) -> Tensor:
    *_, (_, other) = randomised(problem_of(network()), order, seed, draw)
    return torch.cat([parameter.detach().flatten() for parameter in other.model.parameters()])


def test_draws_are_those_of_their_seed_alone():
    weights = random_and_seen("top down", 0)
    torch.rand(1)
    assert torch.equal(random_and_seen("top down", 0), weights)
    assert torch.equal(random_and_seen("all at once", 0), weights)
    assert not torch.isclose(random_and_seen("top down", 1), weights).any()
    assert not torch.isclose(random_and_seen("top down", 0, 1), weights).any()


def test_draws_of_weights_are_nobodys_else():
    problem = problem_of(network())
    state, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()
    list(randomised(problem, "top down", 0))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpys)


@of_weights
@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_was(metric: Any, fails: bool):
    model = network()
    model.stem.weight.requires_grad_(False)
    model.blocks.train()
    model.head.eval()
    model.head.register_forward_hook(lambda module, given, output: None)
    problem = problem_of(model)
    attributions = Saliency()(problem)
    weights = {name: (id(value), value.clone()) for name, value in model.state_dict(keep_vars=True).items()}
    flags = [(parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    modes = [module.training for module in model.modules()]
    hooks = [list(module._forward_hooks) for module in model.modules()]
    calls, state = 0, torch.get_rng_state()

    def method(f: ModelFunction) -> Attributions:
        nonlocal calls
        calls += 1
        if fails and f.problem.model is not model:
            raise ZeroDivisionError("in the middle")
        return Saliency()(f)

    if fails:
        with pytest.raises(ZeroDivisionError, match="in the middle"):
            metric()(problem, attributions, method=method)
    else:
        metric()(problem, attributions, method=method)
    assert calls
    for name, value in model.state_dict(keep_vars=True).items():
        assert id(value) == weights[name][0]
        assert torch.equal(value, weights[name][1])
    assert [(parameter.requires_grad, parameter.grad) for parameter in model.parameters()] == flags
    assert [module.training for module in model.modules()] == modes
    assert [list(module._forward_hooks) for module in model.modules()] == hooks
    assert torch.equal(torch.get_rng_state(), state)


class Holder:
    """An object that holds a model."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __call__(self, x: Tensor) -> Tensor:
        return self.model(x)

    def predict(self, x: Tensor) -> Tensor:
        return self.model(x)


def with_another_forward(model: nn.Module) -> nn.Module:
    forward = model.forward
    model.forward = lambda x: forward(x)  # type: ignore[method-assign]
    return model


def with_normed_weights(model: nn.Module, norm: Callable[[nn.Module], nn.Module]) -> nn.Module:
    for parent, name in ((model, "stem"), (model, "head")):
        setattr(parent, name, norm(getattr(parent, name)))
    with torch.no_grad():
        model(torch.rand(1, 6, dtype=torch.float64))
    return model


def old_norm(layer: nn.Module) -> nn.Module:
    with pytest.warns(FutureWarning):
        return nn.utils.weight_norm(layer)


FORMS: dict[str, Callable[[nn.Module], Any]] = {
    "a module": lambda model: model,
    "a bound method": lambda model: model.forward,
    "a partial": functools.partial,
    "a partial of a method": lambda model: functools.partial(model.forward),
    "within modules": lambda model: nn.Sequential(nn.Sequential(model), nn.Identity()),
    "an object": Holder,
    "a lambda": lambda model: lambda x: model(x),
    "a lambda around a lambda": lambda model: (lambda inner: lambda x: inner(x))(lambda x: model(x)),
    "a lambda around an object": lambda model: (lambda holder: lambda x: holder.model(x))(Holder(model)),
    "a lambda around a method of an object": lambda model: (lambda method: lambda x: method(x))(Holder(model).predict),
    "a lambda around a dict": lambda model: (lambda models: lambda x: models["it"](x))({"it": model}),
    "a module with another forward": with_another_forward,
    "parametrized": lambda model: with_normed_weights(model, nn.utils.parametrizations.weight_norm),
    "weight norm of old": lambda model: with_normed_weights(model, old_norm),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_models_of_all_forms_are_random_all_over_or_refused(form: Callable[[nn.Module], Any]):
    torch.manual_seed(0)
    module = network()
    model = form(module)
    problem = problem_of(model)
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        ((_, other),) = randomised(problem, "all at once", 0)
    except (NotSupported, InvalidArgument) as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert refused.startswith("model must")
        return
    x = problem.inputs[0]
    with torch.no_grad():
        assert not torch.isclose(other.model(x), model(x), rtol=0.01).any()
    learnt = [parameter for root in root_modules(model) for parameter in root.parameters()]
    random = [parameter for root in root_modules(other.model) for parameter in root.parameters()]
    assert len(learnt) == len(random) > 0
    assert not any(map(torch.equal, learnt, random))
    assert all(torch.equal(value, weights[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("form", ["a module", "a bound method", "a partial", "within modules", "an object"])
def test_models_that_can_be_copied_are_not_refused(form: str):
    problem = problem_of(FORMS[form](network()))
    found = ParameterRandomisation()(problem, Saliency()(problem), method=Saliency())
    assert found.details["by_layer"].shape == (4, 4)
    assert found.values.max() < 0.99


class Own(nn.Module):
    """Weights without a reset: a vector, and one number."""

    def __init__(self, features: int = 6) -> None:
        super().__init__()
        self.vector, self.number = nn.Parameter(torch.arange(float(features))), nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        return ((x * self.vector).sum(1) * self.number)[:, None]


def test_weights_that_no_layer_draws_are_in_another_order():
    torch.manual_seed(0)
    ((name, other),) = randomised(Problem(Own(), torch.rand(2, 6), target=0), "top down", 0)
    assert name
    assert sorted(other.model.vector.tolist()) == [0, 1, 2, 3, 4, 5]
    assert other.model.vector.tolist() != [0, 1, 2, 3, 4, 5]
    assert other.model.number.item() != 2
    for seed in range(8):
        ((_, other),) = randomised(Problem(Own(2), torch.rand(2, 2), target=0), "top down", seed)
        assert other.model.vector.tolist() == [1, 0]


def test_what_cannot_be_copied_or_has_no_weights_is_refused():
    class Locked(nn.Linear):
        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("not me")

    with pytest.raises(NotSupported, match=r"model must be one that copy.deepcopy takes.*not me"):
        list(randomised(problem_of(Locked(6, 3).double()), "top down", 0))
    for model in (nn.Identity(), lambda x: x, nn.BatchNorm1d(6, affine=False).eval()):
        with pytest.raises(InvalidArgument, match="model must have weights that can be random: got none"):
            list(randomised(problem_of(model), "top down", 0))


def test_inputs_and_arguments_are_not_copied_and_the_target_is_kept():
    model, weights = network(), torch.rand(4, 1, dtype=torch.float64)
    x = problem_of(model).inputs[0]
    problem = Problem(model, x, target=2, source="stem", additional_forward_args=())
    ((_, other),) = randomised(problem, "all at once", 0)
    assert other.inputs[0] is problem.inputs[0]
    assert function_of(other).x[0].shape == (4, 8)
    torch.testing.assert_close(function_of(other).x[0], other.model.stem(x))
    with_more = Problem(lambda x, w: x * w, x, additional_forward_args=weights)
    assert with_more.additional_forward_args[0] is weights


@of_weights
def test_layers_and_several_inputs(metric: Any):
    model = network()
    at_layer = Problem(model, problem_of(model).inputs, target=0, source="stem")
    assert metric()(at_layer, Saliency()(at_layer), method=Saliency()).values.shape == (4,)

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.nested = network()

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.nested(torch.cat([a, b.flatten(1)], 1))

    both = Problem(Two(), (torch.rand(3, 2).double(), torch.rand(3, 2, 2).double()), target=0)
    whole = Problem(both.model.nested, torch.cat([both.inputs[0], both.inputs[1].flatten(1)], 1), target=0)
    first, second = (ParameterRandomisation()(each, Saliency()(each), method=Saliency()) for each in (both, whole))
    torch.testing.assert_close(first.values, second.values)


@every_metric
def test_an_example_with_nan_is_nan_alone(metric: Any):
    problem = problem_of(network())
    attributions = Saliency()(problem).values[0].clone()

    def method(f: ModelFunction) -> Tensor:
        values = Saliency()(f).values[0].clone()
        values[: len(values) // 4] = math.nan
        return values

    expected = metric()(problem, attributions, method=Saliency()).values
    found = metric()(problem, attributions, method=method).values
    assert found[0].isnan()
    torch.testing.assert_close(found[1:], expected[1:])


def test_attributions_that_are_all_the_same_have_no_complexity():
    problem = problem_of(network())
    found = EfficientParameterRandomisation()(problem, torch.ones(4, 6), method=lambda f: torch.ones(4, 6))
    assert found.values.isnan().all()


@every_metric
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_floats(metric: Any, dtype: torch.dtype):
    problem = Problem(network().to(dtype), problem_of(network()).inputs[0].to(dtype), target=0)
    found = metric()(problem, InputXGradient()(problem), method=InputXGradient()).values
    assert found.dtype == torch.float64
    assert found.isfinite().all()


@every_metric
@pytest.mark.parametrize(
    ("parameters", "error", "match"),
    [
        ({"n_samples": 0}, InvalidArgument, "n_samples must be an integer of at least 1: got 0"),
        ({"seed": 1.5}, WrongType, "seed must be an integer"),
        ({"similarity": "mse"}, InvalidArgument, "similarity must be one of"),
        ({"order": "sideways"}, InvalidArgument, "order must be one of top down, bottom up"),
        ({"bins": 0}, InvalidArgument, "bins must be an integer of at least 1: got 0"),
        ({"radius": -1}, InvalidArgument, "radius must be a finite number above zero: got -1"),
    ],
)
def test_invalid_parameters_are_named(metric: Any, parameters: dict[str, Any], error: Any, match: str):
    if set(parameters) <= set(metric.__dataclass_fields__):
        problem = problem_of(network())
        with pytest.raises(error, match=match):
            metric(**parameters)(problem, Saliency()(problem), method=Saliency())


@of_weights
def test_weights_need_a_seed(metric: Any):
    problem = problem_of(network())
    with pytest.raises(WrongType, match="seed must be an integer"):
        metric(seed=None)(problem, Saliency()(problem), method=Saliency())


@pytest.mark.parametrize("target", [lambda output: output[:, 0], Several([0, 1]), (0,)])
def test_random_logits_need_one_class_of_several(target: Any):
    problem = problem_of(network(), target)
    if target == (0,):
        assert RandomLogit()(problem, torch.rand(4, 6), method=Saliency()).values.shape == (4,)
        return
    with pytest.raises(InvalidArgument, match="target must be"):
        RandomLogit()(problem, torch.rand(4, 6), method=Saliency())
    single = Problem(lambda x: x.sum(1, keepdim=True), torch.rand(4, 6), target=0)
    with pytest.raises(InvalidArgument, match="target must be one of several classes for RandomLogit: got 0 of 1"):
        RandomLogit()(single, torch.rand(4, 6), method=Saliency())


def test_a_method_that_returns_other_shapes_is_refused():
    problem = problem_of(network())
    for metric in (*OF_WEIGHTS, RandomLogit):
        with pytest.raises(WrongShape, match="method must return attributions like those given"):
            metric()(problem, Saliency()(problem), method=lambda f: torch.rand(len(f), 2))


def test_an_example_does_not_depend_on_others():
    problem = problem_of(network())
    for metric in (ParameterRandomisation(), EfficientParameterRandomisation(), RandomLogit()):
        together = metric(problem, InputXGradient()(problem), method=InputXGradient()).values
        apart = Problem(problem.model, problem.inputs[0][:1], target=0)
        torch.testing.assert_close(metric(apart, InputXGradient()(apart), method=InputXGradient()).values, together[:1])
