"""What users ask, as a problem of the engine: inputs as tensors, the predicted class, names, masks."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.evaluation.sweep import evaluate_own_points
from pellucid.core.model.adapted import AdaptedModel
from pellucid.core.model.inspection import ModelInfo, check_model, root_modules
from pellucid.core.problem.problem import Options, Problem
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, unwrap_single
from pellucid.data import Arrangement, Reading, is_estimator
from pellucid.errors import InvalidArgument, NotDifferentiable
from pellucid.explanation.named_baselines import (
    MOST_ROWS,
    ChosenBaselines,
    baselines_at_layer,
    baselines_of,
)
from pellucid.explanation.named_methods import MethodChoice
from pellucid.explanation.naming import is_of_groups, mask_of_groups, names_of_leaf
from pellucid.methods import Neuron
from pellucid.methods.calling.attribution import run_located

T = TypeVar("T")


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class Asked(Summarized):
    """What users give to `explain`, besides the method; see [explain][pellucid.explain].

    `most_rows` is how many baselines of a data set may stand for all; `is_compared` says that other methods are asked,
    too, so that not every argument is for each.
    """

    model: Any
    inputs: Any
    target: Any = None
    baselines: Any = None
    source: Any = None
    feature_names: Any = None
    class_names: Sequence[str] | None = None
    feature_mask: Any = None
    background: Any = None
    seed: int | None = 0
    most_rows: int = MOST_ROWS
    is_compared: bool = False


@final
@dataclass
class RowCounter:
    """How many rows a model has been given."""

    rows: int = 0

    def counting(self, model: AdaptedModel) -> AdaptedModel:
        """The same model, whose rows are counted."""
        arrange = model.arrange

        def counted(*tensors: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
            self.rows += int(tensors[0].shape[0])
            return arrange(*tensors)

        return dataclasses.replace(model, arrange=counted)


@final
@dataclass(frozen=True, eq=False)
class Question(Summarized):
    """A question that a method can answer.

    Args:
        asked: What users gave.
        choice: The method.
        arrangement: How the inputs lie.
        model: The user's model as a function of tensors, whose rows are counted.
        counter: Counts them.
        ids_alone: Whether the inputs are ids of tokens that the model takes without a name.
        notes: What a reader must know.
        output_names: Which tensors of the model's output were explained.
    """

    asked: Asked
    choice: MethodChoice
    arrangement: Arrangement
    model: AdaptedModel
    counter: RowCounter
    ids_alone: bool = False
    notes: list[str] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, asked: Asked, choice: MethodChoice) -> Question:
        """The question, as this method needs it.

        Raises:
            PellucidError: The inputs cannot be made tensors, or the method can do nothing with the model.
        """
        if not is_estimator(asked.model):
            check_model(asked.model)
        elif choice.takes_gradients:
            raise NotDifferentiable(
                f"model predicts without gradients, which {choice.name} takes: got {summary(asked.model)}. "
                "Hint: method='auto', 'shapley_value_sampling', 'kernel_shap' or 'feature_ablation'."
            )
        _check_arguments(asked, choice)
        reading_names = {entry.name for entry in dataclasses.fields(Reading)}
        reading = Reading(
            embeds=choice.takes_gradients,
            **{name: value for name, value in choice.reading.items() if name in reading_names},
        )
        further = choice.problem.get("additional_forward_args")
        arguments = () if further is None else further if isinstance(further, tuple) else (further,)
        keywords = choice.reading.get("additional_forward_kwargs") or {}
        model, inputs, ids_alone = _named_ids(asked, choice)
        arrangement = Arrangement.of(inputs, model, reading, arguments, keywords)
        counter = RowCounter()
        return cls(asked, choice, arrangement, counter.counting(arrangement.adapted_model()), counter, ids_alone)

    @cached_property
    def examples(self) -> int:
        """How many examples there are."""
        return int(self.arrangement.tensors[0].shape[0])

    @cached_property
    def baselines(self) -> ChosenBaselines:
        """What stands for the absence of information."""
        asked = self.asked
        if self.is_game_of_layer:
            return baselines_at_layer(asked.baselines, asked.background)
        return baselines_of(asked.baselines, asked.background, self.arrangement, asked.seed, asked.most_rows)

    @property
    def is_of_batch(self) -> bool:
        """Whether the model returns one value for the batch."""
        return self.outputs is not None and (self.outputs.ndim == 0 or len(self.outputs) != self.examples)

    @cached_property
    def outputs(self) -> Tensor | None:
        """What the model returns for the inputs, [B, *K]; None where a function or a neuron is explained."""
        if callable(self.asked.target) or isinstance(self.asked.target, Neuron):
            return None
        outputs = self.outputs_of(self.arrangement.tensors)
        _check_outputs(self.asked, outputs, self.arrangement.tensors)
        return outputs

    def outputs_of(self, tensors: Tensors) -> Tensor:
        """What the model returns for tensors like the inputs, (n, *K)."""
        problem = self._problem(tensors, target=None)
        f = function_of(problem)
        (outputs,) = self.run(f, lambda f: evaluate_own_points(f, lambda points: (f(points),)))
        self.output_names.append(f.session.observed.output)
        return outputs.detach().cpu()

    def run(self, f: ModelFunction, call: Callable[[ModelFunction], T]) -> T:
        """What a call with a function returns; the model is left as it was found, and errors say what may help."""
        return run_located(self.choice.method, f, call)

    @property
    def output_name(self) -> str:
        """Which tensor of the model's output is explained; "" where it is the output."""
        return next(filter(None, self.output_names), "")

    @cached_property
    def target(self) -> Any:
        """What is explained: what users say, or the predicted class of each example.

        Raises:
            InvalidArgument: It must be said.
        """
        if self.asked.target is not None or self.asked_of_layer or self.outputs is None:
            return _plain_target(self.asked.target)
        outputs = self.outputs
        if outputs.ndim < 2 or (outputs.ndim == 2 and outputs.shape[1] == 1):
            return None
        if outputs.ndim > 2 or len(outputs) != self.examples:
            raise InvalidArgument(
                f"target must say what is explained of an output {tuple(outputs.shape)}: got None. "
                "Hint: target=(0, 3), an element of each example's output, or target=lambda output: ..."
            )
        self.notes.append("The predicted class is explained. Hint: target=...")
        return outputs.argmax(1).tolist()

    @property
    def asked_of_layer(self) -> bool:
        """Whether a method needs no target, as it looks at a layer alone."""
        return self.choice.name in ("activation", "eigen_cam", "attention_rollout")

    def problem(self, *, target: Any = None, at_inputs: bool = False) -> Problem:
        """The problem of the engine.

        Args:
            target: Another target than users gave; None for theirs.
            at_inputs: Whether the source is the inputs in any case.
        """
        return self._problem(
            self.arrangement.tensors, target=self.target if target is None else target, at_inputs=at_inputs
        )

    def function(self) -> ModelFunction:
        """The function of what is explained, from the inputs."""
        return function_of(self.problem(at_inputs=True))

    def _problem(self, tensors: Tensors, *, target: Any, at_inputs: bool = True) -> Problem:
        arrangement, choice = self.arrangement, self.choice
        further = (*arrangement.followers, *arrangement.arguments, *arrangement.keywords.values())
        options: dict[str, Any] = dict(choice.options)
        if at_inputs:  # a forward or two, of which nobody waits for the end
            options.pop("progress", None)
        if arrangement.needs_whole_batch:
            options["whole_batch"] = True
        names = names_of_classes(self.asked)
        if names is not None:
            options["class_names"] = names
        if "output_selector" in choice.reading:
            options["output_selector"] = choice.reading["output_selector"]
        places: dict[str, Any] = {}
        if not at_inputs:
            self._check_layer()
            places = {name: value for name, value in choice.problem.items() if name == "gradient_at"}
            if self.asked.source is not None:
                places["gradient_at" if self.takes_gradients_at_layer else "source"] = self.asked.source
        return Problem(
            self.model,
            unwrap_single(tensors),
            target=target,
            additional_forward_args=further or None,
            options=Options(reported_as="explain", **options),
            **places,
        )

    def _check_layer(self) -> None:
        """Check that a method that needs a layer has one.

        Raises:
            InvalidArgument: It has none.
        """
        has_layer = self.asked.source is not None or "gradient_at" in self.choice.problem
        facts = self.choice.facts
        if has_layer or facts is None or not {"layer", "neuron"} & set(facts.needs):
            return
        layers = [(name, module) for root in root_modules(self.model) for name, module in root.named_modules() if name]
        maps = [name for name, module in layers if isinstance(module, _ConvNd)]
        likely = maps or [name for name, _ in layers]
        hint = f" Hint: source={likely[-1]!r}." if likely else ""
        raise InvalidArgument(f"source must be a layer for {self.choice.name}: got None.{hint}")

    @property
    def takes_gradients_at_layer(self) -> bool:
        """Whether the layer of the method is where it takes gradients, while it starts at the inputs."""
        facts = self.choice.facts
        needs_layer = facts is not None and ("layer" in facts.needs or "neuron" in facts.needs)
        return needs_layer and self.choice.name != "activation"  # which is that of the source

    @property
    def is_game_of_layer(self) -> bool:
        """Whether features of a layer are taken away, to which then baselines and masks belong."""
        return self.asked.source is not None and not self.choice.takes_gradients

    @cached_property
    def mask(self) -> tuple[Any, tuple[str, ...]]:
        """The feature mask as the engine takes it, None where there is none; and names of its features, () for none."""
        mask, names = self.asked.feature_mask, self.asked.feature_names
        if mask is None:
            return None, ()
        if is_of_groups(mask):
            if len(self.arrangement.attributed) > 1:
                raise InvalidArgument(
                    "feature_mask by names is of a single table: got several inputs. Hint: explanation.group(...)."
                )
            leaf = self.arrangement.leaves[self.arrangement.attributed[0]]
            elements = int(self.arrangement.tensors[0][0].numel())
            return mask_of_groups(mask, names_of_leaf(leaf, "", names, elements), elements)
        tensors = mask if self.is_game_of_layer else self.arrangement.masks(mask)
        count = len(torch.unique(torch.cat([tensor.flatten() for tensor in as_tensor_tuple(tensors, "feature_mask")])))
        are_of_features = isinstance(names, list | tuple) and len(names) == count
        return tensors, tuple(names) if are_of_features else ()


