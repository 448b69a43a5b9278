"""Relevance propagation is what it is for one connection at a time."""

import copy
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from laws.registry import close
from matrices import in_turn
from pellucid import methods
from pellucid.methods import Composite, LayerRule
from reference import lrp
from reference.lrp import Layer, Rule

Run = Callable[..., Tensor]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().double().eval()


def read(y: Tensor) -> Tensor:
    """One value for each example, to which the numbers of a layer contribute more or less."""
    return (y.flatten(1).tanh() * weights(y)).sum(1)


def weights(y: Tensor) -> Tensor:
    return drawn(y[0].numel(), seed=99)


def started(y: Tensor) -> Tensor:
    """The relevance that these numbers get."""
    parts = y.flatten(1).tanh() * weights(y)
    value = parts.sum(1, keepdim=True)
    return (parts / (value + 1e-9 * value.sign()) * value).reshape(y.shape).detach()


def found(run: Run, *inputs: Tensor, **composite: Any) -> tuple[Tensor, ...]:
    problem = methods.Problem(lambda *given: read(run(*given)), inputs)
    return methods.LRP(composite=Composite(**composite), strict=True)(problem).values


def by_connections(rule: Rule, layer: nn.Module, x: Tensor, relevance: Tensor, **more: Any) -> Tensor:
    """A rule of the reference, example by example."""
    plain = Layer.of(layer, x[:1])
    rows = [
        lrp.passed(rule, plain, one.flatten().tolist(), received.flatten().tolist(), **more)
        for one, received in zip(x, relevance, strict=True)
    ]
    return torch.tensor(rows, dtype=x.dtype).reshape(x.shape)


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(5, 4), (5,)),
    "linear of a sequence": (lambda: nn.Linear(3, 4), (2, 3)),
    "linear without bias": (lambda: nn.Linear(5, 4, bias=False), (5,)),
    "convolution in 1d": (lambda: nn.Conv1d(2, 3, 3, stride=2, padding=1), (2, 6)),
    "dilated in 1d": (lambda: nn.Conv1d(2, 4, 2, dilation=2, groups=2), (2, 5)),
    "convolution in 2d": (lambda: nn.Conv2d(2, 3, 3, padding=(1, 0)), (2, 4, 4)),
    "groups in 2d": (lambda: nn.Conv2d(4, 4, (2, 3), stride=(1, 2), padding=1, groups=2), (4, 3, 3)),
    "dilated in 2d": (lambda: nn.Conv2d(1, 2, 2, dilation=2, padding="same", bias=False), (1, 4, 4)),
    "convolution in 3d": (lambda: nn.Conv3d(1, 2, 2, stride=(1, 2, 1), padding=(0, 1, 0)), (1, 3, 3, 2)),
    "transposed in 1d": (lambda: nn.ConvTranspose1d(2, 4, 3, stride=2, padding=1, groups=2), (2, 4)),
    "transposed in 2d": (lambda: nn.ConvTranspose2d(2, 3, 2, stride=2, output_padding=1), (2, 2, 2)),
    "transposed, dilated": (lambda: nn.ConvTranspose2d(2, 2, 2, dilation=2, padding=1, groups=2), (2, 3, 3)),
}
on_every_layer = pytest.mark.parametrize("name", LAYERS)
RULES: dict[str, tuple[LayerRule, Rule, dict[str, Any]]] = {
    "epsilon": (methods.Epsilon(), lrp.epsilon, {}),
    "a large epsilon": (methods.Epsilon(0.3), lrp.epsilon, {"stabiliser": 0.3}),
    "epsilon without bias": (methods.Epsilon(0.1, bias=False), lrp.epsilon, {"stabiliser": 0.1, "with_bias": False}),
    "gamma": (methods.Gamma(), lrp.gamma(0.25), {}),
    "a large gamma": (methods.Gamma(gamma=5), lrp.gamma(5), {}),
    "gamma without bias": (methods.Gamma(bias=False), lrp.gamma(0.25), {"with_bias": False}),
    "z plus": (methods.ZPlus(), lrp.z_plus, {}),
    "z plus without bias": (methods.ZPlus(bias=False), lrp.z_plus, {"with_bias": False}),
    "alpha 2 beta 1": (methods.AlphaBeta(), lrp.alpha_beta(2, 1), {}),
    "alpha 1 beta 0": (methods.AlphaBeta(alpha=1, beta=0), lrp.alpha_beta(1, 0), {}),
    "alpha 3 beta 2": (
        methods.AlphaBeta(0.01, bias=False, alpha=3, beta=2),
        lrp.alpha_beta(3, 2),
        {"stabiliser": 0.01, "with_bias": False},
    ),
    "w square": (methods.WSquare(), lrp.w_square, {"with_bias": False}),
    "w square with bias": (methods.WSquare(bias=True), lrp.w_square, {}),
    "flat": (methods.Flat(), lrp.flat, {"with_bias": False}),
    "flat with bias": (methods.Flat(bias=True), lrp.flat, {}),
}  # fmt: skip


