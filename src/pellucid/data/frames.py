"""Data frames as tensors, and back: columns are features, and keep their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.summaries import Summarized
from pellucid.core.tensors import format_names
from pellucid.errors import InvalidArgument

Frame: TypeAlias = Any
"""A `pandas.DataFrame`; pandas is not needed by those who have none."""


def is_frame(value: object) -> bool:
    """Whether a value is a data frame of pandas."""
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "columns")


def is_series(value: object) -> bool:
    """Whether a value is a series of pandas, such as the means of columns."""
    return type(value).__module__.partition(".")[0] == "pandas" and not hasattr(value, "columns")


@final
@dataclass(frozen=True, eq=False)
class FrameLayout(Summarized):
    """The columns of a frame, and what its rows are called.

    Args:
        frame: The frame.
        categories: The values of each column that holds no numbers, whose numbers are their codes.
    """

    frame: Frame
    categories: dict[Any, Any]

    @classmethod
    def of(cls, frame: Frame, *, codes: bool) -> FrameLayout:
        """The layout of a frame.

        Args:
            frame: The frame.
            codes: Whether columns that hold no numbers become codes, for models that take frames.

        Raises:
            InvalidArgument: A column holds no numbers, and may not become codes.
        """
        wordy = [name for name in frame.columns if not _is_numeric(frame[name])]
        if wordy and not codes:
            names = format_names(dict.fromkeys(wordy))
            raise InvalidArgument(
                f"inputs must be a frame of numbers: the columns {names} hold {frame[wordy[0]].dtype}. "
                "Hint: pandas.get_dummies(inputs, dtype=float), or inputs.drop(columns=...)."
            )
        return cls(frame, {name: frame[name].astype("category").cat for name in wordy})

    def numbers(self, rows: Any, *, name: str = "inputs") -> Tensor:
        """Rows of these columns as a tensor (rows, columns): a frame, or a series or mapping of one row by column.

        Raises:
            InvalidArgument: A column is missing, or holds a value that the frame has not.
        """
        by_column = rows if is_frame(rows) or isinstance(rows, Mapping) else dict(rows)
        names = list(self.frame.columns)
        missing = dict.fromkeys(column for column in names if column not in by_column)
        if missing:
            raise InvalidArgument(f"{name} must have all columns of inputs: {format_names(missing)} missing.")
        columns = [np.atleast_1d(np.asarray(self._codes(column, by_column[column], name))) for column in names]
        return torch.from_numpy(np.stack([column.astype(np.float64) for column in columns], axis=1))

    def _codes(self, column: Any, values: Any, name: str) -> Any:
        if column not in self.categories:
            return values
        known = self.categories[column].categories
        codes = known.get_indexer(np.atleast_1d(np.asarray(values, dtype=object)))
        if (codes < 0).any() and name != "inputs":
            raise InvalidArgument(f"{name} must hold values of inputs in column {column!r}: got another.")
        return codes

    def frame_of(self, numbers: Tensor) -> Frame:
        """A frame of the same columns, of numbers (rows, columns): what a model of frames takes."""
        values = numbers.detach().cpu().double().numpy()
        columns = {name: self._values(name, values[:, position]) for position, name in enumerate(self.frame.columns)}
        return type(self.frame)(columns).astype({name: self.frame[name].dtype for name in self.categories})

    def _values(self, column: Any, numbers: Any) -> Any:
        if column not in self.categories:
            return numbers
        known = self.categories[column].categories.to_numpy()
        return known[np.clip(np.rint(numbers).astype(int), 0, len(known) - 1)]

    def restored(self, values: Tensor) -> Any:
        """Attributions (rows, columns) as a frame of the same names; of more dimensions as an array."""
        array = values.detach().cpu().numpy()
        if array.shape != self.frame.shape:
            return array
        return type(self.frame)(array, index=self.frame.index, columns=self.frame.columns)


def _is_numeric(column: Any) -> bool:
    return column.dtype.kind in "biuf"
