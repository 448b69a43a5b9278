"""Problems: a model, its data, and the source, target and site of gradients that say what is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias, final

from torch import Tensor

from pellucid.core.examples import all_examples
from pellucid.core.model.inspection import check_model
from pellucid.core.model.layers import INPUTS, Site, SiteLike, module_label, resolve_site
from pellucid.core.problem.output import OutputSelector
from pellucid.core.problem.target import Neuron, Target, TargetLike
from pellucid.core.problem.target_resolution import resolve_target
from pellucid.core.pytree import map_tensors
from pellucid.core.summaries import Summarized, summary_of_call
from pellucid.core.tensors import Tensors, batch_size_of, detach_all, out_of_inference_mode, validated_inputs

GradientFunction: TypeAlias = Callable[[Callable[..., Any], Tensors, Any, Any], Sequence[Tensor]]
"""Captum's `gradient_func`: (forward_func, inputs, target, additional_forward_args) -> gradients of the inputs."""


@final
@dataclass(frozen=True, kw_only=True)
class Options(Summarized):
    """How a model is to be run, and what the user knows of it.

    Args:
        internal_batch_size: The largest number of rows per forward; None chooses it automatically.
        perturbations_per_eval: The largest number of perturbations of the batch per forward; None chooses it
            automatically.
        whole_batch: Whether every forward must hold the whole batch, as the model takes no other or its rows depend on
            each other; None detects it.
        early_exit: Whether a forward may stop after the last layer needed, once the calls of modules have been counted.
            False is for models whose data decide how often they call a module.
        replay: Whether modules that finish before the source may be replaced by their recorded outputs, once these were
            checked to give the same output. False runs them in every forward.
        returns_futures: Whether the model returns a `torch.futures.Future` of its output; a method then returns a
            future of its attributions. For methods without gradients.
        create_graph: Whether the attributions can be differentiated.
        gradient_function: Replaces torch's gradient at the inputs: Captum's `gradient_func`.
        grad_kwargs: Further arguments of `torch.autograd.grad`.
        output_selector: Which tensor a model's output is, where it returns more than one; see
            [OutputSelector][pellucid.methods.OutputSelector].
        progress: The label of progress bars on stderr; None for no bars.
        class_names: The names of the classes in their order, by which targets may be given; None for those in the
            model's `config.id2label`.
        reported_as: The name of the call in errors, where it is not the method's.
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
    output_selector: OutputSelector = None
    progress: str | None = None
    class_names: Sequence[str] | None = None
    reported_as: str | None = None


DEFAULT = Options()


@final
@dataclass(frozen=True, eq=False, init=False)
class Problem(Summarized):
    """What is asked: a model, its data, a target to explain and a source to attribute it to.

    A problem compares and hashes by identity, runs no model, and may be shared by any number of methods and threads.

    Args:
        model: Any callable of tensors: a module, a bound method, a function.
        inputs: One tensor or a tuple of tensors, examples in the first dimension.
        target: What is explained, of the output or of a layer: see
            [TargetLike][pellucid.methods.TargetLike] and [Neuron][pellucid.methods.Neuron].
        source: Where attributions are computed, by default at the inputs; see [SiteLike][pellucid.methods.SiteLike].
        gradient_at: Where gradients are taken, by default at the source.
        additional_forward_args: The arguments of the model after the inputs, one value or a tuple of any type. Tensors
            whose first dimension is the number of examples are indexed with the examples; everything else is passed
            unchanged.
        options: How the model is to be run.

    Raises:
        InvalidArgument: An argument is invalid.
        NotSupported: A layer belongs to a scripted model.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> problem = Problem(lambda x: x**2, torch.tensor([[1.0, 2.0]]), target=1)
        >>> Saliency()(problem).values
        (tensor([[0., 4.]]),)
        >>> problem
        Problem(<lambda>, float32 [1, 2], target=1)
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
        source_site = resolve_site(source, model, "source")
        vars(self).update(
            model=model,
            inputs=tensors,
            target=resolve_target(target, batch_size, model, options.class_names),
            source=source_site,
            gradient_at=source_site if gradient_at is None else resolve_site(gradient_at, model, "gradient_at"),
            additional_forward_args=extra if isinstance(extra, tuple) else (extra,),
            options=options,
            batch_size=batch_size,
        )

    def __repr__(self) -> str:
        """What is asked; of tensors the shapes alone, as values may be many, or private."""
        explained, site = self.target.argument(all_examples(self.batch_size)), self.target.site
        arguments = [
            ("", self.model, None),
            ("", self.inputs if len(self.inputs) > 1 else self.inputs[0], None),
            ("target", Neuron(site.as_given, explained) if site.modules else explained, None),
            ("source", self.source.as_given, INPUTS),
            ("gradient_at", self.gradient_at.as_given, self.source.as_given),
            ("additional_forward_args", self.additional_forward_args, ()),
            ("options", self.options, DEFAULT),
        ]
        return summary_of_call("Problem", arguments, partial(module_label, model=self.model))
