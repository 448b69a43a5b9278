"""What users have: mappings, frames, arrays, texts and images as the tensors of the engine, and back."""

from pellucid.data.arrangement import Arrangement, Reading
from pellucid.data.estimators import is_estimator

__all__ = ["Arrangement", "Reading", "is_estimator"]
