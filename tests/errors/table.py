"""Wrong calls, and what must be said of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import attr, methods
from pellucid.errors import InvalidArgument, NotDifferentiable, NotScalar, OutOfRange, PellucidError, WrongType

ROWS, PAIR = torch.ones(8, 4), (torch.ones(8, 4), torch.ones(8, 5))
IMAGES = torch.zeros(8, 3, 32, 32)

model = nn.Linear(4, 3)
convolution = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(1800, 3))
model_of_images = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))


def model_of_pairs(one: Tensor, other: Tensor) -> Tensor:
    return one.sum(1) + other.sum(1)


def square(x: Tensor) -> Tensor:
    return x.reshape(8, 2, 2)


@dataclass(frozen=True)
class Call:
    """A wrong call, the class of the error and parts of its message: the argument, what was expected, what came."""

    method: Callable[..., attr.Attribution]
    model: Callable[..., Any]
    inputs: Any
    arguments: dict[str, Any]
    error: type[PellucidError]
    says: tuple[str, ...]


def call(
    method: Callable[..., attr.Attribution],
    /,
    *says: str,
    error: type[PellucidError] = InvalidArgument,
    model: Callable[..., Any] = model,
    inputs: Any = ROWS,
    **arguments: Any,
) -> Call:
    return Call(method, model, inputs, {"target": 0} | arguments, error, says)


def target(target: Any, *says: str, error: type[PellucidError] = InvalidArgument, model: Any = model) -> Call:
    return call(attr.Saliency, "target ", *says, error=error, model=model, target=target)


def inputs(inputs: Any, *says: str, **more: Any) -> Call:
    return call(attr.InputXGradient, "inputs", *says, inputs=inputs, **more)


def output(model: Callable[[Tensor], Any], *says: str, **more: Any) -> Call:
    return call(attr.IntegratedGradients, "forward_func", *says, model=model, **more)


def start(baselines: Any, *says: str, **more: Any) -> Call:
    return call(attr.IntegratedGradients, "baselines must ", *says, baselines=baselines, **more)


def distribution(baselines: Any, *says: str, **more: Any) -> Call:
    return call(attr.GradientShap, "baselines must be ", *says, baselines=baselines, **more)


def steps(*says: str, **arguments: Any) -> Call:
    return call(attr.IntegratedGradients, *says, **arguments)


def samples(*says: str, **arguments: Any) -> Call:
    return call(attr.GradientShap, *says, baselines=torch.zeros(1, 4), **arguments)


def noise(*says: str, **arguments: Any) -> Call:
    return call(lambda model: attr.NoiseTunnel(attr.Saliency(model)), *says, **arguments)


def ablated(*says: str, **arguments: Any) -> Call:
    return call(attr.FeatureAblation, *says, **arguments)


def lime(similarity: Any = None, perturbation: Any = None, linear_model: Any = None) -> Callable[..., attr.Lime]:
    """Lime with some of the user's own parts."""
    return lambda model: attr.Lime(model, linear_model, similarity, perturbation)


def perturbed(perturbation: Any, *says: str, **more: Any) -> Call:
    return call(lime(None, lambda original, **kwargs: perturbation), "perturb_func must ", *says, **more)


def weighed(similarity: Any, *says: str, **more: Any) -> Call:
    return call(lime(lambda *_, **kwargs: similarity), "similarity_func must ", *says, **more)


class Learnt:
    """A model that learns the same whatever it is given."""

    def __init__(self, learnt: Any):
        self.learnt = learnt

    def fit(self, train_data: Any) -> None:
        """Nothing."""

    def representation(self) -> Any:
        return self.learnt


def masked(mask: Any, *says: str, **more: Any) -> Call:
    return ablated("feature_mask must ", *says, feature_mask=mask, **more)


def occluded(windows: Any, *says: str, **more: Any) -> Call:
    return call(attr.Occlusion, *says, sliding_window_shapes=windows, **more)


class Frame:
    """What a data frame is to us: what gives an array."""

    def to_numpy(self) -> Any:
        return ROWS.numpy()


class Classifier:
    """What an estimator of scikit-learn is to us: no function, but it has one."""

    def predict_proba(self, x: Any) -> Any:
        return x

    def predict(self, x: Any) -> Any:
        return x