def _check_arguments(asked: Asked, choice: MethodChoice) -> None:
    """Check that a method is given what it needs, and nothing that it would not use.

    Raises:
        InvalidArgument: Something is missing, or would have no effect.
    """
    parameters = inspect.signature(choice.method).parameters.values()
    given = {"baselines", "feature_mask", *choice.call}
    missing = [
        each.name
        for each in list(parameters)[1:]
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD and each.name not in given
    ]
    if missing:
        raise InvalidArgument(f"{choice.name} needs {', '.join(missing)}: got none. Hint: {missing[0]}=other_inputs.")
    if asked.baselines is not None and "baselines" not in choice.takes and not asked.is_compared:
        raise InvalidArgument(
            f"baselines would have no effect, as {choice.name} takes none: got {summary(asked.baselines)}. "
            "Hint: leave them out, or method='integrated_gradients'."
        )


def _check_outputs(asked: Asked, outputs: Tensor, tensors: Tensors) -> None:
    """Check that names of classes are of the outputs, and that a single example is not taken for several.

    Raises:
        InvalidArgument: They are not.
    """
    if tensors[0].ndim == 1 and outputs.ndim and len(outputs) != len(tensors[0]):
        raise InvalidArgument(
            f"inputs must have examples in their first dimension: got {tuple(tensors[0].shape)}. "
            "Hint: inputs[None] for a single example."
        )
    classes = 1 if outputs.ndim < 2 else outputs.shape[1]
    if asked.class_names is not None and len(asked.class_names) != classes:
        raise InvalidArgument(f"class_names must be one for each of {classes} outputs: got {len(asked.class_names)}.")


