"""Which words make a sentence a good or a bad review: `python docs/sentences/sentiment.py ENCODER SENTENCES`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer

from pellucid import attr
from pellucid.data import TextUnits, aggregate

SENTENCES = [
    "a dull and lifeless film with no heart .",
    "a wonderful , moving picture .",
    "the acting is superb but the plot is boring .",
    "this is not a good movie .",
    "funny , smart and charming from start to finish .",
    "a tedious mess that wastes a great cast .",
    "i loved every minute of it .",
    "it is hard to imagine a worse film this year .",
    "an unforgettable performance in a forgettable movie .",
    "visually stunning , yet emotionally empty .",
]
TRAINED, TESTED, CLEAR = 2400, 500, 0.5
"""How many reviews the head learns from, how many it is tested on, and how far from zero their ratings are at least."""


class Sentiment(nn.Module):
    """The mean of an encoder's tokens, and a linear head."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head, self.config = encoder, nn.Linear(encoder.config.hidden_size, 2), encoder.config
        self.config.id2label = {0: "negative", 1: "positive"}

    def mean(self, attention_mask: Tensor, **encoding: Tensor) -> Tensor:
        states = self.encoder(attention_mask=attention_mask, **encoding).last_hidden_state
        real = attention_mask[..., None].to(states.dtype)
        return (states * real).sum(1) / real.sum(1)

    def forward(self, **encoding: Tensor) -> Tensor:
        return self.head(self.mean(**encoding))


def reviews(table: Path) -> tuple[list[str], Tensor]:
    """Sentences in random order, and whether each is positive."""
    with table.open(encoding="utf-8") as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if abs(float(row[1])) > CLEAR]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[: TRAINED + TESTED].tolist()
    return [rows[index][2] for index in order], torch.tensor([float(rows[index][1]) > 0 for index in order]).long()


def trained(model: Sentiment, tokenizer: Any, sentences: list[str], labels: Tensor) -> float:
    """The accuracy on the last sentences of a head that has learnt from the first."""
    with torch.no_grad():
        blocks = [sentences[start : start + 64] for start in range(0, len(sentences), 64)]
        means = torch.cat([model.mean(**tokenizer(block, return_tensors="pt", padding=True)) for block in blocks])
    optimizer = torch.optim.LBFGS(model.head.parameters(), max_iter=1000, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(model.head(means[:TRAINED]), labels[:TRAINED])
        value = value + 1e-4 * model.head.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return float((model.head(means[TRAINED:]).argmax(1) == labels[TRAINED:]).double().mean())


METHODS: dict[str, Callable[[nn.Module], Callable[..., Any]]] = {
    "integrated gradients": lambda model: attr.IntegratedGradients(model).attribute,
    "DeepLIFT": lambda model: attr.DeepLift(model).attribute,
    "LRP": lambda model: attr.LRP(model).attribute,
    "feature ablation": lambda model: attr.FeatureAblation(model).attribute,
}


def strongest(units: TextUnits, sentence: int) -> str:
    """The four words that matter most in a sentence."""
    words = zip(units.labels[sentence], units.values[sentence].tolist(), strict=True)
    return ", ".join(f"{word} {value:+.2f}" for word, value in sorted(words, key=lambda pair: -abs(pair[1]))[:4])


def main(folder: str, table: str) -> None:
    """Train the head, and print what the methods say of the ten sentences.

    Args:
        folder: The encoder and its tokenizer, as transformers keep them.
        table: The file of rated sentences.
    """
    torch.manual_seed(0)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), Sentiment(AutoModel.from_pretrained(folder)).eval()
    print(f"accuracy {trained(model, tokenizer, *reviews(Path(table))):.3f}")
    encoding = tokenizer(SENTENCES, return_tensors="pt", padding=True)
    probabilities = model(**encoding).softmax(1)[:, 1].tolist()
    for name, explain in METHODS.items():
        units = aggregate(explain(model)(encoding, target="positive", tokenizer=tokenizer), encoding)
        print(f"\n{name}")
        for index, sentence in enumerate(SENTENCES):
            print(f"{probabilities[index]:.2f}  {sentence:54}{strongest(units, index)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
