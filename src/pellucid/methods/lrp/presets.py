"""Composites from the papers."""

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
    """ZPlus for convolutions, epsilon for all other layers.

    Args:
        epsilon: The epsilon of all other layers.
        stabiliser: The epsilon of all other calls and of convolutions.
    """
    return Composite(_convolutions(ZPlus(stabiliser)), default=Epsilon(epsilon), stabiliser=stabiliser)


def EpsilonPlusFlat(epsilon: float = 1e-6, *, stabiliser: float = EPSILON) -> Composite:  # noqa: N802
    """Flat for first layers, ZPlus for other convolutions, epsilon for all other layers.

    Args:
        epsilon: The epsilon of all other layers.
        stabiliser: The epsilon of all other calls, of convolutions and of first layers.
    """
    return dataclasses.replace(EpsilonPlus(epsilon, stabiliser=stabiliser), first=Flat(stabiliser))


def EpsilonAlpha2Beta1(epsilon: float = 1e-6, *, stabiliser: float = EPSILON) -> Composite:  # noqa: N802
    """AlphaBeta for convolutions, with alpha 2 and beta 1, epsilon for all other layers.

    Args:
        epsilon: The epsilon of all other layers.
        stabiliser: The epsilon of all other calls and of convolutions.
    """
    rule = AlphaBeta(stabiliser, alpha=2, beta=1)
    return Composite(_convolutions(rule), default=Epsilon(epsilon), stabiliser=stabiliser)


def EpsilonGammaBox(  # noqa: N802
    low: float | Tensor,
    high: float | Tensor,
    gamma: float = 0.25,
    epsilon: float = 1e-6,
    *,
    stabiliser: float = EPSILON,
) -> Composite:
    """ZBox for first layers, gamma for other convolutions, epsilon for all other layers.

    Args:
        low: The lower bound of the inputs; see [ZBox][pellucid.methods.ZBox].
        high: The upper bound.
        gamma: The gamma of convolutions.
        epsilon: The epsilon of all other layers.
        stabiliser: The epsilon of all other calls, of convolutions and of first layers.
    """
    return Composite(
        _convolutions(Gamma(stabiliser, gamma=gamma)),
        first=ZBox(epsilon=stabiliser, low=low, high=high),
        default=Epsilon(epsilon),
        stabiliser=stabiliser,
    )


def AttnLRP(epsilon: float = 1e-6, gamma: float = 0.0, *, stabiliser: float = EPSILON) -> Composite:  # noqa: N802
    """For transformers: epsilon for all layers; with a gamma, as vision transformers need, gamma for all layers.

    Achtibat et al., 2024, https://arxiv.org/abs/2402.05602.

    Args:
        epsilon: The epsilon of layers.
        gamma: The gamma of layers; zero for the epsilon rule.
        stabiliser: The epsilon of all other calls: attention, sums and products.
    """
    return Composite(default=Gamma(epsilon, gamma=gamma) if gamma else Epsilon(epsilon), stabiliser=stabiliser)
