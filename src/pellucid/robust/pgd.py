"""Projected gradient descent."""

from __future__ import annotations

from typing import Any, Literal, final

import torch
from torch import Tensor

from pellucid.core.examples import all_examples
from pellucid.core.random_streams import RandomSource, Seed, random_source, resolve_seed
from pellucid.core.tensors import Tensors, broadcast_to, detach_all, flatten_examples
from pellucid.errors import InvalidArgument
from pellucid.robust.gradient_attack import LEAST, GradientAttack, as_given, checked_inputs, masks_of, sign_step

Norm = Literal["Linf", "L2"]


@final
class PGD(GradientAttack):
    """Projected gradient descent: steps along a gradient, which stay in a ball around the inputs.

        x_0 = x, or a random point of the ball;  x_{k+1} = clamp(project(x_k + step_size * direction * mask))

    The direction is the gradient's sign for "Linf", and for "L2" the gradient divided by its norm, of each example and
    input.

    Args:
        forward_func: The model.
        loss_func: (output, target) -> the loss of each example, (B,). None: -log of the output's target, which must be
            a probability.
        lower_bound: What perturbed inputs are at least.
        upper_bound: What perturbed inputs are at most.

    Reference:
        Madry, Makelov, Schmidt, Tsipras and Vladu, "Towards Deep Learning Models Resistant to Adversarial Attacks",
        arXiv 1706.06083.

    Examples:
        >>> import torch
        >>> from pellucid.robust import PGD
        >>> model = torch.nn.Softmax(dim=1)
        >>> PGD(model).perturb(torch.tensor([[1.0, 2.0]]), radius=0.3, step_size=0.2, step_num=5, target=0)
        tensor([[0.7000, 2.3000]])
    """

    def perturb(
        self,
        inputs: Tensor | Tensors,
        radius: float,
        step_size: float,
        step_num: int,
        target: Any,
        additional_forward_args: Any = None,
        targeted: bool = False,
        random_start: bool = False,
        norm: Norm = "Linf",
        mask: Tensor | Tensors | None = None,
        *,
        seed: Seed = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Tensors:
        """Perturb inputs.

        Args:
            inputs: One tensor or a tuple, (B, ...) each, floating.
            radius: How far perturbed inputs are from them at most, in the norm.
            step_size: How far a step goes.
            step_num: How many steps.
            target: The right class, which the loss is of; or, where `targeted`, the one that is wanted.
            additional_forward_args: The arguments of the model after the inputs.
            targeted: Whether the loss shall shrink.
            random_start: Whether to start at a random point of the ball.
            norm: "Linf", of the largest element, or "L2", of each example and input.
            mask: What may move, 1, and what not, 0; for all inputs, or a tuple with one for each.
            seed: Seeds the random starts, with a stream for each example; None draws from torch's global generator.
            generator: What a seed is drawn from; excludes `seed`.

        Returns:
            The perturbed inputs, as they came.

        Raises:
            InvalidArgument: An argument is not what is described here.
        """
        if norm not in ("Linf", "L2"):
            raise InvalidArgument(f'norm must be "Linf" or "L2": got {norm!r}.')
        original = checked_inputs(inputs)
        masks = masks_of(mask, original)
        size = -step_size if targeted else step_size
        moved = original
        if random_start:
            with random_source(resolve_seed(seed, generator), all_examples(len(original[0]))[:, None]) as source:
                starts = (_start(x, radius, norm, source, number) for number, x in enumerate(original))
                moved = tuple(
                    self._bounded(x + start * each) for x, start, each in zip(original, starts, masks, strict=True)
                )
        for _ in range(step_num):
            gradients = self._gradients(detach_all(moved), target, additional_forward_args)
            stepped = (
                _step(x, gradient, size, each, norm) for x, gradient, each in zip(moved, gradients, masks, strict=True)
            )
            moved = tuple(
                self._bounded(x + _projected(step - x, radius, norm)).detach()
                for x, step in zip(original, stepped, strict=True)
            )
        return as_given(moved, inputs)


def _step(x: Tensor, gradient: Tensor, size: float, mask: Tensor | float, norm: Norm) -> Tensor:
    if norm == "Linf":
        return sign_step(x, gradient, size, mask)
    allowed = torch.nan_to_num(gradient) * mask
    length = _lengths(allowed)
    return x + size * torch.where(length > LEAST, allowed / length.clamp(min=LEAST), 0.0)


def _projected(change: Tensor, radius: float, norm: Norm) -> Tensor:
    """The nearest change in the ball."""
    if norm == "Linf":
        return change.clamp(-radius, radius)
    return change * (radius / _lengths(change).clamp(min=radius)) if radius > 0 else torch.zeros_like(change)


def _lengths(tensor: Tensor) -> Tensor:
    """The L2 norm of each example, (B, 1, ...)."""
    return broadcast_to(flatten_examples(tensor).norm(dim=1), tensor)


def _start(x: Tensor, radius: float, norm: Norm, source: RandomSource, number: int) -> Tensor:
    """A random point of the ball around 0, uniform in it, as Captum draws it where no seed is given."""
    count, size = len(x), x[:1].numel()
    if norm == "Linf":
        uniform = source.uniform(count, size).reshape(x.shape).to(x) if source.seeded else torch.rand_like(x)
        return (uniform * 2 - 1) * radius
    normal = source.normal(x, 1, 1.0, number)[:, 0].to(x.dtype) if source.seeded else torch.randn_like(x)
    uniform = source.uniform(count, 1)[:, 0].to(x) if source.seeded else torch.rand(count, device=x.device)
    distance = radius * uniform.to(x.dtype) ** (1 / size)
    return normal / _lengths(normal) * broadcast_to(distance, x)
