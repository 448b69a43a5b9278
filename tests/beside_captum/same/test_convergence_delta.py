import pytest

from beside_captum.same.compare import assert_same, assert_same_exception
from zoo.architectures import example

CASE = example("perceptron")


def delta(attr, attributions, start_point, end_point, method="IntegratedGradients", **arguments):
    """The deltas of `compute_convergence_delta` as a column, as attributions of one feature."""
    explain = getattr(attr, method)(CASE.model)
    return explain.compute_convergence_delta(attributions, start_point, end_point, **arguments)[:, None]


@pytest.mark.parametrize(
    "method", ["GradientAttribution", "Saliency", "InputXGradient", "IntegratedGradients", "GradientShap"]
)
def test_every_gradient_method_measures_it(method: str):
    found, start = CASE.draw(4), CASE.draw(1)
    assert_same(lambda attr: delta(attr, found, start, CASE.inputs, method, target=1))


def test_attributions_need_only_as_many_examples_as_the_inputs():
    found = CASE.draw(4)[:, :2]
    assert_same(lambda attr: delta(attr, found, 0, CASE.inputs, target=[0, 1, 2, 0]))


def test_many_samples_of_every_example_are_measured_one_by_one():
    found, start, end = CASE.draw(12), CASE.draw(12) * 0.1, CASE.draw(12) * 2
    assert_same(lambda attr: delta(attr, found, start, end, target=0))


def test_without_a_target_all_outputs_are_added_up():
    found = CASE.draw(4)
    assert_same(lambda attr: delta(attr, found, 0, CASE.inputs))


@pytest.mark.parametrize(
    ("attributions", "start_point", "target", "expected"),
    [
        (CASE.draw(3), 0, 0, AssertionError),
        ([CASE.draw(4)], 0, 0, AssertionError),
        (CASE.draw(4), CASE.draw(2), 0, AssertionError),
        (CASE.draw(4), 0, [0, 1], AssertionError),
        (CASE.draw(4), 0, 5, IndexError),
    ],
    ids=["fewer attributions", "a list", "other baselines", "a short target", "a target beyond"],
)
def test_what_cannot_be_measured_is_refused(attributions, start_point, target, expected):
    assert_same_exception(lambda attr: delta(attr, attributions, start_point, CASE.inputs, target=target), expected)
