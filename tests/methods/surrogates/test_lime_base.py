"""What holds for LIME of which every part is the user's: it explains its inputs as one."""

import logging
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from laws.counting import Counted, calls_of
from laws.faults import Fault, forward_faults
from laws.registry import close
from laws.state import as_found, random_state
from pellucid import attr, methods
from pellucid.models.linear import Model
from zoo.specimens import SPECIMENS

pytestmark = pytest.mark.usefixtures("without_row_checks")


class LeastSquares(Model):
    """Weighted least squares without an intercept, in float64."""

    def fit(self, train_data: Any, **kwargs: Any) -> None:
        (batch,) = train_data
        z, y, w = (each.double() for each in batch)
        self.solved = torch.linalg.lstsq(z * w[:, None].sqrt(), (y * w.sqrt())[:, None]).solution[:, 0]

    def representation(self) -> Tensor:
        return self.solved

    def __call__(self, x: Tensor) -> Tensor:
        return x @ self.solved


def coins(original: Tensor, **arguments: Any) -> Tensor:
    return torch.bernoulli(torch.full((1, 4), 0.5))


def kept(sample: Tensor, original: Tensor, **arguments: Any) -> Tensor:
    return original * sample.view(1, -1)


def weight(original: Tensor, perturbed: Tensor, sample: Tensor, **arguments: Any) -> float:
    return float(1 + sample.sum())


def lime(model: Any, **parts: Any) -> attr.LimeBase:
    given = {
        "interpretable_model": LeastSquares(),
        "similarity_func": weight,
        "perturb_func": coins,
        "perturb_interpretable_space": True,
        "from_interp_rep_transform": kept,
        "to_interp_rep_transform": None,
    }
    return attr.LimeBase(model, **(given | parts))


X = torch.tensor([[1.0, -2.0, 0.5, 3.0]], dtype=torch.float64)


def linear(x: Tensor) -> Tensor:
    return x @ torch.tensor([1.0, 2.0, 3.0, -4.0], dtype=torch.float64)


def curved(x: Tensor) -> Tensor:
    """A model whose surrogate depends on what each sample counts."""
    return linear(x) ** 2


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def expected() -> Tensor:
    return X[0] * torch.tensor([1.0, 2.0, 3.0, -4.0], dtype=torch.float64)


def test_a_linear_model_is_found():
    # The samples reach the model in float32, as in Captum.
    torch.testing.assert_close(lime(linear).attribute(X), expected(), rtol=1e-5, atol=1e-5)


def test_perturbed_inputs_may_be_drawn_in_place_of_interpretable_samples():
    found = lime(
        linear,
        perturb_func=lambda original, **arguments: original * coins(original),
        perturb_interpretable_space=False,
        from_interp_rep_transform=None,
        to_interp_rep_transform=lambda near, original, **arguments: (near != 0).double(),
    ).attribute(X)
    torch.testing.assert_close(found, expected(), rtol=1e-5, atol=1e-5)


def test_a_generator_is_drawn_from():
    def perturb(original: Tensor, **arguments: Any):
        while True:
            yield coins(original)

    torch.testing.assert_close(lime(linear, perturb_func=perturb).attribute(X), expected(), rtol=1e-5, atol=1e-5)


def test_named_arguments_reach_every_function():
    seen = []

    def looking(function: Any) -> Any:
        return lambda *given, **named: (seen.append((function.__name__, named)), function(*given, **named))[1]

    parts = {
        "similarity_func": looking(weight),
        "perturb_func": looking(coins),
        "from_interp_rep_transform": looking(kept),
    }
    lime(linear, **parts).attribute(X, n_samples=2, width=7)
    assert sorted(name for name, _ in seen) == ["coins", "coins", "kept", "kept", "weight", "weight"]
    assert all(named == {"width": 7} for _, named in seen)


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_blocks_make_no_difference(most: int):
    whole = lime(linear).attribute(X, n_samples=20)
    torch.manual_seed(0)
    model = Counted(linear)
    close((lime(model).attribute(X, n_samples=20, perturbations_per_eval=most),), (whole,), rtol=1e-6, atol=1e-6)
    assert max(model.rows) <= most
    assert sum(model.rows) == 20


