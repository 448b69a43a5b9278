"""What `repr` says: one line of what a person wants to know, and nothing of what tensors and modules hold."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pellucid.core
from pellucid import attr, methods
from pellucid.attr.lrp_rules import EpsilonRule
from pellucid.core.evaluation.model_function import function_of
from pellucid.core.games.features import Features
from pellucid.core.summaries import LONGEST, Summarized, summary
from pellucid.methods import Background, Composite, Epsilon, Gamma, Layer, Neuron, Options, Problem, Session, ZBox
from pellucid.rules import Decompose, Rules, TorchCall, apply


class Block(nn.Module):
    """A residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.second(self.relu(self.first(x))))


class ResNet(nn.Module):
    """A model whose own `repr` is a page."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.layer1 = nn.Conv2d(3, 4, 3), nn.Sequential(*(Block() for _ in range(8)))
        self.fc = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer1(self.stem(x)).mean((2, 3)))


def weigh(*arguments: Any, **more: Any) -> float:
    return 1.0


@dataclasses.dataclass
class Pair:
    """A dataclass of a user's."""

    left: Any
    right: Any


Named = namedtuple("Named", "tensor")

torch.manual_seed(0)
NET, X, ROWS = ResNet().eval(), torch.rand(2, 3, 8, 8), torch.rand(5, 4)
SMALL = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
OF_ROWS = Problem(SMALL, ROWS, target=[0, 1, 0, 1, 1])

METHODS = {
    "IntegratedGradients()": methods.IntegratedGradients(n_steps=50),
    "IntegratedGradients(n_steps=20, method='riemann_left')": methods.IntegratedGradients(
        method="riemann_left", n_steps=20
    ),
    "GradientShap(stdevs=(0.1, 0.2), generator=Generator)": methods.GradientShap(
        stdevs=(0.1, 0.2), generator=torch.Generator()
    ),
    "GradientShap(seed=[0, 1, 2, 3, 4, 5, ...])": methods.GradientShap(seed=list(range(1000))),
    "NoiseTunnel(attribution_method=Saliency(abs=False), stdevs=0.5)": methods.NoiseTunnel(
        attribution_method=methods.Saliency(abs=False), stdevs=0.5
    ),
    "OwenValues(groups=(int64 [4000], int64 [3]))": methods.OwenValues(
        groups=(torch.arange(4000), torch.arange(3))
    ),
    "Lime(interpretable_model=Lasso(alpha=0.5), perturb_func=partial(weigh))": methods.Lime(
        perturb_func=functools.partial(weigh, 3), interpretable_model=methods.Lasso(alpha=0.5)
    ),
    "GradCam(reshape_transform=<lambda>)": methods.GradCam(reshape_transform=lambda tensor: tensor),
    "LRP(composite=Composite(layers={'layer1': Epsilon(epsilon=0.1), Conv2d: Gamma(), ResNet: Flat()}))": methods.LRP(
        composite=Composite({"layer1": Epsilon(0.1), nn.Conv2d: Gamma(), NET: methods.Flat()})
    ),
    "ZBox(low=float32 [3, 8, 8], high=1)": ZBox(low=torch.zeros(3, 8, 8), high=1),
}  # fmt: skip

PROBLEMS = {
    "Problem(ResNet, float32 [2, 3, 8, 8], target=3)": Problem(NET, X, target=3),
    "Problem(ResNet.forward, float32 [2, 3, 8, 8], target=weigh)": Problem(NET.forward, X, target=weigh),
    "Problem(<lambda>, (float32 [5, 4], int64 [5, 4]), additional_forward_args=(float32 [5, 4], 'word'))": Problem(
        lambda *inputs: inputs[0], (ROWS, ROWS.long()), additional_forward_args=(ROWS, "word")
    ),
    "Problem(Sequential, float32 [5, 4], target=int64 [5])": OF_ROWS,
    "Problem(ResNet, float32 [2, 3, 8, 8], target=(1, slice(0, 2, None)), source='layer1' (Sequential))": Problem(
        NET, X, target=(1, slice(0, 2)), source=NET.layer1
    ),
    "Problem(ResNet, float32 [2, 3, 8, 8], target=Neuron(layer='fc' (Linear), selector=3), "
    "gradient_at=['layer1.0' (Block), 'layer1.1' (Block)])": Problem(
        NET, X, target=Neuron("fc", 3), gradient_at=["layer1.0", NET.layer1[1]]
    ),
    "Problem(ResNet, float32 [2, 3, 8, 8], source=Layer(module='layer1.0.relu' (ReLU), side='input', call=0), "
    "options=Options(replay=False))": Problem(
        NET, X, source=Layer("layer1.0.relu", "input", 0), options=Options(replay=False)
    ),
    "Problem(ResNet, float32 [2, 3, 8, 8], source=ResNet)": Problem(NET, X, source=NET),
}  # fmt: skip

