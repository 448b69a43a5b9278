"""Whatever a layer takes and returns, its attributions lie in the same structure and are those of each tensor."""

from collections import OrderedDict
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map_only
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model
from transformers.utils import ModelOutput

from laws.problems import f_of
from laws.registry import close, flat
from matrices import in_turn
from pellucid import attr
from pellucid.errors import NotSupported, OutOfRange
from pellucid.methods import Layer, Neuron, Problem, Saliency


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weighted(value: Any) -> Tensor:
    """A smooth function of all tensors with one value for each of a batch of one example."""
    leaves = [leaf for leaf in tree_flatten(value)[0] if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    return sum((torch.sin(leaf + place) * (place + 1)).sum() for place, leaf in enumerate(leaves)).reshape(1)


def seeded(make: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return make().double().eval()


class Around(nn.Module):
    """A layer between a linear one and a function of all that it returns; called as it wants to be."""

    def __init__(self, layer: nn.Module, size: int, call: Any = lambda layer, x: layer(x)):
        super().__init__()
        self.embed, self.layer, self.call = nn.Linear(size, size), layer, call

    def forward(self, x: Tensor) -> Tensor:
        return weighted(self.call(self.layer, self.embed(x)))


class Pair(NamedTuple):
    values: Tensor
    name: Any


class Shaped(nn.Module):
    """Returns its input in some form."""

    def __init__(self, form: Any):
        super().__init__()
        self.form = form

    def forward(self, x: Tensor) -> Any:
        return self.form(x)


FORMS = {
    "tuple": lambda x: (x * 2, x.exp()),
    "list": lambda x: [x * 2, x.exp()],
    "dict": lambda x: {"twice": x * 2, "mask": torch.ones(1, dtype=torch.bool), "size": 3},
    "ordered dict": lambda x: OrderedDict(b=x.exp(), a=x * 2),
    "named tuple": lambda x: Pair(x * 2, "twice"),
    "nested": lambda x: {"deep": [(x * 2, None), {"deeper": x.exp()}]},
    "with None": lambda x: (x * 2, None),
}


def everything(model: nn.Module, module: nn.Module, x: Tensor, side: str = "output") -> tuple[Any, Any]:
    """What a module takes or returns, as one tree, and the gradients there, by hooks of our own.

    What it returns becomes leaves. What it takes stays as it is, as the gradient there counts all its uses.
    """
    seen: list[Any] = []

    def leaf(tensor: Tensor) -> Tensor:
        return tensor.detach().requires_grad_() if tensor.is_floating_point() and side == "output" else tensor

    def put(value: Any) -> Any:
        seen[:] = [tree_map_only(Tensor, leaf, value)]
        return seen[0]

    if side == "output":
        handle = module.register_forward_hook(lambda _, taken, returned: put(returned))
    else:
        handle = module.register_forward_pre_hook(
            lambda _, taken, named: (put(taken), named) if taken else ((), put(named)), with_kwargs=True
        )
    value = model(x)
    handle.remove()
    leaves = tree_flatten(seen[0])[0]
    wanted = [each for each in leaves if isinstance(each, Tensor) and each.requires_grad]
    grads = torch.autograd.grad(value.sum(), wanted, allow_unused=True)
    by_leaf = {id(w): torch.zeros_like(w) if g is None else g for w, g in zip(wanted, grads, strict=True)}
    return seen[0], [by_leaf.get(id(each)) for each in leaves]


def check(model: nn.Module, x: Tensor, module: nn.Module, side: str = "output") -> Any:
    """Gradients times activations at the module lie as its tensors do, and are those of the reference."""
    value, grads = everything(model, module, x, side)
    at_layer = attr.LayerGradientXActivation(model, module)
    found = at_layer.attribute(x, attribute_to_layer_input=side == "input")
    if isinstance(value, tuple) and type(value) is tuple and len(value) == 1:
        value = value[0]
    leaves = tree_flatten(value)[0]
    found_leaves, found_spec = tree_flatten(found)
    assert type(found) is type(value)
    expected = [None if grad is None else leaf * grad for leaf, grad in zip(leaves, grads, strict=True)]
    assert found_spec == tree_flatten(tree_map_only(Tensor, lambda each: each, value))[1] or None in expected
    assert len(found_leaves) == len(expected)
    for one, other in zip(found_leaves, expected, strict=True):
        assert (one is None) == (other is None)
    close(tuple(e for e in found_leaves if e is not None), tuple(e for e in expected if e is not None), rtol=1e-10)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_structures(form: str):
    model = seeded(lambda: Around(Shaped(FORMS[form]), 3))
    check(model, numbers(1, 3), model.layer)


@pytest.mark.parametrize("form", FORMS)
def test_activations_keep_all_that_the_layer_returns(form: str):
    model = seeded(lambda: Around(Shaped(FORMS[form]), 3))
    x = numbers(1, 3)
    found = attr.LayerActivation(model, "layer").attribute(x)
    expected = FORMS[form](model.embed(x).detach())
    assert type(found) is type(expected)
    tensors = [leaf for leaf in tree_flatten(expected)[0] if isinstance(leaf, Tensor)]
    close(tuple(leaf for leaf in tree_flatten(found)[0] if isinstance(leaf, Tensor)), tuple(tensors), rtol=1e-12)


def attention(**settings: Any) -> Any:
    return lambda layer, x: layer(x, x, x, **settings)


def by_name(layer: nn.Module, x: Tensor) -> Any:
    return layer(hidden_states=x)


def encoder_of_bert() -> nn.Module:
    config = BertConfig(
        hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=10, vocab_size=11,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return BertModel(config, add_pooling_layer=False)


def gpt2() -> nn.Module:
    return GPT2Model(GPT2Config(n_embd=8, n_layer=2, n_head=2, vocab_size=11, n_positions=8))


MODULES: dict[str, tuple[Any, int, Any]] = {
    "LSTM": (lambda: nn.LSTM(3, 3, batch_first=True), 3, lambda layer, x: layer(x)),
    "LSTM, time first": (lambda: nn.LSTM(3, 3), 3, lambda layer, x: layer(x.transpose(0, 1))),
    "GRU": (lambda: nn.GRU(3, 3, batch_first=True), 3, lambda layer, x: layer(x)),
    "attention with weights": (lambda: nn.MultiheadAttention(4, 2, batch_first=True), 4, attention()),
    "attention alone": (lambda: nn.MultiheadAttention(4, 2, batch_first=True), 4, attention(need_weights=False)),
    "BERT's encoder": (lambda: encoder_of_bert().encoder, 8, by_name),
    "BERT's layer": (lambda: encoder_of_bert().encoder.layer[0], 8, lambda layer, x: layer(x)),
    "GPT-2's block": (lambda: gpt2().h[0], 8, lambda layer, x: layer(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("side", ["output", "input"])
def test_modules_of_torch_and_hugging_face(name: str, side: str):
    make, size, call = MODULES[name]
    model = seeded(lambda: Around(make(), size, call))
    found = check(model, numbers(1, 5, size), model.layer, side)
    if name == "BERT's encoder" and side == "output":
        assert isinstance(found, ModelOutput)
    if name == "BERT's encoder" and side == "input":
        assert found.keys() == {"hidden_states"}


@pytest.mark.parametrize("name", ["BERT", "GPT-2"])
def test_a_block_inside_a_hugging_face_model(name: str):
    hugging = seeded(encoder_of_bert if name == "BERT" else gpt2)
    block = hugging.encoder.layer[0] if name == "BERT" else hugging.h[0]

    def forward(embeddings: Tensor) -> Tensor:
        return hugging(inputs_embeds=embeddings).last_hidden_state[:, 1, 2]

    x = numbers(2, 5, 8)
    found = attr.LayerGradientXActivation(forward, block).attribute(x)
    tensor = found[0] if isinstance(found, tuple) else found
    (value, *_), (grad, *_) = everything(forward, block, x)[0], everything(forward, block, x)[1]
    value = value if value.ndim == 3 else everything(forward, block, x)[0]
    close((tensor,), (value.detach() * grad,), rtol=1e-10)


class Ahead(nn.Module):
    """A time-first recurrent layer, after which each example has its own value."""

    def __init__(self):
        super().__init__()
        self.embed, self.lstm, self.head = nn.Linear(3, 3), nn.LSTM(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.lstm(self.embed(x).transpose(0, 1))
        return self.head(states[-1])


@pytest.mark.parametrize("steps", [2, 3, 5])
@pytest.mark.parametrize("bound", [None, 1, 2])
@pytest.mark.parametrize("examples", [1, 3])
def test_time_first_layers_and_as_many_steps_as_examples(steps: int, bound: int | None, examples: int):
    model, x = seeded(Ahead), numbers(examples, steps, 3)
    ways = {"n_steps": 4, "internal_batch_size": bound}
    for make in (attr.LayerIntegratedGradients, attr.LayerConductance, attr.InternalInfluence):
        batch = make(model, "lstm").attribute(x, target=1, **ways)
        alone = [make(model, "lstm").attribute(x[i : i + 1], target=1, n_steps=4) for i in range(examples)]
        states, (last, cell) = batch
        for i, (states_of_one, (last_of_one, cell_of_one)) in enumerate(alone):
            one = (states[:, i : i + 1], last[:, i : i + 1], cell[:, i : i + 1])
            close(one, (states_of_one, last_of_one, cell_of_one))


class Turned(nn.Module):
    """Nothing but a tensor of time first at its layer."""

    def __init__(self):
        super().__init__()
        self.turned, self.head = nn.Identity(), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.sin(self.turned(x.transpose(0, 1))).cumsum(0)[-1])


@pytest.mark.parametrize("steps", [2, 3, 6])
@pytest.mark.parametrize("make", [attr.LayerIntegratedGradients, attr.LayerConductance, attr.InternalInfluence])
def test_a_tensor_of_time_first(steps: int, make: Any):
    model, x = seeded(Turned), numbers(3, steps, 3)
    batch = make(model, "turned").attribute(x, target=1, n_steps=2)
    alone = [make(model, "turned").attribute(x[i : i + 1], target=1, n_steps=2) for i in range(3)]
    close((batch,), (torch.cat(alone, 1),))


class Bypassed(nn.Module):
    """Its input goes through a layer and around it."""

    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.layer(x)) + x**2)


def test_the_gradient_at_what_a_layer_takes_counts_all_its_uses():
    model, x = seeded(Bypassed), numbers(3, 3)
    found = attr.LayerGradientXActivation(model, "layer").attribute(x, 1, attribute_to_layer_input=True)
    close((found,), (attr.InputXGradient(model).attribute(x, 1),), rtol=1e-12)


class ByShape(nn.Module):
    """Calls its layer once more for larger batches."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        first = torch.tanh(self.layer(x))
        return torch.tanh(self.layer(first)) if len(x) > 2 else first


@pytest.mark.parametrize("method", [attr.LayerGradientXActivation, attr.LayerActivation, attr.LayerIntegratedGradients])
def test_code_that_depends_on_the_size_of_the_batch(method: Any):
    """What is looked at is the last call for this batch, also after batches of other sizes."""
    model = seeded(ByShape)
    given = {} if method is attr.LayerActivation else {"target": 0}
    for examples in (4, 2, 4, 1, 2):
        x = numbers(examples, 3)
        found = method(model, "layer").attribute(x, **given)
        fresh = method(seeded(ByShape), "layer").attribute(x, **given)
        close((found,), (fresh,), rtol=1e-12)
        assert found.shape == (examples, 3)
        if method is attr.LayerActivation:
            last = model.layer(torch.tanh(model.layer(x))) if examples > 2 else model.layer(x)
            close((found,), (last.detach(),), rtol=1e-12)


class Tied(nn.Module):
    """The same layer twice, and an activation that writes into what the layer returned."""

    def __init__(self, inplace: bool = True):
        super().__init__()
        self.layer, self.bend, self.last = nn.Linear(3, 3), nn.ReLU(inplace=inplace), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.bend(self.layer(self.bend(self.layer(x)))))


LAYER_METHODS = {
    "LayerActivation": {},
    "LayerGradientXActivation": {"target": 1},
    "LayerIntegratedGradients": {"target": 1, "n_steps": 5},
    "LayerConductance": {"target": 1, "n_steps": 5},
    "InternalInfluence": {"target": 1, "n_steps": 5},
    "LayerGradientShap": {"target": 1, "baselines": numbers(4, 3, seed=2), "seed": 0},
}
every_layer_method = pytest.mark.parametrize("name", LAYER_METHODS)


@every_layer_method
@pytest.mark.parametrize("layer", ["layer", "bend"])
@pytest.mark.parametrize("of_input", [False, True])
def test_activations_that_write_into_the_layer_s_tensors_change_nothing(name: str, layer: str, of_input: bool):
    given = {"attribute_to_layer_input": of_input} | LAYER_METHODS[name]
    x = numbers(4, 3)
    found, expected = (
        getattr(attr, name)(seeded(lambda inplace=inplace: Tied(inplace)), layer).attribute(x, **given)
        for inplace in (True, False)
    )
    close((found,), (expected,), rtol=1e-12)


class Frozen(Tied):
    """Runs its layer without gradients, as a frozen encoder may be run."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            hidden = self.layer(x)
        return self.last(torch.tanh(hidden))


@every_layer_method
def test_a_layer_that_the_model_runs_without_gradients_has_gradients_behind_it(name: str):
    frozen, open_ = seeded(Frozen), seeded(Tied)
    open_.forward = lambda x: open_.last(torch.tanh(open_.layer(x)))
    x = numbers(4, 3)
    found, expected = (
        getattr(attr, name)(each, "layer").attribute(x, **LAYER_METHODS[name]) for each in (frozen, open_)
    )
    close((found,), (expected,), rtol=1e-12)


def test_calls_beyond_the_last_are_out_of_range():
    model = seeded(Tied)
    with pytest.raises(OutOfRange, match=r"call must be below the number of calls of 'layer' \(Linear\), 2: got 2"):
        Saliency()(Problem(model, numbers(2, 3), target=0, source=Layer("layer", call=2)))
    with pytest.raises(OutOfRange, match=r"number of calls of 'bend' \(ReLU\), 2: got 5"):
        Saliency()(Problem(model, numbers(2, 3), target=Neuron(Layer("bend", call=5), 0)))


@every_layer_method
def test_hooks_of_the_user_that_change_the_output_are_seen(name: str):
    class Explicit(Tied):
        def forward(self, x: Tensor) -> Tensor:
            hidden = torch.tanh(2 * self.layer(self.bend(torch.tanh(2 * self.layer(x)))))
            return self.last(self.hooked(hidden))

    hooked, explicit = seeded(Tied), seeded(Explicit)
    explicit.hooked = nn.Identity()
    hooked.layer.register_forward_hook(lambda _, taken, returned: torch.tanh(2 * returned))
    explicit.forward = lambda x: explicit.last(
        explicit.bend(explicit.hooked(torch.tanh(2 * explicit.layer(explicit.bend(torch.tanh(2 * explicit.layer(x)))))))
    )
    x = numbers(4, 3)
    found = getattr(attr, name)(hooked, "layer").attribute(x, **LAYER_METHODS[name])
    close((found,), (getattr(attr, name)(explicit, "hooked").attribute(x, **LAYER_METHODS[name]),), rtol=1e-12)


NEURON_METHODS = {
    "NeuronGradient": {},
    "NeuronIntegratedGradients": {"n_steps": 5},
    "NeuronConductance": {"n_steps": 5, "target": 1},
    "NeuronGradientShap": {"baselines": numbers(4, 3, seed=2), "seed": 0},
}
METHODS = LAYER_METHODS | {name: given | {"neuron_selector": 1} for name, given in NEURON_METHODS.items()}
every_method = pytest.mark.parametrize("name", METHODS)


@every_method
@pytest.mark.parametrize("device_ids", [None, [0]])
@pytest.mark.filterwarnings("ignore:.*cuda.*")
def test_data_parallel_models(name: str, device_ids: list[int] | None):
    model, x = seeded(Tied), numbers(4, 3)
    expected = getattr(attr, name)(model, "layer").attribute(x, **METHODS[name])
    parallel = nn.DataParallel(model)
    for layer in (model.layer, "layer"):
        found = getattr(attr, name)(parallel, layer, device_ids=device_ids).attribute(x, **METHODS[name])
        close((found,), (expected,), rtol=1e-12)


@every_method
@pytest.mark.parametrize("kind", ["scripted", "traced"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_scripted_and_traced_models_are_refused_in_one_clear_sentence(name: str, kind: str):
    model, x = seeded(Tied), numbers(4, 3)
    opaque = torch.jit.script(model) if kind == "scripted" else torch.jit.trace(model, x)
    for layer in (opaque.layer, "layer"):
        with pytest.raises(
            NotSupported, match=rf"^{name}: layer must be a Python module .* Hint: attribute on the model"
        ):
            getattr(attr, name)(opaque, layer).attribute(x, **METHODS[name])


@pytest.mark.parametrize(
    ("backend", "name"), in_turn(["eager"], METHODS, quick=3) + in_turn(["aot_eager"], METHODS, quick=0)
)
@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_compiled_models(name: str, backend: str):
    x = numbers(4, 3)
    expected = getattr(attr, name)(seeded(Tied), "layer").attribute(x, **METHODS[name])

    def whole() -> tuple[Any, nn.Module]:
        model = seeded(Tied)
        return torch.compile(model, backend=backend), model

    def part() -> tuple[Any, nn.Module]:
        model = seeded(Tied)
        model.layer = torch.compile(model.layer, backend=backend)
        return model, model

    def in_place() -> tuple[Any, nn.Module]:
        model = seeded(Tied)
        model.compile(backend=backend)
        return model, model

    def function() -> tuple[Any, nn.Module]:
        model = seeded(Tied)
        return torch.compile(lambda x: model(x), backend=backend), model

    for make in (whole, part, in_place, function):
        compiled, model = make()
        plain = compiled(x).detach()  # compiled before, as by somebody who predicts
        for layer in (model.layer, "layer"):
            for _ in range(2):
                found = getattr(attr, name)(compiled, layer).attribute(x, **METHODS[name])
                close((found,), (expected,), rtol=1e-10)
        close((compiled(x),), (plain,), rtol=1e-10)  # it may be compiled anew
    torch.compiler.reset()


class Padded(nn.Module):
    """A transformer encoder that skips what is padded, on a problem of its own where no gradients are needed."""

    def __init__(self, nested: bool):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=nested), nn.Linear(8, 2)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        return self.head(self.encoder(x, src_key_padding_mask=padding)[:, 0])


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("layer", ["encoder.layers.0", "encoder.layers.1", "encoder.layers.1.linear1", "encoder"])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors", "ignore:enable_nested_tensor")
def test_padded_tokens_in_a_transformer_encoder(layer: str, nested: bool):
    model, x = seeded(lambda: Padded(nested)), numbers(3, 5, 8)
    padding = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 1]], dtype=torch.bool)
    (expected,) = f_of(model, x, target=0, source=layer, additional_forward_args=padding).x
    taken: list[Tensor] = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _, taken_, returned: taken.append(returned))
    with torch.enable_grad():
        model(x.clone().requires_grad_(), padding)
    handle.remove()
    for _ in range(2):
        for mode in (torch.enable_grad, torch.no_grad):
            with mode():
                found = attr.LayerActivation(model, layer).attribute(x, padding)
            assert not found.is_nested
            close((found, expected), (taken[0].detach(),) * 2, rtol=1e-9)


@pytest.mark.parametrize("examples", [1, 2])
def test_lists_of_layers_with_structures(examples: int):
    model, x = seeded(Ahead), numbers(examples, 4, 3)
    states, head = attr.LayerGradientXActivation(model, ["lstm", "head"]).attribute(x, 1)
    close(flat(states), flat(attr.LayerGradientXActivation(model, "lstm").attribute(x, 1)))
    close((head,), (attr.LayerGradientXActivation(model, "head").attribute(x, 1),))
