"""Models with something inside, and calls of the methods that look there."""

from typing import Any

from beside_captum.same.compare import Call
from zoo.architectures import Example
from zoo.layered import PLACES, Place

LAYER_METHODS = [
    "LayerActivation",
    "LayerGradientXActivation",
    "LayerIntegratedGradients",
    "LayerGradientShap",
    "InternalInfluence",
    "LayerConductance",
]
NEURON_METHODS = ["NeuronGradient", "NeuronIntegratedGradients", "NeuronGradientShap", "NeuronConductance"]
SHAP = ["LayerGradientShap", "NeuronGradientShap"]


def at_layer(
    name: str, case: Example, layer: Any, /, *, of_input: bool = False, made: Any = None, **arguments: Any
) -> Call:
    """A call of a method for layers; `layer` is a name or a list of names, `made` what the constructor takes."""
    given = {"attribute_to_layer_input": of_input, **case.explained, **arguments}
    if name == "LayerActivation":
        given.pop("target")
    return _call(name, case, layer, made, given)


def at_neuron(
    name: str,
    case: Example,
    layer: str,
    selector: Any,
    /,
    *,
    of_input: bool = False,
    made: Any = None,
    **arguments: Any,
) -> Call:
    """A call of a method for neurons."""
    given = {"neuron_selector": selector, "attribute_to_neuron_input": of_input, **case.explained, **arguments}
    if name != "NeuronConductance":
        given.pop("target")
    return _call(name, case, layer, made, given)


def _call(name: str, case: Example, layer: str | list[str], made: Any, given: dict[str, Any]) -> Call:
    get = case.model.get_submodule
    modules = [get(each) for each in layer] if isinstance(layer, list) else get(layer)
    if name in SHAP and "baselines" not in given:
        given["baselines"] = case.draw(3)
    return lambda attr: getattr(attr, name)(case.model, modules, **(made or {})).attribute(case.inputs, **given)


FOLLOWED_BY_INPLACE_CODE = [
    Place("pictures", "pool", False),
    Place("pictures", "rectify", False),
    Place("pictures", "rectify", True),
    Place("pictures", "middle", False),
]
"""Where Captum's LayerIntegratedGradients raises; see the differences."""
USED_BEFORE = Place("forked", "split.other", True)
"""What another module takes first, which Captum's LayerGradientXActivation does not see; see the differences."""
SEVERAL_TENSORS = [
    Place("forked", "split", False),
    Place("forked", "join", True),
    Place("transformer", "layers.0.self_attn", True),
    Place("transformer", "layers.1.self_attn", True),
]
"""Where no neuron can be selected by numbers."""
WITH_NEURONS = [
    place
    for place in PLACES
    if (place.name, place.layer)
    not in {("two inputs", "left"), ("two inputs", "right"), ("pictures", "left"), ("pictures", "right")}
]
"""Places that depend on all inputs: of a neuron that does not Captum has no gradient; see the differences."""