def names_of_classes(asked: Asked) -> Sequence[str] | None:
    """The names of classes that users give, or an estimator knows; None where the model may know them."""
    if asked.class_names is not None:
        return asked.class_names
    classes = getattr(getattr(asked.model, "__self__", asked.model), "classes_", None)
    return None if classes is None or np.ndim(classes) != 1 else list(map(str, classes))


def _plain_target(target: Any) -> Any:
    """A target that holds a single number as that number, and one of an array as a list."""
    if isinstance(target, np.ndarray | np.generic) or (isinstance(target, Tensor) and target.ndim == 0):
        return target.tolist()
    return target


def _named_ids(asked: Asked, choice: MethodChoice) -> tuple[Any, Any, bool]:
    """Ids of tokens that stand alone, under the name by which they are known as such, and the model that takes them."""
    inputs, model = asked.inputs, asked.model
    is_ids = isinstance(inputs, Tensor) and inputs.ndim == 2 and inputs.dtype in (torch.int64, torch.int32)
    if not is_ids or asked.source is not None or not callable(model) or not choice.takes_gradients:
        return model, inputs, False
    if not any(isinstance(module, nn.Embedding | nn.EmbeddingBag) for module in ModelInfo.of(model).modules):
        return model, inputs, False
    return _by_name(model), {"input_ids": inputs}, True


def _by_name(model: Callable[..., Any]) -> Callable[..., Any]:
    """A model that takes its first argument as `input_ids`."""

    def takes_ids(input_ids: Tensor, *further: Any, **keywords: Any) -> Any:
        return model(input_ids, *further, **keywords)

    return takes_ids
