"""What Captum's users have met with its classes, row by row of a survey of their reports."""

import inspect
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_structure

from laws.state import random_state
from laws.test_structures import MODULES, Around, numbers, seeded
from pellucid import attr
from pellucid.attr import visualization

METHODS = [name for name in attr.__all__ if hasattr(getattr(attr, name), "attribute")]
ON_MODELS = sorted(set(METHODS) - {"DataLoaderAttribution", "LimeBase", "NoiseTunnel"})
X = numbers(4, 1, 6)
MODEL = seeded(
    lambda: nn.Sequential(
        nn.Conv1d(1, 2, 3), nn.Tanh(), nn.Conv1d(2, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0)
    )
)


def takes(function: Any, name: str) -> bool:
    return name in inspect.signature(function).parameters


def explain(name: str, model: Any, x: Tensor, layer: str | nn.Module, **wanted: Any) -> Any:
    """An attribution of a model, or at a layer of it, by as much as the method takes of what is wanted."""
    method = attr.NoiseTunnel(attr.Saliency(model)) if name == "NoiseTunnel" else getattr(attr, name)
    if name != "NoiseTunnel":
        method = method(model, layer) if takes(method, "layer") else method(model)
    given = {
        "baselines": x.new_zeros(2, *x.shape[1:]) if name.endswith(("GradientShap", "DeepLiftShap")) else None,
        "neuron_selector": lambda value: tree_leaves(value)[0].flatten(1).sum(1),
        "sliding_window_shapes": (1,) * (x.ndim - 1),
        "n_samples": 200 if name == "KernelShap" else 6,
        "nt_samples": 6,
        "n_steps": 6,
    } | wanted
    return method.attribute(x, **{each: given[each] for each in given if takes(method.attribute, each)})


@pytest.mark.parametrize("module", ["LSTM", "GRU", "attention with weights", "GPT-2's block"])
def test_row_12_layers_that_return_tuples(module: str):
    """Issues 308, 732, 1220: answers have the form of what the layer returns, or of the input."""
    make, size, call = MODULES[module]
    model, x = seeded(lambda: Around(make(), size, call)), numbers(1, 2, size)
    returned = call(model.layer, model.embed(x))
    names = [
        name
        for name in ON_MODELS
        if takes(getattr(attr, name), "layer") and "Cam" not in name and "Permutation" not in name
    ]
    assert len(names) == 19
    for name in names:
        found, expected = explain(name, model, x, model.layer), x if "Neuron" in name else returned
        assert tree_structure(found) == tree_structure(expected), name
        assert [each.shape for each in tree_leaves(found)] == [each.shape for each in tree_leaves(expected)], name
        assert any(each.any() for each in tree_leaves(found)), name


@pytest.mark.parametrize("name", [name for name in METHODS if takes(getattr(attr, name).attribute, "seed")])
def test_row_18_a_seed_is_all_that_repeats_a_run(name: str):
    """Issue 742: whatever the global generators are at, which are left there, and however much a forward may take."""
    found = []
    for start, rows in ((0, None), (1, 2)):
        random.seed(start)
        np.random.seed(start)
        torch.manual_seed(start)
        before = random_state()
        bounds = dict.fromkeys(("internal_batch_size", "nt_samples_batch_size", "perturbations_per_eval"), rows)
        found.append(explain(name, MODEL, X, "2", seed=7, **bounds))
        assert random_state() == before
    torch.testing.assert_close(found[0], found[1])
    assert not torch.allclose(found[0], explain(name, MODEL, X, "2", seed=8))


@pytest.mark.filterwarnings("ignore:No attribution ")
@pytest.mark.parametrize(("level", "normalize"), [(0.0, "outliers"), (-2.0, "outliers"), (2.0, None)])
def test_row_19_every_picture_can_be_drawn_and_saved(level: float, normalize: Any, tmp_path: Path):
    """Issues 393, 959, 1103: of zeros or of one sign too, on the scale of the values where one wants it."""
    attributions, data = np.full((4, 3), level), np.linspace(0, 1, 12).reshape(4, 3)
    given: dict[str, Any] = {"sign": "positive", "normalize": normalize, "use_pyplot": False}
    for function, views in (
        (visualization.visualize_image_attr, visualization.ImageVisualizationMethod),
        (visualization.visualize_timeseries_attr, visualization.TimeseriesVisualizationMethod),
    ):
        for view in views:
            figure, _ = function(attributions, data, method=view, **given)
            figure.savefig(tmp_path / f"{view.name}.svg")
    assert len(list(tmp_path.iterdir())) == 5 + 3


@pytest.mark.parametrize("name", [name for name in ON_MODELS if name != "LayerActivation"])
def test_row_24_progress_is_shown(name: str, capsys: pytest.CaptureFixture[str]):
    """Issue 581, on every method that has a loop: to the end, and only where it is wanted."""
    for shown in (False, True):
        explain(name, MODEL, X, "2", show_progress=shown, internal_batch_size=2)
        assert ("100%" in capsys.readouterr().err) == shown
