"""Captum's name for what a layer says.

Bodies under `@calls` are empty: it routes the arguments by their names, as `attr/_routes.py` says.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from pellucid import methods
from pellucid.attr._bases import Attributed, Data, LayerAttribution, layer_as_source
from pellucid.attr._calls import calls
from pellucid.data import DataOptions


class LayerActivation(LayerAttribution):
    """What a layer returns, or takes: `pellucid.methods.Activation`.

    Args:
        forward_func: Any callable of tensors: a module, a bound method, a function.
        layer: A module of it, its dotted name, a list of these, or a `pellucid.methods.Layer`.
        device_ids: As in Captum; pellucid does not need them, as it runs a data-parallel model on its first device.
        call: Which of the layer's calls in a forward; see `pellucid.methods.CallLike`.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerActivation
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> LayerActivation(model, model[1]).attribute(x).shape
        torch.Size([2, 4])
    """

    @calls(methods.Activation, layer=layer_as_source)
    def attribute(
        self,
        inputs: Data,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        *,
        early_exit: bool = True,
        **data: Unpack[DataOptions],
    ) -> Attributed:
        """The activations, in the structure that the layer gives them.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type.
                Tensors whose first dimension is the number of examples are indexed with the examples; everything else
                is passed unchanged.
            attribute_to_layer_input: Whether what the layer takes is meant, and not what it returns.
            early_exit: Whether a forward may stop after the last layer needed, once the calls of modules have been
                counted. False is for models whose data decide how often they call a module.
            **data: `additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`,
                `keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.

        Returns:
            Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the activations themselves are a factor of the attributions."""
        return True
