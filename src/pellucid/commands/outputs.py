"""What `--out` writes, by the suffix of the file."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, final

from pellucid.commands.names import PLOTS
from pellucid.commands.usage import UsageError, not_among
from pellucid.files import whole_files

if TYPE_CHECKING:
    from pellucid.explanation import Comparison, Explanation
    from pellucid.plot.charts.base import Chart


@final
@dataclass(frozen=True)
class Results:
    """What was computed, and what is said of it in files.

    Args:
        explanation: It, or several.
        code: The Python that computes the same.
        plot: The name of the picture; "" for the one that suits.
    """

    explanation: Explanation | Comparison
    code: str = ""
    plot: str = ""

    @property
    def several(self) -> list[Explanation]:
        """All explanations."""
        return list(self.explanation.values()) if isinstance(self.explanation, Mapping) else [self.explanation]

    def chart(self) -> Chart:
        """The picture."""
        return getattr(self.explanation.plot, self.plot)() if self.plot else self.explanation.plot()

    def as_json(self) -> Any:
        """What JSON says of it: of several, a list."""
        listed = [one.to_dict() for one in self.several]
        return listed if isinstance(self.explanation, Mapping) else listed[0]


Writer: TypeAlias = Callable[[Results, Path], None]


def write_csv(results: Results, path: Path) -> None:
    """A row for each feature of each example; of several explanations, with the method before it.

    Args:
        results: What is written.
        path: Where to.
    """
    if not isinstance(results.explanation, Mapping):
        results.explanation.to_csv(path)
        return
    tables = [(one.method, list(csv.reader(io.StringIO(one.to_csv() or "")))) for one in results.several]
    heads = list(dict.fromkeys(name for _, (head, *_) in tables for name in head))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["method", *heads], restval="", lineterminator="\n")
        writer.writeheader()
        for method, (head, *rows) in tables:
            writer.writerows({"method": method, **dict(zip(head, row, strict=True))} for row in rows)


def write_parquet(results: Results, path: Path) -> None:
    """The table of `write_csv` as parquet.

    Args:
        results: What is written.
        path: Where to.
    """
    import pandas

    frames = [one.to_frame() for one in results.several]
    if isinstance(results.explanation, Mapping):
        for frame, one in zip(frames, results.several, strict=True):
            frame.insert(0, "method", one.method)
    table = pandas.concat(frames, ignore_index=True)
    mixed = [name for name in table.columns if table[name].map(type).nunique() > 1]  # of numbers and words
    table.astype(dict.fromkeys(mixed, str)).to_parquet(path, index=False)


def write_json(results: Results, path: Path) -> None:
    """All that a reader wants as JSON.

    Args:
        results: What is written.
        path: Where to.
    """
    path.write_text(json.dumps(results.as_json(), indent=2) + "\n", encoding="utf-8")


def write_file(results: Results, path: Path) -> None:
    """The file that `pellucid.load` reads.

    Args:
        results: What is written.
        path: Where to.
    """
    results.explanation.save(path)


def write_picture(results: Results, path: Path) -> None:
    """A picture.

    Args:
        results: What is drawn.
        path: Where to.
    """
    results.chart().save(path)


def write_page(results: Results, path: Path) -> None:
    """A page of HTML without scripts.

    Args:
        results: What is written.
        path: Where to.
    """
    from pellucid.pages import page_of

    path.write_text(page_of(results.explanation, code=results.code).html(), encoding="utf-8")


WRITERS: Mapping[str, tuple[Writer, str, str]] = {
    ".csv": (write_csv, "", ""),
    ".parquet": (write_parquet, "pyarrow", "pyarrow"),
    ".json": (write_json, "", ""),
    ".html": (write_page, "", ""),
    ".png": (write_picture, "matplotlib", '"pellucid[plot]"'),
    ".svg": (write_picture, "", ""),
    ".pdf": (write_picture, "matplotlib", '"pellucid[plot]"'),
    ".pellucid": (write_file, "safetensors", '"pellucid[files]"'),
}
"""What writes files of a suffix, the package that it takes, and what to install for that."""


def check_outputs(paths: Sequence[str], plot: str, *, several: bool) -> list[Path]:
    """The files that are to be written, before anybody waits for what is written into them.

    Args:
        paths: What `--out` says.
        plot: What `--plot` says.
        several: Whether there are several explanations.

    Raises:
        UsageError: One cannot be written.
        ModuleNotFoundError: What writes it is not installed.
    """
    files = list(map(Path, paths))
    for file in files:
        _check_output(file)
    if len(set(files)) < len(files):
        raise UsageError(f"--out must be different files: got {', '.join(paths)}.")
    if plot and plot not in PLOTS:
        raise not_among("--plot", PLOTS, plot)
    if plot and several:
        raise UsageError(f"--plot {plot} is of one explanation: got several methods or targets.")
    if plot and not any(WRITERS[file.suffix.lower()][0] is write_picture for file in files):
        raise UsageError(f"--plot {plot} is of pictures. Hint: --out {plot}.svg.")
    return files


def _check_output(file: Path) -> None:
    if file.suffix.lower() not in WRITERS:
        raise UsageError(f"--out must end in {', '.join(WRITERS)}: got {str(file)!r}.")
    if file.is_dir():
        raise UsageError(f"--out {file} is a folder.")
    if not file.parent.is_dir():
        raise UsageError(f"--out {file}: there is no folder {file.parent}. Hint: mkdir -p {file.parent}.")
    if not os.access(file.parent, os.W_OK):
        raise UsageError(f"--out {file}: the folder {file.parent} cannot be written into.")
    _, package, extra = WRITERS[file.suffix.lower()]
    if package and find_spec(package) is None:
        raise ModuleNotFoundError(f"--out {file} takes {package}: pip install {extra}", name=package)


def write_all(results: Results, files: Sequence[Path]) -> None:
    """Write files, all of them or none.

    Args:
        results: What is written.
        files: Where to.

    Raises:
        OSError: One cannot be written, as of a full disk.
    """
    with whole_files() as temporary:
        for file in files:
            try:
                WRITERS[file.suffix.lower()][0](results, temporary(file))
            except OSError as error:
                raise OSError(error.errno, f"{error.strerror}: nothing was written", str(file)) from error