def test_all_samples_share_a_forward():
    model = Counted(linear)
    lime(model).attribute(X)
    assert model.rows == [50]
    assert not model.backwards


def test_a_batch_for_which_the_model_returns_one_value():
    x = torch.cat([X, 2 * X])
    found = lime(lambda x: linear(x).sum()).attribute(x)
    torch.testing.assert_close(found, 3 * expected(), rtol=1e-5, atol=1e-5)


def test_from_a_layer():
    model = nn.Sequential(nn.Linear(3, 4), nn.Identity(), nn.Linear(4, 1)).double()
    x = torch.randn(1, 3, dtype=torch.float64)
    method = methods.LimeBase(
        interpretable_model=LeastSquares(), similarity_func=weight, perturb_func=coins, from_interp_rep_transform=kept
    )
    (found,) = method(methods.Problem(lambda x: model(x) - model[2].bias, x, source=methods.Layer(model[1]))).values
    with torch.no_grad():
        torch.testing.assert_close(found, (model[0](x) * model[2].weight)[0], rtol=1e-5, atol=1e-5)


def test_all_is_as_it_was_found():
    model, (x,) = SPECIMENS["reused"].model(), SPECIMENS["reused"].inputs(1)
    x.requires_grad_()
    with as_found(model, x, but="random"):  # the user's function draws
        found = lime(model).attribute(x, target=1, n_samples=10)
    assert not found.requires_grad


def test_all_is_as_it_was_found_after_an_exception_at_any_module():
    model, (x,) = SPECIMENS["reused"].model(), SPECIMENS["reused"].inputs(1)

    def call() -> None:
        lime(model).attribute(x, target=1, n_samples=4, perturbations_per_eval=2)

    with forward_faults() as faults:
        call()
    assert faults.count > 6
    for at in range(faults.count):
        with as_found(model, x), forward_faults(at), pytest.raises(Fault) as raised:
            call()
        assert len(raised.value.__notes__) == 1


@pytest.mark.parametrize("part", ["similarity_func", "perturb_func", "from_interp_rep_transform"])
def test_all_is_as_it_was_found_after_an_exception_in_a_part(part: str):
    def failing(*given: Any, **named: Any) -> Any:
        torch.rand(1)
        raise KeyError("a part")

    before = random_state()
    with pytest.raises(KeyError, match="a part"):
        lime(linear, **{part: failing}).attribute(X)
    assert random_state() == before


def smooth(original: Tensor, perturbed: Tensor, sample: Tensor, **arguments: Any) -> Tensor:
    return torch.exp(-(original - perturbed).square().sum() / 4)


@pytest.mark.parametrize("most", [None, 7, 1000])
@pytest.mark.parametrize("space", ["samples", "inputs"])
def test_after_some_samples_functions_take_many_at_once(space: str, most: int | None):
    found, calls = [], []
    for weigh in (smooth, lambda *given, **named: float(smooth(*given, **named))):
        transform: Any = kept if space == "samples" else lambda near, _, **named: near
        parts = {"similarity_func": weigh, "from_interp_rep_transform": transform}
        if space == "inputs":
            parts |= {
                "perturb_func": lambda x, **named: x + torch.rand_like(x),
                "perturb_interpretable_space": False,
                "from_interp_rep_transform": None,
                "to_interp_rep_transform": transform,
            }
        torch.manual_seed(0)
        with calls_of(transform, weigh) as counts:
            found.append(lime(linear, **parts).attribute(X, n_samples=500, perturbations_per_eval=most))
        calls.append(counts)
    blocks = {None: 1, 7: 63, 1000: 1}[most]
    assert calls == [[64 + 1 + blocks] * 2, [500 + 1] * 2]  # the second leaves torch
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)


def test_few_samples_are_taken_one_by_one():
    with calls_of(smooth) as counts:
        lime(linear, similarity_func=smooth).attribute(X, n_samples=64)
    assert counts == [64]


