"""Captum's name for averaging any method over noise."""

from __future__ import annotations

from typing import Any, Literal

import torch

from pellucid import methods
from pellucid.attr._bases import Attributed, Attribution, GradientAttribution, TensorOrTensors
from pellucid.attr._calls import MethodCall, run_call
from pellucid.attr._inside import Inside, method_inside
from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES
from pellucid.core.problem.target_resolution import one_of
from pellucid.core.random_streams import Seed
from pellucid.methods.gradients.noise_tunnel import Average


class NoiseTunnel(Attribution):
    """Any attribution, averaged over noisy inputs: `pellucid.methods.NoiseTunnel`.

    Args:
        attribution_method: Any method: called with a pathway at the noisy inputs and the arguments given.

    Examples:
        >>> import torch
        >>> from pellucid.attr import NoiseTunnel, Saliency
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> x = torch.rand(2, 3)
        >>> NoiseTunnel(Saliency(model)).attribute(x, target=1, stdevs=0.1, seed=0).shape
        torch.Size([2, 3])
    """

    def __init__(self, attribution_method: Attribution) -> None:
        super().__init__(method_inside(attribution_method).forward_func)
        self.attribution_method = attribution_method
        self.is_delta_supported = attribution_method.has_convergence_delta()
        self._multiply_by_inputs = attribution_method.multiplies_by_inputs
        self.is_gradient_method = isinstance(attribution_method, GradientAttribution)

    def attribute(
        self,
        inputs: TensorOrTensors,
        nt_type: Average = "smoothgrad",
        nt_samples: int | Literal["auto"] = 5,
        nt_samples_batch_size: int | None = None,
        stdevs: float | tuple[float, ...] = 1.0,
        draw_baseline_from_distrib: bool = False,
        *,
        return_stderr: bool = False,
        tolerance: float = 0.01,
        relative: bool = False,
        max_samples: int = MOST_SAMPLES,
        seed: Seed = None,
        generator: torch.Generator | None = None,
        whole_batch: bool | None = None,
        **kwargs: Any,
    ) -> Attributed:
        """The average of `nt_samples` noisy calls of the method inside, which takes `kwargs`.

        Args:
            inputs: One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a
                mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.
            nt_type: The statistic of the noisy attributions: their mean, mean square or variance.
            nt_samples: Noisy copies per example; "auto" samples each example until its 95 % intervals are narrow.
            nt_samples_batch_size: The most copies of the batch per call of the method; None for no limit.
            stdevs: Standard deviation of the noise, one number or one for each input tensor.
            draw_baseline_from_distrib: Whether `baselines` are a distribution, of which each noisy copy draws one.
            return_stderr: Whether to return standard errors, too.
            tolerance: With "auto", half the width of an interval that is narrow enough.
            relative: Whether the tolerance is a share of the example's largest attribution.
            max_samples: With "auto", the most copies per example; the result says which examples have `converged`.
            seed: Seeds a stream of random numbers for each example; None draws from the global generators.
            generator: Draws the seed.
            whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend
                on each other; None detects it.
            **kwargs: What the method inside is given; its `target` or `targets`, `baselines`, `feature_mask` and
                `additional_forward_args` follow the noisy copies.

        Returns:
            Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes. With
            `return_stderr`, standard errors follow in the same form, or None where there are none.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
        """
        return run_call(
            self,
            {"inputs": inputs, "whole_batch": whole_batch, **kwargs},
            lambda tunnel, values: MethodCall(
                methods.NoiseTunnel(
                    attribution_method=Inside(tunnel.attribution_method, isinstance(values["inputs"], tuple)),
                    nt_type=nt_type,
                    nt_samples=nt_samples,
                    tolerance=tolerance,
                    relative=relative,
                    max_samples=max_samples,
                    nt_samples_batch_size=nt_samples_batch_size,
                    stdevs=stdevs,
                    draw_baseline_from_distrib=draw_baseline_from_distrib,
                    return_stderr=return_stderr,
                    seed=seed,
                    generator=generator,
                ),
                problem={"target": one_of(values.get("target"), values.get("targets"))},
                options={"create_graph": values.get("create_graph", False), "whole_batch": values["whole_batch"]},
                arguments={name: value for name, value in values.items() if name not in ("inputs", "whole_batch")},
                return_stderr=return_stderr,
            ),
        )

    def has_convergence_delta(self) -> bool:
        """Whether the method inside can return convergence deltas."""
        return self.is_delta_supported

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether the inputs themselves are a factor of the attributions of the method inside."""
        return self._multiply_by_inputs
