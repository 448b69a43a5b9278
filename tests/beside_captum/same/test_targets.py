from typing import Any

import pytest
import torch
from torch import Tensor, nn

from beside_captum.same.compare import Call, assert_same, assert_same_exception
from zoo.architectures import Example, example

COLUMNS = {  # of an output (4, 3)
    "an int": 1,
    "zero": 0,
    "a negative int": -1,
    "a tuple of one": (2,),
    "a tuple of one negative": (-3,),
    "a list of ints": [0, 2, 1, 1],
    "a list of tuples of one": [(0,), (2,), (1,), (1,)],
    "a list of negative tuples": [(0,), (-1,), (1,), (-2,)],
    "a tensor of one per example": torch.tensor([2, 0, 1, 1]),
    "an int32 tensor": torch.tensor([2, 0, 1, 1], dtype=torch.int32),
    "a tensor of one element": torch.tensor([2]),
    "a tensor of one negative element": torch.tensor([-1]),
    "a tensor of one element and two dimensions": torch.tensor([[2]]),
    "a tensor of no dimension": torch.tensor(1),
    "a tuple of a tensor": (torch.tensor(1),),
}
ELEMENTS = {  # of an output (4, 2, 3)
    "a tuple": (1, 2),
    "a negative tuple": (-1, -3),
    "a list of tuples": [(0, 1), (1, 2), (0, 0), (1, 1)],
    "a list of negative tuples": [(0, -1), (-1, 2), (0, 0), (1, -3)],
}
REFUSED = [  # output, target, what Captum raises
    ("columns", None, AssertionError),
    ("columns", 3, IndexError),
    ("columns", -4, IndexError),
    ("columns", (3,), IndexError),
    ("columns", (1, 0), AssertionError),
    ("columns", (), AssertionError),
    ("columns", [0, 1], AssertionError),
    ("columns", [1], AssertionError),
    ("columns", [], AssertionError),
    ("columns", [(0,), (1,), (2,), (3,)], IndexError),
    ("columns", [0.0, 1.0, 2.0, 0.0], AssertionError),
    ("columns", [[0], [1], [2], [0]], AssertionError),
    ("columns", torch.tensor([0, 1]), AssertionError),
    ("columns", torch.tensor([3]), IndexError),
    ("columns", torch.tensor([[0], [1], [2], [0]]), AssertionError),
    ("columns", torch.tensor([1.0]), AssertionError),
    ("columns", "first", AssertionError),
    ("columns", 1.0, AssertionError),
    ("elements", None, AssertionError),
    ("elements", 1, AssertionError),
    ("elements", (1,), AssertionError),
    ("elements", (2, 0), IndexError),
    ("elements", (0, -4), IndexError),
    ("elements", (0, 0, 0), AssertionError),
    ("elements", [0, 1, 1, 0], AssertionError),
    ("elements", [(0, 0), (1, 1)], AssertionError),
    ("elements", [(0, 0), (1, 1), (0, 1), (1, 3)], IndexError),
    ("elements", torch.tensor([0, 1, 1, 0]), AssertionError),
    ("elements", torch.zeros(4, 2, dtype=torch.int64), AssertionError),
]
METHODS = {
    "Saliency": lambda attr, case: attr.Saliency(case.model),
    "InputXGradient": lambda attr, case: attr.InputXGradient(case.model),
    "IntegratedGradients": lambda attr, case: attr.IntegratedGradients(case.model),
    "GradientShap": lambda attr, case: attr.GradientShap(case.model),
    "NoiseTunnel": lambda attr, case: attr.NoiseTunnel(attr.IntegratedGradients(case.model)),
}
CASES = {"columns": example("perceptron"), "elements": example("dense")}


def attributed(method: str, case: Example, target: Any) -> Any:
    """A call that explains the target."""
    arguments = {"baselines": case.draw(3)} if method == "GradientShap" else {}
    return lambda attr: METHODS[method](attr, case).attribute(case.inputs, target=target, **arguments)


