"""DeepLIFT adds up exactly, whatever a model calls, from everywhere to everywhere; and says where it cannot."""

import functools
import itertools
import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    ViTConfig,
    ViTForImageClassification,
)

from matrices import in_turn
from methods.deeplift.summation import (
    DTYPES,
    EXACT,
    EXAMPLES,
    ROUNDED,
    TOKENS,
    WIDTH,
    adds_up,
    differences,
    in_both_precisions,
    numbers,
    total,
    weighted,
)
from pellucid import attr, methods
from pellucid.core import batching as budget
from pellucid.errors import InvalidArgument, NotSupported, PellucidWarning
from pellucid.methods import Layer, Neuron, Options, Problem
from zoo.specimens import efficientnet


def seeded(make: Callable[[], Any], dtype: torch.dtype = torch.float64) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        return make().to(dtype).eval()


# ---------------------------------------------------------------------------------------------------------------------
# Functions
# ---------------------------------------------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    # elementwise
    "F.relu": functional.relu,
    "relu of a tensor": lambda x: x.relu() * 2,
    "tanh, exp, sigmoid, sin": lambda x: (x.tanh() + torch.exp(x / 2) + x.sigmoid() + torch.special.expit(x)).sin(),
    "GELU, both ways": lambda x: functional.gelu(x) + functional.gelu(x, approximate="tanh"),
    "activations": lambda x: functional.silu(x) + functional.mish(x) + functional.elu(x) + functional.selu(x),
    "more activations": lambda x: functional.softplus(x) + functional.hardswish(x) + functional.hardtanh(x),
    "still more activations": lambda x: functional.celu(x, 0.5) + functional.softsign(x) + functional.tanhshrink(x),
    "shrinking activations": lambda x: functional.softshrink(x) + functional.hardshrink(x) + functional.relu6(3 * x),
    "hard and log sigmoid": lambda x: functional.hardsigmoid(x) + functional.logsigmoid(x),
    "leaky ReLU and RReLU": lambda x: functional.leaky_relu(x, 0.3) + functional.rrelu(x),
    "threshold": lambda x: functional.threshold(x, 0.1, 20.0),
    "clamp": lambda x: x.clamp(-0.5, 0.5) + torch.clamp(x, min=0.2) + x.clip(max=0.3),
    "clamp between activations": lambda x: x.sin().clamp(min=x.cos() - 1, max=x.cos()),
    "abs, square, sqrt": lambda x: x.abs() + x.square() + (x.square() + 1).sqrt() + torch.rsqrt(x.abs() + 1),
    "logarithms": lambda x: x.exp().log1p() + (x.abs() + 1).log2() + torch.log10(x.square() + 1) + x.exp().add(2).log(),
    "step functions": lambda x: x.sign() + x.round() + x.floor() + x.ceil() + x.trunc() + x.frac(),
    "powers": lambda x: x**3 + x.pow(2) + torch.pow(x, 4) + (x.abs() + 1) ** -1.5,
    "a number to a power": lambda x: 2.0**x + torch.pow(3.0, x),
    "a power of two activations": lambda x: (x.abs() + 0.5) ** x.sigmoid(),
    "atan2 and hypot": lambda x: torch.atan2(x.sin(), x.cos() + 2) + torch.hypot(x, x.cos()),
    "logaddexp and xlogy": lambda x: torch.logaddexp(x, x.sin()) + torch.xlogy(x.sin(), x.exp() + 1),
    "prelu": lambda x: functional.prelu(x, torch.tensor([0.3], dtype=x.dtype)),
    "prelu of a weight that varies": lambda x: torch.stack(
        [functional.prelu(each, each.mean().reshape(1).sigmoid()) for each in x]
    ),
    "prelu of weights that vary": lambda x: torch.stack(
        [functional.prelu(each[None], each.mean(1).sigmoid()) for each in x]
    ),
    "erf and friends": lambda x: torch.erf(x) + torch.special.erfcx(x.abs()) + torch.digamma(x.abs() + 1),
    "sinc and hyperbolic": lambda x: torch.sinc(x) + x.cosh() + x.sinh() + x.asinh() + x.atan(),
    # products and quotients
    "a product": lambda x: x.sin() * x.exp(),
    "a square as a product": lambda x: x * x,
    "a product of three": lambda x: x.sin() * x.exp() * x.tanh(),
    "a quotient of two activations": lambda x: x.sin() / (x.exp() + 1),
    "a quotient by a number, and of one": lambda x: x.tanh() / 3 + 2 / (x.exp() + 1) + torch.true_divide(x, 7),
    "remainders": lambda x: x.exp() % 0.7 + torch.fmod(x, 0.4) + torch.remainder(x.exp(), x.square() + 1),
    "a matrix product": lambda x: x.sin() @ x.exp().transpose(-2, -1),
    "bmm, mm, mv and dot": lambda x: torch.stack(
        [
            torch.bmm(each[None], each.T.exp()[None]).sum() + torch.mm(each, each.T.sin()).trace()
            + torch.mv(each, each[0].exp()).sum() + torch.dot(each[0], each[1].sin())
            for each in x
        ]
    ),
    "einsum of two": lambda x: torch.einsum("bij,bkj->bik", x.sin(), x.exp()),
    "einsum of three": lambda x: torch.einsum("bij,bkj,bkl->bil", x.sin(), x.exp(), x.tanh()),
    "outer product": lambda x: x[:, 0, :, None].sin() * x[:, 1, None].exp(),
    "addcmul, addcdiv, lerp": lambda x: (
        torch.addcmul(x, x.sin(), x.exp(), value=0.5)
        + torch.addcdiv(x, x.sin(), x.exp() + 1, value=2.0)
        + torch.lerp(x, x.sin(), x.sigmoid())
        + x.lerp(x.exp(), 0.3)
    ),
    "baddbmm and addbmm": lambda x: torch.baddbmm(x.sin() @ x.mT, x.exp(), x.mT.tanh(), beta=0.5, alpha=2.0),
    "kron": lambda x: torch.stack([torch.kron(each[:2].sin(), each[:2].exp()) for each in x]),
    "bilinear": lambda x: functional.bilinear(x.sin(), x.exp(), numbers(2, 6, 6, dtype=x.dtype)),
    "a convolution with weights that vary": lambda x: torch.stack(
        [functional.conv1d(each[None].sin(), each[None, :, :3].exp()) for each in x]
    ),
    "a linear layer with weights that vary": lambda x: torch.stack(
        [functional.linear(each.sin(), each.exp(), each[:, 0].cos()) for each in x]
    ),
    # maxima and minima
    "max over a dimension": lambda x: x.max(-1).values + x.max(dim=2)[0],
    "min over a dimension": lambda x: x.min(1).values,
    "max of all": lambda x: torch.stack([each.max() - each.min() for each in x]),
    "amax and amin": lambda x: x.amax((1, 2)) - x.amin(1).sum(1),
    "maximum and minimum": lambda x: torch.maximum(x.sin(), x.cos()) - torch.minimum(x, x.exp() - 1),
    "maximum by max": lambda x: torch.max(x.sin(), x.cos()) + torch.fmax(x, -x) - torch.fmin(x.exp(), x),
    "maximum with a constant": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "max pooling": lambda x: functional.max_pool1d(x, 2) + x[..., ::2],
    "max pooling with overlaps": lambda x: functional.max_pool1d(x, 3, stride=1, padding=1),
    "max pooling 2d": lambda x: functional.max_pool2d(x[:, None], 2, ceil_mode=True),
    "max pooling with indices": lambda x: functional.max_pool2d(x[:, None], 2, return_indices=True)[0],
    "max pooling 3d": lambda x: functional.max_pool3d(x[:, None, None], (1, 2, 2)),
    "adaptive max pooling": lambda x: functional.adaptive_max_pool1d(x, 4),
    "adaptive max pooling 2d": lambda x: functional.adaptive_max_pool2d(x[:, None], (2, 3)),
    # norms and variances
    "softmax": lambda x: torch.softmax(x, -1) + functional.softmax(x, dim=1) + x.softmax(2),
    "softmin": lambda x: functional.softmin(x, dim=-1),
    "log-softmax": lambda x: functional.log_softmax(x, dim=-1) + torch.log_softmax(x, 1) + x.log_softmax(-1),
    "logsumexp": lambda x: torch.logsumexp(x, -1) + x.logsumexp((1, 2), keepdim=True)[..., 0],
    "logsumexp of large numbers": lambda x: torch.logsumexp(500 * x, -1) / 500,
    "norms": lambda x: x.norm(dim=-1) + torch.linalg.norm(x, dim=-1) + torch.linalg.vector_norm(x, 3, dim=-1),
    "norms of all": lambda x: torch.stack([each.norm() + torch.norm(each, p=1) for each in x]),
    "the largest norm": lambda x: torch.linalg.vector_norm(x, math.inf, dim=-1),
    "variance and deviation": lambda x: (
        x.var(-1) + torch.std(x, 1, unbiased=False)[:, :4] + x.var((1, 2), keepdim=True)[:, 0]
    ),
    "variance with a correction": lambda x: torch.var(x, dim=-1, correction=0) + x.std(dim=-1, correction=2),
    "normalize": lambda x: functional.normalize(x, dim=-1) + functional.normalize(x, p=1, dim=1),
    "cosine similarity": lambda x: functional.cosine_similarity(x.sin(), x.exp(), dim=-1),
    "layer norm": lambda x: functional.layer_norm(x, (4, 6)) + functional.layer_norm(x, (6,), torch.arange(6).to(x)),
    "RMS norm": lambda x: functional.rms_norm(x, (6,)),
    "group norm": lambda x: functional.group_norm(x, 2, torch.arange(4).to(x), torch.ones(4).to(x)),
    "instance norm": lambda x: functional.instance_norm(x, weight=torch.arange(4).to(x)),
    "local response norm": lambda x: functional.local_response_norm(x, 3),
    "lp pooling": lambda x: functional.lp_pool1d(x.abs(), 3.0, 2),
    "lp pooling 2d": lambda x: functional.lp_pool2d(x[:, None], 2.0, 2),
    "glu": lambda x: functional.glu(x, 1),
    # losses
    "cross entropy": lambda x: functional.cross_entropy(x.mT, torch.tensor([[0, 1, 2, 3]] * len(x)), reduction="none"),
    "mean squared and absolute errors": lambda x: (
        functional.mse_loss(x.sin(), x.exp(), reduction="none") + functional.l1_loss(x, x.cos(), reduction="none")
    ),
    "binary cross entropy": lambda x: functional.binary_cross_entropy_with_logits(
        x, torch.full_like(x, 0.3), reduction="none"
    ),
    # the batch together
    "what is linear between": lambda x: functional.interpolate(
        functional.pad(x.relu().cumsum(1), (1, 2)), scale_factor=2, mode="linear"
    ).tanh(),
    "interpolation": lambda x: functional.interpolate(x[:, None].relu(), (7, 5), mode="bicubic").tanh(),
    "reflection": lambda x: functional.pad(x.relu(), (2, 1), mode="reflect").tanh(),
    "where": lambda x: torch.where(torch.arange(6) % 2 == 0, x.relu(), x.exp()).tanh(),
    "masked fill": lambda x: x.relu().masked_fill(torch.arange(6) < 2, 0.7).tanh(),
    "cat, stack and split": lambda x: (
        torch.cat([torch.stack([x.relu(), x.exp()], 1).flatten(1, 2), x], 1).split(6, 1)[1]
    ),
    "indexing": lambda x: x.relu()[:, [0, 2, 2], ::2].tanh() + x.exp()[:, 1:4, :3] + x[..., None, 0, :3],
    "gather and index_select": lambda x: (
        x.relu().gather(2, torch.tensor([[[0, 3, 3]] * 4] * len(x))).tanh() + x.index_select(2, torch.tensor([1, 5, 0]))
    ),
    "rolling, flipping, permuting": lambda x: x.relu().roll(1, 2).flip(1).permute(0, 2, 1).contiguous().tanh(),
    "folds": lambda x: functional.unfold(x[:, None].relu(), 2).tanh(),
    "pooling by means": lambda x: functional.avg_pool1d(x.relu(), 2).tanh() + functional.adaptive_avg_pool1d(x, 3),
    "sums, means and cumulative sums": lambda x: (x.relu().sum(1) + x.exp().mean(1) + x.cumsum(1)[:, 2]).tanh(),
    "triangles": lambda x: (x.relu().tril() + x.triu().exp().diagonal(dim1=1, dim2=2).mean(-1)[:, None, None]).tanh(),
    "expanded and repeated": lambda x: (x.relu()[:, :1].expand(-1, 4, -1) + x.repeat(1, 2, 1)[:, 2:6]).tanh(),
    "scatter": lambda x: (
        torch.zeros_like(x).scatter_add(2, torch.tensor([[[0, 0, 1, 2, 3, 5]] * 4] * len(x)), x.relu()).exp()
    ),
    "dropout that drops nothing": lambda x: functional.dropout(x.relu(), 0.5, training=False).tanh(),
    "other numbers on the way": lambda x: (x.relu().float().tanh().double() if x.dtype == torch.float64 else x.tanh()),
}  # fmt: skip
INEXACT = {"other numbers on the way"}


