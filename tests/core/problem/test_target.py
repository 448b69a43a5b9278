import numpy as np
import pytest
import torch
from torch import nn

from pellucid.core.evaluation.model_function import function_of
from pellucid.core.model.layers import OUTPUT, Layer, Site
from pellucid.core.problem.target import Neuron
from pellucid.core.problem.target_resolution import target_at
from pellucid.errors import InvalidArgument, OutOfRange
from pellucid.methods import Problem

EXAMPLES = 3
MATRIX = torch.arange(12.0).reshape(3, 4)
CUBE = torch.arange(24.0).reshape(3, 2, 4)

# target, output, what it chooses of examples 0, 1, 2
CHOICES = {
    "none of a vector": (None, MATRIX[:, 0], [0.0, 4.0, 8.0]),
    "int": (2, MATRIX, [2.0, 6.0, 10.0]),
    "from the end": (-1, MATRIX, [3.0, 7.0, 11.0]),
    "NumPy's int": (np.int64(2), MATRIX, [2.0, 6.0, 10.0]),
    "tensor of one": (torch.tensor(2), MATRIX, [2.0, 6.0, 10.0]),
    "tensor (1,)": (torch.tensor([2]), MATRIX, [2.0, 6.0, 10.0]),
    "tuple": ((1, -2), CUBE, [6.0, 14.0, 22.0]),
    "tensor": (torch.tensor([0, 1, -1]), MATRIX, [0.0, 5.0, 11.0]),
    "int32": (torch.tensor([0, 1, 3], dtype=torch.int32), MATRIX, [0.0, 5.0, 11.0]),
    "NumPy's array": (np.array([0, 1, 3]), MATRIX, [0.0, 5.0, 11.0]),
    "list": ([0, 1, 3], MATRIX, [0.0, 5.0, 11.0]),
    "list of tuples": ([(0, 0), (1, 1), (1, -1)], CUBE, [0.0, 13.0, 23.0]),
    "slice": (slice(1, 3), MATRIX, [3.0, 11.0, 19.0]),
    "every other": (slice(None, None, 2), MATRIX, [2.0, 10.0, 18.0]),
    "tuple of a slice": ((slice(-2, None),), MATRIX, [5.0, 13.0, 21.0]),
    "slice and int": ((slice(None), 1), CUBE, [6.0, 22.0, 38.0]),
    "int and slice": ((1, slice(0, 2)), CUBE, [9.0, 25.0, 41.0]),
    "slices": ((slice(None), slice(1, 3)), CUBE, [14.0, 46.0, 78.0]),
    "slice of rows": (slice(0, 1), CUBE, [6.0, 38.0, 70.0]),
    "callable": (lambda output: output["logits"].sum(1), {"logits": MATRIX}, [6.0, 22.0, 38.0]),
    "rows that stay rows": (0, CUBE, CUBE[:, 0].tolist()),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_target_chooses(name: str):
    target, output, expected = CHOICES[name]
    assert target_at(OUTPUT, target, EXAMPLES)(output, torch.arange(EXAMPLES)).tolist() == expected


@pytest.mark.parametrize("name", [name for name in CHOICES if name != "callable"])
def test_a_target_follows_its_rows(name: str):
    target, output, expected = CHOICES[name]
    rows = torch.tensor([2, 0, 2, 1, 1])
    assert target_at(OUTPUT, target, EXAMPLES)(output[rows], rows).tolist() == [expected[row] for row in rows]


@pytest.mark.parametrize("name", CHOICES)
def test_the_argument_of_a_sink_is_a_target_that_chooses_the_same(name: str):
    target, output, expected = CHOICES[name]
    everything = torch.arange(EXAMPLES)
    again = target_at(OUTPUT, target_at(OUTPUT, target, EXAMPLES).argument(everything), EXAMPLES)
    assert again(output, everything).tolist() == expected


def test_the_argument_of_some_rows_is_theirs():
    rows = torch.tensor([2, 2, 0])
    assert target_at(OUTPUT, [3, 1, 0], EXAMPLES).argument(rows).tolist() == [0, 0, 3]
    assert target_at(OUTPUT, [(3, 1), (1, 0), (0, 2)], EXAMPLES).argument(rows) == [(0, 2), (0, 2), (3, 1)]
    assert target_at(OUTPUT, 1, EXAMPLES).argument(rows) == 1
    assert target_at(OUTPUT, (1, 2), EXAMPLES).argument(rows) == (1, 2)
    assert target_at(OUTPUT, None, EXAMPLES).argument(rows) is None


def test_a_list_of_one_is_for_all():
    assert target_at(OUTPUT, torch.tensor([[1, 2, 3]])[0, :1], EXAMPLES)(MATRIX, torch.arange(EXAMPLES)).tolist() == [
        1.0,
        5.0,
        9.0,
    ]


LAYER = nn.Linear(4, 4)


def test_a_sink_knows_where_it_chooses_and_says_so():
    at_output, at_layer = target_at(OUTPUT, 9, EXAMPLES), target_at(Site((LAYER,)), 9, EXAMPLES)
    assert at_output.site == OUTPUT
    assert at_layer.site.modules == (LAYER,)
    with pytest.raises(OutOfRange, match=r"target 9 is beyond the output's 4 values per example \(0 to 3\)"):
        at_output(MATRIX, torch.arange(EXAMPLES))
    with pytest.raises(OutOfRange, match=r"selector 9 is beyond the layer's 4 values"):
        at_layer(MATRIX, torch.arange(EXAMPLES))


@pytest.mark.parametrize("layer", [LAYER, "0", Layer("0"), Layer(LAYER, "input")], ids=repr)
def test_a_neuron_is_a_target_at_its_layer(layer):
    problem = Problem(nn.Sequential(LAYER), MATRIX, target=Neuron(layer, slice(1, 3)))
    assert problem.target.site.modules == (LAYER,)
    assert problem.target(MATRIX, torch.arange(EXAMPLES)).tolist() == [3.0, 11.0, 19.0]
    at = MATRIX if problem.target.site.side == "input" else LAYER(MATRIX).detach()
    f = function_of(problem)
    torch.testing.assert_close(f(f.points), at[:, 1:3].sum(1))


def test_the_tensor_in_a_tuple():
    rows = torch.arange(EXAMPLES)
    assert target_at(Site((LAYER,)), 2, EXAMPLES)((MATRIX,), rows).tolist() == [2.0, 6.0, 10.0]
    assert target_at(OUTPUT, 2, EXAMPLES)((MATRIX.sum(), MATRIX), rows).tolist() == [2.0, 6.0, 10.0]
    with pytest.raises(InvalidArgument, match="model must return a tensor: got tuple"):
        target_at(OUTPUT, 2, EXAMPLES)(("a", "b"), rows)
    with pytest.raises(InvalidArgument, match="layer must return a tensor: got tuple"):
        target_at(Site((LAYER,)), 2, EXAMPLES)((MATRIX, MATRIX), rows)
    with pytest.raises(InvalidArgument, match="layer must take a tensor: got tuple"):
        target_at(Site((LAYER,), "input"), 2, EXAMPLES)((MATRIX, MATRIX), rows)
