"""Attention is found in the calls of torch, whoever makes them, and rolled out as the paper says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    SwinConfig,
    SwinForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)

from laws.registry import close
from pellucid.errors import InvalidArgument, OutOfRange
from pellucid.methods import AttentionRollout, Problem
from reference import cam

SIZES = {"num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 24, "hidden_size": 16}
WORDS = {"vocab_size": 40, "pad_token_id": 0, **SIZES}
IDS, IMAGES = torch.arange(1, 15).reshape(2, 7), torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))

MODELS: dict[str, tuple[Any, Callable[[], Any], Tensor]] = {
    "bert": (BertForSequenceClassification, lambda: BertConfig(**WORDS), IDS),
    "gpt2": (
        GPT2ForSequenceClassification,
        lambda: GPT2Config(
            vocab_size=40, n_embd=16, n_layer=3, n_head=4, pad_token_id=0, bos_token_id=1, eos_token_id=1
        ),
        IDS,
    ),
    "llama": (LlamaForSequenceClassification, lambda: LlamaConfig(num_key_value_heads=2, **WORDS), IDS),
    "vit": (ViTForImageClassification, lambda: ViTConfig(image_size=(16, 24), patch_size=4, **SIZES), IMAGES),
}


def built(name: str, attention: str) -> Any:
    kind, config, _ = MODELS[name]
    with torch.random.fork_rng():
        model = kind._from_config(config(), attn_implementation=attention).eval()
        torch.manual_seed(3)
        # In an order that is the same for all implementations; the usual numbers are so small that attention is even.
        for _, parameter in sorted(model.named_parameters()):
            nn.init.normal_(parameter, std=0.4)
        return model


def attentions(name: str) -> list[Tensor]:
    with torch.no_grad():
        return list(built(name, "eager")(MODELS[name][2], output_attentions=True).attentions)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", MODELS)
def test_models_of_transformers(name: str, attention: str):
    expected = cam.rollout(attentions(name))
    (found,) = AttentionRollout()(Problem(built(name, attention), MODELS[name][2])).values
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)
    assert (expected - torch.eye(expected.shape[-1])).abs().max() > 0.1
    if name in ("gpt2", "llama"):
        assert not found.triu(1).any()


def test_the_class_token_of_an_image():
    model = built("vit", "sdpa")
    (found,) = AttentionRollout(token=0)(Problem(model, IMAGES)).values
    (whole,) = AttentionRollout()(Problem(model, IMAGES)).values
    close((found,), (whole[:, 0, 1:].reshape(2, 1, 4, 6),))


def test_a_word():
    (found,) = AttentionRollout(token=-1)(Problem(built("bert", "sdpa"), IDS)).values
    (whole,) = AttentionRollout()(Problem(built("bert", "sdpa"), IDS)).values
    close((found,), (whole[:, -1],))


@pytest.mark.parametrize("heads", ["mean", "max", "min"])
@pytest.mark.parametrize("discard", [0.0, 0.5])
def test_heads_and_what_is_discarded(heads: str, discard: float):
    (found,) = AttentionRollout(heads=heads, discard_ratio=discard)(Problem(built("bert", "sdpa"), IDS)).values
    for example in range(2):
        flow = torch.eye(7)
        for layer in attentions("bert"):
            mixed = {"mean": layer.mean(1), "max": layer.amax(1), "min": layer.amin(1)}[heads][example]
            order = mixed.flatten().sort().values
            mixed = mixed * (mixed >= order[int(discard * 49)]) + torch.eye(7)
            flow = (mixed / mixed.sum(1, keepdim=True)) @ flow
        torch.testing.assert_close(found[example], flow, rtol=1e-4, atol=1e-5)


class Mine(nn.Module):
    """Attention in the words of a user."""

    def __init__(self, attend: Callable[[Tensor], Tensor]):
        super().__init__()
        self.attend = attend

    def forward(self, x: Tensor) -> Tensor:
        return self.attend(self.attend(x)).sum((1, 2))


WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "torch.softmax": lambda x: torch.softmax(x @ x.mT, -1) @ x,
    "F.softmax": lambda x: functional.softmax(x @ x.mT, dim=2) @ x,
    "x.softmax()": lambda x: (x @ x.mT).softmax(dim=-1) @ x,
    "nn.Softmax": lambda x: nn.Softmax(-1)(x @ x.mT) @ x,
    "fused": lambda x: functional.scaled_dot_product_attention(x, x, x, scale=1.0),
}


@pytest.mark.parametrize("name", WAYS)
def test_however_it_is_written(name: str):
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0)).double()
    first = torch.softmax(x @ x.mT, -1)
    second = torch.softmax((first @ x) @ (first @ x).mT, -1)
    (found,) = AttentionRollout()(Problem(Mine(WAYS[name]), x)).values
    close((found,), (cam.rollout([first[:, None], second[:, None]]),))


def test_autocast_reaches_the_model_and_not_what_is_made_of_its_attention():
    model = built("bert", "sdpa")

    def casting(ids: Tensor) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model(ids)

    expected = AttentionRollout()(Problem(casting, IDS)).values
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = AttentionRollout()(Problem(model, IDS)).values
    assert found[0].dtype == torch.bfloat16
    close(found, expected)


def test_an_encoder_of_torch_takes_no_shortcut():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        model, x = nn.TransformerEncoder(layer, 3).double().eval(), torch.randn(3, 5, 8).double()
    (found,) = AttentionRollout()(Problem(model, x)).values
    weights, hidden = [], x
    for each in model.layers:
        weights.append(each.self_attn(hidden, hidden, hidden, average_attn_weights=False)[1].detach())
        hidden = each(hidden)
    close((found,), (cam.rollout(weights),))


def test_what_cannot_be_says_why():
    config = SwinConfig(image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4)
    windows = Problem(SwinForImageClassification(config).eval(), torch.zeros(2, 3, 32, 32))
    with pytest.raises(InvalidArgument, match=r"all tokens of each of 2 examples: got windows, \(8, 2, 16, 16\)"):
        AttentionRollout()(windows)
    x = torch.zeros(2, 5, 4)
    with pytest.raises(InvalidArgument, match=r"^AttentionRollout: model must pay attention, .*: got none"):
        AttentionRollout()(Problem(nn.Linear(4, 3), x))
    problem = Problem(Mine(WAYS["fused"]), x)
    for wrong in ({"heads": "most"}, {"discard_ratio": 1.0}):
        with pytest.raises(InvalidArgument, match="heads must be one of mean, max, min, and discard_ratio"):
            AttentionRollout(**wrong)(problem)
    with pytest.raises(OutOfRange, match="token must be one of the 5 tokens: got 5"):
        AttentionRollout(token=5)(problem)
