"""Attribution to layers, layer by layer."""

import copy
import functools
from typing import Any

import pytest
import torch
from torch import nn

from beside_captum.same.compare import assert_same, on_pellucid, value_of
from beside_captum.same.layers import (
    FOLLOWED_BY_INPLACE_CODE,
    LAYER_METHODS,
    NEURON_METHODS,
    SHAP,
    USED_BEFORE,
    at_layer,
)
from matrices import in_turn
from zoo.architectures import Example
from zoo.layered import INSIDE, PLACES, Place, layered, of_words

pytestmark = pytest.mark.filterwarnings("ignore:attributions do not add up")  # at steep places 50 steps are few

RULES = ["gausslegendre", "riemann_left", "riemann_right", "riemann_middle"]  # riemann_trapezoid: see the differences
ON_A_LINE = ["LayerIntegratedGradients", "InternalInfluence", "LayerConductance"]
WITH_DELTAS = ["LayerIntegratedGradients", "LayerGradientShap", "LayerConductance"]
AT_IDS = ["LayerActivation", "LayerGradientXActivation", "LayerIntegratedGradients"]
SEVERAL = ["LayerActivation", "LayerGradientXActivation", "LayerIntegratedGradients"]  # take lists of layers
ONE, TWO, FORKED, PICTURES = map(layered, ("perceptron", "two inputs", "forked", "pictures"))


def deltas_of(method: str) -> dict[str, Any]:
    """What asks a method for deltas, if it has some."""
    return {"return_convergence_delta": True} if method in WITH_DELTAS else {}


def _captum_is_right(place: Place, method: str) -> bool:
    """Otherwise see the differences."""
    return not (method == "LayerIntegratedGradients" and place in FOLLOWED_BY_INPLACE_CODE) and not (
        method == "LayerGradientXActivation" and place == USED_BEFORE
    )


@pytest.mark.parametrize(
    ("place", "method"),
    [case for case in in_turn(PLACES, LAYER_METHODS, quick=2) if _captum_is_right(*case.values)],
    ids=str,
)
def test_every_layer_of_every_model(place: Place, method: str, seed: int):
    # The large part in float64: now and then an example's differences at a layer are all small, and round off.
    case = layered(place.name, seed, dtype=torch.float64 if seed else torch.float32)
    deltas = deltas_of(method)
    # Not from zero, where a layer norm makes all of the change happen at once.
    steps = {"n_steps": 9, "baselines": case.draw(4)} if method in ON_A_LINE else {}
    call = at_layer(method, case, place.layer, of_input=place.of_input, **deltas, **steps)
    assert_same(call, seed=seed, delta=bool(deltas))


@pytest.mark.parametrize("of_input", [False, True])
@pytest.mark.parametrize("method", LAYER_METHODS)
def test_layers_of_a_frozen_model(method: str, of_input: bool):
    case = layered("residual")
    case.model.requires_grad_(False)
    for layer in ("0.norm", "0.up", "1", "1.norm"):
        assert_same(at_layer(method, case, layer, of_input=of_input))


@pytest.mark.parametrize("name", INSIDE)
@pytest.mark.parametrize("method", LAYER_METHODS)
def test_float64_is_kept(method: str, name: str):
    case = layered(name, dtype=torch.float64)
    layer = {"recurrent": "head", "transformer": "layers.0"}.get(
        name, next(each for each, _ in case.model.named_children())
    )
    assert_same(at_layer(method, case, layer), tolerance=1e-7)  # Captum rounds its nodes to float32


@pytest.mark.parametrize("n_steps", [2, 7, 50])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("method", ON_A_LINE)
@pytest.mark.parametrize("name", ["perceptron", "forked"])
def test_every_rule_at_any_number_of_steps(name: str, method: str, rule: str, n_steps: int):
    case, layer = layered(name), {"perceptron": "2", "forked": "split"}[name]
    deltas = deltas_of(method)
    call = at_layer(method, case, layer, method=rule, n_steps=n_steps, baselines=case.draw(4), **deltas)
    assert_same(call, delta=bool(deltas))


@pytest.mark.parametrize("n_steps", [2, 7, 50])
def test_the_trapezoid_rule_of_layer_conductance(n_steps: int):
    arguments = {"method": "riemann_trapezoid", "n_steps": n_steps, "return_convergence_delta": True}
    assert_same(at_layer("LayerConductance", FORKED, "split", **arguments), delta=True)


@pytest.mark.parametrize("method", ON_A_LINE)
def test_one_step_of_gauss_legendre(method: str):
    assert_same(at_layer(method, TWO, "head", n_steps=1))


