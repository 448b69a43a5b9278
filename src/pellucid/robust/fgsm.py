"""The fast gradient sign method."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor

from pellucid.core.tensors import Tensors
from pellucid.robust.gradient_attack import GradientAttack, as_given, checked_inputs, masks_of, sign_step


@final
class FGSM(GradientAttack):
    """The fast gradient sign method: one step by which a loss grows, or one of a wanted class shrinks.

        x' = clamp(x + epsilon * sign(dL / dx) * mask, lower_bound, upper_bound)

    Elements whose gradient is at most 1e-6 stay as they are.

    Args:
        forward_func: The model.
        loss_func: (output, target) -> the loss of each example, (B,). None: -log of the output's target, which must be
            a probability.
        lower_bound: What perturbed inputs are at least.
        upper_bound: What perturbed inputs are at most.

    Reference:
        Goodfellow, Shlens and Szegedy, "Explaining and Harnessing Adversarial Examples", arXiv 1412.6572.

    Examples:
        >>> import torch
        >>> from pellucid.robust import FGSM
        >>> model = torch.nn.Softmax(dim=1)
        >>> FGSM(model).perturb(torch.tensor([[1.0, 2.0]]), epsilon=0.1, target=0)
        tensor([[0.9000, 2.1000]])
    """

    def perturb(
        self,
        inputs: Tensor | Tensors,
        epsilon: float,
        target: Any,
        additional_forward_args: Any = None,
        targeted: bool = False,
        mask: Tensor | Tensors | None = None,
    ) -> Tensor | Tensors:
        """Perturb inputs.

        Args:
            inputs: One tensor or a tuple, (B, ...) each, floating.
            epsilon: How far each element moves.
            target: The right class, which the loss is of; or, where `targeted`, the one that is wanted.
            additional_forward_args: The arguments of the model after the inputs.
            targeted: Whether the loss shall shrink.
            mask: What may move, 1, and what not, 0; for all inputs, or a tuple with one for each.

        Returns:
            The perturbed inputs, as they came.

        Raises:
            InvalidArgument: An argument is not what is described here.
        """
        tensors = checked_inputs(inputs)
        masks = masks_of(mask, tensors)
        gradients = self._gradients(tensors, target, additional_forward_args)
        size = -epsilon if targeted else epsilon
        moved = tuple(
            self._bounded(sign_step(x, gradient, size, each))
            for x, gradient, each in zip(tensors, gradients, masks, strict=True)
        )
        return as_given(moved, inputs)
