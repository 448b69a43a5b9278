"""DeepLIFT of norms that people write by hand, and of softmax of large logits: right numbers, not only right sums."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from matrices import in_turn
from pellucid.attr import DeepLift, LayerDeepLift
from pellucid.errors import PellucidWarning

EPS = 1e-6


def mean_square(x: Tensor) -> Tensor:
    return x.pow(2).mean(-1, keepdim=True) + EPS


NORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "rsqrt": lambda x: x * torch.rsqrt(mean_square(x)),
    "rsqrt first": lambda x: torch.rsqrt(mean_square(x)) * x,
    "a method's rsqrt": lambda x: x.mul(mean_square(x).rsqrt()),
    "pow": lambda x: x * mean_square(x).pow(-0.5),
    "pow by name": lambda x: torch.pow(input=mean_square(x), exponent=-0.5) * x,
    "operator": lambda x: x * mean_square(x) ** -0.5,
    "reciprocal": lambda x: x * mean_square(x).sqrt().reciprocal(),
    "pow of a tensor": lambda x: x * torch.pow(mean_square(x), torch.tensor(-0.5)),
    "reciprocal first": lambda x: x * mean_square(x).reciprocal().sqrt(),
    "root of one over": lambda x: x * torch.sqrt(1 / mean_square(x)),
    "logarithms": lambda x: x * torch.exp(-0.5 * torch.log(mean_square(x))),
    "halved logarithms": lambda x: x * (mean_square(x).log2().neg() / 2).exp2(),
    "square of a root": lambda x: x * torch.rsqrt(torch.sqrt(mean_square(x))) ** 2,
    "one over": lambda x: x * (1 / mean_square(x).sqrt()),
    "two over": lambda x: x * torch.div(2.0, mean_square(x).sqrt()) / 2,
    "scaled": lambda x: x * (torch.rsqrt(mean_square(x)) * 2 * torch.ones(16, dtype=x.dtype)) / 2,
    "limited": lambda x: x * torch.rsqrt(mean_square(x)).clamp(max=1e6),
    "unsqueezed": lambda x: x * torch.rsqrt(x.pow(2).mean(-1) + EPS)[..., None].expand_as(x),
    "in place": lambda x: x.clone().mul_(x.pow(2).mean(-1, keepdim=True).add_(EPS).rsqrt_()),
    "einsum": lambda x: torch.einsum("bd,b->bd", x, torch.rsqrt(x.pow(2).mean(-1) + EPS)),
    "einsum of two": lambda x: torch.einsum(
        "bd,b,b->bd", x, *[torch.rsqrt((x.pow(2).mean(-1) + EPS).sqrt()) for _ in range(2)]
    ),
    "diagonal": lambda x: torch.diag(torch.rsqrt(x.pow(2).mean(-1) + EPS)) @ x,
    "division": lambda x: x / mean_square(x).sqrt(),
    "division by a power": lambda x: x / mean_square(x) ** 0.5,
    "addcmul": lambda x: torch.addcmul(torch.zeros_like(x), x, torch.rsqrt(mean_square(x))),
}


class ByHand(nn.Module):
    def __init__(self, norm: Callable[[Tensor], Tensor]):
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


class Weighted(nn.Module):
    """As in Gemma: in float32, and with one plus a weight, which autograd follows, too."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(16))

    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.rsqrt(mean_square(x)) * (1.0 + self.weight))


