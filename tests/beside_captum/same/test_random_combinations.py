"""Arguments that nobody thought of together."""

import random
from typing import Any

import pytest
import torch

from beside_captum.same.compare import Call, assert_same
from training import in_training_mode
from zoo.architectures import ARCHITECTURES, Example, example


def combination(seed: int) -> tuple[Call, bool, str]:
    """A call at random, whether it returns deltas, and what to call it in a message."""
    pick = random.Random(seed)
    average = pick.choice([None, None, "smoothgrad", "smoothgrad_sq", "vargrad"])
    # In float32 Captum's own variances are off; see the differences.
    dtype = torch.float64 if average == "vargrad" or pick.random() < 0.3 else torch.float32
    case = example(pick.choice([*ARCHITECTURES]), seed, dtype=dtype, training=pick.random() < 0.3)
    method = pick.choice(["Saliency", "InputXGradient", "IntegratedGradients", "GradientShap"])
    drawn = average is not None and method in ("IntegratedGradients", "GradientShap") and pick.random() < 0.5
    multiplied = {} if method in ("Saliency", "InputXGradient") else {"multiply_by_inputs": pick.random() < 0.7}
    arguments = METHODS[method](case, pick, average, drawn)
    if average is not None:
        arguments |= {
            "nt_type": average,
            "nt_samples": pick.randint(2, 7),
            "nt_samples_batch_size": pick.choice([None, 1, 2, 3, 8]),
            "stdevs": _spread(case, pick, average),
            "draw_baseline_from_distrib": drawn,
        }

    def call(attr: Any) -> Any:
        explain = getattr(attr, method)(case.model, **multiplied)
        explain = explain if average is None else attr.NoiseTunnel(explain)
        return explain.attribute(case.inputs, **arguments, **case.explained)

    plain = {name: value for name, value in arguments.items() if name != "baselines"}
    return call, arguments.get("return_convergence_delta", False), f"{method}, {case.model}, {multiplied | plain}"


def _saliency(case: Example, pick: random.Random, average: str | None, drawn: bool) -> dict[str, Any]:
    return {"abs": pick.random() < 0.5}


def _input_x_gradient(case: Example, pick: random.Random, average: str | None, drawn: bool) -> dict[str, Any]:
    return {}


def _integrated(case: Example, pick: random.Random, average: str | None, drawn: bool) -> dict[str, Any]:
    return {
        "baselines": case.draw(pick.choice([1, 3, 4, 6] if drawn else [1, 4])),
        "method": pick.choice(["gausslegendre", "riemann_left", "riemann_right", "riemann_middle"]),
        "n_steps": pick.randint(2, 30),
        "internal_batch_size": pick.choice([None, 28, 40, 100]),
        "return_convergence_delta": average != "vargrad" and pick.random() < 0.5,
    }


def _shap(case: Example, pick: random.Random, average: str | None, drawn: bool) -> dict[str, Any]:
    return {
        "baselines": case.draw(pick.choice([1, 4] if average is not None and not drawn else [1, 2, 4, 7])),
        "n_samples": pick.randint(1, 8),
        "return_convergence_delta": average != "vargrad" and pick.random() < 0.5,
    } | ({} if average is not None else {"stdevs": _spread(case, pick, average)})


METHODS = {
    "Saliency": _saliency,
    "InputXGradient": _input_x_gradient,
    "IntegratedGradients": _integrated,
    "GradientShap": _shap,
}


def _spread(case: Example, pick: random.Random, average: str | None) -> float | tuple[float, ...]:
    each = tuple(pick.choice([0.2, 0.5] if average == "vargrad" else [0.0, 0.1, 0.5]) for _ in case.tensors)
    return each if pick.random() < 0.5 else each[0]


@in_training_mode
@pytest.mark.filterwarnings("ignore:attributions do not add up")  # of few steps, the same in both
@pytest.mark.parametrize(
    "combination_seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.large) for seed in range(8, 500))]
)
def test_a_combination_of_arguments(combination_seed: int):
    call, deltas, described = combination(combination_seed)
    try:
        assert_same(call, seed=combination_seed, delta=deltas)
    except Exception as error:
        raise AssertionError(described) from error
