import gc

import pytest
import torch

from pellucid.core.evaluation.row_independence import RowIndependenceCheck

collect_ignore = ["clients"]  # `make test-clients` runs it, where the clients are installed

# The models are tiny, and two workers on two cores that wait for each other's threads take many times as long.
torch.set_num_threads(1)


@pytest.fixture
def without_row_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes every model's rows to be independent, for tests that count; laws/test_row_dependence has the others."""
    monkeypatch.setattr(RowIndependenceCheck, "of", lambda *_: None)


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over what tens of thousands of collected tests hold, for as long as they run."""
    gc.collect()
    gc.freeze()
