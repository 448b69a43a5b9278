"""`pellucid explain`, `pellucid methods` and `pellucid layers`."""

from pathlib import Path


def written(folder: Path) -> list[str]:
    """The names of all files in a folder, also hidden ones."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())
