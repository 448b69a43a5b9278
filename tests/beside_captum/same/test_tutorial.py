"""The network and the digits of Captum's first tutorial, in its order: the draws follow one another from one seed."""

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

import pellucid.attr


def toy() -> nn.Module:
    """The tutorial's network, with weights that count up."""
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.arange(-4.0, 5).view(3, 3))
        model[0].bias.zero_()
        model[2].weight.copy_(torch.arange(-3.0, 3).view(2, 3))
        model[2].bias.fill_(1)
    return model.eval()


@pytest.mark.parametrize("attr", [captum.attr, pellucid.attr], ids=["captum", "pellucid"])
def test_the_printed_digits(attr):
    model = toy()
    torch.manual_seed(123)
    np.random.seed(123)
    inputs, baseline = torch.rand(2, 3), torch.zeros(2, 3)
    explain = attr.IntegratedGradients(model)
    found, delta = explain.attribute(inputs, baseline, target=0, return_convergence_delta=True)
    printed(found, [[-0.5922, -1.5497, -1.0067], [0, -0.2219, -5.1991]])
    assert delta.shape == (2,)
    assert delta.abs().max() < 1e-6

    distribution = torch.randn(10, 3) * 0.001
    found, delta = attr.GradientShap(model).attribute(
        inputs, stdevs=0.09, n_samples=4, baselines=distribution, target=0, return_convergence_delta=True
    )
    printed(found, [[-0.1542, -1.6229, -1.5835], [-0.3916, -0.2836, -4.6851]])
    printed(delta, [0, -0.0005, -0.0029, -0.0084, -0.0087, -0.0405, 0, -0.0084])

    found, delta = attr.NoiseTunnel(explain).attribute(
        inputs, nt_type="smoothgrad", stdevs=0.02, nt_samples=4, baselines=baseline, target=0,
        return_convergence_delta=True,
    )  # fmt: skip
    printed(found, [[-0.4574, -1.5493, -1.0893], [0, -0.2647, -5.1619]])
    assert delta.shape == (8,)
    assert delta.abs().max() < 1e-6

    found = attr.NeuronConductance(model, model[0]).attribute(inputs, neuron_selector=1, target=0)
    printed(found, [[0, 0, 0], [1.3358, 0, -1.6811]])

    found, delta = attr.LayerConductance(model, model[0]).attribute(
        inputs, baselines=baseline, target=0, return_convergence_delta=True
    )
    printed(found, [[0, 0, -3.1452], [0, -0.3555, -5.0596]])
    printed(delta, [0.0034, 0.0059])


def printed(found, expected):
    torch.testing.assert_close(found.detach(), torch.tensor(expected), atol=5.1e-5, rtol=0)