PARTS = {
    "Layer(module=[Sequential, 'fc'], side='input')": Layer([NET.layer1, "fc"], side="input"),
    "Neuron(layer=Layer(module=Linear, side='input'), selector=int64 [4])": Neuron(
        Layer(NET.fc, "input"), torch.arange(4)
    ),
    "Options()": Options(),
    "Options(internal_batch_size=8, gradient_function=weigh)": Options(internal_batch_size=8, gradient_function=weigh),
    "Background(rows=float32 [5, 4])": Background(ROWS),
    "Features(count=4, masks=(int64 [1, 4],), ids=int64 [4])": Features.of((ROWS,), None),
    "Site(modules=(Sequential,))": Problem(NET, X, source="layer1").source,
    "Site(side='input')": Problem(NET, X).source,
    "SameIndex(site=Site(), index=(3,))": Problem(NET, X, target=3).target,
    "IndexPerExample(site=Site(), index=int64 [5, 1], examples=5)": OF_ROWS.target,
    "TargetFunction(site=Site(modules=(Linear,)), function=weigh)": Problem(NET, X, target=Neuron("fc", weigh)).target,
    "Session(Problem(Sequential, float32 [5, 4], target=int64 [5]))": Session(OF_ROWS),
    "Points(tensors=(float32 [5, 4],), examples=int64 [5])": function_of(OF_ROWS).points,
    "Rules(functions={'relu': weigh, 'softmax': Decompose(function=weigh)})": Rules(
        {"relu": weigh, "softmax": Decompose(weigh)}
    ),
}  # fmt: skip

FACADE = {
    "IntegratedGradients(ResNet)": attr.IntegratedGradients(NET),
    "IntegratedGradients(<lambda>, multiply_by_inputs=False)": attr.IntegratedGradients(lambda x: x, False),
    "LRP(ResNet)": attr.LRP(NET),
    "DeepLift(ResNet, eps=0.1)": attr.DeepLift(NET, eps=0.1),
    "KernelShap(ResNet.forward)": attr.KernelShap(NET.forward),
    "Lime(ResNet, interpretable_model=Lasso(), similarity_func=ExponentialKernel(), "
    "perturb_func=bernoulli_half)": attr.Lime(NET),
    "FeaturePermutation(ResNet, perm_func=weigh)": attr.FeaturePermutation(NET, weigh),
    "LayerConductance(ResNet, layer='layer1' (Sequential), call=0)": attr.LayerConductance(NET, NET.layer1, call=0),
    "NeuronGradient(ResNet, layer='fc')": attr.NeuronGradient(NET, "fc"),
    "GuidedGradCam(ResNet, layer='stem' (Conv2d))": attr.GuidedGradCam(NET, NET.stem),
    "NoiseTunnel(LayerActivation(ResNet, layer=['stem' (Conv2d), 'fc']))": attr.NoiseTunnel(
        attr.LayerActivation(NET, [NET.stem, "fc"])
    ),
    "EpsilonRule()": EpsilonRule(),
}  # fmt: skip

SHOWN = METHODS | PROBLEMS | PARTS | FACADE


@pytest.mark.parametrize("expected", SHOWN)
def test_what_objects_look_like(expected: str):
    assert repr(SHOWN[expected]) == expected


RESULTS: dict[str, Callable[[], Any]] = {
    "Attributions(values=(float32 [5, 4],), delta=float32 [5])": lambda: methods.IntegratedGradients()(
        OF_ROWS, return_convergence_delta=True
    ),
    "Attributions(values=(float32 [5, 4],), stderr=(float32 [5, 4],), n_evaluations=int64 [5], converged=bool [5])": (
        lambda: methods.GradientShap(n_samples="auto", tolerance=1)(OF_ROWS, ROWS)
    ),
    "Attributions(values=(float32 [2, 4, 6, 6],), structure=TensorTree(Tensor))": lambda: methods.Saliency()(
        Problem(NET, X, target=3, source="layer1")
    ),
    "Attributions(values=(float32 [2, 4, 6, 6], float32 [2, 10]), structure=TensorTree(list, tensors=2))": (
        lambda: methods.Activation()(Problem(NET, X, target=3, source=["layer1", "fc"]))
    ),
    "Interactions(values=float32 [5, 4, 4], features=int64 [4])": lambda: methods.ShapleyInteractions()(OF_ROWS),
    "Conservation(explained=float64 [5], relevance=float64 [5], calls=tuple of 3)": (
        lambda: methods.LRP().conservation(OF_ROWS)
    ),
}  # fmt: skip


@pytest.mark.parametrize("expected", RESULTS)
def test_what_results_look_like(expected: str):
    assert repr(RESULTS[expected]()) == expected


