"""Models of sequences: a counter, attention that copies, and a sentence with one word that decides."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from pellucid.zoo.known_model import CHANGES, KnownModel, leaves_random_state


class Counter(nn.Module):
    """Counts pulses: relu(2 x - 1) of each step, added up by a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.pulse = nn.Linear(1, 1)
        self.pulse.load_state_dict({"weight": torch.tensor([[2.0]]), "bias": torch.tensor([-1.0])})
        self.sum = nn.RNN(1, 1, nonlinearity="relu", bias=False, batch_first=True)
        self.sum.load_state_dict({"weight_ih_l0": torch.ones(1, 1), "weight_hh_l0": torch.ones(1, 1)})

    def forward(self, x: Tensor) -> Tensor:
        """The count after the last step, of x (B, steps, 1)."""
        states: Tensor = self.sum(self.pulse(x).relu())[0]
        return states[:, -1, 0]


class Copy(nn.Module):
    """Self-attention to the one position that is marked, whose content the first position reads out.

    A position is (content, mark): scores are 16 times the mark of the position that is looked at.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The content at the marked position, of x (B, positions, 2)."""
        content, mark = x[..., :1], x[..., 1:]
        return scaled_dot_product_attention(torch.full_like(mark, 16), mark, content)[:, 0, 0]


class Sentence(nn.Module):
    """The largest opinion of all words: an embedding, a rectified layer, and the maximum over positions."""

    def __init__(self, opinions: Tensor) -> None:
        super().__init__()
        words = len(opinions)
        self.embedding = nn.Embedding(words, words)
        self.embedding.load_state_dict({"weight": torch.eye(words)})
        self.opinion = nn.Linear(words, 1, bias=False)
        self.opinion.load_state_dict({"weight": opinions[None]})

    def forward(self, ids: Tensor) -> Tensor:
        """One number per sentence, of ids (B, positions)."""
        opinions: Tensor = self.opinion(self.embedding(ids))
        return opinions.relu().amax((1, 2))


@leaves_random_state
def counter() -> KnownModel:
    """A recurrent counter: every pulse counts one, whenever it comes."""
    inputs = torch.tensor([[1, 0.2, 0, 1, 0.3, 0.1, 1, 0.4], [0.3, 1, 0.1, 0.2, 0, 0.4, 0.2, 1]])[..., None]
    pulses = (inputs == 1).float()
    return KnownModel(
        name="counter",
        tests="A recurrent layer: every pulse counts one, however long ago it was.",
        model=Counter().eval(),
        inputs=inputs,
        baselines=torch.zeros_like(inputs),
        importance=pulses,
        values={
            "gradient": 2 * pulses,
            "gradient times input": 2 * pulses,
            **dict.fromkeys(CHANGES, pulses),
        },
        window=(1, 1),
    )


@leaves_random_state
def copying_attention() -> KnownModel:
    """Attention that copies the content of one position, which its mark singles out."""
    content = torch.tensor([[0.5, -0.3, 2, 0.4, -0.6, 0.2], [-0.4, 0.3, 0.5, -0.2, 0.6, -2]])
    marked = torch.zeros(2, 6)
    marked[0, 2] = marked[1, 5] = 1
    return KnownModel(
        name="copying attention",
        tests="Attention to one position: its content and its mark are all that matters.",
        model=Copy().eval(),
        inputs=torch.stack([content, marked], -1),
        baselines=torch.zeros(2, 6, 2),
        importance=marked,
        feature_mask=torch.arange(6)[None, :, None],
        token=0,
        window=(1, 2),
        paper="Jain and Wallace, Attention is not explanation, 2019",
    )


@leaves_random_state
def deciding_word() -> KnownModel:
    """A sentence in which one word decides, and the others have weaker opinions or none."""
    opinions = torch.tensor([0, 0.2, -0.5, 0.1, 3, 0, -2, 0.3])
    ids = torch.tensor([[1, 2, 4, 3, 5, 7], [4, 6, 7, 1, 3, 2]])
    decides = (ids == 4).float()
    return KnownModel(
        name="deciding word",
        tests="Ids: the word that decides among words whose opinions do not come through.",
        model=Sentence(opinions).eval(),
        inputs=ids,
        baselines=torch.zeros_like(ids),
        importance=decides,
        embedding="embedding",
        window=(1,),
    )
