"""An audit of autograd's graph: which nodes need a rule and have none.

A node is one step of the recorded computation. Nodes that are linear in what depends on the source need no rule for
DeepLift, nodes that only rearrange values none for LRP.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from pellucid.core.summaries import Summarized


def split_names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_LINEAR_REARRANGING = split_names(
    """
    AccumulateGrad Alias AsStrided AsStridedScatter BackwardHookFunction BlockDiag Broadcast Cat ChannelShuffle
    Chunk Clone Coalesce Complex ConstantPadNd Copies Copy CopyBackwards CopySlices DiagEmbed Diagonal
    DiagonalScatter Embedding Expand Fill Flip FromNested Gather Hook Identity Im2Col Imag Index IndexCopy
    IndexFill IndexPut IndexPutImpl IndexSelect LiftFresh MaskedFill MaskedScatter MaskedSelect MaxUnpool2D
    MaxUnpool3D Movedim Narrow NarrowCopy NestedFromPadded NestedGetValues NestedTensor NestedTensorFromMask
    NestedTensorFromTensorList NestedViewFromBuffer NestedViewFromJagged NewZeros PackPaddedSequence Permute
    PixelShuffle PixelUnshuffle Real ReflectionPad1D ReflectionPad2D ReflectionPad3D Repeat RepeatInterleave
    ReplicationPad1D ReplicationPad2D ReplicationPad3D Reshape ReshapeAlias ReshapeCopy Roll Rot90 Scatter Select
    SelectScatter Slice SliceScatter SparseMask Split SplitWithSizes Squeeze Stack T Take ToCopy ToDense
    ToPaddedTensor ToSparse ToSparseBsc ToSparseBsr ToSparseCsc ToSparseCsr Transpose Tril Triu Unbind Unflatten
    Unfold UnsafeIndex UnsafeIndexPut UnsafeMaskedIndex UnsafeSplit UnsafeSplitWithSizes UnsafeView Unsqueeze
    UpsampleNearest1D UpsampleNearest2D UpsampleNearest3D UpsampleNearestExact1D UpsampleNearestExact2D
    UpsampleNearestExact3D Values View ViewAsComplex ViewAsReal Vstack Where Zero _RuledOp
    """
)

LINEAR = _LINEAR_REARRANGING | split_names(
    """
    AdaptiveAvgPool2D AdaptiveAvgPool3D Add AffineGridGenerator AvgPool1D AvgPool2D AvgPool3D Col2Im Conj
    ConjPhysical CudnnAffineGridGenerator Cumsum Deg2Rad Diff FftC2C FftC2R FftR2C Fold IndexAdd Kron Linear1d Mean
    MkldnnAdaptiveAvgPool2D Nansum NativeDropout Neg NegView NllLoss NllLoss2D Put Rad2Deg ResolveConj Rsub
    ScatterAdd SparseSum Sub Sum SumToSize Trace UnfoldBackward UnsafeMaskedIndexPutAccumulate UpsampleBicubic2D
    UpsampleBicubic2DAa UpsampleBilinear2D UpsampleBilinear2DAa UpsampleLanczos2DAa UpsampleLinear1D
    UpsampleTrilinear3D
    """
)
"""Autograd nodes that are linear in all their inputs together."""

REARRANGING = _LINEAR_REARRANGING | split_names(
    """
    AdaptiveMaxPool2D AdaptiveMaxPool3D Amax Amin FractionalMaxPool2D FractionalMaxPool3D Kthvalue Max
    MaxPool2DWithIndices MaxPool3DWithIndices Maximum Median Min Minimum MkldnnMaxPool2D MkldnnMaxPool3D Mode Sort
    Topk
    """
)
"""Autograd nodes that only move, copy or select values."""

PRODUCT_NODES = split_names(
    """
    Addbmm Addcmul Addmm Addmv Addr Baddbmm Bilinear Bmm ConvDepthwise2D ConvTbc Convolution
    ConvolutionOverrideable CudnnConvolution Dot EmbeddingBag Ger GroupedMm Inner Lerp LinalgCross Linear Matmul
    MiopenConvolution Mkldnn MkldnnConvolution MkldnnLinear Mm Mul Mv Outer SlowConv2D SlowConvDilated2D
    SlowConvTranspose2D SparseAddmm SparseSparseMatmul ThnnConv2D Trilinear Vdot
    """
)
"""Nodes that are linear in each of their inputs alone, but not in several together."""

LINEAR_IN_FIRST = split_names(
    """
    CholeskySolve CudnnGridSampler Div GridSampler2D GridSampler2DCpuFallback GridSampler3D Ldexp TriangularSolve
    """
)
LINEAR_IN_SECOND = split_names("LinalgLuSolve LinalgSolveEx LinalgSolveTriangular")
LINEAR_IN_ONE = LINEAR_IN_FIRST | LINEAR_IN_SECOND
"""Nodes that are linear in one of their inputs, where the others do not depend on the source."""

_MAX_MODE = 2
"""Torch's number of the mode of an embedding bag that takes the maximum."""

