"""A problem: a model, its data and the three places that say what is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

from torch import Tensor

from pellucid.core.model.inspection import check_model
from pellucid.core.model.layers import INPUTS, Site, SiteLike, resolve_site
from pellucid.core.problem.target import Neuron, Target, TargetLike, resolve_target
from pellucid.core.pytree import map_tensors
from pellucid.core.tensors import Tensors, batch_size_of, describe, detach_all, out_of_inference_mode, validated_inputs

GradientFunction: TypeAlias = Callable[[Callable[..., Any], Tensors, Any, Any], Sequence[Tensor]]
"""Captum's `gradient_func`: (forward_func, inputs, target, additional_forward_args) -> gradients of the inputs."""


@final
@dataclass(frozen=True, kw_only=True)
class Options:
    """How a model behaves and how it is to be run, where that is not to be found out.

    Args:
        internal_batch_size: The most rows per forward; None chooses it.
        perturbations_per_eval: The most perturbations of the batch per forward; None chooses it.
        whole_batch: Whether every forward must hold the batch, whole, as the model takes no other or its rows depend on
            each other; None finds it out.
        early_exit: Whether a forward may stop after the last layer that matters, once the calls of modules have been
            counted. False is for models that call a module more or less often depending on the data.
        replay: Whether modules that finish before the source may be answered from what they returned before, once that
            has been seen to give the same. False runs them every time.
        returns_futures: Whether the model returns a `torch.futures.Future` of its output, and so a method of its
            result; for methods that need no gradients.
        create_graph: Whether the attributions can be differentiated.
        gradient_function: Replaces the gradient that torch takes at the inputs, as users of Captum assign it.
        grad_kwargs: More arguments of `torch.autograd.grad`.
        progress: What progress bars on stderr say; None for none.
        reported_as: What errors say was called, where not the method.
    """

    internal_batch_size: int | None = None
    perturbations_per_eval: int | None = None
    whole_batch: bool | None = None
    early_exit: bool = True
    replay: bool = True
    returns_futures: bool = False
    create_graph: bool = False
    gradient_function: GradientFunction | None = None
    grad_kwargs: Mapping[str, Any] | None = None
    progress: str | None = None
    reported_as: str | None = None


DEFAULT = Options()


@final
@dataclass(frozen=True, eq=False, init=False, repr=False)
class Problem:
    """What is asked: a model, its data, and three places.

    It compares and hashes by identity, runs nothing, and may be asked by any number of methods, from any thread.

    Args:
        model: Any callable of tensors: a module, a bound method, a function.
        inputs: One tensor or a tuple of tensors, examples first.
        target: What is explained, of the output or of a layer: see
            [TargetLike][pellucid.methods.TargetLike] and [Neuron][pellucid.methods.Neuron].
        source: What it is attributed to, where not to the inputs; see [SiteLike][pellucid.methods.SiteLike].
        gradient_at: Where gradients are taken, where not at the source.
        additional_forward_args: What the model takes after the inputs, one value or a tuple of any type. Tensors whose
            first dimension counts the examples follow their rows; everything else passes as it is.
        options: How the model behaves and is to be run.

    Raises:
        InvalidArgument: An argument is not what it must be.
        NotSupported: A layer of a scripted model.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> problem = Problem(lambda x: x**2, torch.tensor([[1.0, 2.0]]), target=1)
        >>> Saliency()(problem).values
        (tensor([[0., 4.]]),)
        >>> problem
        Problem(<lambda>, (1, 2) float32)
    """

    model: Callable[..., Any]
    inputs: Tensors
    target: Target
    source: Site
    gradient_at: Site
    additional_forward_args: tuple[Any, ...]
    options: Options
    batch_size: int = field(init=False)

    def __init__(
        self,
        model: Callable[..., Any],
        inputs: Tensor | Tensors,
        *,
        target: TargetLike | Neuron = None,
        source: SiteLike = INPUTS,
        gradient_at: SiteLike | None = None,
        additional_forward_args: Any = None,
        options: Options = DEFAULT,
    ) -> None:
        check_model(model)
        tensors = tuple(map(out_of_inference_mode, validated_inputs(inputs)))
        if not options.create_graph:
            tensors = detach_all(tensors)
        batch_size = batch_size_of(tensors)
        extra = () if additional_forward_args is None else map_tensors(additional_forward_args, out_of_inference_mode)
        start = resolve_site(source, model)
        vars(self).update(
            model=model,
            inputs=tensors,
            target=resolve_target(target, batch_size, model),
            source=start,
            gradient_at=start if gradient_at is None else resolve_site(gradient_at, model),
            additional_forward_args=extra if isinstance(extra, tuple) else (extra,),
            options=options,
            batch_size=batch_size,
        )

    def __repr__(self) -> str:
        """The model and the shapes of its inputs: what they hold may be large, or nobody's business."""
        name = getattr(self.model, "__name__", type(self.model).__name__)
        return f"Problem({name}, {describe(self.inputs)})"
