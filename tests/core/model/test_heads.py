"""Attention heads and groups of channels as players of a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.core.model.heads import output_projection
from pellucid.errors import InvalidArgument
from pellucid.methods import (
    FeatureAblation,
    InputXGradient,
    IntegratedGradients,
    KernelShap,
    Layer,
    Problem,
    ShapleyValues,
    per_feature,
)

WIDTH, HEADS = 8, 2
X = torch.randn(3, 5, WIDTH, generator=torch.Generator().manual_seed(0))
MASK = (torch.arange(WIDTH) // (WIDTH // HEADS)).view(1, 1, -1)


class Encoder(nn.Module):
    """A transformer of torch's own layers, with the examples first or second inside."""

    def __init__(self, *, batch_first: bool, norm_first: bool = False):
        super().__init__()
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, batch_first=batch_first, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 2)
        self.turn = (lambda x: x) if batch_first else (lambda x: x.transpose(0, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.turn(self.encoder(self.turn(x))).mean(1))


class OwnAttention(nn.Module):
    """An attention as people write it."""

    def __init__(self, names: tuple[str, ...] = ("to_qkv", "to_out"), count: str = "heads"):
        super().__init__()
        torch.manual_seed(1)
        self.names = names
        setattr(self, count, HEADS)
        self.add_module(names[0], nn.Linear(WIDTH, 3 * WIDTH))
        self.add_module(names[1], nn.Linear(WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        to_qkv, to_out = (getattr(self, name) for name in self.names)
        q, k, v = (t.unflatten(-1, (HEADS, -1)).transpose(1, 2) for t in to_qkv(x).chunk(3, dim=-1))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return x + to_out(mixed)


def pooled(attention: nn.Module) -> nn.Module:
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = attention

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(self.attention(x)).sum((1, 2))

    return Model().eval()


def without_head(model: nn.Module, projection: nn.Linear, run: Callable[[], Tensor]) -> Tensor:
    """The slow way: the effect of each head, by the model whose projection does not read it, [heads, B]."""
    effects, width = [], projection.in_features // HEADS
    with torch.no_grad():
        whole = run()
        for head in range(HEADS):
            kept = projection.weight.clone()
            projection.weight[:, head * width : (head + 1) * width] = 0
            effects.append(whole - run())
            projection.weight.copy_(kept)
    return torch.stack(effects)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("layer", ["encoder.layers.0.self_attn", "encoder.layers.1.self_attn", "encoder.layers.0"])
def test_heads_of_torchs_attention(batch_first: bool, norm_first: bool, layer: str):
    model = Encoder(batch_first=batch_first, norm_first=norm_first).eval()
    effects = FeatureAblation()(Problem(model, X, target=1, source=Layer(layer, players="heads"))).values[0]
    assert effects.shape == X.shape
    projection = model.encoder.layers[int(layer[15])].self_attn.out_proj
    torch.testing.assert_close(per_feature(effects, MASK).T, without_head(model, projection, lambda: model(X)[:, 1]))


@pytest.mark.parametrize(
    "names", [("to_qkv", "to_out"), ("c_attn", "c_proj"), ("query_key_value", "dense"), ("Wqkv", "Wo")]
)
@pytest.mark.parametrize("count", ["heads", "num_attention_heads", "n_head"])
def test_heads_of_ones_own_attention(names: tuple[str, ...], count: str):
    model = pooled(OwnAttention(names, count))
    effects = FeatureAblation()(Problem(model, X, source=Layer("attention", players="heads"))).values[0]
    expected = without_head(model, getattr(model.attention, names[1]), lambda: model(X))
    torch.testing.assert_close(per_feature(effects, MASK).T, expected)


def test_a_map_before_queries_keys_and_values_is_not_the_projection():
    """As of DeBERTa and Swin v2, whose positions go through linear maps of their own."""
    attention = OwnAttention()
    with_positions = nn.Module()
    with_positions.positions, with_positions.heads = nn.Linear(WIDTH, WIDTH), HEADS
    with_positions.to_qkv, with_positions.dense = attention.to_qkv, attention.to_out
    assert output_projection(with_positions) == (attention.to_out, HEADS)
    del with_positions.dense
    with pytest.raises(InvalidArgument, match=r"Module has none\. Hint: the module around it"):
        output_projection(with_positions)


def test_a_projection_may_be_listed_first():
    """As of Phi-3."""
    attention, block = nn.Module(), nn.Module()
    attention.o_proj, attention.qkv_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3 * WIDTH)
    attention.num_heads, block.attention, block.mlp = HEADS, attention, nn.Linear(WIDTH, WIDTH)
    assert output_projection(block) == output_projection(attention) == (attention.o_proj, HEADS)


class Adapted(nn.Module):
    """A linear map with one of low rank beside it, as PEFT has them."""

    def __init__(self, base_layer: nn.Linear):
        super().__init__()
        self.in_features, self.out_features = base_layer.in_features, base_layer.out_features
        self.base_layer = base_layer
        self.lora_A, self.lora_B = nn.Linear(self.in_features, 1), nn.Linear(1, self.out_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.base_layer(x) + self.lora_B(self.lora_A(x))


@pytest.mark.parametrize("adapted", [("to_qkv",), ("to_out",), ("to_qkv", "to_out")], ids="-".join)
def test_heads_of_adapted_projections(adapted: tuple[str, ...]):
    model = pooled(OwnAttention())
    for name in adapted:
        setattr(model.attention, name, Adapted(getattr(model.attention, name)))
    assert output_projection(model.attention) == (model.attention.to_out, HEADS)
    whole = FeatureAblation()(Problem(model, X, source=Layer("attention", players=1))).values[0]
    alone = FeatureAblation()(Problem(model, X, source=Layer("attention", players="heads"))).values[0]
    assert whole.shape == alone.shape == X.shape


def test_heads_of_transformers():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        hidden_size=WIDTH, num_attention_heads=HEADS, num_hidden_layers=2, intermediate_size=16, vocab_size=20
    )
    model, ids = transformers.BertForSequenceClassification(config).eval(), torch.randint(5, 20, (2, 4))
    attention = model.bert.encoder.layer[0].attention
    problem = Problem(model, ids, target=lambda out: out.logits[:, 0], source=Layer(attention, players="heads"))
    expected = without_head(model, attention.output.dense, lambda: model(ids).logits[:, 0])
    torch.testing.assert_close(per_feature(FeatureAblation()(problem).values, MASK).T, expected, rtol=1e-4, atol=1e-7)
    with pytest.raises(InvalidArgument, match=r"BertSelfAttention has none. Hint: the module around it"):
        Problem(model, ids, source=Layer(attention.self, players="heads"))


def test_every_method_of_a_layer_takes_them():
    model = Encoder(batch_first=True).eval()
    heads = Layer("encoder.layers.1.self_attn", players="heads")
    problem = Problem(model, X, target=0, source=heads)
    exact = per_feature(ShapleyValues()(problem).values, MASK)
    sampled = KernelShap(per_feature=True)(problem).values[0]
    torch.testing.assert_close(exact, sampled, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(exact.sum(1), without_heads_at_all(model), rtol=1e-4, atol=1e-6)
    for method in (IntegratedGradients(), InputXGradient()):
        assert method(problem).values[0].shape == X.shape
    by_captums_name = attr.LayerFeatureAblation(model, heads).attribute(X, target=0)
    torch.testing.assert_close(by_captums_name, FeatureAblation()(problem).values[0])
    permuted = attr.LayerFeaturePermutation(model, heads).attribute(X, target=0, seed=0)
    assert len(permuted[0, 0].unique()) <= HEADS


def without_heads_at_all(model: Encoder) -> Tensor:
    projection = model.encoder.layers[1].self_attn.out_proj
    with torch.no_grad():
        whole, kept = model(X)[:, 0], projection.weight.clone()
        projection.weight.zero_()
        change = whole - model(X)[:, 0]
        projection.weight.copy_(kept)
    return change


def test_a_projection_of_torchs_attention_is_a_layer_like_others():
    model = Encoder(batch_first=True).eval()
    activation = attr.LayerActivation(model, "encoder.layers.0.self_attn.out_proj").attribute(X)
    whole = attr.LayerActivation(model, "encoder.layers.0.self_attn").attribute(X)
    torch.testing.assert_close(activation, whole[0] if isinstance(whole, tuple) else whole)


CHANNELS = {
    "convolution": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)), (2, 1, 6, 6), "0", 1),
    "tokens": (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2)), (2, 2, 3), "0", 2),
    "vector": (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), (2, 3), "0", 1),
}


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize(("players", "groups"), [("channels", 4), (2, 2), (1, 1)])
def test_channels(name: str, players: Any, groups: int):
    model, shape, layer, dimension = CHANNELS[name]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = FeatureAblation()(Problem(model, x, target=0, source=Layer(layer, players=players))).values[0]
    mask = (torch.arange(4) // (4 // groups)).view([-1 if index == dimension else 1 for index in range(found.ndim)])
    expected = FeatureAblation()(Problem(model, x, target=0, source=layer), feature_mask=mask).values[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("layer", "players", "message"),
    [
        ("head", "heads", "layer must hold one attention .* Linear has 0"),
        ("encoder", "heads", "TransformerEncoder has 2. Hint: one of 'layers.0.self_attn', 'layers.1.self_attn'"),
        ("head", "tokens", "players must be"),
        ("head", 0, "players must be"),
        ("encoder.layers.0.linear1", 3, "players must divide the 16 channels of the layer: got 3"),
    ],
)
def test_errors(layer: str, players: Any, message: str):
    model = Encoder(batch_first=True).eval()
    with pytest.raises(InvalidArgument, match=message):
        FeatureAblation()(Problem(model, X, target=0, source=Layer(layer, players=players)))


def test_a_map_of_other_channels_than_the_heads_is_refused():
    """As in ConvBERT, whose attention mixes heads and a convolution in one map."""
    attention = OwnAttention(("query", "dense"))
    attention.query, attention.key = nn.Linear(WIDTH, WIDTH // 2), nn.Linear(WIDTH, WIDTH // 2)
    attention.dense = attention._modules.pop("dense")
    with pytest.raises(InvalidArgument, match="queries have 4 channels, and Linear takes 8"):
        Problem(pooled(attention), X, source=Layer("attention", players="heads"))
