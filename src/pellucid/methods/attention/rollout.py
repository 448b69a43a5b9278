"""Where attention comes from, through all layers."""

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
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.run import record
from pellucid.core.tensors import Tensors, at_least_float32
from pellucid.errors import InvalidArgument, OutOfRange
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.cam.channels import patch_grid, tokens_to_grid

HEADS: dict[str, Callable[[Tensor, int], Tensor]] = {"mean": torch.mean, "max": torch.amax, "min": torch.amin}
"""What can be taken of the heads."""


@final
@dataclass(frozen=True, kw_only=True)
class AttentionRollout:
    """How much of each input token flows into each token of the last layer, if attention were all there is.

    R = A_L ... A_2 A_1, A_l the attention of layer l, the mean of its heads, and the residual connection: (W_l + I) / 2

    Attention is taken from the calls of torch, in their order: every softmax of as many rows as columns, of the size of
    the first, and the one inside a fused attention. Whatever is explained does not matter.

    Abnar, Zuidema, "Quantifying attention flow in transformers", 2020, https://arxiv.org/abs/2005.00928.

    Args:
        heads: What is taken of the heads.
        discard: The share of each layer's smallest attentions that does not count.
        token: The token of the last layer whose row is wanted, such as 0 for a class token; None for all.

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
    discard: float = 0.0
    token: int | None = None

    @attribution
    def __call__(self, f: ModelFunction, /) -> Attributions:
        """The attention that flows.

        Args:
            f: From the inputs.

        Returns:
            Attributions (B, T, T), a row for each token of the last layer, which adds up to one; of one `token`,
            (B, T), or (B, 1, height, width) where tokens are the patches of an image, without a class token.

        Raises:
            InvalidArgument: The model attends to nothing, or within parts of an example only.
        """
        if self.heads not in HEADS or not 0 <= self.discard < 1:
            raise InvalidArgument(
                f"heads must be one of {', '.join(HEADS)}, and discard at least zero and below one: "
                f"got {self.heads!r} and {self.discard}."
            )

        def flow(points: Points) -> Tensors:
            attentions = _attentions(f, points)
            with torch.autocast(attentions[0].device.type, enabled=False):  # it reaches the model and nothing else
                layers = (self._mixed(weights, len(points)) for weights in attentions)
                rolled_out = functools.reduce(lambda below, layer: layer @ below, layers)
            return (rolled_out.to(attentions[0].dtype),)

        (rolled_out,) = evaluate_own_points(f, flow)
        return Attributions((self._chosen(f, rolled_out),))

    def _mixed(self, weights: Tensor, examples: int) -> Tensor:
        """What a layer mixes, (B, T, T), by the attention of all its heads."""
        mixed = HEADS[self.heads](at_least_float32(weights).reshape(examples, -1, *weights.shape[-2:]), 1)
        flat = mixed.flatten(1)
        smallest = flat.topk(int(self.discard * flat.shape[1]), largest=False).indices
        kept = flat.scatter(1, smallest, 0).view_as(mixed) + torch.eye(mixed.shape[-1], device=mixed.device)
        return kept / kept.sum(-1, keepdim=True)

    def _chosen(self, f: ModelFunction, flow: Tensor) -> Tensor:
        """The rows that are wanted, those of an image's tokens where their patches are."""
        if self.token is None:
            return flow
        tokens = flow.shape[-1]
        if not -tokens <= self.token < tokens:
            raise OutOfRange(f"token must be one of the {tokens} tokens: got {self.token}.")
        grid = patch_grid(tokens, f)
        row = flow[:, self.token]
        return row if grid is None else tokens_to_grid(row[:, None], grid)


def _attentions(f: ModelFunction, points: Points) -> list[Tensor]:
    """The attention that the calls of a forward pay, (B, heads, T, T) or (B * heads, T, T), in their order.

    Raises:
        InvalidArgument: There is none, or it is paid within windows.
    """
    found: list[Tensor] = []

    def watched(input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
        weights = softmax(input, dim, dtype)
        size = weights.shape[-1]
        if weights.ndim > 2 and dim % weights.ndim == weights.ndim - 1 and weights.shape[-2] == size:
            found.extend([weights] if not found or found[0].shape[-1] == size else [])
        return weights

    rules = Rules({"softmax": Decompose(watched), "scaled_dot_product_attention": Decompose(attention)})
    measuring = f.session.budget.measuring(len(points))
    # Compiled modules show their calls.
    with without_fast_paths(f.session.info, hooks=True), measuring, record(rules, f.problem.model):
        f.activations(points, OUTPUT)
    if not found:
        raise InvalidArgument("forward_func must pay attention, by a softmax of as many rows as columns: got none.")
    for weights in found:
        if len(weights) % len(points) or (weights.ndim > 3 and len(weights) != len(points)):
            raise InvalidArgument(
                f"forward_func must pay attention to all tokens of each of {len(points)} examples: "
                f"got windows, {tuple(weights.shape)}."
            )
    return found
