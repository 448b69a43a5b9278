"""Models that return one value for the batch, or whose examples depend on each other, always see the batch, whole."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from laws.baselines import by_example
from laws.counting import Counted
from laws.registry import Case, cases, close
from laws.state import as_found
from matrices import in_turn
from pellucid import attr
from training import in_training_mode
from zoo.specimens import SPECIMENS, Inside, Tensors

EXAMPLES = 5

every_method = cases(lambda case: case.specimen.name == "reused")
that_adds_up = cases(lambda case: case.specimen.name == "reused" and not case.method.surrogate)
BOUNDS: dict[str, dict[str, int]] = {"automatic": {}, "2 rows": {"internal_batch_size": 2}}
bounds = pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)

model_of_losses = SPECIMENS["reused"].model()


def column(x: Tensor) -> Tensor:
    return model_of_losses(x)[:, 1]


def places(case: Case, model: nn.Module = model_of_losses) -> dict[str, Inside]:
    """The layer and neuron as modules, as nobody can see the names of a function's."""
    return {name: inside.of(model) for name, inside in case.places.items()}


def of_the_batch(case: Case, each: Tensors) -> Tensors:
    """What a sum over examples has: a gradient at each of them, but one change when all lose a feature."""
    changes = case.method.players is not None and case.method.of_output
    return tuple(tensor.sum(0, keepdim=True) for tensor in each) if changes else each


LOSSES: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "sum": (lambda x: column(x).sum(), 1),
    "mean": (lambda x: column(x).mean(), 1 / EXAMPLES),
    "sum of shape (1,)": (lambda x: column(x).sum().reshape(1), 1),
    "mean of shape (1,)": (lambda x: column(x).mean().reshape(1), 1 / EXAMPLES),
    "mean of shape (1, 1)": (lambda x: column(x).mean().reshape(1, 1), 1 / EXAMPLES),
}


@that_adds_up
@pytest.mark.parametrize(("bound", "loss"), in_turn(BOUNDS, LOSSES, quick=1))
def test_a_loss_is_explained_as_its_examples_are(case: Case, bound: str, loss: str):
    function, share = LOSSES[loss]
    given = case.seed() | (BOUNDS[bound] if case.method.bounded else {}) | {"target": None} | places(case)
    inputs = case.specimen.inputs(EXAMPLES)
    each = case(lambda x: column(x) * share, inputs, **given)
    close(case(function, inputs, **given), of_the_batch(case, each), rtol=case.method.rtol)


@cases(lambda case: case.specimen.name == "reused" and case.method.of_output and case.method.name != "Lime-in-parts")
@bounds
def test_a_loss_sees_the_batch_once_it_is_known_to_be_one(case: Case, bound: dict):
    model = Counted(LOSSES["mean"][0])
    given = case.seed() | (bound if case.method.bounded else {}) | places(case)
    case(model, case.specimen.inputs(EXAMPLES), **given, target=None)
    points, once = case.method.calls[1], case.method.calls[0] > 1  # what is at a source inside is looked at only once
    assert model.rows[once - points :] == [EXAMPLES] * (points - once)
    assert len(model.rows) <= points + (6 if case.method.needs else 1)


@cases(lambda case: case.method.delta_calls[0] and case.method.of_output and case.specimen.name == "reused")
def test_a_loss_has_one_delta_for_the_batch(case: Case):
    inputs, given = case.specimen.inputs(EXAMPLES), case.seed() | {"target": None, "return_convergence_delta": True}
    given |= places(case)
    (_, one), (_, each) = (case.raw(function, inputs, **given) for function in (LOSSES["sum"][0], column))
    assert one.shape == (len(each) // EXAMPLES,)
    close((one.sum(),), (each.sum(),))


class Mixing(nn.Module):
    """Batch normalisation, by the statistics of the batch while in training mode."""

    def __init__(self):
        super().__init__()
        self.square, self.activation = nn.Linear(4, 6), nn.Tanh()
        self.layers = nn.Sequential(self.square, nn.BatchNorm1d(6), self.activation, nn.Linear(6, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def mixing() -> Mixing:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return Mixing().double().train()


# With a user's own functions Lime goes through the examples one by one, as these functions want them.
@in_training_mode
@cases(lambda case: case.specimen.name == "reused" and case.method.name != "Lime-in-parts")
@bounds
def test_a_model_that_mixes_the_batch_sees_nothing_but_the_batch(case: Case, bound: dict):
    model, inputs = mixing(), case.specimen.inputs(EXAMPLES)
    seen = []
    model.register_forward_pre_hook(lambda _, arguments: seen.append(len(arguments[0])))
    with as_found(model, inputs):
        case(model, inputs, **case.seed(), **(bound if case.method.bounded else {}))
    assert seen == [EXAMPLES] * case.method.calls[1]


@in_training_mode
@that_adds_up
def test_a_model_that_mixes_the_batch_is_explained_as_the_sum_over_the_batch(case: Case):
    model, inputs = mixing(), case.specimen.inputs(EXAMPLES)
    summed = case(lambda x: model(x)[:, 1].sum(), inputs, **case.seed(), target=None, **places(case, model))
    close(of_the_batch(case, case(model, inputs, **case.seed())), summed, rtol=case.method.rtol)


@in_training_mode
def test_integrated_gradients_of_a_model_that_mixes_the_batch_step_by_step():
    model, (x,) = mixing(), SPECIMENS["reused"].inputs(EXAMPLES)
    (start,) = by_example((x,))
    expected = torch.zeros_like(x)
    for step in range(4):
        point = (start + (step + 0.5) / 4 * (x - start)).requires_grad_()
        expected += torch.autograd.grad(model(point)[:, 1].sum(), point)[0] * (x - start) / 4
    found = attr.IntegratedGradients(model).attribute(x, start, 1, n_steps=4, method="riemann_middle")
    close((found,), (expected,))
