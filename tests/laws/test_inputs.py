"""Inputs that are not (B, features) of floats: (B,), ids beside floats, none at all, sparse, packed; and baselines."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from laws.registry import close
from pellucid import attr, methods
from pellucid.errors import InvalidArgument, NotDifferentiable, PellucidWarning

Call = Callable[[Callable[..., Any], Any], Any]


def seeded(call: Callable[[], Any]) -> Any:
    torch.manual_seed(0)
    return call()


METHODS: dict[str, Call] = {
    "Saliency": lambda f, x: attr.Saliency(f).attribute(x),
    "InputXGradient": lambda f, x: attr.InputXGradient(f).attribute(x),
    "IntegratedGradients": lambda f, x: attr.IntegratedGradients(f).attribute(x),
    "DeepLift": lambda f, x: attr.DeepLift(f).attribute(x),
    "GuidedBackprop": lambda f, x: attr.GuidedBackprop(f).attribute(x),
    "LRP": lambda f, x: attr.LRP(f).attribute(x),
    "NoiseTunnel": lambda f, x: attr.NoiseTunnel(attr.Saliency(f)).attribute(x),
    "FeatureAblation": lambda f, x: attr.FeatureAblation(f).attribute(x),
    "FeaturePermutation": lambda f, x: attr.FeaturePermutation(f).attribute(x),
    "ShapleyValueSampling": lambda f, x: attr.ShapleyValueSampling(f).attribute(x),
    "ShapleyValues": lambda f, x: attr.ShapleyValues(f).attribute(x),
    "KernelShap": lambda f, x: attr.KernelShap(f).attribute(x),
    "Lime": lambda f, x: attr.Lime(f).attribute(x),
}
OF_MANY: dict[str, Call] = {
    "DeepLiftShap": lambda f, x: attr.DeepLiftShap(f).attribute(x, tuple(each.repeat(2, *_ones(each)) for each in x)),
    "GradientShap": lambda f, x: attr.GradientShap(f).attribute(x, tuple(each * 0 for each in x), seed=0),
}


def _ones(tensor: Tensor) -> list[int]:
    return [1] * (tensor.ndim - 1)


class Table(nn.Module):
    """A network of columns, each an input of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.head = nn.Linear(2, 4), nn.Linear(4, 1)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        columns = torch.stack([one.reshape(len(one)), other.reshape(len(one))], 1)
        return self.head(torch.tanh(self.linear(columns)))[:, 0]


@pytest.fixture
def columns() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(3), torch.randn(3)


@pytest.fixture
def table() -> Table:
    torch.manual_seed(0)
    return Table()


@pytest.mark.parametrize("name", METHODS | OF_MANY)
def test_one_number_for_each_example_is_a_row_of_one(name: str, table: Table, columns: tuple[Tensor, Tensor]):
    call = (METHODS | OF_MANY)[name]
    found = seeded(lambda: call(table, columns))
    expected = seeded(lambda: call(table, tuple(each[:, None] for each in columns)))
    close(found, tuple(each[:, 0] for each in expected), rtol=1e-5, atol=1e-6)


def test_a_window_over_one_number(table: Table, columns: tuple[Tensor, Tensor]):
    found = attr.Occlusion(table).attribute(columns, ((), ()))
    close(found, attr.FeatureAblation(table).attribute(columns), rtol=1e-5, atol=1e-6)
    close((attr.Occlusion(lambda x: x**2).attribute(columns[0], ()),), (columns[0] ** 2,), rtol=1e-5, atol=1e-6)


