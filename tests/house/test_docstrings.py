"""Docstrings of Captum's names say what the docstrings of methods and problems say."""

from __future__ import annotations

from pathlib import Path

import pytest

from house import docstrings


@pytest.mark.parametrize("path", docstrings.FILES, ids=lambda path: path.name)
def test_docstrings_are_what_their_sources_say(path: Path):
    assert path.read_text() == docstrings.written(path), "Hint: python tests/house/docstrings.py"


def test_types_of_arguments_are_shown_whole():
    saying = docstrings.arguments(docstrings.attr.Saliency.attribute.__doc__)
    assert saying["target"].startswith("What is explained, of an output of shape (B, ...) for B examples: * `None`:")
    assert "][" not in str(docstrings.attr.LayerDeepLift.attribute.__doc__)
