"""What is wrong with a call is said once: the method, the argument, what was expected, what came, and what to do."""

import dataclasses
import inspect
import pickle
import re
from typing import Any

import pytest
import torch

from errors.table import IMAGES, PROBLEMS, ROWS, TABLE, Call, deep, model, model_of_images
from pellucid import attr, methods
from pellucid.errors import (
    InvalidArgument,
    NotDifferentiable,
    NotFound,
    NotScalar,
    NotSupported,
    OutOfRange,
    PellucidError,
    WrongType,
)

CAPTUM_RAISES = {
    InvalidArgument: (ValueError, AssertionError),
    OutOfRange: (IndexError,),
    NotDifferentiable: (RuntimeError,),
    WrongType: (TypeError, AssertionError),
    NotScalar: (RuntimeError, AssertionError),
    NotSupported: (NotImplementedError,),
}


NAMES = "|".join(sorted(filter(re.compile("^[A-Z]").match, attr.__all__), key=len, reverse=True))


def error_of(call: Call) -> PellucidError:
    with pytest.raises(PellucidError) as raised:
        call.method(call.model).attribute(call.inputs, **call.arguments)
    return raised.value


def shapes_in(message: str) -> list[str]:
    return re.findall(r"\[inputs: ([^\]]*)\]", message)


def described(inputs: object) -> str:
    if isinstance(inputs, torch.Tensor):
        return f"{tuple(inputs.shape)} {str(inputs.dtype)[6:]}"
    return ", ".join(map(described, inputs)) if isinstance(inputs, tuple) else type(inputs).__name__


@pytest.mark.parametrize("call", TABLE.values(), ids=TABLE.keys())
def test_the_message_says_it_in_one_line_without_numbers_of_tensors(call: Call):
    error = error_of(call)
    assert type(error) is call.error
    assert isinstance(error, CAPTUM_RAISES[call.error])
    message = str(error)
    for said in call.says:
        assert said in message
    assert_method_and_shapes_are_said_exactly_once(call, message)
    assert "\n" not in message
    assert not re.search(r"(?<![._])tensor\(", message)
    assert len(message) < 420


def assert_method_and_shapes_are_said_exactly_once(call: Call, message: str) -> None:
    names = re.findall(NAMES, re.sub(r"Hint: .*? \[inputs", "", message))  # which may name others
    assert len(names) == 1
    assert message.startswith(f"{names[0]}: ")
    assert len(shapes_in(message)) == 1
    if "NoiseTunnel" not in type(call.method(call.model)).__name__:  # the method inside sees the noisy copies
        assert names[0] == type(call.method(call.model)).__name__
        assert shapes_in(message) == [described(call.inputs)]


def test_the_sentence_of_the_style_guide():
    gradients = attr.IntegratedGradients(model_of_images)
    with pytest.raises(InvalidArgument) as raised:
        gradients.attribute(IMAGES, torch.zeros(3, 32, 31), 0)
    assert str(raised.value) == (
        "IntegratedGradients: baselines must broadcast to inputs: expected (8, 3, 32, 32), got (3, 32, 31). "
        "[inputs: (8, 3, 32, 32) float32]"
    )


def test_methods_as_dataclasses_say_it_too():
    problem = methods.Problem(model_of_images, IMAGES, target=0)
    with pytest.raises(InvalidArgument, match=r"^IntegratedGradients: baselines must broadcast .* float32\]$"):
        methods.IntegratedGradients()(problem, torch.zeros(3, 32, 31))
    with pytest.raises(
        InvalidArgument, match=r"^GradientShap: n_samples must be an integer of at least 1: got 0\. \[inputs: "
    ):
        methods.GradientShap(n_samples=0)(problem, IMAGES)


def test_methods_as_dataclasses_are_called_with_a_pathway():
    with pytest.raises(WrongType) as raised:
        methods.Saliency()(model, ROWS)
    assert str(raised.value) == (
        "Saliency must be called with a Problem: got Linear. Hint: Saliency(...)(Problem(model, inputs, target=...))."
    )


