"""Composites of the literature."""

from __future__ import annotations

import dataclasses

from torch import Tensor
from torch.nn import functional

from pellucid.methods.lrp.composite import Composite, LayerKey
from pellucid.methods.lrp.contributions import LayerRule
from pellucid.methods.lrp.layer_rules import AlphaBeta, Epsilon, Flat, Gamma, ZBox, ZPlus
from pellucid.methods.lrp.op_rules import EPSILON

CONVOLUTIONS = tuple(
    getattr(functional, f"conv{kind}{dimensions}d") for kind in ("", "_transpose") for dimensions in (1, 2, 3)
)


def _convolutions(rule: LayerRule) -> dict[LayerKey, LayerRule]:
    return dict.fromkeys(CONVOLUTIONS, rule)


def EpsilonPlus(epsilon: float = 1e-6, *, stabiliser: float = EPSILON) -> Composite:  # noqa: N802  # a composite, made
    """Convolutions by positive contributions, all other layers by all.

    Args:
        epsilon: Of the rule of all other layers.
        stabiliser: What keeps denominators from zero elsewhere: of convolutions, sums and products.
    """
    return Composite(_convolutions(ZPlus(stabiliser)), default=Epsilon(epsilon), stabiliser=stabiliser)


def EpsilonPlusFlat(epsilon: float = 1e-6, *, stabiliser: float = EPSILON) -> Composite:  # noqa: N802
    """The same, and first layers in equal parts."""
    return dataclasses.replace(EpsilonPlus(epsilon, stabiliser=stabiliser), first=Flat(stabiliser))


def EpsilonAlpha2Beta1(epsilon: float = 1e-6, *, stabiliser: float = EPSILON) -> Composite:  # noqa: N802
    """Convolutions by twice the positive contributions less the negative ones, all other layers by all.

    Args:
        epsilon: Of the rule of all other layers.
        stabiliser: What keeps denominators from zero elsewhere.
    """
    of_convolutions = AlphaBeta(stabiliser, alpha=2, beta=1)
    return Composite(_convolutions(of_convolutions), default=Epsilon(epsilon), stabiliser=stabiliser)


def EpsilonGammaBox(  # noqa: N802
    low: float | Tensor,
    high: float | Tensor,
    gamma: float = 0.25,
    epsilon: float = 1e-6,
    *,
    stabiliser: float = EPSILON,
) -> Composite:
    """First layers between bounds of the inputs, convolutions by gamma, all other layers by all contributions.

    Args:
        low: The least that inputs can be; see [ZBox][pellucid.methods.ZBox].
        high: The most.
        gamma: How much more positive contributions to convolutions count.
        epsilon: Of the rule of all other layers.
        stabiliser: What keeps denominators from zero elsewhere.
    """
    return Composite(
        _convolutions(Gamma(stabiliser, gamma=gamma)),
        first=ZBox(epsilon=stabiliser, low=low, high=high),
        default=Epsilon(epsilon),
        stabiliser=stabiliser,
    )


def AttnLRP(epsilon: float = 1e-6, gamma: float = 0.0, *, stabiliser: float = EPSILON) -> Composite:  # noqa: N802
    """For transformers: layers by all contributions, or by gamma, as for vision transformers.

    Achtibat et al., 2024, https://arxiv.org/abs/2402.05602.

    Args:
        epsilon: Of the rule of layers.
        gamma: How much more positive contributions to layers count.
        stabiliser: What keeps denominators from zero elsewhere: of attention, sums and products.
    """
    return Composite(default=Gamma(epsilon, gamma=gamma) if gamma else Epsilon(epsilon), stabiliser=stabiliser)
