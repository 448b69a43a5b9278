"""A model with a known answer: what is asked of it, and what is right."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch
from torch import Tensor, nn

from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument
from pellucid.zoo.quantity import Quantity, check_quantity


@dataclass(frozen=True, eq=False, kw_only=True)
class KnownModel(Summarized):
    """A small model, what is asked of it, and what is right.

    Methods are asked in evaluation mode, with copies that they may write into.

    Args:
        name: What it is called.
        tests: What it tests, in one sentence.
        model: The model.
        inputs: The examples, of shape (B, ...).
        baselines: Baselines of the same shape.
        target: The element of the output that is explained, or None where the output is one number per example.
        importance: How much each feature matters, of shape (B, ...): larger is more, and the order of equal ones is
            open, as is that of a NaN to all others. A mask of ones and zeros where only the place is known.
        values: What methods of a given [Quantity][pellucid.zoo.quantity.Quantity] must return, where that is known
            in closed form, each of the shape of what is attributed to; of interactions (B, features, features), with
            the Shapley values on the diagonal.
        source: The layer whose tensors are attributed to, if not the inputs.
        source_baselines: The baselines there, of the layer's shape.
        embedding: The layer that makes vectors of ids, where the inputs are ids: the source of methods that take
            gradients.
        layer: The layer of maps, for class activation maps.
        neuron: The layer, and the unit of it, through which all flows that decides, if there is one.
        token: The position from which attention is followed, if the model attends.
        feature_mask: Which elements are one feature, of a shape that broadcasts to the inputs'.
        groups: Which features are one group of Owen values, of the shape of the feature mask; None where these do not
            depend on the groups.
        unlike: A model whose attributions these must not resemble; of `importance`, the shape alone then counts.
        right: The score from which an answer is right; see [concordance][pellucid.zoo.scores.concordance].
        window: The window of [Occlusion][pellucid.methods.Occlusion], without the batch.
        paper: Where the model, or what it shows, was written about.

    Raises:
        InvalidArgument: If shapes do not fit, the model has no such layer, or importance orders nothing.

    Examples:
        >>> import torch
        >>> from pellucid import zoo
        >>> first_of_two = zoo.KnownModel(
        ...     name="the first of two",
        ...     tests="The second feature is not used.",
        ...     model=torch.nn.Linear(2, 1),
        ...     inputs=torch.tensor([[1.0, 2.0]]),
        ...     baselines=torch.zeros(1, 2),
        ...     target=0,
        ...     importance=torch.tensor([[1.0, 0.0]]),
        ... )
        >>> print(zoo.evaluate(lambda model, inputs: 1 / inputs, models=[first_of_two]))
        the first of two  right  1.00
    """

    name: str
    tests: str
    model: nn.Module
    inputs: Tensor
    baselines: Tensor
    importance: Tensor
    target: int | None = None
    values: Mapping[Quantity, Tensor] = field(default_factory=lambda: MappingProxyType({}))
    source: str | None = None
    source_baselines: Tensor | None = None
    embedding: str | None = None
    layer: str | None = None
    neuron: tuple[str, int] | None = None
    token: int | None = None
    unlike: nn.Module | None = None
    right: float = 1.0
    feature_mask: Tensor | None = None
    groups: Tensor | None = None
    window: tuple[int, ...] | None = None
    paper: str | None = None

    def __post_init__(self) -> None:
        """Refuse what does not fit together.

        Raises:
            InvalidArgument: If shapes do not fit, a layer is not there, or importance orders nothing.
        """
        _check_shapes(self)
        _check_importance(self)
        _check_names(self)

    def copied(self) -> KnownModel:
        """The same with a model, in evaluation mode, and tensors of its own, which a method may write into."""
        return replace(
            self,
            model=deepcopy(self.model).eval(),
            inputs=self.inputs.clone(),
            baselines=self.baselines.clone(),
            source_baselines=_clone(self.source_baselines),
            feature_mask=_clone(self.feature_mask),
            groups=_clone(self.groups),
        )


def _clone(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.clone()


def _check_shapes(known: KnownModel) -> None:
    """Refuse shapes that do not fit."""
    attributed = known.inputs.shape if known.source_baselines is None else known.source_baselines.shape
    expected = {
        "baselines": (known.baselines.shape, known.inputs.shape),
        "importance": (known.importance.shape, attributed[: max(known.importance.ndim, 2)]),
    }
    for name, (shape, wanted) in expected.items():
        if shape != wanted:
            raise InvalidArgument(f"{name} of {known.name!r} must have the shape {tuple(wanted)}: got {tuple(shape)}.")
    count = attributed[1:].numel() if known.feature_mask is None else len(torch.unique(known.feature_mask))
    of_pairs = torch.Size((attributed[0], count, count))
    for quantity, values in known.values.items():
        wanted = of_pairs if quantity == "Shapley interactions" else attributed
        if values.shape != wanted:
            raise InvalidArgument(
                f"values of {known.name!r}, {quantity}, must have the shape {tuple(wanted)}: got {tuple(values.shape)}."
            )
    for name, mask in (("feature_mask", known.feature_mask), ("groups", known.groups)):
        if mask is not None and not _broadcasts(mask.shape, known.inputs.shape):
            raise InvalidArgument(
                f"{name} of {known.name!r} must broadcast to the inputs, {tuple(known.inputs.shape)}: "
                f"got {tuple(mask.shape)}."
            )


def _broadcasts(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether a tensor can stand for one of another shape."""
    pairs = zip(reversed(shape), reversed(wanted), strict=False)
    return len(shape) <= len(wanted) and all(size in {1, full} for size, full in pairs)


def _check_importance(known: KnownModel) -> None:
    """Refuse an importance from which nothing follows."""
    importance = known.importance.flatten(1)
    if known.unlike is None and not (importance[:, :, None] > importance[:, None]).flatten(1).any(1).all():
        raise InvalidArgument(
            f"importance of {known.name!r} must be larger in some features than in others, in every example. "
            "Hint: with unlike=, it may be the same everywhere."
        )


def _check_names(known: KnownModel) -> None:
    """Refuse layers that the model does not have, and quantities that there are not."""
    if (known.source is None) != (known.source_baselines is None):
        raise InvalidArgument(f"source and source_baselines of {known.name!r} must be given together.")
    layers = dict(known.model.named_modules())
    neuron = known.neuron[0] if known.neuron else None
    for name, layer in {
        "source": known.source,
        "embedding": known.embedding,
        "layer": known.layer,
        "neuron": neuron,
    }.items():
        if layer is not None and layer not in layers:
            raise InvalidArgument(f"{name} of {known.name!r} must be a layer of its model: got {layer!r}.")
    for quantity in known.values:
        check_quantity("values", quantity)


def leaves_random_state(make: Callable[[], KnownModel]) -> Callable[[], KnownModel]:
    """Have a function that makes a model put back the random state that initial weights are drawn from."""

    @functools.wraps(make)
    def made() -> KnownModel:
        with torch.random.fork_rng(devices=[]):
            return make()

    return made
