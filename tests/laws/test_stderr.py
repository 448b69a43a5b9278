"""Standard errors are honest: the estimates of many repetitions are spread as they say."""

import pytest
import torch
from torch import Tensor

from laws.baselines import distribution
from pellucid import attr
from pellucid.methods import GradientShap, InputXGradient, NoiseTunnel, Problem, Saliency
from zoo.specimens import SPECIMENS, Tensors

REPETITIONS = 400  # the spread of as many estimates is known to 3.5 %

METHODS = {
    "GradientShap": GradientShap(n_samples=12, stdevs=0.3, seed=1),
    "GradientShap local": GradientShap(n_samples=12, multiply_by_inputs=False, seed=1),
    "smoothgrad": NoiseTunnel(attribution_method=Saliency(abs=False), nt_samples=12, stdevs=0.5, seed=1),
    "smoothgrad_sq": NoiseTunnel(
        attribution_method=InputXGradient(), nt_type="smoothgrad_sq", nt_samples=40, stdevs=0.5, seed=1
    ),
    "vargrad": NoiseTunnel(
        attribution_method=Saliency(abs=False), nt_type="vargrad", nt_samples=100, stdevs=0.3, seed=1
    ),
    "smoothgrad of GradientShap": NoiseTunnel(
        attribution_method=GradientShap(n_samples=3, seed=2), nt_samples=12, stdevs=0.3, seed=1
    ),
}


def repeated(name: str) -> tuple[Tensors, Tensors]:
    """Estimates and their standard errors: many copies of an example, each with its own random numbers."""
    specimen = SPECIMENS["reused"]
    x = specimen.inputs(1)[0].expand(REPETITIONS, -1)
    baselines = {"baselines": distribution((x,))[0]} if "GradientShap" in name else {}
    result = METHODS[name](Problem(specimen.model(), x, target=1), **baselines)
    return result.values, result.stderr


@pytest.mark.parametrize("name", METHODS)
def test_the_spread_of_the_estimates_is_the_standard_error(name: str):
    (estimates,), (stderr,) = repeated(name)
    spread, claimed = estimates.std(0), stderr.square().mean(0).sqrt()
    assert spread.min() > 0
    torch.testing.assert_close(claimed, spread, rtol=0.15, atol=0)


@pytest.mark.parametrize("settings", [{"n_samples": 1}, {"return_stderr": False, "n_samples": 5}])
def test_one_sample_cannot_tell_and_who_does_not_ask_is_not_told(settings: dict):
    settings = dict(settings)
    problem = Problem(lambda x: x.sum(1), torch.ones(2, 3))
    assert GradientShap(**settings)(problem, torch.zeros(1, 3)).stderr is None
    settings["nt_samples"] = settings.pop("n_samples")
    assert NoiseTunnel(attribution_method=Saliency(), **settings)(problem).stderr is None


def test_what_does_not_vary_has_no_error():
    problem = Problem(lambda x: x.sum(1), torch.ones(2, 3))
    for result in (
        GradientShap(n_samples=7)(problem, torch.zeros(1, 3)),
        NoiseTunnel(attribution_method=Saliency(), nt_samples=7)(problem),
    ):
        assert not result.stderr[0].any()
        assert result.values[0].eq(1).all()


def spread_of_copies(**settings: int) -> Tensor:
    """The variance over noisy copies without noise: what is left is drawn by the method inside."""
    specimen = SPECIMENS["reused"]
    (x,) = specimen.inputs(3)
    tunnel = attr.NoiseTunnel(attr.GradientShap(specimen.model()))
    return tunnel.attribute(
        x, "vargrad", 30, stdevs=0.0, baselines=distribution((x,))[0], n_samples=2, target=1, **settings
    )


def test_noisy_copies_get_independent_draws_of_the_method_inside():
    together, in_calls = spread_of_copies(seed=0), spread_of_copies(seed=0, nt_samples_batch_size=1)
    assert together.min() > 0
    assert in_calls.min() > 0.2 * together.min()