class Block(nn.Module):
    def __init__(self, norm: nn.Module, width: int = 16):
        super().__init__()
        self.norm, self.up, self.down = norm, nn.Linear(width, width, False), nn.Linear(width, width, False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(functional.silu(self.up(self.norm(x))))


def network(norm: Callable[[], nn.Module], layers: int = 8) -> nn.Module:
    """Blocks whose weights have the size of trained ones."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(*[Block(norm()) for _ in range(layers)], norm(), nn.Linear(16, 1, False))
        for weight in net.parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=1 / math.sqrt(weight.shape[1]))
    return net.double()


def plain() -> nn.Module:
    return nn.RMSNorm(16, eps=EPS, elementwise_affine=False)


def point(rows: int = 2) -> Tensor:
    return torch.randn(rows, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 2


HAND = {name: lambda norm=norm: ByHand(norm) for name, norm in NORMS.items()} | {"one plus a weight": Weighted}


@pytest.mark.parametrize(("name", "baseline"), in_turn(HAND, [0.0, 0.3], quick=1))
def test_a_norm_by_hand_is_attributed_as_torchs(name: str, baseline: float):
    x = point()
    start = torch.full_like(x, baseline)
    expected = DeepLift(network(plain)).attribute(x, start)
    found, delta = DeepLift(network(HAND[name])).attribute(x, start, return_convergence_delta=True)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    assert delta.abs().max() < 1e-12


@pytest.mark.parametrize("name", ["rsqrt", "pow", "one over", "division", "logarithms", "einsum of two"])
def test_a_baseline_far_from_zero_and_inputs_of_zero(name: str):
    x = torch.zeros(1, 16, dtype=torch.float64)
    expected = DeepLift(network(plain)).attribute(x, point(1))
    torch.testing.assert_close(DeepLift(network(HAND[name])).attribute(x, point(1)), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", HAND)
def test_twelve_layers_in_float32(name: str):
    net, x = network(HAND[name], layers=12), point()
    expected = DeepLift(net).attribute(x)
    found, delta = DeepLift(net.float()).attribute(x.float(), return_convergence_delta=True)
    size = net.double()(x).abs().max().item()
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5 * size)
    assert delta.abs().max() < 1e-5 * size
    assert found.abs().max() < 3 * size  # not large numbers that cancel


def test_two_norms_in_one_product():
    """Attention of normalised queries and keys, some of whose lengths grow and some shrink."""

    def normalised(q: Tensor, k: Tensor) -> Tensor:
        return torch.einsum("bqd,bkd->bqk", q / length(q)[..., None], k / length(k)[..., None])

    def together(q: Tensor, k: Tensor) -> Tensor:
        return torch.einsum("bqd,bq,bkd,bk->bqk", q, 1 / length(q), k, 1 / length(k))

    def length(x: Tensor) -> Tensor:
        return (x.pow(2).mean(-1) + EPS).sqrt()

    q, k, q0, k0 = torch.randn(4, 2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).unbind()
    q0[:, 0], k0[:, 1], k[:, 2] = 0, 0, 0
    for model in (normalised, together):
        explained = DeepLift(lambda q, k, model=model: model(q, k).square().sum((1, 2)))
        found, delta = explained.attribute((q, k), (q0, k0), return_convergence_delta=True)
        assert delta.abs().max() < 1e-10
        assert max(each.abs().max() for each in found) < 20


def test_a_norm_that_leaves_zeros_as_they_are():
    def norm(x: Tensor) -> Tensor:
        squares = x.pow(2).mean(-1, keepdim=True)
        return x * torch.where(squares > 0, torch.rsqrt(squares + EPS), 1)

    found, delta = DeepLift(network(lambda: ByHand(norm))).attribute(point(), return_convergence_delta=True)
    assert delta.abs().max() < 1e-12
    assert found.abs().max() < 3


def test_the_same_at_a_layer():
    x = point()
    torch.testing.assert_close(
        *(LayerDeepLift(net, net[3]).attribute(x) for net in (network(HAND["rsqrt"]), network(plain))),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.newer  # transformers that have Gemma 3
@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_language_models_of_trained_size_in_float32(name: str):
    transformers = pytest.importorskip("transformers")
    kinds = {
        "llama": (transformers.LlamaForCausalLM, transformers.LlamaConfig),
        "gemma3": (transformers.Gemma3ForCausalLM, transformers.Gemma3TextConfig),
    }
    kind, config = kinds[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(
            config(
                vocab_size=20, hidden_size=32, intermediate_size=48, num_hidden_layers=12, num_attention_heads=4,
                num_key_value_heads=2, head_dim=8, max_position_embeddings=16, pad_token_id=0, bos_token_id=1,
                eos_token_id=2,
            )
        ).eval()  # fmt: skip
        for weight in model.parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=1 / math.sqrt(weight.shape[1]))
    embedded = model.get_input_embeddings()(torch.tensor([[5, 7, 9, 3]])).detach()
    explained = DeepLift(lambda embedded: model(inputs_embeds=embedded).logits[:, -1, 3])
    found, delta = explained.attribute(embedded, return_convergence_delta=True)
    size = model(inputs_embeds=embedded).logits[0, -1, 3].abs().item()
    assert delta.abs().max() < 1e-4 * size
    assert found.abs().max() < 3 * size
    model.double()
    torch.testing.assert_close(explained.attribute(embedded.double()), found.double(), rtol=0, atol=1e-4 * size)


def large_logits() -> nn.Sequential:
    net = nn.Sequential(nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 10))
    for weight in net.parameters():
        nn.init.constant_(weight, float(weight.ndim > 1))
    return net


def test_sums_that_rounding_misses_are_said_to_be_rounded():
    """Of logits that are nearly equal, and so large that the differences round off on every processor."""
    net = nn.Sequential(large_logits(), nn.Softmax(1))
    with torch.no_grad():
        net[0][2].weight.add_(torch.randn(10, 20, generator=torch.Generator().manual_seed(2)) * 3e-5)
    x = 10 * torch.arange(120.0).reshape(3, 40)
    with pytest.warns(PellucidWarning, match=r"Hint: .*rounds large numbers, and misses less as model.double\(\)"):
        DeepLift(net).attribute(x, target=1)
    DeepLift(net.double()).attribute(x.double(), target=1)


@pytest.mark.filterwarnings("ignore:attributions do not add up")  # to the last digits of logits of 95,200
def test_softmax_of_large_logits_in_float32():
    net = nn.Sequential(large_logits(), nn.Softmax(1))
    x = torch.arange(120.0).reshape(3, 40)
    for target in (0, 7):
        _, delta = DeepLift(net).attribute(x, target=target, return_convergence_delta=True)
        assert delta.abs().max() < 3e-3


SHIFTED = {
    "softmax": lambda x: x.softmax(1)[:, 0],
    "log_softmax": lambda x: x.log_softmax(1)[:, 0],
    "logsumexp": lambda x: x.logsumexp(1) - x.mean(1),
    "cross entropy": lambda x: functional.cross_entropy(x, torch.zeros(len(x), dtype=torch.long), reduction="none"),
}


@pytest.mark.filterwarnings("ignore:attributions do not add up", "ignore:.*times as large")  # what is far is
@pytest.mark.parametrize("start", ["near", "far"])
@pytest.mark.parametrize("name", SHIFTED)
def test_what_is_added_to_all_logits_takes_no_digits_away(name: str, start: str):
    """In float32, of logits around 2^20 that are multiples of a quarter, and so exact."""
    x, x0 = ((torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(1)) * 8).round() / 4).unbind()
    shift = 2.0**20
    single = DeepLift(SHIFTED[name]).attribute(x + shift, x0 + (shift if start == "near" else 0))
    double = DeepLift(SHIFTED[name]).attribute(x.double() + shift, x0.double() + (shift if start == "near" else 0))
    terms = double.abs().amax().item()
    torch.testing.assert_close(single.double(), double, rtol=0, atol=64 * torch.finfo(torch.float32).eps * terms)


def without_gradient(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x.amax(1, keepdim=True)


def over_its_sum(exponentials: Tensor) -> Tensor:
    return exponentials / exponentials.sum(1, keepdim=True)


BY_HAND: dict[str, Callable[[Tensor], Tensor]] = {
    "as it is": lambda s: over_its_sum(s.exp()),
    "detached": lambda s: over_its_sum((s - s.amax(1, keepdim=True).detach()).exp()),
    "of what is detached": lambda s: over_its_sum(torch.exp(s - s.detach().max(1, keepdim=True)[0])),
    "without gradient": lambda s: over_its_sum((s - without_gradient(s)).exp_()),
    "unsqueezed": lambda s: (e := (s - s.max().detach()).exp()).div(e.sum(1).unsqueeze(1)),
    "over several": lambda s: (e := (s - s.max().detach())[..., None].exp()) / e.sum((1, 2), keepdim=True),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_softmax_by_hand_adds_up_whatever_is_taken_away_from_all_logits(name: str):
    weight, x = torch.randn(2, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).unbind()

    def model(x: Tensor) -> Tensor:
        return BY_HAND[name](x @ weight.T).reshape(len(x), -1)

    found, delta = DeepLift(model).attribute(x, target=0, return_convergence_delta=True)
    assert delta.abs().max() < 1e-12
    same = DeepLift(lambda x: BY_HAND["as it is"](x @ weight.T)).attribute(x, target=0)
    torch.testing.assert_close(found, same, rtol=1e-9, atol=1e-12)


def test_attention_by_hand_with_a_mask_and_a_shift_that_is_detached():
    mask = torch.ones(5, 5).triu(1).bool()

    def model(x: Tensor) -> Tensor:
        scores = (x @ x.transpose(1, 2)).masked_fill(mask, -math.inf)
        exponentials = (scores - scores.amax(-1, keepdim=True).detach()).exp()
        return ((exponentials / exponentials.sum(-1, keepdim=True)) @ x).sum((1, 2))

    x = torch.randn(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found, delta = DeepLift(model).attribute(x, return_convergence_delta=True)
    assert delta.abs().max() < 1e-12
    assert found.isfinite().all()


@pytest.mark.parametrize("masked", [-math.inf, torch.finfo(torch.float32).min])
def test_attention_with_a_mask_and_large_logits(masked: float):
    mask = torch.ones(5, 5).triu(1).bool()

    def model(x: Tensor) -> Tensor:
        scores = (100 * x @ x.transpose(1, 2)).masked_fill(mask, masked)
        return 10 + (scores.softmax(-1) @ x).sum((1, 2))

    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    found, delta = DeepLift(model).attribute(x, return_convergence_delta=True)
    expected = DeepLift(model).attribute(x.double())
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-4 * 10)
    assert delta.abs().max() < 1e-4 * 10


def test_large_numbers_that_cancel_are_told_of():
    def model(x: Tensor) -> Tensor:
        return 1e4 * x[:, 0] - 1e4 * x[:, 1]

    with pytest.warns(PellucidWarning, match="times as large as the outputs.*Hint"):
        DeepLift(model).attribute(torch.tensor([[1.0, 0.9999]]))