def test_what_a_call_looks_like_to_a_rule():
    shown = []

    def rule(call: TorchCall, gradient: Tensor) -> tuple[Tensor, ...]:
        shown.append(repr(call))
        return (gradient,)

    x = ROWS.clone().requires_grad_()
    with apply(Rules({"relu": rule})):
        value = SMALL(x).sum()
    torch.autograd.grad(value, x)
    (only,) = shown
    assert only.startswith("TorchCall(function=relu, leaves=[float32 [5, 3], False], input_positions=(0,), module=ReLU")


def test_a_function_of_points_is_a_line():
    shown = repr(function_of(PROBLEMS["Problem(ResNet, float32 [2, 3, 8, 8], target=3)"]))
    assert shown.startswith("ModelFunction(evaluator=Evaluator(session=Session(Problem(ResNet, float32 [2, 3, 8, 8], ")
    assert "\n" not in shown
    assert len(shown) < 400


VALUES = {
    "float64 [3, 2]": np.zeros((3, 2)),
    "float32 []": torch.tensor(3.0),
    "float32 [3]": nn.Parameter(torch.ones(3)),
    "Linear": nn.Linear(2, 3),
    "Conv2d": nn.Conv2d,
    "relu": torch.relu,
    "append": [].append,
    "Pair": Pair(torch.ones(3), NET),
    "Pair(left=1, right='a')": Pair(1, "a"),
    "Named": Named(torch.ones(3)),
    "object": object(),
    "Generator": torch.Generator(),
    "str": "word " * 100,
    "set": set(range(1000)),
    "(float32 [1],)": (torch.ones(1),),
    "[]": [],
    "{'a': {1: [None, 2.5]}}": {"a": {1: [None, 2.5]}},
    "[0, 1, 2, 3, 4, 5, ...]": list(range(7)),
    "(0, 1, 2, 3, 4, 5)": tuple(range(6)),
    "{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, ...}": {number: number for number in range(1000)},
    "list of 9": ["word " * 20] * 9,
    "[object, object]": [object(), object()],
    "slice(1, 2, None)": slice(1, 2),
}


@pytest.mark.parametrize("expected", VALUES)
def test_what_values_look_like(expected: str):
    assert summary(VALUES[expected]) == expected
    assert len(expected) <= LONGEST


class TestSubclasses:
    """What users derive from ours says its own fields."""

    def test_a_rule(self):
        @dataclasses.dataclass(frozen=True)
        class Doubled(methods.Gamma):
            factor: float = 2.0

        assert repr(Doubled()) == "Doubled()"
        assert repr(Doubled(gamma=0.5, factor=3.0)) == "Doubled(gamma=0.5, factor=3.0)"

    def test_a_rule_that_is_no_dataclass(self):
        class Passed(methods.LayerRule):
            def __call__(self, call: TorchCall, relevance: Tensor) -> tuple[Tensor, ...]:
                return (relevance,)

        assert repr(Passed()) == "Passed()"

    def test_a_repr_of_its_own(self):
        class Loud:
            def __repr__(self) -> str:
                return "LOUD"

        class Mixed(Loud, methods.LayerRule):
            def __call__(self, call: TorchCall, relevance: Tensor) -> tuple[Tensor, ...]:
                return (relevance,)

        assert repr(Mixed()) == summary(Mixed()) == "LOUD"

    def test_a_field_of_tensors_with_a_default(self):
        @dataclasses.dataclass(frozen=True, eq=False)
        class Shifted(Summarized):
            shift: Tensor = torch.zeros(3)  # noqa: RUF009

        assert repr(Shifted()) == "Shifted()"
        assert repr(Shifted(torch.zeros(3))) == "Shifted(shift=float32 [3])"

    def test_a_class_of_captum_s_that_takes_something_else(self):
        class OfANet(attr.LayerActivation):
            def __init__(self, *names: str) -> None:
                super().__init__(NET, list(names))

        assert repr(OfANet("stem", "fc")) == "OfANet(ResNet, layer=['stem', 'fc'])"

    def test_a_class_of_captum_s_that_is_not_made_yet(self):
        assert repr(attr.LayerConductance.__new__(attr.LayerConductance)).startswith("LayerConductance(None")


def engine() -> Iterator[type]:
    """The dataclasses of core and methods."""
    for package in (pellucid.core, pellucid.methods):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for value in vars(module).values():
                if inspect.isclass(value) and dataclasses.is_dataclass(value) and value.__module__ == module.__name__:
                    yield value


def test_no_dataclass_of_the_engine_shows_what_tensors_hold():
    classes = set(engine())
    assert len(classes) > 80
    assert [cls for cls in classes if not issubclass(cls, Summarized)] == []
    own = {cls.__name__ for cls in classes if cls.__repr__ is not Summarized.__repr__}
    assert own == {"Problem", "TensorTree"}