@in_both_precisions(FUNCTIONS)
def test_functions_add_up(name: str, dtype: torch.dtype, within: float):
    function = FUNCTIONS[name]
    x, x0 = numbers(EXAMPLES, 4, 6, dtype=dtype), 0.7 * numbers(EXAMPLES, 4, 6, seed=1, dtype=dtype)
    adds_up(function, x, x0, 1e-5 if name in INEXACT and dtype == torch.float64 else within)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in INEXACT])
def test_functions_add_up_behind_a_layer_from_a_baseline_of_zeros(name: str):
    """All positions of the baseline are equal then, and so are those of its hidden tensors: ties everywhere."""
    function, weight = FUNCTIONS[name], numbers(6, 6, seed=5) / 2
    x = numbers(EXAMPLES, 4, 6)
    with torch.no_grad():
        if not torch.stack([weighted(function(0 * x)), weighted(function(x))]).isfinite().all():
            pytest.skip("not a number at zero")
    adds_up(lambda x: function(functional.linear(x, weight)) + 1, x, torch.zeros_like(x))


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in INEXACT])
def test_where_nothing_changes_all_contributions_are_zero_and_multipliers_gradients(name: str):
    function, x = FUNCTIONS[name], numbers(EXAMPLES, 4, 6)
    found, delta = attr.DeepLift(function).attribute(x, x.clone(), weighted, return_convergence_delta=True)
    assert not found.any()
    assert not delta.any()
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(weighted(function(leaf)).sum(), leaf)
    multipliers = attr.DeepLift(function, multiply_by_inputs=False).attribute(x, x.clone(), weighted)
    torch.testing.assert_close(multipliers, expected, rtol=1e-9, atol=1e-9)


BROADCAST: dict[str, Callable[[Tensor], Tensor]] = {
    "pow": lambda x: x.exp() ** x[:, :1].sin(),
    "atan2": lambda x: torch.atan2(x, x[:, :1].exp()),
    "clamp": lambda x: x.clamp(max=x[:, :1].exp()),
    "maximum": lambda x: torch.maximum(x, x[:, :1].exp() - 1.1),
    "a product": lambda x: x.sin() * x[:, :1],
    "a quotient": lambda x: x.sin() / x[:, :1].exp(),
}


@pytest.mark.parametrize("name", BROADCAST)
def test_of_broadcast_arguments_contributions_add_up_and_multipliers_become_gradients(name: str):
    function, x = BROADCAST[name], numbers(EXAMPLES, WIDTH)
    adds_up(function, x, numbers(EXAMPLES, WIDTH, seed=1) / 2)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(weighted(function(leaf)).sum(), leaf)
    for distance in (0, 1e-11, 1e-7):
        found = attr.DeepLift(function, multiply_by_inputs=False).attribute(x, x - distance, weighted)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------------------------------------------------------------
