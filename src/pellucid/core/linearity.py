"""Whether what autograd has recorded is linear: the steps that no rule has looked at."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, final

from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge


def words(text: str) -> frozenset[str]:
    """The words of a table."""
    return frozenset(text.split())


LINEAR = words(
    """
    AccumulateGrad Add Alias AsStrided AvgPool1D AvgPool2D AvgPool3D BlockDiag AdaptiveAvgPool2D AdaptiveAvgPool3D
    MkldnnAdaptiveAvgPool2D Broadcast Cat Clone Col2Im Complex Conj ConjPhysical ConstantPadNd Copies Copy CopySlices
    Cumsum DiagEmbed Diagonal Diff Embedding Expand FftC2C FftC2R FftR2C Fill Flip Fold FromNested Gather
    Hook Identity Im2Col Imag Index IndexAdd IndexCopy IndexFill IndexPut IndexPutImpl IndexSelect Kron
    LiftFresh Linear1d MaskedFill MaskedScatter MaskedSelect MaxUnpool2D MaxUnpool3D Mean Movedim Narrow NativeDropout
    Neg NestedTensor NewZeros NllLoss NllLoss2D Permute PixelShuffle PixelUnshuffle Put Real ReflectionPad1D
    ReflectionPad2D ReflectionPad3D Repeat RepeatInterleave ReplicationPad1D ReplicationPad2D ReplicationPad3D
    Reshape ReshapeAlias ResolveConj Roll Rot90 Rsub Scatter ScatterAdd ScatterReduce0 Select SelectScatter Slice
    SliceScatter Split SplitWithSizes Squeeze Stack Sub Sum SumToSize T Take ToCopy Trace Transpose Tril Triu Unbind
    Unflatten Unfold UnsafeSplit UnsafeView Unsqueeze UpsampleBicubic2D UpsampleBilinear2D UpsampleLinear1D
    UpsampleNearest1D UpsampleNearest2D UpsampleNearest3D UpsampleNearestExact1D UpsampleNearestExact2D
    UpsampleTrilinear3D Values View ViewAsComplex ViewAsReal Vstack Where Zero _Ruled CopyBackwards PackPaddedSequence
    """
)
"""Names of autograd's nodes that are linear in all that they take."""

PRODUCTS = words(
    """
    Addbmm Addcmul Addmm Addmv Addr Baddbmm Bilinear Bmm Convolution ConvolutionOverrideable CudnnConvolution Dot Ger
    Inner Lerp Linear Matmul Mkldnn MkldnnConvolution MkldnnLinear MiopenConvolution Mm Mul Mv Outer SlowConv2D
    SlowConvDilated2D SlowConvTranspose2D ThnnConv2D ConvDepthwise2D Trilinear Vdot
    """
)
"""Names of nodes that are linear in each that they take, by itself."""

OF_FIRST = frozenset({"Div", "GridSampler2D", "GridSampler3D"})
"""Names of nodes that are linear in the first that they take, where the others do not depend on the source."""

NORMS = frozenset({"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "BatchNormImplIndex"})
"""Names of nodes that are linear where they do not look at the batch."""


KNOWN = LINEAR | PRODUCTS | NORMS


@final
class Trail:
    """Who has made steps that may not be linear, and which of them lie between two places."""

    def __init__(self) -> None:
        self._made: dict[Any, tuple[str, nn.Module | None]] = {}
        self._entered: dict[str, nn.Module | None] = {}

    def enter(self, custom: str, caller: Callable[[], nn.Module | None]) -> None:
        """Remember who calls a function of the user's own, by the name of its node."""
        if custom and custom not in self._entered:
            self._entered[custom] = caller()

    def note(self, function: Callable[..., Any], result: Any, caller: Callable[[], nn.Module | None]) -> None:
        """Remember who makes the last step to a result, if it may not be linear."""
        for each in (result,) if isinstance(result, Tensor) else result if isinstance(result, tuple | list) else ():
            node = each.grad_fn if isinstance(each, Tensor) else None
            if node is not None and _kind(node) not in KNOWN:
                self._made[node] = function.__name__, caller()

    def unruled(self, ends: Tensor, starts: tuple[Tensor, ...]) -> Iterator[tuple[str, nn.Module | None]]:
        """What is not linear on the way from the starts to the end, and by whom: a function's or a node's name."""
        passes = _Passing({get_gradient_edge(each).node for each in starts if each.requires_grad})
        if ends.grad_fn is None:
            return
        passes.to(ends.grad_fn)
        for node in passes.along:
            if not _linear(node, passes):
                yield self._made.get(node, (_kind(node), self._entered.get(node.name())))


class _Passing:
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
            before = [each for each, _ in node.next_functions if each is not None]
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


def _linear(node: Any, passes: _Passing) -> bool:
    kind = _kind(node)
    live = [each is not None and each in passes for each, _ in node.next_functions]
    if kind in PRODUCTS:
        return sum(live) < 2 or (kind.startswith(("Add", "Baddbmm")) and sum(live[1:]) < 2)
    if kind in OF_FIRST:
        return not any(live[1:])
    if kind in NORMS:
        return not getattr(node, "_saved_training", True)
    return kind in LINEAR


def _kind(node: Any) -> str:
    """What a node is, without the number of its form: `Mul` of `MulBackward0`."""
    return _stem(node.name())


@functools.cache
def _stem(name: str) -> str:
    return name.rpartition("::")[2].rstrip("0123456789").removesuffix("Backward")
