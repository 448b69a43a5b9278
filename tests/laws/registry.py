"""Every method on every model, once: what is listed here is held to all the laws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from laws.baselines import by_example, distribution
from laws.models import SPECIMENS, Specimen, Tensors
from pellucid import attr, methods


@dataclass(frozen=True)
class Method:
    """A method with its settings, called as `attribute` is, and what it promises.

    Args:
        name: For the tests' names.
        call: (model, inputs, **arguments) -> attributions, with deltas where asked for.
        baselines: Where it starts from, given the inputs; None where it has no such argument.
        stochastic: Whether it draws random numbers, and takes `seed` and `generator`.
        bounded: Whether it takes `internal_batch_size`.
        linear: Whether attributions of a sum of models are the sum of their attributions.
        complete: The settings under which attributions add up to F(x) - F(baseline) plus delta; None where not.
        converged: The settings under which they add up without the delta, on smooth models; None where not.
        calls: How often it calls the model where all fits into one chunk, and how many points of each example it shows.
        delta_calls: The calls that the delta adds, and the points.
        many: The setting that says how many points there are; None where it is always one.
    """

    name: str
    call: Callable[..., Any]
    baselines: Callable[[Tensors], Tensors] | None = None
    stochastic: bool = False
    bounded: bool = False
    linear: bool = False
    complete: dict[str, Any] | None = None
    converged: dict[str, Any] | None = None
    calls: tuple[int, int] = (1, 1)
    delta_calls: tuple[int, int] = (0, 0)
    many: str | None = None


def facade(make: Callable[[nn.Module], attr.Attribution], **settings: Any) -> Callable[..., Any]:
    """A method under Captum's name."""
    return lambda model, inputs, **arguments: make(model).attribute(inputs, **(settings | arguments))


def engine(make: Callable[..., Callable[..., methods.Attributions]], **settings: Any) -> Callable[..., Any]:
    """A method as a dataclass over a pathway; `make` takes those of the settings that are the dataclass's own."""
    of_the_pathway = ("target", "additional_forward_args", "internal_batch_size", "create_graph")

    def call(model: nn.Module, inputs: Tensor | Tensors, *, return_convergence_delta: bool = False, **arguments: Any):
        bound = {name: arguments.pop(name) for name in of_the_pathway if name in arguments}
        given = {"baselines": arguments.pop("baselines")} if "baselines" in arguments else {}
        if return_convergence_delta:
            given["delta"] = True
        result = make(**(settings | arguments))(methods.Pathway.of(model, inputs, **bound), **given)
        values = result.values if isinstance(inputs, tuple) else result.values[0]
        return (values, result.delta) if return_convergence_delta else values

    return call


def smooth_gradients(samples: int = 3, stdevs: float = 0.2, **arguments: Any) -> methods.NoiseTunnel:
    """Noise around noise: two methods that draw."""
    inside = methods.GradientShap(samples=2, **arguments)
    return methods.NoiseTunnel(method=inside, samples=samples, stdevs=stdevs, **arguments)


