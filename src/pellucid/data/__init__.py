"""What users have: mappings, frames, arrays, texts and images as the tensors of the engine, and back."""

from pellucid.data.arrangement import Arrangement, Reading
from pellucid.data.estimators import is_estimator
from pellucid.data.options import DATA_OPTIONS, DataOptions
from pellucid.data.words import TextUnits, aggregate, word_mask

__all__ = [
    "DATA_OPTIONS",
    "Arrangement",
    "DataOptions",
    "Reading",
    "TextUnits",
    "aggregate",
    "is_estimator",
    "word_mask",
]
