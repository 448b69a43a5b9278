"""Every method on every model, once: what is listed here is held to all the laws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from laws import of_inputs, of_layers, of_neurons
from laws.method import Method
from zoo.specimens import SPECIMENS, Inside, Specimen, Tensors, tensors_at

METHODS = [*of_inputs.METHODS, *of_layers.METHODS, *of_neurons.METHODS]


@dataclass(frozen=True)
class Case:
    """A method on a model."""

    method: Method
    specimen: Specimen

    def arguments(self, inputs: Tensors) -> dict[str, Any]:
        """What the method is given for these inputs: the model's arguments, and baselines."""
        given = self.specimen.arguments(len(inputs[0]), inputs[0].dtype) | self.players
        if self.method.baselines is None:
            return given
        baselines = self.method.baselines(inputs)
        return given | {"baselines": baselines if len(inputs) > 1 else baselines[0]}

    @property
    def players(self) -> dict[str, Any]:
        """What it takes away at a time."""
        if self.method.players is None:
            return {}
        shapes = self.specimen.shapes if self.method.at == "inputs" else self.specimen.layer_shapes
        return self.method.players(shapes)

    @property
    def places(self) -> dict[str, Inside]:
        """The layer and the neuron that it needs."""
        return {name: getattr(self.specimen, name) for name in self.method.needs}

    @property
    def cut(self) -> bool:
        """Whether all that changes the output flows through where it attributes."""
        return self.method.at == "inputs" or (self.method.at == "layer" and self.specimen.cut)

    def tensors(self, model: nn.Module, inputs: Tensors) -> Tensors:
        """The tensors that it attributes to: the inputs, or those at a layer."""
        if self.method.at == "inputs":
            return inputs
        extra = self.specimen.arguments(len(inputs[0]), inputs[0].dtype)["additional_forward_args"]
        return tensors_at(model, inputs, getattr(self.specimen, self.method.at), extra)

    def raw(self, model: nn.Module, inputs: Tensors, **more: Any) -> Any:
        """What `attribute` returns, given a tensor where there is one input, and a tuple where there are more."""
        given = self.arguments(inputs) | self.places | more
        return self.method.call(model, inputs if len(inputs) > 1 else inputs[0], **given)

    def __call__(self, model: nn.Module, inputs: Tensors, **more: Any) -> Tensors:
        """The attributions, as a tuple."""
        return flat(self.raw(model, inputs, **more))

    def seed(self, seed: int = 3) -> dict[str, int]:
        """A seed, for a method that takes one."""
        return {"seed": seed} if self.method.stochastic else {}


def flat(found: Any) -> Tensors:
    """The tensors of what `attribute` returns, which may lie as in a layer."""
    return tuple(tree_leaves(found))


CASES = [
    Case(method, SPECIMENS[name]) for method in METHODS for name in SPECIMENS if name in (method.specimens or SPECIMENS)
]


def cases(wanted: Callable[[Case], Any] = lambda case: True, *, quick: int = len(SPECIMENS)) -> pytest.MarkDecorator:
    """Run a test on every case that is wanted.

    Args:
        wanted: Which they are.
        quick: On how many models each method is outside the large matrices. The next method begins with the next
            model, so that every law meets all models.
    """

    def case_of(case: Case, turn: int) -> Any:
        marks = [] if turn < quick else [pytest.mark.large]
        return pytest.param(case, marks=marks, id=f"{case.method.name}-{case.specimen.name}")

    chosen = []
    for number, method in enumerate(METHODS):
        of_method = [case for case in CASES if case.method is method and wanted(case)]
        chosen += [case_of(case, (turn - number) % len(of_method)) for turn, case in enumerate(of_method)]
    return pytest.mark.parametrize("case", chosen)


def damped(case: Case) -> dict[str, float]:
    """How far relevance as a changed gradient is from relevance by rules, which damp activations too, by 1e-9."""
    return {"rtol": 1e-6, "atol": 1e-8} if "LRP" in case.method.name else {"rtol": 1e-9, "atol": 1e-11}


def close(found: Tensors, expected: Tensors, rtol: float = 1e-9, atol: float = 1e-11) -> None:
    """Equal up to the order of float64 sums."""
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)
