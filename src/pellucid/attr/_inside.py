"""The method inside a NoiseTunnel: any object with an `attribute`, ours or a user's."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pellucid.attr._internals import ours
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.attributions import Attributions
from pellucid.core.pytree import TensorTree
from pellucid.core.random_streams import Seed, restoring_numpy_state_on_error, stream_seeds
from pellucid.errors import NotFound


def method_inside(attribution: Any) -> Any:
    """The object that a NoiseTunnel averages.

    Raises:
        NotFound: It holds no model: it is one itself, or a class.
    """
    if not hasattr(attribution, "forward_func"):
        kind = f"the class {attribution.__name__}" if isinstance(attribution, type) else type(attribution).__name__
        raise NotFound(f"attribution_method must attribute to a model: got {kind}. Hint: NoiseTunnel(Saliency(model)).")
    return attribution


@final
@dataclass(frozen=True)
class Inside:
    """Any object with an `attribute` of its own, ours or a user's, as a method.

    Args:
        attribution: The object.
        tuples: Whether it is given its inputs as a tuple.
    """

    attribution: Any
    tuples: bool

    def __call__(self, f: ModelFunction, **kwargs: Any) -> Attributions:
        """What `attribute` says of the points, with those of `kwargs` that follow rows picked."""
        following = {name: f.session.select_rows(kwargs[name], f.examples) for name in _FOLLOWING if name in kwargs}
        if kwargs.pop("targets", None) is not None or "target" in kwargs:
            following["target"] = f.evaluator.target.argument(f.examples)
        inputs = f.x if self.tuples else f.x[0]
        with nullcontext() if ours(type(self.attribution)) else restoring_numpy_state_on_error():
            attributions = self.attribution.attribute(inputs, **(self._seeds(f) | kwargs | following))
        attributions, delta = attributions if kwargs.get("return_convergence_delta") else (attributions, None)
        values, structure = TensorTree.of(attributions)
        return Attributions(values, delta, structure=structure)

    def _seeds(self, f: ModelFunction) -> dict[str, Any]:
        """A seed of its own for each copy, for an `attribute` that takes them; one for all where they share draws."""
        seed = f.seed
        if seed is None:
            return {}
        takes = inspect.signature(self.attribution.attribute).parameters.get("seed")
        if takes is None or takes.annotation not in ("Seed", Seed):
            return {} if takes is None else {"seed": seed}
        keys = stream_seeds(seed, f.ids.tolist(), f.problem.batch_size)
        states = (np.random.SeedSequence(key).generate_state(1, np.uint64) for key in keys)
        return {"seed": [int(state[0]) for state in states]}


_FOLLOWING = ("additional_forward_args", "baselines", "feature_mask")