# Models
# ---------------------------------------------------------------------------------------------------------------------


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(WIDTH, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(functional.relu(self.second(functional.relu(self.first(x)))))


class OneReLU(nn.Module):
    """A module used five times."""

    def __init__(self):
        super().__init__()
        self.layers, self.relu = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(5)), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.relu(layer(x))
        return x


class InPlace(nn.Module):
    """Every way to write into a tensor."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.first(x))
        z = self.second(y)
        z.tanh_()
        y = y + 1
        y += z
        y[..., 1:3].relu_()
        y[..., 0] *= 2
        y[:, 2] = z[:, 3].exp()
        functional.elu(y, inplace=True)
        functional.leaky_relu_(y, 0.2)
        y.add_(z, alpha=2).div_(3).sigmoid_()
        y -= 0.3
        y.clamp_(max=0.5)
        return self.last(y)


class InPlaceProducts(nn.Module):
    """Products, quotients and powers into tensors that nobody else needs."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        y, z = self.first(x), x.sin() + 2
        y = y.exp() * 1
        y += z
        y *= z
        y /= z.square() + 1
        y.mul_(z[..., :1]).div_(z + 1)
        y.addcmul_(z, z.cos(), value=0.5)
        y[:, :2] *= z[:, 2:4]
        y[:, 3].mul_(z[:, 4])
        return self.last(y)


class WrittenLater(nn.Module):
    """Writes into tensors that an activation or a product has used before."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        activated, gate = y.sigmoid(), torch.ones_like(y)
        product = y.detach().clone() * 0 + y * 1 + torch.exp(y + 0)
        view = y[:, :3]
        bent = view.tanh()
        y = y.clone()
        gate[:] = activated
        scaled = gate * product
        gate.zero_()
        view = scaled[:, 1:4]
        softened = view.exp()
        scaled.detach()[:, 0].add_(0)
        again = scaled * 1
        used = again.relu() + again.sin()
        again[:, 2:5] = softened
        again.mul_(2)
        return self.last(self.second(used) * again) + bent


class Block(nn.Module):
    """A residual block with one ReLU in place, used twice."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.bn1, self.bn2, self.relu = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        for norm in (self.bn1, self.bn2):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x
        return self.relu(out)


def resnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1),
        Block(4), Block(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip


def normed() -> nn.Module:
    """A GELU network with layer norms."""
    return nn.Sequential(
        nn.Linear(WIDTH, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 16), nn.LayerNorm(16), nn.GELU("tanh"),
        nn.Linear(16, 3),
    )  # fmt: skip


class SwiGLU(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(WIDTH, 16), nn.Linear(WIDTH, 16), nn.Linear(16, WIDTH)
        self.norm = nn.RMSNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(functional.silu(self.gate(self.norm(x))) * self.up(self.norm(x)))


class Attention(nn.Module):
    """Attention by torch's function or by hand.

    Args:
        fused: Whether torch's function.
        mask: None, "causal", a mask of booleans, or one of numbers.
    """

    def __init__(self, fused: bool, mask: Any = None):
        super().__init__()
        self.into, self.out, self.fused, self.mask = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH), fused, mask

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (each.unflatten(-1, (2, -1)).transpose(1, 2) for each in self.into(x).chunk(3, -1))
        causal, mask = self.mask == "causal", None
        if self.mask == "booleans":
            mask = torch.ones(TOKENS, TOKENS, dtype=torch.bool)
            mask[:, -1] = False
        elif self.mask == "numbers":
            mask = torch.zeros(TOKENS, TOKENS, dtype=x.dtype).masked_fill(torch.arange(TOKENS) == 2, -math.inf)
            mask[0, 1] = 0.5
        if self.fused:
            y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        else:
            scores = q @ k.mT / math.sqrt(q.shape[-1])
            if causal:
                scores = scores.masked_fill(torch.ones(TOKENS, TOKENS).triu(1).bool(), -math.inf)
            if mask is not None:
                scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
            y = scores.softmax(-1) @ v
        return self.out(y.transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    def __init__(self, pre: bool, fused: bool = True, mask: Any = None):
        super().__init__()
        self.attention, self.pre = Attention(fused, mask), pre
        self.one, self.two = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 16), nn.GELU(), nn.Linear(16, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        if self.pre:
            x = x + self.attention(self.one(x))
            return x + self.mlp(self.two(x))
        x = self.one(x + self.attention(x))
        return self.two(x + self.mlp(x))


def transformer(pre: bool, fused: bool = True, mask: Any = None, layers: int = 2) -> nn.Module:
    blocks = (TransformerBlock(pre, fused, mask) for _ in range(layers))
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), *blocks, nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3))


class Encoder(nn.Module):
    """torch's own transformer."""

    def __init__(self, *, batch_first: bool, norm_first: bool, activation: Any = "relu", mask: str | None = None):
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            WIDTH, 2, 16, batch_first=batch_first, norm_first=norm_first, activation=activation
        )
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.batch_first, self.mask = batch_first, mask

    def forward(self, x: Tensor) -> Tensor:
        masks = {}
        if self.mask == "causal":
            masks = {"mask": nn.Transformer.generate_square_subsequent_mask(TOKENS, dtype=x.dtype), "is_causal": True}
        elif self.mask == "padding":
            masks = {"src_key_padding_mask": (torch.arange(TOKENS) > 2).expand(len(x), -1)}
        x = x if self.batch_first else x.transpose(0, 1)
        y = self.encoder(x, **masks)
        return y if self.batch_first else y.transpose(0, 1)


class Decoder(nn.Module):
    """Both halves of torch's own transformer."""

    def __init__(self):
        super().__init__()
        self.both = nn.Transformer(WIDTH, 2, 1, 1, 16, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.both(x, x.flip(1)[:, :3])


class MultiHead(nn.Module):
    def __init__(self, *, batch_first: bool, weights: bool):
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=batch_first, add_bias_kv=True, add_zero_attn=True)
        self.batch_first, self.weights = batch_first, weights

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.batch_first else x.transpose(0, 1)
        y, weights = self.attention(x.sin(), x, x.exp(), need_weights=self.weights)
        y = y if self.batch_first else y.transpose(0, 1)
        return torch.cat([y, weights], -1) if self.weights else y


class OfRecurrent(nn.Module):
    """A recurrent layer, all of whose outputs count."""

    def __init__(self, make: Callable[..., nn.Module], **settings: Any):
        super().__init__()
        self.layer = make(WIDTH, 4, **settings)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.layer.batch_first else x.transpose(0, 1)
        y, last = self.layer(x)
        y = y if self.layer.batch_first else y.transpose(0, 1)
        return torch.cat([y.flatten(1), *(each.transpose(0, 1).flatten(1) for each in _states(last))], 1)


class Begun(OfRecurrent):
    """The same from states that depend on the inputs."""

    def forward(self, x: Tensor) -> Tensor:
        start = x[:, 0, :4].tanh().expand(len(self.layer.all_weights), -1, -1)
        start = start.contiguous()
        return self.layer(x, (start, start.exp()) if isinstance(self.layer, nn.LSTM) else start)[0]


class Packed(OfRecurrent):
    """The same of sequences of different lengths."""

    sizes = (3, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        sizes = torch.tensor((self.sizes * len(x))[: len(x)])
        packed = pack_padded_sequence(x.relu(), sizes, batch_first=True, enforce_sorted=False)
        y, last = self.layer(packed)
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=TOKENS)
        return torch.cat([y.flatten(1), *(each.transpose(0, 1).flatten(1) for each in _states(last))], 1)


class PackedByHand(OfRecurrent):
    """The same with a list of sequences."""

    def forward(self, x: Tensor) -> Tensor:
        packed = pack_sequence([each[:size] for each, size in zip(x, (5, 3, 2), strict=True)])
        return self.layer(packed)[1].transpose(0, 1).flatten(1)


