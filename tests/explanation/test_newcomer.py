"""Five tasks of a first hour, each in at most eight lines: a customer, a cat, a sentence, a series, four methods."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from torch import nn

import pellucid
from explanation.models import Words
from explanation.test_explanation import encoding

MOST_LINES = 8
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


def run(task: str, **given: Any) -> dict[str, Any]:
    """Run a task, whose lines are counted."""
    lines = [line for line in task.splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES
    namespace = {"pellucid": pellucid, **given}
    exec("\n".join(lines), namespace)
    return namespace


def customers() -> tuple[nn.Module, pandas.DataFrame]:
    """A network that has learnt who leaves: the old and poor, whatever they pay by."""
    generator = np.random.default_rng(0)
    table = pandas.DataFrame(
        {
            "age": generator.uniform(20, 80, 400).round(),
            "income": generator.uniform(1, 9, 400).round(1),
            "by card": (by_card := generator.integers(0, 2, 400).astype(float)),
            "by bill": 1 - by_card,
        }
    )
    leaves = torch.tensor((table["age"] / 10 - table["income"] > 0).to_numpy()).long()
    scaled = torch.tensor(((table - table.mean()) / table.std()).to_numpy()).float()
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(scaled), leaves).backward()
        optimizer.step()
    first = nn.BatchNorm1d(4, eps=0, affine=False)
    first.running_mean, first.running_var = (
        torch.tensor(table.mean().to_numpy()).float(),
        torch.tensor(table.var().to_numpy()).float(),
    )
    return nn.Sequential(first, *network).eval(), table


def test_why_a_customer_leaves_with_names_a_picture_and_a_table(tmp_path: Path):
    model, table = customers()
    done = run(
        """
explanation = pellucid.explain(model, table, target="leaves", class_names=["stays", "leaves"], baselines=table)
explanation = explanation.group({"pays": ["by card", "by bill"]})
print(explanation[0])
explanation[0].plot.waterfall().save(folder / "customer.png")
explanation.to_csv(folder / "customers.csv")
first = abs(explanation).mean().top(2)
""",
        model=model,
        table=table,
        folder=tmp_path,
    )
    assert set(done["first"].features.names) == {"age", "income"}
    assert (tmp_path / "customer.png").stat().st_size > 10_000
    rows = pandas.read_csv(tmp_path / "customers.csv")
    assert len(rows) == 3 * len(table)
    assert set(rows["feature"]) == {"age", "income", "pays"}
    assert rows[rows["feature"] == "pays"]["input"].isin(["by card", "by bill"]).all()


def test_where_the_cat_is(tmp_path: Path):
    specification = importlib.util.spec_from_file_location("heat_maps", PICTURES / "heat_maps.py")
    heat_maps = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(heat_maps)
    done = run(
        """
last = pellucid.methods.Layer("_swish", call=1)
explanation = pellucid.explain(model, photographs, method="grad_cam", source=last)
explanation[0].plot.image().save(folder / "cat.png")
""",
        model=heat_maps.network(),
        photographs=heat_maps.photographs(),
        folder=tmp_path,
    )
    maps = done["explanation"].parts[0].values[:, 0]
    assert maps[1].argmax() // 7 in range(1, 5)  # the cup is in the middle
    assert done["explanation"].target_names == ("output 282", "output 967")
    assert (tmp_path / "cat.png").stat().st_size > 50_000


def test_which_words_made_it(tmp_path: Path):
    done = run(
        """
explanation = pellucid.explain(model, ["the movie was boring .", "great movie ."], tokenizer=tokenizer, target=1)
words = explanation.aggregate("word")
words.plot.tokens().save(folder / "words.svg")
strongest = words[0].top(1)
""",
        model=Words(),
        tokenizer=encoding(),
        folder=tmp_path,
    )
    assert "boring" in done["words"][0].features.names
    picture = (tmp_path / "words.svg").read_text(encoding="utf-8")
    assert "boring" in picture
    assert "##ing" not in picture


def test_which_steps_of_a_series_decide():
    class LastSteps(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tanh(x[:, -3:, 1]).sum(1)

    series = torch.randn(2, 24, 3, generator=torch.Generator().manual_seed(0))
    done = run(
        """
explanation = pellucid.explain(model, series)
steps = explanation.aggregate("step")[0].top(3)
picture = explanation[0].plot.timeseries()
print(explanation[0])
""",
        model=LastSteps(),
        series=series,
    )
    assert set(done["steps"].features.names) == {"step 21", "step 22", "step 23"}
    assert done["picture"].svg()


def test_four_methods_side_by_side(tmp_path: Path):
    model, table = customers()
    done = run(
        """
methods = ["integrated_gradients", "deep_lift", "kernel_shap", "saliency"]
comparison = pellucid.explain(model, table[:1], target=1, method=methods, baselines=table.mean().to_frame().T)
comparison.plot().save(folder / "methods.svg")
comparison.save(folder / "methods.pellucid")
agree = comparison["integrated_gradients"] - comparison["kernel_shap"]
""",
        model=model,
        table=table,
        folder=tmp_path,
    )
    assert list(done["comparison"]) == ["integrated_gradients", "deep_lift", "kernel_shap", "saliency"]
    largest = np.abs(done["comparison"]["kernel_shap"].features.values).max()
    assert np.abs(done["agree"].features.values).max() < 0.5 * largest
    assert len(pellucid.load(tmp_path / "methods.pellucid")) == 4
    assert "kernel shap" in (tmp_path / "methods.svg").read_text(encoding="utf-8")


def test_lines_are_counted():
    with pytest.raises(AssertionError):
        run("\n".join(["a = 1"] * 9))
