from typing import Any

import pytest
import torch

from beside_captum.same.compare import Call, assert_same
from zoo.architectures import ARCHITECTURES, Example, example

INSIDE = ["Saliency", "InputXGradient", "IntegratedGradients", "GradientShap"]


def tunnel(method: str, case: Example, **arguments: Any) -> Call:
    """A call of NoiseTunnel around a method, with baselines where the method takes some."""
    if method == "GradientShap":
        arguments = {"baselines": case.draw(4), "n_samples": 2, **arguments}
    if method == "IntegratedGradients":
        arguments = {"baselines": case.draw(1), "n_steps": 9, **arguments}
    return lambda attr: attr.NoiseTunnel(getattr(attr, method)(case.model)).attribute(
        case.inputs, **arguments, **case.explained
    )


@pytest.mark.parametrize("nt_type", ["smoothgrad", "smoothgrad_sq", "vargrad"])
@pytest.mark.parametrize("method", INSIDE)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_kind_around_every_method(name: str, seed: int, method: str, nt_type: str):
    # In float64: in float32 Captum's own variances are further off than the tolerance; see the differences.
    case = example(name, seed, dtype=torch.float64 if nt_type == "vargrad" else torch.float32)
    assert_same(tunnel(method, case, nt_type=nt_type, stdevs=0.3), seed=seed)


@pytest.mark.parametrize("nt_samples_batch_size", [None, 1, 2, 3, 5, 9])
@pytest.mark.parametrize("nt_samples", [1, 5])
def test_any_number_of_samples_at_a_time(nt_samples: int, nt_samples_batch_size: int | None, seed: int):
    case = example("recurrent", seed)
    sizes = {"nt_samples": nt_samples, "nt_samples_batch_size": nt_samples_batch_size}
    for method in INSIDE:
        assert_same(tunnel(method, case, **sizes), seed=seed)


@pytest.mark.parametrize("nt_samples_batch_size", [None, 2])
@pytest.mark.parametrize("method", ["IntegratedGradients", "GradientShap"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_deltas_of_the_method_inside(name: str, seed: int, method: str, nt_samples_batch_size: int | None):
    arguments = {"nt_samples_batch_size": nt_samples_batch_size, "return_convergence_delta": True, "stdevs": 0.2}
    assert_same(tunnel(method, example(name, seed), **arguments), seed=seed, delta=True)


@pytest.mark.parametrize("nt_samples_batch_size", [None, 2])
@pytest.mark.parametrize("baselines", [1, 3, 4, 20])
@pytest.mark.parametrize("method", ["IntegratedGradients", "GradientShap"])
def test_baselines_drawn_from_a_distribution(method: str, baselines: int, nt_samples_batch_size: int | None, seed: int):
    case = example("two inputs", seed)
    arguments = {"baselines": case.draw(baselines), "draw_baseline_from_distrib": True}
    assert_same(tunnel(method, case, nt_samples_batch_size=nt_samples_batch_size, **arguments), seed=seed)


@pytest.mark.parametrize(("method", "arguments"), [
    ("Saliency", {}),
    ("IntegratedGradients", {"baselines": None}),
    ("IntegratedGradients", {"baselines": 0.5}),
])  # fmt: skip
def test_drawing_from_no_distribution_changes_nothing(method: str, arguments: dict[str, Any]):
    assert_same(tunnel(method, example("perceptron"), draw_baseline_from_distrib=True, **arguments))


@pytest.mark.parametrize("nt_samples_batch_size", [None, 2])
@pytest.mark.parametrize("method", ["IntegratedGradients", "GradientShap"])
def test_a_number_among_the_baselines_to_draw_from(method: str, nt_samples_batch_size: int | None):
    case = example("two inputs")
    arguments = {"baselines": (case.draw(3)[0], 0.5), "draw_baseline_from_distrib": True}
    assert_same(tunnel(method, case, nt_samples_batch_size=nt_samples_batch_size, **arguments))


@pytest.mark.parametrize("stdevs", [0.0, 0.5, (0.1, 0.9)], ids=str)
def test_stdevs_as_a_number_or_one_for_each_input(stdevs: Any, seed: int):
    assert_same(tunnel("Saliency", example("two inputs", seed), stdevs=stdevs), seed=seed)


@pytest.mark.parametrize("arguments", [
    {"abs": False},
    {"abs": True, "nt_samples": 2},
], ids=str)  # fmt: skip
def test_the_arguments_of_the_method_inside_are_passed_on(arguments: dict[str, Any]):
    assert_same(tunnel("Saliency", example("transformer"), **arguments))


@pytest.mark.parametrize("internal_batch_size", [4, 10, 1000])
def test_the_internal_batch_size_of_the_method_inside_does_not_matter(internal_batch_size: int):
    arguments = {"internal_batch_size": internal_batch_size, "nt_samples_batch_size": 1}
    assert_same(tunnel("IntegratedGradients", example("convolutional"), **arguments))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool], ids=str)
@pytest.mark.parametrize("method", INSIDE[:3])
def test_integers_and_booleans_get_noise_as_floats(method: str, dtype: torch.dtype):
    one = example("perceptron")
    inputs = (one.tensors[0] * 5).clamp(0).to(dtype)
    assert_same(lambda attr: attr.NoiseTunnel(getattr(attr, method)(one.model)).attribute(inputs, **one.explained))


def test_a_tuple_of_one_input_comes_back_as_one():
    one = example("perceptron")
    assert_same(lambda attr: attr.NoiseTunnel(attr.Saliency(one.model)).attribute((one.inputs,), **one.explained))


def test_a_tunnel_in_a_tunnel(seed: int):
    one = example("perceptron", seed)
    assert_same(
        lambda attr: attr.NoiseTunnel(attr.NoiseTunnel(attr.InputXGradient(one.model))).attribute(
            one.inputs, stdevs=0.1, **one.explained
        ),
        seed=seed,
    )