@pytest.mark.parametrize("internal_batch_size", [4, 5, 8, 50, 1000])
@pytest.mark.parametrize("name", ["convolutional", "forked"])
@pytest.mark.parametrize("method", ON_A_LINE)
def test_the_internal_batch_size_does_not_matter(method: str, name: str, internal_batch_size: int):
    arguments = {"internal_batch_size": internal_batch_size, "n_steps": 13, **deltas_of(method)}
    layer = {"convolutional": "3", "forked": "join"}[name]
    assert_same(at_layer(method, layered(name), layer, **arguments), delta=method in WITH_DELTAS)


BASELINES = {
    "none": None,
    "numbers": (0, 1.5),
    "one for all": TWO.draw(1),
    "one for each": TWO.draw(4),
    "one for all and one for each": TWO.draw(1, 4),
    "a tensor and a number": (TWO.draw(4)[0], 0),
}


@pytest.mark.parametrize("form", BASELINES)
@pytest.mark.parametrize("method", ON_A_LINE)
def test_baselines_in_every_form(method: str, form: str):
    deltas = deltas_of(method)
    assert_same(at_layer(method, TWO, "head", baselines=BASELINES[form], **deltas), delta=bool(deltas))


DISTRIBUTIONS = {
    "one": ONE.draw(1),
    "as many as examples": ONE.draw(4),
    "more": ONE.draw(9),
    "a tuple": (ONE.draw(3),),
    "a function of nothing": lambda: ONE.draw(2),
    "a function of the inputs": lambda inputs: inputs[:2] / 2,
}


@pytest.mark.parametrize("form", DISTRIBUTIONS)
@pytest.mark.parametrize("stdevs", [0.0, 0.3, (0.2,)], ids=str)
@pytest.mark.parametrize("n_samples", [1, 6])
def test_distributions_in_every_form(form: str, stdevs: Any, n_samples: int, seed: int):
    arguments = {"baselines": DISTRIBUTIONS[form], "stdevs": stdevs, "n_samples": n_samples}
    call = at_layer("LayerGradientShap", ONE, "1", return_convergence_delta=True, **arguments)
    assert_same(call, seed=seed, delta=True)


@pytest.mark.parametrize(
    "target",
    [2, -1, (1,), [0, 2, 1, 1], [(0,), (-1,), (1,), (1,)], torch.tensor([2, 0, 1, 1]), torch.tensor([1])],
    ids=str,
)
@pytest.mark.parametrize("method", LAYER_METHODS[1:])
def test_every_form_of_target(method: str, target: Any):
    assert_same(at_layer(method, ONE, "3", target=target))


@pytest.mark.parametrize("target", [(1, 2), [(0, 1), (1, 2), (0, 0), (1, 1)]], ids=str)
@pytest.mark.parametrize("method", LAYER_METHODS[1:])
def test_targets_of_two_dimensions(method: str, target: Any):
    assert_same(at_layer(method, layered("dense"), "1", target=target))


@pytest.mark.parametrize("method", ["LayerGradientXActivation", "LayerIntegratedGradients", "LayerGradientShap"])
def test_without_the_factor_of_the_activations(method: str):
    for case, layer in ((ONE, "2"), (FORKED, "split"), (PICTURES, "left")):
        assert_same(at_layer(method, case, layer, made={"multiply_by_inputs": False}))


def test_an_economical_gradient_is_the_same():
    assert_same(at_layer("LayerGradientXActivation", FORKED, "join", made={"memory_efficient": True}))


@pytest.mark.parametrize("method", ["LayerGradientXActivation", "LayerIntegratedGradients", "InternalInfluence"])
def test_more_arguments_of_the_gradient(method: str):
    assert_same(at_layer(method, ONE, "2", grad_kwargs={"retain_graph": True, "create_graph": False}))


LISTS = [
    (TWO, ["left", "right"]),
    (TWO, ["left"]),
    (FORKED, ["split.one", "split.other"]),
    (FORKED, ["split"]),
    (PICTURES, ["left", "right"]),
]


@pytest.mark.parametrize(("case", "layers"), LISTS, ids=lambda value: str(value) if isinstance(value, list) else "")
@pytest.mark.parametrize("method", SEVERAL)
def test_several_layers_at_once(method: str, case: Example, layers: list[str]):
    deltas = deltas_of(method)
    assert_same(at_layer(method, case, layers, **deltas), delta=bool(deltas))
    if case is TWO:
        assert_same(at_layer(method, case, layers, of_input=True))


@pytest.mark.parametrize("layer", ["words", "mix", "head", ["words", "places"]], ids=str)
@pytest.mark.parametrize("method", AT_IDS)
def test_token_ids(method: str, layer: Any, seed: int):
    case = of_words(seed)
    deltas = {"baselines": 3, "return_convergence_delta": True} if method in WITH_DELTAS else {}
    assert_same(at_layer(method, case, layer, **deltas), delta=bool(deltas))


