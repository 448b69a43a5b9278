"""Relevance as a changed gradient is relevance by rules, and gives way to them where there is none."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from laws.problems import f_of
from methods.lrp.networks import MODELS
from pellucid import methods
from pellucid.errors import PellucidWarning
from pellucid.methods import LRP, AttnLRP, Composite, Epsilon, Problem
from pellucid.methods.lrp import modified_gradient
from pellucid.methods.lrp.lrp import _multiply_by_value
from zoo.transformers import TRANSFORMERS, numbers, seeded

COMPOSITES = {
    "usual": Composite(),
    "AttnLRP": AttnLRP(),
    "large": Composite(default=Epsilon(0.2), stabiliser=0.1),
}


def by_rules(model: Any, x: Tensor, composite: Composite, target: Any = 1, **where: Any) -> Tensor:
    return LRP(composite=composite)._run(f_of(model, x, target=target, **where), None, _multiply_by_value)[0][0]


def by_modified_gradient(model: Any, x: Tensor, composite: Composite, target: Any = 1, **where: Any) -> Tensor:
    """Without a way out."""
    f = f_of(model, x, target=target, **where, replay=False)
    epsilon = composite.epsilon_of_all
    assert epsilon is not None
    return modified_gradient.relevance_by_modified_gradient(f, epsilon, composite.stabiliser)[0][0]


def same(found: Tensor, expected: Tensor, within: float = 1e-8) -> None:
    torch.testing.assert_close(found, expected, rtol=within, atol=within * float(expected.abs().max()))


class Written(nn.Module):
    """Writes into what layers return and activations take, after these."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        z = self.second(functional.relu_(y.clone()))
        gate = torch.sigmoid(y)
        y.mul_(2).add_(z)
        z += y * gate
        z[:, 2:5].tanh_()
        z.div_(z.square().mean(1, keepdim=True).add_(1e-3).sqrt_())
        return self.last(functional.gelu(z) + y)


