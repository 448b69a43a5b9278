"""Arrays as NumPy has them: read-only, reversed, of any byte order; and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Future, Tensor, nn

from pellucid import attr

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def read_only(x: np.ndarray) -> np.ndarray:
    copied = x.copy()
    copied.flags.writeable = False
    return copied


ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "read-only": read_only,
    "reversed": lambda x: x[::-1].copy()[::-1],
    "of another byte order": lambda x: x.astype(x.dtype.newbyteorder("S")),
    "transposed": lambda x: x.T.copy().T,
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_all_kinds(name: str):
    array = ARRAYS[name](X)
    for explainer in (attr.InputXGradient, attr.FeatureAblation):
        found = explainer(lambda x: (2 * x).sum(1)).attribute(array)
        np.testing.assert_allclose(found, 2 * X, rtol=1e-5)
    baselines = attr.IntegratedGradients(lambda x: (x**2).sum(1)).attribute({"x": X}, baselines={"x": array})
    assert not baselines["x"].any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_in_arrays(dtype: torch.dtype):
    net = nn.Linear(4, 2).to(dtype)
    found = attr.Saliency(net).attribute(X, target=1)
    expected = attr.Saliency(net).attribute(torch.from_numpy(X).to(dtype), target=1)
    np.testing.assert_array_equal(found, expected.float())


def test_one_example_of_a_model_that_answers_later():
    def later(x: Tensor) -> Future[Tensor]:
        future: Future[Tensor] = torch.futures.Future()
        future.set_result(torch.stack([x.sum(), (x**2).sum()]))
        return future

    x = torch.from_numpy(X)[0]
    found = attr.FeatureAblation(later).attribute_future(x, target=1, batch_dim=None).wait()
    torch.testing.assert_close(found, x**2)
