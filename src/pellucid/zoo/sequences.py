"""Models of sequences: a counter, attention that copies, and a sentence with one word that decides."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from pellucid.zoo.known_model import KnownModel, leaves_random_state
from pellucid.zoo.quantity import CHANGES


class Counter(nn.Module):
    """Counts pulses: relu(2 x - 1) of each step, added up by a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.pulse = nn.Linear(1, 1)
        self.pulse.load_state_dict({"weight": torch.tensor([[2.0]]), "bias": torch.tensor([-1.0])})
        self.threshold = nn.ReLU()
        self.sum = nn.RNN(1, 1, nonlinearity="relu", bias=False, batch_first=True)
        self.sum.load_state_dict({"weight_ih_l0": torch.ones(1, 1), "weight_hh_l0": torch.ones(1, 1)})

    def forward(self, x: Tensor) -> Tensor:
        """The count after the last step, of x (B, steps, 1)."""
        states: Tensor = self.sum(self.threshold(self.pulse(x)))[0]
        return states[:, -1, 0]


class Copy(nn.Module):
    """Self-attention to the one position that is marked, whose content the first position reads out.

    A position is (content, mark): scores are 24 times the mark of the position that is looked at, so that attention to
    what is not marked is lost in rounding.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The content at the marked position, of x (B, positions, 2)."""
        content, mark = x[..., :1], x[..., 1:]
        return scaled_dot_product_attention(torch.full_like(mark, 24), mark, content)[:, 0, 0]


class Sentence(nn.Module):
    """The largest opinion of all words: an embedding, a rectified layer, and the maximum over positions."""

    def __init__(self, opinions: Tensor) -> None:
        super().__init__()
        words = len(opinions)
        self.embedding = nn.Embedding(words, words)
        self.embedding.load_state_dict({"weight": torch.eye(words)})
        self.opinion = nn.Linear(words, 1, bias=False)
        self.opinion.load_state_dict({"weight": opinions[None]})
        self.threshold = nn.ReLU()

    def forward(self, ids: Tensor) -> Tensor:
        """One number per sentence, of ids (B, positions)."""
        opinions: Tensor = self.opinion(self.embedding(ids))
        return self.threshold(opinions).amax((1, 2))  # type: ignore[no-any-return]


@leaves_random_state
def counter() -> KnownModel:
    """A recurrent counter: every pulse counts one, whenever it comes, and what is not one counts nothing."""
    inputs = torch.tensor([[1, 0.2, -2, 1, 0.3, 0.1, 1, -1.5], [-1.5, 1, 0.1, 0.2, -2, 0.4, 0.2, 1]])[..., None]
    pulses = (inputs == 1).float()
    return KnownModel(
        name="counter",
        tests="A recurrent layer: every pulse counts one, however long ago it was, and larger negative steps nothing.",
        model=Counter().eval(),
        inputs=inputs,
        baselines=torch.zeros_like(inputs),
        importance=pulses,
        values={
            "gradient": 2 * pulses,
            "guided gradient": 2 * pulses,
            "deconvolved gradient": torch.full_like(inputs, 2),
            "gradient times input": 2 * pulses,
            "relevance": 2 * pulses,
            **dict.fromkeys(CHANGES, pulses),
            "Shapley interactions": torch.diag_embed(pulses[..., 0]),
        },
        window=(1, 1),
    )


@leaves_random_state
def copying_attention() -> KnownModel:
    """Attention that copies the content of one position, which its mark singles out."""
    content = torch.tensor([[0.5, -3, 1, 0.4, 2.5, -0.6], [2.5, 0.3, -0.5, -3, 0.6, 1]])
    marked = torch.zeros(2, 6)
    marked[0, 2] = marked[1, 5] = 1
    without_mark = content * (1 - marked) / 6  # where no position is marked, attention is even
    copied = (content * marked).sum(1, keepdim=True)
    removal = marked * (copied - without_mark.sum(1, keepdim=True))
    shapley_values = without_mark / 2 + marked * (copied - without_mark.sum(1, keepdim=True) / 2)
    replaced = marked[:, :, None] * without_mark[:, None]  # the content that the mark leaves nothing of
    interactions = torch.diag_embed(shapley_values) - replaced - replaced.mT

    def of_positions(values: Tensor) -> Tensor:
        return values[..., None].expand(-1, -1, 2)

    return KnownModel(
        name="copying attention",
        tests="Attention that copies one position, which is marked: larger contents of others do not matter.",
        model=Copy().eval(),
        inputs=torch.stack([content, marked], -1),
        baselines=torch.zeros(2, 6, 2),
        importance=marked,
        values={
            "gradient": torch.stack([marked, torch.zeros(2, 6)], -1),
            "gradient times input": torch.stack([marked * content, torch.zeros(2, 6)], -1),
            "removal": of_positions(removal),
            **dict.fromkeys(("Shapley values", "Banzhaf values", "Owen values"), of_positions(shapley_values)),
            "Shapley interactions": interactions,
        },
        feature_mask=torch.arange(6)[None, :, None],
        token=0,
        window=(1, 2),
        paper="Elhage et al., A mathematical framework for transformer circuits, 2021",
    )


def shares_of_the_largest(heights: Tensor, share: Callable[[Tensor], Tensor]) -> Tensor:
    """What each height makes of the largest one: a share of each step up to it, by how many heights reach that step.

    Littlechild and Owen, "A simple expression for the Shapley value in a special case", 1973,
    https://doi.org/10.1287/mnsc.20.3.370.

    Args:
        heights: Of shape (B, n), none of them negative.
        share: The share of each, of how many reach a step.
    """
    levels, _ = heights.sort(1)
    steps = levels.diff(dim=1, prepend=torch.zeros(len(levels), 1))
    reaches = heights[:, :, None] >= levels[:, None]
    return (reaches * (steps * share(reaches.sum(1)))[:, None]).sum(2)


@leaves_random_state
def deciding_word() -> KnownModel:
    """A sentence in which one word decides, and the others have weaker opinions or none."""
    opinions = torch.tensor([0, 0.2, -0.5, 0.1, 3, 0, -2, 0.3])
    ids = torch.tensor([[1, 2, 4, 3, 5, 7], [4, 6, 7, 1, 3, 2]])
    decides = (ids == 4).float()
    heights = opinions[ids].relu()
    return KnownModel(
        name="deciding word",
        tests="A sentence of ids: the output is the largest opinion of its words, and one word has it.",
        model=Sentence(opinions).eval(),
        inputs=ids,
        baselines=torch.zeros_like(ids),
        importance=decides,
        values={
            "removal": shares_of_the_largest(heights, lambda reaching: (reaching == 1).float()),
            "Shapley values": shares_of_the_largest(heights, lambda reaching: 1 / reaching),
            "Banzhaf values": shares_of_the_largest(heights, lambda reaching: 2.0 ** (1 - reaching)),
        },
        embedding="embedding",
        window=(1,),
    )