EMPTY = [(0,), (3, 0), (0, 2)]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("shape", EMPTY, ids=str)
@pytest.mark.parametrize("name", METHODS)
def test_a_tensor_without_elements_stands_beside_others(name: str, shape: tuple[int, ...], first: bool):
    torch.manual_seed(0)
    x, empty = torch.randn(3, 2), torch.zeros(shape)

    def alone(x: Tensor) -> Tensor:
        return (x @ torch.tensor([2.0, -1.0])).exp()

    def beside(*inputs: Tensor) -> Tensor:
        return alone(inputs[first]) + inputs[not first].sum()

    found = seeded(lambda: METHODS[name](beside, (empty, x) if first else (x, empty)))
    assert found[not first].shape == shape
    if name not in ("NoiseTunnel", "FeaturePermutation", "Lime", "KernelShap"):  # whose draws are others
        close((found[first],), (seeded(lambda: METHODS[name](alone, x)),), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", EMPTY, ids=str)
def test_windows_over_a_tensor_without_elements(shape: tuple[int, ...]):
    x, empty = torch.randn(3, 2), torch.zeros(shape)

    def forward(x: Tensor, empty: Tensor) -> Tensor:
        return x.square().sum(1) + empty.sum()

    found = attr.Occlusion(forward).attribute((x, empty), ((1,), (1,) * (len(shape) - 1)))
    close(found, (x.square(), empty), rtol=1e-5, atol=1e-5)


def test_values_of_a_sparse_feature_change_places_among_themselves():
    x, values = torch.randn(4, 2), torch.arange(1.0, 7).view(6, 1)

    def forward(x: Tensor, values: Tensor) -> Tensor:
        return (values[:, 0] * torch.arange(6)).sum()[None] + x.sum()

    found = attr.FeaturePermutation(forward).attribute((x, values), perturbations_per_eval=1)
    assert found[1].shape == (1, 1)
    assert found[1].item() > 0  # they are in the order that gives the most
    with pytest.warns(PellucidWarning, match=r"inputs\[1\] has one row"):
        alone = attr.FeaturePermutation(forward).attribute((x, values[:1].expand(1, 1) * 0))
    assert alone[1].item() == 0


class Categories(nn.Module):
    """Numbers beside an id."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.mix, self.head = nn.Embedding(10, 4), nn.Linear(6, 8), nn.Linear(8, 2)

    def forward(self, numbers: Tensor, ids: Tensor) -> Tensor:
        mixed = self.mix(torch.cat([numbers, self.embedding(ids).mean(1)], 1))
        return self.head(torch.relu(mixed)).tanh()


def categories() -> tuple[Categories, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    inputs = torch.randn(3, 2), torch.randint(1, 10, (3, 2))
    return Categories(), inputs, (torch.zeros(3, 2), torch.zeros(3, 2, dtype=torch.int64))


def change(net: Categories, inputs: Any, baselines: Any) -> Tensor:
    with torch.no_grad():
        return (net(*inputs) - net(*baselines))[:, 1]


@pytest.mark.parametrize("layer", ["mix", "embedding"])
@pytest.mark.parametrize("name", ["LayerDeepLift", "LayerDeepLiftShap"])
def test_ids_stay_ids_beside_numbers_in_contributions(name: str, layer: str):
    net, inputs, baselines = categories()
    found = getattr(attr, name)(net, layer).attribute(inputs, baselines, target=1)
    if layer == "mix":
        close((found.sum(1),), (change(net, inputs, baselines),), rtol=1e-4, atol=1e-5)
    numbers = attr.LayerDeepLift(net, layer).attribute(
        inputs[0], baselines[0], target=1, additional_forward_args=(inputs[1],)
    )
    assert found.shape == numbers.shape


@pytest.mark.parametrize("layer", ["mix", "embedding"])
@pytest.mark.parametrize("name", ["LayerConductance", "InternalInfluence", "LayerGradientShap"])
def test_with_ids_beside_numbers_points_lie_between_the_values_of_the_layer(name: str, layer: str):
    net, inputs, baselines = categories()
    given = {"n_samples": 400, "seed": 0} if name == "LayerGradientShap" else {"n_steps": 400}
    method = getattr(attr, name)(net, layer)
    found = method.attribute(inputs, baselines, target=1, **given)
    expected = attr.LayerIntegratedGradients(net, layer, multiply_by_inputs=name != "InternalInfluence").attribute(
        inputs, baselines, target=1, n_steps=400
    )
    close((found,), (expected,), rtol=0.1, atol=0.02)


class Counts(nn.Module):
    """Counts beside numbers, which are numbers, too, and an id that is nobody's input."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.mix, self.head = nn.Embedding(10, 4), nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, numbers: Tensor, counts: Tensor) -> Tensor:
        mixed = self.mix(torch.cat([numbers, counts], 1) + self.embedding(torch.zeros(1, dtype=torch.int64)))
        return self.head(torch.relu(mixed)).tanh()


@pytest.mark.parametrize("given", [None, (0.0, 1), (0, 0.5), "tensors"], ids=str)
def test_conductance_of_counts_beside_numbers_is_that_of_numbers(given: Any):
    torch.manual_seed(0)
    net, inputs = Counts(), (torch.randn(3, 2), torch.randint(1, 10, (3, 2)))
    if given == "tensors":
        given = torch.zeros(3, 2), torch.ones(3, 2, dtype=torch.int64)
    method = attr.NeuronConductance(net, "mix")
    found = method.attribute(inputs, 1, target=1, baselines=given)
    expected = method.attribute((inputs[0], inputs[1].float()), 1, target=1, baselines=given)
    close(found, expected, rtol=1e-6, atol=1e-7)
    assert found[1].abs().sum() > 0


def test_ids_that_reach_a_model_as_floats_are_told_of():
    net, inputs, baselines = categories()
    for name, given in (("NeuronIntegratedGradients", {}), ("NeuronConductance", {"target": 1})):
        with pytest.raises(RuntimeError, match="indices") as raised:
            getattr(attr, name)(net, "mix").attribute(inputs, 0, baselines=baselines, **given)
        (note,) = raised.value.__notes__
        assert "(3, 2) float32, (3, 2) float32. Hint: integer inputs reach the model as floats" in note


AT_A_LAYER = [
    methods.Conductance(),
    methods.IntegratedGradients(multiply_by_inputs=False),
    methods.GradientShap(seed=0),
]


@pytest.mark.parametrize("method", AT_A_LAYER, ids=lambda each: type(each).__name__)
def test_points_between_counts_are_no_counts_wherever_gradients_are_taken(method: Any):
    torch.manual_seed(0)
    net, numbers, counts = Counts(), torch.randn(3, 2), torch.randint(1, 10, (3, 2))
    baselines = torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.int64)
    found, expected = (
        method(methods.Problem(net, (numbers, each), target=1, gradient_at="mix"), baselines).values
        for each in (counts, counts.float())
    )
    close(found, expected, rtol=1e-6, atol=1e-7)