# A method with a wrong value, and what is said of it.
WRONG_VALUES = {
    "n_steps": (methods.IntegratedGradients(n_steps=-1), {}, "n_steps must be an integer of at least 1: got -1."),
    "method": (methods.IntegratedGradients(method="simpson"), {}, "method must be one of riemann_left"),
    "windows": (
        methods.Occlusion(sliding_window_shapes=(9,)), {},
        "sliding_window_shapes must lie within the input's (4,): got (9,).",
    ),
    "n_samples": (methods.KernelShap(n_samples=0), {}, "n_samples must be an integer of at least 1: got 0."),
    "nt_type": (methods.NoiseTunnel(attribution_method=methods.Saliency(), nt_type="mean"), {}, "nt_type must be one"),
    "nt_samples_batch_size": (
        methods.NoiseTunnel(attribution_method=methods.Saliency(), nt_samples_batch_size=0), {},
        "nt_samples_batch_size must be an integer of",
    ),
    "inside": (
        methods.NoiseTunnel(attribution_method=methods.IntegratedGradients(n_steps=0)), {},
        "s: n_steps must be an integer of",
    ),
    "delta": (
        methods.GradientShap(n_samples="auto"), {"baselines": ROWS, "return_convergence_delta": True},
        'return_convergence_delta must be False for n_samples="auto": got True.',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("method", "given", "says"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_methods_as_dataclasses_name_their_arguments(method: Any, given: dict, says: str):
    with pytest.raises(InvalidArgument) as raised:
        method(methods.Problem(model, ROWS, target=0), **given)
    assert says in str(raised.value)
    assert str(raised.value).count(": ") >= 2


def test_an_argument_that_nobody_knows_and_what_classes_look_like():
    with pytest.raises(TypeError, match="unexpected keyword argument 'stepz'"):
        methods.IntegratedGradients(stepz=10)
    assert list(inspect.signature(methods.Saliency).parameters) == ["abs"]
    copied = pickle.loads(pickle.dumps(methods.IntegratedGradients(n_steps=7)))
    assert dataclasses.replace(copied, method="riemann_left") == methods.IntegratedGradients(
        n_steps=7, method="riemann_left"
    )


@pytest.mark.parametrize(("given", "found"), [(model, "Linear"), (attr.Saliency, "the class Saliency"), (3, "int")])
def test_a_noise_tunnel_takes_a_method(given: Any, found: str):
    says = f"attribution_method must attribute to a model: got {found}. Hint: NoiseTunnel(Saliency(model))."
    with pytest.raises(NotFound, match=re.escape(says)):
        attr.NoiseTunnel(given)


def test_a_convergence_delta_names_the_method_whose_it_is():
    gradients = attr.IntegratedGradients(model_of_images)
    with pytest.raises(InvalidArgument, match=r"^IntegratedGradients: start_point must broadcast to inputs"):
        gradients.compute_convergence_delta(IMAGES, torch.zeros(3, 32, 31), IMAGES, target=0)
    with pytest.raises(InvalidArgument, match=r"^IntegratedGradients: attributions must have .* expected 8, got 2"):
        gradients.compute_convergence_delta(IMAGES[:2], 0, IMAGES, target=0)


@pytest.mark.parametrize(("given", "says"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_pathway_that_cannot_be_says_why(given: dict, says: str):
    with pytest.raises(InvalidArgument) as raised:
        methods.Problem(deep, ROWS, **given)
    assert says in str(raised.value)


def test_a_call_that_never_comes():
    problem = methods.Problem(deep, ROWS, target=0, source=methods.Layer("encoder", call=1))
    with pytest.raises(
        OutOfRange, match=r"^Saliency: call must be below the number of calls of 'encoder' .*, 1: got 1\."
    ):
        methods.Saliency()(problem)


def test_a_layer_of_a_function_whose_modules_nobody_can_see():
    hidden = {"model": deep}
    with pytest.raises(InvalidArgument, match=r"layer must be the name of a module of the model: got 'encoder'\. \["):
        attr.LayerActivation(lambda x: hidden["model"](x), "encoder").attribute(ROWS)
    with pytest.raises(
        InvalidArgument, match=r"layer must run in the forward: Linear was never|'?Linear'?.* never called"
    ):
        attr.LayerActivation(lambda x: hidden["model"](x), deep.idle).attribute(ROWS)


@pytest.mark.parametrize("name", ["Saliency", "InputXGradient", "IntegratedGradients"])
@pytest.mark.parametrize(
    ("returned", "error", "says"),
    [
        (None, WrongType, "must return a tuple of tensors, one for each input: got NoneType."),
        (1.0, WrongType, "must return a tuple of tensors, one for each input: got float."),
        (ROWS, WrongType, "one for each input: got (8, 4) float32. Hint: (gradient,)."),
        ((None,), WrongType, "one for each input: got a tuple of NoneType."),
        (ROWS.numpy(), WrongType, "one for each input: got a tuple of ndarray, "),
        ((), InvalidArgument, "must return gradients of the shapes of the inputs: expected (8, 4), got none."),
        ((ROWS, ROWS), InvalidArgument, "of the inputs: expected (8, 4), got ((8, 4), (8, 4))."),
        ((ROWS[:1],), InvalidArgument, "of the inputs: expected (8, 4), got (1, 4)."),
    ],
    ids=str,
)
def test_what_a_gradient_func_returns(name: str, returned: Any, error: type[PellucidError], says: str):
    method = getattr(attr, name)(model)
    method.gradient_func = lambda *args: returned
    with pytest.raises(error) as raised:
        method.attribute(ROWS, target=0, **({"n_steps": 1} if name == "IntegratedGradients" else {}))
    assert str(raised.value).startswith(f"{name}: gradient_func must return ")
    assert says in str(raised.value)


def test_a_gradient_func_is_a_function():
    method = attr.Saliency(model)
    method.gradient_func = 3
    with pytest.raises(WrongType, match="gradient_func must be a function: got int"):
        method.attribute(ROWS, target=0)
    problem = methods.Problem(model, ROWS, target=0, options=methods.Options(gradient_function=lambda *args: None))
    with pytest.raises(WrongType, match=r"gradient_function must return a tuple of tensors.*got NoneType"):
        methods.Saliency()(problem)
