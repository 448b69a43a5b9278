"""Data frames as tensors, and back: columns are features, and keep their names."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.summaries import Summarized
from pellucid.core.tensors import array_of, format_names
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
        codes: The number that stands for each value of each column that holds no numbers. Values of baselines that the
            frame lacks get numbers as they come, where the type of the column admits them.
    """

    frame: Frame
    codes: dict[Any, dict[Any, int]]

    @classmethod
    def of(cls, frame: Frame, *, codes: bool) -> FrameLayout:
        """The layout of a frame.

        Args:
            frame: The frame.
            codes: Whether columns that hold no numbers become codes, for models that take frames.

        Raises:
            InvalidArgument: Columns lack, or share a name, or one holds no numbers and may not become codes.
        """
        if not len(frame.columns):
            raise InvalidArgument(f"inputs must have columns: got a frame of {frame.shape}.")
        again = frame.columns[frame.columns.duplicated()]
        if len(again):
            raise InvalidArgument(
                f"inputs must have columns of different names: got {format_names(dict.fromkeys(again))} more than once."
            )
        frame = frame.infer_objects()
        wordy = {name: frame[name] for name in frame.columns if frame[name].dtype.kind not in "biuf"}
        if wordy and not codes:
            kinds = ", ".join(dict.fromkeys(str(column.dtype) for column in wordy.values()))
            raise InvalidArgument(
                f"inputs must be a frame of numbers: the columns {format_names(wordy)} hold {kinds}. "
                "Hint: pandas.get_dummies(inputs, dtype=float), or inputs.drop(columns=...)."
            )
        return cls(frame, {name: _codes_of_type(column) for name, column in wordy.items()})

    def numbers(self, rows: Any, *, name: str = "inputs", coded: bool = True) -> Tensor:
        """Rows of these columns as a tensor (rows, columns), of integers where all are.

        Args:
            rows: A frame, or a series or mapping of one row by column.
            name: The argument that they are.
            coded: Whether values of columns that hold no numbers become their codes, and are not numbers already.

        Raises:
            InvalidArgument: A column is missing, holds a value that it cannot, or as many as no other.
        """
        by_column = rows if is_frame(rows) or isinstance(rows, Mapping) else dict(rows)
        missing = dict.fromkeys(column for column in self.frame.columns if column not in by_column)
        if missing:
            raise InvalidArgument(f"{name} must have all columns of inputs: {format_names(missing)} missing.")
        columns = [
            self._coded(column, by_column[column], name)
            if coded and column in self.codes
            else _as_numbers(column, by_column[column], name)
            for column in self.frame.columns
        ]
        if len({len(values) for values in columns} - {1}) > 1:
            raise InvalidArgument(f"{name} must have one value, or as many, in each column.")
        array = np.stack(np.broadcast_arrays(*columns), axis=1)
        return torch.from_numpy(array if array.dtype.kind in "bi" else array.astype(np.float64))

    def _coded(self, column: Any, values: Any, name: str) -> Any:
        """The codes of a column's values; missing ones have codes, too."""
        codes = self.codes[column]
        given = [_one_nan(value) for value in np.atleast_1d(np.asarray(values, dtype=object))]
        unhashable = next((value for value in given if not isinstance(value, Hashable)), None)
        if unhashable is not None:
            kind = type(unhashable).__name__
            raise InvalidArgument(f"{name} must hold numbers or words in column {column!r}: got {kind}.")
        typed = self.frame[column].dtype.name == "category"
        if typed and name != "inputs" and not codes.keys() >= set(given) - {np.nan}:
            raise InvalidArgument(
                f"{name} must be of the categories of inputs in column {column!r}: got another. "
                f"Hint: inputs[{column!r}].cat.add_categories(...)."
            )
        return np.array([codes.setdefault(value, len(codes)) for value in given])

    def frame_of(self, numbers: Tensor) -> Frame:
        """A frame of the same columns, of numbers (rows, columns): what a model of frames takes."""
        values = numbers.detach().cpu().double().numpy()
        columns = {name: self._values(name, values[:, position]) for position, name in enumerate(self.frame.columns)}
        frame = type(self.frame)(columns).astype({name: self.frame[name].dtype for name in self.codes})
        frame.columns = self.frame.columns
        return frame

    def _values(self, column: Any, numbers: Any) -> Any:
        """A column's values: as they were before they became numbers, where nothing is lost."""
        if column not in self.codes:
            with np.errstate(invalid="ignore"):  # NaN among integers
                exact = numbers.astype(self.frame[column].to_numpy().dtype)
            return exact if (exact == numbers).all() else numbers
        known = np.empty(len(self.codes[column]), dtype=object)
        known[:] = list(self.codes[column])
        return known[np.clip(np.rint(numbers).astype(int), 0, len(known) - 1)]

    def restored(self, values: Tensor) -> Any:
        """Attributions (rows, columns) as a frame of the same names; of more dimensions as an array."""
        array = array_of(values)
        if array.shape != self.frame.shape:
            return array
        return type(self.frame)(array, index=self.frame.index, columns=self.frame.columns)


def _codes_of_type(column: Any) -> dict[Any, int]:
    """The codes of all values that a column's type admits; none where it admits any."""
    categories = column.cat.categories if column.dtype.name == "category" else ()
    return {value: code for code, value in enumerate(categories)}


def _as_numbers(column: Any, values: Any, name: str) -> Any:
    """A column's values, which are numbers."""
    array = np.atleast_1d(np.asarray(values))
    array = np.array(array.tolist()) if array.dtype == object else array
    if array.dtype.kind not in "biuf":
        raise InvalidArgument(f"{name} must hold numbers in column {column!r}: got {array.dtype}.")
    return array


def _one_nan(value: Any) -> Any:
    """The same object for every NaN, which is equal to no other."""
    return np.nan if isinstance(value, float) and value != value else value
