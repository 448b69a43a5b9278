"""Captum's name for what a layer says."""

from __future__ import annotations

from typing import Any

from pellucid import methods
from pellucid.attr._facade import Attributed, LayerAttribution, TensorOrTensors, explained


class LayerActivation(LayerAttribution):
    """What a layer returns, or takes: [pellucid.methods.Activation][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        *,
        early_exit: bool = True,
    ) -> Attributed:
        """The activations, in the structure that the layer gives them."""
        return explained(
            self,
            methods.Activation(),
            inputs,
            {
                "source": self._layer(attribute_to_layer_input),
                "additional_forward_args": additional_forward_args,
                "early_exit": early_exit,
            },
        )

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the activations themselves are a factor of the attributions."""
        return True
