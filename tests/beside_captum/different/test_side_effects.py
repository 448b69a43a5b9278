"""What a call leaves behind. Each docstring is a line of `docs/differences.md`."""

import copy
import warnings
from typing import Any

import captum.attr
import pytest
import torch
from torch import nn

import pellucid.attr
from beside_captum.different.compare import assert_named
from beside_captum.same.compare import assert_close, on_captum, on_pellucid, value_of
from pellucid.core.batching import BLOCK_BYTES
from pellucid.errors import PellucidWarning
from training import in_training_mode
from zoo.architectures import example

CASE = example("perceptron")
METHODS = ["Saliency", "InputXGradient", "IntegratedGradients", "GradientShap"]


def attributed(name: str, inputs: Any, model: Any = CASE.model, **arguments: Any) -> Any:
    """A call of a method."""
    baselines = {"baselines": CASE.draw(3)} if name == "GradientShap" else {}
    return lambda attr: getattr(attr, name)(model).attribute(inputs, **baselines, **arguments)


@pytest.mark.parametrize("name", ["Saliency", "InputXGradient"])
def test_inputs_after_an_error(name: str):
    """Inputs after an error: Captum leaves them requiring grad; as they were."""
    for run, left in ((on_captum, True), (on_pellucid, False)):
        inputs = CASE.inputs.clone()
        assert run(attributed(name, inputs, target=9)).error is not None
        assert inputs.requires_grad is left


def test_the_random_state_after_an_error():
    """The global generators after an error: Captum leaves them advanced; as they were."""
    call = attributed("GradientShap", CASE.inputs, target=9, stdevs=0.1)
    (before, theirs), (_, ours) = ([run(lambda attr: None), run(call)] for run in (on_captum, on_pellucid))
    assert theirs.error is not None
    assert ours.error is not None
    assert (theirs.torch_state, theirs.numpy_state) != (before.torch_state, before.numpy_state)
    assert (ours.torch_state, ours.numpy_state) == (before.torch_state, before.numpy_state)


@in_training_mode
@pytest.mark.parametrize("name", METHODS)
def test_running_statistics_of_batch_norm(name: str):
    """Batch norm's running statistics in training mode: Captum's forwards change them; as they were."""
    for run, same in ((on_captum, False), (on_pellucid, True)):
        model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).train()
        before = copy.deepcopy(model.state_dict())
        assert run(attributed(name, CASE.inputs, model)).error is None
        after = model.state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before) is same


@pytest.mark.parametrize("name", ["Saliency", "InputXGradient"])
def test_inputs_that_do_not_require_grad(name: str):
    """Inputs that do not require grad: Captum warns that it sets `requires_grad`; silent, and never set."""
    with pytest.warns(UserWarning, match="did not already require gradients"):
        attributed(name, CASE.inputs.clone(), target=0)(captum.attr)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attributed(name, CASE.inputs.clone(), target=0)(pellucid.attr)


@pytest.mark.parametrize("name", METHODS)
def test_attributions_that_are_not_numbers(name: str):
    """NaN among the attributions: Captum says nothing; a PellucidWarning says which argument carried it in."""
    inputs = CASE.inputs.clone()
    inputs[2, 1] = torch.nan
    call = attributed(name, inputs, target=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert call(captum.attr).isnan().any()
    assert not [each for each in caught if "NaN" in str(each.message)]
    with pytest.warns(PellucidWarning, match=r"NaN, carried in by inputs \(examples \[2\]\)"):
        assert call(pellucid.attr).isnan().any()


def test_what_an_error_says():
    """Errors: Captum's name a shape or nothing; the method, the argument, what was expected, what came, the inputs."""
    error = on_pellucid(attributed("IntegratedGradients", CASE.inputs, target=[0, 1])).error
    for part in ("IntegratedGradients", "target", "expected 4, got 2", "(4, 6) float32"):
        assert part in str(error)
        assert part not in str(on_captum(attributed("IntegratedGradients", CASE.inputs, target=[0, 1])).error)


@pytest.mark.parametrize("name", ["IntegratedGradients", "GradientShap", "NoiseTunnel"])
def test_memory(name: str, monkeypatch: pytest.MonkeyPatch):
    """Steps, samples and noisy copies: Captum feeds all at once; in blocks that fit, with the same random draws."""
    sizes: list[int] = []

    def model(x):
        sizes.append(len(x))
        return CASE.model(x)

    if name == "NoiseTunnel":
        arguments = {"nt_samples": 50}
    else:
        arguments = {"baselines": CASE.draw(1), "n_steps" if name == "IntegratedGradients" else "n_samples": 50}

    def call(attr):
        explain = attr.NoiseTunnel(attr.Saliency(model)) if name == "NoiseTunnel" else getattr(attr, name)(model)
        return explain.attribute(CASE.inputs, target=0, **arguments)

    monkeypatch.setitem(BLOCK_BYTES, "cpu", 2**13)  # what some seventy rows take
    theirs, most = on_captum(call), max(sizes)
    sizes.clear()
    ours = on_pellucid(call)
    assert most == 200
    assert max(sizes) < 100
    assert_close(value_of(ours), value_of(theirs))
    assert (ours.torch_state, ours.numpy_state) == (theirs.torch_state, theirs.numpy_state)


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.BatchNorm1d(4)], ids=["dropout", "batch norm"])
def test_training_mode(layer: nn.Module):
    """Dropout, or batch norm of few rows, in training mode: Captum says nothing; a PellucidWarning, once per model."""
    model = nn.Sequential(nn.Linear(6, 4), layer)
    explain = attributed("Saliency", torch.rand(3, 6).requires_grad_(), model, target=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        explain(captum.attr)
    with pytest.warns(PellucidWarning, match=r"1 module in training mode .* Hint: model\.eval\(\)"):
        explain(pellucid.attr)
    explain(pellucid.attr)


WRONG_MODELS = {
    "class": (lambda attr: attr.Saliency(nn.Linear).attribute(torch.rand(3, 6), target=0), TypeError, "forward_func"),
    "estimator": (
        lambda attr: attr.Saliency(object()).attribute(torch.rand(3, 6), target=0),
        TypeError,
        "forward_func",
    ),
    "tunnel": (lambda attr: attr.NoiseTunnel(CASE.model), AttributeError, "attribution_method"),
}


@pytest.mark.parametrize(("call", "expected", "argument"), WRONG_MODELS.values(), ids=WRONG_MODELS)
def test_what_is_no_model(call: Any, expected: type[Exception], argument: str):
    """A class, an object that is no function, a model in a method's place: as Python trips; WrongType, NotFound."""
    assert_named(call, expected, argument)
