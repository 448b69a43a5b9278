"""What the first call of each class imports, as JSON: a program, run by itself, in which nobody has called anything."""

from __future__ import annotations

import inspect
import json
import sys
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from pellucid import attr


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.activation, self.last = nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Linear(32, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.activation(self.convolution(x)).flatten(1))


class Mean:
    def fit(self, data: Any) -> None:
        samples, outputs, _ = data.dataset.tensors  # whose loader imports torch's profiler once it is asked
        self.mean = (samples * outputs[:, None]).mean(0, keepdim=True)

    def representation(self) -> Tensor:
        return self.mean


NET, X = Net().eval(), torch.rand(1, 1, 4, 4)
PARTS: dict[str, Any] = {
    "attr_method": attr.FeatureAblation(NET),
    "forward_func": NET,
    "model": NET,
    "layer": NET.convolution,
    "attribution_method": attr.IntegratedGradients(lambda x: NET(x)[:, 1]),
    "interpretable_model": Mean(),
    "similarity_func": lambda original, perturbed, sample: 1.0,
    "perturb_func": lambda original: torch.bernoulli(torch.full((1, 16), 0.5)),
    "perturb_interpretable_space": True,
    "from_interp_rep_transform": lambda sample, original: original * sample.view(1, 1, 4, 4),
    "to_interp_rep_transform": None,
}
"""What constructors need, by its name there."""
ARGUMENTS: dict[str, Any] = {
    "inputs": X,
    "dataloader": [X, X],
    "neuron_selector": (0, 0, 0),
    "baselines": torch.zeros(2, 1, 4, 4),
    "sliding_window_shapes": (1, 2, 2),
}
"""What `attribute` needs, by its name there."""
MORE: dict[str, Any] = {"target": 1, "n_samples": 5, "feature_mask": torch.arange(16).view(1, 1, 4, 4) // 4}
"""What it takes besides."""
THEN: tuple[dict[str, Any], ...] = ({}, {"return_convergence_delta": True}, {"seed": 0, "return_stderr": True})
"""What it is called with, one after another."""


def needed(call: Any) -> set[str]:
    """The arguments without a default."""
    return {each.name for each in inspect.signature(call).parameters.values() if each.default is each.empty}


def called(cls: type) -> None:
    attribution = cls(**{name: PARTS[name] for name in needed(cls)})
    taken, wanted = inspect.signature(attribution.attribute).parameters, needed(attribution.attribute)
    arguments = {name: value for name, value in ARGUMENTS.items() if name in wanted}
    for more in THEN:
        attribution.attribute(**arguments, **{name: value for name, value in (MORE | more).items() if name in taken})


def main() -> None:
    found = {}
    warnings.simplefilter("ignore")
    for name in attr.__all__:
        cls = getattr(attr, name)
        if hasattr(cls, "attribute"):
            before = set(sys.modules)
            called(cls)
            found[name] = sorted(set(sys.modules) - before)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
