"""Several targets at once: what one target after another has, from the forwards of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from laws.counting import Counted
from laws.registry import Case, cases, close, damped, flat
from laws.test_calls import EXAMPLES, without_row_checks
from pellucid import attr
from pellucid.methods import Neuron, Problem, Saliency, Several


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


@cases(of_output, quick=1)
def test_targets_have_what_each_has_alone(case: Case):
    at_once, alone = of_targets(case)
    expected = tuple(torch.stack(pair, 1) for pair in zip(*map(flat, alone), strict=True))
    close(flat(at_once), expected, **damped(case))


@cases(lambda case: case.method.complete is not None and case.method.of_output, quick=1)
def test_deltas_are_one_for_each_target(case: Case):
    (_, deltas), alone = of_targets(case, return_convergence_delta=True, **case.method.complete)
    close((deltas,), (torch.stack([delta for _, delta in alone], 1),), atol=1e-9)


def counted(case: Case, **more: Any) -> Counted:
    model = Counted(case.specimen.model())
    with without_row_checks():
        case.raw(model, case.specimen.inputs(EXAMPLES), **case.seed(), **more)
    return model


@cases(of_output, quick=1)
def test_targets_share_their_forwards(case: Case):
    one, two = counted(case, target=oscillating), counted(case, target=None, targets=[oscillating, oscillating])
    assert two.rows == one.rows
    assert two.backwards == 2 * one.backwards


class TestRow9:
    """Many targets at once, and outputs of many values: issues 119, 139, 612, 708, 925, 1201 and others."""

    CLASSES = 20
    X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))

    @pytest.fixture
    def model(self) -> Counted:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Counted(nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, self.CLASSES)))

    @pytest.mark.parametrize("name", ["Saliency", "IntegratedGradients", "DeepLift", "FeatureAblation", "KernelShap"])
    def test_all_classes_take_the_forwards_of_one(self, model: Counted, name: str):
        attribution = getattr(attr, name)(model)
        more = {"seed": 0} if name == "KernelShap" else {}
        attribution.attribute(self.X, target=0, **more)  # which looks whether rows interact
        model.forget()
        loop = torch.stack([attribution.attribute(self.X, target=k, **more) for k in range(self.CLASSES)], 1)
        forwards, backwards = len(model.rows), model.backwards
        model.forget()
        at_once = attribution.attribute(self.X, targets="all", **more)
        torch.testing.assert_close(at_once, loop, rtol=1e-6, atol=1e-6)
        assert len(model.rows) * self.CLASSES == forwards
        assert model.backwards == backwards

    def test_neurons_of_a_whole_layer_are_explained_in_one_call(self):
        model = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))
        counted = Counted(model)
        problem = Problem(counted, self.X, target=Neuron(model[1], Several("all")))
        (jacobian,) = Saliency(abs=False)(problem).values
        expected = (1 - model[1](model[0](self.X)) ** 2)[:, :, None] * model[0].weight
        torch.testing.assert_close(jacobian, expected)
        assert len(counted.rows) == 1

    def test_blocks_hold_fewer_rows_where_there_are_many_targets(self):
        """The gradients of all targets are held at once, besides what autograd saves."""
        rows: dict[str, list[int]] = {}
        for name, targets in {"one": [0], "all": "all"}.items():
            model = Counted(nn.Sequential(nn.Flatten(), nn.Linear(3072, 200)))
            x = torch.zeros(2, 3, 32, 32)
            attr.IntegratedGradients(model).attribute(x, targets=targets, n_steps=200)
            rows[name] = model.rows
        assert max(rows["all"][2:]) < max(rows["one"][1:])
        assert sum(rows["all"]) == sum(rows["one"])

    @pytest.mark.parametrize("nt_samples_batch_size", [None, 2])
    def test_noise_is_the_same_for_all_targets(self, model: Counted, nt_samples_batch_size: int | None):
        tunnel = attr.NoiseTunnel(attr.Saliency(model))
        settings = {"stdevs": 0.5, "nt_samples_batch_size": nt_samples_batch_size}

        def smooth(**target: Any) -> Tensor:
            with torch.random.fork_rng():
                torch.manual_seed(1)
                return tunnel.attribute(self.X, **settings, **target)

        torch.testing.assert_close(smooth(targets=[3, 5])[:, 1], smooth(target=5))