class OfCell(nn.Module):
    def __init__(self, make: Callable[..., nn.Module], **settings: Any):
        super().__init__()
        self.cell = make(WIDTH, 4, **settings)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return torch.cat(_states(state), 1)


def _states(last: Any) -> tuple[Tensor, ...]:
    return last if isinstance(last, tuple) else (last,)


class Looked(nn.Module):
    """Embeddings that are looked up, beside what varies."""

    def __init__(self):
        super().__init__()
        self.embedding, self.bag = nn.Embedding(7, WIDTH), nn.EmbeddingBag(7, WIDTH, mode="sum")
        self.prelu, self.last = nn.PReLU(TOKENS), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        ids = torch.arange(TOKENS).expand(len(x), -1)
        y = x * self.embedding(ids) + self.bag(ids)[:, None]
        return self.last(self.prelu(y))


VECTORS: dict[str, Callable[[], nn.Module]] = {
    "MLP": MLP,
    "one ReLU five times": OneReLU,
    "in place": InPlace,
    "in-place products": InPlaceProducts,
    "written later": WrittenLater,
    "GELU and layer norm": normed,
    "SwiGLU": SwiGLU,
    "weight norm": lambda: nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(WIDTH, WIDTH)), nn.ReLU(), nn.Linear(WIDTH, 3)
    ),
}
SEQUENCES: dict[str, Callable[[], nn.Module]] = {
    **{
        f"{'pre' if pre else 'post'}-norm, {'fused' if fused else 'by hand'}, mask {mask}": functools.partial(
            transformer, pre, fused, mask
        )
        for pre, fused, mask in itertools.product([True, False], [True, False], [None, "causal", "booleans", "numbers"])
    },
    **{
        f"TransformerEncoder, batch first {batch}, norm first {norm}, mask {mask}": functools.partial(
            Encoder, batch_first=batch, norm_first=norm, mask=mask
        )
        for batch, norm, mask in itertools.product([True, False], [True, False], [None, "causal", "padding"])
    },
    "TransformerEncoder, GELU": functools.partial(Encoder, batch_first=True, norm_first=True, activation="gelu"),
    "Transformer": Decoder,
    **{
        f"MultiheadAttention, batch first {batch}, weights {weights}": functools.partial(
            MultiHead, batch_first=batch, weights=weights
        )
        for batch, weights in itertools.product([True, False], [True, False])
    },
    **{
        f"{make.__name__} {settings}": functools.partial(OfRecurrent, make, **settings)
        for make, settings in itertools.product(
            [nn.LSTM, nn.GRU, nn.RNN],
            [
                {"batch_first": True},
                {"batch_first": False},
                {"batch_first": True, "bidirectional": True},
                {"batch_first": False, "num_layers": 2, "bidirectional": True},
                {"batch_first": True, "num_layers": 2, "bias": False},
            ],
        )
    },
    "RNN of ReLU": functools.partial(OfRecurrent, nn.RNN, batch_first=True, nonlinearity="relu"),
    "LSTM, projected": functools.partial(OfRecurrent, nn.LSTM, batch_first=True, proj_size=3),
    "LSTM, projected, no bias": functools.partial(OfRecurrent, nn.LSTM, batch_first=True, proj_size=3, bias=False),
    **{
        f"{make.__name__}, begun": functools.partial(Begun, make, batch_first=True)
        for make in (nn.LSTM, nn.GRU, nn.RNN)
    },
    **{
        f"{make.__name__}, packed {settings}": functools.partial(Packed, make, batch_first=True, **settings)
        for make, settings in itertools.product(
            [nn.LSTM, nn.GRU, nn.RNN], [{}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}]
        )
    },
    "GRU, packed by hand": functools.partial(PackedByHand, nn.GRU),
    **{
        f"{make.__name__} {settings}": functools.partial(OfCell, make, **settings)
        for make, settings in itertools.product([nn.LSTMCell, nn.GRUCell, nn.RNNCell], [{}, {"bias": False}])
    },
    "embeddings and PReLU": Looked,
}  # fmt: skip
IMAGES: dict[str, Callable[[], nn.Module]] = {"ResNet": resnet}

MODELS = {name: (make, (WIDTH,)) for name, make in VECTORS.items()}
MODELS |= {name: (make, (TOKENS, WIDTH)) for name, make in SEQUENCES.items()}
MODELS |= {name: (make, (2, 8, 8)) for name, make in IMAGES.items()}


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@in_both_precisions(MODELS)
def test_models_add_up(name: str, dtype: torch.dtype, within: float):
    make, shape = MODELS[name]
    model = seeded(make, dtype)
    x, x0 = numbers(EXAMPLES, *shape, dtype=dtype), 0.5 * numbers(EXAMPLES, *shape, seed=1, dtype=dtype)
    adds_up(model, x, x0, within)


@pytest.mark.parametrize("name", MODELS)
def test_models_add_up_from_zeros(name: str):
    make, shape = MODELS[name]
    x = numbers(EXAMPLES, *shape)
    adds_up(seeded(make), x, torch.zeros_like(x))


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_left_on_a_model_and_its_forward_is_as_before(name: str):
    make, shape = MODELS[name]
    model, x = seeded(make), numbers(EXAMPLES, *shape)
    expected, given = model(x.clone()), x.clone()
    before = {module: dict(vars(module)) for module in model.modules()}
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    attr.DeepLift(model).attribute(x, target=weighted)
    assert torch.equal(x, given)
    assert torch.equal(model(x.clone()), expected)
    assert before == {module: dict(vars(module)) for module in model.modules()}
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    assert all(each.grad is None and each.requires_grad for each in model.parameters())


# ---------------------------------------------------------------------------------------------------------------------
# Models of others
# ---------------------------------------------------------------------------------------------------------------------


class OfEmbeddings(nn.Module):
    """The logits of a language model, given embeddings."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, embeddings: Tensor) -> Tensor:
        return self.model(inputs_embeds=embeddings).logits


class OfIds(nn.Module):
    """The logits of a model, given ids or pixels."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        return self.model(ids).logits


LANGUAGE: dict[str, Callable[[], nn.Module]] = {
    "BERT": lambda: BertForSequenceClassification(
        BertConfig(
            vocab_size=20, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
            max_position_embeddings=16,
        )
    ),
    "GPT-2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=20, n_positions=16, n_embd=WIDTH, n_layer=2, n_head=2)),
    "GPT-2, eager": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=20, n_positions=16, n_embd=WIDTH, n_layer=2, n_head=2, attn_implementation="eager")
    ),
    "Llama": lambda: LlamaForCausalLM(
        LlamaConfig(
            vocab_size=20, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
            intermediate_size=16, max_position_embeddings=16,
        )
    ),
}  # fmt: skip
EMBEDDING = {
    "BERT": "model.bert.embeddings.word_embeddings",
    "GPT-2": "model.transformer.wte",
    "GPT-2, eager": "model.transformer.wte",
    "Llama": "model.model.embed_tokens",
}
"""With what they begin."""
IN_FLOAT32 = {"Llama"}
"""Whose norms are written to compute in float32, whatever they are given."""


def vit() -> nn.Module:
    return ViTForImageClassification(
        ViTConfig(
            hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=8,
            patch_size=4, num_labels=3,
        )
    )  # fmt: skip


def ids(seed: int = 0) -> Tensor:
    return torch.randint(20, (EXAMPLES, TOKENS), generator=torch.Generator().manual_seed(seed))


@in_both_precisions(LANGUAGE)
def test_language_models_add_up_at_embeddings(name: str, dtype: torch.dtype, within: float):
    model = OfEmbeddings(seeded(LANGUAGE[name], dtype))
    x, x0 = (numbers(EXAMPLES, TOKENS, WIDTH, seed=seed, dtype=dtype) for seed in (0, 1))
    adds_up(model, x, x0, ROUNDED if name in IN_FLOAT32 else within)


