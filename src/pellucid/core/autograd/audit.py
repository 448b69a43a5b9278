"""What autograd has recorded, step by step: those that no rule has looked at and that need one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge


def split_names(text: str) -> frozenset[str]:
    """The words of a table."""
    return frozenset(text.split())


LINEAR = split_names(
    """
    AccumulateGrad AdaptiveAvgPool2D AdaptiveAvgPool3D Add AffineGridGenerator Alias AsStrided AvgPool1D AvgPool2D
    AvgPool3D
    BackwardHookFunction BlockDiag Broadcast Cat Clone Col2Im Complex Conj ConjPhysical ConstantPadNd Copies Copy
    CopyBackwards CopySlices Cumsum DiagEmbed Diagonal Diff Embedding Expand FftC2C FftC2R FftR2C Fill Flip Fold
    FromNested Gather Hook Identity Im2Col Imag Index IndexAdd IndexCopy IndexFill IndexPut IndexPutImpl IndexSelect
    Kron LiftFresh Linear1d MaskedFill MaskedScatter MaskedSelect MaxUnpool2D MaxUnpool3D Mean
    MkldnnAdaptiveAvgPool2D Movedim Narrow NativeDropout Neg NestedTensor NewZeros NllLoss NllLoss2D
    PackPaddedSequence Permute PixelShuffle PixelUnshuffle Put Real ReflectionPad1D ReflectionPad2D ReflectionPad3D
    Repeat RepeatInterleave ReplicationPad1D ReplicationPad2D ReplicationPad3D Reshape ReshapeAlias ResolveConj Roll
    Rot90 Rsub Scatter ScatterAdd ScatterReduce0 Select SelectScatter Slice SliceScatter Split SplitWithSizes
    Squeeze Stack Sub Sum SumToSize T Take ToCopy Trace Transpose Tril Triu Unbind Unflatten Unfold UnsafeSplit
    UnsafeView Unsqueeze UpsampleBicubic2D UpsampleBilinear2D UpsampleLinear1D UpsampleNearest1D UpsampleNearest2D
    UpsampleNearest3D UpsampleNearestExact1D UpsampleNearestExact2D UpsampleTrilinear3D Values View ViewAsComplex
    ViewAsReal Vstack Where Zero _RuledOp
    """
)
"""Names of autograd's nodes that are linear in all that they take."""

PRODUCT_NODES = split_names(
    """
    Addbmm Addcmul Addmm Addmv Addr Baddbmm Bilinear Bmm Convolution ConvolutionOverrideable CudnnConvolution Dot Ger
    EmbeddingBag Inner Lerp Linear Matmul Mkldnn MkldnnConvolution MkldnnLinear MiopenConvolution Mm Mul Mv Outer
    SlowConv2D SlowConvDilated2D SlowConvTranspose2D SparseAddmm ThnnConv2D ConvDepthwise2D Trilinear Vdot
    """
)
"""Names of nodes that are linear in each that they take, by itself."""

LINEAR_IN_FIRST = frozenset({"Div", "GridSampler2D", "GridSampler3D"})
"""Names of nodes that are linear in the first that they take, where the others do not depend on the source."""

_MAXIMA = 2
"""What bags of embeddings are called that hold the largest of each dimension."""

