"""Methods that read a single gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from pellucid.core.expectation import gradients
from pellucid.core.pathway import Pathway
from pellucid.core.tensors import times
from pellucid.methods.edge import attribution
from pellucid.methods.result import Attributions


@final
@dataclass(frozen=True, kw_only=True)
class Saliency:
    """The gradient of the explained value: how much it changes with each input.

    a_i = |dF / dx_i|

    Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2013, https://arxiv.org/abs/1312.6034.

    Args:
        absolute: Whether to drop the sign.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Pathway, Saliency
        >>> path = Pathway.of(lambda x: x[:, 0] - 2 * x[:, 1], torch.ones(1, 2))
        >>> Saliency()(path).values
        (tensor([[1., 2.]]),)
    """

    absolute: bool = True

    @attribution
    def __call__(self, path: Pathway, /) -> Attributions:
        """The gradients at the inputs.

        Args:
            path: From the inputs to one value per example.

        Returns:
            Attributions of the shapes of the inputs.
        """
        _, found = gradients(path)
        values = tuple(gradient.abs() for gradient in found) if self.absolute else found
        return Attributions(values, structure=path.structure)


@final
@dataclass(frozen=True, kw_only=True)
class InputXGradient:
    """The gradient times the input: a first-order guess of each input's share.

    a_i = x_i * dF / dx_i

    Shrikumar et al., "Not just a black box", 2016, https://arxiv.org/abs/1605.01713.

    Args:
        multiply_by_inputs: Whether to multiply at all.

    Examples:
        >>> import torch
        >>> from pellucid.methods import InputXGradient, Pathway
        >>> path = Pathway.of(lambda x: x[:, 0] - 2 * x[:, 1], torch.tensor([[3.0, 4.0]]))
        >>> InputXGradient()(path).values
        (tensor([[ 3., -8.]]),)
    """

    multiply_by_inputs: bool = True

    @attribution
    def __call__(self, path: Pathway, /) -> Attributions:
        """The gradients at the inputs, times the inputs.

        Args:
            path: From the inputs to one value per example.

        Returns:
            Attributions of the shapes of the inputs.
        """
        x, found = gradients(path)
        values = times(x, found) if self.multiply_by_inputs else found
        return Attributions(values, structure=path.structure)