@pytest.mark.parametrize("name", LANGUAGE)
def test_language_models_add_up_from_the_embeddings_of_other_ids(name: str):
    model = OfIds(seeded(LANGUAGE[name]))
    with torch.no_grad():
        change = weighted(model(ids())) - weighted(model(ids(1)))
    found, delta = attr.LayerDeepLift(model, EMBEDDING[name]).attribute(
        ids(), ids(1), weighted, return_convergence_delta=True, strict=True
    )
    assert found.shape == (EXAMPLES, TOKENS, WIDTH)
    within = ROUNDED if name in IN_FLOAT32 else EXACT
    assert delta.abs().max() < within
    assert (total(found) - change).abs().max() < within


@DTYPES
def test_a_vision_transformer_adds_up(dtype: torch.dtype, within: float):
    x, x0 = (numbers(EXAMPLES, 3, 8, 8, seed=seed, dtype=dtype) for seed in (0, 1))
    adds_up(OfIds(seeded(vit, dtype)), x, x0, within)


@pytest.mark.parametrize("baseline", ["zeros", "noise"])
@DTYPES
def test_efficientnet_adds_up(dtype: torch.dtype, within: float, baseline: str):
    model, x = efficientnet().to(dtype), numbers(2, 3, 128, 128, dtype=dtype)
    x0 = torch.zeros_like(x) if baseline == "zeros" else numbers(2, 3, 128, 128, seed=1, dtype=dtype) / 3
    adds_up(model, x, x0, within)


# ---------------------------------------------------------------------------------------------------------------------
# Layers and neurons
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pre", [True, False], ids=["pre-norm", "post-norm"])
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "by hand"])
@pytest.mark.parametrize("of_input", [True, False], ids=["input", "output"])
@pytest.mark.parametrize("layer", range(5))
def test_every_boundary_of_a_transformer_adds_up(pre: bool, fused: bool, of_input: bool, layer: int):
    model = seeded(lambda: transformer(pre, fused, "causal", layers=3))
    x, x0 = numbers(EXAMPLES, TOKENS, WIDTH), numbers(EXAMPLES, TOKENS, WIDTH, seed=1)
    with torch.no_grad():
        change = weighted(model(x)) - weighted(model(x0))
    found, delta = attr.LayerDeepLift(model, model[layer]).attribute(
        x, x0, weighted, return_convergence_delta=True, attribute_to_layer_input=of_input, strict=True
    )
    assert delta.abs().max() < EXACT
    assert (total(found) - change).abs().max() < EXACT


@pytest.mark.newer  # blocks that return a tensor, and not a tuple
@pytest.mark.parametrize("place", ["transformer.h.0", "transformer.h.1", "transformer.h.2", "transformer.ln_f"])
@pytest.mark.parametrize("given", ["ids", "embeddings"])
def test_every_boundary_of_gpt2_adds_up(given: str, place: str):
    gpt2 = seeded(lambda: GPT2LMHeadModel(GPT2Config(vocab_size=20, n_positions=16, n_embd=WIDTH, n_layer=3, n_head=2)))
    model = OfIds(gpt2) if given == "ids" else OfEmbeddings(gpt2)
    x, x0 = (ids(seed) if given == "ids" else numbers(EXAMPLES, TOKENS, WIDTH, seed=seed) for seed in (0, 1))
    with torch.no_grad():
        change = weighted(model(x)) - weighted(model(x0))
    found, delta = attr.LayerDeepLift(model, f"model.{place}").attribute(
        x, x0, weighted, return_convergence_delta=True, strict=True
    )
    assert found.shape == (EXAMPLES, TOKENS, WIDTH)
    assert delta.abs().max() < EXACT
    assert (total(found) - change).abs().max() < EXACT


@pytest.mark.parametrize("layer", ["layers.0", "layers.2", "relu"])
def test_layers_of_a_model_that_uses_a_module_five_times(layer: str):
    model, x, x0 = seeded(OneReLU), numbers(EXAMPLES, WIDTH), numbers(EXAMPLES, WIDTH, seed=1)
    with torch.no_grad():
        change = weighted(model(x)) - weighted(model(x0))
    found = attr.LayerDeepLift(model, layer).attribute(x, x0, weighted, strict=True)
    assert (total(found) - change).abs().max() < EXACT


@pytest.mark.parametrize("call", range(5))
@pytest.mark.parametrize("way", ["gradient_at", "source"])
def test_one_call_of_a_module_that_is_used_five_times(call: int, way: str):
    model, x, x0 = seeded(OneReLU), numbers(EXAMPLES, WIDTH), numbers(EXAMPLES, WIDTH, seed=1)
    with torch.no_grad():
        change = weighted(model(x)) - weighted(model(x0))
    problem = Problem(model, x, target=weighted, **{way: Layer("relu", call=call)})
    result = methods.DeepLift(strict=True)(problem, x0, return_convergence_delta=True)
    assert (total(result.values) - change).abs().max() < EXACT
    assert result.delta.abs().max() < EXACT


@pytest.mark.parametrize("name", ["ReLU", "Encoder", "LSTM"])
@pytest.mark.parametrize("way", ["gradient_at", "source"])
def test_from_a_layer_to_a_neuron(name: str, way: str):
    make, shape, layer, to = {
        "ReLU": (MLP, (WIDTH,), "first", Neuron("second", 3)),
        "Encoder": (
            lambda: Encoder(batch_first=False, norm_first=True), (TOKENS, WIDTH),
            "encoder.layers.0", Neuron("encoder.layers.1.linear1", lambda output: output[:, :, 3].sin().sum(0)),
        ),
        "LSTM": (
            lambda: nn.Sequential(nn.Linear(WIDTH, WIDTH), OfRecurrent(nn.LSTM, batch_first=True), nn.Linear(28, 5)),
            (TOKENS, WIDTH), "0", Neuron("2", 4),
        ),
    }[name]  # fmt: skip
    model, x, x0 = seeded(make), numbers(EXAMPLES, *shape), numbers(EXAMPLES, *shape, seed=1)
    explained: list[Tensor] = []

    def notice(module: nn.Module, taken: Any, output: Tensor) -> None:
        choose = to.selector
        explained.append(choose(output) if callable(choose) else output[:, choose])

    handle = model.get_submodule(to.layer).register_forward_hook(notice)
    with torch.no_grad():
        model(x), model(x0)
    handle.remove()
    problem = Problem(model, x, target=to, **{way: layer})
    result = methods.DeepLift(strict=True)(problem, x0, return_convergence_delta=True)
    assert result.delta.abs().max() < EXACT
    found, change = total(result.values), explained[0] - explained[1]
    if name == "Encoder":  # which has its tokens first, so that sums are not of examples
        found, change = found.sum(), change.sum()
    assert (found - change).abs().max() < EXACT
    of_inputs = methods.DeepLift(strict=True)(Problem(model, x, target=to), x0)
    assert (total(of_inputs.values) - (explained[0] - explained[1])).abs().max() < EXACT


def test_neurons_under_captums_name():
    model, x, x0 = seeded(MLP), numbers(EXAMPLES, WIDTH), numbers(EXAMPLES, WIDTH, seed=1)
    found = attr.NeuronDeepLift(model, "second").attribute(x, 3, x0)
    hidden = model.second(model.first(x).relu())[:, 3] - model.second(model.first(x0).relu())[:, 3]
    assert (total(found) - hidden).abs().max() < EXACT
    of_many = attr.NeuronDeepLiftShap(model, "second").attribute(x, 3, x0)
    each = [attr.NeuronDeepLift(model, "second").attribute(x, 3, start[None]) for start in x0]
    torch.testing.assert_close(of_many, torch.stack(each).mean(0), rtol=1e-12, atol=1e-12)


# ---------------------------------------------------------------------------------------------------------------------
# What has no rule
# ---------------------------------------------------------------------------------------------------------------------


