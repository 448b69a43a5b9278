"""Small transformers of Hugging Face with random weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, LlamaConfig, LlamaModel, ViTConfig, ViTModel

TINY: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 40,
}  # fmt: skip


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        return make().double().eval()


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Headed(nn.Module):
    """A transformer of the library, its mean token, and three classes."""

    def __init__(self, body: nn.Module, name: str) -> None:
        super().__init__()
        self.body, self.name, self.head = body, name, nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(**{self.name: x}).last_hidden_state.mean(1))


TRANSFORMERS: dict[str, tuple[Callable[[str], nn.Module], tuple[int, ...]]] = {
    "bert": (lambda how: Headed(BertModel(BertConfig(**TINY, attn_implementation=how)), "inputs_embeds"), (7, 16)),
    "gpt2": (
        lambda how: Headed(
            GPT2Model(GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=1,
                                 attn_implementation=how)), "inputs_embeds"), (7, 16),
    ),
    "llama": (
        lambda how: Headed(LlamaModel(LlamaConfig(**TINY, num_key_value_heads=1, attn_implementation=how)),
                           "inputs_embeds"), (7, 16),
    ),
    "vit": (
        lambda how: Headed(ViTModel(ViTConfig(**TINY, image_size=16, patch_size=4, attn_implementation=how)),
                           "pixel_values"), (3, 16, 16),
    ),
}  # fmt: skip