def test_ids_alone_have_no_points_between_them_either():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(8, 2), nn.Tanh())
    ids, baselines = torch.randint(1, 10, (3, 2)), torch.zeros(3, 2, dtype=torch.int64)
    found = attr.LayerConductance(net, net[0]).attribute(ids, baselines, target=1, n_steps=200)
    with torch.no_grad():
        close((found.sum((1, 2)),), ((net(ids) - net(baselines))[:, 1],), rtol=0.02, atol=0.01)


class Packed(nn.Module):
    """Sequences of several lengths."""

    def forward(self, x: Tensor) -> PackedSequence:
        return pack_padded_sequence(x, torch.tensor([4, 3, 2]), batch_first=True)


class Summed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.packed, self.weight = Packed(), torch.tensor([2.0, -1.0])

    def forward(self, x: Tensor) -> Tensor:
        return (pad_packed_sequence(self.packed(x), batch_first=True)[0] @ self.weight).sum(1)


@pytest.mark.newer  # torch that knows packed sequences as trees
@pytest.mark.parametrize(
    "name",
    ["LayerIntegratedGradients", "LayerDeepLift", "LayerGradientXActivation", "LayerLRP", "LayerConductance"],
)
def test_a_layer_of_packed_sequences(name: str):
    model, x = Summed(), torch.rand(3, 4, 2) + 1
    found = getattr(attr, name)(model, "packed").attribute(x)
    expected = Packed()(x)
    assert isinstance(found, PackedSequence)
    close((found.data,), (expected.data * model.weight,), rtol=0.03, atol=1e-5)
    assert torch.equal(found.batch_sizes, expected.batch_sizes)


@pytest.mark.filterwarnings("ignore:Sparse CS")
def test_a_sparse_argument_of_as_many_rows_as_examples():
    torch.manual_seed(0)
    x, dense = torch.randn(4, 3), (torch.rand(4, 4) > 0.5).float()

    def forward(x: Tensor, weights: Tensor) -> Tensor:
        return (x.sum(1) * weights.to_dense().sum(1)).tanh()

    expected = attr.ShapleyValues(forward).attribute(x, additional_forward_args=(dense,))
    for sparse in (dense.to_sparse_coo(), dense.to_sparse_csr(), dense.to_sparse_csc()):
        found = attr.ShapleyValues(forward).attribute(x, additional_forward_args=(sparse,))
        close((found,), (expected,), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", [attr.Saliency, attr.InputXGradient])
def test_gradients_at_sparse_inputs_are_sparse(method: Any):
    torch.manual_seed(0)
    dense, weight = (torch.rand(4, 4) > 0.5).float(), torch.randn(4, 3)
    found = method(lambda x: torch.sparse.mm(x, weight).sum(1)).attribute(dense.to_sparse_coo())
    expected = method(lambda x: (x @ weight).sum(1)).attribute(dense)
    close((found.to_dense() * dense,), (expected * dense,), rtol=1e-5, atol=1e-6)


def test_there_is_no_way_from_baselines_to_sparse_inputs():
    for method in (attr.IntegratedGradients, attr.FeatureAblation, attr.ShapleyValues, attr.DeepLift):
        with pytest.raises(InvalidArgument, match=r"inputs must be dense.*sparse_coo. Hint: inputs.to_dense()"):
            method(lambda x: x.to_dense().sum(1)).attribute(torch.eye(3).to_sparse_coo())


BROADCAST: dict[str, Call] = {
    "IntegratedGradients": lambda x, base: attr.IntegratedGradients(_squares).attribute(x, base),
    "DeepLift": lambda x, base: attr.DeepLift(_squares).attribute(x, base),
    "FeatureAblation": lambda x, base: attr.FeatureAblation(_squares).attribute(x, base),
    "ShapleyValues": lambda x, base: attr.ShapleyValues(_squares).attribute(x, base),
    "Occlusion": lambda x, base: attr.Occlusion(_squares).attribute(x, (1, 1), baselines=base),
}


def _squares(x: Tensor) -> Tensor:
    return x.square().sum((1, 2))


@pytest.mark.parametrize(
    "number", [np.float32(0.5), np.float64(0.5), np.int64(2)], ids=lambda each: type(each).__name__
)
@pytest.mark.parametrize("name", BROADCAST)
def test_a_number_of_numpy_is_a_number(name: str, number: Any):
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    found, expected = (BROADCAST[name](x, each) for each in (number, number.item()))
    assert torch.equal(found, expected)


def test_windows_and_strides_of_numpy_are_windows_and_strides():
    x, two = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)), np.int64(2)
    expected = attr.Occlusion(_squares).attribute(x, (2, 2), strides=2)
    assert torch.equal(attr.Occlusion(_squares).attribute(x, (two, two), strides=two), expected)
    assert torch.equal(attr.Occlusion(_squares).attribute(x, (two, 2), strides=(two, 2)), expected)