def overwritten(x: Tensor) -> Tensor:
    """Writes into a factor after its product, so that torch has no gradient."""
    gate = x.sigmoid() * 1
    product = gate * x.sin()
    gate.zero_()
    return product.sum(1)


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.AvgPool2d(2), nn.GroupNorm(2, 4), nn.SiLU(),
        nn.ConvTranspose2d(4, 3, 2), nn.Hardswish(inplace=True), nn.AdaptiveMaxPool2d(2), nn.Flatten(),
        nn.Linear(12, 2),
    )  # fmt: skip


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "powers and exponentials": lambda x: x**3 + x.exp() + (x + 1.5).square() + 2.0**x,
    "inverse roots": lambda x: x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-3),
    "quotients": lambda x: x.sin() / (x.exp() + 1) + 2 / (x.square() + 1),
    "gates": lambda x: x.sigmoid() * x.tanh() * x,
    "softmax and its logarithm": lambda x: x.softmax(1) * x.log_softmax(1) + x.logsumexp(1, keepdim=True),
    "sums": lambda x: x.cumsum(1) + x.mean(1, keepdim=True) + x.sum(1, keepdim=True) - x.flip(1),
    "products of matrices": lambda x: (x[:, :, None] @ x[:, None].sin()).flatten(1)[:, :6]
    + torch.einsum("bi,ij,bj->b", x, numbers(6, 6), x.cos())[:, None],
    "placed": lambda x: torch.zeros_like(x).scatter_add(1, torch.tensor([[0, 1, 1, 2, 5, 5]] * len(x)), x.sin()),
    "norms": lambda x: functional.layer_norm(x, (6,)) + functional.layer_norm(x, (6,), numbers(6), numbers(6).cos())
    + functional.rms_norm(x, (6,), numbers(6)) + functional.normalize(x, dim=1),
    "attention that not all may pay": lambda x: functional.scaled_dot_product_attention(
        *(x.view(-1, 3, 2).sin() for _ in range(3)),
        attn_mask=torch.tensor([[0.0, -math.inf, 0.0], [-math.inf] * 3, [0.0, 0.0, 0.0]]).double(),
    ).flatten(1),
    "attention by names": lambda x: functional.scaled_dot_product_attention(
        query=x.view(-1, 3, 2), value=x.view(-1, 3, 2).sin(), key=x.view(-1, 3, 2).cos(), is_causal=True
    ).flatten(1),
    "norms whose weights depend on the source": lambda x: torch.stack(
        [functional.layer_norm(each[None], (6,), each.cos(), bias=each.sin())[0] for each in x]
    ),
    "attention to constants": lambda x: functional.scaled_dot_product_attention(
        x.view(-1, 3, 2), numbers(4, 2).expand(len(x), -1, -1), numbers(4, 2).cos().expand(len(x), -1, -1)
    ).flatten(1),
    "attention whose weights are constant": lambda x: functional.scaled_dot_product_attention(
        numbers(3, 2).expand(len(x), -1, -1), numbers(3, 2).expand(len(x), -1, -1), x.view(-1, 3, 2), is_causal=True
    ).flatten(1),
    "sizes": lambda x: x.abs() + x.norm(dim=1, keepdim=True) + x.amax(1, keepdim=True),
    "Fourier": lambda x: torch.fft.irfft(torch.fft.rfft(x).flip(1), n=6),
}  # fmt: skip


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, composite: str):
    def model(x: Tensor) -> Tensor:
        return FUNCTIONS[name](functional.linear(x, numbers(6, 6).sin(), numbers(6) / 9)) @ numbers(6, 1)

    x, how = numbers(3, 6), COMPOSITES[composite]
    # scores inside of fused attention are not stabilised
    same(by_modified_gradient(model, x, how, 0), by_rules(model, x, how, 0), 1e-6 if "attention" in name else 1e-8)


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize("name", [*MODELS, "written", "more convolutions"])
def test_models(name: str, composite: str):
    make, shape = {**MODELS, "written": (Written, (6,)), "more convolutions": (convolutions, (2, 9, 9))}[name]
    model, x = seeded(make), numbers(3, *shape)
    found = by_modified_gradient(model, x, COMPOSITES[composite])
    same(found, by_rules(model, x, COMPOSITES[composite]), 1e-6)
    same(LRP(composite=COMPOSITES[composite])(Problem(model, x, target=1)).values[0], found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(name: str, dtype: torch.dtype):
    make, shape = TRANSFORMERS[name]
    for how in ("eager", "sdpa"):
        model, x = seeded(lambda how=how: make(how)), numbers(3, *shape)
        same(by_modified_gradient(model, x, AttnLRP()), by_rules(model, x, AttnLRP()), 1e-5)
        found = by_modified_gradient(model.to(dtype), x.to(dtype), AttnLRP())
        assert found.dtype == dtype
        if dtype == torch.float32:
            same(found, by_rules(model, x.to(dtype), AttnLRP()), 1e-3)


def test_at_layers():
    model, x = seeded(convolutions), numbers(3, 2, 9, 9)
    for where in ({"gradient_at": "4"}, {"source": "3"}, {"source": "1", "gradient_at": "6"}):
        same(by_modified_gradient(model, x, Composite(), **where), by_rules(model, x, Composite(), **where))


def test_it_takes_one_forward():
    model, count = seeded(convolutions), []
    model.register_forward_hook(lambda *_: count.append(1))
    LRP()(Problem(model, numbers(3, 2, 9, 9), target=0))
    assert len(count) == 1


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 2 * grad


WITHOUT: dict[str, Callable[[Tensor], Tensor]] = {
    "numbers that move zeros": lambda x: ((x - 0.5) * numbers(6)).sum(1),
    "calls without a rule": lambda x: x.renorm(2, 0, 0.5).sum(1),
    "functions of one's own": lambda x: Doubled.apply(x).sum(1),
    "what torch has no gradient of": overwritten,
    "constants times complex numbers": lambda x: (torch.fft.rfft(x) * torch.complex(numbers(4), numbers(4))).real.sum(
        1
    ),
    "products of complex numbers": lambda x: (torch.fft.rfft(x) * torch.fft.rfft(x.sin())).real.sum(1),
    "sizes of complex numbers": lambda x: torch.fft.rfft(x.tanh()).abs().sum(1),
    "weights of complex products": lambda x: torch.addmm(x, x, x.T @ x).sum(1),
    "sampling": lambda x: functional.grid_sample(
        x.view(-1, 1, 2, 3), x.view(-1, 1, 3, 2).tanh(), align_corners=False
    ).sum((1, 2, 3)),
}


@pytest.mark.parametrize("name", WITHOUT)
@pytest.mark.filterwarnings("ignore::pellucid.errors.PellucidWarning")
def test_where_there_is_none_rules_are_followed(name: str):
    x = numbers(3, 6)
    x[:, 2] = 0
    model = WITHOUT[name]
    with pytest.raises(modified_gradient.NoModifiedGradient):
        by_modified_gradient(model, x, Composite(), None)
    found = LRP()(Problem(model, x)).values[0]
    torch.testing.assert_close(found, by_rules(model, x, Composite(), None), rtol=0, atol=0)


def test_modules_with_rules_of_their_own():
    model, x = seeded(convolutions), numbers(3, 2, 9, 9)
    before = LRP()(Problem(model, x, target=0)).values[0]
    model[0].rule = None
    assert torch.equal(LRP()(Problem(model, x, target=0)).values[0], before)
    model[8].rule = methods.Gamma()
    with pytest.raises(modified_gradient.NoModifiedGradient):
        by_modified_gradient(model, x, Composite())


def test_an_input_that_only_divides_has_none_and_nobody_is_told_otherwise():
    one, other = numbers(3, 4), numbers(3, 4).exp()
    found = LRP()(Problem(lambda a, b: (a / b).sum(1), (one, other))).values
    torch.testing.assert_close(found, (one / other, torch.zeros_like(other)))
    with pytest.warns(PellucidWarning, match=r"no gradient reaches inputs\[1\]"):
        LRP()(Problem(lambda a, b: a.sum(1), (one, other)))