@pytest.mark.parametrize("form", COLUMNS)
@pytest.mark.parametrize("method", METHODS)
def test_every_form_that_chooses_a_column(method: str, form: str):
    assert_same(attributed(method, CASES["columns"], COLUMNS[form]))


@pytest.mark.parametrize("form", ELEMENTS)
@pytest.mark.parametrize("method", METHODS)
def test_every_form_that_chooses_an_element(method: str, form: str):
    assert_same(attributed(method, CASES["elements"], ELEMENTS[form]))


@pytest.mark.parametrize("method", METHODS)
def test_a_list_of_one_is_the_target_of_a_single_example(method: str):
    one = example("perceptron")
    single = Example(one.model, one.draw(1), {})
    for target in ([1], torch.tensor([1]), [(1,)]):
        assert_same(attributed(method, single, target))


@pytest.mark.parametrize("output", CASES)
@pytest.mark.parametrize("internal_batch_size", [4, 9])
def test_targets_follow_their_examples_through_small_batches(output: str, internal_batch_size: int):
    case = CASES[output]
    target = COLUMNS["a list of ints"] if output == "columns" else ELEMENTS["a list of tuples"]
    assert_same(
        lambda attr: attr.IntegratedGradients(case.model).attribute(
            case.inputs, target=target, n_steps=10, internal_batch_size=internal_batch_size
        )
    )


@pytest.mark.parametrize(
    ("output", "target", "expected"), [pytest.param(*row, id=f"{row[0]}, {row[1]}") for row in REFUSED]
)
@pytest.mark.parametrize("method", METHODS)
def test_a_target_that_cannot_be_is_refused_with_what_captum_raises(
    method: str, output: str, target: Any, expected: type[Exception]
):
    assert_same_exception(attributed(method, CASES[output], target), expected)


class TwoRowsEach(nn.Module):
    """Twice as many rows of the output as examples, as models of nodes have that are asked for some of them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.relu = nn.Linear(3, 4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return (1 + self.relu(self.linear(x) + 1)).square().repeat_interleave(2, 0)


OF_ROWS = {
    "a tensor": torch.tensor([2, 0, 1, 1]),
    "a list": [3, 0, 1, 1],
    "a list of tuples": [(3,), (0,), (1,), (2,)],
}
ON_ROWS = {
    "Saliency": {},
    "InputXGradient": {},
    "GuidedBackprop": {},
    "IntegratedGradients": {"internal_batch_size": 2},
    "FeatureAblation": {},
    "Occlusion": {"sliding_window_shapes": (2,)},
    "ShapleyValueSampling": {},
    "ShapleyValues": {},
}


@pytest.mark.parametrize("method", ON_ROWS)
@pytest.mark.parametrize("target", OF_ROWS)
@pytest.mark.parametrize("examples", [1, 2])
def test_one_element_per_row_of_an_output_that_has_more_rows_than_examples(method: str, target: str, examples: int):
    torch.manual_seed(0)
    model, inputs, chosen = TwoRowsEach(), torch.randn(examples, 3), OF_ROWS[target][: 2 * examples]

    def call(attr: Any) -> Call:
        return getattr(attr, method)(model).attribute(inputs, target=chosen, **ON_ROWS[method])

    assert_same(call)


@pytest.mark.parametrize("target", OF_ROWS)
@pytest.mark.parametrize("examples", [1, 2])
def test_one_element_per_row_of_the_output_in_noise(target: str, examples: int):
    """Captum can tell whose they are where it takes one copy at a time."""
    torch.manual_seed(0)
    model, inputs, chosen = TwoRowsEach(), torch.randn(examples, 3), OF_ROWS[target][: 2 * examples]

    def call(attr: Any) -> Call:
        tunnel = attr.NoiseTunnel(attr.IntegratedGradients(model))
        return tunnel.attribute(inputs, nt_samples=3, nt_samples_batch_size=1, target=chosen)

    assert_same(call)
