"""Models in training mode, of which users are told: for tests that have them on purpose."""

import pytest

in_training_mode = pytest.mark.filterwarnings("ignore:.* in training mode:pellucid.errors.PellucidWarning")
