"""Attributions come in the form, the dtypes and on the devices of the inputs."""

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from laws.registry import Case, cases, close, flat
from pellucid import attr, methods
from zoo.specimens import SPECIMENS

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
HALVES = [torch.bfloat16, pytest.param(torch.float16, marks=pytest.mark.large)]


@cases(quick=1)
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, *HALVES], ids=lambda dtype: str(dtype)[6:])
def test_dtype_and_device_are_kept(case: Case, dtype: torch.dtype, device: str):
    model, inputs = case.specimen.model(dtype).to(device), case.specimen.inputs(3, dtype)
    there, arguments = tree_map_only(Tensor, lambda tensor: tensor.to(device), (inputs, case.arguments(inputs)))
    found = case(model, there, **case.seed(), **arguments)
    for each, x in zip(found, case.tensors(model, there), strict=True):
        assert (each.dtype, each.device) == (dtype, x.device)
        assert each.shape == x.shape or not case.method.shaped
        assert each.isfinite().all()
        assert each.any()


@cases(quick=1)
def test_float32_agrees_with_float64(case: Case):
    single, double = (
        case(case.specimen.model(dtype), case.specimen.inputs(3, dtype), **case.seed())
        for dtype in (torch.float32, torch.float64)
    )
    for one, other in zip(single, double, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-3, atol=1e-4 * other.abs().max().item())


@pytest.mark.parametrize("dtype", HALVES, ids=lambda dtype: str(dtype)[6:])
def test_sums_of_halves_are_not_kept_in_halves(dtype: torch.dtype):
    x, weight = torch.tensor([[1.0, -3.0]], dtype=dtype), torch.tensor([1.1, 0.7], dtype=dtype)
    gradients = attr.IntegratedGradients(lambda x: x @ weight)
    found = gradients.attribute(x, n_steps=3000, method="riemann_middle", internal_batch_size=7)
    torch.testing.assert_close(found, x * weight, rtol=torch.finfo(dtype).eps, atol=0)


@cases(lambda case: len(case.specimen.shapes) == 1 and case.method.at == "inputs", quick=2)
def test_tensor_in_tensor_out_and_tuple_in_tuple_out(case: Case):
    model, (x,), seed = case.specimen.model(), case.specimen.inputs(3), case.seed()
    given = case.arguments((x,))
    bare, wrapped = (case.method.call(model, inputs, **given, **seed, **case.places) for inputs in (x, (x,)))
    assert isinstance(bare, Tensor)
    assert isinstance(wrapped, tuple)
    close(wrapped, (bare,))


@cases(lambda case: case.method.at != "inputs", quick=2)
def test_a_layer_s_attributions_come_as_the_layer_or_list_of_layers_does(case: Case):
    model, inputs, seed = case.specimen.model(), case.specimen.inputs(3), case.seed()
    layers = getattr(case.specimen, case.method.at).layer
    given = case.arguments(inputs) | case.places | seed
    bare, wrapped = case.raw(model, inputs, **seed), case.method.call(model, inputs, **given)
    for each in (bare, wrapped):
        assert isinstance(each, list if isinstance(layers, list) else Tensor)
    close(flat(bare), flat(wrapped))


@cases(lambda case: case.method.delta_calls[0])
def test_deltas_come_beside_the_attributions(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    found, delta = case.raw(model, inputs, **case.seed(), return_convergence_delta=True)
    assert isinstance(found, Tensor) == (len(case.tensors(model, inputs)) == 1)
    assert isinstance(delta, Tensor)
    close(flat(found), case(model, inputs, **case.seed()))


@pytest.mark.parametrize("name", [name for name, each in SPECIMENS.items() if len(each.shapes) > 1])
def test_inputs_of_different_dtypes_keep_each_its_own(name: str):
    specimen = SPECIMENS[name]
    model, arguments = specimen.model(torch.float32), specimen.arguments(3, torch.float32)
    dtypes = (torch.float64, torch.float16)
    inputs = tuple(x.to(dtype) for x, dtype in zip(specimen.inputs(3), dtypes, strict=True))

    def single(*inputs_and_extra):
        return model(*(each.float() for each in inputs_and_extra[:2]), *inputs_and_extra[2:])

    for attribute in (attr.Saliency(single).attribute, attr.IntegratedGradients(single).attribute):
        assert tuple(each.dtype for each in attribute(inputs, **arguments)) == dtypes


@pytest.mark.parametrize(
    "attribute",
    [
        lambda model, x: attr.IntegratedGradients(model).attribute(x),
        lambda model, x: attr.GradientShap(model).attribute(x, torch.zeros(1, 3), seed=0),
        lambda model, x: attr.NoiseTunnel(attr.Saliency(model)).attribute(x, seed=0),
        lambda model, x: methods.IntegratedGradients()(methods.Problem(model, x)).values[0],
    ],
    ids=["IntegratedGradients", "GradientShap", "NoiseTunnel", "methods.IntegratedGradients"],
)
def test_integers_are_explained_as_floats_by_methods_that_move_between_them(attribute):
    found = attribute(lambda x: x.float() @ torch.tensor([1.0, 2.0, -3.0]), torch.tensor([[1, 2, 3], [4, 5, 6]]))
    assert found.dtype == torch.float32
    assert found.any()
