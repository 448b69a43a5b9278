"""What a call holds follows the block, and is given back: measured in a fresh process, after one warm call."""

import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.core.batching import MIB

pytestmark = [
    pytest.mark.large,  # processes of their own, for twenty seconds each
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory off Linux's /proc"),
]

PROBE = """
import gc
import pellucid.attr as attr
import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)


def resident(which):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(which))


def network(size):
    head = nn.Linear(8 * ((size - 2) // 2) ** 2, 10)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), head).eval()


def image(size):
    return torch.randn(1, 3, size, size)


{calls}
gc.collect()
before = resident("VmRSS")
call(*scene)
print(resident("VmRSS") - before, resident("VmHWM") - before)
"""


def growth(calls: str) -> tuple[int, int]:
    """Resident memory after a call, and its peak, above what was resident before."""
    output = subprocess.run([sys.executable, "-c", PROBE.replace("{calls}", calls)], capture_output=True, check=True)
    after, peak = map(int, output.stdout.split())
    return after, peak


CALLS = {
    "FeatureAblation": """
def call(model, x):
    attr.FeatureAblation(model).attribute(x, target=0)

call(network(8), image(8))
scene = network(64), image(64)
""",
    "Occlusion": """
def call(model, x):
    attr.Occlusion(model).attribute(x, (3, 8, 8), strides=(3, 8, 8), target=0)

call(network(16), image(16))
scene = network(224), image(224)
""",
}


@pytest.mark.parametrize("name", CALLS)
def test_games_of_many_features_give_their_memory_back(name: str):
    after, peak = growth(CALLS[name])
    assert after < 100 * MIB
    assert peak < 100 * MIB


GRADIENT_SHAP = """
def call(model, x, samples=2):
    attr.GradientShap(model).attribute(x, torch.zeros(4, *x.shape[1:]), n_samples=samples, stdevs=0.1, seed=0, target=0)

call(network(16), image(16))
scene = network(16), torch.randn(1024, 3, 16, 16), {samples}
"""


def test_seeded_draws_are_made_as_they_are_needed():
    few, many = (growth(GRADIENT_SHAP.replace("{samples}", samples))[1] for samples in ("2", "30"))
    assert many - few < 10 * MIB  # the samples have 84 MiB


DEEP_LIFT_SHAP = """
def call(model, x, backgrounds=2):
    attr.DeepLiftShap(model).attribute(x, torch.zeros(backgrounds, *x.shape[1:]), target=0)

call(network(16), image(16))
scene = network(16), torch.randn(256, 3, 16, 16), {backgrounds}
"""


def test_pairs_of_inputs_and_baselines_are_made_as_they_are_needed():
    few, many = (growth(DEEP_LIFT_SHAP.replace("{backgrounds}", number))[1] for number in ("20", "80"))
    assert many - few < 15 * MIB  # the inputs of the other pairs have 45 MiB
