from typing import Any

import pytest
import torch

from beside_captum.same.compare import Call, on_captum, on_pellucid, value_of
from zoo.architectures import Example, example

ONE, TWO = example("recurrent"), example("two inputs")
SHAP = "GradientShap"


def gradient_shap(case: Example, baselines: Any, **arguments: Any) -> Call:
    """A call of GradientShap."""
    return lambda attr: attr.GradientShap(case.model).attribute(case.inputs, baselines, **arguments, **case.explained)


def tunnel(case: Example, method: str = "Saliency", **arguments: Any) -> Call:
    """A call of NoiseTunnel around a method."""
    return lambda attr: attr.NoiseTunnel(getattr(attr, method)(case.model)).attribute(
        case.inputs, **arguments, **case.explained
    )


FROM_DISTRIBUTION: dict[str, Any] = {"method": "IntegratedGradients", "draw_baseline_from_distrib": True}
TORCH_ONLY = {
    "defaults": tunnel(ONE),
    "two inputs": tunnel(TWO, stdevs=(0.1, 0.2)),
    "no noise": tunnel(ONE, stdevs=0.0),
    "one sample": tunnel(ONE, nt_samples=1),
    "one at a time": tunnel(ONE, nt_samples_batch_size=1),
    "batches that divide": tunnel(ONE, nt_samples=6, nt_samples_batch_size=3),
    "batches that do not divide": tunnel(TWO, nt_samples=5, nt_samples_batch_size=2),
    "a batch larger than all": tunnel(ONE, nt_samples=3, nt_samples_batch_size=10),
    "squares": tunnel(ONE, nt_type="smoothgrad_sq"),
    "variances": tunnel(ONE, nt_type="vargrad", nt_samples_batch_size=2),
    "deltas": tunnel(ONE, "IntegratedGradients", return_convergence_delta=True),
    "internal batches": tunnel(ONE, "IntegratedGradients", internal_batch_size=8, n_steps=9),
    "fixed baselines": tunnel(TWO, "IntegratedGradients", baselines=TWO.draw(4)),
}
TORCH_AND_NUMPY = {
    "shap, defaults": gradient_shap(ONE, ONE.draw(3)),
    "shap, two inputs": gradient_shap(TWO, TWO.draw(3, 5), stdevs=(0.1, 0.2)),
    "shap, one sample": gradient_shap(ONE, ONE.draw(3), n_samples=1),
    "shap, one baseline": gradient_shap(ONE, ONE.draw(1), n_samples=4),
    "shap, deltas": gradient_shap(ONE, ONE.draw(3), stdevs=0.2, return_convergence_delta=True),
    "drawn baselines": tunnel(ONE, baselines=ONE.draw(3), **FROM_DISTRIBUTION),
    "drawn baselines of two inputs": tunnel(TWO, baselines=TWO.draw(3, 6), **FROM_DISTRIBUTION),
    "drawn in batches that divide": tunnel(
        TWO, baselines=TWO.draw(3), nt_samples=6, nt_samples_batch_size=2, **FROM_DISTRIBUTION
    ),
    "drawn in batches that do not divide": tunnel(
        TWO, baselines=TWO.draw(3), nt_samples=5, nt_samples_batch_size=2, **FROM_DISTRIBUTION
    ),
    "drawn for a batch larger than all": tunnel(
        ONE, baselines=ONE.draw(3), nt_samples=3, nt_samples_batch_size=10, **FROM_DISTRIBUTION
    ),
    "shap in a tunnel": tunnel(ONE, SHAP, baselines=ONE.draw(4)),
    "shap in a tunnel, in batches": tunnel(
        ONE, SHAP, baselines=ONE.draw(1), n_samples=3, nt_samples=5, nt_samples_batch_size=2
    ),
    "shap in a tunnel, drawn in batches": tunnel(
        TWO, SHAP, baselines=TWO.draw(3), nt_samples=5, nt_samples_batch_size=3, draw_baseline_from_distrib=True
    ),
}


@pytest.mark.parametrize("seed", [0, 1234])
@pytest.mark.parametrize("name", [*TORCH_ONLY, *TORCH_AND_NUMPY])
def test_the_global_generators_end_where_captum_leaves_them(name: str, seed: int):
    call = (TORCH_ONLY | TORCH_AND_NUMPY)[name]
    start, theirs, ours = on_captum(lambda attr: None, seed), on_captum(call, seed), on_pellucid(call, seed)
    value_of(theirs), value_of(ours)
    assert theirs.torch_state != start.torch_state
    assert (theirs.numpy_state != start.numpy_state) == (name in TORCH_AND_NUMPY)
    assert ours.torch_state == theirs.torch_state
    assert ours.numpy_state == theirs.numpy_state


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16], ids=str)
def test_draws_do_not_depend_on_the_dtype_of_the_inputs(dtype: torch.dtype):
    inputs = ONE.inputs.to(dtype)
    call = lambda attr: attr.NoiseTunnel(attr.Saliency(lambda x: x.sin().sum((1, 2)))).attribute(inputs)  # noqa: E731
    theirs, ours = on_captum(call), on_pellucid(call)
    assert value_of(ours).shape == value_of(theirs).shape
    assert ours.torch_state == theirs.torch_state


@pytest.mark.parametrize("seeded", ["seed", "generator"])
@pytest.mark.parametrize("method", ["tunnel", "shap"])
def test_with_a_seed_or_a_generator_of_its_own_a_call_leaves_the_global_ones_alone(method: str, seeded: str):
    own = {"seed": 3} if seeded == "seed" else {"generator": torch.Generator().manual_seed(3)}
    call = tunnel(ONE, **own) if method == "tunnel" else gradient_shap(ONE, ONE.draw(3), stdevs=0.1, **own)
    start, ours = on_pellucid(lambda attr: None), on_pellucid(call)
    value_of(ours)
    assert (ours.torch_state, ours.numpy_state) == (start.torch_state, start.numpy_state)
