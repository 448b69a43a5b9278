import pytest
import torch

from beside_captum.same.compare import assert_same
from zoo.architectures import ARCHITECTURES, Example, example


@pytest.mark.parametrize("absolute", [True, False])
def test_saliency_is_captums(each: Example, absolute: bool):
    assert_same(lambda attr: attr.Saliency(each.model).attribute(each.inputs, abs=absolute, **each.explained))


def test_input_x_gradient_is_captums(each: Example):
    assert_same(lambda attr: attr.InputXGradient(each.model).attribute(each.inputs, **each.explained))


@pytest.mark.parametrize("method", ["Saliency", "InputXGradient"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_the_dtype_is_kept_as_captum_keeps_it(method: str, dtype: torch.dtype):
    two = example("two inputs", dtype=dtype)
    assert_same(lambda attr: getattr(attr, method)(two.model).attribute(two.inputs, **two.explained))


@pytest.mark.parametrize("method", ["Saliency", "InputXGradient"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_model_in_training_mode_is_read_as_captum_reads_it(method: str, name: str):
    trained = example(name, training=True)
    assert_same(lambda attr: getattr(attr, method)(trained.model).attribute(trained.inputs, **trained.explained))


@pytest.mark.parametrize("method", ["Saliency", "InputXGradient"])
def test_inputs_that_require_grad_or_come_from_a_graph_are_read_like_others(method: str):
    one = example("perceptron")
    leaf = one.tensors[0].clone().requires_grad_()
    for inputs in (leaf, leaf * 2):
        assert_same(lambda attr, x=inputs: getattr(attr, method)(one.model).attribute(x, **one.explained))
    assert leaf.grad is None


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 1, 1)], ids=str)
@pytest.mark.parametrize("method", ["Saliency", "InputXGradient"])
def test_an_output_of_one_value_per_example_needs_no_target(method: str, shape: tuple[int, ...]):
    x = example("perceptron").inputs
    assert_same(lambda attr: getattr(attr, method)(lambda x: x.sin().sum(1).reshape(shape)).attribute(x))


@pytest.mark.parametrize("method", ["Saliency", "InputXGradient"])
def test_an_output_that_sums_up_the_batch_is_taken_as_it_is(method: str):
    x = example("perceptron").inputs
    for forward in (lambda x: x.sin().sum().reshape(1), lambda x: x.sin().sum().reshape(1, 1)):
        assert_same(lambda attr, forward=forward: getattr(attr, method)(forward).attribute(x))
