"""What a layer says, as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from pellucid.core.pathway import Pathway
from pellucid.core.structure import Structure
from pellucid.methods.edge import attribution
from pellucid.methods.result import Attributions


@final
@dataclass(frozen=True, kw_only=True)
class Activation:
    """The tensors at the source: what a layer returns, or takes, for the inputs.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import Activation, Pathway
        >>> model = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Softmax(1))
        >>> Activation()(Pathway.of(model, torch.tensor([[-1.0, 2.0]]), source="1")).values
        (tensor([[0., 2.]]),)
    """

    @attribution
    def __call__(self, path: Pathway, /) -> Attributions:
        """The activations.

        Args:
            path: From the layer; what it explains does not matter.

        Returns:
            Copies of all tensors there, of any dtype.
        """
        found = path.everything()
        tensors, structure = Structure.of(found, lambda _: True)
        return Attributions(tuple(each.detach().clone() for each in tensors), structure=structure)
