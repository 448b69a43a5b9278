import pytest
import torch

from beside_captum.same.compare import assert_same
from zoo.architectures import ARCHITECTURES, Example, example

pytestmark = pytest.mark.filterwarnings("ignore:attributions do not add up")  # at steep places 50 steps are few

RULES = ["gausslegendre", "riemann_left", "riemann_right", "riemann_middle"]  # riemann_trapezoid: see the differences


@pytest.mark.parametrize("n_steps", [2, 7, 50])
@pytest.mark.parametrize("method", RULES)
def test_every_rule_at_any_number_of_steps(each: Example, method: str, n_steps: int):
    arguments = {"method": method, "n_steps": n_steps, "baselines": each.draw(4), "return_convergence_delta": True}
    assert_same(
        lambda attr: attr.IntegratedGradients(each.model).attribute(each.inputs, **arguments, **each.explained),
        delta=True,
    )


@pytest.mark.parametrize("multiply_by_inputs", [True, False])
def test_with_and_without_the_factor_of_the_inputs(each: Example, multiply_by_inputs: bool):
    assert_same(
        lambda attr: attr.IntegratedGradients(each.model, multiply_by_inputs).attribute(each.inputs, **each.explained)
    )


@pytest.mark.parametrize("internal_batch_size", [4, 5, 8, 50, 1000])
def test_the_internal_batch_size_does_not_matter(each: Example, internal_batch_size: int):
    arguments = {"internal_batch_size": internal_batch_size, "n_steps": 23, "return_convergence_delta": True}
    assert_same(
        lambda attr: attr.IntegratedGradients(each.model).attribute(each.inputs, **arguments, **each.explained),
        delta=True,
    )


def test_one_step_of_gauss_legendre(each: Example):
    assert_same(lambda attr: attr.IntegratedGradients(each.model).attribute(each.inputs, n_steps=1, **each.explained))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_model_in_training_mode_is_read_as_captum_reads_it(name: str):
    trained = example(name, training=True)
    assert_same(lambda attr: attr.IntegratedGradients(trained.model).attribute(trained.inputs, **trained.explained))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_float64_is_kept(name: str):
    double = example(name, dtype=torch.float64)
    arguments = {"baselines": double.draw(1), "return_convergence_delta": True, **double.explained}
    assert_same(
        lambda attr: attr.IntegratedGradients(double.model).attribute(double.inputs, **arguments),
        delta=True,
    )


def test_inputs_of_two_dtypes_keep_each_its_own():
    a, b = example("two inputs").inputs
    assert_same(
        lambda attr: attr.IntegratedGradients(lambda a, b: a.flatten(1).sin().sum(1) * b.exp().sum(1)).attribute(
            (a, b.double()), return_convergence_delta=True
        ),
        delta=True,
    )


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8], ids=str)
def test_integers_are_explained_as_floats(dtype: torch.dtype):
    one = example("perceptron")
    inputs = (one.tensors[0] * 5).abs().to(dtype)
    assert_same(lambda attr: attr.IntegratedGradients(one.model).attribute(inputs, **one.explained))


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (-1, 1, 1)], ids=str)
def test_an_output_of_one_value_per_example_needs_no_target(shape: tuple[int, ...]):
    x = example("perceptron").inputs
    assert_same(
        lambda attr: attr.IntegratedGradients(lambda x: x.sin().sum(1).reshape(shape)).attribute(
            x, return_convergence_delta=True
        ),
        delta=True,
    )


def test_an_output_that_sums_up_the_batch_gives_the_same_attributions():
    x = example("perceptron").inputs
    assert_same(lambda attr: attr.IntegratedGradients(lambda x: x.sin().sum().reshape(1)).attribute(x))


@pytest.mark.parametrize("batch", [1, 2, 9])
def test_any_number_of_examples(batch: int):
    one = example("convolutional")
    inputs = one.draw(batch)
    assert_same(lambda attr: attr.IntegratedGradients(one.model).attribute(inputs, target=0))
