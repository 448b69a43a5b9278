"""Claim: relevance through transformers, a changed gradient, takes little more than the plain one."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.floor import loop
from benchmarks.harness import Aim, Result, medians
from benchmarks.models import Scene, Stage, scene_of
from benchmarks.timing import THREADS, Spread, interleaved
from pellucid.methods import LRP, AttnLRP, Problem


class Tokens(nn.Module):
    """A transformer, read at its last token.

    Args:
        width: Of each token.
        layers: How many.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, width // 64, 4 * width, activation="gelu", batch_first=True, norm_first=True
        )
        self.body = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Values (B, 3) of tokens (B, T, width)."""
        found: Tensor = self.head(self.body(x)[:, -1])
        return found


def tokens(width: int, layers: int, batch: int, length: int) -> Scene:
    """A transformer and its tokens."""
    return scene_of(lambda: Tokens(width, layers), batch, length, width)


@dataclass(frozen=True, kw_only=True)
class BesideGradient:
    """AttnLRP beside one forward and backward of the same batch.

    Args:
        name: What to select it by.
        aim: What it claims.
        stage: Sets the model and the inputs.
    """

    name: str
    aim: Aim
    stage: Stage

    def measure(self) -> Result:
        """Time both."""
        torch.set_num_threads(THREADS)
        model, x = self.stage()
        method = LRP(composite=AttnLRP())
        own, floor = interleaved(lambda: method(Problem(model, x, target=0)), partial(loop, model, x, gradients=len(x)))
        return Result(name=self.name, aim=self.aim, seconds=medians(own, floor), floor=Spread.of_ratios(own, floor))


CASES = [
    BesideGradient(
        name=f"attention_relevance/{width} wide, {layers} layers",
        aim=Aim(floor=1.3),
        stage=partial(tokens, width, layers, batch, length),
    )
    for width, layers, batch, length in ((256, 4, 4, 64), (768, 2, 2, 128))
]