def test_one_sample_may_be_counted_by_true():
    """As Python itself counts."""
    x = torch.ones(2, 3)
    found, expected = (attr.Lime(lambda x: x.sum(1)).attribute(x, n_samples=count, seed=0) for count in (True, 1))
    assert torch.equal(found, expected)


def test_booleans_are_no_ids():
    with pytest.raises(NotDifferentiable, match=r"inputs must be floating.*bool. Hint: inputs.float\(\)"):
        attr.Saliency(lambda x: x.sum(1)).attribute(torch.ones(2, 3, dtype=torch.bool))


@pytest.mark.parametrize("shape", [(), (4,), (1,), (3, 1), (3, 4), (1, 3, 4)], ids=str)
@pytest.mark.parametrize("name", BROADCAST)
def test_baselines_broadcast_as_torch_does(name: str, shape: tuple[int, ...]):
    torch.manual_seed(0)
    x, baselines = torch.randn(2, 3, 4), torch.randn(shape)
    found = BROADCAST[name](x, baselines)
    close((found,), (x.square() - baselines.expand_as(x).square(),), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
@pytest.mark.parametrize("name", ["FeatureAblation", "ShapleyValues", "ShapleyValueSampling", "KernelShap", "Lime"])
def test_baselines_take_the_dtype_of_floating_inputs(name: str, dtype: torch.dtype):
    torch.manual_seed(0)
    model, x, baselines = nn.Linear(3, 2), torch.randn(2, 3), torch.ones(1, 3)
    found, expected = (
        seeded(lambda each=each: getattr(attr, name)(model).attribute(x, each, target=1))
        for each in (baselines.to(dtype), baselines)
    )
    assert torch.equal(found, expected)


def test_rows_of_a_background_take_the_dtype_of_floating_inputs():
    torch.manual_seed(0)
    problem, rows = methods.Problem(nn.Linear(3, 2), torch.randn(2, 3), target=1), torch.randn(4, 3)
    (found,), (expected,) = (
        methods.ShapleyValues()(problem, methods.Background(each)).values for each in (rows.double(), rows)
    )
    assert torch.equal(found, expected)


def test_baselines_that_could_be_of_each_example_are_not_taken_for_another_dimension():
    with pytest.raises(InvalidArgument, match=r"baselines must broadcast to inputs: expected \(3, 3\), got \(3,\)"):
        attr.FeatureAblation(lambda x: x.sum(1)).attribute(torch.ones(3, 3), torch.ones(3))


@pytest.mark.parametrize("name", ["LayerFeatureAblation", "LayerIntegratedGradients"])
def test_baselines_of_a_layer_broadcast(name: str):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(8, 2)), torch.randn(3, 1, 2, 2)
    given = torch.rand(2, 2, 2) if name == "LayerFeatureAblation" else torch.rand(1, 2, 2)
    key = "layer_baselines" if name == "LayerFeatureAblation" else "baselines"
    method = getattr(attr, name)(model, model[0])
    found, expected = (method.attribute(x, target=1, **{key: each}) for each in (given, given[None]))
    close((found,), (expected,))
