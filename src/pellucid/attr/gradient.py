"""Captum's names for the methods that read a single gradient."""

from __future__ import annotations

from typing import Any

from pellucid import methods
from pellucid.attr._facade import Attributed, GradientAttribution, TensorOrTensors, explained
from pellucid.core.sink import TargetLike


class Saliency(GradientAttribution):
    """The gradient of the explained value: [pellucid.methods.Saliency][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        abs: bool = True,
        additional_forward_args: Any = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The gradients of `target` at `inputs`, without their sign where `abs`."""
        return explained(
            self,
            methods.Saliency(absolute=abs),
            inputs,
            {
                "target": target,
                "additional_forward_args": additional_forward_args,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
        )


class InputXGradient(GradientAttribution):
    """The gradient times the input: [pellucid.methods.InputXGradient][]."""

    def attribute(
        self,
        inputs: TensorOrTensors,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        *,
        create_graph: bool = False,
        show_progress: bool = False,
    ) -> Attributed:
        """The gradients of `target` at `inputs`, times the inputs."""
        return explained(
            self,
            methods.InputXGradient(),
            inputs,
            {
                "target": target,
                "additional_forward_args": additional_forward_args,
                "create_graph": create_graph,
                "show_progress": show_progress,
            },
        )

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions."""
        return True