class Renorming(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.renorm(2, 0, 0.5)


class Cube(torch.autograd.Function):
    """A function with a gradient of one's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 3 * ctx.saved_tensors[0] ** 2 * grad


class Cubing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Cube.apply(x)


class Bending(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x) * x


def between(module: nn.Module) -> nn.Module:
    """A network with a module in it, as `middle.1`."""
    model = nn.Sequential()
    model.add_module("first", nn.Linear(WIDTH, WIDTH))
    model.add_module("middle", nn.Sequential(nn.ReLU(), module))
    model.add_module("last", nn.Linear(WIDTH, 3))
    return model


def warned(model: Callable[..., Any], x: Tensor, **more: Any) -> str:
    with pytest.warns(PellucidWarning, match="attributions may not add up") as told:
        attr.DeepLift(model).attribute(x, target=1, **more)
    assert len(told) == 1
    return str(told[0].message)


@pytest.mark.parametrize(("make", "function"), [(Renorming, "renorm"), (Cubing, "Cube")])
def test_calls_without_a_rule_are_named_with_their_module(make: Callable[[], nn.Module], function: str):
    model, x = seeded(lambda: between(make())), numbers(EXAMPLES, WIDTH)
    said = warned(model, x)
    assert function in said
    assert "middle.1" in said
    with pytest.raises(NotSupported, match=r"no rule for .*middle\.1"):
        attr.DeepLift(model).attribute(x, target=1, strict=True)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_modules_are_told_of():
    model, x = seeded(lambda: between(Bending())), numbers(EXAMPLES, WIDTH)
    model.middle[1] = torch.jit.script(model.middle[1])
    said = warned(model, x)
    assert "middle.1" in said
    with pytest.raises(NotSupported, match=r"no rule for .*middle\.1"):
        attr.DeepLift(model).attribute(x, target=1, strict=True)


def test_calls_outside_of_modules_are_named_too():
    said = warned(lambda x: x.renorm(2, 0, 0.5).cumsum(1), numbers(EXAMPLES, WIDTH))
    assert "renorm" in said


WITHOUT_RULES: dict[str, Callable[[Tensor], Tensor]] = {
    "quantile": lambda x: torch.quantile(x, 0.3, 1, keepdim=True),
    "an inverse": lambda x: torch.linalg.inv(x[:, :4].reshape(-1, 2, 2) + 3 * torch.eye(2)),
    "a determinant": lambda x: torch.linalg.det(x[:, :4].reshape(-1, 2, 2))[:, None],
    "products of complex numbers": lambda x: torch.view_as_real(torch.complex(x, x.sin()) * torch.complex(x.cos(), x)),
    "polar": lambda x: torch.polar(x.abs(), x).real,
    "rounded quotients": lambda x: torch.div(x.exp(), x.square() + 1, rounding_mode="floor"),
    "renorm": lambda x: x.renorm(2, 0, 0.5),
    "grid_sample": lambda x: functional.grid_sample(
        x[:, None, None], x[:, None, :, None].expand(-1, -1, -1, 2), align_corners=False
    ),
    "where the data say": lambda x: torch.where(x > 0, x, 0.1 * x),
    "times what the data say": lambda x: x * (x > 0),
    "times a mask as numbers": lambda x: x * (x > 0).to(x),
    "filled where the data say": lambda x: x.masked_fill(x < 0, 0.0),
    "written where the data say": lambda x: x.index_put((x > 0,), torch.zeros((), dtype=x.dtype)),
    "sorted by indices": lambda x: x.gather(1, x.argsort(1)),
    "the largest by its index": lambda x: x.gather(1, x.argmax(1, keepdim=True)),
    "a gate without a gradient": lambda x: x * x.sigmoid().detach(),
    "vmap": lambda x: torch.vmap(lambda each: each.sin() * each.exp())(x),
}


@pytest.mark.parametrize("name", WITHOUT_RULES)
def test_what_does_not_add_up_is_never_silent(name: str):
    function, x, x0 = WITHOUT_RULES[name], numbers(EXAMPLES, WIDTH), 0.5 * numbers(EXAMPLES, WIDTH, seed=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, delta = attr.DeepLift(function).attribute(x, x0, weighted, return_convergence_delta=True)
    if caught:
        assert re.fullmatch(r"attributions (may|do) not add up.*", str(caught[0].message))
        with pytest.raises(NotSupported, match=r"attributions (may|do) not add up"):
            attr.DeepLift(function).attribute(x, x0, weighted, strict=True)
    else:
        assert delta.abs().max() < EXACT


NEXT_TO_NOTHING = {
    "1e-18": lambda z: (z - torch.tensor([20.0, 0, 0])).softmax(1).square(),
    "1e-27": lambda z: (z - torch.tensor([30.0, 0, 0])).softmax(1).square(),
    "1e-39, of fewer digits": lambda z: (z - torch.tensor([90.0, 0, 0])).softmax(1),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NEXT_TO_NOTHING)
def test_probabilities_that_are_none_at_both_ends_miss_nothing(name: str):
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3)), torch.float32)
    x, x0 = numbers(EXAMPLES, 4, dtype=torch.float32), numbers(2, 4, seed=1, dtype=torch.float32)

    def model(x: Tensor) -> Tensor:
        return NEXT_TO_NOTHING[name](net(x))

    assert 0 < model(x)[:, 0].max() < 1e-16
    attr.DeepLiftShap(model).attribute(x, x0, target=0)
    attr.DeepLift(model).attribute(x, x0[:1], target=0)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0, 1e3])
def test_a_miss_of_a_few_hundredths_is_told_at_ordinary_scales(size: float):
    def model(x: Tensor) -> Tensor:
        return size * (x + 0.01 * x * (x > 0)).sum(1)

    with pytest.warns(PellucidWarning, match="attributions do not add up"):
        attr.DeepLift(model).attribute(numbers(EXAMPLES, 4), 0.5 * numbers(EXAMPLES, 4, seed=1))


def test_checkpoints_inside_a_model():
    def model(x: Tensor) -> Tensor:
        return torch.utils.checkpoint.checkpoint(lambda y: (y.sin() * y.exp()).relu(), x, use_reentrant=False)

    adds_up(model, numbers(EXAMPLES, WIDTH), numbers(EXAMPLES, WIDTH, seed=1))


def linear_models() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    class Reshaping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = torch.cat([x.view(len(x), 2, 4).transpose(1, 2).reshape(len(x), 8), x[:, :2]], 1)
            return torch.stack([x.flip(1), x.roll(1, 1)], 1).permute(0, 2, 1).flatten(1).unsqueeze(1).squeeze(1)[:, 3:]

    images = (2, 8, 8)
    return {
        "linear": (nn.Linear(WIDTH, 3), (WIDTH,)),
        "two": (nn.Sequential(nn.Linear(WIDTH, 4), nn.Dropout(), nn.Linear(4, 3, bias=False)), (WIDTH,)),
        "convolution": (nn.Sequential(nn.Conv2d(2, 3, 3), nn.AvgPool2d(2), nn.BatchNorm2d(3), nn.Flatten()), images),
        "transposed": (nn.Sequential(nn.ConvTranspose2d(2, 3, 2, 2), nn.AdaptiveAvgPool2d(2), nn.Flatten()), images),
        "one dimension": (nn.Sequential(nn.Conv1d(2, 4, 3, groups=2), nn.AvgPool1d(2), nn.Upsample(8)), (2, 8)),
        "three dimensions": (nn.Sequential(nn.Conv3d(1, 2, 2), nn.AvgPool3d(2)), (1, 5, 5, 5)),
        "padding": (nn.Sequential(nn.ZeroPad2d(1), nn.ReflectionPad2d(1), nn.ReplicationPad2d(1)), images),
        "folding": (nn.Sequential(nn.Unfold(2), nn.Fold(8, 2)), images),
        "shuffling": (nn.Sequential(nn.Conv2d(2, 4, 1), nn.PixelShuffle(2), nn.PixelUnshuffle(2)), images),
        "upsampling": (nn.Sequential(*(nn.Upsample(scale_factor=2, mode=m) for m in ("nearest", "bilinear"))), images),
        "reshaping": (Reshaping(), (WIDTH,)),
    }


@pytest.mark.parametrize("name", linear_models())
def test_linear_models_are_warned_of_in_no_way_and_attributed_as_by_gradients(name: str):
    model, shape = linear_models()[name]
    model = model.double().eval()
    x, x0 = numbers(EXAMPLES, *shape), numbers(EXAMPLES, *shape, seed=1)
    found = attr.DeepLift(model).attribute(x, x0, weighted, strict=True)
    expected = attr.Saliency(model).attribute(x, weighted, abs=False) * (x - x0)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


# ---------------------------------------------------------------------------------------------------------------------
# Models whose calls depend on the data
# ---------------------------------------------------------------------------------------------------------------------


class Deciding(nn.Module):
    def __init__(self):
        super().__init__()
        self.bend = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        return self.bend(x) if x.sum() > 0 else x.sigmoid()


class Deeper(nn.Module):
    """Bends as often as the data say."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(1 + int(x.abs().max())):
            x = x.sin()
        return x


class Choosing(nn.Module):
    """Bends as many numbers as the data say."""

    def forward(self, x: Tensor) -> Tensor:
        return x[x > 0].tanh().sum()[None] + 0 * x[:, 0]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Deciding, r"call 0 is sigmoid of \(1, 3\) in .* for the baselines, and tanh of \(1, 3\) in .*bend.* for the"),
        (Deeper, r"call 3 is none for the baselines, and sin of \(1, 3\)"),
        (Choosing, r"tanh of \(1,\).* for the baselines, and tanh of \(3,\)"),
    ],
)
def test_other_calls_for_the_baselines_are_an_error_that_names_the_first(
    make: Callable[[], nn.Module], said: str, create_graph: bool
):
    x, x0 = torch.tensor([[1.5, 2.5, 0.5]]), torch.tensor([[-0.5, -0.6, 0.1]])
    with pytest.raises(InvalidArgument, match=f"same calls for inputs and baselines: .*{said}"):
        attr.DeepLift(make()).attribute(x, x0, weighted_or_first(make), create_graph=create_graph)


