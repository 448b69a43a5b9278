"""Two photographs: the animal lights up, and the cup."""

import importlib.util
from pathlib import Path

import pytest

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
specification = importlib.util.spec_from_file_location("heat_maps", PICTURES / "heat_maps.py")
heat_maps = importlib.util.module_from_spec(specification)
specification.loader.exec_module(heat_maps)

WHERE = {"cat": (slice(50, 215), slice(40, 215)), "cup": (slice(10, 170), slice(35, 180))}
"""Eyes and nose; the cup with its handle and the spoon: rows and columns."""


@pytest.fixture(scope="module")
def model():
    return heat_maps.network()


@pytest.mark.parametrize("name", heat_maps.METHODS)
def test_the_animal_and_the_cup_light_up(name: str, model):
    """What speaks for the class is denser there than elsewhere, by a half at least."""
    for photograph, found in zip(
        heat_maps.PHOTOGRAPHS, heat_maps.heat_map(name, model, heat_maps.photographs()), strict=True
    ):
        positive, (rows, columns) = found.clamp(min=0).double(), WHERE[photograph]
        inside = positive[rows, columns]
        density = float(inside.mean() / ((positive.sum() - inside.sum()) / (positive.numel() - inside.numel())))
        assert density > 1.5, photograph
