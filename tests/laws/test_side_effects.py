"""A call leaves the model, its arguments and the global state as it found them, and nothing of itself behind."""

import gc
import weakref

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from laws.registry import Case, cases
from laws.state import as_found
from pellucid import attr
from training import in_training_mode
from zoo.specimens import SPECIMENS, Tensors


def in_use(case: Case, *, training: bool) -> tuple[nn.Module, Tensors]:
    """A model and inputs as in the middle of somebody's work: with gradients, hooks and flags."""
    model, inputs = case.specimen.model(training=training), case.specimen.inputs(3)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7)
    next(model.parameters()).requires_grad_(False)
    next(model.children()).register_forward_hook(lambda *_: None)
    for x in inputs[:1]:
        x.requires_grad_().grad = torch.full_like(x, 5)
    return model, inputs


@in_training_mode
@cases(quick=1)
@pytest.mark.parametrize("training", [False, True])
def test_model_arguments_and_global_state(case: Case, training: bool):
    model, inputs = in_use(case, training=training)
    given = case.arguments(inputs) | case.seed()
    draws = training and any(isinstance(module, nn.Dropout) for module in model.modules())
    with as_found(model, inputs, given, but="random" if draws else ""):
        case(model, inputs, **given)


@cases(lambda case: case.method.delta_calls[0])
def test_with_deltas(case: Case):
    model, inputs = in_use(case, training=False)
    given = case.arguments(inputs) | case.seed()
    with as_found(model, inputs, given):
        case.raw(model, inputs, return_convergence_delta=True, **given)


@cases(quick=1)
def test_results_do_not_require_gradients_whatever_the_arguments_do(case: Case):
    inputs = tuple(2 * x.requires_grad_() for x in case.specimen.inputs(3))
    given = case.arguments(inputs) | ({"return_convergence_delta": True} if case.method.delta_calls[0] else {})
    given = tree_map_only(Tensor, lambda tensor: tensor.detach().requires_grad_(tensor.is_floating_point()), given)
    for each in tree_leaves(case.raw(case.specimen.model(), inputs, **given, **case.seed())):
        assert not each.requires_grad
        assert each.grad_fn is None


@cases(quick=1)
def test_results_are_not_views_of_the_arguments(case: Case):
    inputs = case.specimen.inputs(3)
    given = case.arguments(inputs)
    tensors = [each for each in tree_leaves((inputs, given)) if isinstance(each, Tensor)]
    storages = {each.untyped_storage().data_ptr() for each in tensors}
    for each in case(case.specimen.model(), inputs, **given, **case.seed()):
        assert each.untyped_storage().data_ptr() not in storages


@cases(quick=1)
def test_nothing_keeps_arguments_and_results_alive(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    gc.disable()
    try:
        found = case(model, inputs, **case.seed())
        alive = [weakref.ref(each) for each in (*inputs, *found)]
        del inputs, found
        assert not any(each() is not None for each in alive)
    finally:
        gc.enable()


def test_many_calls_leave_no_tensors_behind():
    specimen = SPECIMENS["reused"]
    model, (x,) = specimen.model(), specimen.inputs(3)
    tunnel = attr.NoiseTunnel(attr.IntegratedGradients(model))

    def call() -> None:
        tunnel.attribute(x, target=0, internal_batch_size=2)

    call()
    gc.collect()
    gc.freeze()  # what is there already is not looked at, here or in later tests
    for _ in range(20):
        call()
    gc.collect()
    assert [known for known in gc.get_objects() if issubclass(type(known), Tensor)] == []


class Replacing(nn.Module):
    """Counts its calls in training mode as some modules do: by a new tensor in the buffer's place."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        if self.training:
            self.calls = self.calls + 1
        return x.sum(1)


@in_training_mode
def test_buffers_that_a_model_replaces_in_training_mode():
    model = Replacing()
    with as_found(model):
        attr.Saliency(model).attribute(torch.ones(2, 3))


class Accumulating(nn.Module):
    """Writes into its additional argument."""

    def forward(self, x, offset):
        offset += 1
        return (x**2 * offset).sum(1)


@pytest.mark.parametrize("rows", [1, 3, None])
def test_additional_arguments_that_a_model_writes_into(rows: int | None):
    x, offset = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(3, 4)
    model = Accumulating()
    with as_found(model, x, offset):
        found = attr.IntegratedGradients(model).attribute(
            x, additional_forward_args=offset, n_steps=4, internal_batch_size=rows
        )
    torch.testing.assert_close(found, x**2)