def weighted_or_first(make: Callable[[], nn.Module]) -> Any:
    return None if make is Choosing else 0


# ---------------------------------------------------------------------------------------------------------------------
# Attributions that are differentiated
# ---------------------------------------------------------------------------------------------------------------------

SOFT = numbers(WIDTH, 6, seed=8) / 2
SMOOTH: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh network": lambda x: torch.tanh(torch.tanh(x @ SOFT) @ SOFT.T),
    "ReLU and softmax": lambda x: torch.softmax(functional.relu(x @ SOFT) @ SOFT.T, -1),
    "products": lambda x: (x @ SOFT).sin() * (x @ SOFT.cos()) * (x @ SOFT.sin()).exp(),
    "max": lambda x: torch.maximum(x @ SOFT, (x @ SOFT).sin()).tanh(),
    "logsumexp": lambda x: torch.logsumexp((x @ SOFT).square(), 1)[:, None] * x,
    "layer norm": lambda x: functional.layer_norm(x @ SOFT, (6,)).tanh(),
    "attention": lambda x: functional.scaled_dot_product_attention(*(x.view(-1, 1, 4, 2).sin() for _ in range(3))),
    "in place": lambda x: (x @ SOFT).mul_(2).add_(1).tanh_(),
}


@pytest.mark.parametrize(("name", "of"), in_turn(SMOOTH, ["inputs", "baselines", "both"], quick=1))
def test_the_gradient_of_attributions_is_that_by_differences(name: str, of: str):
    model, chosen = SMOOTH[name], numbers(2, WIDTH, seed=4)
    x, x0 = numbers(2, WIDTH), numbers(2, WIDTH, seed=1)

    def score(x: Tensor, x0: Tensor, create_graph: bool = False) -> Tensor:
        found = attr.DeepLift(model).attribute(x, x0, weighted, create_graph=create_graph)
        return (found * chosen).sum()

    one, other = x.clone().requires_grad_(of != "baselines"), x0.clone().requires_grad_(of != "inputs")
    score(one, other, create_graph=True).backward()
    if of != "baselines":
        torch.testing.assert_close(one.grad, differences(lambda x: score(x, x0), x), rtol=1e-6, atol=1e-7)
    if of != "inputs":
        torch.testing.assert_close(other.grad, differences(lambda x0: score(x, x0), x0), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", SMOOTH)
def test_attributions_that_can_be_differentiated_are_the_same(name: str):
    x, x0 = numbers(2, WIDTH), numbers(2, WIDTH, seed=1)
    found = attr.DeepLift(SMOOTH[name]).attribute(x.requires_grad_(), x0, weighted, create_graph=True)
    expected = attr.DeepLift(SMOOTH[name]).attribute(x, x0, weighted)
    assert found.requires_grad
    assert not expected.requires_grad
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["tanh network", "products"])
def test_second_derivatives_of_attributions(name: str):
    x, x0 = numbers(1, WIDTH).requires_grad_(), numbers(1, WIDTH, seed=1).requires_grad_()

    def attributions(x: Tensor, x0: Tensor) -> Tensor:
        return attr.DeepLift(SMOOTH[name]).attribute(x, x0, weighted, create_graph=True)

    assert torch.autograd.gradcheck(attributions, (x, x0))
    assert torch.autograd.gradgradcheck(attributions, (x, x0), atol=1e-4)


@pytest.mark.parametrize("way", ["gradient_at", "source"])
def test_attributions_of_a_layer_are_differentiated(way: str):
    model = seeded(lambda: nn.Sequential(nn.Linear(WIDTH, 6), nn.Tanh(), nn.Linear(6, 6), nn.Sigmoid()))
    x, x0 = numbers(2, WIDTH).requires_grad_(), numbers(2, WIDTH, seed=1).requires_grad_()

    def attributions(x: Tensor, x0: Tensor) -> Tensor:
        problem = Problem(model, x, target=weighted, **{way: "1"}, options=Options(create_graph=True))
        return methods.DeepLift()(problem, x0).values[0]

    assert torch.autograd.gradcheck(attributions, (x, x0))


def test_weights_learn_from_attributions_as_by_differences():
    x, x0, chosen = numbers(2, WIDTH), numbers(2, WIDTH, seed=1), numbers(2, WIDTH, seed=4)

    def score(weight: Tensor, create_graph: bool = False) -> Tensor:
        model = attr.DeepLift(lambda x: torch.tanh(torch.relu(x @ weight) @ weight.T))
        return (model.attribute(x, x0, weighted, create_graph=create_graph) * chosen).sum()

    weight = SOFT.clone().requires_grad_()
    score(weight, create_graph=True).backward()
    torch.testing.assert_close(weight.grad, differences(score, SOFT), rtol=1e-6, atol=1e-7)


# ---------------------------------------------------------------------------------------------------------------------
# Distributions of baselines
# ---------------------------------------------------------------------------------------------------------------------

STARTS = 4


def of_each(model: Callable[..., Any], x: Tensor, starts: Tensor, **more: Any) -> Tensor:
    """DeepLIFT from each baseline, (n_baselines, B, ...)."""
    return torch.stack([attr.DeepLift(model, **more).attribute(x, start[None], weighted) for start in starts])


