"""Captum's name for attributions of a metric of a whole data set."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import RandomSampler

from pellucid.attr._bases import Attribution, InternalAttribution, PerturbationAttribution
from pellucid.attr._internals import refuse_what_is_not_called
from pellucid.attr.ablation import FeaturePermutation
from pellucid.attr.lime import Lime, LimeBase
from pellucid.core.counts import check_count
from pellucid.core.games.dataset import BatchLayout, DataSetMetric, Reduce
from pellucid.core.games.features import FeatureMask, Features
from pellucid.core.problem.baselines import Baselines
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument, NotSupported, located, renamed, warn

_LOADER_LOG = logging.getLogger("pellucid")
_NAMES = {"batches": "dataloader", "model": "forward_func", "roles": "input_roles"}
"""What messages of the engine say, and what is meant."""


class DataLoaderAttribution(Attribution):
    """What each feature adds to a metric of a whole data set, such as its mean loss: it is replaced in all examples.

    **The data loader is read several times**: once for the shapes of its first batch, and once for every
    `perturbations_per_pass` evaluations, which are one for the data set as it is and one for each feature, or as many
    coalitions as the method samples. So it must give the same batches every time: no generator that is used up, and no
    shuffling where the metric depends on the order, as the default does.

    Args:
        attr_method: A method that replaces features by baselines: `FeatureAblation`, `Occlusion`, `ShapleyValues`,
            `ShapleyValueSampling`, `KernelShap`, `Lime`, or a subclass. Its `forward_func` is the model of a batch.

    Raises:
        InvalidArgument: It is another.

    Examples:
        >>> import torch
        >>> from pellucid.attr import DataLoaderAttribution, FeatureAblation
        >>> loader = torch.arange(12.0).view(6, 2).split(2)
        >>> method = DataLoaderAttribution(FeatureAblation(lambda x: x.sum(1)))
        >>> method.attribute(loader, to_metric=lambda outputs: outputs.mean())
        tensor([[5., 6.]])
    """

    def __init__(self, attr_method: Attribution) -> None:
        if not _replaces_features(attr_method):
            raise InvalidArgument(
                "attr_method must be a method of pellucid.attr that replaces features by baselines: "
                f"got {summary(attr_method)}. Hint: FeatureAblation(model)."
            )
        super().__init__(attr_method.forward_func)
        self.attr_method = copy.copy(attr_method)

    def attribute(
        self,
        dataloader: Iterable[Any],
        input_roles: Sequence[int] | Mapping[Any, int] | None = None,
        baselines: Baselines | Mapping[Any, Any] = None,
        feature_mask: FeatureMask | Mapping[Any, Tensor] = None,
        reduce: Reduce | None = None,
        to_metric: Callable[[Any], Tensor] | None = None,
        perturbations_per_pass: int = 1,
        show_progress: bool = False,
        return_input_shape: bool = True,
        **kwargs: Any,
    ) -> Any:
        """The attributions of the metric.

        Args:
            dataloader: Gives batches: tensors (B, ...), or tuples, lists or dicts of anything. It is read several
                times, and must give the same batches every time.
            input_roles: What each part of a batch is, in order or, of dicts, by key: 0 for what is attributed to, 1 for
                what the model takes besides, 2 for what it does not take, such as labels. None is 0 for all. The model
                is given the parts by position, those of dicts by name.
            baselines: What replaces a feature: None for zero, a number, or a tensor (1, ...) for all examples; one for
                each attributed part, as a tuple or, of dicts, by key.
            feature_mask: What is one feature: a tensor of integers (1, ...) for each attributed part, as a tuple or, of
                dicts, by key; equal numbers are one feature, in several parts too. None for each element by itself.
            reduce: Accumulates over batches: (accumulated, output, batch) -> accumulated, which is None before the
                first batch. None concatenates the outputs, which takes a tensor of one row per example.
            to_metric: Makes a tensor of what was accumulated, once all batches have been read; None takes it as it is.
            perturbations_per_pass: How many perturbations are evaluated in one pass over the data, each in forwards of
                its own. More passes need less memory for what is accumulated.
            show_progress: Whether to show a progress bar on stderr.
            return_input_shape: Whether each element has the value of its feature, or else there is one value for every
                number of the mask from zero on.
            **kwargs: What the method's `attribute` is given: `n_samples`, `seed`, `sliding_window_shapes`, ...

        Returns:
            For a metric of M numbers, attributions (M, ...) of the shape of an example, as batches come: a tensor, a
            tuple or a dict; a list gives a tuple. Without `return_input_shape`, a tensor (M, features). With
            `return_stderr` among the arguments, a tuple of these and of standard errors in the same form.

        Raises:
            InvalidArgument: An argument is not what it must be; the message says what it may be.
            NotSupported: There is a `removal`.
        """
        try:
            refuse_what_is_not_called(self)
            if kwargs.get("removal") is not None:
                raise NotSupported(
                    "removal is of inputs, not of a data set. Hint: baselines=..., or the method itself on batches."
                )
            count = check_count("perturbations_per_pass", perturbations_per_pass)
            batch = _first_batch(dataloader, reduce)
            layout = BatchLayout.of(batch, input_roles)
            ones = tuple(torch.ones((1, *x.shape[1:]), device=x.device) for x in layout.attributed(layout.parts(batch)))
            masks = layout.entries("feature_mask", feature_mask, all_needed=True)
            features = Features.of(ones, masks)
            entries = layout.entries("baselines", baselines)
            metric = DataSetMetric(self.forward_func, dataloader, layout, entries, reduce, to_metric)
            metric._fill(layout.attributed(layout.parts(batch)))  # refused before the data are read
        except Exception as error:
            raise renamed(located(error, type(self).__name__, summary(dataloader)), _NAMES) from error.__cause__
        _LOADER_LOG.info(
            "DataLoaderAttribution reads the data loader several times: once for its first batch, and once for every "
            "%d evaluations of %s. Hint: perturbations_per_pass takes more of them in a pass.",
            count,
            type(self.attr_method).__name__,
        )
        method: Any = copy.copy(self.attr_method)
        method.forward_func, method._rows_per_forward = metric, count
        wanted = {"perturbations_per_eval": count, "show_progress": show_progress, "whole_batch": False}
        arguments = {name: value for name, value in wanted.items() if _takes(method.attribute, name)} | kwargs
        arguments |= {} if masks is None else {"feature_mask": masks}
        result = method.attribute(ones, baselines=tuple(map(torch.zeros_like, ones)), **arguments)

        def arranged(values: Tensors | None) -> Any:
            if values is None:
                return None
            shaped = tuple(value.reshape(-1, *x.shape[1:]) for value, x in zip(values, ones, strict=True))
            return layout.arranged(shaped, layout.attributed_keys) if return_input_shape else _by_id(features, shaped)

        return tuple(map(arranged, result)) if kwargs.get("return_stderr") else arranged(result)


def _replaces_features(method: object) -> bool:
    """Whether a method of ours evaluates its inputs with some features at their baselines."""
    if isinstance(method, FeaturePermutation | InternalAttribution):
        return False
    has_baselines = isinstance(method, Lime) or not isinstance(method, LimeBase)
    return isinstance(method, PerturbationAttribution) and has_baselines


def _first_batch(dataloader: Any, reduce: Reduce | None) -> Any:
    """The first batch of a data set that can be read again.

    Raises:
        InvalidArgument: It cannot be, or is empty.
    """
    if isinstance(dataloader, Iterator):
        raise InvalidArgument(
            f"dataloader must be one that can be read several times: got {summary(dataloader)}, which is used up by "
            "one pass. Hint: list(dataloader)."
        )
    if not isinstance(dataloader, Iterable) or isinstance(dataloader, Tensor):
        raise InvalidArgument(
            f"dataloader must be a DataLoader, or another collection of batches: got {summary(dataloader)}. "
            "Hint: [batch] of a single batch."
        )
    if reduce is None and isinstance(getattr(dataloader, "sampler", None), RandomSampler):
        warn(
            "dataloader shuffles its examples, so that outputs of different passes, which are concatenated by default, "
            "belong to different examples. Hint: shuffle=False, or a reduce= that does not depend on the order."
        )
    for batch in dataloader:
        return batch
    raise InvalidArgument("dataloader must hold at least one batch: got none.")


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function can be given an argument of this name."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())


def _by_id(features: Features, values: Tensors) -> Tensor:
    """The value of each feature at its number in the mask, zero at numbers that no element has: [M, features]."""
    by_feature = features.gather(values)
    ids = features.ids.to(by_feature.device)
    count = int(ids.max()) + 1 if len(ids) else 0
    return by_feature.new_zeros(len(by_feature), count).index_copy(1, ids, by_feature)
