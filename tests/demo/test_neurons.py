import re
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from demo.page import words, written
from pellucid.demo.findings import Findings
from pellucid.demo.neuron_pictures import neuron_pictures
from pellucid.demo.neurons import NeuronFindings
from pellucid.demo.titanic import FEATURES, trained_network
from pellucid.plot import Bars, Histogram


def conductances_by_hand(features: Tensor, steps: int = 2000) -> Tensor:
    """Each feature's part in each neuron, [passengers, neurons, features], by the chain rule in double precision.

    The gradients are taken at the middles of equal steps from zero.
    """
    net, features = trained_network().double(), features.double()
    weights = net[0].weight.detach()
    sums = torch.zeros(len(features), *weights.shape, dtype=torch.float64)
    for step in range(steps):
        with torch.no_grad():
            said = net[:2](features * (step + 0.5) / steps)
        said.requires_grad_()
        slope = torch.autograd.grad(net[2:](said)[:, 1].sum(), said)[0]
        sums += (slope * (said * (1 - said)).detach())[:, :, None] * weights
    return sums / steps * features[:, None, :]


@pytest.fixture(scope="module")
def by_hand(findings: Findings) -> Tensor:
    return conductances_by_hand(findings.test.features)


def test_conductances_are_those_of_a_computation_by_hand(findings: Findings, by_hand: Tensor):
    neurons = findings.neurons
    assert neurons.conductances.shape == (393, 12)
    missed = neurons.conductances - by_hand.sum(dim=2)
    assert missed.abs().max() < 0.02  # single neurons of single passengers: their errors cancel in the delta
    assert missed.mean(dim=0).abs().max() < 4e-3
    for neuron, shares in neurons.shares.items():
        assert (shares - by_hand[:, neuron]).abs().max() < 1e-3
    assert neurons.gap() < 5e-3


def test_conductances_add_up_to_the_change_of_the_prediction_but_for_the_delta(findings: Findings):
    net = trained_network()
    with torch.no_grad():
        change = net(findings.test.features)[:, 1] - net(torch.zeros(1, 12))[:, 1]
    neurons = findings.neurons
    assert torch.allclose(neurons.conductances.sum(dim=1) - change, neurons.delta, atol=1e-5)
    assert neurons.delta.abs().max() < 0.02
    assert abs(neurons.delta.mean()) < 5e-3
    assert neurons.total() == pytest.approx(change.mean().item(), abs=5e-3)
    assert findings.change() == pytest.approx(change.mean().item(), abs=1e-6)


def test_the_strong_neurons_have_the_largest_mean_size(findings: Findings, by_hand: Tensor):
    sizes = by_hand.sum(dim=2).abs().mean(dim=0)
    assert list(findings.neurons.shares) == sizes.topk(2).indices.tolist() == [10, 1]
    assert findings.neurons.ranked()[0] == int(sizes.argmax())
    assert set(findings.neurons.ranked()[-2:]) == set(sizes.topk(2, largest=False).indices.tolist())


def test_one_strong_neuron_looks_at_gender_and_class_and_the_other_at_age(findings: Findings):
    first, second = ([feature.name for feature in findings.neurons.looks_at(neuron)] for neuron in (10, 1))
    assert first == ["male", "class 3"]
    assert second[0] == "age"


def test_a_neuron_looks_at_the_fewest_features_that_carry_more_than_half():
    carried = torch.zeros(4, len(FEATURES))
    carried[:, 3], carried[:, 5], carried[:, 7] = 1.0, torch.tensor([3.0, -3.0, 3.0, -3.0]), -2.0
    neurons = NeuronFindings(conductances=carried.sum(dim=1)[:, None], delta=torch.zeros(4), shares={0: carried})
    assert [feature.name for feature in neurons.looks_at(0)] == ["male", "embark Q"]  # 3 of 6 is no more than half
    carried[:, 5] *= 1.1
    assert [feature.name for feature in neurons.looks_at(0)] == ["male"]


def test_the_charts_show_the_numbers_found(findings: Findings, by_hand: Tensor):
    means, distributions, features = (picture.chart for picture in neuron_pictures(findings))
    assert isinstance(means, Bars)
    expected = by_hand.sum(dim=2).mean(dim=0)
    assert means.values == tuple(sorted(means.values, reverse=True))
    assert means.values == pytest.approx([expected[int(name.split()[1])].item() for name in means.names], abs=4e-3)

    shown = [int(chart.title.split()[1]) for chart in distributions.charts]
    assert sorted(shown) == [1, 7, 9, 10]
    for neuron, chart in zip(shown, distributions.charts, strict=True):
        assert isinstance(chart, Histogram)
        values = findings.neurons.conductances[:, neuron]
        bins = zip(pairwise(chart.edges), chart.counts, strict=True)
        assert all(count == ((low < values) & (values <= high)).sum() for (low, high), count in bins)
    strong, weak = distributions.charts[:2], distributions.charts[2:]
    assert all(len(chart.counts) > 10 and max(chart.counts) < 200 for chart in strong)
    assert [chart.counts for chart in weak] == [(393,), (393,)]

    assert [chart.title for chart in features.charts] == ["neuron 10", "neuron 1"]
    for neuron, chart in zip((10, 1), features.charts, strict=True):
        assert chart.names == tuple(feature.name for feature in findings.by_feature())
        parts = dict(zip(FEATURES, by_hand[:, neuron].mean(dim=0).tolist(), strict=True))
        assert chart.values == pytest.approx([parts[name] for name in chart.names], abs=1e-3)


def test_the_page_says_what_was_found_in_the_neurons(folder: Path, findings: Findings):
    text = words((folder / "index.html").read_text(encoding="utf-8"))
    conductances = findings.neurons.conductances
    for index in range(12):
        values = conductances[:, index]
        numbers = f"{written(values.mean().item())} {values.abs().mean():.3f} {values.std():.3f}"
        assert f"neuron {index} {numbers}" in text
    total, change = written(conductances.sum(dim=1).mean().item()), written(findings.change())
    assert f"conductances add up to {total}; the prediction changes by {change}." in text
    delta = findings.neurons.delta
    assert f"delta: {delta.mean():+.1e} on average, at most {delta.abs().max():.1e} in size" in text
    for neuron, shares in findings.neurons.shares.items():
        said = re.search(rf"Neuron {neuron} looks mostly at ([^.]*\.[^%]*), (\d+)% of what flows through it\.", text)
        assert said is not None
        means, sizes = shares.mean(dim=0), shares.abs().mean(dim=0)
        named = re.findall(r"([a-z][\w ]*?) \((\S+)\)", said[1].replace(" and ", ", "))
        indices = [FEATURES.index(name) for name, _ in named]
        assert [number for _, number in named] == [written(means[index].item(), 2) for index in indices]
        assert said[2] == f"{100 * sizes[indices].sum() / sizes.sum():.0f}"
        assert sizes[indices].min() >= sizes[[index for index in range(12) if index not in indices]].max()
