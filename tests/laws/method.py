"""What a method is to the laws, and the two ways to call one: by Captum's name, and as a dataclass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from laws.players import Shapes
from laws.problems import problem_of
from pellucid import attr, methods
from zoo.specimens import Inside, Tensors

COINS = 11
"""The samples of Lime."""


@dataclass(frozen=True)
class Method:
    """A method with its settings, called as `attribute` is, and what it promises.

    Args:
        name: For the tests' names.
        call: (model, inputs, **arguments) -> attributions, with deltas where asked for.
        baselines: Where it starts from, given the inputs; None where it has no such argument.
        stochastic: Whether it draws random numbers, and takes `seed` and `generator`.
        bounded: Whether it takes `internal_batch_size`.
        linear: Whether attributions of a sum of models are the sum of their attributions.
        complete: The settings under which attributions add up to F(x) - F(baseline) plus delta; None where not.
        converged: The settings under which they add up without the delta, on smooth models; None where not.
        calls: How often it calls the model where all fits into one block, and how many points of each example it shows.
        delta_calls: The calls that the delta adds, and the points.
        many: The setting that says how many points there are; None where it is always one.
        needs: Which places inside the specimen it is given: its `layer`, its `neuron`.
        at: Where its attributions are: at the `inputs`, the `layer` or the `neuron`'s layer.
        of_output: Whether it explains the model's output, not a neuron or nothing.
        backwards: How often it goes backwards, as seen from outside; None for as often as forwards.
        gradient: Whether it is made of gradients, and not of activations or of changes of the output.
        players: What it takes away at a time, as arguments, given the shapes of an example; None where it takes away
            nothing.
        mixes: Whether an example's attributions depend on the others', so that it has none alone and no seed.
        shared: Whether its draws are those of all examples, so that there is one seed for the batch.
        noisy: Whether an estimate for what the network ignores is zero on average only.
        surrogate: Whether it fits a model with a penalty, whose coefficients are no sums of those of other outputs,
            and not exactly zero for what the network ignores.
        rtol: How exactly it says the same of models that are the same but for steps in between.
        of_calls: Whether it goes by the calls that a model is written in, and not by its function alone.
        fixed: Whether it is the same for all examples where nothing but rectifiers looks at them.
        shaped: Whether attributions have the shapes of the tensors that they are attributed to.
        spatial: Whether it needs dimensions of space, or tokens, which rows of numbers have not.
        specimens: The models it runs on; None for all of them.
    """

    name: str
    call: Callable[..., Any]
    baselines: Callable[[Tensors], Tensors] | None = None
    stochastic: bool = False
    bounded: bool = False
    linear: bool = False
    complete: dict[str, Any] | None = None
    converged: dict[str, Any] | None = None
    calls: tuple[int, int] = (1, 1)
    delta_calls: tuple[int, int] = (0, 0)
    many: str | None = None
    needs: tuple[str, ...] = ()
    at: str = "inputs"
    of_output: bool = True
    backwards: int | None = None
    gradient: bool = True
    players: Callable[[Shapes], dict[str, Any]] | None = None
    mixes: bool = False
    shared: bool = False
    noisy: bool = False
    surrogate: bool = False
    rtol: float = 1e-9
    of_calls: bool = False
    fixed: bool = False
    shaped: bool = True
    spatial: bool = False
    specimens: tuple[str, ...] | None = None


def facade(make: Callable[[nn.Module], attr.Attribution], **settings: Any) -> Callable[..., Any]:
    """A method under Captum's name."""
    return lambda model, inputs, **arguments: make(model).attribute(inputs, **(settings | arguments))


def flat_output(call: Callable[..., Any]) -> Callable[..., Any]:
    """A method whose attributions keep all dimensions of an output, (B, 1) too, given an output of one for each row."""

    def called(model: nn.Module, inputs: Any, *, target: Any = None, **arguments: Any) -> Any:
        one = target is None and "targets" not in arguments
        return call(model, inputs, target=Tensor.flatten if one else target, **arguments)

    return called


def facade_of_layer(make: Callable[..., attr.Attribution], *, targets: bool = True, **settings: Any):
    """A method for layers under Captum's name, with or without a target."""

    def call(model: nn.Module, inputs: Any, *, layer: Inside, **arguments: Any) -> Any:
        given = {"attribute_to_layer_input": layer.of_input} | settings | arguments
        return make(model, layer.layer).attribute(inputs, **(given if targets else without_target(given)))

    return call


def facade_of_neuron(make: Callable[..., attr.Attribution], *, targets: bool = False, **settings: Any):
    """A method for neurons under Captum's name, with or without a target."""

    def call(model: nn.Module, inputs: Any, *, neuron: Inside, **arguments: Any) -> Any:
        given = {"neuron_selector": neuron.neuron, "attribute_to_neuron_input": neuron.of_input} | settings | arguments
        return make(model, neuron.layer).attribute(inputs, **(given if targets else without_target(given)))

    return call


def without_target(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != "target"}


def engine(
    make: Callable[..., Callable[..., methods.Attributions]],
    places: Callable[..., dict[str, Any]] = dict,
    **settings: Any,
) -> Callable[..., Any]:
    """A method as a dataclass over a pathway.

    Args:
        make: Takes those of the settings that are the dataclass's own.
        places: The source, where gradients are taken and the target, given the places that the method needs.
        **settings: Of the method.
    """
    of_the_problem = ("target", "additional_forward_args", "internal_batch_size", "create_graph", "early_exit")

    def call(model: nn.Module, inputs: Tensor | Tensors, *, return_convergence_delta: bool = False, **arguments: Any):
        inside = {name: arguments.pop(name) for name in ("layer", "neuron") if name in arguments}
        bound = {name: arguments.pop(name) for name in of_the_problem if name in arguments} | places(**inside)
        if "targets" in arguments:
            bound["target"] = methods.Several(arguments.pop("targets"))
        given = {name: arguments.pop(name) for name in ("baselines", "feature_mask") if name in arguments}
        if return_convergence_delta:
            given["return_convergence_delta"] = True
        result = make(**(settings | arguments))(problem_of(model, inputs, **bound), **given)
        values = result.as_layer_output if result.structure or isinstance(inputs, tuple) else result.values[0]
        return (values, result.delta) if return_convergence_delta else values

    return call
