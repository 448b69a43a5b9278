"""Methods compared by metrics."""

from pellucid.metrics.comparing.compare import compare
from pellucid.metrics.comparing.method_comparison import Entry, MethodComparison

__all__ = ["Entry", "MethodComparison", "compare"]