def closing(*, by: Any, power: float = 2, kernel: Any = smooth) -> Any:
    """A similarity that closes over what does not change."""
    sizes = (1, torch.float32)

    def weigh(original: Tensor, near: Tensor, sample: Tensor, *, scale: Any = None, **named: Any) -> Tensor:
        def apart() -> Tensor:
            return torch.stack([abs(each) ** power for each in (original - near).flatten()]).sum()

        return torch.exp(-apart() / by) + kernel(original, near, sample) * len(sizes)

    return weigh


STATELESS = {
    "closures": closing(by=torch.tensor(4.0)),
    "a parameter": closing(by=nn.Parameter(torch.tensor(2.0))),
    "a kernel": methods.ExponentialKernel("euclidean", 2.0),
    "a part of a function": partial(closing(by=4), scale=(1.0, None)),
}


@pytest.mark.parametrize("similarity", STATELESS.values(), ids=STATELESS)
def test_functions_that_are_seen_to_keep_nothing_take_many_at_once(
    similarity: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    found = []
    for first in (64, 1000):
        monkeypatch.setattr("pellucid.methods.surrogates.vectorized.FIRST_CALLS", first)
        torch.manual_seed(0)
        with calls_of(kept) as counts, caplog.at_level(logging.INFO, "pellucid"):
            found.append(lime(curved, similarity_func=similarity).attribute(X, n_samples=100, width=3))
        assert counts == [66 if first == 64 else 100]
    assert not caplog.records
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)


def keeping_everything() -> dict[str, Any]:
    keep: list[Any] = []
    return {"similarity_func": lambda original, near, sample: (keep.append(near), torch.cat(keep).mean())[1] * 0 + 1}


def keeping_the_last() -> dict[str, Any]:
    last = [torch.zeros(1, 4)]

    def transform(sample: Tensor, original: Tensor) -> Tensor:
        found = original * sample + 0.1 * last[0]
        last[0] = sample
        return found

    return {"from_interp_rep_transform": transform}


def counting(kind: str) -> Any:
    """A similarity that changes at its 100th call."""
    count, tensor = 0, torch.zeros(())
    Growing.calls = 0

    def closed(*given: Any) -> float:
        nonlocal count
        count += 1
        return 1.0 if count < 100 else 0.01

    def written(*given: Any) -> Tensor:
        return torch.where(tensor.add_(1) < 100, 1.0, 0.01)

    def of_its_own(*given: Any) -> float:
        of_its_own.count = getattr(of_its_own, "count", 0) + 1
        return 1.0 if of_its_own.count < 100 else 0.01

    def by_default(*given: Any, counts: Any = {"count": 0}) -> float:  # noqa: B006
        counts["count"] += 1
        return 1.0 if counts["count"] < 100 else 0.01

    def by_another(*given: Any) -> float:
        return closed(*given)

    found = {
        "nonlocal": closed,
        "tensor": written,
        "attribute": of_its_own,
        "default": by_default,
        "another": by_another,
        "part": partial(by_default),
        "iterator": lambda *given, **named: next(numbers),
        "method": Growing().__call__,
    }
    numbers = iter([1.0] * 99 + [0.01] * 200)
    return {"similarity_func": found[kind]}


KEEPING = {"everything": keeping_everything, "the last": keeping_the_last} | {
    kind: partial(counting, kind)
    for kind in ("nonlocal", "tensor", "attribute", "default", "another", "part", "iterator", "method")
}


@pytest.mark.parametrize("parts", KEEPING.values(), ids=KEEPING)
def test_functions_that_may_keep_something_are_called_one_by_one(
    parts: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    found = []
    for first in (64, 1000):
        monkeypatch.setattr("pellucid.methods.surrogates.vectorized.FIRST_CALLS", first)
        torch.manual_seed(0)
        with caplog.at_level(logging.INFO, "pellucid"):
            found.append(lime(curved, **parts()).attribute(X, n_samples=130))
    (record,) = caplog.records
    assert "keep something" in record.getMessage()
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-9)


