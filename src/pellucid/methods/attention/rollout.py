"""Attention rollout: the attention of all layers, multiplied."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import evaluate_own_points
from pellucid.core.model.fast_paths import without_fast_paths
from pellucid.core.model.layers import OUTPUT
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.points import Points
from pellucid.core.rules.decompositions.attention import attention, softmax
from pellucid.core.rules.entries import Decompose
from pellucid.core.rules.ruled_forward import record
from pellucid.core.rules.rules import Rules
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, at_least_float32
from pellucid.errors import InvalidArgument, OutOfRange
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.cam.channels import patch_grid, tokens_to_grid

HEADS: dict[str, Callable[[Tensor, int], Tensor]] = {"mean": torch.mean, "max": torch.amax, "min": torch.amin}
"""How the heads of a layer become one."""


@final
@dataclass(frozen=True, kw_only=True)
class AttentionRollout(Summarized):
    """How much each input token contributes to each token of the last layer, by attention and residuals alone.

    R = A_L ... A_2 A_1, A_l = (W_l + I) / 2 the attention of layer l, the mean W_l of its heads, and the residual

    Attention is taken from the calls of torch, in their order: from each softmax of as many rows as columns (as many
    as the first such), and from the softmax inside each fused attention. The target does not matter.

    Abnar, Zuidema, "Quantifying attention flow in transformers", 2020, https://arxiv.org/abs/2005.00928.

    Args:
        heads: How the heads of a layer become one.
        discard_ratio: The share of each layer's attentions, the smallest, that are set to zero; in [0, 1).
        token: The token of the last layer to explain, such as 0 for a class token; None for all.

    Examples:
        >>> import torch
        >>> from pellucid.methods import AttentionRollout, Problem
        >>> def attend(x):
        ...     return torch.softmax(x @ x.mT, -1) @ x
        >>> x = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
        >>> AttentionRollout()(Problem(lambda x: attend(attend(x)), x)).values[0].round(decimals=4)
        tensor([[[0.7022, 0.2978],
                 [0.2978, 0.7022]]])
    """

    heads: Literal["mean", "max", "min"] = "mean"
    discard_ratio: float = 0.0
    token: int | None = None

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The rollout.

        Args:
            f: A function of the inputs.

        Returns:
            Attributions (B, T, T), a row for each token of the last layer, which adds up to one. For one `token`:
            (B, T), or, where tokens are the patches of an image, (B, 1, height, width) of the patches alone.

        Raises:
            InvalidArgument: The model has no attention, or attends within windows.
        """
        if self.heads not in HEADS or not 0 <= self.discard_ratio < 1:
            raise InvalidArgument(
                f"heads must be one of {', '.join(HEADS)}, and discard_ratio at least zero and below one: "
                f"got {summary(self.heads)} and {summary(self.discard_ratio)}."
            )

        def roll_out(points: Points) -> Tensors:
            attentions = _attentions(f, points)
            with torch.autocast(attentions[0].device.type, enabled=False):  # which the user means for the model alone
                layers = (self._layer_attention(weights, len(points)) for weights in attentions)
                rollout = functools.reduce(lambda product, layer: layer @ product, layers)
            return (rollout.to(attentions[0].dtype),)

        (rollout,) = evaluate_own_points(f, roll_out)
        return Attributions((self._select_token(f, rollout),))

    def _layer_attention(self, weights: Tensor, examples: int) -> Tensor:
        """The attention of a layer, (B, T, T): one head of all, without the smallest weights, and the residual."""
        head = HEADS[self.heads](at_least_float32(weights).reshape(examples, -1, *weights.shape[-2:]), 1)
        flat = head.flatten(1)
        smallest = flat.topk(int(self.discard_ratio * flat.shape[1]), largest=False).indices
        with_residual = flat.scatter(1, smallest, 0).view_as(head) + torch.eye(head.shape[-1], device=head.device)
        return with_residual / with_residual.sum(-1, keepdim=True)

    def _select_token(self, f: ModelFunction, rollout: Tensor) -> Tensor:
        """The row of the token, as an image where tokens are its patches; all rows without a token."""
        if self.token is None:
            return rollout
        tokens = rollout.shape[-1]
        if not -tokens <= self.token < tokens:
            raise OutOfRange(f"token must be one of the {tokens} tokens: got {self.token}.")
        grid = patch_grid(tokens, f)
        row = rollout[:, self.token]
        return row if grid is None else tokens_to_grid(row[:, None], grid)


def _attentions(f: ModelFunction, points: Points) -> list[Tensor]:
    """The attention weights of a forward, (B, heads, T, T) or (B * heads, T, T) each, in the order of the calls.

    Raises:
        InvalidArgument: There are none, or they are of windows.
    """
    attentions: list[Tensor] = []

    def recorded_softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
        weights = softmax(input, dim, dtype)
        size = weights.shape[-1]
        if weights.ndim > 2 and dim % weights.ndim == weights.ndim - 1 and weights.shape[-2] == size:
            attentions.extend([weights] if not attentions or attentions[0].shape[-1] == size else [])
        return weights

    rules = Rules({"softmax": Decompose(recorded_softmax), "scaled_dot_product_attention": Decompose(attention)})
    measuring = f.session.budget.measuring(len(points))
    # Fast paths off, as compiled modules and fused layers hide their calls of torch.
    with without_fast_paths(f.session.info, hooks=True), measuring, record(rules, f.problem.model):
        f.activations(points, OUTPUT)
    if not attentions:
        raise InvalidArgument("model must pay attention, by a softmax of as many rows as columns: got none.")
    for weights in attentions:
        if len(weights) % len(points) or (weights.ndim > 3 and len(weights) != len(points)):
            raise InvalidArgument(
                f"model must pay attention to all tokens of each of {len(points)} examples: "
                f"got windows, {tuple(weights.shape)}."
            )
    return attentions
