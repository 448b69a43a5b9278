"""Ready-made targets, beside what one writes by hand; the same for examples in another order."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Normal

from pellucid import attr
from pellucid.core.model.layers import OUTPUT
from pellucid.core.problem.target_resolution import target_at
from pellucid.errors import InvalidArgument
from pellucid.methods import IntegratedGradients, Problem
from pellucid.targets import (
    Action,
    DetectedBox,
    EmbeddingSimilarity,
    NextToken,
    OutputTarget,
    Position,
    Segment,
    Span,
    TokenClass,
)

N = 3
GENERATOR = torch.Generator().manual_seed(0)
ROW, TOKENS, IMAGE = (torch.randn(N, *shape, generator=GENERATOR) for shape in ((5,), (5, 4), (4, 2, 3)))
VECTOR = torch.randn(5, generator=GENERATOR)
MASK = torch.rand(N, 2, 3, generator=GENERATOR) > 0.5
ANSWER = {"start_logits": ROW, "end_logits": -ROW}
WHERE = torch.tensor([4, 0, 2])
ALL = range(N)
cosine = torch.nn.functional.cosine_similarity

# The target, an output, and the values of examples 0, 1 and 2.
BY_HAND: dict[str, tuple[OutputTarget, Any, Callable[[int], Tensor]]] = {
    "position": (Position(1), ROW, lambda i: ROW[i, 1]),
    "positions": (Position([4, 0, 2]), ROW, lambda i: ROW[i, WHERE[i]]),
    "class of a token": (TokenClass(2, 3), TOKENS, lambda i: TOKENS[i, 2, 3]),
    "class of each token": (TokenClass(WHERE, -1), TOKENS, lambda i: TOKENS[i, WHERE[i], 3]),
    "next token": (NextToken(2), TOKENS, lambda i: TOKENS[i, -1].log_softmax(0)[2]),
    "token after": (NextToken([0, 1, 3], 1), TOKENS, lambda i: TOKENS[i, 1].log_softmax(0)[[0, 1, 3][i]]),
    "start": (Span("start", 2), ANSWER, lambda i: ROW[i, 2]),
    "end": (Span("end", WHERE), ANSWER, lambda i: -ROW[i, WHERE[i]]),
    "segment": (Segment(1, MASK[0]), IMAGE, lambda i: IMAGE[i, 1][MASK[0]].sum()),
    "segments": (Segment([1, 2, 0], MASK, "mean"), IMAGE, lambda i: IMAGE[i, [1, 2, 0][i]][MASK[i]].mean()),
    "own segment": (Segment(-1), IMAGE, lambda i: (IMAGE[i, 3] * (IMAGE[i].argmax(0) == 3)).sum()),
    "action": (Action(2), ROW, lambda i: ROW[i].log_softmax(0)[2]),
    "actions": (Action(WHERE), ROW, lambda i: ROW[i].log_softmax(0)[WHERE[i]]),
    "embedding": (EmbeddingSimilarity(VECTOR), ROW, lambda i: cosine(ROW[i], VECTOR, 0)),
    "embeddings": (EmbeddingSimilarity(ROW.flip(0), "dot"), ROW, lambda i: ROW[i] @ ROW[N - 1 - i]),
}


def rows_of(output: Any, rows: Tensor) -> Any:
    return {name: value[rows] for name, value in output.items()} if isinstance(output, dict) else output[rows]


@pytest.mark.parametrize("name", BY_HAND)
def test_ready_made_is_as_by_hand(name: str):
    target, output, by_hand = BY_HAND[name]
    expected = torch.stack([by_hand(example) for example in ALL])
    torch.testing.assert_close(target(output), expected)
    rows = torch.tensor([2, 0, 0, 1])
    torch.testing.assert_close(target_at(OUTPUT, target, N)(rows_of(output, rows), rows), expected[rows])


def test_outputs_of_other_forms():
    outputs = (SimpleNamespace(logits=TOKENS), {"logits": TOKENS})
    assert all(torch.equal(TokenClass(2, 3)(output), TOKENS[:, 2, 3]) for output in outputs)
    assert torch.equal(Segment(1)({"out": IMAGE}), Segment(1)(IMAGE))
    pair = (ROW, -ROW)
    assert torch.equal(Span("end", 1)(pair), Span("end", 1)(torch.stack(pair, -1)))
    torch.testing.assert_close(EmbeddingSimilarity()((ROW, ROW.roll(1, 0))), cosine(ROW, ROW.roll(1, 0)))


def test_the_action_of_a_distribution():
    torch.testing.assert_close(Action(2)(Categorical(logits=ROW)), ROW.log_softmax(1)[:, 2])
    policy = Normal(ROW, 1.0)
    taken = ROW + 1
    torch.testing.assert_close(Action(taken)(policy), policy.log_prob(taken).sum(1))


BOXES = torch.tensor([[0.0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6]])


def detections(scores: Tensor) -> list[dict[str, Tensor]]:
    return [{"boxes": BOXES, "scores": row, "labels": torch.tensor([7, 8, 7])} for row in scores]


@pytest.mark.parametrize(
    ("target", "detection"),
    [
        (DetectedBox((1, 1, 3, 4)), (1, 1, 1)),
        (DetectedBox((1, 1, 3, 4), label=7), (0, 0, 0)),
        (DetectedBox([[0, 0, 2, 2], [5, 5, 7, 7], [1, 1, 3, 3]]), (0, 2, 1)),
        (DetectedBox((1, 1, 3, 4), label=[7, 8, 9]), (0, 1, None)),
        (DetectedBox((8, 8, 9, 9)), (None, None, None)),
    ],
)
def test_the_detection_that_overlaps_best(target: DetectedBox, detection: tuple[int | None, ...]):
    scores = torch.tensor([[0.9, 0.8, 0.7], [0.6, 0.5, 0.4], [0.3, 0.2, 0.1]], requires_grad=True)
    expected = [0.0 if index is None else scores[row, index].item() for row, index in enumerate(detection)]
    found = target(detections(scores))
    assert found.tolist() == expected
    assert found.requires_grad


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: TokenClass(0, 0)(ROW), "must return an output of 3 dimensions, with the examples first, for position"),
        (lambda: Position(5)(ROW), r"position 5 is beyond the output's 5 values \(0 to 4\), of \(3, 5\)"),
        (lambda: Position(0)({"scores": ROW}), "must return a tensor, or one as logits: got 'scores'"),
        (lambda: Span("middle", 0), "end must be"),
        (lambda: Segment(0, reduction="max"), "reduction must be"),
        (lambda: Segment(0, MASK[:, :1])(IMAGE), r"mask must have the size of the output, \(2, 3\): got \(3, 1, 3\)"),
        (lambda: DetectedBox((0, 0, 1, 1))(ROW), "must return a list of the boxes and scores of each example"),
        (lambda: EmbeddingSimilarity(measure="l2"), "measure must be"),
        (lambda: EmbeddingSimilarity()(ROW), "must return two embeddings"),
        (lambda: EmbeddingSimilarity(VECTOR[:3])(ROW), "must be vectors of one size"),
    ],
)
def test_errors(make: Callable[[], object], says: str):
    with pytest.raises(InvalidArgument, match=says):
        make()


class Tagger(nn.Module):
    """Scores of four classes for each token."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.tanh()) * x.sum((1, 2), keepdim=True)


def test_settings_of_each_example_follow_it_in_blocks():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, x = Tagger(), torch.randn(N, 5, 2)
    whole = attr.IntegratedGradients(model).attribute(x, targets=[TokenClass(WHERE, [1, 2, 3]), TokenClass(0, 0)])
    alone = [
        attr.IntegratedGradients(model).attribute(x[[i]], target=(int(WHERE[i]), i + 1), internal_batch_size=7)
        for i in ALL
    ]
    torch.testing.assert_close(whole[:, 0], torch.cat(alone))
    smooth = attr.NoiseTunnel(attr.Saliency(model)).attribute(x, target=TokenClass(WHERE, [1, 2, 3]), stdevs=0.0)
    torch.testing.assert_close(smooth, attr.Saliency(model).attribute(x, target=[(4, 1), (0, 2), (2, 3)]))


def test_one_of_one_s_own():
    class Margin(OutputTarget):
        """The best value less the mean."""

        def __call__(self, output: Any) -> Tensor:
            return output.amax(1) - output.mean(1)

    found = IntegratedGradients()(Problem(nn.Identity(), ROW, target=Margin())).values[0]
    torch.testing.assert_close(found.sum(1), ROW.amax(1) - ROW.mean(1))