class Deep(nn.Module):
    """A model with named parts: one that returns a tuple, one that never runs, and one that takes ids."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.idle = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(2, 2)
        self.pair = nn.LSTM(6, 6, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.pair(self.encoder(x)[:, None])[0][:, 0])


deep, other = Deep(), Deep()
model_of_ids = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 3))
IDS = {"model": model_of_ids, "inputs": torch.zeros(8, 5, dtype=torch.int64)}


def layer(layer: Any, *says: str, model: Any = deep, **more: Any) -> Call:
    return call(lambda model: attr.LayerGradientXActivation(model, layer), "layer must ", *says, model=model, **more)


def neuron(selector: Any, *says: str, layer: Any = "encoder", model: Any = deep, **more: Any) -> Call:
    made = call(lambda model: attr.NeuronGradient(model, layer), *says, model=model, neuron_selector=selector, **more)
    del made.arguments["target"]
    return made


def at(make: Any, *says: str, target: Any = 0, **more: Any) -> Call:
    made = call(lambda model: make(model, "encoder"), *says, model=deep, **more)
    if target is None:
        del made.arguments["target"]
    return made


TENSORS = "must be a tensor or a tuple of tensors: got "
MODULE = "be a module or the dotted name of one: got "
NAME = "be the name of a module of the model: got "
STEPS = "n_steps must be an integer of at least 1: got 0."
BEYOND = " is beyond the layer's 6 values per example (0 to 5)."
PAIRS = {"model": model_of_pairs, "inputs": PAIR, "target": None}
PICTURES = {"model": model_of_images, "inputs": IMAGES}
TARGETS_ARE = "must be an int, a tuple of ints and slices, a tensor or list of one per example, a callable or None"
CHOOSE = "Hint: choose one, such as target=0."
FLOATS = "must be floating point for a gradient to exist"
NO_GRADIENT = " must return an output with a gradient: got one without. Hint: it may have been detached"

TABLE = {
    "target too large": target(3, "3 is beyond the output's 3 values per example (0 to 2).", error=OutOfRange),
    "target too small": target(-4, "-4 is beyond the output's 3 values per example (0 to 2).", error=OutOfRange),
    "target in a list": target([0] * 7 + [7], "7 is beyond the output's 3 values", error=OutOfRange),
    "target in a tensor": target(torch.full((8,), -5), "-5 is beyond the output's 3 values", error=OutOfRange),
    "target in a tuple": target(
        (1, 2), "(1, 2) is beyond the output's (2, 2) values per example (0 to 1, 0 to 1).", error=OutOfRange,
        model=square,
    ),
    "target in tuples": target(
        [(2, 0)] * 8, "(2, 0) is beyond the output's (2, 2) values", error=OutOfRange, model=square
    ),
    "target of the only value": target(
        1, "1 is beyond the output's 1 value per example (0 to 0).", error=OutOfRange, model=lambda x: x[:, :1]
    ),
    "target in the place of baselines": call(
        attr.IntegratedGradients, "target must leave one value per example", "baselines is 1: did you mean target=1?",
        error=NotScalar, baselines=1, target=None,
    ),
    "targets in the place of baselines": call(
        attr.DeepLift, "baselines must broadcast to inputs: expected (8, 4), got (8,). Hint: target=...",
        baselines=torch.zeros(8).long(), target=None,
    ),
    "target missing": target(
        None, "must leave one value per example: the output holds (3,) values for each", CHOOSE, error=NotScalar
    ),
    "target with too few indices": target(
        1, "must leave one value", "(2,) values for each", CHOOSE, model=square, error=NotScalar
    ),
    "target with too many indices": target((0, 1), "must choose among the dimensions", "(3,): got 2 indices"),
    "target of a vector": target(
        0, "must choose among the dimensions", "(): got 1 indices. Hint: target=None", model=lambda x: x.sum(1)
    ),
    "target of a single example": call(
        attr.IntegratedGradients, "target must choose among ", "(): got 1 indices.", "inputs[None]", inputs=ROWS[0]
    ),
    "target a word": target("cat", TARGETS_ARE, "got str 'cat'", error=WrongType),
    "target a float": target(1.5, TARGETS_ARE, "got float 1.5", error=WrongType),
    "target a bool": target(True, TARGETS_ARE, "got bool True", error=WrongType),
    "target a list of words": target(["cat"] * 8, TARGETS_ARE, "got list ['cat'", error=WrongType),
    "target a list of many words": target(["cat"] * 999, TARGETS_ARE, "'cat', ...].", error=WrongType),
    "target a float tensor": target(torch.zeros(8), "must be a 1-D tensor of integers: got (8,) float32"),
    "target a matrix": target(torch.zeros(8, 2).long(), "must be a 1-D tensor of integers: got (8, 2) int64"),
    "target a short list": target([0, 1], "must hold one element per example: expected 8, got 2"),
    "target a long tensor": target(torch.zeros(9).long(), "must hold one element per example: expected 8, got 9"),
    "target of several lengths": target([(0,)] * 7 + [(0, 1)], "must hold tuples of one length: got tuples of several"),
    "target returns no tensor": target(lambda output: output.tolist(), "return a tensor: got list"),
    "target returns too much": target(
        lambda output: output, "must leave one value per example", "(3,) values", CHOOSE, error=NotScalar
    ),
    "inputs a frame": inputs(
        Frame(), TENSORS + "Frame. Hint: torch.as_tensor(inputs.to_numpy(), dtype=torch.float32)."
    ),
    "inputs a word": inputs("cat", "inputs must be tensors: got text. Hint: tokenizer=... ["),
    "inputs lists of several lengths": inputs([[1.0], [1.0, 2.0]], "inputs must be lists of one length: "),
    "inputs an array of words": inputs(np.array(["cat"]), "inputs must hold numbers: got an array of <U3."),
    "inputs a dict of words": inputs({"a": "cat"}, "inputs must hold at least one tensor: got dict. Hint: "),
    "inputs an empty tuple": inputs((), "must hold at least one tensor: got an empty tuple."),
    "inputs without examples": inputs(torch.ones(0, 4), "must hold at least one example: got (0, 4)."),
    "inputs without dimensions": inputs(torch.tensor(1.0), "must have a first dimension, the examples: got ()."),
    "inputs of integers": inputs(ROWS.long(), FLOATS, "(8, 4) int64", "Hint: ", "embedding", error=NotDifferentiable),
    "inputs with integers": inputs(
        (ROWS, PAIR[1].long()), "[1] " + FLOATS, "(8, 5) int64", "Hint: ", error=NotDifferentiable, model=model_of_pairs
    ),
    "output a tuple of words": output(lambda x: ("a", "b"), "must return a tensor: got tuple. Hint: "),
    "output a dict of several": output(
        lambda x: {"loss": x.sum(), "a": x, "b": x}, "must return a tensor: got dict. Hint: choose one of 'loss', ",
        "target=lambda output: output['a'][:, 0], or output_selector='a'.", target=[0] * 8,
    ),
    "output a dict of many": output(
        lambda x: dict.fromkeys(range(9), x), "Hint: choose one of 0, 1, 2, 3, ... with", "output[0][:, 0], or "
    ),
    "output an empty dict": output(lambda x: {}, "must return a tensor: got dict. Hint: "),
    "output an array": output(
        lambda x: x.detach().numpy(), "must return a tensor: got ndarray. Hint: gradients need torch all the way; "
    ),
    "model an estimator": call(
        attr.Saliency, "forward_func predicts without gradients: got Classifier. Hint: KernelShap", model=Classifier(),
        error=NotDifferentiable,
    ),
    "model no model": output(3, " must be a function of tensors: got int. [", error=WrongType),
    "model a class": output(nn.Linear, " must be a model, not a class of models: got Linear. Hint: Linear(...).",
        error=WrongType),
    "output detached": output(lambda x: x.detach(), NO_GRADIENT, error=NotDifferentiable),
    "output without gradients": output(torch.no_grad()(model.forward), NO_GRADIENT, error=NotDifferentiable),
    "output of integers": output(lambda x: x.argmax(1), NO_GRADIENT, error=NotDifferentiable, target=None),
    "baselines of images": start(
        torch.zeros(3, 32, 31), "broadcast to inputs: expected (8, 3, 32, 32), got (3, 32, 31). [", **PICTURES
    ),
    "baselines of no example": start(torch.zeros(3), "broadcast to inputs: expected (8, 4), got (3,)."),
    "baselines of one number per example": start(torch.zeros(8), "broadcast to inputs: expected (8, 4), got (8,). ["),
    "baselines of other examples": start(
        torch.zeros(5, 4), "broadcast to inputs: expected (8, 4), got (5, 4). Hint: GradientShap and DeepLiftShap take "
        "many; baselines.mean(0, keepdim=True) is one for all.",
    ),
    "baselines too few": start((0,), "have one entry for each input: expected 2, got 1.", **PAIRS),
    "baselines for one of two": start(ROWS, "have one entry for each input: expected 2, got 1.", **PAIRS),
    "baselines too many": start((0, 0), "have one entry for each input: expected 1, got 2."),
    "baselines a word": start("zero", "be tensors or numbers: got str."),
    "baselines a list": start([0, 0], "be tensors or numbers: got list. Hint: torch.tensor(baselines)."),
    "baselines an array": start(
        ROWS.numpy(), "be tensors or numbers: got ndarray. Hint: torch.as_tensor(baselines, dtype=torch.float32)."
    ),
    "distribution of others": distribution(torch.zeros(5, 3), "for each input: expected (n_baselines, 4), got (5, 3)"),
    "distribution for one of two": distribution(
        ROWS, "for each input: expected ", "(n_baselines, 5)", "got (8, 4)", **PAIRS
    ),
    "distribution a list": distribution([0], "for each input: expected (n_baselines, 4), got list. Hint: "),
    "distribution an array": distribution(ROWS.numpy(), "got ndarray. Hint: torch.as_tensor(baselines, dtype="),
    "distribution a number": distribution(0, "got int. Hint: a tensor of many rows, such as those of training "),
    "distribution of DeepLiftShap": call(
        attr.DeepLiftShap, "baselines must be a distribution for each input: expected (n_baselines, 4), got float. "
        "Hint: ", baselines=0.5,
    ),
    "n_steps": steps("n_steps must be an integer of at least 1: got 0.", n_steps=0),
    "n_steps below zero": steps("n_steps must be an integer of at least 1: got -3.", n_steps=-3),
    "n_steps a float": steps("n_steps must be an integer of at least 1: got 2.5.", error=WrongType, n_steps=2.5),
    "n_steps a tensor": steps("n_steps must be an integer of at least 1: got float32 [99].", error=WrongType,
        n_steps=torch.ones(99)),
    "n_steps of a trapezoid": steps("n_steps must be at least 2", "got 1.", n_steps=1, method="riemann_trapezoid"),
    "method": steps("method must be one of riemann_left, ", "gausslegendre: got 'simpson'.", method="simpson"),
    "internal_batch_size": steps("internal_batch_size must be an integer of at least 1: got 0.", internal_batch_size=0),
    "n_samples": samples("n_samples must be an integer of at least 1: got 0.", n_samples=0),
    "n_samples a word": samples(
        "n_samples must be an integer of at least 1: got 'ten'.", error=WrongType, n_samples="ten"
    ),
    "seeds too few": samples("seed must be one number, or one per example: expected 8, got 3.", seed=[1, 2, 3]),
    "seed a float": samples("seed must be an integer, or one per example: got 1.5.", error=WrongType, seed=1.5),
    "seeds of words": samples("seed must be an integer", "got ['a', 'a', 'a', 'a', 'a', 'a', ...].", error=WrongType,
        seed=["a"] * 99),
    "stdevs": samples("stdevs must not be negative: got -0.5.", stdevs=-0.5),
    "seed and generator": samples("seed and generator exclude", "got both.", seed=1, generator=torch.Generator()),
    "nt_type": noise("nt_type must be one of smoothgrad, smoothgrad_sq, vargrad: got 'mean'.", nt_type="mean"),
    "nt_samples": noise("nt_samples must be an integer of at least 1: got 0.", nt_samples=0),
    "nt_samples_batch_size": noise(
        "nt_samples_batch_size must be an integer of at least 1: got 0.", nt_samples_batch_size=0
    ),
    "stdevs of noise": noise("stdevs must not be negative: got (-1.0,).", stdevs=(-1.0,)),
    "stdevs too many": noise("stdevs must be one number, or one for each input: expected 1, got 2.", stdevs=(1.0, 2.0)),
    "stdevs too few": noise(
        "stdevs must be one number, or one for each input: expected 2, got 1.", stdevs=(1,), **PAIRS
    ),
    "stdevs a list": noise(
        "stdevs must be a number or a tuple of numbers: got [1.0, 1.0, ", ", ...].", stdevs=[1.0] * 99
    ),
    "stdevs a word": noise("stdevs must be a number or a tuple of numbers: got 'much'.", stdevs="much"),
    "seed and generator of noise": noise("seed and generator exclude", seed=1, generator=torch.Generator()),
    "target inside noise": noise("target 5 is beyond the output's 3 values", target=5, error=OutOfRange),
    "layer an integer": layer(3, MODULE + "int. Hint: the name '3'."),
    "layer None": layer(None, MODULE + "NoneType."),
    "layer a tensor": layer(ROWS, MODULE + "Tensor."),
    "layer in a list an integer": layer(["encoder", 5], MODULE + "int."),
    "layers an empty list": layer([], "hold at least one module: got an empty list."),
    "layer misspelt": layer("encodr", NAME + "'encodr'. Hint: there is 'encoder', 'decoder'."),
    "layer of no such name": layer("zzz", NAME + "'zzz'. Hint: there is 'encoder', 'decoder', 'idle'."),
    "layer without a name": layer("", NAME + "''. Hint: there is 'encoder', 'decoder', 'idle'."),
    "layer in a list misspelt": layer(["encoder", "idel"], NAME + "'idel'. Hint: there is 'idle'"),
    "layer of another model": layer(other.encoder, "run in the forward: Linear is no module of Deep."),
    "layer that never runs": layer("idle", "run in the forward: 'idle' (Linear) was never called. Hint: only calls"),
    "layer in a list never runs": layer(["encoder", deep.idle], "run in the forward: 'idle' (Linear) was never"),
    "layer of ids": layer(
        "0", "hold a floating-point tensor", "it holds none. Hint: of an embedding", error=NotDifferentiable,
        attribute_to_layer_input=True, **IDS,
    ),
    "layer of no space": call(
        lambda model: attr.GuidedGradCam(model, "encoder"), "layer must have as many dimensions of space as one of",
        "got (8, 1) for inputs (8, 4)", "Hint: choose a convolution", model=deep,
    ),
    "interpolate_mode unknown": call(
        lambda model: attr.GuidedGradCam(model, "0"), "interpolate_mode must be one of torch's for 2 dimensions",
        "got 'linear'", model=convolution, inputs=IMAGES, interpolate_mode="linear",
    ),
    "reshape_transform of another shape": call(
        lambda model: attr.LayerGradCam(model, "encoder"), "reshape_transform must return (8, channels, *spatial)",
        "got (2,", model=deep, reshape_transform=lambda tensor: tensor[:2],
    ),
    "layer and a target too large": call(
        lambda model: attr.LayerGradientXActivation(model, "encoder"), "target 3 is beyond the output's 3 values",
        model=deep, target=3, error=OutOfRange,
    ),
    "layer and no target": call(
        lambda model: attr.LayerGradientXActivation(model, "encoder"), "target must leave one value per example: the "
        "output holds (3,)", CHOOSE, model=deep, target=None, error=NotScalar,
    ),
    "neuron too large": neuron(6, "neuron_selector 6" + BEYOND, error=OutOfRange),
    "neuron too small": neuron(-7, "neuron_selector -7" + BEYOND, error=OutOfRange),
    "neuron in a list": neuron([0] * 7 + [9], "neuron_selector 9" + BEYOND, error=OutOfRange),
    "neurons beyond the layer": neuron(slice(7, 9), "neuron_selector slice(7, 9, None)" + BEYOND, error=OutOfRange),
    "neuron with too many indices": neuron((1, 2), "neuron_selector must choose among the dimensions", "(6,): got 2"),
    "neuron of slices with too many indices": neuron((slice(None), 2), "neuron_selector must choose ", "(6,): got 2"),
    "neuron missing": neuron(
        None, "neuron_selector must leave one value per example: the layer holds (6,) values for each. Hint: ",
        "neuron_selector=0", error=NotScalar,
    ),
    "neuron a word": neuron("cat", "neuron_selector " + TARGETS_ARE, "got str 'cat'", error=WrongType),
    "neuron a float": neuron(1.5, "neuron_selector " + TARGETS_ARE, "got float 1.5", error=WrongType),
    "neuron a short list": neuron([0, 1], "neuron_selector must hold one element per example: expected 8, got 2"),
    "neuron a float tensor": neuron(torch.zeros(8), "neuron_selector must be a 1-D tensor of integers: got (8,) float"),
    "neuron returns no tensor": neuron(lambda layer: 3, "neuron_selector must return a tensor: got int."),
    "neuron of a tuple": neuron(
        0, "layer must return a tensor: got tuple. Hint: choose one with a callable, neuron_selector=", layer="pair"
    ),
    "neuron of a list": neuron(0, "layer must return a tensor: got list. Hint: ", layer=["encoder", "decoder"]),
    "neuron of no such layer": neuron(0, "layer must " + NAME + "'encodr'. Hint: there is", layer="encodr"),
    "neuron of ids": neuron(0, "inputs " + FLOATS, "(8, 5) int64. Hint: ", layer="2", error=NotDifferentiable, **IDS),
    "n_steps at a layer": at(attr.LayerIntegratedGradients, STEPS, n_steps=0),
    "n_steps of conductance": at(attr.LayerConductance, STEPS, n_steps=0),
    "n_steps of influence": at(attr.InternalInfluence, STEPS, n_steps=0),
    "n_steps of a neuron": at(attr.NeuronIntegratedGradients, STEPS, n_steps=0, neuron_selector=0, target=None),
    "n_steps of a neuron's conductance": at(attr.NeuronConductance, STEPS, n_steps=0, neuron_selector=0),
    "baselines at a layer": at(
        attr.LayerIntegratedGradients, "baselines must broadcast to inputs: expected (8, 4), got (8, 6).",
        baselines=torch.zeros(8, 6),
    ),
    "distribution at a layer": at(
        attr.LayerGradientShap, "baselines must be a distribution for each input: ", "got list.", baselines=[0]
    ),
    "conductance of a neuron too large": at(
        attr.NeuronConductance, "neuron_selector 6" + BEYOND, error=OutOfRange, neuron_selector=6
    ),
    "feature_mask of floats": masked(torch.zeros(1, 4), "hold integers: got (1, 4) float32."),
    "feature_mask a list": masked([0, 1, 2, 3], "hold integers: got list. Hint: torch.tensor(feature_mask)."),
    "feature_mask of booleans": masked(
        torch.ones(1, 4).bool(), "hold integers: got (1, 4) bool. Hint: feature_mask.long() for two features, 0 and 1."
    ),
    "feature_mask below zero": masked(torch.tensor([[0, -2, 1, 0]]), "hold natural numbers: got -2."),
    "feature_mask of other features": masked(
        torch.zeros(1, 3).long(), "broadcast to inputs: expected (8, 4), got (1, 3)."
    ),
    "feature_mask of other examples": masked(
        torch.zeros(5, 4).long(), "broadcast to inputs: expected (8, 4), got (5, 4)."
    ),
    "feature_mask of more dimensions": masked(
        torch.zeros(1, 8, 4).long(), "broadcast to inputs: expected (8, 4), got (1, 8, 4)."
    ),
    "feature_mask for one of two": masked(
        torch.zeros(1, 4).long(), "have one entry for each input: expected 2, got 1.", **PAIRS
    ),
    "feature_mask for two of one": masked((torch.zeros(1, 4).long(),) * 2, "expected 1, got 2."),
    "feature_mask with None": masked((torch.zeros(1, 4).long(), None), "hold integers: got NoneType.", **PAIRS),
    "feature_mask of permutations": call(
        attr.FeaturePermutation, "feature_mask must hold integers: got (1, 4) float32.", feature_mask=torch.zeros(1, 4)
    ),
    "baselines of an ablation": ablated("baselines must be tensors or numbers: got str.", baselines="zero"),
    "baselines of an ablation of others": ablated(
        "baselines must broadcast to inputs: expected (8, 4), got (5, 4).", baselines=torch.zeros(5, 4)
    ),
    "perturbations_per_eval": ablated(
        "perturbations_per_eval must be an integer of at least 1: got 0.", perturbations_per_eval=0
    ),
    "perturbations_per_eval a float": ablated(
        "perturbations_per_eval must be an integer of at least 1: got 2.5.", error=WrongType, perturbations_per_eval=2.5
    ),
    "perturbations_per_eval of windows": occluded(
        (1,), "perturbations_per_eval must be an integer of at least 1: got -1.", perturbations_per_eval=-1
    ),
    "window too large": occluded((5,), "sliding_window_shapes must lie within the input's (4,): got (5,)."),
    "window of nothing": occluded((0,), "sliding_window_shapes must lie within the input's (4,): got (0,)."),
    "window of other dimensions": occluded(
        (2, 2), "sliding_window_shapes must have a size for each dimension of (4,): got (2, 2)."
    ),
    "window a float": occluded((1.5,), "sliding_window_shapes must have a size for each dimension of (4,): got "),
    "window of many dimensions": occluded((2,) * 99, "a size for each dimension of (4,): got (2, 2, 2, 2, 2, 2, ...)."),
    "window a tensor": occluded(ROWS, "a size for each dimension of (4,): got float32 [8, 4]."),
    "window an integer": occluded(2, "sliding_window_shapes must have a size for each dimension of (4,): got 2."),
    "windows for one of two": occluded(
        (2,), "sliding_window_shapes must have one entry for each input: expected 2, got 1.", **PAIRS
    ),
    "windows for two of one": occluded(((2,), (2,)), "have one entry for each input: expected 1, got 2."),
    "stride beyond the window": occluded(
        (2,), "strides must be at least 1, and no larger than the window", "got (3,) for windows of (2,).", strides=3
    ),
    "stride of nothing": occluded((2,), "strides must be at least 1", "got (0,) for windows of (2,).", strides=0),
    "strides of other dimensions": occluded(
        (2,), "strides must be a number, or one for each dimension of (4,): got (1, 1).", strides=(1, 1)
    ),
    "stride a float": occluded((2,), "strides must be a number, or one for each dimension of (4,): got ", strides=1.5),
    "strides for one of two": occluded(
        ((2,), (2,)), "strides must have one entry for each input: expected 2, got 1.", strides=1, **PAIRS
    ),
    "layer_mask of other features": at(
        attr.LayerFeatureAblation, "_mask must broadcast to ", "expected (8, 6), got (1, 4).",
        layer_mask=torch.zeros(1, 4).long(),
    ),
    "feature_mask of a neuron": at(
        attr.NeuronFeatureAblation, "feature_mask must hold natural numbers: got -1.",
        neuron_selector=0, target=None, feature_mask=torch.tensor([[-1, 0, 0, 0]]),
    ),
    "perturb_func returns a list": perturbed([1, 0, 1, 0], "return zeros and ones", "expected (1, 4), got list."),
    "perturb_func returns a row": perturbed(torch.ones(4), "return zeros and ones", "expected (1, 4), got (4,) float"),
    "perturb_func returns halves": perturbed(torch.full((1, 4), 0.5), "return zeros and ones, one for each feature"),
    "perturb_func returns too few": perturbed(torch.ones(1, 3), "expected (1, 4), got (1, 3) float32."),
    "perturb_func returns nothing": perturbed(None, "return zeros and ones", "expected (1, 4), got NoneType."),
    "perturb_func yields nothing": perturbed(iter(()), "yield at least one sample: got none."),
    "similarity_func returns two": weighed(torch.ones(2), "return one number: got (2,) float32."),
    "similarity_func returns nothing": weighed(None, "return one number: got "),
    "similarity_func returns a word": weighed("near", "return one number: got "),
    "similarity_func returns zeros": weighed(0.0, "count some samples: it gives zero for all. Hint: "),
    "interpretable_model learns a list": call(
        lime(linear_model=Learnt([1, 2])), "interpretable_model.representation() must be a tensor", "got list."
    ),
    "interpretable_model learns too much": call(
        lime(linear_model=Learnt(torch.ones(1, 7))), "interpretable_model.representation() must hold a coefficient for "
        "each feature: expected (1, 4), got (1, 7) float32.",
    ),
    "n_samples of auto": call(
        attr.KernelShap, "n_samples must be at least 10 to determine the attributions of 4 features: got 9.",
        n_samples=9, sampling="auto",
    ),
    "numbers of features too high": call(
        attr.KernelShap, "feature_mask must number features below 10000000", "got 2199023255552. Hint: number them ",
        feature_mask=torch.tensor([[0, 1, 2, 2**41]]),
    ),
}  # fmt: skip

GAMES = (attr.KernelShap, attr.Lime, attr.ShapleyValues, attr.ShapleyValueSampling)
SAMPLED = (attr.KernelShap, attr.Lime, attr.ShapleyValueSampling)
SAMPLES = "n_samples must be an integer of at least 1: got "

for game in GAMES:
    TABLE |= {
        f"{game.__name__}: feature_mask of floats": call(
            game, "feature_mask must hold integers: got (1, 4) float32.", feature_mask=torch.zeros(1, 4)
        ),
        f"{game.__name__}: feature_mask below zero": call(
            game, "feature_mask must hold natural numbers: got -2.", feature_mask=torch.tensor([[0, -2, 1, 0]])
        ),
        f"{game.__name__}: feature_mask of other features": call(
            game, "feature_mask must broadcast to inputs: expected (8, 4), got (1, 3).",
            feature_mask=torch.zeros(1, 3).long(),
        ),
        f"{game.__name__}: feature_mask for one of two": call(
            game, "feature_mask must have one entry for each input: expected 2, got 1.",
            feature_mask=torch.zeros(1, 4).long(), **PAIRS,
        ),
        f"{game.__name__}: baselines of others": call(
            game, "baselines must broadcast to inputs: expected (8, 4), got (5, 4).", baselines=torch.zeros(5, 4)
        ),
        f"{game.__name__}: perturbations_per_eval": call(
            game, "perturbations_per_eval must be an integer of at least 1: got 0.", perturbations_per_eval=0
        ),
        f"{game.__name__}: target": call(
            game, "target 3 is beyond the output's 3 values", target=3, error=OutOfRange
        ),
    }  # fmt: skip
for game in SAMPLED:
    TABLE |= {
        f"{game.__name__}: n_samples": call(game, SAMPLES + "0.", n_samples=0),
        f"{game.__name__}: n_samples below zero": call(game, SAMPLES + "-3.", n_samples=-3),
        f"{game.__name__}: n_samples a float": call(game, SAMPLES + "2.5.", n_samples=2.5, error=WrongType),
        f"{game.__name__}: seed a float": call(
            game, "seed must be an integer, as all examples share the draws: got 1.5.", seed=1.5, error=WrongType
        ),
        f"{game.__name__}: seeds": call(game, "seed must be an integer", "got [1, 2].", seed=[1, 2], error=WrongType),
        f"{game.__name__}: seed and generator": call(
            game, "seed and generator exclude each other: got both.", seed=1, generator=torch.Generator()
        ),
    }
for game in (attr.KernelShap, attr.Lime):
    TABLE[f"{game.__name__}: no features"] = call(
        game, "inputs must hold at least one feature: got none.", inputs=torch.ones(8, 0), model=lambda x: x.sum(1),
        target=None,
    )  # fmt: skip


class Failing(nn.Module):
    """A model that fails, after its one layer has run, whatever it is given."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError(f"mistyped: {self.layer(x.float()).shape}")