def examples(shape: tuple[int, ...], sign: str = "both") -> Tensor:
    x = drawn(2, *shape, seed=5)
    return {"both": x, "positive": x.abs(), "negative": -x.abs()}[sign]


@pytest.mark.parametrize(("name", "rule"), in_turn(LAYERS, RULES, quick=5))
def test_rules(name: str, rule: str):
    make, shape = LAYERS[name]
    layer, x = seeded(make), examples(shape)
    ours, slow, more = RULES[rule]
    more = {**more, "with_bias": layer.bias is not None and more.get("with_bias", True)}
    expected = by_connections(slow, layer, x, started(layer(x)), **more)
    close(found(layer, x, default=ours), (expected,), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "sign", "rule"),
    in_turn(
        itertools.product(["linear", "groups in 2d", "transposed in 1d"], ["positive", "negative"]), RULES, quick=5
    ),
)
def test_signs_of_inputs(name: str, sign: str, rule: str):
    make, shape = LAYERS[name]
    layer, x = seeded(make, seed=1), examples(shape, sign)
    ours, slow, more = RULES[rule]
    expected = by_connections(slow, layer, x, started(layer(x)), **more)
    close(found(layer, x, default=ours), (expected,), rtol=1e-10, atol=1e-10)


@on_every_layer
@pytest.mark.parametrize("bias", [False, True])
def test_bounds(name: str, bias: bool):
    """Of each feature its own low, and one high for all."""
    make, shape = LAYERS[name]
    layer, x, low = seeded(make), examples(shape), -2 - drawn(*shape, seed=6).abs()
    slow = lrp.z_box(low.flatten().tolist(), [4.0] * low.numel())
    with_bias = bias and layer.bias is not None
    expected = by_connections(slow, layer, x, started(layer(x)), with_bias=with_bias)
    close(found(layer, x, default=methods.ZBox(low=low, high=4, bias=bias)), (expected,), rtol=1e-10, atol=1e-10)


def test_all_of_it_passed_on():
    layer, x = seeded(lambda: nn.Conv2d(2, 2, 3, padding=1)), examples((2, 3, 3))
    close(found(layer, x, default=methods.Pass()), (started(layer(x)),), rtol=1e-12)


def test_two_layers():
    """What a layer passes back is what the layer before it receives."""
    first, last, x = seeded(lambda: nn.Conv1d(2, 3, 2)), seeded(lambda: nn.Linear(3, 2)), examples((2, 4))
    hidden = first(x).relu().transpose(1, 2)
    received = by_connections(lrp.gamma(0.5), last, hidden.detach(), started(last(hidden)))
    expected = by_connections(lrp.z_plus, first, x, received.transpose(1, 2))
    composite = {"layers": {nn.Conv1d: methods.ZPlus()}, "default": methods.Gamma(gamma=0.5)}
    model = nn.Sequential(first, nn.ReLU(), Transpose(), last)
    problem = methods.Problem(lambda x: read(model(x)), x)
    close(methods.LRP(composite=Composite(**composite))(problem).values, (expected,), rtol=1e-10, atol=1e-10)


class Transpose(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "F.linear": functional.linear,
    "x @ w": lambda x, w: x @ w.T,
    "w @ x": lambda x, w: (w @ x.T).T,
    "mm": lambda x, w: torch.mm(x, w.T),
    "einsum": lambda x, w: torch.einsum("oi,ni->no", w, x),
    "einsum, turned": lambda x, w: torch.einsum("ni,oi->no", x, w),
    "tensordot": lambda x, w: torch.tensordot(x, w, dims=([1], [1])),
    "inner": torch.inner,
    "bmm": lambda x, w: torch.bmm(x[None], w.T[None])[0],
    "addmm": lambda x, w: torch.addmm(torch.zeros(4).double(), x, w.T),
    "mv": lambda x, w: torch.stack([w.mv(each) for each in x]),
    "convolution": lambda x, w: functional.conv1d(x[:, :, None], w[:, :, None])[:, :, 0],
    "by name": lambda x, w: functional.linear(input=x, weight=w),
}