METHODS = [
    Method("Saliency", facade(attr.Saliency)),
    Method("Saliency-signed", facade(attr.Saliency, abs=False), linear=True),
    Method("InputXGradient", facade(attr.InputXGradient), linear=True),
    Method(
        "IntegratedGradients",
        facade(attr.IntegratedGradients, n_steps=5),
        baselines=by_example, bounded=True, linear=True, complete={}, converged={"n_steps": 60},
        calls=(1, 5), delta_calls=(2, 2), many="n_steps",
    ),
    Method(
        "IntegratedGradients-local",
        facade(lambda model: attr.IntegratedGradients(model, False), n_steps=4, method="riemann_trapezoid"),
        bounded=True, linear=True, calls=(1, 4), delta_calls=(2, 2), many="n_steps",
    ),
    Method(
        "GradientShap",
        facade(attr.GradientShap, n_samples=4, stdevs=0.1),
        baselines=distribution, stochastic=True, bounded=True, linear=True, complete={"stdevs": 0.0},
        calls=(1, 4), delta_calls=(2, 8), many="n_samples",
    ),
    Method(
        "NoiseTunnel-Saliency",
        facade(lambda model: attr.NoiseTunnel(attr.Saliency(model)), nt_samples=4, stdevs=0.3),
        stochastic=True, calls=(1, 4), many="nt_samples",
    ),
    Method(
        "NoiseTunnel-InputXGradient-in-calls",
        facade(lambda model: attr.NoiseTunnel(attr.InputXGradient(model)), nt_samples=5, nt_samples_batch_size=2),
        stochastic=True, linear=True, calls=(3, 5), many="nt_samples",
    ),
    Method(
        "NoiseTunnel-IntegratedGradients",
        facade(lambda model: attr.NoiseTunnel(attr.IntegratedGradients(model)), nt_samples=3, stdevs=0.2, n_steps=4),
        baselines=by_example, stochastic=True, bounded=True, linear=True,
        complete={"stdevs": 0.0}, converged={"stdevs": 0.0, "n_steps": 60},
        calls=(1, 12), delta_calls=(2, 6), many="nt_samples",
    ),
    Method(
        "NoiseTunnel-IntegratedGradients-vargrad",
        facade(
            lambda model: attr.NoiseTunnel(attr.IntegratedGradients(model)),
            nt_type="vargrad", nt_samples=4, draw_baseline_from_distrib=True, n_steps=3,
        ),
        baselines=distribution, stochastic=True, bounded=True, calls=(1, 12), delta_calls=(2, 8), many="nt_samples",
    ),
    Method(
        "NoiseTunnel-GradientShap-squared",
        facade(
            lambda model: attr.NoiseTunnel(attr.GradientShap(model)), nt_type="smoothgrad_sq", nt_samples=2, n_samples=3
        ),
        baselines=distribution, stochastic=True, bounded=True, calls=(1, 6), delta_calls=(2, 12), many="nt_samples",
    ),
    Method("methods.Saliency", engine(methods.Saliency), bounded=True),
    Method("methods.InputXGradient", engine(methods.InputXGradient), bounded=True, linear=True),
    Method(
        "methods.IntegratedGradients",
        engine(methods.IntegratedGradients, steps=5, rule="riemann_middle"),
        baselines=by_example, bounded=True, linear=True, complete={}, converged={"steps": 1500},
        calls=(1, 5), delta_calls=(2, 2), many="steps",
    ),
    Method(
        "methods.GradientShap",
        engine(methods.GradientShap, samples=4, stdevs=0.1),
        baselines=distribution, stochastic=True, bounded=True, linear=True, complete={"stdevs": 0.0},
        calls=(1, 4), delta_calls=(2, 8), many="samples",
    ),
    Method(
        "methods.NoiseTunnel-GradientShap",
        engine(smooth_gradients),
        baselines=distribution, stochastic=True, bounded=True, linear=True, complete={"stdevs": 0.0},
        calls=(1, 6), delta_calls=(2, 12), many="samples",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A method on a model."""

    method: Method
    specimen: Specimen

    def arguments(self, inputs: Tensors) -> dict[str, Any]:
        """What the method is given for these inputs: the model's arguments, and baselines."""
        given = self.specimen.arguments(len(inputs[0]), inputs[0].dtype)
        if self.method.baselines is None:
            return given
        baselines = self.method.baselines(inputs)
        return given | {"baselines": baselines if len(inputs) > 1 else baselines[0]}

    def raw(self, model: nn.Module, inputs: Tensors, **more: Any) -> Any:
        """What `attribute` returns, given a tensor where there is one input, and a tuple where there are more."""
        return self.method.call(model, inputs if len(inputs) > 1 else inputs[0], **(self.arguments(inputs) | more))

    def __call__(self, model: nn.Module, inputs: Tensors, **more: Any) -> Tensors:
        """The attributions, as a tuple."""
        found = self.raw(model, inputs, **more)
        return found if isinstance(found, tuple) else (found,)

    def seed(self, seed: int = 3) -> dict[str, int]:
        """A seed, for a method that takes one."""
        return {"seed": seed} if self.method.stochastic else {}


FEW = ("cnn", "two-inputs")
CASES = [Case(method, specimen) for method in METHODS for specimen in SPECIMENS.values()]


def cases(wanted: Callable[[Case], Any] = lambda case: True, *, few: bool = False) -> pytest.MarkDecorator:
    """Run a test on every case that is wanted; with `few`, those of most models are part of the large matrices."""

    def case_of(case: Case) -> Any:
        marks = [pytest.mark.large] if few and case.specimen.name not in FEW else []
        return pytest.param(case, marks=marks, id=f"{case.method.name}-{case.specimen.name}")

    return pytest.mark.parametrize("case", [case_of(case) for case in CASES if wanted(case)])


def close(found: Tensors, expected: Tensors, rtol: float = 1e-9, atol: float = 1e-11) -> None:
    """Equal up to the order of float64 sums."""
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)