def fails(
    method: Callable[..., attr.Attribution], model: Callable[..., Any], inputs: Any, hint: str, **arguments: Any
) -> Call:
    """A call in which the model itself fails, and the hint in the note on its error."""
    return Call(method, model, inputs, {"target": 0} | arguments, Exception, (hint,))


IMAGE, ELSEWHERE = torch.ones(3, 32, 32), nn.Linear(4, 3, device="meta")
normed = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
recurrent = nn.Sequential(nn.LSTM(4, 6, batch_first=True))
DOUBLE = "inputs.float(), as the model's parameters are."
ALONE = "inputs[None] for a single example, as the first dimension is taken for examples."
OUTSIDE = "methods without gradients, such as FeatureAblation and KernelShap, take models outside of torch."
TOKENS = "integer inputs reach the model as floats; for token ids, attribute at the embedding layer instead."
NO_HINT = ""
table_of_ids = [model_of_ids]


def weighed_by(x: Tensor, weights: Tensor) -> Tensor:
    return model(x) @ torch.ones(3, 4) @ weights.T.to(weights.device)


FAILURES = {
    "float64": fails(attr.IntegratedGradients, model, ROWS.double(), DOUBLE),
    "float64 without gradients": fails(attr.FeatureAblation, model, ROWS.double(), DOUBLE),
    "float64 of images": fails(attr.Saliency, convolution, IMAGES.double(), DOUBLE),
    "float32 of a model in float64": fails(
        attr.Saliency, nn.Linear(4, 3).double(), ROWS, "inputs.double(), as the model's parameters are."
    ),
    "one of two inputs in float16": fails(
        attr.Saliency, lambda x, y: model(x) + model(y), (ROWS, ROWS.half()),
        "inputs[1].float(), as the model's parameters are.",
    ),
    "an argument in float64": fails(
        attr.Saliency, weighed_by, ROWS, "additional_forward_args.float(), as the model's parameters are.",
        additional_forward_args=ROWS.double(),
    ),
    "another device": fails(
        attr.Saliency, ELSEWHERE, ROWS, "inputs.to('meta'), as the model is there, not on cpu."
    ),
    "one row": fails(attr.Saliency, nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)).eval(), ROWS[0], ALONE),
    "one row of a function": fails(attr.IntegratedGradients, lambda x: x @ torch.ones(4, 3), ROWS[0, :3], ALONE),
    "one image": fails(attr.IntegratedGradients, convolution, IMAGE, ALONE),
    "one image in a gradient": fails(attr.Saliency, convolution, IMAGE, ALONE),
    "one image of a flat model": fails(attr.FeatureAblation, model_of_images, IMAGE, ALONE),
    "one sequence": fails(attr.Saliency, lambda x: recurrent(x)[0][:, :, 0], torch.ones(7, 4), ALONE),
    "too many features": fails(
        attr.IntegratedGradients, nn.Sequential(nn.ReLU(), nn.Linear(4, 3)), torch.ones(2, 5),
        "'1' (Linear) takes 4 features; it was given (2, 5).",
    ),
    "an image of another size": fails(
        attr.FeatureAblation, convolution, torch.ones(2, 3, 16, 16),
        "'2' (Linear) takes 1800 features; it was given (2, 392).",
    ),
    "gradients of NumPy": fails(attr.IntegratedGradients, lambda x: torch.from_numpy(x.numpy()), ROWS, OUTSIDE),
    "integers": fails(attr.FeatureAblation, nn.Linear(4, 3), ROWS.long(), DOUBLE),
    "ids": fails(attr.IntegratedGradients, model_of_ids, IDS["inputs"], TOKENS),
    "ids in noise": fails(
        lambda model: attr.NoiseTunnel(attr.NoiseTunnel(attr.Saliency(model))), model_of_ids, IDS["inputs"], TOKENS
    ),
    "ids of a function": fails(attr.IntegratedGradients, lambda ids: table_of_ids[0](ids), IDS["inputs"], TOKENS),
    "batch norm of one row": fails(
        attr.Saliency, normed, ROWS[:1], "model.eval(); in training mode batch norm takes its statistics from the rows "
        "given.",
    ),
    "another failure": fails(attr.Saliency, Failing(), ROWS, NO_HINT),
    "another failure in float64": fails(attr.Saliency, Failing(), ROWS.double(), DOUBLE),
    "a failure of a function": fails(attr.Saliency, lambda x: x @ ROWS, ROWS, NO_HINT),
}  # fmt: skip

# What pathways are asked for before any method is called.
PROBLEMS = {
    "call below zero": (
        {"target": 0, "source": methods.Layer("encoder", call=-1)}, "call must be an integer of at least 0: got -1."
    ),
    "call a float": (
        {"target": 0, "source": methods.Layer("encoder", call=1.5)}, "call must be an integer of at least 0: got 1.5."
    ),
    "side": (
        {"target": 0, "source": methods.Layer("encoder", side="middle")}, "side must be input or output: got 'middle'."
    ),
    "a layer in a layer": (
        {"target": 0, "source": methods.Layer(methods.Layer("encoder"))},
        "source must be a module or the dotted name of one: got Layer.",
    ),
    "the layer of gradients": (
        {"target": 0, "gradient_at": "encodr"}, "gradient_at must be the name of a module of the model: got 'enc"
    ),
}  # fmt: skip