@pytest.mark.parametrize(("form", "rule"), in_turn(FORMS, RULES, quick=5))
def test_forms_of_a_linear_layer(form: str, rule: str):
    """All are the same layer."""
    layer, x = seeded(lambda: nn.Linear(5, 4, bias=False)), examples((5,))
    ours, slow, more = RULES[rule]
    expected = by_connections(slow, layer, x, started(layer(x)), **{**more, "with_bias": False})
    run = FORMS[form]
    if form == "addmm" and rule == "flat with bias":  # a bias of zero is one
        expected = by_connections(slow, layer, x, started(layer(x)))
    close(found(lambda x: run(x, layer.weight), x, default=ours), (expected,), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("mode", "padding", "rule"),
    in_turn(itertools.product(["zeros", "circular", "reflect"], [1, "same"]), RULES, quick=5),
)
def test_padding(mode: str, padding: Any, rule: str):
    """What is padded with zeros is no connection; what is copied passes its relevance to the original."""
    layer = seeded(lambda: nn.Conv1d(2, 3, 3, padding=padding, padding_mode=mode))
    x = examples((2, 4))
    bare = copy.deepcopy(layer)
    ours, slow, more = RULES[rule]
    if mode == "zeros":
        expected = by_connections(slow, layer, x, started(layer(x)), **more)
    else:
        bare.padding, bare.padding_mode = 0, "zeros"
        padded = functional.pad(x, (1, 1), mode=mode)
        of_padded = by_connections(slow, bare, padded, started(layer(x)), **more)
        (expected,) = torch.autograd.functional.vjp(lambda x: functional.pad(x, (1, 1), mode=mode), x, of_padded)[1:]
    close(found(layer, x, default=ours), (expected,), rtol=1e-10, atol=1e-10)


NORMED: dict[str, tuple[Callable[[], nn.Module], Callable[[int], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(5, 4), nn.BatchNorm1d, (5,)),
    "convolution": (lambda: nn.Conv2d(2, 4, 2, stride=2, padding=1, groups=2), nn.BatchNorm2d, (2, 3, 3)),
    "without bias": (lambda: nn.Conv1d(2, 4, 2, bias=False), nn.BatchNorm1d, (2, 4)),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 2), nn.BatchNorm2d, (2, 2, 2)),
    "transposed in groups": (lambda: nn.ConvTranspose1d(4, 6, 2, stride=2, groups=2), nn.BatchNorm1d, (4, 3)),
    "not affine": (lambda: nn.Linear(5, 4), lambda size: nn.BatchNorm1d(size, affine=False), (5,)),
}


def with_statistics(norm: nn.Module, seed: int = 3) -> nn.Module:
    """Some mean, variance, weight of either sign and bias."""
    for place, (name, tensor) in enumerate(norm.state_dict().items()):
        if tensor.is_floating_point():
            values = drawn(*tensor.shape, seed=seed + place)
            tensor.copy_(values.abs() + 0.5 if name == "running_var" else values)
    return norm


def folded(layer: nn.Module, norm: nn.Module) -> nn.Module:
    """One layer that does both, found from what both do: it scales the outputs and moves them."""
    (linear,) = {type(layer)}
    bias = torch.zeros(norm.num_features).double() if layer.bias is None else layer.bias.detach()
    scale = (norm.running_var + norm.eps) ** -0.5 * (1 if norm.weight is None else norm.weight.detach())
    shift = -norm.running_mean * scale + (0 if norm.bias is None else norm.bias.detach())
    other = linear(**arguments(layer)).double()
    with torch.no_grad():
        other.bias.copy_(bias * scale + shift)
        for channel, each in enumerate(scale):
            of_channel(other, channel).copy_(of_channel(layer, channel) * each)
    return other


def arguments(layer: nn.Module) -> dict[str, Any]:
    if isinstance(layer, nn.Linear):
        return {"in_features": layer.in_features, "out_features": layer.out_features}
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups")
    return {name: getattr(layer, name) for name in names}


def of_channel(layer: nn.Module, channel: int) -> Tensor:
    """The weights of one output channel; a transposed convolution has them second, those of each group apart."""
    if not getattr(layer, "transposed", False):
        return layer.weight[channel]
    inputs, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    group, place = divmod(channel, outputs)
    return layer.weight[group * inputs : (group + 1) * inputs, place]


