"""The rules of layers, from the papers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument
from pellucid.methods.lrp.contributions import (
    ContributionRule,
    ContributionTerm,
    LayerRule,
    Modifier,
    identity,
    negative,
    positive,
)

POSITIVE_CONTRIBUTIONS = ((positive, positive), (negative, negative))
"""The modifiers (of inputs, of weights) whose products are the positive contributions."""

NEGATIVE_CONTRIBUTIONS = ((positive, negative), (negative, positive))
"""Those whose products are the negative contributions."""


@final
@dataclass(frozen=True)
class Epsilon(ContributionRule):
    """By all contributions: R_i = sum over j of x_i w_ij / (z_j + epsilon * sign(z_j)) * R_j.

    A large epsilon absorbs the relevance of outputs whose contributions are weak or cancel each other.

    Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance propagation",
    2015, https://doi.org/10.1371/journal.pone.0130140.

    Examples:
        >>> import torch
        >>> from pellucid.methods import LRP, Composite, Epsilon, Problem
        >>> problem = Problem(lambda x: x @ torch.tensor([[1.0], [-1.0]]), torch.tensor([[3.0, 1.0]]))
        >>> LRP(composite=Composite(default=Epsilon()))(problem).values
        (tensor([[ 3., -1.]]),)
    """

    needs_folded_batch_norm: ClassVar[bool] = False

    def terms(self) -> tuple[ContributionTerm, ...]:
        """One term: all contributions."""
        return (ContributionTerm(((identity, identity),)),)


@final
@dataclass(frozen=True)
class Gamma(ContributionRule):
    """Positive contributions count more: w + gamma * max(w, 0) takes the place of w.

    With negative inputs, too: positive contributions count more for outputs of at least zero, negative ones for others.

    Montavon et al., "Layer-wise relevance propagation: an overview", 2019,
    https://doi.org/10.1007/978-3-030-28954-6_10; for negative inputs, Andéol et al., "Learning domain invariant
    representations by joint Wasserstein distance minimization", 2021, https://arxiv.org/abs/2106.04923.

    Args:
        gamma: How much more positive contributions count, at least 0.

    Examples:
        >>> import torch
        >>> from pellucid.methods import LRP, Composite, Gamma, Problem
        >>> problem = Problem(lambda x: x @ torch.tensor([[1.0], [-1.0]]), torch.tensor([[3.0, 1.0]]))
        >>> LRP(composite=Composite(default=Gamma(gamma=1.0)))(problem).values
        (tensor([[ 2.4000, -0.4000]]),)
    """

    gamma: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.gamma >= 0:
            raise InvalidArgument(f"gamma must be at least 0: got {self.gamma}.")

    def terms(self) -> tuple[ContributionTerm, ...]:
        """One term for positive outputs, one for negative ones."""

        def weighted_up(sign: Modifier) -> Modifier:
            return lambda w: w + self.gamma * sign(w)

        more_positive, more_negative = weighted_up(positive), weighted_up(negative)
        return (
            ContributionTerm(
                ((positive, more_positive), (negative, more_negative)), bias=more_positive, outputs="positive"
            ),
            ContributionTerm(
                ((positive, more_negative), (negative, more_positive)), bias=more_negative, outputs="negative"
            ),
        )


@final
@dataclass(frozen=True)
class ZPlus(ContributionRule):
    """By positive contributions alone: the limit of the gamma rule for a large gamma.

    Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017,
    https://doi.org/10.1016/j.patcog.2016.11.008.

    Examples:
        >>> import torch
        >>> from pellucid.methods import LRP, Composite, ZPlus, Problem
        >>> problem = Problem(lambda x: x @ torch.tensor([[1.0], [-1.0]]), torch.tensor([[3.0, 1.0]]))
        >>> LRP(composite=Composite(default=ZPlus()))(problem).values
        (tensor([[2., 0.]]),)
    """

    def terms(self) -> tuple[ContributionTerm, ...]:
        """One term: positive contributions."""
        return (ContributionTerm(POSITIVE_CONTRIBUTIONS, positive),)


@final
@dataclass(frozen=True)
class AlphaBeta(ContributionRule):
    """Alpha times the relevance by positive contributions, minus beta times that by negative contributions.

    Bach et al., 2015, https://doi.org/10.1371/journal.pone.0130140.

    Args:
        alpha: The factor of positive contributions, 1 + beta, so that relevance is conserved.
        beta: The factor of negative contributions, at least 0.

    Examples:
        >>> import torch
        >>> from pellucid.methods import LRP, Composite, AlphaBeta, Problem
        >>> problem = Problem(lambda x: x @ torch.tensor([[1.0], [-1.0]]), torch.tensor([[3.0, 1.0]]))
        >>> LRP(composite=Composite(default=AlphaBeta(alpha=2, beta=1)))(problem).values
        (tensor([[ 4., -2.]]),)
    """

    alpha: float = 2.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta < 0 or not math.isclose(self.alpha - self.beta, 1):
            raise InvalidArgument(
                f"alpha must be 1 + beta, and beta at least 0: got alpha={self.alpha}, beta={self.beta}."
            )

    def terms(self) -> tuple[ContributionTerm, ...]:
        """One term for positive contributions, one for negative contributions."""
        term = ContributionTerm(POSITIVE_CONTRIBUTIONS, positive, self.alpha)
        return (term, ContributionTerm(NEGATIVE_CONTRIBUTIONS, negative, -self.beta)) if self.beta else (term,)


@final
@dataclass(frozen=True, kw_only=True)
class ZBox(ContributionRule):
    """For inputs between bounds, such as pixels: by contributions x w - low max(w, 0) - high min(w, 0).

    Montavon et al., 2017, https://doi.org/10.1016/j.patcog.2016.11.008.

    Args:
        low: The lower bound, a number or a tensor that broadcasts to one example's input, such as (3, 1, 1).
        high: The upper bound, likewise.

    Examples:
        >>> import torch
        >>> from pellucid.methods import LRP, Composite, ZBox, Problem
        >>> problem = Problem(lambda x: x @ torch.tensor([[1.0], [-1.0]]), torch.tensor([[3.0, 1.0]]))
        >>> LRP(composite=Composite(default=ZBox(low=0, high=4)))(problem).values
        (tensor([[1., 1.]]),)
    """

    low: float | Tensor
    high: float | Tensor
    bias: bool = False

    def terms(self) -> tuple[ContributionTerm, ...]:
        """One term: contributions of the inputs, less those of the bounds."""

        def minus(bound: float | Tensor) -> Modifier:
            return lambda x: -_expand_bound(bound, x)

        return (ContributionTerm(((identity, identity), (minus(self.low), positive), (minus(self.high), negative))),)


def _expand_bound(bound: float | Tensor, x: Tensor) -> Tensor:
    """A bound in the shape of the inputs, the same for all examples.

    Raises:
        InvalidArgument: It does not broadcast to one example's input.
    """
    tensor = torch.as_tensor(bound, dtype=x.dtype, device=x.device)
    try:
        return tensor.expand(x.shape[1:]).expand_as(x)
    except RuntimeError as error:
        raise InvalidArgument(
            f"low and high must broadcast to what the layer takes of one example, {tuple(x.shape[1:])}: "
            f"got {tuple(tensor.shape)}."
        ) from error


@final
@dataclass(frozen=True)
class WSquare(ContributionRule):
    """By squared weights, whatever the inputs.

    Montavon et al., 2017, https://doi.org/10.1016/j.patcog.2016.11.008.

    Examples:
        >>> import torch
        >>> from pellucid.methods import LRP, Composite, WSquare, Problem
        >>> problem = Problem(lambda x: x @ torch.tensor([[1.0], [-1.0]]), torch.tensor([[3.0, 1.0]]))
        >>> LRP(composite=Composite(default=WSquare()))(problem).values
        (tensor([[1., 1.]]),)
    """

    bias: bool = False

    def terms(self) -> tuple[ContributionTerm, ...]:
        """One term: squared weights."""
        return (ContributionTerm(((torch.ones_like, torch.square),), torch.square),)


@final
@dataclass(frozen=True)
class Flat(ContributionRule):
    """In equal parts to all inputs of an output: to its receptive field, in a convolution.

    Lapuschkin et al., "Unmasking Clever Hans predictors and assessing what machines really learn", 2019,
    https://doi.org/10.1038/s41467-019-08987-4.

    Examples:
        >>> import torch
        >>> from pellucid.methods import LRP, Composite, Flat, Problem
        >>> problem = Problem(lambda x: x @ torch.tensor([[1.0], [-1.0]]), torch.tensor([[3.0, 1.0]]))
        >>> LRP(composite=Composite(default=Flat()))(problem).values
        (tensor([[1., 1.]]),)
    """

    bias: bool = False

    def terms(self) -> tuple[ContributionTerm, ...]:
        """One term: ones."""
        return (ContributionTerm(((torch.ones_like, torch.ones_like),), torch.ones_like),)


@final
@dataclass(frozen=True)
class Pass(LayerRule):
    """All relevance to the inputs, element by element, whatever the weights: the relevance of x_i is that of z_i."""

    def __call__(self, call: TorchCall, relevance: Tensor) -> Tensors:
        """The relevance of the output, in equal parts to several inputs.

        Raises:
            InvalidArgument: Inputs and output differ in shape.
        """
        if any(x.shape != relevance.shape for x in call.inputs):
            got = " and ".join(str(tuple(x.shape)) for x in call.inputs)
            raise InvalidArgument(
                f"a rule that passes relevance on must be of calls that keep the shape: {call.name} makes "
                f"{tuple(relevance.shape)} of {got}."
            )
        return tuple(relevance / len(call.inputs) for _ in call.inputs)
