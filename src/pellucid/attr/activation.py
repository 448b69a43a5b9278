"""Captum's name for what a layer says."""

from __future__ import annotations

from typing import Any

from pellucid import methods
from pellucid.attr._bases import Attributed, LayerAttribution, TensorOrTensors, layer_as_source
from pellucid.attr._calls import calls


class LayerActivation(LayerAttribution):
    """What a layer returns, or takes: [pellucid.methods.Activation][]."""

    @calls(methods.Activation, layer=layer_as_source)
    def attribute(
        self,
        inputs: TensorOrTensors,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        *,
        early_exit: bool = True,
    ) -> Attributed:
        """The activations, in the structure that the layer gives them."""

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the activations themselves are a factor of the attributions."""
        return True