@pytest.fixture(params=["whole", "small blocks", "rows 1", "rows 3"])
def bound(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """In how many parts the rows go through the model."""
    if request.param == "small blocks":
        monkeypatch.setitem(budget.BLOCK_BYTES, "cpu", 2**11)
    return {"internal_batch_size": int(request.param[5:])} if request.param.startswith("rows") else {}


@pytest.mark.parametrize("name", ["MLP", "in place", "SwiGLU"])
@pytest.mark.parametrize("multiply", [True, False])
def test_many_baselines_are_the_mean_over_each(name: str, multiply: bool, bound: dict[str, int]):
    model, x, starts = seeded(VECTORS[name]), numbers(EXAMPLES, WIDTH), numbers(STARTS, WIDTH, seed=2)
    expected = of_each(model, x, starts, multiply_by_inputs=multiply)
    found, stderr = attr.DeepLiftShap(model, multiply).attribute(x, starts, weighted, return_stderr=True, **bound)
    torch.testing.assert_close(found, expected.mean(0), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(stderr, expected.std(0) / math.sqrt(STARTS), rtol=1e-8, atol=1e-10)


def test_there_is_a_delta_for_each_baseline_of_each_example(bound: dict[str, int]):
    """Those of an example together; they are shown by a model without a rule, for which they are not zero."""
    model, x, starts = lambda x: x.renorm(2, 0, 0.5), numbers(EXAMPLES, WIDTH), numbers(STARTS, WIDTH, seed=2)
    with pytest.warns(PellucidWarning, match="no rule for renorm"):
        found, delta = attr.DeepLiftShap(model).attribute(x, starts, weighted, return_convergence_delta=True, **bound)
    assert delta.shape == (EXAMPLES * STARTS,)
    for example, per_example in enumerate(delta.view(EXAMPLES, STARTS)):
        for start, gap in zip(starts, per_example, strict=True):
            with pytest.warns(PellucidWarning, match="no rule for renorm"):
                _, expected = attr.DeepLift(model).attribute(
                    x[example : example + 1], start[None], weighted, return_convergence_delta=True
                )
            torch.testing.assert_close(gap, expected[0], rtol=1e-10, atol=1e-12)
    change = weighted(model(x)) - weighted(model(starts)).mean()
    torch.testing.assert_close(total(found) - delta.view(EXAMPLES, STARTS).mean(1), change, rtol=1e-10, atol=1e-12)


def test_deltas_of_many_baselines_are_zero_where_all_has_rules(bound: dict[str, int]):
    x, starts = numbers(EXAMPLES, TOKENS, WIDTH), numbers(STARTS, TOKENS, WIDTH, seed=2)
    _, delta = attr.DeepLiftShap(seeded(lambda: transformer(True))).attribute(
        x, starts, weighted, return_convergence_delta=True, strict=True, **bound
    )
    assert delta.shape == (EXAMPLES * STARTS,)
    assert delta.abs().max() < EXACT


@pytest.mark.parametrize("name", ["MLP", "in place", "SwiGLU", "GELU and layer norm"])
def test_one_baseline_in_parts(name: str, bound: dict[str, int]):
    model, x, x0 = seeded(VECTORS[name]), numbers(EXAMPLES, WIDTH), numbers(EXAMPLES, WIDTH, seed=1)
    expected, gaps = attr.DeepLift(model).attribute(x, x0, weighted, return_convergence_delta=True)
    found, delta = attr.DeepLift(model).attribute(x, x0, weighted, return_convergence_delta=True, **bound)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(delta, gaps, rtol=0, atol=EXACT)


def test_many_baselines_at_a_layer(bound: dict[str, int]):
    model, x, starts = seeded(MLP), numbers(EXAMPLES, WIDTH), numbers(STARTS, WIDTH, seed=2)
    each = [attr.LayerDeepLift(model, "first").attribute(x, start[None], weighted) for start in starts]
    found = attr.LayerDeepLiftShap(model, "first").attribute(x, starts, weighted, **bound)
    torch.testing.assert_close(found, torch.stack(each).mean(0), rtol=1e-11, atol=1e-11)


def test_many_baselines_of_several_inputs():
    def model(one: Tensor, two: Tensor) -> Tensor:
        return torch.tanh(one) * two.exp().sum(-1)

    x = numbers(EXAMPLES, 4), numbers(EXAMPLES, 4, 3, seed=1)
    starts = numbers(STARTS, 4, seed=2), numbers(STARTS, 4, 3, seed=3)
    found, delta = attr.DeepLiftShap(model).attribute(x, starts, weighted, return_convergence_delta=True)
    each = [
        attr.DeepLift(model).attribute(x, tuple(start[index : index + 1] for start in starts), weighted)
        for index in range(STARTS)
    ]
    for one, others in zip(found, zip(*each, strict=True), strict=True):
        torch.testing.assert_close(one, torch.stack(others).mean(0), rtol=1e-11, atol=1e-11)
    assert delta.abs().max() < EXACT


@pytest.mark.parametrize("given", [numbers(1, WIDTH), numbers(3, 4), 0.0, None, (numbers(3, WIDTH),) * 2])
def test_what_is_no_distribution_is_refused(given: Any):
    with pytest.raises((InvalidArgument, TypeError)):
        attr.DeepLiftShap(seeded(MLP)).attribute(numbers(EXAMPLES, WIDTH), given, weighted)


# ---------------------------------------------------------------------------------------------------------------------
# Attributions of one's own
# ---------------------------------------------------------------------------------------------------------------------


def test_a_function_of_multipliers():
    model, x, x0 = seeded(MLP), numbers(EXAMPLES, WIDTH), numbers(EXAMPLES, WIDTH, seed=1)
    multipliers = attr.DeepLift(model, multiply_by_inputs=False).attribute(x, x0, weighted)
    found = attr.DeepLift(model).attribute(
        x, x0, weighted, custom_attribution_func=lambda multipliers: tuple(2 * each for each in multipliers)
    )
    torch.testing.assert_close(found, 2 * multipliers)


def test_a_function_of_multipliers_and_inputs():
    model, x, x0 = seeded(MLP), numbers(EXAMPLES, WIDTH), numbers(EXAMPLES, WIDTH, seed=1)
    multipliers = attr.DeepLift(model, multiply_by_inputs=False).attribute(x, x0, weighted)
    found = attr.DeepLift(model).attribute(
        x, x0, weighted, custom_attribution_func=lambda ms, xs: tuple(m * x for m, x in zip(ms, xs, strict=True))
    )
    torch.testing.assert_close(found, multipliers * x)


@pytest.mark.parametrize("multiply", [True, False])
def test_a_function_of_multipliers_inputs_and_baselines(multiply: bool):
    model, x, x0 = seeded(MLP), numbers(EXAMPLES, WIDTH), numbers(EXAMPLES, WIDTH, seed=1)
    explain = attr.DeepLift(model, multiply_by_inputs=multiply)
    found = explain.attribute(
        x,
        x0,
        weighted,
        custom_attribution_func=lambda ms, xs, starts: tuple(
            m * (x - start) for m, x, start in zip(ms, xs, starts, strict=True)
        ),
    )
    torch.testing.assert_close(found, attr.DeepLift(model).attribute(x, x0, weighted))


def test_a_function_of_many_baselines_and_of_a_layer():
    def squares(ms: Any, xs: Any, starts: Any) -> Any:
        return tuple((m * (x - start)) ** 2 for m, x, start in zip(ms, xs, starts, strict=True))

    model, x, starts = seeded(MLP), numbers(EXAMPLES, WIDTH), numbers(STARTS, WIDTH, seed=2)
    found = attr.DeepLiftShap(model).attribute(x, starts, weighted, custom_attribution_func=squares)
    torch.testing.assert_close(found, (of_each(model, x, starts) ** 2).mean(0), rtol=1e-10, atol=1e-12)
    at_layer = attr.LayerDeepLift(model, "first").attribute(x, starts[:1], weighted, custom_attribution_func=squares)
    expected = attr.LayerDeepLift(model, "first").attribute(x, starts[:1], weighted)
    torch.testing.assert_close(at_layer, expected**2)


def test_a_function_that_returns_other_tensors_is_refused():
    with pytest.raises(InvalidArgument, match="custom_attribution_func must return"):
        attr.DeepLift(seeded(MLP)).attribute(
            numbers(EXAMPLES, WIDTH), target=weighted, custom_attribution_func=lambda multipliers: multipliers * 2
        )


def test_multipliers_alone():
    model, x, x0 = seeded(MLP), numbers(EXAMPLES, WIDTH), numbers(EXAMPLES, WIDTH, seed=1)
    multipliers = attr.DeepLift(model, multiply_by_inputs=False).attribute(x, x0, weighted)
    torch.testing.assert_close(multipliers * (x - x0), attr.DeepLift(model).attribute(x, x0, weighted))
