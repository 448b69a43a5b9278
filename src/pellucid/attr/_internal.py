"""What Captum's classes for layers and neurons share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from pellucid.attr._facade import Attribution, TensorOrTensors
from pellucid.core.guest import embeds
from pellucid.core.sink import Neuron, TargetLike
from pellucid.core.site import Layer
from pellucid.core.tensors import Tensors, floats, tensors_of, times


class InternalAttribution(Attribution):
    """The base of attribution classes that look into a model.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, or a list of these.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | str | Sequence[nn.Module | str],
        device_ids: list[int] | None = None,
    ) -> None:
        super().__init__(forward_func)
        self.layer = layer
        self.device_ids = device_ids

    def _layer(self, of_input: bool) -> Layer:
        """What the layer takes or returns."""
        return Layer(self.layer, "input" if of_input else "output")

    def _neuron(self, selector: TargetLike, of_input: bool) -> Neuron:
        """A neuron of what the layer takes or returns."""
        return Neuron(self._layer(of_input), selector)

    def _sites(self, inputs: TensorOrTensors, of_input: bool) -> dict[str, Layer]:
        """Where points between inputs and baselines are fed: at the inputs; at the layer for ids, which have none."""
        ids = not any(map(floats, tensors_of(inputs, "inputs"))) and embeds(self.forward_func)
        return {"source" if ids else "read": self._layer(of_input)}


class LayerAttribution(InternalAttribution):
    """The base of attribution classes that attribute to a layer."""

    @staticmethod
    def interpolate(
        layer_attribution: Tensor, interpolate_dims: int | tuple[int, ...], interpolate_mode: str = "nearest"
    ) -> Tensor:
        """Attributions of a layer, resized to the spatial dimensions of the inputs.

        Args:
            layer_attribution: Attributions (B, C, ...) of one to three spatial dimensions.
            interpolate_dims: The sizes wanted, one for all dimensions or one for each.
            interpolate_mode: As in `torch.nn.functional.interpolate`.

        Returns:
            Attributions (B, C, *interpolate_dims).
        """
        return functional.interpolate(layer_attribution, interpolate_dims, mode=interpolate_mode)


class NeuronAttribution(InternalAttribution):
    """The base of attribution classes that explain a neuron."""


def multiplied(gradients: Tensors, activations: Tensors, really: bool) -> Tensors:
    """Gradients times activations, or the gradients alone."""
    return times(gradients, activations) if really else gradients
