"""Ready-made targets, for `target=` and in lists of `targets=`; what they are made of, to write one's own.

attr.Saliency(tagger).attribute(tokens, target=TokenClass(3, "B-PER"))
"""

from pellucid.core.problem.decisions import Action, EmbeddingSimilarity
from pellucid.core.problem.dense import DetectedBox, Segment
from pellucid.core.problem.output_target import OutputTarget
from pellucid.core.problem.sequences import NextToken, Position, Span, TokenClass
from pellucid.core.problem.target import Contrast, Several

__all__ = [
    "Action",
    "Contrast",
    "DetectedBox",
    "EmbeddingSimilarity",
    "NextToken",
    "OutputTarget",
    "Position",
    "Segment",
    "Several",
    "Span",
    "TokenClass",
]