@pytest.mark.parametrize("baselines", [0, 7, torch.zeros(1, 5, dtype=torch.int64), torch.arange(20).reshape(4, 5) % 10])
@pytest.mark.parametrize("internal_batch_size", [None, 4, 9])
def test_baselines_of_token_ids(baselines: Any, internal_batch_size: int | None):
    arguments = {"baselines": baselines, "internal_batch_size": internal_batch_size, "return_convergence_delta": True}
    assert_same(at_layer("LayerIntegratedGradients", of_words(), "words", **arguments), delta=True)


def test_token_ids_are_what_an_embedding_takes():
    assert_same(at_layer("LayerActivation", of_words(), "words", of_input=True))


@pytest.mark.parametrize("method", LAYER_METHODS)
def test_integers_that_are_no_ids(method: str):
    arguments = {} if method == "LayerActivation" else {"target": 1}
    arguments |= {"baselines": (ONE.draw(4) * 3).long()} if method in (*ON_A_LINE, *SHAP) else {}
    inputs = (ONE.inputs * 5).long()
    assert_same(
        lambda attr: getattr(attr, method)(lambda x: ONE.model(x.float()), ONE.model[1]).attribute(inputs, **arguments)
    )


@pytest.mark.parametrize("method", LAYER_METHODS)
def test_a_tuple_of_one_input_does_not_change_what_comes_back(method: str):
    (inputs,) = ONE.tensors
    arguments = {"baselines": (ONE.draw(2),)} if method in SHAP else {}
    assert_same(at_layer(method, Example(ONE.model, (inputs,), ONE.explained), "2", **arguments))


@pytest.mark.parametrize("batch", [1, 2, 9])
@pytest.mark.parametrize("method", LAYER_METHODS)
def test_any_number_of_examples(method: str, batch: int):
    case = layered("convolutional")
    assert_same(at_layer(method, Example(case.model, case.draw(batch), {"target": 0}), "2"))


FUNCTIONS = {
    "a bound method": ONE.model.forward,
    "a function": lambda x: ONE.model(x),
    "a partial": functools.partial(nn.Module.__call__, ONE.model),
    "a larger model": lambda x: ONE.model(x.sin()) * 2,
}


@pytest.mark.parametrize("form", FUNCTIONS)
@pytest.mark.parametrize("method", LAYER_METHODS)
def test_any_callable_is_a_forward_func(method: str, form: str):
    baselines = {"baselines": ONE.draw(2)} if method in SHAP else {}
    target = {} if method == "LayerActivation" else {"target": 1}
    assert_same(
        lambda attr: getattr(attr, method)(FUNCTIONS[form], ONE.model[2]).attribute(ONE.inputs, **baselines, **target)
    )


@pytest.mark.parametrize("method", LAYER_METHODS)
def test_the_whole_model_and_a_data_parallel_one(method: str):
    arguments = {} if method == "LayerActivation" else {"target": 1}
    arguments |= {"baselines": ONE.draw(2)} if method in SHAP else {}
    parallel = nn.DataParallel(ONE.model)
    assert_same(lambda attr: getattr(attr, method)(ONE.model, ONE.model).attribute(ONE.inputs, **arguments))
    assert_same(lambda attr: getattr(attr, method)(parallel, ONE.model[2]).attribute(ONE.inputs, **arguments))


@pytest.mark.parametrize("method", [*LAYER_METHODS, *NEURON_METHODS])
def test_model_and_inputs_stay_as_they_were(method: str):
    model, inputs = PICTURES.model, PICTURES.inputs
    arguments = {} if method == "LayerActivation" or method in NEURON_METHODS[:3] else {"target": 1}
    arguments |= {"neuron_selector": (1, 0, 1)} if method in NEURON_METHODS else {}
    arguments |= {"baselines": PICTURES.draw(2)} if method in SHAP else {}
    before = copy.deepcopy((model.state_dict(), inputs))
    value_of(on_pellucid(lambda attr: getattr(attr, method)(model, model.pool).attribute(inputs, **arguments)))
    torch.testing.assert_close((model.state_dict(), inputs), before, rtol=0, atol=0)
    assert not any(each.requires_grad for each in inputs)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_attributions_of_a_layer_are_resized(mode: str):
    found = torch.randn(2, 3, 4, 4)
    assert_same(lambda attr: attr.LayerAttribution.interpolate(found, (8, 6), mode))
    assert_same(lambda attr: attr.LayerActivation(ONE.model, ONE.model[0]).interpolate(found, 7))


@pytest.mark.parametrize("method", WITH_DELTAS)
def test_convergence_deltas_of_any_attributions(method: str):
    def deltas(attr):
        explain = getattr(attr, method)(ONE.model, ONE.model[2])
        return explain.compute_convergence_delta(ONE.draw(4), 0.5, ONE.inputs, **ONE.explained)[:, None]

    assert_same(deltas)
