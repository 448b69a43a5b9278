"""Ready-made targets of images: what segmentations and detections say of a region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import torch
from torch import Tensor

from pellucid.core.problem.output_target import OutputTarget, chosen, tensor_called
from pellucid.core.problem.sequences import Indices
from pellucid.core.summaries import summary
from pellucid.core.tensors import describe
from pellucid.errors import InvalidArgument


@final
@dataclass(frozen=True, eq=False)
class Segment(OutputTarget):
    """The score of a class in a segment of an image, added up or on average.

    v = sum over the pixels p of the segment of y[label, p], of an output (B, classes, height, width)

    Args:
        label: The class, its number or its name, one for all examples or one number for each.
        mask: The pixels of the segment, bool (height, width) or (B, height, width); None for those where the class
            scores highest.
        reduction: "sum" or "mean" over the segment; zero where it is empty.

    Examples:
        >>> import torch
        >>> from pellucid.targets import Segment
        >>> scores = torch.tensor([[[[1.0, 0.0]], [[0.5, 3.0]]]])
        >>> Segment(1)(scores), Segment(1, torch.tensor([[True, True]]))(scores)
        (tensor([3.]), tensor([3.5000]))
    """

    label: Indices | str
    mask: Tensor | None = None
    reduction: Literal["sum", "mean"] = "sum"

    DIMENSIONS: ClassVar[Mapping[str, int]] = {"label": 0, "mask": 2}

    def __post_init__(self) -> None:
        if self.reduction not in ("sum", "mean"):
            raise InvalidArgument(f'reduction must be "sum" or "mean": got {summary(self.reduction)}.')

    def __call__(self, output: Any) -> Tensor:
        """The values [n] of an output (n, classes, height, width), or of its `out` or `logits`."""
        scores = tensor_called(output, "out", "logits")
        of_class = chosen(scores, ("label", self.label))
        if self.mask is None:
            label = torch.as_tensor(self.label, device=scores.device) % scores.shape[1]
            mask = scores.detach().argmax(1) == label.reshape(-1, *[1] * (of_class.ndim - 1))
        else:
            mask = torch.as_tensor(self.mask, device=scores.device).bool()
        if mask.shape[-2:] != of_class.shape[-2:]:
            raise InvalidArgument(
                f"mask must have the size of the output, {tuple(of_class.shape[1:])}: got {tuple(mask.shape)}. "
                "Hint: outputs may be smaller than images."
            )
        mask = mask.expand_as(of_class)
        total = torch.where(mask, of_class, 0).flatten(1).sum(1)
        return total if self.reduction == "sum" else total / mask.flatten(1).sum(1).clamp(min=1)


@final
@dataclass(frozen=True, eq=False)
class DetectedBox(OutputTarget):
    """The score of the detection that overlaps a box best.

    v = score of argmax over detections d of |d and box| / |d or box|; zero where no detection overlaps it

    Args:
        box: The box, (x1, y1, x2, y2), one for all examples or (B, 4).
        label: The class of the detection, its number or its name, one for all or one number for each; None for any.

    Examples:
        >>> import torch
        >>> from pellucid.targets import DetectedBox
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [4.0, 4.0, 6.0, 6.0]])
        >>> detections = [{"boxes": boxes, "scores": torch.tensor([0.75, 0.5]), "labels": torch.tensor([1, 1])}]
        >>> DetectedBox((4, 4, 6, 7))(detections)
        tensor([0.5000])
    """

    box: Sequence[float] | Tensor
    label: Indices | str | None = None

    DIMENSIONS: ClassVar[Mapping[str, int]] = {"box": 1, "label": 0}

    def __call__(self, output: Any) -> Tensor:
        """The values [n] of a list of the `boxes`, `scores` and `labels` of each example, as torchvision returns it."""
        is_list = isinstance(output, list) and all(
            isinstance(of_example, Mapping) and {"boxes", "scores"} <= of_example.keys() for of_example in output
        )
        if not is_list or not output:
            raise InvalidArgument(
                f"model must return a list of the boxes and scores of each example: got {describe(output)}. "
                "Hint: target=lambda output: ..., a function of what it returns."
            )
        boxes = torch.as_tensor(self.box, dtype=torch.float32).expand(len(output), 4)
        labels = None if self.label is None else torch.as_tensor(self.label).expand(len(output))
        scores = [
            _best_score(detections, box, None if labels is None else labels[example])
            for example, (detections, box) in enumerate(zip(output, boxes, strict=True))
        ]
        return torch.stack(scores)


def _best_score(detections: Mapping[str, Tensor], box: Tensor, label: Tensor | None) -> Tensor:
    """The score of the detection that overlaps a box best; zero where none does."""
    scores, boxes = detections["scores"], detections["boxes"].detach()
    overlaps = _overlaps(boxes, box.to(boxes))
    if label is not None:
        overlaps = overlaps * (detections["labels"] == label.to(boxes.device))
    if not (overlaps > 0).any():
        return scores.sum() * 0  # with a graph, as that of another image may have a score
    return scores[overlaps.argmax()]


def _overlaps(boxes: Tensor, box: Tensor) -> Tensor:
    """What boxes [d, 4] have in common with a box, as a share of what both cover together, [d]."""
    common = (torch.minimum(boxes[:, 2:], box[2:]) - torch.maximum(boxes[:, :2], box[:2])).clamp(min=0).prod(1)
    together = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod() - common
    return common / together.clamp(min=torch.finfo(boxes.dtype).tiny)
