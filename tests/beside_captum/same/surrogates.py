"""Games for models fitted around an input, and what a fit of Captum was given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from beside_captum.same.compare import TOLERANCE, Call, assert_close, on_captum, on_pellucid, value_of
from zoo.architectures import Example

W = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])
X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
A = X[:, :2] + 0.5


def products(x: Tensor) -> Tensor:
    """A game between three features, one value per example."""
    return 3 * x[:, 0] * x[:, 1] + 2 * (x[:, 1] * x[:, 2]).sin() + x[:, 2] ** 2 + x[:, 0]


def several(x: Tensor) -> Tensor:
    """Several values per example."""
    return torch.tanh(x @ W.T.to(x.dtype)) * (x[:, :1] + 1) * 4


def of_two(a: Tensor, b: Tensor) -> Tensor:
    """Two inputs of two and three features that play together."""
    return 2 * a[:, 0] * b[:, 1] + (a[:, 1] * b[:, 0]).sin() + b[:, 2] * a[:, 0] + a[:, 1]


MASKS = {
    "none": None,
    "all alike": torch.tensor([[0, 1, 0]]),
    "one dimension": torch.tensor([2, 0, 1]),
    "broadcast over features and examples": torch.tensor([[0], [1]]),
    "gaps": torch.tensor([[5, 0, 2]]),
    "not from zero": torch.tensor([[3, 3, 2]]),
    "each example its own": torch.tensor([[0, 1, 2], [2, 2, 0]]),
    "an example without some features": torch.tensor([[0, 1, 2], [3, 3, 3]]),
    "gaps in examples": torch.tensor([[1, 4, 2], [1, 1, 4]]),
}

OUTPUTS = {
    "(B,)": products,
    "(B, 1)": lambda x: products(x)[:, None],
    "scalar": lambda x: products(x).sum(),
    "(1,)": lambda x: products(x).sum().reshape(1),
    "(1, 1)": lambda x: products(x).sum().reshape(1, 1),
    "number": lambda x: float(products(x).sum()),
    "integer": lambda x: int(products(x).sum() * 10),
}


def explained(case: Example) -> dict[str, Any]:
    """Target and additional arguments of an example, without tensors of no dimension, which Captum's cannot slice."""
    target = case.explained["target"]
    return case.explained | {"target": int(target) if isinstance(target, Tensor) and not target.ndim else target}


def louder(case: Example) -> Callable[..., Tensor]:
    """The example's model, with outputs far above the penalty of the lasso."""
    return lambda *inputs: 10 * case.model(*inputs)


FEW = {
    "perceptron": torch.tensor([[0, 1, 1, 2, 3, 0]]),
    "convolutional": torch.arange(72).view(1, 2, 6, 6) // 18,
    "recurrent": (torch.arange(5)[:, None] // 2).repeat(1, 1, 4),
    "transformer": torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]).repeat(1, 3, 1),
    "two inputs": (torch.tensor([[[0, 0, 1], [2, 1, 2]]]), torch.tensor([[3, 0, 3, 1]])),
    "dense": torch.tensor([[3, 1, 1, 2, 3, 0]]),
}
"""Masks of at most four features for the examples."""

OF_TWO = {
    "none": None,
    "apart": (torch.tensor([[0, 1]]), torch.tensor([[2, 3, 4]])),
    "shared": (torch.tensor([[0, 1]]), torch.tensor([[1, 0, 2]])),
    "shared, gaps": (torch.tensor([[6, 1]]), torch.tensor([[1, 4, 1]])),
    "each its own": (torch.tensor([[0, 1], [1, 1]]), torch.tensor([[2, 0, 1], [0, 3, 3]])),
    "one each its own": (torch.tensor([[0, 1], [1, 1]]), torch.tensor([[2, 0, 1]])),
    "second first": (torch.tensor([[2, 3]]), torch.tensor([[0, 1, 1]])),
}
"""Masks for two inputs."""


@dataclass(frozen=True)
class Fit:
    """What a model was fitted to: which columns are there [samples, columns], outputs and weights [samples]."""

    present: Tensor
    outputs: Tensor
    weights: Tensor


def recording(model: Callable[[], Any]) -> tuple[list[Fit], Callable[[Any], dict[str, Any]]]:
    """A list that fills with what each model is fitted to, and the models, as the parts of a Lime."""
    fits: list[Fit] = []

    class Recording:
        def __init__(self) -> None:
            self.model = model()

        def fit(self, data: Any, **kwargs: Any) -> Any:
            with torch.random.fork_rng(devices=[]):
                fits.extend(Fit(*(each.double() for each in batch)) for batch in data)
            return self.model.fit(data, **kwargs)

        def representation(self) -> Tensor:
            return self.model.representation()

    return fits, lambda _: {"interpretable_model": Recording()}


def objective(fit: Fit, coefficients: Tensor, alpha: float = 0.01) -> float:
    """What a lasso minimises, with the best intercept."""
    share = fit.weights / fit.weights.sum()
    left = fit.outputs - fit.present @ coefficients
    left = left - (share * left).sum()
    return float((share * left**2).sum() / 2 + alpha * coefficients.abs().sum())


def assert_same_fit(call: Call, *, seed: int = 0, dtypes: bool = True, tolerance: float = TOLERANCE) -> None:
    """Captum and pellucid return the same and leave torch's global generator in the same state.

    Scikit-learn, which Captum asks, also moves NumPy's.
    """
    theirs, ours = on_captum(call, seed), on_pellucid(call, seed)
    assert_close(value_of(ours), value_of(theirs), dtypes=dtypes, tolerance=tolerance)
    assert ours.torch_state == theirs.torch_state, "torch's global generator ends in another state than after Captum"
