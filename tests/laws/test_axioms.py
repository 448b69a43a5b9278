"""The axioms that define good attributions, on random networks of random shapes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from laws.registry import METHODS, Case, Method, close
from zoo.specimens import Between, Inside, Specimen

quickly = settings(max_examples=4, deadline=None, derandomize=True)


def explains(method: Method) -> bool:
    """Whether it attributes, and to any number of examples, each a row."""
    return (method.gradient or method.players is not None) and not (method.mixes or method.spatial)


def methods(wanted: Callable[[Method], Any] = lambda method: True) -> pytest.MarkDecorator:
    """Run a test on every method that is wanted, of those that attribute."""
    chosen = [method for method in METHODS if explains(method) and method.at != "neuron" and wanted(method)]
    return pytest.mark.parametrize("method", chosen, ids=lambda method: method.name)


@dataclass(frozen=True)
class Shape:
    """The sizes of a random network and its data; the seed makes its numbers, which are never special."""

    examples: int
    inputs: int
    hidden: int
    seed: int

    def numbers(self, *shape: int, salt: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed + 1000 * salt)
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    @property
    def x(self) -> Tensor:
        return self.numbers(self.examples, self.inputs)

    def weights(self, salt: int = 1) -> tuple[Tensor, Tensor, Tensor]:
        return (
            self.numbers(self.hidden, self.inputs, salt=salt),
            self.numbers(self.hidden, salt=salt + 1),
            self.numbers(self.hidden, salt=salt + 2),
        )


shapes = st.builds(
    Shape, examples=st.integers(1, 4), inputs=st.integers(1, 4), hidden=st.integers(1, 6), seed=st.integers(0, 999)
)


def attributions(method: Method, model, x: Tensor, /, **more) -> Tensor:
    """The attributions of a function of one input; to a layer where the function starts, of a neuron where it ends."""
    start, end = Inside("start"), Inside("end", neuron=0)
    specimen = Specimen("random", nn.Identity, (tuple(x.shape[1:]),), lambda n: None, start, end, (tuple(x.shape[1:]),))
    between = model if not method.needs else Between(model)
    (found,) = Case(method, specimen)(between, (x,), **({"seed": 8} if method.stochastic else {}), **more)
    return found


@methods(lambda method: method.complete is not None)
@quickly
@given(shape=shapes)
def test_completeness_is_exact_for_linear_functions(method: Method, shape: Shape):
    weight, start = shape.numbers(shape.inputs, salt=1), shape.numbers(1, shape.inputs, salt=2)
    found = attributions(method, lambda x: x @ weight + 3, shape.x, baselines=start, **method.complete)
    close((found.sum(1),), ((shape.x - start) @ weight,))


@quickly
@given(shapes)
def test_integrated_gradients_of_five_points_are_exact_for_polynomials_of_degree_nine(shape: Shape):
    method = next(method for method in METHODS if method.name == "IntegratedGradients")
    direction, start = shape.numbers(shape.inputs, salt=1) / 3, shape.numbers(1, shape.inputs, salt=2)

    def polynomial(x: Tensor) -> Tensor:
        return (x @ direction) ** 9 + (x**3).sum(1)

    found = attributions(method, polynomial, shape.x, baselines=start)
    close((found.sum(1),), (polynomial(shape.x) - polynomial(start),), rtol=1e-8, atol=1e-8)


# Least squares over coalitions round; test_kernel_shap has what the network ignores.
@methods(lambda method: method.shaped and not (method.surrogate or method.noisy or "KernelShap" in method.name))
@quickly
@given(shape=shapes, data=st.data())
def test_dummy_what_the_network_ignores_gets_nothing(method: Method, shape: Shape, data: st.DataObject):
    ignored = data.draw(st.integers(0, shape.inputs - 1))
    first, bias, last = shape.weights()
    first[:, ignored] = 0
    found = attributions(method, lambda x: torch.tanh(x @ first.T + bias) @ last, shape.x)
    # Rows of one matrix may round apart: in a sum of some ten terms, the largest together `last`, of some ten rows.
    rounding = 100 * torch.finfo(last.dtype).eps * last.abs().sum()
    assert found[:, ignored].abs().max() <= (0 if method.gradient else rounding)
    assert found.any() or shape.inputs == 1


@methods(lambda method: method.linear)
@quickly
@given(shape=shapes, a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_linearity_in_the_model(method: Method, shape: Shape, a: float, b: float):
    first, bias, last = shape.weights()
    frequency = shape.numbers(shape.inputs, salt=7)

    def one(x: Tensor) -> Tensor:
        return torch.tanh(x @ first.T + bias) @ last

    def other(x: Tensor) -> Tensor:
        return torch.sin(x @ frequency)

    separately = a * attributions(method, one, shape.x) + b * attributions(method, other, shape.x)
    close((attributions(method, lambda x: a * one(x) + b * other(x), shape.x),), (separately,), atol=1e-10)


@methods(lambda method: not method.of_calls)
@quickly
@given(shape=shapes, random=st.randoms(use_true_random=False))
def test_implementation_invariance(method: Method, shape: Shape, random):
    first, bias, last = shape.weights()
    order = random.sample(range(shape.hidden), shape.hidden)
    scale = shape.numbers(shape.hidden, salt=9).exp()
    module = nn.ReLU()

    def network(x: Tensor) -> Tensor:
        return module(x @ first.T + bias) @ last

    def the_same_written_otherwise(x: Tensor) -> Tensor:
        """Units in another order, larger before and smaller after a ReLU that is no call of one."""
        before = functional.linear(x, first[order] * scale[:, None], bias[order] * scale)
        return ((before + before.abs()) / 2) @ (last[order] / scale)

    torch.testing.assert_close(network(shape.x), the_same_written_otherwise(shape.x), rtol=1e-9, atol=1e-9)
    close(
        (attributions(method, network, shape.x),),
        (attributions(method, the_same_written_otherwise, shape.x),),
        rtol=1e-8, atol=1e-9,
    )  # fmt: skip