@pytest.mark.parametrize("name", NORMED)
def test_folded_layers_do_what_both_do(name: str):
    make, norm, shape = NORMED[name]
    layer, x = seeded(make), examples(shape)
    after = with_statistics(norm(layer(x).shape[1]).double().eval())
    close((folded(layer, after)(x).detach(),), (after(layer(x)).detach(),), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", NORMED)
@pytest.mark.parametrize("rule", [rule for rule in RULES if "epsilon" not in rule])
def test_batch_norm(name: str, rule: str):
    """It is part of the layer before it."""
    make, norm, shape = NORMED[name]
    layer, x = seeded(make), examples(shape)
    after = with_statistics(norm(layer(x).shape[1]).double().eval())
    ours, slow, more = RULES[rule]
    whole = folded(layer, after)
    expected = by_connections(slow, whole, x, started(whole(x)), **more)
    close(found(nn.Sequential(layer, after), x, default=ours), (expected,), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", NORMED)
def test_batch_norm_by_all_contributions(name: str):
    """Itself first, and then the layer."""
    make, norm, shape = NORMED[name]
    layer, x = seeded(make), examples(shape)
    after = with_statistics(norm(layer(x).shape[1]).double().eval())
    hidden = layer(x).detach()
    received = lrp.first_order(after, hidden, started(after(hidden)))
    apart = by_connections(lrp.epsilon, layer, x, received)
    whole = folded(layer, after)
    at_once = by_connections(lrp.epsilon, whole, x, started(whole(x)))
    (ours,) = found(nn.Sequential(layer, after), x, default=methods.Epsilon())
    close((ours,), (apart,), rtol=1e-10, atol=1e-10)
    close((ours,), (at_once,), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NORMED)
def test_batch_norm_after_a_first_layer(name: str):
    make, norm, shape = NORMED[name]
    layer, x = seeded(make), examples(shape)
    after = with_statistics(norm(layer(x).shape[1]).double().eval())
    whole, size = folded(layer, after), x[0].numel()
    slow = lrp.z_box([-4.0] * size, [5.0] * size)
    expected = by_connections(slow, whole, x, started(whole(x)), with_bias=False)
    ours = found(nn.Sequential(layer, after), x, first=methods.ZBox(low=-4, high=5), default=methods.Epsilon())
    close(ours, (expected,), rtol=1e-9, atol=1e-10)


SCALES = {
    "layer norm": lambda x: (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt().detach(),
    "RMS norm": lambda x: (x.square().mean(-1, keepdim=True) + 1e-5).sqrt().detach(),
    "group norm": lambda x: (
        (x.unflatten(1, (2, 2)).flatten(2).var(-1, correction=0) + 1e-5).sqrt().repeat_interleave(2, 1)[..., None]
    ).detach(),
}
AWAY: dict[str, Run] = {
    "layer norm": lambda x: x - x.mean(-1, keepdim=True),
    "RMS norm": lambda x: x,
    "group norm": lambda x: x - x.unflatten(1, (2, 2)).mean((2, 3)).repeat_interleave(2, 1)[..., None],
}
NORMS: dict[str, Callable[[], nn.Module]] = {
    "layer norm": lambda: nn.LayerNorm(5, eps=1e-5),
    "RMS norm": lambda: nn.RMSNorm(5, eps=1e-5),
    "group norm": lambda: nn.GroupNorm(2, 4, eps=1e-5),
}


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("seed", range(3))
def test_norms(name: str, seed: int):
    """In proportion to what each number adds, while the scale stays what it is: x * J^T(R / y)."""
    norm, x = with_statistics(NORMS[name]().double(), seed), drawn(2, 4, 5, seed=seed)
    weight, bias, scale = norm.weight.detach(), getattr(norm, "bias", None), SCALES[name](x)
    weight, bias = (each if each is None or name != "group norm" else each.detach()[:, None] for each in (weight, bias))

    def scaled(x: Tensor) -> Tensor:
        y = AWAY[name](x) / scale * weight
        return y if bias is None else y + bias.detach()

    close((scaled(x),), (norm(x).detach(),))
    expected = lrp.first_order(scaled, x, started(norm(x)))
    close(found(norm, x), (expected,), rtol=1e-6, atol=1e-6)


FUNCTIONS: dict[str, Run] = {
    "average pool": lambda x: functional.avg_pool2d(x, 2, stride=1, padding=1),
    "adaptive average pool": lambda x: functional.adaptive_avg_pool2d(x, (3, 2)),
    "average pool in 1d": lambda x: functional.avg_pool1d(x.flatten(2), 3),
    "mean": lambda x: x.mean((2, 3)),
    "sum": lambda x: x.sum(1),
    "cumulative sum": lambda x: x.cumsum(-1),
    "bilinear": lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"),
    "bicubic": lambda x: functional.interpolate(x, size=(3, 5), mode="bicubic"),
    "linear": lambda x: functional.interpolate(x.flatten(2), 7, mode="linear"),
    "logsumexp": lambda x: x.logsumexp(2),
    "two sums": lambda x: x + x.flip(3),
    "a difference": lambda x: 3 * x - x.flip(2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_adds_up(name: str):
    """By contributions."""
    run, x = FUNCTIONS[name], drawn(2, 2, 4, 4)
    expected = lrp.first_order(run, x, started(run(x)))
    close(found(run, x), (expected,), rtol=1e-9, atol=1e-10)


MOVED: dict[str, Run] = {
    "max pool": lambda x: functional.max_pool2d(x, 2),
    "overlapping max pool": lambda x: functional.max_pool2d(x, 3, stride=1, padding=1),
    "adaptive max pool": lambda x: functional.adaptive_max_pool2d(x, 3),
    "maximum of all": lambda x: x.amax((2, 3)),
    "nearest": lambda x: functional.interpolate(x, scale_factor=2, mode="nearest"),
    "concatenation": lambda x: torch.cat([x, x.relu()], 1),
    "stack": lambda x: torch.stack([x, x], 1),
    "padding": lambda x: functional.pad(x, (1, 2, 0, 1), mode="reflect"),
    "indices": lambda x: x[:, :, [0, 0, 2]],
    "sorted": lambda x: x.sort(-1).values,
    "repeated": lambda x: x.repeat(1, 2, 1, 1),
    "shuffled": lambda x: functional.pixel_shuffle(torch.cat([x, x], 1), 2),
}


@pytest.mark.parametrize("name", MOVED)
def test_what_moves_numbers(name: str):
    """All of the relevance goes to the number that was taken: where it comes from, 0 or 1 of it."""
    run, x = MOVED[name], drawn(2, 2, 4, 4)
    received, expected = started(run(x)), torch.zeros_like(x)
    from_where = torch.autograd.functional.jacobian(lambda x: run(x + 50), x).reshape(received.numel(), x.numel())
    for row, each in zip(from_where.tolist(), received.flatten().tolist(), strict=True):
        for place, taken in enumerate(row):
            expected.view(-1)[place] += taken * each
    close(found(run, x), (expected,), rtol=1e-9, atol=1e-12)


ACTIVATIONS: dict[str, Run] = {
    "relu": functional.relu,
    "tanh": torch.tanh,
    "sigmoid": Tensor.sigmoid,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "elu": functional.elu,
    "softplus": functional.softplus,
    "dropout": lambda x: functional.dropout(x, 0.5, training=False),
    "square": lambda x: x**2,
    "sine": torch.sin,
    "a shift": lambda x: 1 + x,
    "a scale": lambda x: x * 3 / 2,
    "negative": lambda x: -x,
    "a scale and a shift": lambda x: x * 2 + 1,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str):
    """They pass all of it on."""
    run, x = ACTIVATIONS[name], drawn(2, 6)
    close(found(run, x), (started(run(x)),), rtol=1e-12)


@pytest.mark.parametrize("run", [torch.mul, lambda a, b: a * b, lambda a, b: b.mul(a)])
def test_products_of_numbers(run: Run):
    """A half to each factor."""
    a, b = drawn(2, 4), drawn(2, 4, seed=1)
    half = started(a * b) / 2
    close(found(run, a, b), (half, half), rtol=1e-12)


def test_products_of_different_shapes():
    """A factor that is used several times gets as many halves."""
    a, b = drawn(2, 3, 4), drawn(2, 1, 4, seed=1)
    half = started(a * b) / 2
    close(found(torch.mul, a, b), (half, half.sum(1, keepdim=True)), rtol=1e-12)


MATRIX_PRODUCTS: dict[str, Run] = {
    "matmul": torch.matmul,
    "@": lambda a, b: a @ b,
    "bmm": torch.bmm,
    "einsum": lambda a, b: torch.einsum("nij,njk->nik", a, b),
    "linear": lambda a, b: torch.stack([functional.linear(*each) for each in zip(a, b.mT, strict=True)]),
}


@pytest.mark.parametrize("name", MATRIX_PRODUCTS)
def test_products_of_matrices(name: str):
    a, b = drawn(2, 3, 4), drawn(2, 4, 2, seed=1)
    rows = zip(a.tolist(), b.tolist(), started(a @ b).tolist(), strict=True)
    expected = zip(*(lrp.product(*row) for row in rows), strict=True)
    together = tuple(torch.tensor(each, dtype=torch.float64) for each in expected)
    close(found(MATRIX_PRODUCTS[name], a, b), together, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("run", [torch.div, lambda a, b: a / b, lambda a, b: a.divide(b)])
def test_quotients(run: Run):
    """All of it to what is divided."""
    a, b = drawn(2, 4), drawn(2, 4, seed=1).abs() + 0.5
    close(found(run, a, b), (started(a / b), torch.zeros_like(b)), rtol=1e-12)


def test_sums_of_two():
    """By contributions, which differ in each place."""
    a, b = drawn(2, 4), drawn(2, 4, seed=1)
    share = started(a + b) / (a + b)
    close(found(torch.add, a, b), (a * share, b * share), rtol=1e-6, atol=1e-8)


def test_a_residual_connection():
    layer, x = seeded(lambda: nn.Linear(4, 4)), drawn(2, 4)
    y = layer(x).detach()
    share = started(x + y) / (x + y)
    through = by_connections(lrp.epsilon, layer, x, y * share)
    close(found(lambda x: x + layer(x), x), (x * share + through,), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("run", [lambda x: x.softmax(1), lambda x: functional.softmax(x, dim=-1), nn.Softmax(1)])
def test_softmax(run: Run):
    """x * (R - s * sum of R)"""
    x = drawn(2, 5)
    received = started(x.softmax(1))
    rows = [lrp.softmax(*row) for row in zip(x.tolist(), received.tolist(), strict=True)]
    close(found(run, x), (torch.tensor(rows, dtype=x.dtype),), rtol=1e-10, atol=1e-12)


def by_attention(
    query: Tensor, key: Tensor, value: Tensor, received: Tensor, seen: Tensor | None = None
) -> tuple[Tensor, ...]:
    """The reference's relevance of queries, keys and values, (B, tokens, features) each."""
    mask = None if seen is None else seen.tolist()
    given = zip(query, key, value, received, strict=True)
    rows = [lrp.attention(*(each.tolist() for each in row), seen=mask) for row in given]
    return tuple(torch.tensor(each, dtype=query.dtype) for each in zip(*rows, strict=True))


SEEN = torch.ones(3, 5, dtype=torch.bool).tril()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("options", "seen"), [({}, None), ({"is_causal": True}, SEEN), ({"attn_mask": SEEN}, SEEN)])
def test_attention(options: dict[str, Any], seen: Tensor | None, seed: int):
    query, key, value = drawn(2, 3, 4, seed=seed), drawn(2, 5, 4, seed=seed + 10), drawn(2, 5, 2, seed=seed + 20)

    def attend(*given: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(*given, **options)

    expected = by_attention(query, key, value, started(attend(query, key, value)), seen)
    close(found(attend, query, key, value), expected, rtol=1e-8, atol=1e-9)


def test_attention_by_hand():
    """The same in the words of a user."""
    query, key, value = drawn(2, 3, 4), drawn(2, 5, 4, seed=10), drawn(2, 5, 2, seed=20)

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return torch.softmax((query / 2) @ key.mT, -1) @ value

    expected = by_attention(query, key, value, started(attend(query, key, value)))
    close(found(attend, query, key, value), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("asks_for_weights", [False, True])
def test_multi_head_attention(asks_for_weights: bool):
    """One head of it, between a layer for queries, keys and values, and another for what it returns."""
    module, x = seeded(lambda: nn.MultiheadAttention(4, 1, batch_first=True)), drawn(2, 3, 4)
    with torch.no_grad():
        module.in_proj_bias.copy_(drawn(12, seed=7))
        module.out_proj.bias.copy_(drawn(4, seed=8))
    first, last = nn.Linear(4, 12).double(), module.out_proj
    first.load_state_dict({"weight": module.in_proj_weight, "bias": module.in_proj_bias})
    parts = first(x).detach().chunk(3, -1)
    attended = functional.scaled_dot_product_attention(*parts)
    at_attended = by_connections(lrp.epsilon, last, attended, started(last(attended)))
    at_parts = torch.cat(by_attention(*parts, at_attended), -1)
    expected = by_connections(lrp.epsilon, first, x, at_parts)
    ours = found(lambda x: module(x, x, x, need_weights=asks_for_weights)[0], x)
    close(ours, (expected,), rtol=1e-7, atol=1e-8)


class Branches(nn.Module):
    """Layers, and a function of them."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.one, self.two, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.LazyLinear(3)
        self.double().eval()

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.run(self, *inputs)


FIRST_LAYERS: dict[str, tuple[Run, int, list[str]]] = {
    "two inputs": (lambda net, a, b: net.head(torch.cat([net.one(a), net.two(b)], 1)), 2, ["one", "two"]),
    "one input, twice": (lambda net, a: net.head(net.one(a) * net.two(a)), 1, ["one", "two"]),
    "around a layer": (lambda net, a: net.head(a + net.one(a)), 1, ["one"]),
    "around, concatenated": (lambda net, a: net.head(torch.cat([a, net.one(a)], 1)), 1, ["one"]),
    "the other branch": (lambda net, a, b: net.head(torch.cat([net.one(a), b], 1)), 2, ["one"]),
    "concatenated before": (lambda net, a, b: net.two(net.head(torch.cat([a, b], 1))[:, [0, 1, 2, 0]]), 2, ["head"]),
    "reshaped before": (lambda net, a: net.head(net.one(a.reshape(-1, 2, 2).mT.flatten(1)).relu()), 1, ["one"]),
    "changed before": (lambda net, a: net.head(net.one((2 * a - 1).tanh())), 1, ["one"]),
    "by a function": (lambda net, a: net.head(functional.linear(a, net.one.weight) + net.two(a)), 1, ["two", "linear"]),
    "one after another": (lambda net, a: net.head(net.two(net.one(a).relu()).relu()), 1, ["one"]),
}


@pytest.mark.parametrize("name", FIRST_LAYERS)
def test_first_layers(name: str):
    """Those that inputs reach through no other layer follow the rule for first layers, and no others."""
    run, count, first = FIRST_LAYERS[name]
    inputs, rule = tuple(drawn(3, 4, seed=seed) for seed in range(count)), methods.ZBox(low=-4, high=4)
    net = Branches(run)
    net(*inputs)

    def values(**composite: Any) -> tuple[Tensor, ...]:
        problem = methods.Problem(net, inputs, target=0)
        return methods.LRP(composite=Composite(**composite), strict=True)(problem).values

    chosen = {each: rule for each in first if each != "linear"}
    others = {each: methods.Gamma() for each in ("one", "two", "head") if each not in first}
    by_name = values(layers=chosen | others, default=rule)
    close(values(first=rule, default=methods.Gamma()), by_name)
    by_gamma = values(default=methods.Gamma())
    assert max((a - b).abs().max() for a, b in zip(by_gamma, by_name, strict=True)) > 1e-3


class Mixed(nn.Module):
    """Every kind of call whose rule keeps all of the relevance, and numbers that are far from zero."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.convolution, self.norm = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.one, self.two, self.transposed = nn.Linear(16, 8), nn.Linear(16, 8), nn.ConvTranspose1d(4, 2, 2)
            self.last = nn.Linear(8, 2)
        with torch.no_grad():  # every output has contributions of either sign
            self.transposed.weight.abs_().mul_(torch.tensor([1, -1, 1, -1])[:, None, None])
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.max_pool2d(self.norm(self.convolution(x)).relu() + 0.1, 2)
        flat = functional.avg_pool2d(torch.cat([hidden, hidden * 2], 1), 1).flatten(1)[:, :16]
        product, total = (
            self.one(flat).sigmoid() * self.two(flat).sigmoid(),
            self.one(flat) + self.two(flat) + flat[:, :8],
        )
        quotient = (product + total.exp()) / (1 + total.exp())
        matrices = (quotient.reshape(-1, 2, 4) @ product.reshape(-1, 4, 2)).flatten(1)
        scaled = torch.cat([quotient, matrices], 1).reshape(-1, 4, 3)
        return self.last(self.transposed(scaled).sigmoid().flatten(1))


KEEP: dict[str, LayerRule] = {
    "z plus": methods.ZPlus(0.0, bias=False),
    "alpha 2 beta 1": methods.AlphaBeta(0.0, bias=False),
    "alpha 1 beta 0": methods.AlphaBeta(0.0, bias=False, alpha=1, beta=0),
    "flat": methods.Flat(0.0),
    "w square": methods.WSquare(0.0),
    "bounds": methods.ZBox(0.0, low=-1, high=2),
    "gamma": methods.Gamma(0.0, bias=False, gamma=0.25),
}


@pytest.mark.parametrize("name", KEEP)
def test_every_call_passes_on_what_it_receives(name: str):
    """Of layers, where biases take nothing, and of what else has a rule of its own."""
    model, x = Mixed(), drawn(3, 2, 4, 4).abs()
    problem = methods.Problem(model, x, target=1)
    flows = methods.LRP(composite=Composite(default=KEEP[name]), strict=True).trace(problem)
    rules = {flow.rule for flow in flows}
    assert rules >= {type(KEEP[name]).__name__, "pass_through", "product", "quotient_rule", "addition", "proportional"}
    for flow in flows:
        assert abs(flow.received - flow.passed) <= 1e-7 * max(1, abs(flow.received)), str(flow)
    delta = methods.LRP(composite=Composite(default=KEEP[name]))(problem, return_convergence_delta=True).delta
    assert delta is not None
    assert delta.abs().max() < 1e-6


class Deep(nn.Module):
    """Layers of several kinds, one of them by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Conv1d(1, 2, 2), nn.Conv1d(2, 2, 2), nn.Linear(4, 3)
        self.matrix = nn.Parameter(torch.ones(3, 2))
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.one(x).relu()).relu().flatten(1)).relu() @ self.matrix


LAYER_CALLS = ("conv1d", "linear", "matmul")
GAMMA, FLAT, Z_PLUS, EPSILON = methods.Gamma(), methods.Flat(), methods.ZPlus(), methods.Epsilon()
CHOICES: dict[str, tuple[Composite, list[str]]] = {
    "nothing": (Composite(), ["Epsilon"] * 4),
    "default": (Composite(default=GAMMA), ["Gamma"] * 4),
    "first": (Composite(first=FLAT), ["Flat", "Epsilon", "Epsilon", "Epsilon"]),
    "type": (Composite({nn.Conv1d: GAMMA}), ["Gamma", "Gamma", "Epsilon", "Epsilon"]),
    "type of all": (Composite({nn.Module: GAMMA, nn.Conv1d: FLAT}, default=Z_PLUS), ["Flat", "Flat", "Gamma", "Gamma"]),
    "function": (Composite({functional.conv1d: GAMMA, torch.matmul: FLAT}), ["Gamma", "Gamma", "Epsilon", "Flat"]),
    "type before function": (
        Composite({functional.conv1d: FLAT, nn.Conv1d: GAMMA}),
        ["Gamma", "Gamma", "Epsilon", "Epsilon"],
    ),
    "first before type": (Composite({nn.Conv1d: GAMMA}, first=FLAT), ["Flat", "Gamma", "Epsilon", "Epsilon"]),
    "name before first": (
        Composite({"one": GAMMA, "head": Z_PLUS}, first=FLAT),
        ["Gamma", "Epsilon", "ZPlus", "Epsilon"],
    ),
    "epsilon plus": (methods.EpsilonPlus(), ["ZPlus", "ZPlus", "Epsilon", "Epsilon"]),
    "epsilon plus flat": (methods.EpsilonPlusFlat(), ["Flat", "ZPlus", "Epsilon", "Epsilon"]),
    "epsilon alpha 2 beta 1": (methods.EpsilonAlpha2Beta1(), ["AlphaBeta", "AlphaBeta", "Epsilon", "Epsilon"]),
    "epsilon gamma box": (methods.EpsilonGammaBox(-1, 1), ["ZBox", "Gamma", "Epsilon", "Epsilon"]),
    "AttnLRP": (methods.AttnLRP(), ["Epsilon"] * 4),
    "AttnLRP with gamma": (methods.AttnLRP(gamma=0.1), ["Gamma"] * 4),
}


@pytest.mark.parametrize("name", CHOICES)
def test_which_rule_each_layer_follows(name: str):
    composite, expected = CHOICES[name]
    problem = methods.Problem(seeded(Deep), drawn(2, 1, 4), target=0)
    flows = [flow for flow in methods.LRP(composite=composite).trace(problem) if flow.call.startswith(LAYER_CALLS)]
    assert [flow.rule for flow in reversed(flows)] == expected
    assert [flow.call.split()[0] for flow in reversed(flows)] == ["conv1d", "conv1d", "linear", "matmul"]


def test_the_rule_of_a_module_comes_first():
    model = seeded(Deep)
    model.one.rule = GAMMA
    composite = Composite({"one": Z_PLUS, "two": FLAT, nn.Conv1d: EPSILON}, first=methods.WSquare())
    problem = methods.Problem(model, drawn(2, 1, 4), target=0)
    flows = [flow.rule for flow in methods.LRP(composite=composite).trace(problem) if flow.rule[0].isupper()]
    assert flows[::-1] == ["Gamma", "Flat", "Epsilon", "Epsilon"]