NORMS = frozenset({"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "BatchNormImplIndex"})
"""Nodes that are linear where they do not normalise by the statistics of the batch."""


@final
@dataclass(frozen=True)
class NodesWithoutRule(Summarized):
    """The nodes that need no rule.

    Args:
        kinds: The kinds of nodes.
        where: A further condition: (the node, for each of its inputs whether it depends on the source) -> bool.
    """

    kinds: frozenset[str]
    where: Callable[[Any, list[bool]], bool] = lambda node, live: True


def _is_linear(node: Any, live: list[bool]) -> bool:
    """Whether a node is linear in those of its inputs that depend on the source."""
    kind = kind_of(node)
    if kind == "EmbeddingBag" and live[0] and node._saved_mode == _MAX_MODE:
        return False
    if kind in PRODUCT_NODES:
        return sum(live) < 2 or (kind.startswith(("Add", "Baddbmm", "SparseAdd")) and sum(live[1:]) < 2)
    if kind in LINEAR_IN_ONE:
        return sum(live) == live[kind in LINEAR_IN_SECOND]
    return kind not in NORMS or not getattr(node, "_saved_training", True)


AFFINE = NodesWithoutRule(LINEAR | PRODUCT_NODES | LINEAR_IN_ONE | NORMS, _is_linear)
"""Nodes that are linear in those of their inputs that depend on the source."""

REARRANGES = NodesWithoutRule(REARRANGING)
"""Nodes that only move, copy or select values."""


@final
class GraphAudit:
    """Which functions and modules have made nodes that may need a rule, and which of these lie between two tensors.

    Args:
        exempt: The nodes that need no rule.
    """

    def __init__(self, exempt: NodesWithoutRule) -> None:
        self._exempt, self._always_exempt = exempt, exempt.kinds - LINEAR_IN_ONE
        self._origins: dict[Any, tuple[str, nn.Module | None]] = {}
        self._custom_callers: dict[str, nn.Module | None] = {}

    def enter(self, custom: str, caller: Callable[[], nn.Module | None]) -> None:
        """Remember which module calls the user's own `autograd.Function`, by the name of its node."""
        if custom and custom not in self._custom_callers:
            self._custom_callers[custom] = caller()

    def note(self, function: Callable[..., Any], result: Any, caller: Callable[[], nn.Module | None]) -> None:
        """Remember which function and module have made the last node of a result, if it may need a rule."""
        for value in (result,) if isinstance(result, Tensor) else result if isinstance(result, tuple | list) else ():
            node = value.grad_fn if isinstance(value, Tensor) else None
            if node is not None and kind_of(node) not in self._always_exempt:
                self._origins.setdefault(node, (function.__name__, caller()))

    def missing_rules(self, ends: Tensor, starts: tuple[Tensor, ...]) -> Iterator[tuple[str, nn.Module | None]]:
        """The nodes between two sets of tensors that need a rule and have none.

        Args:
            ends: The output.
            starts: The tensors at which gradients are taken.

        Returns:
            The function's name, or else the node's, and the module that made it, for each node.
        """
        with torch.enable_grad():  # older releases of torch need it for the edge of a view of a leaf
            dependent = _DependentNodes({get_gradient_edge(start).node for start in starts if start.requires_grad})
        if ends.grad_fn is None:
            return
        dependent.collect(ends.grad_fn)
        for node in dependent.nodes:
            if SPAN in node.metadata:
                continue
            live = [before is not None and before in dependent for before, _ in node.next_functions]
            if kind_of(node) not in self._exempt.kinds or not self._exempt.where(node, live):
                yield self._origins.get(node, (kind_of(node), self._custom_callers.get(node.name())))


SPAN = object()
"""The metadata key of the last node of a call that follows a rule; its value: the nodes of the call's inputs."""


def span(result: Any, starts: tuple[Any, ...]) -> None:
    """Mark a call as one that follows a rule, so that the audit passes over the nodes inside of it.

    Args:
        result: What the call returned.
        starts: The nodes of its inputs.
    """
    for value in (result,) if isinstance(result, Tensor) else result:
        node: Any = value.grad_fn if isinstance(value, Tensor) else None
        if node is not None and node not in starts:
            node.metadata[SPAN] = starts


def steps_before(node: Any) -> list[Any]:
    """The nodes of a node's inputs; for the last node of a call that follows a rule, those of the call's inputs."""
    try:
        starts = node.metadata.get(SPAN)
    except RuntimeError as error:
        return _no_inputs(error)
    return [before for before, _ in node.next_functions if before is not None] if starts is None else [*starts]


def _no_inputs(error: RuntimeError) -> list[Any]:
    """The inputs of a node that an older release of torch has freed: no gradient reaches them."""
    if "already been deallocated" not in str(error):
        raise error
    return []


class _DependentNodes:
    """The nodes that depend on some start nodes.

    Args:
        starts: The start nodes.
    """

    def __init__(self, starts: set[Any]) -> None:
        self._depends: dict[Any, bool] = dict.fromkeys(starts, True)
        self.nodes: list[Any] = []
        """Those collected, each after its inputs, without the starts."""

    def collect(self, end: Any) -> None:
        """Collect the nodes that `end` was computed from; without recursion, as networks are deep."""
        pending = [end]
        while pending:
            node = pending[-1]
            inputs = steps_before(node)
            if node in self._depends:
                pending.pop()
                continue
            unknown = [before for before in inputs if before not in self._depends]
            if unknown:
                pending += unknown
                continue
            self._depends[node] = any(self._depends[before] for before in inputs)
            if self._depends[node]:
                self.nodes.append(node)
            pending.pop()

    def __contains__(self, node: Any) -> bool:
        return self._depends.get(node, False)


def kind_of(node: Any) -> str:
    """The kind of a node, its name without suffixes: `Mul` of `MulBackward0`, `View` of `ViewBackward0_copy`."""
    return _kind_of_name(node.name())


@functools.cache
def _kind_of_name(name: str) -> str:
    stem = name.rpartition("::")[2].removesuffix("_copy").rstrip("0123456789")
    return stem.removesuffix("AutogradNestedTensor").removesuffix("Backward")