NORMS = frozenset({"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "BatchNormImplIndex"})
"""Names of nodes that are linear where they do not look at the batch."""


REARRANGING = split_names(
    """
    AccumulateGrad AdaptiveMaxPool2D AdaptiveMaxPool3D Alias Amax Amin AsStrided BackwardHookFunction BlockDiag
    Broadcast Cat Clone Complex ConstantPadNd Copies Copy CopyBackwards CopySlices DiagEmbed Diagonal Embedding
    Expand Fill Flip FractionalMaxPool2D FractionalMaxPool3D FromNested Gather Hook Identity Im2Col Imag Index
    IndexCopy IndexFill IndexPut IndexPutImpl IndexSelect Kthvalue LiftFresh MaskedFill MaskedScatter MaskedSelect
    Max MaxPool2DWithIndices MaxPool3DWithIndices MaxUnpool2D MaxUnpool3D Maximum Median Min Minimum
    MkldnnMaxPool2D MkldnnMaxPool3D Mode Movedim Narrow NestedTensor NewZeros PackPaddedSequence Permute
    PixelShuffle PixelUnshuffle Real ReflectionPad1D ReflectionPad2D ReflectionPad3D Repeat RepeatInterleave
    ReplicationPad1D ReplicationPad2D ReplicationPad3D Reshape ReshapeAlias Roll Rot90 Scatter Select SelectScatter
    Slice SliceScatter Sort Split SplitWithSizes Squeeze Stack T Take ToCopy Topk Transpose Tril Triu Unbind
    Unflatten Unfold UnsafeSplit UnsafeView Unsqueeze UpsampleNearest1D UpsampleNearest2D UpsampleNearest3D
    UpsampleNearestExact1D UpsampleNearestExact2D UpsampleNearestExact3D Values View ViewAsComplex ViewAsReal
    Vstack Where Zero _RuledOp
    """
)
"""Names of nodes that put what they take elsewhere, copy it or leave some of it out, and change no number."""


@final
@dataclass(frozen=True)
class NodesWithoutRule:
    """Which steps need no rule.

    Args:
        kinds: Names of their nodes.
        where: Under which conditions, of a node and of which nodes before it lie on the way.
    """

    kinds: frozenset[str]
    where: Callable[[Any, list[bool]], bool] = lambda node, live: True


def _linear(node: Any, live: list[bool]) -> bool:
    kind = kind_of(node)
    if kind == "EmbeddingBag" and live[0] and node._saved_mode == _MAXIMA:
        return False
    if kind in PRODUCT_NODES:
        return sum(live) < 2 or (kind.startswith(("Add", "Baddbmm", "SparseAdd")) and sum(live[1:]) < 2)
    if kind in LINEAR_IN_FIRST:
        return not any(live[1:])
    return kind not in NORMS or not getattr(node, "_saved_training", True)


AFFINE = NodesWithoutRule(LINEAR | PRODUCT_NODES | LINEAR_IN_FIRST | NORMS, _linear)
"""What is linear in all that depends on the source."""

REARRANGES = NodesWithoutRule(REARRANGING)
"""What changes no number."""


@final
class GraphAudit:
    """Who has made steps that may need a rule, and which of them lie between two places.

    Args:
        exempt: Which need none.
    """

    def __init__(self, exempt: NodesWithoutRule) -> None:
        self._exempt, self._settled = exempt, exempt.kinds - LINEAR_IN_FIRST
        self._tag_output: dict[Any, tuple[str, nn.Module | None]] = {}
        self._entered: dict[str, nn.Module | None] = {}

    def enter(self, custom: str, caller: Callable[[], nn.Module | None]) -> None:
        """Remember who calls a function of the user's own, by the name of its node."""
        if custom and custom not in self._entered:
            self._entered[custom] = caller()

    def note(self, function: Callable[..., Any], result: Any, caller: Callable[[], nn.Module | None]) -> None:
        """Remember who makes the last step to a result, if it may need a rule."""
        for each in (result,) if isinstance(result, Tensor) else result if isinstance(result, tuple | list) else ():
            node = each.grad_fn if isinstance(each, Tensor) else None
            if node is not None and kind_of(node) not in self._settled:
                self._tag_output.setdefault(node, (function.__name__, caller()))

    def missing_rules(self, ends: Tensor, starts: tuple[Tensor, ...]) -> Iterator[tuple[str, nn.Module | None]]:
        """What needs a rule on the way from the starts to the end, and by whom: a function's or a node's name."""
        with torch.enable_grad():  # older releases of torch look at a view of a leaf
            passes = _NodesBetween({get_gradient_edge(each).node for each in starts if each.requires_grad})
        if ends.grad_fn is None:
            return
        passes.to(ends.grad_fn)
        for node in passes.along:
            if SPAN in node.metadata:
                continue
            live = [each is not None and each in passes for each, _ in node.next_functions]
            if kind_of(node) not in self._exempt.kinds or not self._exempt.where(node, live):
                yield self._tag_output.get(node, (kind_of(node), self._entered.get(node.name())))


SPAN = object()
"""What steps remember under this name: those that a call with a changed gradient begins after."""


def span(result: Any, starts: tuple[Any, ...]) -> None:
    """Say of what a call returns that all steps from some on are the call's own, and follow a rule."""
    for each in (result,) if isinstance(result, Tensor) else result:
        step: Any = each.grad_fn if isinstance(each, Tensor) else None
        if step is not None and step not in starts:
            step.metadata[SPAN] = starts


def steps_before(step: Any) -> list[Any]:
    """The steps before one, or before the call that it is the last of."""
    try:
        starts = step.metadata.get(SPAN)
    except RuntimeError as error:
        return _freed(error)
    return [each for each, _ in step.next_functions if each is not None] if starts is None else [*starts]


def _freed(error: RuntimeError) -> list[Any]:
    """What lies before a step that torch, of older releases, has freed: no gradient goes that way."""
    if "already been deallocated" not in str(error):
        raise error
    return []


class _NodesBetween:
    """Which nodes lie on the way from a start."""

    def __init__(self, starts: set[Any]) -> None:
        self._known: dict[Any, bool] = dict.fromkeys(starts, True)
        self._starts = starts
        self.along: list[Any] = []

    def to(self, end: Any) -> None:
        """Look at all nodes before one; without recursion, as networks are deep."""
        waiting = [end]
        while waiting:
            node = waiting[-1]
            before = steps_before(node)
            if node in self._known:
                waiting.pop()
                continue
            unknown = [each for each in before if each not in self._known]
            if unknown:
                waiting += unknown
                continue
            self._known[node] = any(self._known[each] for each in before)
            if self._known[node]:
                self.along.append(node)
            waiting.pop()

    def __contains__(self, node: Any) -> bool:
        return self._known.get(node, False)


def kind_of(node: Any) -> str:
    """What a node is, without the number of its form: `Mul` of `MulBackward0`."""
    return _stem(node.name())


@functools.cache
def _stem(name: str) -> str:
    return name.rpartition("::")[2].rstrip("0123456789").removesuffix("Backward")
