"""The methods agree with their slow and obvious versions, on every model."""

import numpy as np
import pytest
import torch
from torch import Tensor

from laws.baselines import by_example, distribution
from laws.registry import close
from pellucid import attr
from reference import slow
from reference.by_example import EXAMPLES, examples, functions, together
from zoo.specimens import SPECIMENS, Specimen, Tensors

on_every_model = pytest.mark.parametrize("specimen", SPECIMENS.values(), ids=lambda specimen: specimen.name)
RULES = ["gausslegendre", "riemann_left", "riemann_middle", "riemann_right", "riemann_trapezoid"]


def bare(tensors: Tensors) -> Tensor | Tensors:
    return tensors if len(tensors) > 1 else tensors[0]


def run(attribution: attr.Attribution, specimen: Specimen, **more) -> Tensors:
    inputs = specimen.inputs(EXAMPLES)
    found = attribution.attribute(bare(inputs), **specimen.arguments(EXAMPLES), **more)
    return found if isinstance(found, tuple) else (found,)


def one_by_one(specimen: Specimen, method, *others: Tensors) -> Tensors:
    """A slow method on every example."""
    parts = zip(functions(specimen), *map(examples, (specimen.inputs(EXAMPLES), *others)), strict=True)
    return together([method(*part) for part in parts])


@on_every_model
def test_saliency(specimen: Specimen):
    saliency = attr.Saliency(specimen.model())
    close(run(saliency, specimen), one_by_one(specimen, slow.saliency))
    close(run(saliency, specimen, abs=False), one_by_one(specimen, slow.gradient))


@on_every_model
def test_input_x_gradient(specimen: Specimen):
    close(run(attr.InputXGradient(specimen.model()), specimen), one_by_one(specimen, slow.input_x_gradient))


@on_every_model
@pytest.mark.parametrize("rule", RULES)
def test_integrated_gradients(specimen: Specimen, rule: str):
    starts = by_example(specimen.inputs(EXAMPLES))
    gradients = attr.IntegratedGradients(specimen.model())
    found = run(gradients, specimen, baselines=bare(starts), method=rule, n_steps=4)
    close(found, one_by_one(specimen, lambda f, x, x0: slow.integrated_gradients(f, x, x0, rule, 4), starts))


@on_every_model
def test_the_delta_of_integrated_gradients(specimen: Specimen):
    inputs = specimen.inputs(EXAMPLES)
    found, delta = attr.IntegratedGradients(specimen.model()).attribute(
        bare(inputs), n_steps=3, return_convergence_delta=True, **specimen.arguments(EXAMPLES)
    )
    parts = zip(
        functions(specimen), examples(found if isinstance(found, tuple) else (found,)), examples(inputs), strict=True
    )
    expected = [slow.gap(f, a, [torch.zeros_like(each) for each in x], x) for f, a, x in parts]
    close((delta,), (torch.stack(expected).detach(),))


def normal(inputs: Tensors, samples: int, stdevs: tuple[float, ...]) -> list[Tensor]:
    """Gaussian noise for every input, (examples, samples, 1, ...), as `torch.normal` draws it for the batch."""
    return [
        torch.normal(0.0, torch.full((len(x) * samples, *x.shape[1:]), stdev)).unflatten(0, (len(x), samples, 1))
        for x, stdev in zip(inputs, stdevs, strict=True)
    ]


@on_every_model
def test_gradient_shap(specimen: Specimen):
    """With global seeds: a choice of baselines per input, noise per input, and then where to stand between them."""
    inputs, samples, stdevs = specimen.inputs(EXAMPLES), 4, (0.3, 0.2)[: len(specimen.shapes)]
    baselines = distribution(inputs)
    np.random.seed(3)
    torch.manual_seed(3)
    found = run(
        attr.GradientShap(specimen.model()), specimen, baselines=bare(baselines), n_samples=samples, stdevs=stdevs
    )
    np.random.seed(3)
    torch.manual_seed(3)
    chosen = [np.random.choice(len(each), EXAMPLES * samples).reshape(EXAMPLES, samples) for each in baselines]
    noise = normal(inputs, samples, stdevs)
    alphas = np.random.uniform(0, 1, EXAMPLES * samples).reshape(EXAMPLES, samples)
    expected = []
    for i, (f, x) in enumerate(zip(functions(specimen), examples(inputs), strict=True)):
        draws = [
            (
                [each[c[i, s] : c[i, s] + 1] for each, c in zip(baselines, chosen, strict=True)],
                [each + e[i, s] for each, e in zip(x, noise, strict=True)],
                alphas[i, s],
            )
            for s in range(samples)
        ]
        expected.append(slow.expected_gradients(f, draws))
    close(found, together(expected))


@on_every_model
@pytest.mark.parametrize("average", ["smoothgrad", "smoothgrad_sq", "vargrad"])
@pytest.mark.parametrize("per_call", [None, 2])
def test_noise_tunnel(specimen: Specimen, average: str, per_call: int | None):
    """With global seeds: noise per input, for as many copies as go into a call."""
    inputs, samples, stdevs = specimen.inputs(EXAMPLES), 5, (0.3, 0.2)[: len(specimen.shapes)]
    torch.manual_seed(4)
    tunnel = attr.NoiseTunnel(attr.InputXGradient(specimen.model()))
    found = run(tunnel, specimen, nt_type=average, nt_samples=samples, nt_samples_batch_size=per_call, stdevs=stdevs)
    torch.manual_seed(4)
    calls = [normal(inputs, count, stdevs) for count in ([5] if per_call is None else [2, 2, 1])]
    noise = [torch.cat(parts, 1) for parts in zip(*calls, strict=True)]
    expected = []
    for i, (f, x) in enumerate(zip(functions(specimen), examples(inputs), strict=True)):
        noisy = [[each + e[i, s] for each, e in zip(x, noise, strict=True)] for s in range(samples)]
        expected.append(slow.noise_tunnel(lambda point, f=f: slow.input_x_gradient(f, point), noisy, average))
    close(found, together(expected))