def test_what_functions_are_given_by_name_may_keep_something():
    def remembering(*given: Any, memory: list[Any], **named: Any) -> float:
        memory.append(given[1])
        return 1.0

    memory: list[Any] = []
    lime(linear, similarity_func=remembering).attribute(X, n_samples=100, memory=memory)
    assert torch.cat(memory).shape == (100, 4)


class Growing:
    """Remembers how often it was called, which nobody can see."""

    calls = 0

    def __call__(self, *given: Any, **named: Any) -> Tensor:
        Growing.calls += 1
        return smooth(*given) * self.calls


ONE_BY_ONE = {
    "numbers that leave torch": lambda *given, **named: smooth(*given).item(),
    "arrays": lambda original, near, sample, **named: np.exp(-np.abs((original - near).numpy()).sum()),
    "branches": lambda original, near, sample, **named: sample.sum() if near.sum() > 0 else 1.0,
    "torch's random numbers": lambda *given, **named: smooth(*given) * torch.rand(()),
    "NumPy's random numbers": lambda *given, **named: smooth(*given) * np.random.rand(),
    "sizes by values": lambda original, near, sample, **named: original[:, sample[0] > 0].abs().sum() + 1,
    "objects": Growing(),
}


@pytest.mark.parametrize("similarity", ONE_BY_ONE.values(), ids=ONE_BY_ONE)
def test_what_is_not_one_computation_takes_sample_by_sample(
    similarity: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    found = []
    for first in (64, 1000):
        monkeypatch.setattr("pellucid.methods.surrogates.vectorized.FIRST_CALLS", first)
        torch.manual_seed(0)
        np.random.seed(0)
        Growing.calls = 0
        with caplog.at_level(logging.INFO, "pellucid"):
            found.append(lime(curved, similarity_func=similarity).attribute(X, n_samples=100))
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "sample by sample" in record.getMessage()
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-9)


WRITERS = {
    "out": lambda buffer: lambda sample, original, **named: torch.mul(original, sample, out=buffer),
    "copy": lambda buffer: lambda sample, original, **named: buffer.copy_(original * sample),
}


@pytest.mark.parametrize("samples", [30, 100])
@pytest.mark.parametrize("written", WRITERS.values(), ids=WRITERS)
def test_functions_may_return_memory_that_they_write_again(written: Any, samples: int):
    transform = written(torch.empty_like(X))
    found = lime(linear, from_interp_rep_transform=transform).attribute(X, n_samples=samples)
    torch.testing.assert_close(found, expected(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("yields", [False, True])
@pytest.mark.parametrize("samples", [30, 100])
def test_perturbations_may_return_memory_that_they_write_again(samples: int, yields: bool):
    near, weights = torch.empty_like(X), torch.empty((), dtype=torch.float64)

    def perturb(original: Tensor, **arguments: Any) -> Tensor:
        return near.copy_(original * coins(original))

    def perturbing(original: Tensor, **arguments: Any):
        while True:
            yield perturb(original)

    found = lime(
        linear,
        similarity_func=lambda original, near, sample: weights.copy_(1 + sample.sum()),
        perturb_func=perturbing if yields else perturb,
        perturb_interpretable_space=False,
        from_interp_rep_transform=None,
        to_interp_rep_transform=lambda near, original: (near != 0).double(),
    ).attribute(X, n_samples=samples)
    torch.testing.assert_close(found, expected(), rtol=1e-5, atol=1e-5)


def test_all_is_as_it_was_found_after_an_exception_among_many():
    def failing(original: Tensor, near: Tensor, sample: Tensor, **named: Any) -> Tensor:
        if sample[0, 0] > 1:
            raise KeyError("a part")
        return smooth(original, near, sample)

    def perturb(original: Tensor):
        yield from (coins(original) for _ in range(80))
        yield coins(original) + 2

    before = random_state()
    with pytest.raises(KeyError, match="a part"):
        lime(linear, similarity_func=failing, perturb_func=perturb).attribute(X, n_samples=81)
    assert random_state() == before
