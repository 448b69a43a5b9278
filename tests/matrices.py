"""Large matrices of arguments, of which the quick suite takes a part."""

from collections.abc import Iterable
from typing import Any

import pytest


def in_turn(rows: Iterable[Any], columns: Iterable[Any], *, quick: int) -> list[Any]:
    """Every row with every column, for `pytest.mark.parametrize`; tuples are several arguments.

    Args:
        rows: What comes first.
        columns: What comes after.
        quick: With how many columns each row is outside the large matrices. The next row begins with the next column,
            so that the quick suite meets all rows and all columns.
    """
    every = [*columns]
    return [
        pytest.param(
            *(row if isinstance(row, tuple) else (row,)),
            *(column if isinstance(column, tuple) else (column,)),
            marks=[] if (turn - number) % len(every) < quick else [pytest.mark.large],
        )
        for number, row in enumerate(rows)
        for turn, column in enumerate(every)
    ]
